"""Pictures of a run, as PNG and SVG: how it was trained, where it errs, what it looks at."""

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import matplotlib
import numpy as np
from matplotlib.figure import Figure

from eqstream.data.errors import UserError
from eqstream.data.loading.codec import PAD
from eqstream.data.loading.shard_batches import TokenTable, load_manifest, load_tokens
from eqstream.data.permutation import Permutation, derive_seed
from eqstream.data.recipe import Recipe
from eqstream.data.reference.membership import read_question
from eqstream.seq2seq.analysis.errors import MistakeTally, WrongAnswer
from eqstream.seq2seq.figures import learning_curves, maps
from eqstream.seq2seq.metrics import exact_matches
from eqstream.seq2seq.models.base import EquationModel
from eqstream.seq2seq.models.decoding import GreedyDecoder
from eqstream.seq2seq.runs.compatibility import check_fits
from eqstream.seq2seq.runs.run_directory import RunDirectory
from eqstream.seq2seq.runs.split_roles import roles_of_run
from eqstream.seq2seq.runs.trained_model import TrainedModel, load_trained_model

# Enough to see a pattern, few enough for every model to answer within seconds.
_MAX_EXAMPLES = 100_000
_MIN_QUESTIONS_TO_COMPILE = 4_000
_TWO_OPERANDS = re.compile(r"(-?[0-9.]+) ?([-+*/]) ?(-?[0-9.]+)")
_RESOLUTION = 150  # dots per inch of a PNG
# Signs that a font shows badly or not at all.
_WORDS = {" ": "␣", "∎": "end", "□": "pad", "▷": "start"}
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
    report: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """Returns the files of the pictures that it has drawn, a PNG and an SVG of each.

    Always: learning curves, error histogram and accuracy by position; for equations of two operands, the map of errors
    in their plane and exact match by their lengths, a panel for each operator; for a `question`, what of attention and
    activations the model has.
    Deterministic in run and dataset.

    Args:
        run_directory: of a training.
        out: where the pictures go; None for the run's own folder `plots`.
        data_directory: the dataset; None for the one that the model was trained on, where it was then.
        question: natural text.
        split: whose examples are judged; None for the recipe's `test_split`, or the usual one.
        limit: judge a sample of so many examples at most; None for 100,000.
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
        pictures.update(_draw_errors(trained, data_directory, split, limit, report))
        directory = Path(out) if out is not None else trained.run.path / "plots"
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
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, figure in pictures.items():
            for kind, metadata in _NO_METADATA.items():
                path = directory / f"{name}.{kind}"
                figure.savefig(path, format=kind, dpi=_RESOLUTION, metadata=metadata)
                yield path
    except OSError as error:
        raise UserError(f"{directory} cannot be written: {error.strerror}") from error


def _draw_errors(
    trained: TrainedModel,
    directory: str | Path | None,
    split: str | None,
    limit: int | None,
    report: Callable[[str], None],
) -> dict[str, Figure]:
    codec = trained.codec
    directory = directory or str(trained.description["data_directory"])
    manifest = load_manifest(directory)
    check_fits(trained.recipe.space, trained.codec, manifest)
    splits = Recipe.from_dict(manifest["recipe"]).splits
    split = roles_of_run(trained.description, splits, trained.sections.training, split).test
    if split is None:
        raise UserError(
            f"{directory} has no split besides the one that the model was trained on: choose it by `--split`"
        )
    whole = load_tokens(directory, split, codec, manifest=manifest)
    table = _take_some(whole, limit or _MAX_EXAMPLES)
    report(f"evaluating {len(table):,} examples of `{split}` ...")
    is_right, mistakes = _judge(trained, table)
    about = f"{_name(trained)}, split {split}"
    sample = f" (a sample of {len(whole):,})" if len(table) < len(whole) else ""
    counted = f"{is_right.sum():,} of {len(table):,} answers right{sample}"
    title = f"{about}\n{counted}"
    pictures = {
        "errors": learning_curves.draw_error_histogram(title, mistakes.errors(), mistakes.num_unreadable),
        "positions": learning_curves.draw_position_accuracy(title, mistakes.places()),
    }
    pairs = [_TWO_OPERANDS.fullmatch(question) for question in codec.decode_questions(table.questions)]
    rows = np.array([row for row, match in enumerate(pairs) if match], int)
    if len(rows):
        texts = [match.groups() for match in pairs if match]
        operands = np.array([[first, second] for first, _, second in texts], float)
        lengths = np.array([[_count_digits(first), _count_digits(second)] for first, _, second in texts])
        operators = [operator for _, operator, _ in texts]
        if len(rows) < len(table):
            title = (
                f"{about}, equations of two operands\n{is_right[rows].sum():,} of {len(rows):,} answers right{sample}"
            )
        pictures["error-map"] = maps.draw_error_map(title, operands, is_right[rows], operators)
        pictures["length-map"] = maps.draw_length_map(title, lengths, is_right[rows], operators)
    return pictures


def _judge(trained: TrainedModel, table: TokenTable) -> tuple[np.ndarray, MistakeTally]:
    """Returns which answers are right, bool (num_examples,), and what is wrong with the others."""
    codec = trained.codec
    decoder = GreedyDecoder(trained.model, jit_compile=len(table) >= _MIN_QUESTIONS_TO_COMPILE)
    tokens = decoder.decode(table.questions).tokens
    is_right = exact_matches(tokens, table.answers)
    expected = codec.decode_answers(table.answers)
    rows = np.flatnonzero(~is_right)
    wrong = [
        WrongAnswer(question=question, predicted=predicted, expected=expected[row])
        for row, question, predicted in zip(
            rows,
            codec.decode_questions(table.questions[rows]),
            codec.decode_predictions(tokens[rows]),
            strict=True,
        )
    ]
    mistakes = MistakeTally()
    mistakes.add(np.array([len(text) for text in expected]), wrong)
    return is_right, mistakes


def _take_some(table: TokenTable, limit: int) -> TokenTable:
    """Returns the examples, or a sample that is always the same one."""
    if len(table) <= limit:
        return table
    chosen = Permutation(len(table), derive_seed(0, "plots")).forward(np.arange(limit))
    return table.take(chosen)


def _count_digits(number: str) -> int:
    return len(number.partition(".")[0].lstrip("-"))


def _draw_question(trained: TrainedModel, text: str) -> dict[str, Figure]:
    model, codec = trained.model, trained.codec
    known = read_question(text, trained.recipe.space)
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
        pictures["attention"] = maps.draw_attention(f"where the model looks\n{title}", shares, asked, written)
    pictures["activations"] = maps.draw_activations(
        f"what the encoder makes of it\n{title}", seen["activations"][is_token], asked
    )
    return pictures
