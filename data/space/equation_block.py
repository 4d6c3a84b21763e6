"""Blocks of equations as columns of numbers: what the walk yields and the encoders take."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class EquationBlock:
    """Equations in the order in which they are written.

    Attributes:
        shapes: number of each equation's shape, shape (n,); uint16 where the space has no more, or a wider type.
        operands: one array (n,) of grid integers per operand of the longest shape; 0 where a shape has fewer.
        numerators: numerators of the answers, shape (n,).
        denominators: of answers that are fractions in lowest terms, shape (n,); None in a space whose answers are
            decimals, where numerators are grid steps.
        carries: carries and borrows, int64, shape (n,).
        digits: digits before the point of the longest operand, int64, shape (n,).
    """

    shapes: np.ndarray
    operands: list[np.ndarray]
    numerators: np.ndarray
    denominators: np.ndarray | None
    carries: np.ndarray
    digits: np.ndarray

    def __len__(self) -> int:
        return len(self.shapes)

    def columns(self) -> list[np.ndarray]:
        """Returns all columns that are arrays, always in the same order."""
        fixed = [self.shapes, self.numerators, self.carries, self.digits, *self.operands]
        return fixed if self.denominators is None else [*fixed, self.denominators]

    def take(self, rows: np.ndarray | slice) -> "EquationBlock":
        """Returns the equations at `rows`, in that order."""
        return self.with_columns([column[rows] for column in self.columns()])

    def with_columns(self, columns: list[np.ndarray]) -> "EquationBlock":
        """Returns other equations of the same space, given what `columns` would return of them."""
        count = len(self.operands)
        shapes, numerators, carries, digits = columns[:4]
        return EquationBlock(
            shapes=shapes,
            operands=columns[4 : 4 + count],
            numerators=numerators,
            denominators=None if self.denominators is None else columns[-1],
            carries=carries,
            digits=digits,
        )


def join_blocks(blocks: Sequence[EquationBlock]) -> EquationBlock:
    """Returns the equations of all blocks, of one space, one block after the other."""
    columns = zip(*(block.columns() for block in blocks), strict=True)
    return blocks[0].with_columns([np.concatenate(column) for column in columns])


def interleave_blocks(blocks: Sequence[EquationBlock], turns: np.ndarray) -> EquationBlock:
    """Returns the equations of several parts in the order of `turns`.

    Args:
        blocks: those of part 0, then those of part 1, and so on; a part may be several blocks, or none.
        turns: the part that each equation comes from, int64 (n,); its k-th turn takes its k-th equation.
    """
    rows = np.empty(len(turns), dtype=np.int64)
    # A stable sort of the turns lists them part by part.
    rows[np.argsort(turns, kind="stable")] = np.arange(len(turns))
    return join_blocks(blocks).take(rows)
