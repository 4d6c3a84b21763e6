"""All steps of the solutions of blocks of equations, as texts."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.solutions.line_text import LineEncoder
from eqstream.data.solutions.lines import check_solvable, lines_of
from eqstream.data.solutions.rewriting import rewrite
from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.space.prepared_space import PreparedSpace


@dataclass(frozen=True, eq=False)
class Steps:
    """Steps of solutions.

    Attributes:
        question: a line of each, n texts.
        answer: the next line.
        equation: the row of the equation in its block, int64 (n,).
        number: how many lines of the solution come before the question, int32 (n,).
    """

    question: ByteRows
    answer: ByteRows
    equation: np.ndarray
    number: np.ndarray

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

    def iter_steps(self, block: EquationBlock) -> Iterator[Steps]:
        """Yields the first steps of all equations of a block, then the second ones, until all are solved.

        Equations are in the order of the block; those that are solved, or are plain numbers, have no more steps.
        """
        lines, equation = lines_of(block, self._space), np.arange(len(block))
        texts = self._encoder.encode(lines)
        number = 0
        while True:
            rows = np.flatnonzero(~lines.are_solved)
            if not len(rows):
                return
            lines, equation = rewrite(lines.take(rows), self._space.recipe.division), equation.take(rows)
            question = ByteRows(texts.matrix.take(rows, axis=0), texts.lengths.take(rows))
            texts = self._encoder.encode(lines)
            yield Steps(question, texts, equation, np.full(len(rows), number, dtype=np.int32))
            number += 1


def join_steps(parts: list[Steps]) -> Steps:
    """Returns the steps of all parts, one part behind the other."""
    return Steps(
        question=ByteRows.join([part.question for part in parts]),
        answer=ByteRows.join([part.answer for part in parts]),
        equation=np.concatenate([np.zeros(0, np.int64), *(part.equation for part in parts)]),
        number=np.concatenate([np.zeros(0, np.int32), *(part.number for part in parts)]),
    )
