"""The records of a Parquet shard in blocks, of exactly our columns.

| column | type, never null |
| --- | --- |
| `answer`, `question` | string |
| `carries`, `digits`, `terms` | int64 |
"""

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from eqstream.data.errors import UserError
from eqstream.pipelines.checks.bulk.columns import Columns, Texts
from eqstream.pipelines.checks.example_message import Record

BLOCK_SIZE = 1 << 15


def expected_schema() -> pa.Schema:
    """Returns the columns of every shard, in their order."""
    types = {str: pa.string(), int: pa.int64()}
    return pa.schema([pa.field(name, types[kind], nullable=False) for name, kind in Record.__annotations__.items()])


def read_parquet_blocks(file: BinaryIO, name: str) -> Iterator[Columns]:
    """Yields the records of a shard, at most `BLOCK_SIZE` at once.

    Args:
        file: open for reading.
        name: what to call the file in errors.

    Raises:
        UserError: it is no Parquet file, is damaged (names the row group and its records), or has other columns.
    """
    try:
        # No threads: one that still holds a Python object at the end of the process aborts it.
        parquet = pq.ParquetFile(file, pre_buffer=False, page_checksum_verification=True)
        _check_schema(parquet.schema_arrow, name)
        sizes = [parquet.metadata.row_group(group).num_rows for group in range(parquet.num_row_groups)]
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"{name} cannot be read: {error}") from error
    first = 0
    for groups in _gather(sizes):
        size = sum(sizes[groups.start : groups.stop])
        which = f"row group {groups[0]}" if len(groups) == 1 else f"row groups {groups[0]} to {groups[-1]}"
        yield from _read_row_groups(parquet, groups, f"{name}: {which} (records {first} to {first + size - 1})")
        first += size


def count_records(file: BinaryIO, name: str) -> int:
    """Returns the number of records in the footer of a Parquet file.

    Raises:
        UserError: it is no Parquet file; `name` is what to call it.
    """
    try:
        return pq.ParquetFile(file, pre_buffer=False).metadata.num_rows
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"{name} cannot be read: {error}") from error


def _gather(sizes: Sequence[int]) -> Iterator[range]:
    """Yields the row groups in runs of a block at least, as small ones take long one by one.

    >>> list(_gather([4096] * 10 + [1 << 17]))
    [range(0, 8), range(8, 11)]
    """
    start = size = 0
    for group, num_rows in enumerate(sizes):
        size += num_rows
        if size >= BLOCK_SIZE:
            yield range(start, group + 1)
            start, size = group + 1, 0
    if start < len(sizes):
        yield range(start, len(sizes))


def _read_row_groups(parquet: pq.ParquetFile, groups: range, place: str) -> Iterator[Columns]:
    try:
        for batch in parquet.iter_batches(batch_size=BLOCK_SIZE, row_groups=list(groups), use_threads=False):
            arrays = [batch.column(name) for name in Record._fields]
            if any(array.null_count for array in arrays):
                raise UserError(f"{place} has a record without a value")
            columns: Any = map(_to_column, arrays)
            yield Columns(*columns)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"{place} cannot be read: {error}") from error


def _check_schema(found: pa.Schema, name: str) -> None:
    expected = expected_schema()
    if not found.equals(expected):
        raise UserError(f"{name}: the columns must be {_describe(expected)}, got {_describe(found)}")
    if found.metadata:
        keys = ", ".join(key.decode(errors="replace") for key in found.metadata)
        raise UserError(f"{name}: the schema must have no metadata, got {keys}")


def _describe(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}{' or null' if field.nullable else ''}" for field in schema)


def _to_column(array: pa.Array) -> Texts | np.ndarray:
    if pa.types.is_integer(array.type):
        return np.asarray(array.to_numpy())
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, np.int32, len(array) + 1, array.offset * 4).astype(np.int64)
    run = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    return Texts(run[ends[0] : ends[-1]], ends - ends[0])
