"""Where the equations of shards stand in the enumerations of their sources, found for many shards at once."""

import base64
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast, overload

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


class Segments(Sequence[Segment]):
    """Segments as rows of a table, or some of these rows: a plan may have millions of them.

    A slice shares the table. Equal to any sequence of the same segments.

    Args:
        columns: what segments have, from `source` to `part`, each (n,).
        row_to_kept: `Segment.kept` of the rows that have any.
        rows: the rows that these are; all of them by default.
    """

    __slots__ = ("_columns", "_row_to_kept", "_rows")

    def __init__(
        self, columns: Sequence[np.ndarray], row_to_kept: Mapping[int, str], rows: range | None = None
    ) -> None:
        self._columns, self._row_to_kept = columns, row_to_kept
        self._rows = range(len(columns[0])) if rows is None else rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Segment: ...

    @overload
    def __getitem__(self, index: slice) -> "Segments": ...

    def __getitem__(self, index: int | slice) -> "Segment | Segments":
        rows = self._rows[index]
        if isinstance(rows, int):
            return next(iter(Segments(self._columns, self._row_to_kept, range(rows, rows + 1))))
        if rows.step != 1:
            raise ValueError("segments can be sliced without a step only")
        return Segments(self._columns, self._row_to_kept, rows)

    def __iter__(self) -> Iterator[Segment]:
        kept = map(self._row_to_kept.get, self._rows, itertools.repeat(""))
        columns = (column[self._rows.start : self._rows.stop].tolist() for column in self._columns)
        return map(Segment, *columns, kept)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return tuple(self) == tuple(cast("Sequence[object]", other))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"Segments({list(self)})"


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

    def take(self, parts: np.ndarray, numbers: np.ndarray) -> Segments:
        """Returns the segments of the next `numbers` (n,) equations of `parts` (n,), one after the other.

        Raises:
            ValueError: a part of an enumeration was not counted.
        """
        firsts = self._advance(parts, numbers)
        positions, before, blocks = self._locate(parts, firsts)
        row_to_kept = self._note_kept(parts, firsts + numbers, before=before, blocks=blocks, numbers=numbers)
        return Segments((self._sources[parts], firsts, numbers, positions, before, parts), row_to_kept)

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

    def _locate(self, parts: np.ndarray, ordinals: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns what `SourceCounts.locate` does, for ordinals (n,) of parts (n,), and the blocks that they are in."""
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
        return positions, np.where(is_identity, positions, before), blocks

    def _note_kept(
        self, parts: np.ndarray, ends: np.ndarray, *, before: np.ndarray, blocks: np.ndarray, numbers: np.ndarray
    ) -> dict[int, str]:
        """Returns `Segment.kept` of those of the segments, by row, for which it is not too long.

        Args:
            parts: of the segments, (n,).
            ends: behind their last ordinals, (n,).
            before: as `_locate` returns them, (n,).
            blocks: likewise, (n,).
            numbers: of equations, (n,).
        """
        # There is a class for so many equations, at least, and a position for each.
        fewest_positions = -(-(ends - before) // self._largest_classes[parts])
        rows = np.flatnonzero(self._is_noted[parts] & (fewest_positions <= _most_positions(numbers)))
        places = np.searchsorted(self._ends, ends[rows] + self._offsets[parts[rows]])
        # Those that lie in the same blocks together.
        keys = np.stack([parts[rows], blocks[rows], places - self._first_blocks[parts[rows]]])
        order = np.lexsort(keys[::-1])
        rows, keys = rows[order], keys[:, order]
        edges = np.flatnonzero(np.append((keys[:, 1:] != keys[:, :-1]).any(axis=0), True)) + 1
        row_to_kept: dict[int, str] = {}
        for start, stop in itertools.pairwise([0, *edges.tolist()] if len(rows) else []):
            part, first, last = keys[:, start].tolist()
            found = self._find_kept(part, first, last)
            if found is None:
                continue
            some = rows[start:stop]
            num_positions = found.num_positions_up_to(ends[some] - before[some])
            is_short = num_positions <= _most_positions(numbers[some])
            for row, number in zip(some[is_short].tolist(), num_positions[is_short].tolist(), strict=True):
                row_to_kept[row] = _encode(found.bits, number)
        return row_to_kept

    def _find_kept(self, part: int, first: int, last: int) -> KeptPositions | None:
        """Returns what `SourceCounts.find_kept` does; of single blocks, where many small segments lie, only once."""
        if first != last:
            return self._own[part].find_kept(first, last)
        if (part, first) not in self._remembered:
            if len(self._remembered) == _MOST_REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
            self._remembered[part, first] = self._own[part].find_kept(first, last)
        return self._remembered[part, first]


def _most_positions(numbers: np.ndarray) -> np.ndarray:
    """Returns at how many positions it is noted whether a class is kept, for segments of so many equations, (n,)."""
    return 8 * numbers + _MOST_BITS_OF_FEW


def _encode(bits: bytes, number: int) -> str:
    """Returns the first bits, above 0 of them, as `Segment.kept` has them."""
    kept = bits[: -(-number // 8)]
    # Nothing stands behind the last position.
    last = kept[-1] & 0xFF00 >> (number - 1) % 8 + 1
    return base64.b64encode(kept[:-1] + bytes([last])).decode()
