"""Pieces of TFRecord shards: some records in a row, read without those before them."""

import gzip
import threading
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, cast

import google_crc32c
import numpy as np

from eqstream.data.formats.blocks import Cut
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.formats.shard_file import ShardFile, explain_foreign, explain_unreadable
from eqstream.data.formats.tfrecord_frames import find_offsets
from eqstream.data.formats.tfrecord_reader import decode_records
from eqstream.data.storage import DataPath, read_range


class TFRecordPieces:
    """Reads the pieces of one shard; any number of threads may do so at once.

    Args:
        shard: the shard.
        cut: where its pieces are.
        files: opens the shard.
    """

    def __init__(self, shard: ShardFile, cut: Cut, files: "RecordFiles") -> None:
        self._shard, self._cut, self._files = shard, cut, files
        self._offsets: np.ndarray | None = None
        self._lock = threading.Lock()

    def read(self, piece: int, rows: slice, numbers: Sequence[str]) -> EquationColumns:
        """Returns the equations of the records `rows` of a piece, with these numbers or more.

        Raises:
            UserError: a record is damaged or missing, or the piece is another one; names shard and record.
        """
        first, last = self._cut.edge(piece), self._cut.edge(piece + 1)
        try:
            begin, end = self._find_offsets()[piece : piece + 2]
            data = self._files.read(self._shard.path, int(begin), int(end - begin))
        except (OSError, EOFError, zlib.error) as error:
            raise explain_unreadable(self._shard, first, error) from error
        blocks, num_records = self._shard.blocks, last - first
        if blocks is None:
            return decode_records(data, num_records, self._shard, first=first, rows=rows)
        if google_crc32c.value(data) == blocks.crc32c[piece]:
            return decode_records(
                data, num_records, self._shard, first=first, rows=rows, numbers=numbers, is_checked=True
            )
        # The record that is damaged can be named, unless all are right in themselves.
        decode_records(data, num_records, self._shard, first=first)
        raise explain_foreign(self._shard, first)

    def _find_offsets(self) -> np.ndarray:
        """Returns where each edge is among the plain bytes of the records; if that is not known, by one pass."""
        with self._lock:
            if self._offsets is None and self._shard.blocks is not None:
                self._offsets = np.cumsum([0, *self._shard.blocks.num_bytes])
            elif self._offsets is None:
                with open_records(self._shard.path) as file:
                    self._offsets = find_offsets(file, self._shard, self._cut.edges())
            return self._offsets


class RecordFiles:
    """Reads bytes of the records of TFRecord files anywhere; the last gzip file is kept open where it was left."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._path: DataPath | None = None
        self._file: BinaryIO | None = None

    def read(self, path: DataPath, offset: int, num_bytes: int) -> bytes:
        """Returns at most `num_bytes` from `offset` on; gzip is read from the file's beginning or from where it is."""
        if path.suffix != ".gz":
            return read_range(path, offset, num_bytes)
        with self._lock:
            if self._file is None or self._path != path:
                self.close()
                self._path, self._file = path, open_records(path)
            self._file.seek(offset)
            return self._file.read(num_bytes)

    def close(self) -> None:
        """Closes the file that is kept open."""
        if self._file is not None:
            self._file.close()
            self._file = None


def open_records(path: DataPath) -> BinaryIO:
    """Returns a file that reads the plain bytes of a TFRecord file."""
    if path.suffix != ".gz":
        return path.open("rb")
    return cast(BinaryIO, gzip.open(path if isinstance(path, Path) else path.open()))
