"""Answers for blocks of equations of one shape, exact.

Values are fractions ``numerator / denominator``: the denominator is a plain Python integer where the shape alone fixes
it (a power of ten), an array where a division made it depend on the equation. Before anything is computed the
magnitudes are bounded from the operands' domain; a shape that could leave 63 bits is computed with Python integers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from eqstream.data.recipe import SpaceRecipe
from eqstream.data.space.digits import count_carries
from eqstream.data.space.shapes import Shape, Tree

_SAFE = 1 << 62


@dataclass(frozen=True)
class Answers:
    """Answers of equations of one shape.

    Attributes:
        numerators: shape (n,).
        denominators: shape (n,), positive; or ``10 ** answer_decimals`` for all, except where answers are fractions.
        is_valid: whether every division is defined, shape (n,); the other columns mean nothing where it isn't.
        carries: carries and borrows of all additions and subtractions, shape (n,).
    """

    numerators: np.ndarray
    denominators: np.ndarray | int
    is_valid: np.ndarray
    carries: np.ndarray


@dataclass(frozen=True)
class _Value:
    """A node's value: exact fractions, and bounds on both parts; the bounds alone suffice to plan."""

    numerator: np.ndarray
    denominator: np.ndarray | int
    bound: int
    denominator_bound: int


class Arithmetic:
    """Evaluates blocks of equations of one space.

    Args:
        space: the recipe of the space.
        operand_bound: the largest magnitude of an operand, in grid steps.
        shapes: the shapes that will be asked for; they fix how many decimals an answer has.
    """

    def __init__(self, space: SpaceRecipe, operand_bound: int, shapes: Sequence[Shape]) -> None:
        self._space = space
        self._operand_bound = operand_bound
        self._grid = 10**space.operands.decimals
        self.answer_decimals = max((self._decimals(shape.tree) for shape in shapes), default=0)
        if self._rounds:
            self.answer_decimals = space.places
        self.is_native = max((self._largest_magnitude(shape.tree) for shape in shapes), default=0) < _SAFE
        self.answer_bound = max((self._bound_answer(shape.tree) for shape in shapes), default=0)

    @property
    def _rounds(self) -> bool:
        return self._space.division == "decimal" and "/" in self._space.operators

    @property
    def is_fraction(self) -> bool:
        """Whether answers are fractions in lowest terms."""
        return self._space.division == "fraction" and "/" in self._space.operators

    def evaluate(self, shape: Shape, operands: Sequence[np.ndarray], *, with_carries: bool = True) -> Answers:
        """Returns the answers of equations of one shape.

        Args:
            shape: the shape.
            operands: one array (n,) of grid integers per operand.
            with_carries: whether carries are wanted; they are all zero otherwise.
        """
        dtype = np.int64 if self.is_native else object
        columns = [operand.astype(dtype, copy=False) for operand in operands]
        run = _Run(self, columns, with_carries)
        value = run.evaluate(shape.tree)
        numerators, denominators = self._finish(value)
        return Answers(numerators, denominators, run.is_valid, run.carries)

    def _finish(self, value: _Value) -> tuple[np.ndarray, np.ndarray | int]:
        numerator, denominator = value.numerator, value.denominator
        if self.is_fraction:
            divisor = np.gcd(numerator, denominator)
            # A numerator of 0 has the denominator as greatest common divisor: 0/1.
            return numerator // divisor, denominator // divisor
        scale = 10**self.answer_decimals
        if self._rounds:
            return _round_half_even(numerator * scale, denominator), scale
        assert isinstance(denominator, int)
        return numerator * (scale // denominator), scale

    def _decimals(self, tree: Tree) -> int:
        """Returns how many decimals the exact value of a tree can have, divisions taken to stay on their grid."""
        if isinstance(tree, int):
            return self._space.operands.decimals
        if tree[0] == "/":
            return {"exact": self._space.operands.decimals}.get(self._space.division, 0)
        left, right = self._decimals(tree[1]), self._decimals(tree[2])
        return left + right if tree[0] == "*" else max(left, right)

    def _bound_answer(self, tree: Tree) -> int:
        bounds = _bounds(tree, self._operand_bound, self._grid, self._space.division, [])
        if self.is_fraction:
            return max(bounds.numerator, bounds.denominator)
        scale = 10**self.answer_decimals
        if bounds.is_on_grid and not self._rounds:
            return bounds.numerator * (scale // bounds.denominator)
        return bounds.numerator * scale + 1

    def _largest_magnitude(self, tree: Tree) -> int:
        """Returns a bound on every number that evaluating a tree can meet on its way."""
        magnitudes: list[int] = []
        bounds = _bounds(tree, self._operand_bound, self._grid, self._space.division, magnitudes)
        return max(*magnitudes, 2 * (bounds.numerator * 10**self.answer_decimals + bounds.denominator), 0)


class _Bounds(NamedTuple):
    """Bounds on a value's numerator and denominator; on a grid the denominator is one power of ten, and exact."""

    numerator: int
    denominator: int
    is_on_grid: bool


def _bounds(tree: Tree, operand: int, grid: int, division: str, magnitudes: list[int]) -> _Bounds:
    """Returns bounds on a tree's value, and notes every product on the way; goes the way of `_Run`."""
    if isinstance(tree, int):
        return _Bounds(max(operand, 1), grid, True)
    left = _bounds(tree[1], operand, grid, division, magnitudes)
    right = _bounds(tree[2], operand, grid, division, magnitudes)
    is_on_grid = left.is_on_grid and right.is_on_grid
    if tree[0] == "/":
        bounds = _bounds_of_quotient(left, right, grid, division, magnitudes)
    elif tree[0] == "*":
        bounds = _Bounds(left.numerator * right.numerator, left.denominator * right.denominator, is_on_grid)
    elif is_on_grid:
        denominator = max(left.denominator, right.denominator)
        parts = (side.numerator * (denominator // side.denominator) for side in (left, right))
        bounds = _Bounds(sum(parts), denominator, True)
    else:
        numerator = left.numerator * right.denominator + right.numerator * left.denominator
        bounds = _Bounds(numerator, left.denominator * right.denominator, False)
    magnitudes += [bounds.numerator, bounds.denominator]
    return bounds


def _bounds_of_quotient(left: _Bounds, right: _Bounds, grid: int, division: str, magnitudes: list[int]) -> _Bounds:
    numerator, denominator = left.numerator * right.denominator, right.numerator * left.denominator
    if division not in ("exact", "quotient"):
        return _Bounds(numerator, denominator, False)
    numerator, denominator = numerator * grid, denominator * grid
    magnitudes += [numerator, denominator]
    return _Bounds(numerator, grid if division == "exact" else 1, True)


class _Run:
    """The evaluation of one block; gathers validity and carries on the way."""

    def __init__(self, arithmetic: Arithmetic, operands: list[np.ndarray], with_carries: bool) -> None:
        self._arithmetic = arithmetic
        self._operands = operands
        self._with_carries = with_carries
        self.is_valid = np.ones(len(operands[0]), dtype=bool)
        self.carries = np.zeros(len(operands[0]), dtype=np.int64)

    def evaluate(self, tree: Tree) -> _Value:
        if isinstance(tree, int):
            grid, bound = self._arithmetic._grid, self._arithmetic._operand_bound
            return _Value(self._operands[tree], grid, bound, grid)
        left, right = self.evaluate(tree[1]), self.evaluate(tree[2])
        if tree[0] == "*":
            return _Value(
                left.numerator * right.numerator,
                left.denominator * right.denominator,
                left.bound * right.bound,
                left.denominator_bound * right.denominator_bound,
            )
        return self._divide(left, right) if tree[0] == "/" else self._add(left, right, subtract=tree[0] == "-")

    def _add(self, left: _Value, right: _Value, *, subtract: bool) -> _Value:
        if isinstance(left.denominator, int) and isinstance(right.denominator, int):
            return self._add_on_grid(left, left.denominator, right, right.denominator, subtract=subtract)
        first = left.numerator * right.denominator
        second = right.numerator * left.denominator
        bound = left.bound * right.denominator_bound + right.bound * left.denominator_bound
        denominator_bound = left.denominator_bound * right.denominator_bound
        numerator = first - second if subtract else first + second
        return _Value(numerator, left.denominator * right.denominator, bound, denominator_bound)

    def _add_on_grid(
        self, left: _Value, left_denominator: int, right: _Value, right_denominator: int, *, subtract: bool
    ) -> _Value:
        # Both are powers of ten, so the larger is a multiple of the smaller.
        denominator = max(left_denominator, right_denominator)
        left_scale, right_scale = denominator // left_denominator, denominator // right_denominator
        first = left.numerator if left_scale == 1 else left.numerator * left_scale
        second = right.numerator if right_scale == 1 else right.numerator * right_scale
        bound = left.bound * left_scale + right.bound * right_scale
        if self._with_carries:
            self.carries += count_carries(first, second, bound, subtract=subtract)
        return _Value(first - second if subtract else first + second, denominator, bound, denominator)

    def _divide(self, left: _Value, right: _Value) -> _Value:
        is_zero = (right.numerator == 0).astype(bool)
        self.is_valid &= ~is_zero
        divisor = np.where(is_zero, 1, right.numerator)
        numerator, denominator = left.numerator * right.denominator, divisor * left.denominator
        bound, denominator_bound = left.bound * right.denominator_bound, right.bound * left.denominator_bound
        division = self._arithmetic._space.division
        if division == "quotient":
            return _Value(numerator // denominator, 1, bound, 1)
        if division == "exact":
            grid = self._arithmetic._grid
            numerator = numerator * grid
            quotient = numerator // denominator
            self.is_valid &= (quotient * denominator == numerator).astype(bool)
            return _Value(quotient, grid, bound * grid, grid)
        is_negative = (denominator < 0).astype(bool)
        sign = np.where(is_negative, -1, 1)
        return _Value(numerator * sign, denominator * sign, bound, max(denominator_bound, 1))


def _round_half_even(numerator: np.ndarray, denominator: np.ndarray | int) -> np.ndarray:
    """Returns numerator / denominator (positive) rounded to whole numbers, halves to the even one."""
    floor = numerator // denominator
    twice = 2 * (numerator - floor * denominator)
    rounds_up = (twice > denominator) | ((twice == denominator) & (floor % 2 == 1))
    return floor + rounds_up.astype(bool)
