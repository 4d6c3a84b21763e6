"""The index of blocks in the manifest against the files: whether pieces begin and end where blocks do."""

import gzip
import io
from collections.abc import Iterator
from typing import BinaryIO, cast

import google_crc32c
import pyarrow as pa
import pyarrow.parquet as pq

from eqstream.data.dataset.manifest_parts import FileInfo
from eqstream.data.formats.blocks import BlockIndex, Cut
from eqstream.pipelines.checks.tfrecord_frames import DamagedRecordError, read_frames

_MAGIC = b"PAR1"


def check_blocks(file: BinaryIO, info: FileInfo, cut: Cut) -> Iterator[str]:
    """Yields where the manifest is wrong about the blocks of an undamaged file, in one line each.

    Args:
        file: the file, at its beginning; read once, a piece at a time.
        info: what the manifest says of it; nothing is wrong where it has no index.
        cut: where the blocks of the split cut the shard.
    """
    if info.blocks is None:
        return
    reasons = _check_parquet if info.path.endswith(".parquet") else _check_tfrecord
    for reason in reasons(file, info.path, info.blocks, cut):
        yield f"the manifest's `blocks` of {info.path} are wrong: {reason}"


def _check_tfrecord(file: BinaryIO, path: str, index: BlockIndex, cut: Cut) -> Iterator[str]:
    records = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if path.endswith(".gz") else file
    for piece, data in enumerate(_read_pieces(records, index)):
        expected = cut.edge(piece + 1) - cut.edge(piece)
        if google_crc32c.value(data) != index.crc32c[piece]:
            yield f"piece {piece} has another CRC-32C"
        elif _count_records(data, path) != expected:
            yield f"piece {piece} holds not {expected:,} records"
    if records.read(1):
        yield "there are records behind the last piece"


def _check_parquet(file: BinaryIO, path: str, index: BlockIndex, cut: Cut) -> Iterator[str]:
    del path
    file.read(len(_MAGIC))
    for piece, data in enumerate(_read_pieces(file, index)):
        if google_crc32c.value(data) != index.crc32c[piece]:
            yield f"piece {piece} has another CRC-32C"
    footer = file.read()
    if google_crc32c.value(footer) != index.footer_crc32c:
        yield "the footer has another CRC-32C"
        return
    try:
        metadata = pq.read_metadata(pa.BufferReader(footer))
    except (pa.ArrowException, OSError):
        yield "what follows the last piece is no footer"
        return
    if metadata.num_row_groups != cut.num_pieces:
        yield f"there are {metadata.num_row_groups:,} row groups for {cut.num_pieces:,} pieces"
        return
    offset = len(_MAGIC)
    for piece, num_bytes in enumerate(index.num_bytes):
        expected = cut.edge(piece + 1) - cut.edge(piece)
        if metadata.row_group(piece).num_rows != expected:
            yield f"row group {piece} holds {metadata.row_group(piece).num_rows:,} records, not {expected:,}"
        if _extent(metadata.row_group(piece)) != (offset, offset + num_bytes):
            yield f"row group {piece} is not the bytes from {offset:,} to {offset + num_bytes:,}"
        offset += num_bytes


def _count_records(data: bytes, path: str) -> int | None:
    """Returns how many records the bytes hold, None if they end within one."""
    try:
        return sum(len(frames.starts) for frames in read_frames(io.BytesIO(data), path))
    except DamagedRecordError:
        return None


def _read_pieces(file: BinaryIO, index: BlockIndex) -> Iterator[bytes]:
    for num_bytes in index.num_bytes:
        yield file.read(num_bytes)


def _extent(group: pq.RowGroupMetaData) -> tuple[int, int]:
    """Returns where the bytes of a row group begin and end in the file."""
    columns = [group.column(number) for number in range(group.num_columns)]
    starts = [min(filter(None, (each.dictionary_page_offset, each.data_page_offset))) for each in columns]
    return min(starts), max(start + each.total_compressed_size for start, each in zip(starts, columns, strict=True))
