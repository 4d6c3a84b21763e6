"""A split in blocks of `eqstream.data.formats.blocks.BLOCK` records, any of which can be read by itself."""

import bisect
import itertools
import os
import threading
from collections.abc import Sequence
from typing import Protocol

from eqstream.data.dataset.manifest import Manifest
from eqstream.data.dataset.shard_reader import check_kind, check_sha256, choose_format, split_shards
from eqstream.data.formats.blocks import BLOCK, Cut
from eqstream.data.formats.columns import NUMBER_COLUMNS, EquationColumns
from eqstream.data.formats.parquet_pieces import CheckedFooters, IndexedParquetPieces, ParquetPieces, RowGroups
from eqstream.data.formats.shard_file import ShardFile
from eqstream.data.formats.tfrecord_pieces import RecordFiles, TFRecordPieces
from eqstream.data.storage import DataPath, is_remote

# Of local files; more threads would spend their time handing over Python's lock, also to whoever takes the batches.
_MOST_LOCAL_THREADS, _CORES_PER_THREAD = 4, 2
_REMOTE_THREADS = 16


class _Pieces(Protocol):
    def read(self, piece: int, rows: slice, numbers: Sequence[str]) -> EquationColumns:
        """Returns the equations of the records `rows` of a piece, with these numbers or more."""
        ...


class BlockReader:
    """Reads the blocks of a split, in any order and from any number of threads at once.

    A block that begins in one shard and ends in another is read from both. Its equations, and which errors there are,
    do not depend on the format.

    Args:
        directory: the dataset, a path or a URI of `eqstream.data.storage`.
        manifest: its manifest.
        split: the split's name.
        storage: `parquet` or `tfrecord`; None takes what there is.

    Attributes:
        num_records: of the split.
        num_blocks: blocks of the split; all but the last one have `BLOCK` records.
        num_bytes: of all files of the split.
        num_threads: how many threads read fastest: a few for the cores that there are, or more, so that several
            requests to a store are under way at once.

    Raises:
        UserError: there is no such split or format, or something else than a file lies in the place of a shard.
    """

    def __init__(
        self, directory: str | DataPath, manifest: Manifest, split: str, *, storage: str | None = None
    ) -> None:
        storage = choose_format(manifest, storage)
        shards = split_shards(directory, manifest, split, storage=storage)
        self.num_records = sum(shard.num_records for shard in shards)
        self.num_blocks = -(-self.num_records // BLOCK)
        self.num_bytes = sum(shard.num_bytes for shard in shards)
        self.num_threads = _REMOTE_THREADS if is_remote(directory) else _count_local_threads()
        # The number of each shard's first record, and of all records.
        self._bounds = [0, *itertools.accumulate(shard.num_records for shard in shards)]
        self._cuts = [Cut(first, shard.num_records) for first, shard in zip(self._bounds, shards, strict=False)]
        self._shards = _open(storage, shards, self._cuts)
        self._names = [shard.name for shard in shards]

    def find_shard(self, block: int) -> str:
        """Returns the name of the shard in which a block begins."""
        return self._names[bisect.bisect_right(self._bounds, block * BLOCK) - 1]

    def read(
        self, block: int, rows: slice = slice(None), *, numbers: Sequence[str] = NUMBER_COLUMNS
    ) -> EquationColumns:
        """Returns the equations of some records of a block.

        Args:
            block: from 0, below `num_blocks`.
            rows: which of its records, ascending, such as ``slice(1, None, 2)``.
            numbers: which numbers are needed.

        Returns:
            their columns, in the order of the records; there may be more numbers.

        Raises:
            UserError: what is needed of the block is missing, short, damaged or foreign; names shard and, where it can
                be known, record.
        """
        if not 0 <= block < self.num_blocks:
            raise ValueError(f"`block` must be from 0 to {self.num_blocks - 1}, got {block}")
        first, stop = block * BLOCK, min((block + 1) * BLOCK, self.num_records)
        wanted = range(first, stop)[rows]
        if wanted.step < 1:
            raise ValueError(f"`rows` must be ascending, got {rows}")
        parts = []
        for shard in range(bisect.bisect_right(self._bounds, first) - 1, bisect.bisect_left(self._bounds, stop)):
            begin = max(first, self._bounds[shard])
            inside = _clip(wanted, begin, min(stop, self._bounds[shard + 1]))
            if inside is not None:
                parts.append(self._shards[shard].read(block - self._bounds[shard] // BLOCK, inside, numbers))
        return EquationColumns.join(parts)


class _CheckedShard:
    """The pieces of a shard without checksums of their own: its SHA-256 is compared before the first one is read."""

    def __init__(self, shard: ShardFile, storage: str, pieces: _Pieces) -> None:
        self._shard, self._storage, self._pieces = shard, storage, pieces
        self._lock = threading.Lock()
        self._is_checked = False

    def read(self, piece: int, rows: slice, numbers: Sequence[str]) -> EquationColumns:
        """Returns the equations of the records `rows` of a piece, with these numbers or more."""
        with self._lock:
            if not self._is_checked:
                check_sha256(self._shard, self._storage)
                self._is_checked = True
        return self._pieces.read(piece, rows, numbers)


def _open(storage: str, shards: list[ShardFile], cuts: list[Cut]) -> list[_Pieces]:
    footers, row_groups, record_files = CheckedFooters(), RowGroups(), RecordFiles()

    def open_shard(shard: ShardFile, cut: Cut) -> _Pieces:
        check_kind(shard)
        if storage == "tfrecord":
            pieces = TFRecordPieces(shard, cut, record_files)
            return pieces if shard.blocks else _CheckedShard(shard, storage, pieces)
        if shard.blocks:
            return IndexedParquetPieces(shard, cut, footers)
        return _CheckedShard(shard, storage, ParquetPieces(shard, cut, row_groups))

    return list(map(open_shard, shards, cuts))


def _count_local_threads() -> int:
    return max(1, min(_MOST_LOCAL_THREADS, (os.cpu_count() or 1) // _CORES_PER_THREAD))


def _clip(records: range, begin: int, end: int) -> slice | None:
    """Returns which of the records from `begin` to before `end`, counted from `begin`, are in an ascending range.

    >>> _clip(range(1, 20, 3), 5, 12)
    slice(2, 7, 3)
    """
    first = records.start + max(0, -((records.start - begin) // records.step)) * records.step
    last = min(records.stop, end)
    return slice(first - begin, last - begin, records.step) if first < last else None
