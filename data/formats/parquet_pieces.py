"""Pieces of Parquet shards: some rows in a row, read without the row groups before them.

From format version 2 on a piece is a row group whose checksum the manifest has, as it has that of the footer. Nothing
is parsed before its checksum was compared: checksums of pages cover neither the footer nor the heads of pages, and a
parser need not notice that these are damaged.
"""

import io
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import BinaryIO, cast

import google_crc32c
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from eqstream.data.errors import DamagedShardError
from eqstream.data.formats.blocks import Cut
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.formats.parquet import MAGIC_BYTES, read_row_group
from eqstream.data.formats.shard_file import ShardFile, explain_foreign, explain_unreadable
from eqstream.data.storage import DataPath, read_range

# Of decoded row groups that are longer than a piece, and of footers.
_GROUPS_KEPT = 2
_FOOTERS_KEPT = 64


class CheckedFooters:
    """The footers of the last Parquet files that were read."""

    def __init__(self) -> None:
        self.read = lru_cache(_FOOTERS_KEPT)(self._read)

    def _read(self, shard: ShardFile) -> pq.FileMetaData | None:
        """Returns the footer of a shard, None if it is not the one of the manifest."""
        assert shard.blocks is not None
        offset = MAGIC_BYTES + sum(shard.blocks.num_bytes)
        data = read_range(shard.path, offset, max(shard.num_bytes - offset, 0))
        is_right = google_crc32c.value(data) == shard.blocks.footer_crc32c
        return pq.read_metadata(pa.BufferReader(data)) if is_right else None


class RowGroups:
    """The last row groups and footers of files whose row groups need not be the pieces."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.footer = lru_cache(_FOOTERS_KEPT)(_read_footer)
        self._row_group = lru_cache(_GROUPS_KEPT)(self._decode)

    def read(self, shard: ShardFile, group: int, first: int) -> EquationColumns:
        """Returns the rows of a row group, of which the first one is row `first` of the shard."""
        # Threads that want the same group wait for the one that decodes it.
        with self._lock:
            return self._row_group(shard, group, first)

    def _decode(self, shard: ShardFile, group: int, first: int) -> EquationColumns:
        with shard.path.open("rb") as file:
            return read_row_group(file, self.footer(shard.path), group=group, shard=shard, first=first)


class IndexedParquetPieces:
    """Reads the pieces of one shard, where the manifest says where they are; any number of threads may do so at once.

    Args:
        shard: the shard.
        cut: where its pieces are.
        footers: keeps its footer.
    """

    def __init__(self, shard: ShardFile, cut: Cut, footers: CheckedFooters) -> None:
        assert shard.blocks is not None
        self._shard, self._cut, self._footers, self._blocks = shard, cut, footers, shard.blocks
        self._offsets: np.ndarray | None = None

    def read(self, piece: int, rows: slice, numbers: Sequence[str]) -> EquationColumns:
        """Returns the equations of the rows `rows` of a piece, with these numbers.

        Raises:
            DamagedShardError: the piece is damaged, missing or another one; names shard and record.
        """
        if self._offsets is None:
            self._offsets = np.cumsum([MAGIC_BYTES, *self._blocks.num_bytes])
        begin, end = self._offsets[piece : piece + 2].tolist()
        first, last = self._cut.edge(piece), self._cut.edge(piece + 1)
        try:
            footer = self._footers.read(self._shard)
            data = read_range(self._shard.path, begin, end - begin)
        except OSError as error:
            raise explain_unreadable(self._shard, first, error) from error
        if footer is None or google_crc32c.value(data) != self._blocks.crc32c[piece]:
            raise explain_foreign(self._shard, first)
        file = cast(BinaryIO, _Window(data, begin))
        columns = read_row_group(file, footer, group=piece, shard=self._shard, first=first, numbers=numbers)
        if len(columns) != last - first:
            raise explain_foreign(self._shard, first)
        return columns.take(rows)


class ParquetPieces:
    """Reads the pieces of one shard from row groups of any size; any number of threads may do so at once.

    Args:
        shard: the shard.
        cut: where its pieces are.
        row_groups: keeps the last ones.
    """

    def __init__(self, shard: ShardFile, cut: Cut, row_groups: RowGroups) -> None:
        self._shard, self._cut, self._row_groups = shard, cut, row_groups

    def read(self, piece: int, rows: slice, numbers: Sequence[str]) -> EquationColumns:
        """Returns the equations of the rows `rows` of a piece, with all numbers.

        Raises:
            DamagedShardError: the shard cannot be read, or holds another number of rows.
        """
        begin, end = self._cut.edge(piece), self._cut.edge(piece + 1)
        try:
            return self._read_rows(begin, end).take(rows)
        except (pa.ArrowException, OSError) as error:
            raise explain_unreadable(self._shard, begin, error) from error

    def _read_rows(self, begin: int, end: int) -> EquationColumns:
        """Returns the rows from `begin` to before `end`, of all row groups that hold some of them."""
        footer = self._row_groups.footer(self._shard.path)
        bounds = np.cumsum([0, *(footer.row_group(group).num_rows for group in range(footer.num_row_groups))])
        if bounds[-1] != self._cut.num_records:
            raise DamagedShardError(
                f"shard {self._shard.name} holds {bounds[-1]} records, the manifest says {self._cut.num_records}: "
                f"{self._shard.path} was cut or replaced"
            )
        parts = []
        for group in range(np.searchsorted(bounds, begin, "right") - 1, np.searchsorted(bounds, end)):
            columns = self._row_groups.read(self._shard, group, int(bounds[group]))
            parts.append(columns.take(slice(max(begin - bounds[group], 0), end - bounds[group])))
        return EquationColumns.join(parts)


def _read_footer(path: DataPath) -> pq.FileMetaData:
    with path.open("rb") as file:
        return pq.read_metadata(file)


class _Window(io.RawIOBase):
    """A file of which some bytes are there: all that a reader asks for is one row group."""

    def __init__(self, data: bytes, offset: int) -> None:
        super().__init__()
        self._file, self._offset = io.BytesIO(data), offset

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell() + self._offset

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset - (self._offset if whence == io.SEEK_SET else 0), whence) + self._offset

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)
