"""Parquet shards are read as pyarrow writes them, and refused unless they have exactly our columns."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eqstream.data.errors import UserError
from eqstream.pipelines.checks import parquet_blocks
from eqstream.pipelines.checks.example_message import Record
from eqstream.pipelines.checks.parquet_blocks import BLOCK_SIZE, expected_schema, read_parquet_blocks
from eqstream.pipelines.checks.shard_records import list_records


def parquet_file(rows, schema=None, **options):
    columns = [list(column) for column in zip(*rows, strict=True)]
    file = io.BytesIO()
    pq.write_table(pa.table(columns, schema=schema or expected_schema()), file, **options)
    file.seek(0)
    return file


def test_records_are_read_in_blocks_and_in_order():
    rows = [Record(str(number), number % 3, 1, f"{number} + 0" * (number % 2), 2) for number in range(BLOCK_SIZE + 5)]
    blocks = list(read_parquet_blocks(parquet_file(rows), "shard"))
    assert [block.num_records for block in blocks] == [BLOCK_SIZE, 5]
    assert [record for block in blocks for record in list_records(block)] == rows


ROWS = [Record("3", 0, 1, "1 + 2", 2)] * 3
NULLABLE = pa.schema([field.with_nullable(True) for field in expected_schema()])


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (io.BytesIO(b"PAR1"), "shard cannot be read: "),
        (parquet_file(ROWS, NULLABLE), "shard: the columns must be answer string, .* got answer string or null, "),
        (parquet_file([row[::-1] for row in ROWS], pa.schema(list(expected_schema())[::-1])), "got terms int64, quest"),
        (parquet_file(ROWS, expected_schema().with_metadata({"a": "b"})), "schema must have no metadata, got a$"),
    ],
)
def test_a_parquet_file_that_is_not_ours_is_refused(file, message):
    with pytest.raises(UserError, match=message):
        list(read_parquet_blocks(file, "shard"))


def test_damage_is_told_by_the_row_group(monkeypatch):
    monkeypatch.setattr(parquet_blocks, "BLOCK_SIZE", 2)
    file = parquet_file(ROWS, row_group_size=2)
    contents = bytearray(file.getvalue())
    start = pq.ParquetFile(file).metadata.row_group(1).column(0).data_page_offset
    contents[start : start + 8] = bytes(8)
    blocks = read_parquet_blocks(io.BytesIO(contents), "shard")
    assert next(blocks).num_records == 2
    with pytest.raises(UserError, match=r"^shard: row group 1 \(records 2 to 2\) cannot be read: "):
        next(blocks)
