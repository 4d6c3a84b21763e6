"""Pictures of a run, as PNG and SVG: how it was trained, where it errs, what it looks at."""

import contextlib
import csv
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import matplotlib
import numpy as np
from matplotlib.figure import Figure

from eqstream.data.dataset.manifest_file import load_manifest
from eqstream.data.errors import UserError
from eqstream.data.loading.token_alphabet import PAD
from eqstream.data.space_recipe import Operands
from eqstream.seq2seq.analysis.breakdown import OperandPairs, find_pairs
from eqstream.seq2seq.analysis.examples import choose_examples
from eqstream.seq2seq.analysis.model_evaluation import AnsweredBlock, evaluate_examples, make_decoder
from eqstream.seq2seq.figures import learning_curves, maps
from eqstream.seq2seq.figures.bars import draw_breakdown
from eqstream.seq2seq.models.base import EquationModel
from eqstream.seq2seq.models.decoding import GreedyDecoder
from eqstream.seq2seq.runs.compatibility import check_fits
from eqstream.seq2seq.runs.run_directory import RunDirectory
from eqstream.seq2seq.runs.trained_model import TrainedModel, load_trained_model

# Enough to see a pattern, few enough for every model to answer within seconds.
_MAX_EXAMPLES = 100_000
_MIN_PAIRS = 200
_RESOLUTION = 150  # dots per inch of a PNG
_MARGIN = 0.1  # inches
# Signs that a font shows badly or not at all.
_WORDS = {" ": "␣", "∎": "end", "□": "pad", "▷": "start"}
# What `inspect` shows of models with more than one attention.
_WHERE = {"transformer": "where the last block looks, mean of its heads"}
# Without dates and random names, the same run gives the same bytes.
_SETTINGS: dict[Any, Any] = {"svg.hashsalt": "eqstream", "axes.titlesize": "medium", "figure.titlesize": "medium"}
_NO_METADATA = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}


def plot(
    run_directory: str | Path,
    *,
    out: str | Path | None = None,
    data_directory: str | Path | None = None,
    question: str | None = None,
    split: str | None = None,
    limit: int | None = None,
    report: Callable[[str], None] = lambda _line: None,
) -> list[Path]:
    """Returns the files of the pictures that it has drawn, a PNG and an SVG of each.

    Always: learning curves, error histogram and accuracy by position; exact match by carries, digits, operators and the
    like; for equations of two operands, if they are no small part, the map of errors in their plane and exact match by
    their lengths, a panel for each operator; for a `question`, what of attention and activations the model has.
    Deterministic in run and dataset.

    Args:
        run_directory: of a training.
        out: where the pictures go; None for the run's own folder `plots`.
        data_directory: the dataset; None for the one that the model was trained on, where it was then.
        question: natural text.
        split: whose examples; None for the recipe's `test_split`, or the usual one.
        limit: evaluate on so many examples at most, the first ones, which are a sample; None for 100,000.
        report: called with lines of progress, and if the model has nothing to show for a question.

    Raises:
        UserError: the run or its dataset is not as it must be, or the question is none of the model's space.
    """
    trained = load_trained_model(run_directory)
    rows = _read_log(trained.run)
    pictures: dict[str, Figure] = {}
    with matplotlib.rc_context(_SETTINGS):
        if question is not None and type(trained.model).inspect is EquationModel.inspect:
            kind = trained.sections.model.kind
            report(f"a model of kind `{kind}` has neither attention nor activations: these are left out")
        elif question is not None:
            pictures.update(_draw_question(trained, question))
        pictures["learning-curves"] = learning_curves.draw_learning_curves(
            f"training of {_name(trained)}", rows, _best_epoch(rows)
        )
        data = data_directory or trained.data_directory
        directory = Path(out) if out is not None else trained.run.path / "plots"
        with _writing(directory):
            directory.mkdir(parents=True, exist_ok=True)
        pictures.update(_draw_errors(trained, data, split=split, limit=limit or _MAX_EXAMPLES, report=report))
        return list(_save(directory, pictures))


def _name(trained: TrainedModel) -> str:
    return f"{trained.sections.model.kind} on {trained.recipe.name}"


def _read_log(run: RunDirectory) -> list[dict[str, float]]:
    try:
        with run.log_csv.open(encoding="utf-8", newline="") as file:
            rows = [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{run.log_csv} is missing or damaged: {error}") from error
    if not rows or any("epoch" not in row or row.keys() != rows[0].keys() for row in rows):
        raise UserError(f"{run.log_csv} is damaged: it must have a row of metrics for each epoch")
    return rows


def _best_epoch(rows: list[dict[str, float]]) -> float | None:
    """Returns the epoch whose weights were kept: the best exact match, of equal ones the lowest loss."""
    if not {"val_exact_match", "val_loss"} <= rows[0].keys():
        return None
    return max(rows, key=lambda row: (row["val_exact_match"], -row["val_loss"]))["epoch"]


def _save(directory: Path, pictures: dict[str, Figure]) -> Iterator[Path]:
    with _writing(directory):
        for name, figure in pictures.items():
            # Laid out and measured once for both files.
            figure.draw_without_rendering()
            figure.set_layout_engine("none")
            box = figure.get_tightbbox().padded(_MARGIN)
            for kind, metadata in _NO_METADATA.items():
                path = directory / f"{name}.{kind}"
                figure.savefig(path, format=kind, dpi=_RESOLUTION, metadata=metadata, bbox_inches=box)
                yield path


@contextlib.contextmanager
def _writing(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"{directory} cannot be written: {error.strerror}") from error


def _draw_errors(
    trained: TrainedModel,
    directory: str | Path,
    *,
    split: str | None,
    limit: int,
    report: Callable[[str], None],
) -> dict[str, Figure]:
    manifest = load_manifest(directory)
    check_fits(trained.spaces, trained.codec, manifest)
    examples = choose_examples(trained, directory, manifest, split=split, unseen=False)
    report(f"evaluating {min(limit, examples.total):,} examples of `{examples.name}` ...")
    points = _Points()
    evaluation = evaluate_examples(
        trained,
        make_decoder(trained, min(limit, examples.total)),
        manifest=manifest,
        examples=examples,
        limit=limit,
        on_block=points.add,
    )
    about = f"{_name(trained)}, split {examples.name}"
    title = f"{about}\n{_count(evaluation.num_right, evaluation.num_examples, examples.total)}"
    figures = {
        "errors": learning_curves.draw_error_histogram(title, evaluation.errors, evaluation.num_unreadable),
        "positions": learning_curves.draw_position_accuracy(title, evaluation.places),
    }
    # The map of lengths shows these.
    tables = {name: groups for name, groups in evaluation.tables.items() if name != "lengths"}
    breakdown = draw_breakdown(title, tables)
    if breakdown is not None:
        figures["exact-match"] = breakdown
    pairs, is_right = points.join()
    if len(is_right) < evaluation.num_examples:
        title = f"{about}, equations of two operands\n{_count(int(is_right.sum()), len(is_right), len(is_right))}"
    # A few among many show no pattern.
    if len(is_right) >= min(_MIN_PAIRS, evaluation.num_examples):
        figures |= _draw_pairs(title, pairs, is_right, limits=manifest.recipe.space.operands)
    return figures


def _draw_pairs(title: str, pairs: OperandPairs, is_right: np.ndarray, *, limits: Operands) -> dict[str, Figure]:
    operators, bounds = pairs.operators.tolist(), (limits.min, limits.max)
    return {
        "error-map": maps.draw_error_map(title, pairs.operands, is_right, operators=operators, bounds=bounds),
        "length-map": maps.draw_length_map(title, pairs.lengths, is_right, operators=operators),
    }


def _count(num_right: int, num_examples: int, total: int) -> str:
    sample = f" (the first of {total:,})" if num_examples < total else ""
    return f"{num_right:,} of {num_examples:,} answers right{sample}"


class _Points:
    """Gathers the equations of two operands, and which of them are answered right."""

    def __init__(self) -> None:
        self._blocks: list[tuple[OperandPairs, np.ndarray]] = []

    def add(self, block: AnsweredBlock) -> None:
        pairs = find_pairs(block.examples.question)
        self._blocks.append((pairs, block.is_right[pairs.rows]))

    def join(self) -> tuple[OperandPairs, np.ndarray]:
        """Returns all of them, and bool (num_pairs,); rows are those of their blocks."""
        columns = {
            field.name: np.concatenate([getattr(pairs, field.name) for pairs, _ in self._blocks])
            for field in dataclasses.fields(OperandPairs)
        }
        return OperandPairs(**columns), np.concatenate([is_right for _, is_right in self._blocks])


def _draw_question(trained: TrainedModel, text: str) -> dict[str, Figure]:
    model, codec = trained.model, trained.codec
    known = trained.read_question(text)
    question = codec.encode_questions([known.question])
    answer = GreedyDecoder(model, batch_size=1, jit_compile=False).decode(question).tokens
    inside = model.inspect(question.astype(np.int32), answer.astype(np.int32))
    seen = {name: keras.ops.convert_to_numpy(value)[0] for name, value in inside.items()}
    is_token = question[0] != PAD
    asked = [_WORDS.get(sign, sign) for sign in codec.describe_tokens(question[0][is_token])]
    written = [_WORDS.get(sign, sign) for sign in codec.describe_tokens(answer[0])]
    given = codec.decode_predictions(answer)[0]
    title = f"{known.question} = {given}" + ("" if given == known.answer else f" (expected {known.answer})")
    pictures = {}
    if "attention" in seen:
        shares = seen["attention"][: len(written), is_token]
        where = _WHERE.get(trained.sections.model.kind, "where the model looks")
        pictures["attention"] = maps.draw_attention(f"{where}\n{title}", shares, asked=asked, written=written)
    pictures["activations"] = maps.draw_activations(
        f"what the encoder makes of it\n{title}", seen["activations"][is_token], asked
    )
    return pictures
