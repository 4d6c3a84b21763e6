"""Examples answered greedily, block by block, and counted into one evaluation report."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from eqstream.data.dataset.manifest import Manifest
from eqstream.data.formats.columns import EquationColumns
from eqstream.seq2seq.analysis.breakdown import TableTally
from eqstream.seq2seq.analysis.edge_suite import count_commuting, evaluate_edge_cases
from eqstream.seq2seq.analysis.errors import MistakeTally, WrongAnswer
from eqstream.seq2seq.analysis.examples import Examples
from eqstream.seq2seq.analysis.report import (
    BY_DECODING,
    BY_ROUNDING,
    CommutingCount,
    EvaluationReport,
    wilson_interval,
)
from eqstream.seq2seq.metrics import exact_matches
from eqstream.seq2seq.models.decoding import GreedyDecoder, estimate_answers
from eqstream.seq2seq.runs.trained_model import TrainedModel

_MIN_QUESTIONS_TO_COMPILE = 4_000
_BATCH_SIZE = 4096


@dataclass(frozen=True, kw_only=True, eq=False)
class AnsweredBlock:
    """Examples and what a model answers.

    Attributes:
        examples: the equations.
        questions: their tokens, uint8 (num_examples, question_width).
        tokens: of the model's answers, uint8 (num_examples, answer_width).
        is_right: bool (num_examples,).
        wrong: the examples that are answered wrongly, in order.
    """

    examples: EquationColumns
    questions: np.ndarray
    tokens: np.ndarray
    is_right: np.ndarray
    wrong: tuple[WrongAnswer, ...]


def make_decoder(trained: TrainedModel, num_questions: int) -> GreedyDecoder:
    """Returns a decoder that is compiled if that pays for so many questions."""
    return GreedyDecoder(trained.model, batch_size=_BATCH_SIZE, jit_compile=num_questions >= _MIN_QUESTIONS_TO_COMPILE)


def evaluate_examples(
    trained: TrainedModel,
    decoder: GreedyDecoder,
    *,
    manifest: Manifest,
    examples: Examples,
    limit: int | None = None,
    on_batch: Callable[[int], None] | None = None,
    on_block: Callable[[AnsweredBlock], object] = lambda block: None,
) -> EvaluationReport:
    """Returns the report on examples and on the edge cases of the model's space.

    Args:
        trained: the model.
        decoder: of the model.
        manifest: of the dataset that the examples are from.
        examples: in order.
        limit: at most so many of them, the first ones.
        on_batch: called with the number of examples of each batch when it is answered.
        on_block: called with each block when it is counted.

    Raises:
        UserError: the dataset is damaged.
    """
    tables, mistakes, num_right, squares = TableTally(trained.recipe.space), MistakeTally(), 0, 0.0
    commuting: CommutingCount | None = None
    for number, examples_of_block in enumerate(examples.blocks(limit)):
        block = _answer_block(trained, decoder, examples_of_block, on_batch)
        if number == 0:
            commuting = count_commuting(trained.codec, decoder, block.examples, block.tokens, block.is_right)
        tables.add(block.examples, block.is_right)
        mistakes.add(block.examples.answer.lengths, block.wrong)
        num_right += int(block.is_right.sum())
        squares += _sum_squares(trained, block)
        on_block(block)
    total = mistakes.num_examples
    is_sample = examples.is_sample or total < examples.total
    is_regression = trained.model.writes_numbers
    return EvaluationReport(
        run=str(trained.run.path),
        model_sha256=_sha256_of_model(trained),
        data=f"{manifest.name} {manifest.version}",
        split=examples.name,
        name=_name_report(trained, manifest, examples, total),
        about=examples.about if total == examples.total else f"the first {total:,} of {examples.about}",
        decoded_by=BY_ROUNDING if is_regression else BY_DECODING,
        num_examples=total,
        num_right=num_right,
        interval=wilson_interval(num_right, total) if is_sample else None,
        rmse=mistakes.rmse,
        rmse_unrounded=math.sqrt(squares / total) if is_regression else None,
        num_unreadable=mistakes.num_unreadable,
        tables=tables.tables(),
        places=mistakes.places(),
        errors=mistakes.errors(),
        wrong_characters=mistakes.wrong_characters(),
        edge_cases=evaluate_edge_cases(trained, decoder),
        commuting=commuting,
        worst=mistakes.worst(),
    )


def _answer_block(
    trained: TrainedModel, decoder: GreedyDecoder, block: EquationColumns, on_batch: Callable[[int], None] | None
) -> AnsweredBlock:
    codec = trained.codec
    questions, expected = codec.encode_questions(block.question), codec.encode_answers(block.answer)
    tokens = decoder.decode(questions, on_batch).tokens
    is_right = exact_matches(tokens, expected)
    rows = np.flatnonzero(~is_right).tolist()
    wrong = tuple(
        WrongAnswer(question=block.question.text(row), predicted=predicted, expected=block.answer.text(row))
        for row, predicted in zip(rows, codec.decode_predictions(tokens[rows]), strict=True)
    )
    return AnsweredBlock(examples=block, questions=questions, tokens=tokens, is_right=is_right, wrong=wrong)


def _sum_squares(trained: TrainedModel, block: AnsweredBlock) -> float:
    """Returns the sum of squared errors of a regression before it is rounded, in units of the answer; else 0."""
    if not trained.model.writes_numbers:
        return 0.0
    expected = np.array(block.examples.answer.to_texts(), np.float64)
    return float(np.square(estimate_answers(trained.model, block.questions, _BATCH_SIZE) - expected).sum())


def _sha256_of_model(trained: TrainedModel) -> str:
    with trained.run.model_keras.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _name_report(trained: TrainedModel, manifest: Manifest, examples: Examples, total: int) -> str:
    is_own = manifest.fingerprint == trained.description["data_fingerprint"]
    other = "" if is_own else f"{manifest.name}-{manifest.version}-"
    return other + examples.name + ("" if total == examples.total else f"-first-{total}")
