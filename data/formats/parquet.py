"""Parquet shards: blocks of equations to columns in bulk, and back.

The columns are those of `eqstream.data.formats.columns`, in the order of their names; texts are compressed by zstd. Row
groups are cut where the blocks of `eqstream.data.formats.blocks` are; pages have checksums.
"""

from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from eqstream.data.errors import DamagedShardError
from eqstream.data.formats.blocks import BlockCounter, BlockIndex, Cut
from eqstream.data.formats.column_encoder import EncodedBlock
from eqstream.data.formats.columns import NUMBER_COLUMNS, STORED_COLUMNS, TEXT_COLUMNS, EquationColumns
from eqstream.data.formats.shard_file import ShardFile, explain_unreadable
from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.formats.string_tables import Piece, write_joined

_TYPES = {"string": pa.string(), "int64": pa.int64()}
SCHEMA = pa.schema([pa.field(each.name, _TYPES[each.type], nullable=False) for each in STORED_COLUMNS])
_WANTED = [*TEXT_COLUMNS, *NUMBER_COLUMNS]
ZSTD_LEVEL = 1
# In front of the first row group.
MAGIC_BYTES = 4


def encode_parquet(block: EncodedBlock) -> pa.RecordBatch:
    """Returns the rows of a block."""
    columns = {name: _string_array(pieces) for name, pieces in block.texts.items()}
    columns |= {name: _int64_array(values) for name, values in block.numbers.items()}
    return pa.RecordBatch.from_arrays([columns[name] for name in SCHEMA.names], schema=SCHEMA)


class ParquetSink:
    """Writes the rows of one shard; close it to complete the file.

    Args:
        file: an open binary file; only its `write` is used.
        cut: where row groups begin and end.
    """

    def __init__(self, file: BinaryIO, cut: Cut) -> None:
        self._counter = BlockCounter()
        # Arrow's own allocator would keep what row groups have taken in memory of its own.
        self._pool = pa.system_memory_pool()
        self._writer = pq.ParquetWriter(
            pa.PythonFile(_CountedFile(file, self._counter), mode="w"),
            SCHEMA,
            # Numbers take a few bits each: to compress them takes more time than it saves bytes.
            compression={column.name: "zstd" if column.type == "string" else "none" for column in STORED_COLUMNS},
            compression_level=dict.fromkeys(TEXT_COLUMNS, ZSTD_LEVEL),
            # Texts are nearly all different: a dictionary would be built and thrown away again.
            use_dictionary=sorted(NUMBER_COLUMNS),
            write_statistics=sorted(NUMBER_COLUMNS),
            write_page_checksum=True,
            memory_pool=self._pool,
        )
        # The file begins with four bytes that are in no row group.
        self._counter.restart()
        self._sizes = iter(np.diff(cut.edges()).tolist())
        self._size = next(self._sizes, 0)
        # `empty_table` would import pandas, if there is one, just to see whether this is something of its own.
        self._pending = pa.Table.from_batches([], schema=SCHEMA)

    def write(self, batch: pa.RecordBatch) -> None:
        """Takes some rows."""
        rows = pa.concat_tables([self._pending, pa.Table.from_batches([batch])])
        while 0 < self._size <= len(rows):
            # In one piece: what was handed over at once must not show in the bytes.
            group = rows.slice(0, self._size).combine_chunks(self._pool)
            self._writer.write_table(group, row_group_size=self._size)
            self._counter.cut()
            rows = rows.slice(self._size)
            self._size = next(self._sizes, 0)
        self._pending = rows

    def close(self) -> None:
        """Writes the footer."""
        self._writer.close()

    def index(self) -> BlockIndex:
        """Returns where the row groups of the closed file are."""
        return self._counter.index(has_footer=True)


class _CountedFile:
    """Passes bytes on to a file and to a counter."""

    closed = False

    def __init__(self, file: BinaryIO, counter: BlockCounter) -> None:
        self._file, self._counter = file, counter

    def write(self, data: bytes) -> int:
        self._counter.add(data)
        return self._file.write(data)

    def flush(self) -> None:
        """Does nothing: whoever opened the file closes it."""


def _int64_array(values: np.ndarray) -> pa.Int64Array:
    # `pa.array` would import pandas, if there is one, just to see whether this is something of its own.
    return pa.Int64Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def _string_array(pieces: list[Piece]) -> pa.StringArray:
    data, offsets = write_joined(pieces)
    return pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(data))


def read_parquet_shard(shard: ShardFile) -> EquationColumns:
    """Returns the equations of a Parquet shard.

    Raises:
        DamagedShardError: the file is damaged or lacks a column.
    """
    try:
        with shard.path.open("rb") as file:
            table = pq.read_table(file, columns=_WANTED, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise DamagedShardError(f"shard {shard.name} cannot be read as Parquet: {_first_line(error)}") from error
    return _to_columns(table, shard)


def read_row_group(
    file: BinaryIO,
    footer: pq.FileMetaData,
    *,
    group: int,
    shard: ShardFile,
    first: int,
    numbers: Sequence[str] = NUMBER_COLUMNS,
) -> EquationColumns:
    """Returns the equations of a row group, of which the first one is record `first` of the shard.

    Args:
        file: the Parquet file, or as much of it as the row group needs.
        footer: of the file.
        group: number of the row group.
        shard: whose file it is.
        first: number of its first record.
        numbers: which ones to read.

    Raises:
        DamagedShardError: the row group is damaged or lacks a column; names the record.
    """
    try:
        # Each column is read at once; to read ahead would only hand it over between threads.
        parquet = pq.ParquetFile(file, metadata=footer, page_checksum_verification=True, pre_buffer=False)
        table = parquet.read_row_group(group, columns=[*TEXT_COLUMNS, *numbers], use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise explain_unreadable(shard, first, error) from error
    return _to_columns(table, shard, first=first, numbers=numbers)


def _to_columns(
    table: pa.Table, shard: ShardFile, *, first: int = 0, numbers: Sequence[str] = NUMBER_COLUMNS
) -> EquationColumns:
    """Returns the rows of a table, with these numbers; the first row is record `first` of the shard.

    Raises:
        DamagedShardError: the table lacks a column, or has a null.
    """
    for name in (*TEXT_COLUMNS, *numbers):
        if name not in table.column_names:
            raise DamagedShardError(f"shard {shard.name} lacks the column `{name}`")
        if table[name].null_count:
            row = first + table[name].is_null().index(True).as_py()
            raise DamagedShardError(f"shard {shard.name}, record {row}: `{name}` is null")
    texts = {name: _column_rows(table[name]) for name in TEXT_COLUMNS}
    values = {name: table[name].to_numpy().astype(np.int64, copy=False) for name in numbers}
    return EquationColumns(**texts, numbers=values)


def _column_rows(column: pa.ChunkedArray) -> ByteRows:
    # What is written here needs no copy; another writer may have other types of texts.
    array = (column if column.type == pa.string() else column.cast(pa.large_binary())).combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    _, offset_buffer, value_buffer = array.buffers()
    width = np.int32 if array.type == pa.string() else np.int64
    offsets = np.frombuffer(offset_buffer, width)[array.offset : array.offset + len(array) + 1]
    values = np.frombuffer(value_buffer, np.uint8) if value_buffer is not None else np.zeros(0, np.uint8)
    return ByteRows.from_offsets(values, offsets)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
