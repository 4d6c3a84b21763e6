"""Byte strings of varying length, put together in bulk from pieces that are drawn from tables.

A piece is a table of short byte strings and, for each output string, the number of a row. All rows of a table have the
same width, so that one indexed assignment writes them all; what a short row writes beyond its end is overwritten by the
pieces behind it. So pieces are written from left to right, and the last ones must be long enough to cover the spill.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eqstream.data.formats.crc32c import append_zero, terms_of_rows
from eqstream.data.row_chunks import cut_rows

# numpy copies items of 1, 2, 4, 8 and 16 bytes several times as fast as others.
_LARGEST_FAST_WIDTH = 16


def _round_up(width: int) -> int:
    return 1 << max(width - 1, 0).bit_length() if width <= _LARGEST_FAST_WIDTH else width


class PieceTable:
    """A table of byte strings.

    Args:
        strings: the rows.

    Attributes:
        rows: uint8 (n, width), left-aligned, padded with zeros.
        lengths: int32 (n,).
        is_even: whether all rows are equally long.
    """

    def __init__(self, strings: Sequence[bytes]) -> None:
        width = _round_up(max(map(len, strings)))
        self.rows = np.array(strings, dtype=f"S{width}").view(np.uint8).reshape(len(strings), width)
        self.lengths = np.fromiter(map(len, strings), dtype=np.int32, count=len(strings))
        self.is_even = bool((self.lengths == self.lengths[0]).all())
        self._items = self.rows.view(f"V{width}").ravel()
        self._terms = np.zeros((0, len(strings)), dtype=np.uint32)

    @property
    def width(self) -> int:
        """Bytes that are written for each row."""
        return self.rows.shape[1]

    def terms(self, most_behind: int) -> np.ndarray:
        """Returns CRC-32C terms, uint32 (at least `most_behind` + 1, n): one line for each number of bytes behind."""
        lines = self._terms
        if len(lines) <= most_behind:
            lines = np.empty((most_behind + 1, len(self.rows)), dtype=np.uint32)
            lines[0] = terms_of_rows(self.rows, self.lengths)
            for behind in range(most_behind):
                lines[behind + 1] = append_zero(lines[behind])
            self._terms = lines
        return lines

    def write(self, buffer: np.ndarray, starts: np.ndarray, ids: np.ndarray) -> None:
        """Writes row `ids[i]` to the bytes from `starts[i]` on, for all i in turn.

        Args:
            buffer: uint8 (size,); must have room for a whole row behind the largest start.
            starts: (n,).
            ids: (n,).
        """
        # Every place of the buffer as the start of an item: overlapping on purpose.
        places = np.ndarray((len(buffer) - self.width + 1,), dtype=f"V{self.width}", buffer=buffer, strides=(1,))
        places[starts] = self._items.take(ids)


@dataclass(frozen=True)
class Piece:
    """One piece of n strings: row `ids[i]` of `table` for string i."""

    table: PieceTable
    ids: np.ndarray

    @functools.cached_property
    def lengths(self) -> np.ndarray:
        """The length of each piece, int32 (n,)."""
        lengths = self.table.lengths
        return np.broadcast_to(lengths[:1], self.ids.shape) if self.table.is_even else lengths.take(self.ids)

    def terms(self, behind: np.ndarray, most_behind: int) -> np.ndarray:
        """Returns the CRC-32C term of each piece, uint32 (n,), given the number of bytes behind it, int32 (n,)."""
        terms = self.table.terms(most_behind)
        return terms.ravel().take(behind * np.int32(terms.shape[1]) + self.ids)

    def rows(self, rows: slice) -> "Piece":
        """Returns this piece of some of the strings."""
        some = Piece(self.table, self.ids[rows])
        vars(some)["lengths"] = self.lengths[rows]
        return some


def total_lengths(pieces: Sequence[Piece]) -> np.ndarray:
    """Returns the length of each string, int32 (n,)."""
    return functools.reduce(np.add, (piece.lengths for piece in pieces))


def write_joined(pieces: Sequence[Piece]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the strings, one directly behind the other, and where each begins.

    Returns:
        The bytes, uint8 (total,), and the offsets, int64 (n + 1,), the last one being the total.
    """
    table = pieces[0].table
    offsets = np.zeros(len(pieces[0].ids) + 1, dtype=np.int64)
    np.cumsum(total_lengths(pieces), out=offsets[1:])
    buffer = np.empty(int(offsets[-1]) + table.width, dtype=np.uint8)
    for rows in cut_rows(len(offsets) - 1, len(pieces)):
        lengths = np.stack([piece.lengths[rows] for piece in pieces], axis=1).ravel()
        # Strings are written one after the other, so that what one spills the next overwrites.
        ids = np.stack([piece.ids[rows] for piece in pieces], axis=1).ravel()
        table.write(buffer, offsets[rows.start] + np.cumsum(lengths, dtype=np.int64) - lengths, ids)
    return buffer[: int(offsets[-1])], offsets
