"""All steps of the solutions of blocks of equations, as texts."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.solutions.fractions import are_fractions, rewrite_decimals, rewrite_fractions
from eqstream.data.solutions.held_out_lines import find_held_out
from eqstream.data.solutions.line_text import LineEncoder
from eqstream.data.solutions.lines import END, Lines, check_solvable, lines_of
from eqstream.data.solutions.rewriting import rewrite
from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.space.prepared_space import PreparedSpace, prepare_space
from eqstream.data.streams.shared_equations import HeldOut


@dataclass(frozen=True, eq=False)
class Steps:
    """Steps of solutions.

    Attributes:
        question: a line of each, n texts.
        answer: the next line.
        equation: the row of the equation in its block, int64 (n,).
        number: how many lines of the solution come before the question, int32 (n,).
        num_left_out: how many steps beside them were left out, as one of their lines is held out.
    """

    question: ByteRows
    answer: ByteRows
    equation: np.ndarray
    number: np.ndarray
    num_left_out: int = 0

    def __len__(self) -> int:
        return len(self.equation)


class BlockSolver:
    """Solves blocks of equations of one space, step by step; make it once, as its tables take a while to build.

    Args:
        space: the space.

    Raises:
        UserError: its equations have no solutions that are computed in bulk.
    """

    def __init__(self, space: PreparedSpace) -> None:
        check_solvable(space)
        self._space = space
        self._encoder = LineEncoder(space)
        self._answers = (
            LineEncoder(prepare_space(replace(space.recipe, spacing=False))) if space.has_fractions else None
        )

    def iter_steps(self, block: EquationBlock, held_out: HeldOut | None = None) -> Iterator[Steps]:
        """Yields the first steps of all equations of a block, then the second ones, until all are solved.

        Equations are in the order of the block; those that are solved, or are plain numbers, have no more steps.

        Args:
            block: of the space.
            held_out: equations that no line but the first of a solution may be, nor a twin of one.
        """
        lines, equation = lines_of(block, self._space), np.arange(len(block))
        texts, is_held_out = self._encoder.encode(lines), np.zeros(len(block), dtype=bool)
        number = 0
        while len(rows := np.flatnonzero(~self._are_solved(lines))):
            question, is_left_out = _take_texts(texts, rows), is_held_out.take(rows)
            equation = equation.take(rows)
            lines, texts = self._follow(lines.take(rows))
            steps = Steps(question, texts, equation, np.full(len(rows), number, dtype=np.int32))
            if held_out is not None:
                is_held_out = find_held_out(lines, held_out)
                steps = _leave_out(steps, is_left_out | is_held_out)
            yield steps
            number += 1

    def _are_solved(self, lines: Lines) -> np.ndarray:
        """Returns which lines have the text of an answer, bool (n,)."""
        if self._answers and not self._space.recipe.spacing:
            return lines.are_solved | are_fractions(lines)
        return lines.are_solved

    def _follow(self, lines: Lines) -> tuple[Lines, ByteRows]:
        """Returns the next lines, and their texts."""
        recipe = self._space.recipe
        if self._answers:
            return self._follow_fractions(lines, self._answers)
        is_rounded = self._space.has_division and recipe.division == "decimal"
        lines = rewrite_decimals(lines, recipe.places) if is_rounded else rewrite(lines, recipe.division)
        return lines, self._encoder.encode(lines)

    def _follow_fractions(self, lines: Lines, answers: LineEncoder) -> tuple[Lines, ByteRows]:
        is_answer = are_fractions(lines)
        lines = rewrite_fractions(lines)
        rows = [np.flatnonzero(~is_answer), np.flatnonzero(is_answer)]
        encoded = [self._encoder.encode(lines.take(rows[0])), answers.encode(lines.take(rows[1]))]
        # From now on they are taken for numbers, as they have no next line.
        lines.kinds[rows[1], 1] = END
        return lines, _take_texts(ByteRows.join(encoded), np.argsort(np.concatenate(rows)))


def _take_texts(texts: ByteRows, rows: np.ndarray) -> ByteRows:
    return ByteRows(texts.matrix.take(rows, axis=0), texts.lengths.take(rows))


def _leave_out(steps: Steps, is_left_out: np.ndarray) -> Steps:
    rows = np.flatnonzero(~is_left_out)
    return Steps(
        question=_take_texts(steps.question, rows),
        answer=_take_texts(steps.answer, rows),
        equation=steps.equation.take(rows),
        number=steps.number.take(rows),
        num_left_out=len(steps) - len(rows),
    )


def join_steps(parts: list[Steps]) -> Steps:
    """Returns the steps of all parts, one part behind the other."""
    return Steps(
        question=ByteRows.join([part.question for part in parts]),
        answer=ByteRows.join([part.answer for part in parts]),
        equation=np.concatenate([np.zeros(0, np.int64), *(part.equation for part in parts)]),
        number=np.concatenate([np.zeros(0, np.int32), *(part.number for part in parts)]),
        num_left_out=sum(part.num_left_out for part in parts),
    )
