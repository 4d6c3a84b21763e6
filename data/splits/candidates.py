"""The candidates of an enumeration: from positions to the classes of twins that are kept there."""

import dataclasses
import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from eqstream.data.permutation import Shuffle, WidePermutation, derive_seed, index_dtype, make_permutation
from eqstream.data.space.section_union import SectionUnion
from eqstream.data.splits.class_filter import ClassFilter
from eqstream.data.splits.twin_classes import TwinClasses, TwinFinder
from eqstream.data.wide_numbers import WideNumbers

# Positions whose equations are computed and written together, which the order of records depends on. It bounds memory,
# and twins stay within it; 2 ** 16 lets numpy sort their places as 16-bit numbers.
BLOCK_SIZE = 1 << 16


def position_blocks(start: int, stop: int, block_size: int = BLOCK_SIZE) -> Iterator[np.ndarray]:
    """Yields the positions start..stop-1 in arrays of at most `block_size`."""
    for low in range(start, stop, block_size):
        high = min(low + block_size, stop)
        yield np.arange(low, high, dtype=index_dtype(high))


@dataclass(frozen=True)
class KeptClasses:
    """The kept classes of some positions.

    Attributes:
        groups: the classes, those of one section together; their rows are places among the positions.
        num_positions: how many positions were looked at.
    """

    groups: tuple[TwinClasses, ...]
    num_positions: int

    @property
    def num_equations(self) -> int:
        """Number of equations that have an ordinal at these positions."""
        return sum(int(group.member_counts.sum()) for group in self.groups)

    @functools.cached_property
    def counts(self) -> np.ndarray:
        """Number of equations at each position, int64 (num_positions,)."""
        counts = np.zeros(self.num_positions, dtype=np.int64)
        for group in self.groups:
            counts[group.rows] = group.member_counts
        return counts

    @property
    def starts(self) -> np.ndarray:
        """For each kept class in turn the number of equations before it, int64 (number of classes,)."""
        return (np.cumsum(self.counts) - self.counts)[self.counts > 0]


class Candidates:
    """Every equation of some boxes of a space once, in the order of a seeded permutation.

    Args:
        boxes: the equations.
        twins: finds their classes.
        kept: says which classes are kept.
        seed: of the recipe.
        scope: names the enumeration, for the permutation's own seed.
        is_wide: whether the permutation is a `WidePermutation`, where the size allows it.

    Attributes:
        boxes: as given.
        twins: as given.
        filter: `kept`.
        keeps_all: whether every equation of the boxes is a member of a kept class.
    """

    def __init__(
        self, boxes: SectionUnion, twins: TwinFinder, kept: ClassFilter, *, seed: int, scope: str, is_wide: bool
    ) -> None:
        self.boxes = boxes
        self._keeps_all_classes = kept.keeps_all(boxes)
        self.keeps_all = twins.commuted != "drop" and self._keeps_all_classes
        self.twins, self.filter = twins, kept
        self._seed, self._scope, self._is_wide = seed, scope, is_wide

    @functools.cached_property
    def permutation(self) -> Shuffle:
        """The permutation."""
        # Of thousands of enumerations few may ever be walked.
        seed = derive_seed(self._seed, "walk", self._scope)
        return make_permutation(max(self.boxes.size, 1), seed, is_wide=self._is_wide)

    def kept_at(self, positions: np.ndarray) -> KeptClasses:
        """Returns the kept classes of any positions (n,), at most `BLOCK_SIZE`."""
        return self._keep(self._find_indices(positions))

    def count_at(self, positions: np.ndarray) -> np.ndarray:
        """Returns the number of equations at each of any positions, int64 (n,); at most `BLOCK_SIZE`."""
        if not self._keeps_all_classes:
            return self.kept_at(positions).counts
        located = self.boxes.locate(self._find_indices(positions))
        if len(located) == 1:
            return self.twins.count(located[0])
        counts = np.empty(len(positions), dtype=np.int64)
        for each in located:
            counts[each.rows] = self.twins.count(each)
        return counts

    def find_kept(self, positions: np.ndarray) -> tuple[TwinClasses, ...]:
        """Returns the classes of positions (n,) that are known to be kept."""
        return tuple(map(self.twins.find, self.boxes.locate(self._find_indices(positions))))

    def find_first_kept(self, positions: np.ndarray, is_kept: np.ndarray, most: int) -> KeptClasses:
        """Returns the first kept classes of positions (n,), at most so many, where `is_kept`, bool (n,), is true."""
        rows = np.flatnonzero(is_kept)[:most]
        groups = self.find_kept(positions[rows])
        placed = tuple(dataclasses.replace(group, rows=rows.take(group.rows)) for group in groups)
        return KeptClasses(placed, len(is_kept))

    def list_kept(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns where the classes are kept that have some indices of boxes, given as (n,).

        These are the positions, rising, and the number of equations at each, both (number of kept classes,).
        """
        found = [(np.zeros(0, dtype=index_dtype(self.boxes.size)), np.zeros(0, dtype=np.int64))]
        for start in range(0, len(indices), BLOCK_SIZE):
            some = indices[start : start + BLOCK_SIZE]
            counts = self._keep(some).counts
            found.append((self.permutation.inverse(some[counts > 0]), counts[counts > 0]))
        positions, counts = map(np.concatenate, zip(*found, strict=True))
        if (counts == 1).all():
            # Millions of classes of one equation need no memory for that.
            return np.sort(positions), np.broadcast_to(np.int64(1), counts.shape)
        order = np.argsort(positions)
        return positions[order], counts[order]

    def _find_indices(self, positions: np.ndarray) -> np.ndarray | WideNumbers:
        """Returns the index at each of the positions (n,)."""
        if isinstance(self.permutation, WidePermutation):
            return self.permutation.forward_wide(positions)
        return self.permutation.forward(positions)

    def _keep(self, indices: np.ndarray | WideNumbers) -> KeptClasses:
        kept = (self.filter.keep(self.twins.find(each)) for each in self.boxes.locate(indices))
        return KeptClasses(tuple(classes for classes in kept if len(classes)), len(indices))
