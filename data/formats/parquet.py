"""Parquet shards: blocks of equations to columns in bulk, and back.

The columns are those of `eqstream.data.formats.columns`, in the order of their names, compressed by zstd. A block of
equations becomes a row group, until a group has `ROW_GROUP` rows.
"""

from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from eqstream.data.errors import UserError
from eqstream.data.formats.column_encoder import EncodedBlock
from eqstream.data.formats.columns import NUMBER_COLUMNS, STORED_COLUMNS, TEXT_COLUMNS, EquationColumns
from eqstream.data.formats.shard_file import ShardFile
from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.formats.string_tables import Piece, write_joined

_TYPES = {"string": pa.string(), "int64": pa.int64()}
SCHEMA = pa.schema([pa.field(each.name, _TYPES[each.type], nullable=False) for each in STORED_COLUMNS])
_WANTED = [*TEXT_COLUMNS, *NUMBER_COLUMNS]
ROW_GROUP = 1 << 17
ZSTD_LEVEL = 1


def encode_parquet(block: EncodedBlock) -> pa.RecordBatch:
    """Returns the rows of a block."""
    columns = {name: _string_array(pieces) for name, pieces in block.texts.items()}
    columns |= {name: _int64_array(values) for name, values in block.numbers.items()}
    return pa.RecordBatch.from_arrays([columns[name] for name in SCHEMA.names], schema=SCHEMA)


class ParquetSink:
    """Writes encoded blocks to one file, as row groups of about `ROW_GROUP` rows; close it to complete the file.

    Args:
        file: an open binary file; only its `write` is used.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._writer = pq.ParquetWriter(
            pa.PythonFile(file, mode="w"),
            SCHEMA,
            compression="zstd",
            compression_level=ZSTD_LEVEL,
            # Texts are nearly all different: a dictionary would be built and thrown away again.
            use_dictionary=sorted(NUMBER_COLUMNS),
            write_statistics=sorted(NUMBER_COLUMNS),
        )
        self._pending: list[pa.RecordBatch] = []

    def write(self, batch: pa.RecordBatch) -> None:
        """Takes the rows of one block."""
        self._pending.append(batch)
        if sum(len(pending) for pending in self._pending) >= ROW_GROUP:
            self._flush()

    def close(self) -> None:
        """Writes what is left and the footer."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._pending:
            table = pa.Table.from_batches(self._pending)
            self._writer.write_table(table, row_group_size=len(table))
            self._pending = []


def _int64_array(values: np.ndarray) -> pa.Int64Array:
    # `pa.array` would import pandas, if there is one, just to see whether this is something of its own.
    return pa.Int64Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def _string_array(pieces: list[Piece]) -> pa.StringArray:
    data, offsets = write_joined(pieces)
    return pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(data))


def read_parquet_shard(shard: ShardFile) -> EquationColumns:
    """Returns the equations of a Parquet shard.

    Raises:
        UserError: the file is damaged or lacks a column.
    """
    try:
        table = pq.read_table(shard.path, columns=_WANTED, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"shard {shard.name} cannot be read as Parquet: {first_line(error)}") from error
    return to_columns(table, shard)


def read_row_group(file: pq.ParquetFile, group: int, shard: ShardFile, *, first: int) -> EquationColumns:
    """Returns the equations of a row group, of which the first one is record `first` of the shard.

    Raises:
        UserError: the row group is damaged or lacks a column; names the record.
    """
    try:
        table = file.read_row_group(group, columns=_WANTED, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"shard {shard.name}, record {first}: cannot be read as Parquet: {first_line(error)}"
        ) from error
    return to_columns(table, shard, first)


def to_columns(table: pa.Table, shard: ShardFile, first: int = 0) -> EquationColumns:
    """Returns the rows of a table, of which the first one is record `first` of the shard.

    Raises:
        UserError: the table lacks a column, or has a null.
    """
    for name in _WANTED:
        if name not in table.column_names:
            raise UserError(f"shard {shard.name} lacks the column `{name}`")
        if table[name].null_count:
            row = first + table[name].is_null().index(True).as_py()
            raise UserError(f"shard {shard.name}, record {row}: `{name}` is null")
    texts = {name: _column_rows(table[name]) for name in TEXT_COLUMNS}
    numbers = {name: table[name].to_numpy().astype(np.int64, copy=False) for name in NUMBER_COLUMNS}
    return EquationColumns(**texts, numbers=numbers)


def _column_rows(column: pa.ChunkedArray) -> ByteRows:
    array = column.cast(pa.large_binary()).combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], pa.large_binary())
    _, offset_buffer, value_buffer = array.buffers()
    offsets = np.frombuffer(offset_buffer, np.int64)[array.offset : array.offset + len(array) + 1]
    values = np.frombuffer(value_buffer, np.uint8) if value_buffer is not None else np.zeros(0, np.uint8)
    return ByteRows.from_offsets(values, offsets)


def first_line(error: Exception) -> str:
    """Returns the first line of what an error says."""
    return str(error).strip().split("\n")[0] or type(error).__name__
