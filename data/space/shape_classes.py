"""Classes of bracketed shapes that are twins of each other: counted by operators, and unranked without a list.

The classes whose shapes have the same number of terms, every operator equally often and equally many twins make a
*family*. A class of a family is told by the operator at its root and by the classes of its two sides, each of a family
of its own, so how many there are follows from how many smaller ones there are. A *branch* is one way to come by classes
of a family: an operator, and a family for each side. All branches stand in one table, those of a family side by side,
and all classes are numbered in its order.
"""

import functools
import math
from typing import NamedTuple

import numpy as np

from eqstream.data.recipe_values import OPERATORS
from eqstream.data.space.shapes import OPERAND, ShapeColumns, ShapeSubset, TermShapes
from eqstream.data.space.trees import Steps
from eqstream.data.space.twins import find_canonical_places

# Ways to give each operator of a shape to its root, its left or its right side; some ten branches come of each, of some
# 20 bytes. Thirteen terms of all four operators have no more.
MOST_DIVISIONS = 400_000
# Numbers of classes, and products of two of them, stay below 63 bits.
_MOST_CLASSES = 1 << 61
# A family is known by how often it has each operator, and by its swaps, as digits to this base.
_BASE = 1 << 6
_KEY_STEPS = [_BASE ** (place + 1) for place in range(len(OPERATORS))]


class TooManyShapesError(ValueError):
    """There are too many branches for a table."""


class Family(NamedTuple):
    """Classes of shapes with as many twins.

    Attributes:
        number: of the family.
        operators: how often each of ``+-*/`` occurs.
        num_swaps: nodes that commute and whose sides are no twins: a class has 2 to this power shapes.
        num_alike: nodes that commute and whose sides are twins.
        num_classes: how many classes.
    """

    number: int
    operators: tuple[int, ...]
    num_swaps: int
    num_alike: int
    num_classes: int


class _Families(NamedTuple):
    """All families of one size, or the branches that lead to them; arrays (n,) of int64.

    The branches have a column for each of the two families, an operator's code and a case: 0 where the sides are of
    different families or do not commute, 1 where they are different classes of one, 2 where they are one class.
    """

    keys: np.ndarray
    counts: np.ndarray
    left: np.ndarray
    right: np.ndarray
    codes: np.ndarray
    cases: np.ndarray

    def take(self, rows: np.ndarray) -> "_Families":
        return _Families(*(column[rows] for column in self))


class ShapeClasses:
    """The classes of shapes of up to so many terms, with brackets.

    Args:
        max_terms: number of operands of the longest shapes.
        operators: those of the space.

    Raises:
        TooManyShapesError: a table would have more than `MOST_DIVISIONS`, or numbers beyond 61 bits.
    """

    def __init__(self, max_terms: int, operators: str) -> None:
        num_operators = len(operators)
        if num_operators * math.comb(max_terms - 2 + 2 * num_operators, 2 * num_operators) > MOST_DIVISIONS:
            raise TooManyShapesError
        self._codes = [OPERATORS.index(operator) for operator in operators]
        # Of each family, in the order of their numbers: key and size, as pieces for each number of terms.
        self._keys, self._counts = [np.zeros(1, dtype=np.int64)], [np.ones(1, dtype=np.int64)]
        leaf = _Families(*(np.full(1, value, dtype=np.int64) for value in (0, 1, 0, 0, OPERAND, 0)))
        pieces = [leaf]
        self._starts = [0, 0, 1]
        for terms in range(2, max_terms + 1):
            pieces.append(self._find_branches(terms))
            self._add_families(pieces[-1])
        columns = (np.concatenate(column) for column in zip(*pieces, strict=True))
        _, counts, left, right, codes, cases = columns
        if counts.astype(float).sum() > _MOST_CLASSES:
            raise TooManyShapesError
        self._ends = np.cumsum(counts)
        self._branch_starts = self._ends - counts
        self._left, self._right = left.astype(np.int32), right.astype(np.int32)
        self._codes_of_branches, self._cases = codes.astype(np.uint8), cases.astype(np.uint8)
        self._family_counts = np.concatenate(self._counts)
        self._family_starts = np.cumsum(self._family_counts) - self._family_counts
        sizes = [np.full(len(keys), terms + 1) for terms, keys in enumerate(self._keys)]
        self._family_sizes = np.concatenate(sizes)

    def _add_families(self, branches: _Families) -> None:
        edges = np.flatnonzero(np.diff(branches.keys, prepend=-1))
        self._keys.append(branches.keys[edges])
        self._counts.append(np.add.reduceat(branches.counts, edges))
        self._starts.append(self._starts[-1] + len(edges))

    def _find_branches(self, terms: int) -> _Families:
        """Returns the branches that lead to shapes of so many terms, by family."""
        pieces: list[_Families] = []
        for left_terms in range(1, terms):
            for code in self._codes:
                is_commutative = code & 1 == 0
                if is_commutative and 2 * left_terms < terms:
                    continue
                is_same_size = is_commutative and 2 * left_terms == terms
                pieces += self._pair(left_terms, terms - left_terms, code, is_same_size=is_same_size)
        branches = _Families(*(np.concatenate(column) for column in zip(*pieces, strict=True)))
        branches = branches.take(np.flatnonzero(branches.counts))
        return branches.take(np.argsort(branches.keys, kind="stable"))

    def _pair(self, left_terms: int, right_terms: int, code: int, *, is_same_size: bool) -> list[_Families]:
        """Returns the branches with an operator between sides of so many terms.

        Where the sides commute and have equally many, those that differ are paired once.
        """
        left, right = (np.arange(len(self._keys[terms - 1])) for terms in (left_terms, right_terms))
        left, right = (grid.ravel() for grid in np.meshgrid(left, right, indexing="ij"))
        if is_same_size:
            left, right = left[left > right], right[left > right]
        swaps = 1 if code & 1 == 0 else 0
        pieces = [self._join(left_terms, right_terms, left=left, right=right, code=code, case=0, swaps=swaps)]
        if is_same_size:
            both = np.arange(len(self._keys[left_terms - 1]))
            for case in (1, 2):
                pieces.append(
                    self._join(left_terms, right_terms, left=both, right=both, code=code, case=case, swaps=2 - case)
                )
        return pieces

    def _join(
        self,
        left_terms: int,
        right_terms: int,
        *,
        left: np.ndarray,
        right: np.ndarray,
        code: int,
        case: int,
        swaps: int,
    ) -> _Families:
        first, second = self._counts[left_terms - 1][left], self._counts[right_terms - 1][right]
        keys = self._keys[left_terms - 1][left] + self._keys[right_terms - 1][right] + swaps + _KEY_STEPS[code]
        if (first.astype(float) * second).max(initial=0) > _MOST_CLASSES:
            raise TooManyShapesError
        counts = first if case == 2 else first * (first - 1) // 2 if case == 1 else first * second
        starts = self._starts[left_terms], self._starts[right_terms]
        columns = (np.full(len(left), value) for value in (code, case))
        return _Families(keys, counts, left + starts[0], right + starts[1], *columns)

    def families(self, terms: int) -> list[Family]:
        """Returns the families of shapes with so many terms, in the order of their numbers."""
        found: list[Family] = []
        pairs = zip(self._keys[terms - 1].tolist(), self._counts[terms - 1].tolist(), strict=True)
        for number, (key, count) in enumerate(pairs, self._starts[terms]):
            operators = tuple(key // step % _BASE for step in _KEY_STEPS)
            swaps = key % _BASE
            num_alike = operators[0] + operators[2] - swaps
            found.append(Family(number, operators, swaps, num_alike, count))
        return found

    def unrank(self, terms: int, families: np.ndarray, ranks: np.ndarray) -> ShapeColumns:
        """Returns a shape of each class, any of its twins.

        Args:
            terms: number of operands of all classes.
            families: numbers of their families, int64 (n,).
            ranks: their numbers within these, int64 (n,).
        """
        num_rows = len(families)
        steps = Steps(*(np.zeros((terms - 1, num_rows), dtype=np.uint8) for _ in range(3)))
        operators = np.full((terms, num_rows), OPERAND, dtype=np.uint8)
        # The subtrees that are still to be taken apart, of all rows: the first leaf, at how many of the nodes above it
        # each stands on the right, family and number.
        rows, leaves, depths = np.arange(num_rows), *np.zeros((2, num_rows), dtype=np.int64)
        if terms == 1:
            rows = rows[:0]
        while len(rows):
            branches, left, right = self._split(families, ranks)
            pair = self._left.take(branches), self._right.take(branches)
            sizes, left_sizes = self._family_sizes.take(families), self._family_sizes.take(pair[0])
            step, middles = leaves + sizes - 2 - depths, leaves + left_sizes
            for column, values in ((steps.starts, leaves), (steps.middles, middles), (steps.ends, leaves + sizes)):
                column[step, rows] = values
            operators[middles, rows] = self._codes_of_branches.take(branches)
            # Family 0 is that of single operands.
            both = np.flatnonzero(np.concatenate(pair))
            families, ranks = (np.concatenate(sides).take(both) for sides in (pair, (left, right)))
            rows, leaves, depths = (
                np.concatenate(sides).take(both) for sides in ((rows, rows), (leaves, middles), (depths, depths + 1))
            )
        return ShapeColumns(operators, steps)

    def _split(self, families: np.ndarray, ranks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns the branch of each class, and the numbers of its sides within their families; all (n,)."""
        places = self._family_starts.take(families) + ranks
        branches = np.searchsorted(self._ends, places, side="right")
        ranks = places - self._branch_starts.take(branches)
        counts, cases = self._family_counts.take(self._right.take(branches)), self._cases.take(branches)
        left = ranks // counts
        right = ranks - left * counts
        # Two different classes of one family: from one on, round the circle of all, no more than half of it.
        left, right = np.where(cases == 1, right, left), np.where(cases == 1, (right + left + 1) % counts, right)
        return branches, np.where(cases == 2, ranks, left), np.where(cases == 2, ranks, right)


@functools.lru_cache(maxsize=2)
def find_classes(max_terms: int, operators: str) -> ShapeClasses | None:
    """Returns the classes of shapes of up to so many terms, with brackets; None if they are too many."""
    try:
        return ShapeClasses(max_terms, operators)
    except TooManyShapesError:
        return None


class ClassShapes(ShapeSubset):
    """The canonical shape of each class of some families, one family after the other.

    Args:
        shapes: all shapes with so many terms, in a space with brackets.
        classes: of the space.
        families: some of those with so many terms; at least one.

    Attributes:
        classes: as given.
        families: as given.
    """

    def __init__(self, shapes: TermShapes, classes: ShapeClasses, families: list[Family]) -> None:
        self.shapes = shapes
        self.classes, self.families = classes, families
        self._numbers = np.array([family.number for family in families])
        self._ends = np.cumsum([family.num_classes for family in families])
        self.count, self.is_canonical = int(self._ends[-1]), True
        self.num_twins = sum(family.num_classes << family.num_swaps for family in families)
        self.largest_class = max(1 << family.num_swaps + family.num_alike for family in families)

    def places(self, numbers: np.ndarray) -> np.ndarray:
        """Returns the place of each shape (n,), given its number among those that are taken."""
        which = np.searchsorted(self._ends, numbers, side="right")
        ranks = numbers - np.append(0, self._ends).take(which)
        columns = self.classes.unrank(self.shapes.num_terms, self._numbers.take(which), ranks)
        return find_canonical_places(self.shapes, columns)

    def numbers(self, places: np.ndarray) -> np.ndarray:
        """Is not known: what asks for it has no shapes chosen by their classes."""
        raise NotImplementedError

    @property
    def operators(self) -> str:
        """The operators that they may have."""
        pairs = zip(OPERATORS, map(any, zip(*(family.operators for family in self.families), strict=True)), strict=True)
        return "".join(operator for operator, occurs in pairs if occurs)

    @functools.cached_property
    def _by_operators(self) -> dict[int, int]:
        found: dict[int, int] = {}
        for family in self.families:
            bits = sum(1 << code for code, count in enumerate(family.operators) if count)
            found[bits] = found.get(bits, 0) + (family.num_classes << family.num_swaps)
        return found
