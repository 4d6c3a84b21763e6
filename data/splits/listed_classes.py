"""The kept classes of an enumeration, where they are so few that all of them are listed."""

import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class ListedClasses:
    """Where the kept classes of an enumeration stand, or a sample of them, and how many equations each has.

    Attributes:
        positions: rising, int64 or Python integers (n,).
        counts: int64 (n,).
        block_size: number of positions whose equations are written together.
        total: how many equations all classes have, about that where these are a sample.
    """

    positions: np.ndarray
    counts: np.ndarray
    block_size: int
    total: int

    @property
    def num_equations(self) -> int:
        """How many equations these have."""
        return int(self.block_ends[-1]) if len(self.block_ends) else 0

    def find_spare(self, count: int) -> int:
        """Returns how many of these equations are left when `count` of all are taken, in proportion."""
        return max(self.num_equations - count * self.num_equations // max(self.total, 1), 0)

    @cached_property
    def blocks(self) -> np.ndarray:
        """The first class of each block that has one, and the number of all classes, int64 (blocks + 1,)."""
        numbers = self.positions // self.block_size
        is_first = np.append(True, numbers[1:] != numbers[:-1])
        return np.append(np.flatnonzero(is_first[: len(numbers)]), len(numbers))

    @cached_property
    def block_positions(self) -> np.ndarray:
        """The position at which each of these blocks begins, (blocks,)."""
        return self.positions[self.blocks[:-1]] // self.block_size * self.block_size

    @cached_property
    def block_ends(self) -> np.ndarray:
        """The number of equations up to the end of each of these blocks, int64 (blocks,)."""
        return np.append(0, np.cumsum(self.counts))[self.blocks[1:]]

    def between(self, start: int, stop: int) -> np.ndarray:
        """Returns the positions start..stop-1 that have a class, rising, (m,)."""
        low, high = (bisect.bisect_left(self.positions, end) for end in (start, stop))
        return self.positions[low:high]

    def take(self, first: int, end: int, *, most: int) -> Iterator[tuple[slice, int]]:
        """Yields runs of whole blocks that hold the equations `first` to `end` - 1: their classes, and what is before.

        Args:
            first: the first equation.
            end: behind the last equation.
            most: how many classes to yield together, unless a single block has more.

        Raises:
            ValueError: there are fewer equations.
        """
        if first < end and end > self.num_equations:
            raise ValueError(f"the enumeration ends at ordinal {self.num_equations}, wanted up to {end}")
        block = int(np.searchsorted(self.block_ends, first, side="right"))
        last = int(np.searchsorted(self.block_ends, max(end - 1, first), side="right"))
        while first < end and block <= last:
            stop = int(np.searchsorted(self.blocks, int(self.blocks[block]) + most, side="right")) - 1
            stop = min(max(stop, block + 1), last + 1)
            before = int(self.block_ends[block - 1]) if block else 0
            yield slice(int(self.blocks[block]), int(self.blocks[stop])), before
            block = stop

    def count_classes(self, first: int, end: int) -> int:
        """Returns how many classes have one of the equations `first` to `end` - 1."""
        ends = np.cumsum(self.counts)
        return int(((ends > first) & (ends - self.counts < end)).sum())
