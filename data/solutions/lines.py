"""Lines of worked solutions, many at once: their tokens in postfix order, as matrices of numbers.

A line is an equation's question. In postfix order an operator stands behind its two sides, so `7 - 2 * 3` is
`7 2 3 * -`, no brackets are needed, and the first operator has numbers for its sides.
"""

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from eqstream.data.errors import UserError
from eqstream.data.solutions.decimal_numbers import Decimals, shorten
from eqstream.data.solutions.forms import Forms, find_forms
from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.space.shapes import OPERAND, ShapeColumns
from eqstream.data.space.value_bounds import bound_space

# The kinds of tokens: the operators and `OPERAND` of `eqstream.data.space.shapes`, and what stands behind the last one.
END = OPERAND + 1
_MOST = 1 << 62


@dataclass(frozen=True)
class Lines:
    """The tokens of n lines, each line's followed by at least one `END`.

    Attributes:
        kinds: what each token is, uint8 (n, width).
        steps: the numbers as whole steps, int64 (n, width); they mean nothing at other tokens.
        places: how many digits of the steps stand behind the point, uint8 (n, width); None where all numbers are whole.
    """

    kinds: np.ndarray
    steps: np.ndarray
    places: np.ndarray | None = None

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

    def columns(self) -> list[np.ndarray]:
        """Returns all matrices, always in the same order."""
        return [self.kinds, self.steps] if self.places is None else [self.kinds, self.steps, self.places]

    def take(self, rows: np.ndarray) -> "Lines":
        """Returns the lines at `rows`."""
        return Lines(*(column.take(rows, axis=0) for column in self.columns()))

    def take_tokens(self, places: np.ndarray) -> "Lines":
        """Returns lines whose tokens are those at some places of each line, int64 (n, another width)."""
        flat_places = places + np.arange(len(self))[:, None] * self.kinds.shape[1]
        return Lines(*(column.reshape(-1).take(flat_places) for column in self.columns()))

    def numbers_at(self, flat_places: np.ndarray) -> Decimals:
        """Returns the numbers at some places of the matrices, counted row by row, (m,)."""
        places = None if self.places is None else self.places.reshape(-1).take(flat_places).astype(np.int64)
        return Decimals(self.steps.reshape(-1).take(flat_places), places)

    def put_numbers(self, flat_places: np.ndarray, numbers: Decimals) -> None:
        """Sets the numbers at some places, likewise."""
        self.steps.reshape(-1)[flat_places] = numbers.steps
        if self.places is not None:
            self.places.reshape(-1)[flat_places] = numbers.places


def merge_lines(parts: list[tuple[np.ndarray, Lines]]) -> Lines:
    """Returns the lines of all parts, each at the rows that are given with it, int64 (m,); every row is given once."""
    shape = (sum(len(rows) for rows, _ in parts), max(lines.kinds.shape[1] for _, lines in parts))
    has_places = parts[0][1].places is not None
    result = Lines(
        kinds=np.full(shape, END, dtype=np.uint8),
        steps=np.zeros(shape, dtype=np.int64),
        places=np.zeros(shape, dtype=np.uint8) if has_places else None,
    )
    for rows, lines in parts:
        for column, own in zip(result.columns(), lines.columns(), strict=True):
            column[rows, : own.shape[1]] = own
    return result


def replace_lines(lines: Lines, rows: np.ndarray, others: Lines) -> Lines:
    """Returns the lines, with `others`, m lines, in place of those at `rows`, int64 (m,)."""
    kept = np.setdiff1d(np.arange(len(lines)), rows)
    return merge_lines([(kept, lines.take(kept)), (rows, others)])


def join_lines(parts: list[Lines]) -> Lines:
    """Returns the lines of all parts, one part behind the other."""
    if len(parts) == 1:
        return parts[0]
    starts = itertools.accumulate(map(len, parts), initial=0)
    return merge_lines([(start + np.arange(len(part)), part) for start, part in zip(starts, parts, strict=False)])


def has_decimals(space: PreparedSpace) -> bool:
    """Returns whether lines of solutions in a space can have decimals."""
    return space.decimals > 0 or (space.has_division and space.recipe.division == "decimal")


def check_solvable(space: PreparedSpace) -> None:
    """Checks that the equations of a space have worked solutions that are computed in bulk.

    Raises:
        UserError: they have none: one line says why, and what would help.
    """
    division = space.recipe.division
    if space.has_division and division in ("decimal", "fraction") and space.decimals:
        raise UserError(
            f"steps with `division: {division}` need operands without `decimals`, got {space.decimals}; leave them out"
        )
    bounds = bound_space(space.recipe, space.operand_domain.bound)
    places = max(bounds.answer_decimals, space.decimals)
    # Sides of a division are compared on a grid that the decimals of both make finer, a digit further at a time.
    spare = 10 ** (2 * places + 1) if places and space.has_division else 1
    if space.has_division and division == "decimal":
        # Operands are whole, and long division goes one place further than the answer.
        spare = 100
    if bounds.magnitude * spare >= _MOST:
        raise UserError(
            "steps need numbers of at most 62 bits, and those of this space get larger; use fewer `terms`, or shorter "
            "`operands`"
        )


def lines_of(block: EquationBlock, space: PreparedSpace) -> Lines:
    """Returns the questions of a block's equations as lines, row by row."""
    shape = (len(block), 2 * space.shapes.max_terms)
    lines = Lines(
        kinds=np.full(shape, END, dtype=np.uint8),
        steps=np.zeros(shape, dtype=np.int64),
        places=np.zeros(shape, dtype=np.uint8) if has_decimals(space) else None,
    )
    for shapes, rows, places in space.shapes.split(block.shapes):
        columns = shapes.columns(places)
        operand_places, operator_places = _find_tokens(columns, len(rows))
        operators = np.broadcast_to(columns.operators, (shapes.num_terms, len(rows)))
        for operand, place in zip(block.operands, operand_places, strict=False):
            lines.kinds[rows, place] = OPERAND
            decimals = np.full(len(rows), space.decimals) if has_decimals(space) else None
            lines.put_numbers(rows * shape[1] + place, shorten(operand[rows], decimals))
        for middle, place in zip(columns.steps.middles, operator_places, strict=True):
            lines.kinds[rows, place] = operators[middle, np.arange(len(rows))]
    return lines


def _find_tokens(columns: ShapeColumns, num_rows: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Returns where the operands, and the operators of the steps, stand in postfix order: int64 (num_rows,) each."""
    ends = [np.broadcast_to(end, num_rows).astype(np.int64) for end in columns.steps.ends]
    operand_places = [
        sum((end <= operand for end in ends), np.full(num_rows, operand)) for operand in range(columns.num_terms)
    ]
    return operand_places, [end + step for step, end in enumerate(ends)]
