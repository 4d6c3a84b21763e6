"""Examples answered greedily, block by block, and counted into one evaluation report."""

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from eqstream.data.dataset.manifest import Manifest
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.reference.explanation import JudgedLine
from eqstream.seq2seq.analysis.agreement import AgreementTally
from eqstream.seq2seq.analysis.breakdown import TableTally
from eqstream.seq2seq.analysis.edge_suite import count_commuting, evaluate_edge_cases
from eqstream.seq2seq.analysis.examples import Examples
from eqstream.seq2seq.analysis.report import EvaluationReport
from eqstream.seq2seq.analysis.report_contents import (
    BY_DECODING,
    BY_ROUNDING,
    CommutingCount,
    wilson_interval,
)
from eqstream.seq2seq.analysis.solution_lines import SolutionTally
from eqstream.seq2seq.analysis.wrong_answers import MistakeTally, WrongAnswer
from eqstream.seq2seq.models import solving_decoder
from eqstream.seq2seq.models.decoding import DecodedAnswers, Decoder, Vote, estimate_answers
from eqstream.seq2seq.models.line_writer import LINE_ORDERS
from eqstream.seq2seq.models.metrics import exact_matches
from eqstream.seq2seq.runs.trained_model import TrainedModel

_MIN_QUESTIONS_TO_COMPILE = 4_000


@dataclass(frozen=True, kw_only=True, eq=False)
class AnsweredBlock:
    """Examples and what a model answers.

    Attributes:
        examples: the equations.
        questions: their tokens, uint8 (num_examples, question_width).
        tokens: of the model's answers, uint8 (num_examples, answer_width).
        expected: tokens of the right answers, like `tokens`.
        is_right: bool (num_examples,).
        wrong: the examples that are answered wrongly, in order.
        votes: which order of each question its answer is from; none where they were asked as they are.
    """

    examples: EquationColumns
    questions: np.ndarray
    tokens: np.ndarray
    expected: np.ndarray
    is_right: np.ndarray
    wrong: tuple[WrongAnswer, ...]
    votes: tuple[Vote, ...]


def make_decoder(trained: TrainedModel, num_questions: int, *, orders: int = 1, greedy: bool = False) -> Decoder:
    """Returns a decoder that is compiled if that pays for so many questions, each asked in so many orders.

    With `greedy` no line of a solution is asked again.
    """
    decoder = solving_decoder.make_decoder(
        trained.model,
        trained.spaces,
        line_orders=1 if greedy else LINE_ORDERS,
        jit_compile=num_questions * orders >= _MIN_QUESTIONS_TO_COMPILE,
    )
    return trained.ask_in_orders(decoder, orders)


def evaluate_examples(
    trained: TrainedModel,
    decoder: Decoder,
    *,
    manifest: Manifest,
    examples: Examples,
    limit: int | None = None,
    orders: int = 1,
    greedy: bool = False,
    on_batch: Callable[[int], None] | None = None,
    on_block: Callable[[AnsweredBlock], object] = lambda _block: None,
) -> EvaluationReport:
    """Returns the report on examples and on the edge cases of the model's space.

    Args:
        trained: the model.
        decoder: of the model.
        manifest: of the dataset that the examples are from.
        examples: in order.
        limit: at most so many of them, the first ones.
        orders: in how many `decoder` asks each question.
        greedy: whether it asks no line again.
        on_batch: called with the number of examples of each batch when it is answered.
        on_block: called with each block when it is counted.

    Raises:
        UserError: the dataset is damaged.
    """
    solutions = None
    if trained.codec.options.steps:
        solutions = SolutionTally(manifest.recipe.space, factored=trained.factored)
    counts = _Counts(tables=TableTally(trained.recipe.space), solutions=solutions)
    _count(trained, decoder, examples.blocks(limit), counts=counts, on_batch=on_batch, on_block=on_block)
    mistakes, total, num_right = counts.mistakes, counts.mistakes.num_examples, counts.num_right
    is_sample = examples.is_sample or total < examples.total
    is_regression = trained.model.writes_numbers
    return EvaluationReport(
        run=str(trained.run.path),
        model_sha256=_sha256_of_model(trained),
        data=f"{manifest.name} {manifest.version}",
        split=examples.name,
        name=_name_report(trained, manifest, examples, total=total, orders=orders, greedy=greedy),
        about=examples.about if total == examples.total else f"the first {total:,} of {examples.about}",
        decoded_by=BY_ROUNDING if is_regression else _describe_decoding(trained, orders, greedy=greedy),
        orders=orders,
        num_examples=total,
        num_right=num_right,
        characters_right=None if is_regression else counts.num_right_tokens / (total * trained.codec.answer_width),
        interval=wilson_interval(num_right, total) if is_sample else None,
        rmse=mistakes.rmse,
        rmse_unrounded=math.sqrt(counts.sum_of_squares / total) if is_regression else None,
        num_unreadable=mistakes.num_unreadable,
        tables=counts.tables.tables() | counts.agreement.tables(),
        places=mistakes.places(),
        errors=mistakes.errors(),
        wrong_characters=mistakes.wrong_characters(),
        edge_cases=evaluate_edge_cases(trained, decoder),
        commuting=counts.commuting,
        worst=mistakes.worst(),
        solutions=None if solutions is None else solutions.counts(),
    )


@dataclass(kw_only=True, eq=False)
class _Counts:
    """What was counted of all blocks; `sum_of_squares` is 0 unless the model is a regression.

    `solutions` is None unless the model answers line by line. `num_right_tokens` is of answers, their ends and pads
    included.
    """

    tables: TableTally
    solutions: SolutionTally | None
    mistakes: MistakeTally = field(default_factory=MistakeTally)
    agreement: AgreementTally = field(default_factory=AgreementTally)
    num_right: int = 0
    num_right_tokens: int = 0
    sum_of_squares: float = 0.0
    commuting: CommutingCount | None = None

    def add(self, block: AnsweredBlock) -> None:
        """Counts a block, all but its squares and its commuted questions, for which the model is asked again."""
        self.tables.add(block.examples, block.is_right)
        self.mistakes.add(block.examples.answer.lengths, block.wrong)
        self.agreement.add(block.votes, block.is_right)
        self.num_right += int(block.is_right.sum())
        self.num_right_tokens += int((block.tokens == block.expected).sum())


def _count(
    trained: TrainedModel,
    decoder: Decoder,
    blocks: Iterator[EquationColumns],
    *,
    counts: _Counts,
    on_batch: Callable[[int], None] | None,
    on_block: Callable[[AnsweredBlock], object],
) -> None:
    for number, examples in enumerate(blocks):
        block = _answer(trained, decoder, examples, solutions=counts.solutions, on_batch=on_batch)
        if number == 0:
            # Enough for a share.
            counts.commuting = count_commuting(
                trained.codec, decoder, examples=examples, tokens=block.tokens, is_right=block.is_right
            )
        counts.add(block)
        counts.sum_of_squares += _sum_squares(trained, block)
        on_block(block)


def _answer(
    trained: TrainedModel,
    decoder: Decoder,
    examples: EquationColumns,
    *,
    solutions: SolutionTally | None,
    on_batch: Callable[[int], None] | None,
) -> AnsweredBlock:
    codec = trained.codec
    questions, expected = codec.encode_questions(examples.question), codec.encode_answers(examples.answer)
    decoded = decoder.decode(questions, on_batch)
    tokens = decoded.tokens
    is_right = exact_matches(tokens, expected)
    row_to_wrong_line = _judge(solutions, decoded, is_right) if solutions else {}
    rows = np.flatnonzero(~is_right).tolist()
    wrong = tuple(
        WrongAnswer(
            question=examples.question.text(row),
            predicted=predicted,
            expected=examples.answer.text(row),
            wrong_line=row_to_wrong_line.get(row),
        )
        for row, predicted in zip(rows, codec.decode_predictions(tokens[rows]), strict=True)
    )
    return AnsweredBlock(
        examples=examples,
        questions=questions,
        tokens=tokens,
        expected=expected,
        is_right=is_right,
        wrong=wrong,
        votes=tuple(decoded.votes or ()),
    )


def _judge(solutions: SolutionTally, decoded: DecodedAnswers, is_right: np.ndarray) -> dict[int, JudgedLine]:
    """Counts the lines behind the questions, and returns the first wrong one of each solution that has one, by row."""
    written = decoded.solutions or []
    columns = zip(written, decoded.reordered or [()] * len(written), is_right.tolist(), strict=True)
    found = [solutions.add(lines, is_right=right, reordered=reordered) for lines, reordered, right in columns]
    return {row: line for row, line in enumerate(found) if line is not None}


def _sum_squares(trained: TrainedModel, block: AnsweredBlock) -> float:
    """Returns the sum of squared errors of a regression before it is rounded, in units of the answer; else 0."""
    if not trained.model.writes_numbers:
        return 0.0
    expected = np.array(block.examples.answer.to_texts(), np.float64)
    return float(np.square(estimate_answers(trained.model, block.questions) - expected).sum())


def _describe_decoding(trained: TrainedModel, orders: int, *, greedy: bool) -> str:
    is_again = trained.codec.options.steps and not greedy and solving_decoder.asks_again(trained.spaces)
    again = f", doubtful lines in up to {LINE_ORDERS} orders" if is_again else ""
    return BY_DECODING + again + (f", the likeliest of up to {orders} orders of each question" if orders > 1 else "")


def _sha256_of_model(trained: TrainedModel) -> str:
    with trained.run.model_keras.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _name_report(
    trained: TrainedModel, manifest: Manifest, examples: Examples, *, total: int, orders: int, greedy: bool
) -> str:
    is_own = manifest.fingerprint == trained.description["data_fingerprint"]
    other = "" if is_own else f"{manifest.name}-{manifest.version}-"
    first = "" if total == examples.total else f"-first-{total}"
    return (
        other + examples.name + first + (f"-in-{orders}-orders" if orders > 1 else "") + ("-greedy" if greedy else "")
    )
