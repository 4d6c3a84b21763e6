"""How large the values of a space can get, found without listing its shapes.

Trees are built up from smaller ones. All that matters of a tree are bounds on its value's numerator and denominator,
and larger bounds never lead to smaller ones: of all trees with equally many operands only the largest bounds are kept.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from eqstream.data.space_recipe import SpaceRecipe


class Bounds(NamedTuple):
    """Bounds on a value's numerator and denominator; on a grid the denominator is one power of ten, and exact."""

    numerator: int
    denominator: int
    is_on_grid: bool


class SpaceBounds(NamedTuple):
    """What the values of a space are below.

    Attributes:
        answer_decimals: how many decimals an answer has, divisions taken to stay on their grid.
        answer: the largest magnitude of an answer in steps of 10 ** -`answer_decimals`; of fractions, of either part.
        magnitude: the largest number that computing an answer can meet on its way.
    """

    answer_decimals: int
    answer: int
    magnitude: int


def bound_space(space: SpaceRecipe, operand_bound: int) -> SpaceBounds:
    """Returns bounds on the values of a space.

    Args:
        space: the recipe of the space.
        operand_bound: the largest magnitude of an operand, in grid steps.
    """
    divides = "/" in space.operators
    rounds, is_fraction = (divides and space.division == division for division in ("decimal", "fraction"))
    decimals = _most_decimals(space)
    answer_decimals = space.places if rounds else decimals
    sizes = range(space.terms.min, space.terms.max + 1)
    grower = _Grower(space, operand_bound)
    by_size = list(grower.grow())
    found = [bounds for size in sizes for bounds in by_size[size - 1]]
    scale = 10**answer_decimals
    magnitude = max(2 * (bounds.numerator * scale + bounds.denominator) for bounds in found)
    if is_fraction:
        answer = max(max(bounds.numerator, bounds.denominator) for bounds in found)
    else:
        answer = max(
            bounds.numerator * (scale // bounds.denominator)
            if bounds.is_on_grid and not rounds
            else bounds.numerator * scale + 1
            for bounds in found
        )
    return SpaceBounds(answer_decimals, answer, max(magnitude, grower.magnitude))


def _most_decimals(space: SpaceRecipe) -> int:
    """Returns how many decimals an exact value can have, at most, divisions taken to stay on their grid."""
    decimals = space.operands.decimals
    of_quotient = decimals if space.division == "exact" else 0
    most = 0
    for size in range(space.terms.min, space.terms.max + 1):
        if size == 1:
            most = max(most, decimals)
        elif "*" in space.operators:
            most = max(most, size * decimals)
        elif "+" in space.operators or "-" in space.operators:
            most = max(most, decimals)
        else:
            most = max(most, of_quotient)
    return most


class _Grower:
    """Bounds on the trees of a space, by number of operands."""

    def __init__(self, space: SpaceRecipe, operand_bound: int) -> None:
        self._space = space
        self._grid = 10**space.operands.decimals
        self._leaf = Bounds(max(operand_bound, 1), self._grid, True)
        # A difference has the bounds of a sum.
        self._sums = "+" if "+" in space.operators or "-" in space.operators else ""
        self._products = "".join(operator for operator in "*/" if operator in space.operators)
        self.magnitude = 0

    def grow(self) -> Iterator[list[Bounds]]:
        """Yields the largest bounds of trees with 1, 2, … operands."""
        trees, runs = [[self._leaf]], [[self._leaf]]
        yield trees[0]
        for size in range(2, self._space.terms.max + 1):
            if self._space.brackets:
                found = self._join(
                    trees, trees, left_sizes=range(1, size), size=size, operators=self._sums + self._products
                )
            else:
                # A sum ends with a run of products, and each of those with an operand.
                runs.append(
                    _largest(self._join(runs, trees[:1], left_sizes=[size - 1], size=size, operators=self._products))
                )
                found = [
                    *self._join(trees, runs, left_sizes=range(1, size), size=size, operators=self._sums),
                    *runs[-1],
                ]
            trees.append(_largest(found))
            yield trees[-1]

    def _join(
        self,
        lefts: Sequence[list[Bounds]],
        rights: Sequence[list[Bounds]],
        *,
        left_sizes: Iterable[int],
        size: int,
        operators: str,
    ) -> list[Bounds]:
        return [
            self._combine(operator, left, right)
            for left_size in left_sizes
            for left in lefts[left_size - 1]
            for right in rights[size - left_size - 1]
            for operator in operators
        ]

    def _combine(self, operator: str, left: Bounds, right: Bounds) -> Bounds:
        is_on_grid = left.is_on_grid and right.is_on_grid
        if operator == "/":
            bounds = self._divide(left, right)
        elif operator == "*":
            bounds = Bounds(left.numerator * right.numerator, left.denominator * right.denominator, is_on_grid)
        elif is_on_grid:
            denominator = max(left.denominator, right.denominator)
            parts = (side.numerator * (denominator // side.denominator) for side in (left, right))
            bounds = Bounds(sum(parts), denominator, True)
        else:
            numerator = left.numerator * right.denominator + right.numerator * left.denominator
            bounds = Bounds(numerator, left.denominator * right.denominator, False)
        self.magnitude = max(self.magnitude, bounds.numerator, bounds.denominator)
        return bounds

    def _divide(self, left: Bounds, right: Bounds) -> Bounds:
        numerator, denominator = left.numerator * right.denominator, right.numerator * left.denominator
        if self._space.division not in ("exact", "quotient"):
            return Bounds(numerator, denominator, False)
        numerator, denominator = numerator * self._grid, denominator * self._grid
        self.magnitude = max(self.magnitude, numerator, denominator)
        return Bounds(numerator, self._grid if self._space.division == "exact" else 1, True)


def _largest(found: Iterable[Bounds]) -> list[Bounds]:
    """Returns the bounds than which no others are larger; on a grid, for each denominator."""
    on_grid: dict[int, int] = {}
    others: dict[int, int] = {}
    for bounds in found:
        kept = on_grid if bounds.is_on_grid else others
        kept[bounds.denominator] = max(bounds.numerator, kept.get(bounds.denominator, 0))
    result = [Bounds(numerator, denominator, True) for denominator, numerator in on_grid.items()]
    most = 0
    for denominator, numerator in sorted(others.items(), reverse=True):
        if numerator > most:
            result.append(Bounds(numerator, denominator, False))
            most = numerator
    return result
