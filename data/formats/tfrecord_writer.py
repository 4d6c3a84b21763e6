"""TFRecord shards: blocks of equations to framed `tf.train.Example` records in bulk.

A record is (TensorFlow's `record_writer.h`):

| bytes | what |
| --- | --- |
| 8 | length of the payload, little endian |
| 4 | masked CRC-32C of the length |
| length | payload |
| 4 | masked CRC-32C of the payload |

The payload is a serialised `tf.train.Example`. Its features are the columns of `eqstream.data.formats.columns` in the
order of their names, just as ``SerializeToString(deterministic=True)`` writes them: texts as bytes, numbers as int64.
"""

import gzip
import itertools
import math
import struct
from collections.abc import Iterator
from typing import BinaryIO

import google_crc32c
import numpy as np

from eqstream.data.formats.column_encoder import ColumnBounds, EncodedBlock
from eqstream.data.formats.columns import STORED_COLUMNS
from eqstream.data.formats.crc32c import append_zeros, checksum, constants, mask, terms_of_rows
from eqstream.data.formats.example_proto import bytes_entry_head, features_head, int64_entry
from eqstream.data.formats.string_tables import Piece, PieceTable, total_lengths
from eqstream.data.row_chunks import cut_rows

FRAME_BYTES = 16
# Of records that are put together at once: a block of short ones, as each call of numpy costs as much as hundreds of
# records, and some of a block of long ones, to bound memory.
_MOST_BYTES = 1 << 23
_HEADER = struct.Struct("<QI")
# Merging the tables of small pieces saves passes over the block while the merged table stays in the cache.
_LARGEST_MERGED_TABLE = 1 << 14


def _masked(data: bytes) -> bytes:
    return mask(np.array([checksum(data)], dtype=np.uint32)).astype("<u4").tobytes()


class _Run:
    """Parts of records that stand side by side, each drawn from a table; one table of them all if that is small."""

    def __init__(self, tables: list[PieceTable]) -> None:
        self._sizes = [len(table.lengths) for table in tables]
        self._tables = [_merge(tables)] if math.prod(self._sizes) <= _LARGEST_MERGED_TABLE else tables
        self.width = sum(int(table.lengths.max()) for table in tables)

    def pieces(self, ids: list[np.ndarray]) -> list[Piece]:
        """Returns the pieces that say row `ids[k]` of the k-th table."""
        if len(self._tables) == len(ids):
            return list(map(Piece, self._tables, ids))
        joined = ids[0]
        for size, each in zip(self._sizes[1:], ids[1:], strict=True):
            joined = joined * size + each
        return [Piece(self._tables[0], joined)]


def _merge(tables: list[PieceTable]) -> PieceTable:
    strings = [[bytes(row[:length]) for row, length in zip(t.rows, t.lengths, strict=True)] for t in tables]
    return PieceTable([b"".join(parts) for parts in itertools.product(*strings)])


class TFRecordEncoder:
    """Encodes blocks of equations of one space, or of their steps.

    Args:
        columns: the bounds of their columns.
    """

    def __init__(self, columns: ColumnBounds) -> None:
        self._first, *others = [column.name for column in STORED_COLUMNS]
        self._first_length = columns.most_characters[self._first]
        # What stands behind the first text: runs of tables, each but the last one before a text.
        self._runs: list[tuple[list[str], _Run]] = []
        names: list[str] = []
        for name in others:
            names.append(name)
            if name in columns.most_characters or name == others[-1]:
                self._runs.append((names, _Run([_make_table(each, columns) for each in names])))
                names = []
        texts = sum(columns.most_characters.get(name, 0) for name in others)
        self._most_behind = texts + sum(run.width for _, run in self._runs)
        self._heads = PieceTable(self._list_heads())
        self._widest = self._heads.width + self._first_length + self._most_behind
        self._checksums = self._list_checksums()

    def encode(self, block: EncodedBlock) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields the framed records of a block, some at a time, one behind the other.

        Yields:
            bytes, uint8 (total,), and where each record ends among these, int64 (n,).
        """
        first, tail = block.texts[self._first], self._tail(block)
        for rows in cut_rows(len(tail[0].ids), self._widest, _MOST_BYTES):
            yield self._encode_some([piece.rows(rows) for piece in first], [piece.rows(rows) for piece in tail])

    def _encode_some(self, first: list[Piece], tail: list[Piece]) -> tuple[np.ndarray, np.ndarray]:
        first_lengths, behind = total_lengths(first), total_lengths(tail)
        head = Piece(self._heads, first_lengths * np.int32(self._most_behind + 1) + behind)
        # All bytes behind the header that the checksum is of; it skips the header, which is a part of the head.
        sizes = head.lengths + first_lengths + behind
        ends = np.cumsum(sizes + np.int32(FRAME_BYTES - _HEADER.size), dtype=np.int64)
        # A short last piece may spill over the checksum's place, which is written after it, but never further.
        buffer = np.empty(int(ends[-1]) + self._most_behind, dtype=np.uint8)
        self._write(buffer, ends - (FRAME_BYTES - _HEADER.size), sizes, [head, *first, *tail])
        return buffer[: int(ends[-1])], ends

    def _write(self, buffer: np.ndarray, ends: np.ndarray, remaining: np.ndarray, pieces: list[Piece]) -> None:
        """Writes records whose pieces, of so many bytes together, end at `ends`; changes `remaining`."""
        starts = ends - remaining
        head = pieces[0]
        checksums = self._checksums.take(head.ids)
        for piece in pieces:
            remaining -= piece.lengths
            if piece is not head:
                checksums ^= piece.terms(remaining, self._most_behind + self._first_length)
            piece.table.write(buffer, starts, piece.ids)
            starts += piece.lengths
        places = np.ndarray((len(buffer) - 3,), dtype="V4", buffer=buffer, strides=(1,))
        places[starts] = mask(checksums).astype("<u4", copy=False).view("V4")

    def _tail(self, block: EncodedBlock) -> list[Piece]:
        """Returns the pieces behind the first text."""
        pieces: list[Piece] = []
        for names, run in self._runs:
            ids = [block.lengths(name) if name in block.texts else block.numbers[name] for name in names]
            pieces += run.pieces([each.astype(np.int32, copy=False) for each in ids])
            pieces += block.texts.get(names[-1], [])
        return pieces

    def _list_heads(self) -> list[bytes]:
        """Returns what stands before the first text, for each length of it and each number of bytes behind it."""
        befores = [bytes_entry_head(self._first, length) for length in range(self._first_length + 1)]
        # A frame depends on the number of bytes in it alone.
        frames = [_frame_head(size) for size in range(len(befores[-1]) + self._first_length + self._most_behind + 1)]
        return [
            frames[len(before) + length + behind] + before
            for length, before in enumerate(befores)
            for behind in range(self._most_behind + 1)
        ]

    def _list_checksums(self) -> np.ndarray:
        """Returns the checksum of each head with zeros in the place of what stands behind it, uint32 (heads,)."""
        behind = np.add.outer(np.arange(self._first_length + 1), np.arange(self._most_behind + 1)).ravel()
        terms = append_zeros(terms_of_rows(self._heads.rows, self._heads.lengths, _HEADER.size), behind)
        sizes = self._heads.lengths - _HEADER.size + behind
        return terms ^ constants(int(sizes.max())).take(sizes)


def _frame_head(num_bytes: int) -> bytes:
    """Returns what stands before the entries of a record that take so many bytes together."""
    head = features_head(num_bytes)
    length = struct.pack("<Q", len(head) + num_bytes)
    return length + _masked(length) + head


def _make_table(name: str, columns: ColumnBounds) -> PieceTable:
    """Returns what can stand in a record for a column, by its number, or before it, by the length of its text."""
    if name in columns.most_characters:
        return PieceTable([bytes_entry_head(name, length) for length in range(columns.most_characters[name] + 1)])
    return PieceTable([int64_entry(name, number) for number in range(columns.largest[name] + 1)])


def masked_checksum(data: bytes) -> int:
    """Returns the checksum of a string as TFRecord stores it."""
    value = google_crc32c.value(data)
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF


def open_uncompressed(file: BinaryIO, compression: str) -> BinaryIO:
    """Returns a file that reads the plain bytes of `file`, compressed by `none` or `gzip`."""
    return gzip.GzipFile(fileobj=file) if compression == "gzip" else file  # pyright: ignore[reportReturnType]
