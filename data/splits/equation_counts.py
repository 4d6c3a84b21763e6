"""How many equations each source has, as far as they were counted, and where in its enumeration they stand."""

import bisect
from collections.abc import Iterable

import numpy as np

from eqstream.data.splits.counting import CountingResult
from eqstream.data.splits.enumeration import Enumeration
from eqstream.data.splits.prepared_sources import PreparedSources


class SourceCounts:
    """The counts of one source.

    Nothing needs to be counted where ordinal and position are one, nor where all kept classes are listed: then the
    blocks are those that have one.

    Args:
        enumeration: of the source.
    """

    def __init__(self, enumeration: Enumeration) -> None:
        self.enumeration = enumeration
        self._listed = enumeration.listed
        # Number of equations up to the end of each block, as far as all blocks before it were counted.
        self._ends: list[int] = [] if self._listed is None else self._listed.block_ends.tolist()
        # Where they have kept classes, a bit for each position; nothing where that was not noted.
        self._kept: list[bytes] = []
        self._later_blocks: dict[int, tuple[int, bytes]] = {}

    def add(self, result: CountingResult) -> None:
        """Takes in what was counted of some blocks."""
        size = self.enumeration.block_size // 8
        for place, count in enumerate(result.counts):
            kept = result.kept[place * size : (place + 1) * size]
            self._later_blocks[result.first_block + place] = count, kept
        while (block := len(self._ends)) in self._later_blocks:
            count, kept = self._later_blocks.pop(block)
            self._ends.append(self.num_found + count)
            self._kept.append(kept)

    @property
    def num_blocks(self) -> int:
        """Number of blocks that there are."""
        if self._listed is not None:
            return len(self._ends)
        return -(-self.enumeration.size // self.enumeration.block_size)

    @property
    def num_blocks_counted(self) -> int:
        """Number of blocks that were counted, from the first one on."""
        return len(self._ends)

    @property
    def num_positions_counted(self) -> int:
        """Number of positions in these blocks; none where no position was looked at."""
        if self._listed is not None:
            return 0
        return min(len(self._ends) * self.enumeration.block_size, self.enumeration.size)

    @property
    def num_found(self) -> int:
        """Number of equations in these blocks."""
        return self._ends[-1] if self._ends else 0

    @property
    def total(self) -> int | None:
        """Number of equations of the source, or None if that isn't known yet."""
        if self.enumeration.keeps_all:
            return self.enumeration.num_equations
        return self.num_found if len(self._ends) == self.num_blocks else None

    @property
    def num_available(self) -> int:
        """Number of equations that are known to exist."""
        total = self.total
        return self.num_found if total is None else total

    @property
    def estimate(self) -> int:
        """Number of equations of the source, estimated from the counted positions if it isn't known yet."""
        total = self.total
        if total is not None or not self._ends:
            return total or 0
        return self.num_found * self.enumeration.size // (len(self._ends) * self.enumeration.block_size)

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
        kept, rows = found
        # Each class has one equation, at least.
        num_positions = int(rows[: end - before][-1]) + 1
        return np.unpackbits(np.frombuffer(kept, dtype=np.uint8), count=num_positions).view(bool)

    def list_blocks(self, position: int, end: int) -> tuple[int, int]:
        """Returns the block at a position, and the one that the equation before the ordinal `end` is in."""
        return position // self.enumeration.block_size, bisect.bisect_left(self._ends, end)

    def find_kept(self, first: int, last: int) -> tuple[bytes, np.ndarray] | None:
        """Returns where classes are kept in some blocks: `CountingResult.kept`, and the places of its ones, (n,).

        It is None where that was not noted.
        """
        kept = self._kept[first : last + 1] if self._kept else []
        if self.enumeration.is_identity or not kept or not all(kept):
            return None
        bits = b"".join(kept)
        return bits, np.flatnonzero(np.unpackbits(np.frombuffer(bits, dtype=np.uint8)))

    def next_class(self, ordinal: int) -> int:
        """Returns the first ordinal, at or after `ordinal`, at which a class of twins begins."""
        if ordinal == 0 or not self.enumeration.has_larger_classes or ordinal >= self.num_available:
            return ordinal
        position, before = self.locate(ordinal)
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
        self.by_source = [SourceCounts(sources.enumeration(number)) for number in range(len(sources))]

    def add(self, results: Iterable[CountingResult]) -> None:
        """Takes in results, in any order."""
        for result in results:
            self.by_source[result.source].add(result)

    @property
    def num_positions_counted(self) -> int:
        """Number of positions that were counted."""
        return sum(counts.num_positions_counted for counts in self.by_source)
