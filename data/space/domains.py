"""Sets of operands, and boxes: a set for each operand of an equation.

Operands are whole numbers of grid steps: with two decimals 1.5 is 150.
"""

import itertools
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from eqstream.data.permutation import index_dtype


@dataclass(frozen=True)
class Domain:
    """A set of grid integers, as sorted disjoint intervals with both ends included."""

    intervals: tuple[tuple[int, int], ...]

    @cached_property
    def size(self) -> int:
        """Number of values."""
        return sum(high - low + 1 for low, high in self.intervals)

    @cached_property
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
            pieces: list[tuple[int, int]] = []
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


Box = tuple[Domain, ...]


def count_operands(box: Box) -> int:
    """Returns the number of combinations of operands in a box."""
    return math.prod(domain.size for domain in box)


def is_in_box(box: Box, operands: np.ndarray) -> np.ndarray:
    """Returns whether the operands (num_terms, n) of each equation are in a box, shape (n,)."""
    inside = np.ones(operands.shape[1], dtype=bool)
    for domain, operand in zip(box, operands, strict=True):
        matches = [(operand >= low) & (operand <= high) for low, high in domain.intervals]
        inside &= np.logical_or.reduce(matches).astype(bool)
    return inside
