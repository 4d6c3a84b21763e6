"""How many equations each source has, as far as they were counted, and where in its enumeration they stand."""

import bisect
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from eqstream.data.collector import without_collector
from eqstream.data.splits.counting import CountingResult
from eqstream.data.splits.enumeration import Enumeration
from eqstream.data.splits.prepared_sources import PreparedSources


class KeptPositions(NamedTuple):
    """Where classes are kept in some blocks.

    Attributes:
        bits: as `CountingResult.kept` has them.
        rows: the places of the ones, (n,).
        ends: for each of these classes the number of equations up to its end, int64 (n,); where that was not noted, the
            number of classes, which is no more.
        is_exact: whether it was noted.
    """

    bits: bytes
    rows: np.ndarray
    ends: np.ndarray
    is_exact: bool

    def num_positions_up_to(self, numbers: np.ndarray) -> np.ndarray:
        """Returns how many positions suffice for the first `numbers` (n,) equations, each above 0, of these blocks."""
        places = np.searchsorted(self.ends, numbers)
        return self.rows[np.minimum(places, len(self.rows) - 1)] + 1


class SourceCounts:
    """The counts of one source.

    Nothing needs to be counted where ordinal and position are one, nor where all kept classes are listed: then the
    blocks are those that have one.

    Args:
        enumeration: of the source.

    Attributes:
        enumeration: as given.
        num_positions_counted: number of positions that were counted.
        num_found: number of equations at these.
        is_complete: whether all positions were counted, or need not be.
        total: number of equations of the source, or None if that isn't known yet; about that where a sample is listed.
        num_available: number of equations that are known to exist.
        most: number of equations that the source has at most.
    """

    def __init__(self, enumeration: Enumeration) -> None:
        self.enumeration = enumeration
        self._listed = enumeration.listed
        # Number of equations up to the end of each block, as far as all positions before it were counted; the last
        # block perhaps not to its end.
        self._ends: list[int] = [] if self._listed is None else self._listed.block_ends.tolist()
        # Where they have kept classes, and how many members these: pieces of `CountingResult.kept` and `members`.
        self._kept: list[bytes] = []
        self._members: list[bytes] = []
        self._later: dict[int, CountingResult] = {}
        # What `next_class` found: while splits are planned, little changes from one round of counting to the next.
        self._next_classes: dict[int, int] = {}
        self.num_positions_counted = 0
        self._sum_up()

    def add(self, result: CountingResult) -> None:
        """Takes in what was counted of some positions."""
        self._later[result.start] = result
        while (following := self._later.pop(self.num_positions_counted, None)) is not None:
            self._append(following)

    def _append(self, result: CountingResult) -> None:
        size, start, num_classes = self.enumeration.block_size, result.start, 0
        for count in result.counts:
            stop = min((start // size + 1) * size, result.stop)
            kept = result.kept[(start - result.start) // 8 : -(-(stop - result.start) // 8)]
            first, num_classes = num_classes, num_classes + int.from_bytes(kept).bit_count()
            members = result.members[first:num_classes]
            if start % size == 0:
                self._ends.append(count + (self._ends[-1] if self._ends else 0))
                self._kept.append(kept)
                self._members.append(members)
            else:
                self._ends[-1] += count
                self._kept[-1] += kept
                self._members[-1] += members
            start = stop
        self.num_positions_counted = result.stop
        self._next_classes.clear()
        self._sum_up()

    def _sum_up(self) -> None:
        """Finds out what follows from the counts; planning asks for it time and again."""
        enumeration, listed = self.enumeration, self._listed
        self.num_found = self._ends[-1] if self._ends else 0
        self.is_complete = listed is not None or self.num_positions_counted == enumeration.size
        self.total: int | None = None
        if enumeration.keeps_all:
            self.total = enumeration.num_equations
        elif self.is_complete:
            self.total = self.num_found if listed is None else listed.total
        self.num_available = self.num_found if self.total is None else self.total
        self.most = enumeration.num_equations if self.total is None else self.total

    @property
    def estimate(self) -> int:
        """Number of equations of the source, estimated from the counted positions if it isn't known yet."""
        total = self.total
        if total is not None or not self._ends:
            return total or 0
        return self.num_found * self.enumeration.size // self.num_positions_counted

    def ends(self) -> np.ndarray:
        """Returns the number of equations up to the end of each counted block, int64; none if none must be counted."""
        return np.array([] if self.enumeration.is_identity else self._ends, dtype=np.int64)

    def positions(self) -> np.ndarray:
        """Returns where each of these blocks begins, (blocks,)."""
        if self._listed is not None:
            return self._listed.block_positions
        return np.arange(len(self.ends())) * self.enumeration.block_size

    def locate(self, ordinal: int) -> tuple[int, int]:
        """Returns a position at or before that of the equation `ordinal`, and how many equations come before it.

        Raises:
            ValueError: that part of the enumeration was not counted.
        """
        if self.enumeration.is_identity:
            position = ordinal // self.enumeration.block_size * self.enumeration.block_size
            return position, position
        block = bisect.bisect_right(self._ends, ordinal)
        if block == len(self._ends):
            raise ValueError(f"ordinal {ordinal} was not counted, only {self.num_found} were")
        before = self._ends[block - 1] if block else 0
        if self._listed is not None:
            return int(self._listed.block_positions[block]), before
        return block * self.enumeration.block_size, before

    def list_kept(self, end: int, *, position: int, before: int) -> np.ndarray | None:
        """Returns whether a class is kept at each position from one on, bool (n,); None where that was not noted.

        Args:
            end: behind the last ordinal of interest; what is returned reaches as far.
            position: as `locate` returns it.
            before: likewise.
        """
        found = self.find_kept(*self.list_blocks(position, end))
        if found is None:
            return None
        (num_positions,) = found.num_positions_up_to(np.array([end - before])).tolist()
        return np.unpackbits(np.frombuffer(found.bits, dtype=np.uint8), count=num_positions).view(bool)

    def list_blocks(self, position: int, end: int) -> tuple[int, int]:
        """Returns the block at a position, and the one that the equation before the ordinal `end` is in."""
        return position // self.enumeration.block_size, bisect.bisect_left(self._ends, end)

    def find_kept(self, first: int, last: int) -> KeptPositions | None:
        """Returns where classes are kept in some blocks; None where that was not noted."""
        kept = self._kept[first : last + 1] if self._kept else []
        if self.enumeration.is_identity or not kept or not all(kept):
            return None
        bits, members = b"".join(kept), b"".join(self._members[first : last + 1])
        rows = np.flatnonzero(np.unpackbits(np.frombuffer(bits, dtype=np.uint8)))
        if len(members) < len(rows):
            return KeptPositions(bits, rows, np.arange(1, len(rows) + 1), is_exact=False)
        ends = np.cumsum(1 << np.frombuffer(members, dtype=np.uint8).astype(np.int64))
        return KeptPositions(bits, rows, ends, is_exact=True)

    def next_class(self, ordinal: int) -> int:
        """Returns the first ordinal, at or after `ordinal`, at which a class of twins begins.

        Behind what was counted it is the ordinal itself.
        """
        if ordinal == 0 or not self.enumeration.has_larger_classes or ordinal >= self.num_found:
            return ordinal
        if ordinal not in self._next_classes:
            self._next_classes[ordinal] = self._find_next_class(ordinal)
        return self._next_classes[ordinal]

    def _find_next_class(self, ordinal: int) -> int:
        """Returns what `next_class` does, of an ordinal above 0 that was counted."""
        position, before = self.locate(ordinal)
        if ordinal == before:
            return ordinal
        block = position // self.enumeration.block_size
        found = self.find_kept(block, block)
        if found is not None and found.is_exact:
            return before + int(found.ends[np.searchsorted(found.ends, ordinal - before)])
        kept = self.list_kept(ordinal + 1, position=position, before=before)
        return self.enumeration.next_class(ordinal, position=position, before=before, kept=kept)


class EquationCounts:
    """The counts of all sources of a recipe; `eqstream.data.splits.counting_policy` says what is to be counted.

    Args:
        sources: of the recipe.

    Attributes:
        sources: as given.
        by_source: the counts of each source, in the order of the sources.
    """

    def __init__(self, sources: PreparedSources) -> None:
        self.sources = sources
        with without_collector():
            self.by_source = [SourceCounts(sources.enumeration(number)) for number in range(len(sources))]

    def add(self, results: Iterable[CountingResult]) -> None:
        """Takes in results, in any order."""
        for result in results:
            self.by_source[result.source].add(result)

    @property
    def num_positions_counted(self) -> int:
        """Number of positions that were counted."""
        return sum(counts.num_positions_counted for counts in self.by_source)
