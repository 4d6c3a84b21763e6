"""Answers for blocks of equations of any shapes with equally many terms, exact.

All equations of a block are computed together, one step of their trees after the other (`eqstream.data.space.trees`),
each kind of operator for the rows that have it. What is known of a subtree is kept in the slot of its first operand:

| kind of space | columns of a value |
| --- | --- |
| all values on one grid | its grid steps |
| values on grids of different powers of ten | its steps, and the number of decimals |
| rational (`decimal` and `fraction` division) | numerator, denominator, whether it is on a grid: no division below it |

Where the bounds of the space (`eqstream.data.space.value_bounds`) leave 63 bits, every product and sum is checked, and
the rows that do leave them are computed again with Python integers.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from eqstream.data.space.digits import count_carries
from eqstream.data.space.shapes import MINUS, OVER, TIMES, ShapeColumns
from eqstream.data.space.trees import Slots, find_rows
from eqstream.data.space.value_bounds import bound_space
from eqstream.data.space.written_digits import WrittenDigits
from eqstream.data.space_recipe import SpaceRecipe

_SAFE = 1 << 62
_MOST_NATIVE_DECIMALS = 18

# The rows of a block that have some kind of operator.
Rows = np.ndarray | slice
# What is known of a value, a column (n,) each.
Value = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Answers:
    """Answers of equations.

    Attributes:
        numerators: shape (n,); int64, or Python integers where one of them needs more.
        scale: what numerators are divided by, ``10 ** answer_decimals``; 1 where answers are fractions.
        denominators: of fractions in lowest terms, positive, shape (n,); None in a space whose answers are decimals.
        is_valid: whether every division is defined, shape (n,); the other columns mean nothing where it isn't.
        carries: carries and borrows of all additions and subtractions, shape (n,).
        written: what is hard about the digits; None unless it is asked for.
    """

    numerators: np.ndarray
    scale: int
    denominators: np.ndarray | None
    is_valid: np.ndarray
    carries: np.ndarray
    written: WrittenDigits | None = None

    def take(self, rows: np.ndarray) -> "Answers":
        """Returns the answers at `rows`."""
        denominators = None if self.denominators is None else self.denominators[rows]
        return Answers(
            numerators=self.numerators[rows],
            scale=self.scale,
            denominators=denominators,
            is_valid=self.is_valid[rows],
            carries=self.carries[rows],
            written=self.written and self.written.take(rows),
        )

    def replace(self, rows: np.ndarray, others: "Answers") -> "Answers":
        """Returns the answers with `others`, of the same space, at `rows`, (m,)."""
        denominators = None
        if self.denominators is not None and others.denominators is not None:
            denominators = _replace(self.denominators, rows, others.denominators)
        return Answers(
            numerators=_replace(self.numerators, rows, others.numerators),
            scale=self.scale,
            denominators=denominators,
            is_valid=_replace(self.is_valid, rows, others.is_valid),
            carries=_replace(self.carries, rows, others.carries),
            written=self.written and others.written and self.written.replace(rows, others.written),
        )


def _replace(column: np.ndarray, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    column = column.astype(np.result_type(column, values))
    column[rows] = values
    return column


class Arithmetic:
    """Evaluates blocks of equations of one space.

    Args:
        space: the recipe of the space.
        operand_bound: the largest magnitude of an operand, in grid steps.

    Attributes:
        answer_decimals: the decimals of an answer.
        answer_bound: the largest magnitude of an answer in these decimals; of fractions, of either part.
        is_native: whether no number that evaluating can meet needs more than 63 bits.
    """

    def __init__(self, space: SpaceRecipe, operand_bound: int) -> None:
        self.space = space
        self.grid = 10**space.operands.decimals
        bounds = bound_space(space, operand_bound)
        self.answer_decimals, self.answer_bound = bounds.answer_decimals, bounds.answer
        self.is_native = bounds.magnitude < _SAFE
        self._has_native_operands = operand_bound < _SAFE
        self._run = self._choose_run()

    @property
    def is_fraction(self) -> bool:
        """Whether answers are fractions in lowest terms."""
        return self.space.division == "fraction" and "/" in self.space.operators

    def evaluate(
        self, columns: ShapeColumns, operands: np.ndarray, *, with_carries: bool = True, with_written: bool = False
    ) -> Answers:
        """Returns the answers of equations.

        Args:
            columns: their shapes.
            operands: grid integers, of shape (num_terms, n).
            with_carries: whether carries are wanted; they are all zero otherwise.
            with_written: whether what is hard about the digits is wanted.
        """
        make = functools.partial(self._run, self, with_carries=with_carries, with_written=with_written)
        if not self._has_native_operands:
            return make(columns, operands.astype(object)).evaluate()
        operands = operands.astype(np.int64, copy=False)
        run = make(columns, operands, is_checked=not self.is_native)
        answers, wide = run.evaluate(), np.flatnonzero(run.is_wide)
        if not len(wide):
            return answers
        return answers.replace(wide, make(columns.take(wide), operands[:, wide].astype(object)).evaluate())

    def _choose_run(self) -> "type[_OneGrid]":
        operators, division = self.space.operators, self.space.division
        if "/" in operators and division in ("decimal", "fraction"):
            return _Rational
        leaves_grid = "*" in operators or ("/" in operators and division == "quotient")
        return _ManyGrids if self.grid > 1 and leaves_grid else _OneGrid


class _OneGrid:
    """The evaluation of a block whose values all lie on the operands' grid.

    Args:
        arithmetic: of the space.
        columns: the shapes.
        operands: int64 or object, (num_terms, n).
        with_carries: whether carries are wanted.
        with_written: whether what is hard about the digits is.
        is_checked: whether numbers could become too large.
    """

    def __init__(
        self,
        arithmetic: Arithmetic,
        columns: ShapeColumns,
        operands: np.ndarray,
        *,
        with_carries: bool,
        with_written: bool = False,
        is_checked: bool = False,
    ) -> None:
        self._arithmetic = arithmetic
        self._columns = columns
        self._operands = operands
        self._with_carries = with_carries
        self._is_checked = is_checked
        self._num_rows = operands.shape[1]
        self.is_wide = np.zeros(self._num_rows, dtype=bool)
        self.is_valid = np.ones(self._num_rows, dtype=bool)
        self.carries = np.zeros(self._num_rows, dtype=np.int64)
        self.written = WrittenDigits.of_nothing(self._num_rows) if with_written else None

    def evaluate(self) -> Answers:
        """Returns the answers; those of rows that are `is_wide` then mean nothing."""
        slots = [Slots(matrix) for matrix in self._leaves()]
        operators = Slots(self._columns.operators)
        for node in self._columns.steps.nodes(self._num_rows):
            left, right = (tuple(slot.get(place) for slot in slots) for place in (node.left, node.right))
            for slot, values in zip(slots, self._apply(operators.get(node.right), left, right), strict=True):
                slot.put(node.left, values)
        numerators, denominators = self._finish(tuple(slot.roots() for slot in slots))
        return Answers(
            numerators=numerators,
            scale=10**self._arithmetic.answer_decimals if denominators is None else 1,
            denominators=denominators,
            is_valid=self.is_valid,
            carries=self.carries,
            written=self.written,
        )

    def _apply(self, operator: np.ndarray, left: Value, right: Value) -> Value:
        """Returns the values of one step, computed for each kind of operator apart."""
        operators = self._arithmetic.space.operators
        if len(operator) and operator.strides == (0,):
            # One shape alone: what is asked of its operator is asked once.
            operator = operator[:1]
        kinds: list[tuple[str, Callable[[Rows, np.ndarray, Value, Value], Value], Callable[[], np.ndarray]]] = [
            ("+-", self._add, lambda: operator < TIMES),
            ("*", self._multiply, lambda: operator == TIMES),
            ("/", self._divide, lambda: operator == OVER),
        ]
        kinds = [kind for kind in kinds if not set(kind[0]).isdisjoint(operators)]
        if len(kinds) == 1:
            return kinds[0][1](slice(None), operator, left, right)
        results = tuple(np.empty(column.shape, column.dtype) for column in left)
        for _, compute, has_kind in kinds:
            rows = find_rows(has_kind())
            if isinstance(rows, slice):
                return compute(rows, operator, left, right)
            if not len(rows):
                continue
            sides = (tuple(column.take(rows) for column in side) for side in (left, right))
            for result, values in zip(results, compute(rows, operator.take(rows), *sides), strict=True):
                result[rows] = values
        return results

    def _leaves(self) -> list[np.ndarray]:
        """Returns a matrix (num_terms, n) for each column of a value."""
        return [self._operands]

    def _add(self, rows: Rows, operator: np.ndarray, left: Value, right: Value) -> Value:
        return (self._add_steps(rows, operator, left[0], right[0]),)

    def _multiply(self, rows: Rows, operator: np.ndarray, left: Value, right: Value) -> Value:
        return (self._times(rows, left[0], right[0]),)

    def _divide(self, rows: Rows, operator: np.ndarray, left: Value, right: Value) -> Value:
        divisor = self._divisor(rows, right[0])
        if self._arithmetic.space.division == "quotient":
            quotient = left[0] // divisor
        else:
            quotient = self._divide_exactly(rows, self._times(rows, left[0], self._arithmetic.grid), divisor)
        if self.written is not None:
            self.written.note_quotients(rows, quotient)
        return (quotient,)

    def _finish(self, value: Value) -> tuple[np.ndarray, np.ndarray | None]:
        """Returns the numerators of the answers and, where these are fractions, the denominators."""
        return value[0], None

    def _times(self, rows: Rows, left: np.ndarray, right: np.ndarray | int) -> np.ndarray:
        """Returns the products; where they are too large, 1."""
        if isinstance(right, int) and right == 1:
            return left
        product = left * right
        if self._is_checked:
            # Neither factor has more than 62 bits, so that rounding to 53 does not matter near the limit.
            self._mark(rows, np.abs(left.astype(np.float64) * right) >= _SAFE, product)
        return product

    def _mark(self, rows: Rows, is_wide: np.ndarray, values: np.ndarray) -> None:
        if is_wide.any():
            self.is_wide[rows] |= is_wide
            values[is_wide] = 1

    def _add_steps(
        self,
        rows: Rows,
        operator: np.ndarray,
        left: np.ndarray,
        right: np.ndarray,
        is_counted: np.ndarray | None = None,
    ) -> np.ndarray:
        """Returns the sums or differences of numbers on one grid, and counts their carries where `is_counted`."""
        operators = self._arithmetic.space.operators
        if "-" not in operators:
            result = left + right
        elif "+" not in operators:
            result = left - right
        else:
            result = left + np.where(operator == MINUS, -right, right)
        if self._is_checked:
            self._mark(rows, np.abs(result) >= _SAFE, result)
        if is_counted is None:
            self._note_carries(rows, left, right, result)
        elif (self._with_carries or self.written is not None) and is_counted.any():
            counted = np.flatnonzero(is_counted)
            rows = counted if isinstance(rows, slice) else rows[counted]
            self._note_carries(rows, left[counted], right[counted], result[counted])
        return result

    def _note_carries(self, rows: Rows, left: np.ndarray, right: np.ndarray, result: np.ndarray) -> None:
        if self._with_carries:
            self.carries[rows] += count_carries(left, right, result)
        if self.written is not None:
            self.written.note_sums(rows, left, right, result)

    def _divisor(self, rows: Rows, values: np.ndarray) -> np.ndarray:
        is_zero = (values == 0).astype(bool)
        self.is_valid[rows] &= ~is_zero
        return np.where(is_zero, 1, values)

    def _divide_exactly(self, rows: Rows, numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
        quotient = numerator // denominator
        self.is_valid[rows] &= (quotient * denominator == numerator).astype(bool)
        return quotient


class _ManyGrids(_OneGrid):
    """The evaluation of a block whose values lie on grids of different powers of ten."""

    def _leaves(self) -> list[np.ndarray]:
        decimals = np.int64(self._arithmetic.space.operands.decimals)
        return [self._operands, np.broadcast_to(decimals, self._operands.shape)]

    def _add(self, rows: Rows, operator: np.ndarray, left: Value, right: Value) -> Value:
        decimals = np.maximum(left[1], right[1])
        sides = (self._shift(rows, steps, decimals - own) for steps, own in (left, right))
        return self._add_steps(rows, operator, *sides), decimals

    def _multiply(self, rows: Rows, operator: np.ndarray, left: Value, right: Value) -> Value:
        return self._times(rows, left[0], right[0]), left[1] + right[1]

    def _divide(self, rows: Rows, operator: np.ndarray, left: Value, right: Value) -> Value:
        numerator = self._shift(rows, left[0], right[1])
        denominator = self._shift(rows, self._divisor(rows, right[0]), left[1])
        if self._arithmetic.space.division == "quotient":
            return numerator // denominator, np.zeros_like(left[1])
        decimals = np.full_like(left[1], self._arithmetic.space.operands.decimals)
        return self._divide_exactly(rows, self._times(rows, numerator, self._arithmetic.grid), denominator), decimals

    def _finish(self, value: Value) -> tuple[np.ndarray, np.ndarray | None]:
        decimals = self._arithmetic.answer_decimals
        return self._shift(slice(None), value[0], decimals - value[1]), None

    def _shift(self, rows: Rows, steps: np.ndarray, decimals: np.ndarray) -> np.ndarray:
        """Returns the steps times powers of ten."""
        if steps.dtype == object:
            return steps * _powers_of_ten(int(decimals.max(initial=0))).take(decimals)
        is_beyond = decimals > _MOST_NATIVE_DECIMALS
        powers = _powers_of_ten(_MOST_NATIVE_DECIMALS).astype(np.int64)
        result = self._times(rows, steps, powers.take(np.minimum(decimals, _MOST_NATIVE_DECIMALS)))
        self._mark(rows, is_beyond, result)
        return result


class _Rational(_OneGrid):
    """The evaluation of a block whose values are fractions."""

    def _leaves(self) -> list[np.ndarray]:
        shape = self._operands.shape
        grid = np.full(shape, self._arithmetic.grid, dtype=self._operands.dtype)
        return [self._operands, grid, np.broadcast_to(np.True_, shape)]

    def _add(self, rows: Rows, operator: np.ndarray, left: Value, right: Value) -> Value:
        is_on_grid = left[2] & right[2]
        factors, denominator = self._common_denominator(rows, left[1], right[1], is_on_grid)
        sides = (self._times(rows, side[0], factor) for side, factor in zip((left, right), factors, strict=True))
        return self._add_steps(rows, operator, *sides, is_counted=is_on_grid), denominator, is_on_grid

    def _common_denominator(
        self, rows: Rows, left: np.ndarray, right: np.ndarray, is_on_grid: np.ndarray
    ) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
        """Returns by what to multiply the numerators of both sides, and the denominator that they then have."""
        product = self._times(rows, left, right)
        if self._arithmetic.grid == 1:
            return (right, left), product
        # Both are powers of ten, so that the larger is a multiple of the smaller.
        larger = np.maximum(left, right)
        factors = (np.where(is_on_grid, larger // left, right), np.where(is_on_grid, larger // right, left))
        return factors, np.where(is_on_grid, larger, product)

    def _multiply(self, rows: Rows, operator: np.ndarray, left: Value, right: Value) -> Value:
        numerator, denominator = (self._times(rows, left[part], right[part]) for part in range(2))
        return numerator, denominator, left[2] & right[2]

    def _divide(self, rows: Rows, operator: np.ndarray, left: Value, right: Value) -> Value:
        divisor = self._divisor(rows, right[0])
        sign = np.where((divisor < 0).astype(bool), -1, 1)
        numerator, denominator = self._times(rows, left[0], right[1]) * sign, self._times(rows, divisor * sign, left[1])
        return numerator, denominator, np.zeros_like(left[2])

    def _finish(self, value: Value) -> tuple[np.ndarray, np.ndarray | None]:
        numerator, denominator, _ = value
        if self._arithmetic.is_fraction:
            divisor = np.gcd(numerator, denominator)
            # A numerator of 0 has the denominator as greatest common divisor: 0/1.
            return numerator // divisor, denominator // divisor
        scale = 10**self._arithmetic.answer_decimals
        return _round_half_even(self._times(slice(None), numerator, scale), denominator), None


@functools.cache
def _powers_of_ten(highest: int) -> np.ndarray:
    return np.array([10**exponent for exponent in range(highest + 1)], dtype=object)


def _round_half_even(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Returns numerator / denominator (positive) rounded to whole numbers, halves to the even one."""
    floor = numerator // denominator
    twice = 2 * (numerator - floor * denominator)
    rounds_up = (twice > denominator) | ((twice == denominator) & (floor % 2 == 1))
    return floor + rounds_up.astype(bool)
