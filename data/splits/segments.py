"""Where the equations of shards stand in the enumerations of their sources, found for many shards at once."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from eqstream.data.permutation import index_dtype
from eqstream.data.splits.equation_counts import EquationCounts, KeptPositions

# A plan has a segment for each shard and source: the positions of few equations must not fill the memory.
_MOST_BITS_OF_FEW = 256
# Blocks of which it is remembered where their classes are, at most half a megabyte each.
_MOST_REMEMBERED = 64
# Classes have no more members than this, as far as it matters here.
_MANY = 1 << 31


class Segment(NamedTuple):
    """The equations `first` to `first + count - 1` of a source, and where to start looking for them.

    `before` is the number of the source's equations before `position`; `part` is the source's place among those of the
    split. `kept` says where classes are kept from `position` on, as `CountingResult.kept` does, in base64; it is empty
    where that is not known or not worth it.
    """

    source: int
    first: int
    # As a field it is of more use than the method of tuples.
    count: int  # pyright: ignore[reportIncompatibleMethodOverride]
    position: int
    before: int
    part: int = 0
    kept: str = ""


@dataclass(frozen=True)
class Part:
    """A split's share of one source: `count` equations from the ordinal `first` on."""

    source: int
    first: int
    count: int


class SegmentFinder:
    """Takes the equations of a split's parts one after the other.

    Args:
        counts: all that the plan needs.
        parts: of the split.
    """

    def __init__(self, counts: EquationCounts, parts: Sequence[Part]) -> None:
        self._own = [counts.by_source[part.source] for part in parts]
        dtype = index_dtype(max(part.first + part.count for part in parts))
        self._sources = np.array([part.source for part in parts])
        self._firsts = np.array([part.first for part in parts], dtype=dtype)
        enumerations = [own.enumeration for own in self._own]
        self._is_identity = np.array([each.is_identity for each in enumerations])
        self._is_noted = np.array([each.notes_kept and not each.is_identity for each in enumerations])
        self._block_sizes = np.array([each.block_size for each in enumerations])
        self._largest_classes = np.array([min(each.largest_class, _MANY) for each in enumerations])
        # The ends of the blocks of all parts on one line, each part behind the one before.
        ends = [own.ends() for own in self._own]
        self._offsets = np.cumsum([0, *(int(each[-1]) + 1 if len(each) else 1 for each in ends)])[:-1]
        self._first_blocks = np.cumsum([0, *map(len, ends)])
        self._ends = np.concatenate([each + offset for each, offset in zip(ends, self._offsets, strict=True)])
        # Where they begin, and something behind the last one.
        self._positions = np.concatenate([*(own.positions() for own in self._own), [0]])
        # Part and block, and where its classes are.
        self._remembered: dict[tuple[int, int], KeptPositions | None] = {}

    def take(self, parts: np.ndarray, numbers: np.ndarray) -> list[Segment]:
        """Returns the segments of the next `numbers` (n,) equations of `parts` (n,), one after the other.

        Raises:
            ValueError: a part of an enumeration was not counted.
        """
        firsts = self._advance(parts, numbers)
        positions, before = self._locate(parts, firsts)
        kept = [""] * len(parts)
        for row in self._list_worthwhile(parts, firsts + numbers, before=before, numbers=numbers):
            number = int(numbers[row])
            end = int(firsts[row]) + number
            kept[row] = self._pack(
                int(parts[row]), end, position=int(positions[row]), before=int(before[row]), number=number
            )
        columns = (self._sources[parts], firsts, numbers, positions, before, parts)
        return list(map(Segment, *(column.tolist() for column in columns), kept))

    def _advance(self, parts: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Returns the first ordinal of each segment, (n,), and goes on behind all of them."""
        if not len(parts):
            return self._firsts[:0]
        order = np.argsort(parts, kind="stable")
        parts, numbers = parts[order], numbers[order]
        starts = np.flatnonzero(np.diff(parts, prepend=-1))
        ahead = np.cumsum(numbers) - numbers
        ahead -= np.repeat(ahead[starts], np.diff(np.append(starts, len(parts))))
        firsts = np.empty(len(parts), dtype=self._firsts.dtype)
        firsts[order] = self._firsts[parts] + ahead
        self._firsts[parts[starts]] += np.add.reduceat(numbers, starts)
        return firsts

    def _locate(self, parts: np.ndarray, ordinals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns what `SourceCounts.locate` does, for ordinals (n,) of parts (n,)."""
        sizes, is_identity = self._block_sizes[parts], self._is_identity[parts]
        places = np.searchsorted(self._ends, ordinals + self._offsets[parts], side="right")
        blocks = places - self._first_blocks[parts]
        unknown = np.flatnonzero((places == self._first_blocks[parts + 1]) & ~is_identity)
        if len(unknown):
            row = unknown[0]
            # It says what is missing.
            self._own[int(parts[row])].locate(int(ordinals[row]))
        positions = np.where(is_identity, ordinals // sizes * sizes, self._positions[places])
        is_behind = (blocks > 0) & ~is_identity
        before = np.zeros(len(parts), dtype=ordinals.dtype)
        before[is_behind] = self._ends[places[is_behind] - 1] - self._offsets[parts[is_behind]]
        return positions, np.where(is_identity, positions, before)

    def _list_worthwhile(
        self, parts: np.ndarray, ends: np.ndarray, *, before: np.ndarray, numbers: np.ndarray
    ) -> Iterator[int]:
        """Yields the rows of which it may be worthwhile to say where classes are kept; see `_pack`."""
        rows = np.flatnonzero(self._is_noted[parts])
        parts, ends, before = parts[rows], ends[rows], before[rows]
        offsets = self._offsets[parts]
        num_found = self._ends[np.searchsorted(self._ends, ends + offsets)] - offsets - before
        # There is a class for so many equations, at least, and a position for each.
        num_positions = np.minimum(ends - before, -(-num_found // self._largest_classes[parts]))
        yield from rows[num_positions <= 8 * numbers[rows] + _MOST_BITS_OF_FEW].tolist()

    def _find_kept(self, part: int, first: int, last: int) -> KeptPositions | None:
        """Returns what `SourceCounts.find_kept` does; of single blocks, where many small segments lie, only once."""
        if first != last:
            return self._own[part].find_kept(first, last)
        if (part, first) not in self._remembered:
            if len(self._remembered) == _MOST_REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
            self._remembered[part, first] = self._own[part].find_kept(first, last)
        return self._remembered[part, first]

    def _pack(self, part: int, end: int, *, position: int, before: int, number: int) -> str:
        """Returns `Segment.kept` for so many equations; nothing where it would be long for them."""
        own = self._own[part]
        found = self._find_kept(part, *own.list_blocks(position, end))
        if found is None:
            return ""
        num_positions = found.num_positions_up_to(end - before)
        if num_positions > 8 * number + _MOST_BITS_OF_FEW:
            return ""
        kept = found.bits[: -(-num_positions // 8)]
        # Nothing stands behind the last position.
        last = kept[-1] & 0xFF00 >> (num_positions - 1) % 8 + 1
        return base64.b64encode(kept[:-1] + bytes([last])).decode()
