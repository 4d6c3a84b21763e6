"""Pieces of TFRecord shards: some records in a row, read without those before them."""

import gzip
import threading
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from eqstream.data.errors import UserError
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.formats.shard_file import ShardFile
from eqstream.data.formats.tfrecord_frames import find_offsets
from eqstream.data.formats.tfrecord_reader import decode_records


class TFRecordPieces:
    """Reads the pieces of one shard; any number of threads may do so at once.

    Args:
        shard: the shard.
        edges: int64 (num_pieces + 1,), see `eqstream.data.formats.blocks.list_edges`.
        files: opens the shard.
    """

    def __init__(self, shard: ShardFile, edges: np.ndarray, files: "RecordFiles") -> None:
        self._shard, self._edges, self._files = shard, edges, files
        self._offsets: np.ndarray | None = None
        self._lock = threading.Lock()

    def read(self, piece: int, rows: slice) -> EquationColumns:
        """Returns the equations of the records `rows` of a piece.

        Raises:
            UserError: a record is damaged or missing; names shard and record.
        """
        first = int(self._edges[piece])
        try:
            begin, end = self._find_offsets()[piece : piece + 2]
            data = self._files.read(self._shard.path, int(begin), int(end - begin))
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"shard {self._shard.name}, record {first}: it cannot be read: {error}") from error
        return decode_records(data, int(self._edges[piece + 1]) - first, self._shard, first=first, rows=rows)

    def _find_offsets(self) -> np.ndarray:
        """Returns where each edge is among the plain bytes of the records; one pass over the shard, the first time."""
        with self._lock:
            if self._offsets is None:
                with open_records(self._shard.path) as file:
                    self._offsets = find_offsets(file, self._shard, self._edges)
            return self._offsets


class RecordFiles:
    """Reads bytes of the records of TFRecord files anywhere; the last gzip file is kept open where it was left."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._path: Path | None = None
        self._file: BinaryIO | None = None

    def read(self, path: Path, offset: int, num_bytes: int) -> bytes:
        """Returns at most `num_bytes` from `offset` on; gzip is read from the file's beginning or from where it is."""
        if path.suffix != ".gz":
            with path.open("rb") as file:
                file.seek(offset)
                return file.read(num_bytes)
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


def open_records(path: Path) -> BinaryIO:
    """Returns a file that reads the plain bytes of a TFRecord file."""
    return cast(BinaryIO, gzip.open(path)) if path.suffix == ".gz" else path.open("rb")
