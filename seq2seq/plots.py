"""Pictures of a run, as PNG and SVG: how it was trained, where it errs, what it looks at."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import matplotlib
import numpy as np
from matplotlib.figure import Figure

from data.codec import PAD
from data.errors import UserError
from data.loader import TokenTable, load_manifest, load_tokens
from data.permutation import Permutation, derive_seed
from seq2seq import figures
from seq2seq.dataset_splits import choose_test_split, choose_validation_split
from seq2seq.decoding import GreedyDecoder
from seq2seq.membership import read_question
from seq2seq.metrics import exact_matches
from seq2seq.models.base import EquationModel
from seq2seq.run_directory import RunDirectory
from seq2seq.trained_model import TrainedModel, load_trained_model

# Enough to see a pattern, few enough for every model to answer within seconds.
_MAX_EXAMPLES = 20_000
_MIN_QUESTIONS_TO_COMPILE = 4_000
_TWO_OPERANDS = re.compile(r"(-?[0-9.]+) ?([-+*/]) ?(-?[0-9.]+)")
_RESOLUTION = 150  # dots per inch of a PNG
# Signs that a font shows badly or not at all.
_WORDS = {" ": "␣", "∎": "end", "□": "pad", "▷": "start"}
# Without dates and random names, the same run gives the same bytes.
_SETTINGS: dict[Any, Any] = {"svg.hashsalt": "eqstream", "axes.titlesize": "medium", "figure.titlesize": "medium"}
_NO_METADATA = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}


def plot(run_directory: str | Path, *, out: str | Path | None = None, question: str | None = None) -> list[Path]:
    """Returns the files of the pictures that it has drawn, a PNG and an SVG of each.

    Always: learning curves, error histogram and accuracy by position; for equations of two operands, the map of errors
    in their plane and exact match by their lengths; for a `question`, what of attention and activations the model has.
    Deterministic in run and dataset.

    Args:
        run_directory: of a training.
        out: where the pictures go; None for the run's own folder `plots`.
        question: natural text.

    Raises:
        UserError: the run or its dataset is not as it must be, the question is none of the model's space, or the model
            has nothing to show for a question.
    """
    trained = load_trained_model(run_directory)
    rows = _read_log(trained.run)
    pictures: dict[str, Figure] = {}
    with matplotlib.rc_context(_SETTINGS):
        if question is not None:
            pictures.update(_draw_question(trained, question))
        pictures["learning-curves"] = figures.draw_learning_curves(f"training of {_name(trained)}", rows)
        pictures.update(_draw_errors(trained))
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


def _draw_errors(trained: TrainedModel) -> dict[str, Figure]:
    directory, codec = trained.description["data_directory"], trained.codec
    manifest = load_manifest(directory)
    training = trained.sections.training
    validation = choose_validation_split(manifest, training.validation_split, training.train_split)
    split = choose_test_split(manifest, training.test_split, training.train_split, validation)
    whole = load_tokens(directory, split, codec, manifest=manifest)
    table = _take_some(whole)
    decoder = GreedyDecoder(trained.model, jit_compile=len(table) >= _MIN_QUESTIONS_TO_COMPILE)
    tokens = decoder.decode(table.questions).tokens
    is_right = exact_matches(tokens, table.answers)
    answers, expected = codec.decode_predictions(tokens), codec.decode_answers(table.answers)
    source = f"split {split}" if len(table) == len(whole) else f"sample of {len(whole):,} in split {split}"
    about = f"{_name(trained)}\n{is_right.sum():,} of {len(table):,} right ({source})"
    wrong = np.flatnonzero(~is_right)
    errors = np.array([_error(answers[row], expected[row]) for row in wrong])
    pictures = {
        "errors": figures.draw_error_histogram(f"size of errors\n{about}", errors),
        "positions": figures.draw_position_accuracy(
            f"right characters by place\n{about}", *_count_places(answers, expected)
        ),
    }
    pairs = [_TWO_OPERANDS.fullmatch(question) for question in codec.decode_questions(table.questions)]
    if all(pairs):
        texts = [match.group(1, 3) for match in pairs if match]
        operators = [match[2] for match in pairs if match]
        lengths = np.array([[len(text.partition(".")[0].lstrip("-")) for text in pair] for pair in texts])
        pictures["error-map"] = figures.draw_error_map(
            f"right and wrong answers\n{about}", np.array(texts, float), is_right, operators
        )
        pictures["length-map"] = figures.draw_length_map(
            f"right answers by length of the operands\n{about}", lengths, is_right
        )
    return pictures


def _take_some(table: TokenTable) -> TokenTable:
    """Returns the examples, or a sample that is always the same one."""
    if len(table) <= _MAX_EXAMPLES:
        return table
    chosen = Permutation(len(table), derive_seed(0, "plots")).forward(np.arange(_MAX_EXAMPLES))
    return table.take(chosen)


def _error(answer: str, expected: str) -> float:
    """Returns by how much an answer is wrong; NaN if it is no number."""
    values = []
    for text in (answer, expected):
        numerator, _, denominator = text.partition("/")
        try:
            values.append(float(numerator) / float(denominator or 1))
        except (ValueError, ZeroDivisionError):
            return float("nan")
    return values[0] - values[1]


def _count_places(answers: list[str], expected: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Returns for each place from the right the share of right characters and the number of answers that have it."""
    num_places = max(map(len, expected))
    rights, totals = np.zeros(num_places), np.zeros(num_places, int)
    for answer, truth in zip(answers, expected, strict=True):
        totals[: len(truth)] += 1
        for place, (given, right) in enumerate(zip(reversed(answer), reversed(truth), strict=False)):
            rights[place] += given == right
    return rights / totals, totals


def _draw_question(trained: TrainedModel, text: str) -> dict[str, Figure]:
    model, codec = trained.model, trained.codec
    if type(model).inspect is EquationModel.inspect:
        raise UserError(
            f"a model of kind `{trained.sections.model.kind}` has neither attention nor activations to plot"
        )
    known = read_question(text, trained.recipe.space)
    question = codec.encode_questions([known.question])
    answer = GreedyDecoder(model, batch_size=1, jit_compile=False).decode(question).tokens
    inside = model.inspect(question.astype(np.int32), answer.astype(np.int32))
    seen = {name: keras.ops.convert_to_numpy(value)[0] for name, value in inside.items()}
    is_token = question[0] != PAD
    asked = [_WORDS.get(sign, sign) for sign in codec.describe_tokens(question[0][is_token])]
    written = [_WORDS.get(sign, sign) for sign in codec.describe_tokens(answer[0])]
    title = f"{known.question} = {codec.decode_predictions(answer)[0]}"
    if codec.decode_predictions(answer)[0] != known.answer:
        title += f"\nwrong: {known.answer} is right"
    pictures = {}
    if "attention" in seen:
        shares = seen["attention"][: len(written), is_token]
        pictures["attention"] = figures.draw_attention(f"attention: {title}", shares, asked, written)
    pictures["activations"] = figures.draw_activations(f"activations: {title}", seen["activations"][is_token], asked)
    return pictures
