"""Pieces of Parquet shards: some rows in a row, read without the row groups before them."""

import threading
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from eqstream.data.errors import UserError
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.formats.parquet import first_line, read_row_group
from eqstream.data.formats.shard_file import ShardFile

# Of decoded row groups that are longer than a piece, and of footers.
_GROUPS_KEPT = 2
_FOOTERS_KEPT = 64


class ParquetFiles:
    """Reads row groups of Parquet files; keeps the last footers, and the last groups that are larger than a piece."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read_footer = lru_cache(_FOOTERS_KEPT)(pq.read_metadata)
        self._decode_kept = lru_cache(_GROUPS_KEPT)(self.decode)

    def bounds(self, shard: ShardFile) -> np.ndarray:
        """Returns the first row of each row group of a shard, and the number of all rows, int64 (num_groups + 1,)."""
        footer = self._read_footer(shard.path)
        sizes = [footer.row_group(group).num_rows for group in range(footer.num_row_groups)]
        return np.cumsum([0, *sizes])

    def decode(self, shard: ShardFile, group: int, first: int) -> EquationColumns:
        """Returns the rows of a row group, of which the first one is row `first` of the shard."""
        footer = self._read_footer(shard.path)
        with pq.ParquetFile(shard.path, metadata=footer, page_checksum_verification=True, pre_buffer=False) as file:
            return read_row_group(file, group, shard, first=first)

    def decode_kept(self, shard: ShardFile, group: int, first: int) -> EquationColumns:
        """Returns what `decode` returns, from memory if it was one of the last ones."""
        # Threads that want the same group wait for the one that decodes it.
        with self._lock:
            return self._decode_kept(shard, group, first)


class ParquetPieces:
    """Reads the pieces of one shard; any number of threads may do so at once.

    Args:
        shard: the shard.
        edges: int64 (num_pieces + 1,), see `eqstream.data.formats.blocks.list_edges`.
        files: reads row groups.
    """

    def __init__(self, shard: ShardFile, edges: np.ndarray, files: ParquetFiles) -> None:
        self._shard, self._edges, self._files = shard, edges, files

    def read(self, piece: int, rows: slice) -> EquationColumns:
        """Returns the equations of the rows `rows` of a piece.

        Raises:
            UserError: the piece is damaged or missing; names shard and record.
        """
        begin, end = self._edges[piece : piece + 2].tolist()
        try:
            bounds = self._files.bounds(self._shard)
            if bounds[-1] != self._edges[-1]:
                raise UserError(
                    f"shard {self._shard.name} holds {bounds[-1]} records, the manifest says {self._edges[-1]}: "
                    f"{self._shard.path} was cut or replaced"
                )
            return self._read_rows(bounds, begin, end).take(rows)
        except (pa.ArrowException, OSError) as error:
            raise UserError(
                f"shard {self._shard.name}, record {begin}: it cannot be read as Parquet: {first_line(error)}"
            ) from error

    def _read_rows(self, bounds: np.ndarray, begin: int, end: int) -> EquationColumns:
        """Returns the rows from `begin` to before `end`, of all row groups that hold some of them."""
        parts = []
        for group in range(np.searchsorted(bounds, begin, "right") - 1, np.searchsorted(bounds, end)):
            first, last = bounds[group : group + 2].tolist()
            is_inside = begin <= first and last <= end
            decode = self._files.decode if is_inside else self._files.decode_kept
            parts.append(decode(self._shard, group, first).take(slice(max(begin - first, 0), end - first)))
        return EquationColumns.join(parts)
