"""An equation space: a finite ordered set with an exact size, `unrank` and `rank`, and nothing stored.

A space is a union of boxes. A box is a shape with a domain for each operand; within it the operands are the digits of
a mixed-radix number, the last one running fastest. Operands are whole numbers of grid steps: with two decimals 1.5 is
150.
"""

import bisect
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from eqstream.data.permutation import index_dtype
from eqstream.data.space.shapes import Shape


@dataclass(frozen=True)
class Domain:
    """A set of grid integers, as sorted disjoint intervals with both ends included."""

    intervals: tuple[tuple[int, int], ...]

    @property
    def size(self) -> int:
        """Number of values."""
        return sum(high - low + 1 for low, high in self.intervals)

    @property
    def bound(self) -> int:
        """The largest magnitude of a value, 0 for an empty domain."""
        return max((max(abs(low), abs(high)) for low, high in self.intervals), default=0)

    def intersect(self, other: "Domain") -> "Domain":
        """Returns the values that are in both domains."""
        pairs = itertools.product(self.intervals, other.intervals)
        cuts = [(max(low, other_low), min(high, other_high)) for (low, high), (other_low, other_high) in pairs]
        return Domain(tuple(sorted((low, high) for low, high in cuts if low <= high)))

    def without(self, other: "Domain") -> "Domain":
        """Returns the values that are in this domain and not in the other."""
        remaining = list(self.intervals)
        for low, high in other.intervals:
            pieces = []
            for start, end in remaining:
                pieces += [(start, min(end, low - 1)), (max(start, high + 1), end)]
            remaining = [(start, end) for start, end in pieces if start <= end]
        return Domain(tuple(sorted(set(remaining))))

    def unrank(self, places: np.ndarray) -> np.ndarray:
        """Returns the value at each place (n,), counted from 0 in rising order."""
        places = self._widen(places)
        values = places + self.intervals[0][0]
        start = 0
        for (low, high), (next_low, _) in itertools.pairwise(self.intervals):
            start += high - low + 1
            values = np.where(places >= start, places - start + next_low, values)
        return values

    def rank(self, values: np.ndarray) -> np.ndarray:
        """Returns the place of each value (n,); the inverse of `unrank`.

        Raises:
            ValueError: a value is not in the domain.
        """
        values = self._widen(values)
        places = np.full(values.shape, -1, dtype=values.dtype)
        start = 0
        for low, high in self.intervals:
            inside = (values >= low) & (values <= high)
            places = np.where(inside, values - low + start, places)
            start += high - low + 1
        if (places < 0).any():
            raise ValueError(f"operand {values[places < 0][0]} (in grid steps) is not in the space")
        return places

    def _widen(self, numbers: np.ndarray) -> np.ndarray:
        """Returns the numbers in a type that holds the values: a small domain may lie far from 0."""
        return numbers.astype(object) if index_dtype(self.bound) is object else numbers


@dataclass(frozen=True)
class Box:
    """A shape, by its number in the list of shapes, and the domain of each of its operands."""

    shape: int
    domains: tuple[Domain, ...]

    @property
    def size(self) -> int:
        """Number of equations."""
        return math.prod(domain.size for domain in self.domains)


@dataclass(frozen=True)
class Group:
    """Equations of one shape within a block.

    Attributes:
        shape: the shape's number.
        rows: places in the block, rising, shape (n,).
        operands: one array (n,) of grid integers per operand.
    """

    shape: int
    rows: np.ndarray
    operands: list[np.ndarray]


@dataclass(frozen=True)
class EquationSpace:
    """The union of boxes, in their order.

    >>> digit = Domain(((0, 9),))
    >>> space = EquationSpace((Shape(("+", 0, 1), brackets=False),), (Box(0, (digit, digit)),))
    >>> space.size
    100
    >>> [operand.tolist() for operand in space.unrank(np.array([37]))[0].operands]
    [[3], [7]]
    """

    shapes: tuple[Shape, ...]
    boxes: tuple[Box, ...]
    starts: tuple[int, ...] = field(init=False)
    size: int = field(init=False)
    _boxes_of_shapes: dict[int, list[int]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ends = list(itertools.accumulate((box.size for box in self.boxes), initial=0))
        object.__setattr__(self, "starts", tuple(ends[:-1]))
        object.__setattr__(self, "size", ends[-1])
        boxes_of_shapes: dict[int, list[int]] = {}
        for number, box in enumerate(self.boxes):
            boxes_of_shapes.setdefault(box.shape, []).append(number)
        object.__setattr__(self, "_boxes_of_shapes", boxes_of_shapes)

    def unrank(self, indices: np.ndarray) -> list[Group]:
        """Returns the equations at `indices` (n,), in [0, size), grouped by box; rows say which index is whose.

        Raises:
            ValueError: an index is out of range.
        """
        if not len(indices):
            return []
        low, high = indices.min(), indices.max()
        if low < 0 or high >= self.size:
            raise ValueError(f"index {low if low < 0 else high} is not in [0, {self.size})")
        # Numbers of 64 bits may be valid in a space whose own numbers need more.
        indices = indices.astype(index_dtype(self.size), copy=False)
        if len(self.boxes) == 1:
            return [self._unrank_box(self.boxes[0], np.arange(len(indices)), indices)]
        return [
            self._unrank_box(self.boxes[number], rows, indices[rows] - self.starts[number])
            for number, rows in self._group_by_box(indices)
        ]

    def rank(self, groups: Sequence[Group]) -> np.ndarray:
        """Returns the index of each equation, by row; the inverse of `unrank`.

        Raises:
            ValueError: an equation is not in the space.
        """
        ranks = np.zeros(sum(len(group.rows) for group in groups), dtype=index_dtype(self.size))
        for group in groups:
            unfound = np.ones(len(group.rows), dtype=bool)
            for number in self._boxes_of_shapes.get(group.shape, ()):
                box = self.boxes[number]
                inside = unfound & _is_in_box(box, group.operands)
                columns = [operand[inside] for operand in group.operands]
                ranks[group.rows[inside]] = self._rank_box(box, columns) + self.starts[number]
                unfound &= ~inside
            if unfound.any():
                raise ValueError(f"the equation in row {group.rows[unfound][0]} is not in the space")
        return ranks

    def _group_by_box(self, indices: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        if indices.dtype == object:
            numbers = np.array([bisect.bisect_right(self.starts, index) - 1 for index in indices])
        else:
            numbers = np.searchsorted(np.array(self.starts, dtype=np.int64), indices, side="right") - 1
        if len(self.boxes) <= 1 << 16:
            # numpy sorts 16-bit integers by radix, many times faster than wider ones.
            numbers = numbers.astype(np.uint16)
        order = np.argsort(numbers, kind="stable")
        ordered = numbers[order]
        edges = np.flatnonzero(np.diff(ordered, prepend=ordered[0] + 1))
        for start, end in itertools.pairwise([*edges, len(order)]):
            yield int(ordered[start]), order[start:end]

    def _unrank_box(self, box: Box, rows: np.ndarray, places: np.ndarray) -> Group:
        operands = []
        for domain in reversed(box.domains[1:]):
            rest = places // domain.size
            operands.append(domain.unrank(places - rest * domain.size))
            places = rest
        operands.append(box.domains[0].unrank(places))
        return Group(box.shape, rows, operands[::-1])

    def _rank_box(self, box: Box, operands: list[np.ndarray]) -> np.ndarray:
        dtype = index_dtype(self.size)
        ranks = np.zeros(len(operands[0]), dtype=dtype)
        for domain, operand in zip(box.domains, operands, strict=True):
            ranks = ranks * domain.size + domain.rank(operand).astype(dtype)
        return ranks


def _is_in_box(box: Box, operands: list[np.ndarray]) -> np.ndarray:
    inside = np.ones(len(operands[0]), dtype=bool)
    for domain, operand in zip(box.domains, operands, strict=True):
        matches = [(operand >= low) & (operand <= high) for low, high in domain.intervals]
        inside &= np.logical_or.reduce(matches).astype(bool)
    return inside
