"""Lines of worked solutions, many at once: their tokens in postfix order, as matrices of numbers.

A line is an equation's question. In postfix order an operator stands behind its two sides, so `7 - 2 * 3` is
`7 2 3 * -`, no brackets are needed, and the first operator has numbers for its sides.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from eqstream.data.errors import UserError
from eqstream.data.solutions.forms import Forms, find_forms
from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.space.shapes import OPERAND, ShapeColumns

# The kinds of tokens: the operators and `OPERAND` of `eqstream.data.space.shapes`, and what stands behind the last one.
END = OPERAND + 1


@dataclass(frozen=True)
class Lines:
    """The tokens of n lines, each line's followed by at least one `END`.

    Attributes:
        kinds: what each token is, uint8 (n, width).
        values: the numbers, int64 (n, width); they mean nothing at other tokens.
    """

    kinds: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.kinds)

    @property
    def are_solved(self) -> np.ndarray:
        """Whether each line is a plain number, bool (n,)."""
        return self.kinds[:, 1] == END

    @cached_property
    def forms(self) -> Forms:
        """The forms of the lines."""
        return find_forms(self.kinds)

    def take(self, rows: np.ndarray) -> "Lines":
        """Returns the lines at `rows`."""
        return Lines(self.kinds.take(rows, axis=0), self.values.take(rows, axis=0))


def check_solvable(space: PreparedSpace) -> None:
    """Checks that the equations of a space have worked solutions that are computed in bulk.

    Raises:
        UserError: they have none: one line says why, and what would help.
    """
    if space.decimals:
        raise UserError(f"steps need operands without `decimals`, got {space.decimals}; leave `decimals` out")
    division = space.recipe.division
    if space.has_division and division not in ("exact", "quotient"):
        raise UserError(f"steps need `division: exact` or `quotient`, got `{division}`")
    if not space.arithmetic.is_native:
        raise UserError(
            "steps need values of at most 62 bits, and those of this space get larger; use fewer `terms`, or shorter "
            "`operands`"
        )


def lines_of(block: EquationBlock, space: PreparedSpace) -> Lines:
    """Returns the questions of a block's equations as lines, row by row."""
    width = 2 * space.shapes.max_terms
    kinds = np.full((len(block), width), END, dtype=np.uint8)
    values = np.zeros(kinds.shape, dtype=np.int64)
    for shapes, rows, places in space.shapes.split(block.shapes):
        columns = shapes.columns(places)
        operand_places, operator_places = _find_tokens(columns, len(rows))
        operators = np.broadcast_to(columns.operators, (shapes.num_terms, len(rows)))
        for operand, place in enumerate(operand_places):
            kinds[rows, place] = OPERAND
            values[rows, place] = block.operands[operand][rows]
        for middle, place in zip(columns.steps.middles, operator_places, strict=True):
            kinds[rows, place] = operators[middle, np.arange(len(rows))]
    return Lines(kinds, values)


def _find_tokens(columns: ShapeColumns, num_rows: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Returns where the operands, and the operators of the steps, stand in postfix order: int64 (num_rows,) each."""
    ends = [np.broadcast_to(end, num_rows).astype(np.int64) for end in columns.steps.ends]
    operand_places = [
        sum((end <= operand for end in ends), np.full(num_rows, operand)) for operand in range(columns.num_terms)
    ]
    return operand_places, [end + step for step, end in enumerate(ends)]
