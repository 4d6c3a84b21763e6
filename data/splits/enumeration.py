"""The shuffled enumeration of kept equations: from positions to classes of twins, and to their members.

An enumeration visits every equation of its boxes once, in the order of a seeded permutation. It keeps the canonical
member of each class that its filter keeps. A kept class stands for all its members: they have consecutive *ordinals*,
numbered over the whole enumeration.
"""

import functools
from collections.abc import Callable, Iterator

import numpy as np

from eqstream.data.permutation import derive_seed, index_dtype
from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.space.section_union import SectionUnion
from eqstream.data.splits.candidates import BLOCK_SIZE, Candidates, KeptClasses, position_blocks
from eqstream.data.splits.class_filter import ClassFilter
from eqstream.data.splits.few_candidates import ListedCandidates
from eqstream.data.splits.listed_classes import ListedClasses
from eqstream.data.splits.recent_classes import RecentClasses
from eqstream.data.splits.twin_classes import TwinFinder
from eqstream.data.splits.twin_order import TwinOrder

# Balanced sampling takes a little from each of many enumerations.
BLOCK_SIZE_OF_STRATUM = 1 << 12
# Where canonical shapes alone are enumerated, nearly all are kept, and a class may have thousands of members.
BLOCK_SIZE_OF_CLASSES = 1 << 7
# Numbers beyond 63 bits are Python's own, hundreds of times slower: a small split must not pay for a large block.
BLOCK_SIZE_OF_HUGE_SPACE = 1 << 10
# Such blocks are computed together, as far as they are wanted: numpy's calls cost more than so few numbers.
_HUGE_BLOCKS_AT_ONCE = 16


class Enumeration:
    """The kept equations of some boxes of a space, in shuffled order.

    Args:
        space: the space.
        boxes: the candidates.
        twins: finds their classes.
        kept: says which classes are kept.
        seed: of the recipe.
        scope: names the enumeration among those of the recipe, for its own seeds.
        block_size: number of positions whose equations are written together, at most `BLOCK_SIZE`; they are fewer where
            numbers are beyond 63 bits.
        list_few: returns candidates that hold all kept equations, or a sample of such, or None; see `listed`.

    Attributes:
        candidates: the candidates, in shuffled order.
        block_size: as given, or less.
        is_huge: whether candidates are slow to look at, as their numbers are beyond 63 bits.
        size: number of positions.
        num_equations: number of equations of the boxes with all their twins, kept or not.
        keeps_all: whether every equation of the boxes is a member of a kept class, so that their number has a closed
            form.
        is_identity: whether, moreover, the ordinal of an equation is its position.
        is_canonical: whether canonical shapes alone are among the candidates.
        largest_class: the most members that are written of one class.
        has_larger_classes: whether a class can have several members that are written.
    """

    def __init__(
        self,
        space: PreparedSpace,
        boxes: SectionUnion,
        twins: TwinFinder,
        kept: ClassFilter,
        *,
        seed: int,
        scope: str,
        block_size: int = BLOCK_SIZE,
        list_few: Callable[[], ListedCandidates | None] | None = None,
    ) -> None:
        is_listed = space.shapes.is_listed
        self._space, self._seed, self._scope = space, seed, scope
        self.candidates = Candidates(boxes, twins, kept, seed=seed, scope=scope, is_wide=not is_listed)
        self.size, self.num_equations = boxes.size, boxes.num_equations
        self._list_few = list_few
        self.is_huge = is_listed and (index_dtype(boxes.size) is object or not space.arithmetic.is_native)
        self.block_size = min(block_size, BLOCK_SIZE_OF_HUGE_SPACE) if self.is_huge else block_size
        self.is_canonical = boxes.is_canonical
        self.largest_class = twins.largest_class
        if self.is_canonical:
            self.block_size = min(block_size, BLOCK_SIZE_OF_CLASSES)
            self.largest_class = min(boxes.largest_class, twins.largest_class)
        self.keeps_all = self.candidates.keeps_all
        self.is_identity = self.keeps_all and twins.commuted == "ignore"
        self.has_larger_classes = twins.commuted == "together"

    @functools.cached_property
    def _recent(self) -> RecentClasses:
        return RecentClasses(self.candidates)

    @functools.cached_property
    def order(self) -> TwinOrder:
        """That of the equations of each block."""
        return TwinOrder(self._space, derive_seed(self._seed, "orientation", self._scope))

    @property
    def listed(self) -> ListedClasses | None:
        """All kept classes, or a sample of them, where they are few and known without a search; None elsewhere."""
        return None if self._list_few is None else self._listed

    @functools.cached_property
    def _listed(self) -> ListedClasses | None:
        found = None if self._list_few is None else self._list_few()
        if found is None:
            return None
        positions, counts = self.candidates.list_kept(found.indices)
        total = int(counts.sum()) * found.size // max(len(found.indices), 1)
        return ListedClasses(positions, counts, self.block_size, total)

    def position_blocks(self, start: int, stop: int, block_size: int = BLOCK_SIZE) -> Iterator[np.ndarray]:
        """Yields the positions start..stop-1, rising, at most `block_size` at once; of listed classes no others."""
        if self.listed is None:
            yield from position_blocks(start, stop, block_size)
            return
        within = self.listed.between(start, stop)
        for first in range(0, len(within), block_size):
            yield within[first : first + block_size]

    def count(self, start: int, stop: int) -> int:
        """Returns the number of equations kept from the positions start..stop-1."""
        return sum(int(self.candidates.count_at(positions).sum()) for positions in position_blocks(start, stop))

    def count_blocks(self, start: int, stop: int) -> list[int]:
        """Returns the number of equations in each of the blocks that the positions start..stop-1 are."""
        counts: list[int] = []
        for positions in position_blocks(start, stop, BLOCK_SIZE // self.block_size * self.block_size):
            numbers = self.candidates.count_at(positions)
            counts += np.add.reduceat(numbers, np.arange(0, len(positions), self.block_size)).tolist()
        return counts

    def counts_at(self, start: int, stop: int) -> np.ndarray:
        """Returns the number of equations at each of the positions start..stop-1, at least one, int64 (n,)."""
        return np.concatenate([self.candidates.count_at(positions) for positions in position_blocks(start, stop)])

    @property
    def notes_kept(self) -> bool:
        """Whether counting notes where classes are kept.

        It does where candidates are slow to look at, or little is taken from each of many enumerations.
        """
        is_worthwhile = self.is_huge or self.block_size <= BLOCK_SIZE_OF_STRATUM
        return is_worthwhile and self.block_size % 8 == 0 and self.listed is None

    def equations_at(self, positions: np.ndarray, turn: int, *, most: int | None = None) -> EquationBlock | None:
        """Returns all equations at any positions (n,), or None if there is none; twins stand far apart.

        Args:
            positions: at most `BLOCK_SIZE`.
            turn: decides, by a draw, which twin of each class comes first.
            most: how many of the equations to take, from the first class on; None for all.
        """
        kept = self.candidates.kept_at(positions)
        high = kept.num_equations if most is None else min(most, kept.num_equations)
        if not high:
            return None
        return self.order.arrange(kept.groups, kept.counts, turn=turn, low=0, high=high, block_size=len(positions))

    def equations(
        self,
        first: int,
        count: int,
        *,
        position: int = 0,
        before: int = 0,
        kept: np.ndarray | None = None,
        limit: int | None = None,
    ) -> Iterator[EquationBlock]:
        """Yields the equations with the ordinals first..first+count-1.

        Args:
            first: the first ordinal wanted.
            count: how many equations are wanted.
            position: where to start looking, a multiple of `block_size`.
            before: number of equations kept before `position`; at most `first`.
            kept: whether there is a class at each position from `position` on, bool (n,), at least as far as the class
                of the last equation; None if that is not known.
            limit: how many equations to yield at most of those that are computed together, from the first one on.

        Raises:
            ValueError: the enumeration ends before.
        """
        if self.listed is not None:
            yield from self._list_equations(self.listed, first, count, limit=limit)
            return
        start, end = position, first + count
        while count and before < end:
            stop = self._find_stop(position, end - before)
            if position == stop:
                raise ValueError(f"the enumeration ends at ordinal {before}, wanted up to {end}")
            if kept is None:
                found = self._recent.look_at(next(position_blocks(position, stop)))
            else:
                # Each class has one equation, at least.
                found = self._find_first(position, kept[position - start : stop - start], end - before)
            num_found = found.num_equations
            if num_found and before + num_found > first:
                low, high = max(first - before, 0), min(end - before, num_found)
                yield self.order.arrange(
                    found.groups,
                    found.counts,
                    turn=position,
                    low=low,
                    high=high,
                    block_size=self.block_size,
                    limit=limit,
                )
            before += num_found
            position = stop

    def _list_equations(
        self, listed: ListedClasses, first: int, count: int, *, limit: int | None
    ) -> Iterator[EquationBlock]:
        """Yields what `equations` does, of listed classes."""
        end = first + count
        for rows, before in listed.take(first, end, most=BLOCK_SIZE):
            positions, counts = listed.positions[rows], listed.counts[rows]
            yield self.order.arrange(
                self.candidates.find_kept(positions),
                counts,
                turn=0,
                low=max(first - before, 0),
                high=min(end - before, int(counts.sum())),
                block_size=self.block_size,
                limit=limit,
                positions=positions,
            )

    def _find_stop(self, position: int, num_wanted: int) -> int:
        """Returns the end of the positions to look at together from `position` on, for so many equations."""
        num_blocks = min(-(-num_wanted // self.block_size), _HUGE_BLOCKS_AT_ONCE) if self.is_huge else 1
        return min(position + num_blocks * self.block_size, self.size)

    def find_class(self, ordinal: int, *, position: int = 0, before: int = 0) -> tuple[int, int]:
        """Returns the position of the class that has the equation `ordinal`, and the ordinal at which it ends.

        Args:
            ordinal: of any member.
            position: where to start looking, a multiple of `block_size`.
            before: number of equations kept before `position`; at most `ordinal`.

        Raises:
            ValueError: the enumeration ends before.
        """
        while kept := self.block(position):
            ends = np.cumsum(kept.counts)
            if ends[-1] > ordinal - before:
                row = int(np.searchsorted(ends, ordinal - before, side="right"))
                return position + row, before + int(ends[row])
            before += int(ends[-1])
            position += kept.num_positions
        raise ValueError(f"the enumeration ends at ordinal {before}, wanted {ordinal}")

    def next_class(self, ordinal: int, *, position: int = 0, before: int = 0, kept: np.ndarray | None = None) -> int:
        """Returns the first ordinal, at or after `ordinal`, at which a class begins; past the last class its end.

        Args:
            ordinal: of any member of a class of the block at `position`.
            position: a multiple of `block_size`.
            before: number of equations kept before `position`; at most `ordinal`.
            kept: where the classes of the block at `position` are, bool (n,), as far as the one that has the ordinal;
                None if that is not known.
        """
        found = self.block(position) if kept is None else self._find_first(position, kept, ordinal - before + 1)
        if not found:
            return before
        # The next class, wherever it stands, begins where the last one that was found ends.
        begins = np.append(0, np.cumsum(found.counts[found.counts > 0]))
        return before + int(begins[np.searchsorted(begins, ordinal - before)])

    def block(self, position: int) -> KeptClasses | None:
        """Returns the kept classes of the block that begins at `position`, None behind the last position."""
        for positions in position_blocks(position, min(position + self.block_size, self.size)):
            return self._recent.look_at(positions)
        return None

    def _find_first(self, position: int, kept: np.ndarray, most: int) -> KeptClasses:
        """Returns the first kept classes from `position` on, at most so many, where `kept`, bool (n,), is true."""
        positions = next(position_blocks(position, position + len(kept)))
        return self.candidates.find_first_kept(positions, kept, most)
