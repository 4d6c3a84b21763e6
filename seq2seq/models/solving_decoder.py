"""Models that are asked line by line, until a number is left."""

import re
from collections.abc import Callable, Sequence

import numpy as np

from eqstream.data.reference.evaluation import COMMUTATIVE
from eqstream.data.space_recipe import SpaceRecipe
from eqstream.seq2seq.models.base import EquationModel
from eqstream.seq2seq.models.decoding import BATCH_SIZE, DecodedAnswers, Decoder, GreedyDecoder
from eqstream.seq2seq.models.line_writer import LINE_ORDERS, LineWriter, is_equation

# A solution that has not ended by then does not get anywhere.
MAX_LINES = 200
# Few lines, as the last of many solutions, are asked in small batches, which are not worth compiling.
_SMALL_BATCHES = (32, 128)
_IS_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?").fullmatch
is_fraction = re.compile("-?[0-9]+ ?/ ?[0-9]+").fullmatch


class SolvingDecoder:
    """Asks a model for the next line, of all questions together, until each has a number left.

    A solution ends without an answer at a line that is no equation or was there before, and after `MAX_LINES` lines. A
    line behind which the model is unsure, or writes what cannot be a step, is asked again, in other orders, too, see
    `LineWriter`; the order whose answer is taken is a line of the solution. Deterministic as `GreedyDecoder` is.

    Args:
        model: trained on steps, with its weights created.
        spaces: what it was trained on. Where `SpaceRecipe.factors_fractions` is true of one, a fraction that is written
            by itself is an answer; where one has brackets, lines may be asked with more brackets than they have. Unless
            `asks_again(spaces)` no line is asked again.
        line_orders: see `LineWriter`; 1: greedy decoding alone.
        batch_size: see `GreedyDecoder`; few lines are asked in smaller batches.
        jit_compile: see `GreedyDecoder`; the smaller ones are not compiled.
    """

    def __init__(
        self,
        model: EquationModel,
        spaces: Sequence[SpaceRecipe],
        *,
        line_orders: int = LINE_ORDERS,
        batch_size: int = BATCH_SIZE,
        jit_compile: bool = True,
    ) -> None:
        self._codec, self._factored = model.codec, any(space.factors_fractions for space in spaces)
        self._decoders = {
            size: GreedyDecoder(model, batch_size=size, jit_compile=False)
            for size in _SMALL_BATCHES
            if size < batch_size
        }
        self._decoders[batch_size] = GreedyDecoder(model, batch_size=batch_size, jit_compile=jit_compile)
        can_bracket = any(space.brackets for space in spaces)
        one_step = all(space.division in ("exact", "quotient") for space in spaces)
        self._writer = LineWriter(
            model.codec,
            self._ask,
            num_orders=line_orders if asks_again(spaces) else 1,
            is_answer=self._is_answer,
            can_bracket=can_bracket,
            one_step=one_step,
        )

    def decode(self, questions: np.ndarray, on_batch: Callable[[int], None] | None = None) -> DecodedAnswers:
        """Returns the last lines, and the solutions, of encoded questions, uint8 (num_questions, question_width).

        Args:
            questions: tokens.
            on_batch: called with a number of questions whenever so many more have ended.
        """
        shape = (len(questions), self._codec.answer_width)
        tokens, probabilities = np.zeros(shape, np.uint8), np.ones(shape, np.float32)
        log_probabilities = np.zeros(len(questions))
        solutions = [[question] for question in self._codec.decode_questions(questions)]
        reordered: list[list[int]] = [[] for _ in solutions]
        rows = np.arange(len(questions))
        while len(rows):
            written = self._writer.write([solutions[row] for row in rows.tolist()])
            tokens[rows], probabilities[rows] = written.decoded.tokens, written.decoded.probabilities
            log_probabilities[rows] += written.decoded.log_probabilities
            is_open = [
                self._add(solutions[row], reordered[row], asked, line)
                for row, asked, line in zip(rows.tolist(), written.asked, written.lines, strict=True)
            ]
            going_on = np.flatnonzero(is_open)
            if on_batch is not None and len(going_on) < len(rows):
                on_batch(len(rows) - len(going_on))
            rows = rows[going_on]
        return DecodedAnswers(tokens, probabilities, log_probabilities, solutions, reordered)

    def _ask(self, lines: np.ndarray, barred: np.ndarray | None = None) -> DecodedAnswers:
        return self._decoders[choose_batch_size(len(lines), list(self._decoders))].decode(lines, barred=barred)

    def _add(self, solution: list[str], reordered: list[int], asked: str, line: str) -> bool:
        """Adds a line, and before it what was asked if that was another order; returns whether the solution goes on."""
        if asked != solution[-1]:
            reordered.append(len(solution))
            solution.append(asked)
        goes_on = len(solution) < MAX_LINES and line not in solution and self._is_open(line)
        solution.append(line)
        return goes_on

    def _is_open(self, line: str) -> bool:
        """Returns whether a line that was written can be asked for its next one: it is an equation, and no answer."""
        return not self._is_answer(line) and is_equation(line)

    def _is_answer(self, line: str) -> bool:
        return bool(_IS_NUMBER(line) or (self._factored and is_fraction(line)))


def choose_batch_size(num_lines: int, sizes: Sequence[int]) -> int:
    """Returns the one of the sizes, in rising order, whose batches are filled up least, the largest of equal ones.

    Many small batches take longer than a large one: sizes that need more than two are passed over, but the largest.

    >>> [choose_batch_size(num_lines, [32, 128, 512]) for num_lines in (20, 60, 90, 250, 300, 600)]
    [32, 32, 128, 128, 512, 512]
    """
    fitting = [size for size in sizes if num_lines <= 2 * size or size == sizes[-1]]
    return min(fitting, key=lambda size: (-(-num_lines // size) * size, -size))


def asks_again(spaces: Sequence[SpaceRecipe]) -> bool:
    """Returns whether a model that was trained on the steps of spaces may be asked lines again, in other orders.

    Where no question has a `+` or `*`, the lines of solutions have them in one order alone, and no other is learned.
    """
    return any(set(COMMUTATIVE) & set(space.operators) for space in spaces)


def make_decoder(
    model: EquationModel,
    spaces: Sequence[SpaceRecipe],
    *,
    line_orders: int = LINE_ORDERS,
    batch_size: int = BATCH_SIZE,
    jit_compile: bool = True,
) -> Decoder:
    """Returns what asks a model for its answers: line by line if it is trained on steps.

    Args:
        model: with its weights created.
        spaces: see `SolvingDecoder`; they mean nothing for other models.
        line_orders: likewise.
        batch_size: see `GreedyDecoder`.
        jit_compile: see `GreedyDecoder`.
    """
    if model.codec.options.steps:
        return SolvingDecoder(model, spaces, line_orders=line_orders, batch_size=batch_size, jit_compile=jit_compile)
    return GreedyDecoder(model, batch_size=batch_size, jit_compile=jit_compile)
