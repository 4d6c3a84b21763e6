"""The first records of a shard, for showing them."""

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from eqstream.data.dataset.manifest_parts import FileInfo
from eqstream.data.storage import data_path, is_remote
from eqstream.pipelines.checks.bulk.columns import Columns
from eqstream.pipelines.checks.example_message import Record
from eqstream.pipelines.checks.parquet_blocks import read_parquet_blocks
from eqstream.pipelines.checks.tfrecord_blocks import read_tfrecord_blocks
from eqstream.pipelines.runtime import filesystem


def read_sample(directory: str, files: Mapping[str, FileInfo], *, compression: str, count: int) -> list[Record]:
    """Returns the first records of a shard, Parquet's where there is such a file.

    Args:
        directory: of the dataset.
        files: format to file.
        compression: of TFRecord, `none` or `gzip`.
        count: how many records are wanted; a shard with fewer gives all it has.

    Raises:
        UserError: the file is damaged.
        OSError: there is no such file.
    """
    file_format = "parquet" if "parquet" in files else "tfrecord"
    name = files[file_format].path
    with _open(directory, name) as file:
        blocks: Iterator[Columns] = (
            read_parquet_blocks(file, name)
            if file_format == "parquet"
            else read_tfrecord_blocks(file, compression, name)
        )
        records: list[Record] = []
        for block in blocks:
            records += list_records(block.rows(0, count - len(records)))
            if len(records) == count:
                break
        return records


def list_records(columns: Columns) -> list[Record]:
    """Returns the records of a block one by one."""
    rows: Any = ([columns.value(name, row) for name in Columns._fields] for row in range(columns.num_records))
    return [Record(*values) for values in rows]


def _open(directory: str, name: str) -> BinaryIO:
    if is_remote(directory):
        return (data_path(directory) / name).open("rb")
    return filesystem.open_file(filesystem.join(directory, name))
