"""The records of one shard, block by block: from Parquet, from TFRecord, and whether the two agree.

A record has five columns; a TFRecord payload must be the deterministic serialisation of this `tf.train.Example`:

| column | Parquet | feature |
| --- | --- | --- |
| `answer`, `question` | string | one `bytes_list` value |
| `carries`, `digits`, `terms` | int64 | one `int64_list` value, packed |
"""

import functools
import itertools
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple, cast

import pyarrow as pa
import pyarrow.parquet as pq

from eqstream.data.dataset.manifest import FileInfo
from eqstream.data.errors import UserError
from eqstream.data.formats.tfrecord_writer import open_uncompressed, read_records
from eqstream.pipelines.runtime import filesystem

BLOCK_SIZE = 8192
SCHEMA = {
    "answer": pa.string(),
    "carries": pa.int64(),
    "digits": pa.int64(),
    "question": pa.string(),
    "terms": pa.int64(),
}
# Is given what is wrong, and the record's number from 0 where it is known.
Report = Callable[[str, int | None], None]


class Record(NamedTuple):
    """One record; the fields are the columns in the order of their names."""

    answer: str
    carries: int
    digits: int
    question: str
    terms: int


def read_parquet_blocks(file: BinaryIO) -> Iterator[list[Record]]:
    """Yields the records of a Parquet shard, at most `BLOCK_SIZE` at once.

    Raises:
        UserError: it is no Parquet file, is damaged, has other columns or types, or a value is missing.
    """
    try:
        # No threads: one that still holds a Python object at the end of the process aborts it.
        parquet = pq.ParquetFile(file, pre_buffer=False)
        found = {field.name: field.type for field in parquet.schema_arrow}
        if found != SCHEMA:
            raise UserError(f"the columns must be {_describe_schema(SCHEMA)}, got {_describe_schema(found)}")
        for batch in parquet.iter_batches(batch_size=BLOCK_SIZE, columns=list(SCHEMA), use_threads=False):
            columns = [batch.column(name) for name in SCHEMA]
            for name, column in zip(SCHEMA, columns, strict=True):
                if column.null_count:
                    raise UserError(f"column `{name}` has a record without a value")
            yield list(map(Record, *(column.to_pylist() for column in columns)))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"the Parquet file cannot be read: {error}") from error


def _describe_schema(schema: dict[str, pa.DataType]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in schema.items())


def read_payloads(file: BinaryIO, compression: str, name: str) -> Iterator[bytes]:
    """Yields the payloads of a TFRecord shard, every checksum checked.

    Args:
        file: open for reading.
        compression: `none` or `gzip`.
        name: what to call the file in errors.

    Raises:
        UserError: it is damaged or ends within a record.
    """
    try:
        yield from read_records(open_uncompressed(file, compression), name)
    except (EOFError, OSError, zlib.error) as error:
        raise UserError(f"{name} cannot be read: {error}") from error


class _Payloads:
    """Payloads by the block; damage is reported once, and ends them."""

    def __init__(self, payloads: Iterator[bytes], report: Report) -> None:
        self._payloads = payloads
        self._report = report
        self.number = 0
        self.is_damaged = False

    def take(self, count: int) -> list[bytes]:
        """Returns the next `count` payloads, fewer at the end."""
        taken: list[bytes] = []
        try:
            taken.extend(itertools.islice(self._payloads, count))
        except UserError as error:
            self._report(str(error), self.number + len(taken))
            self._payloads = iter(())
            self.is_damaged = True
        self.number += len(taken)
        return taken


def read_tfrecord_blocks(payloads: Iterator[bytes], report: Report) -> Iterator[list[Record]]:
    """Yields the records of a TFRecord shard, at most `BLOCK_SIZE` at once, up to the first that is damaged."""
    stream = _Payloads(payloads, report)
    while block := stream.take(BLOCK_SIZE):
        records: list[Record] = []
        try:
            records.extend(map(decode_payload, block))
        except UserError as error:
            report(str(error), stream.number - len(block) + len(records))
            yield records
            return
        yield records


def compare_blocks(blocks: Iterator[list[Record]], payloads: Iterator[bytes], report: Report) -> Iterator[list[Record]]:
    """Yields the blocks of a Parquet shard; reports where the TFRecord payloads are not exactly these records.

    Of many differences the first is described: a file of another shard differs everywhere.
    """
    stream = _Payloads(payloads, report)
    num_records = num_differences = 0
    for block in blocks:
        for number, (record, payload) in enumerate(zip(block, stream.take(len(block)), strict=False), num_records):
            if encode_payload(record) != payload:
                num_differences += 1
                if num_differences == 1:
                    report(_describe_difference(record, payload), number)
        num_records += len(block)
        yield block
    while stream.take(BLOCK_SIZE):
        pass
    if num_differences > 1:
        report(f"TFRecord and Parquet differ in {num_differences} records", None)
    if stream.number != num_records and not stream.is_damaged:
        report(f"TFRecord holds {stream.number} records, Parquet {num_records}", None)


def read_sample(directory: str, files: Mapping[str, FileInfo], compression: str, count: int) -> list[Record]:
    """Returns the first records of a shard, Parquet's where there is such a file.

    Args:
        directory: of the dataset.
        files: format to the file's entry in the manifest.
        compression: of TFRecord, `none` or `gzip`.
        count: how many records are wanted; a shard with fewer gives all it has.

    Raises:
        UserError: the file is damaged.
        OSError: there is no such file.
    """
    format = "parquet" if "parquet" in files else "tfrecord"
    with filesystem.open_file(filesystem.join(directory, files[format].path)) as file:
        if format == "parquet":
            return next(read_parquet_blocks(file), [])[:count]
        return list(map(decode_payload, itertools.islice(read_payloads(file, compression, files[format].path), count)))


def _describe_difference(record: Record, payload: bytes) -> str:
    try:
        other = decode_payload(payload)
    except UserError as error:
        return f"TFRecord: {error}"
    name = next(name for name in SCHEMA if getattr(record, name) != getattr(other, name))
    return f"TFRecord has the {name} {getattr(other, name)!r}, Parquet {getattr(record, name)!r}"


def decode_payload(payload: bytes) -> Record:
    """Returns the record that a payload holds.

    Each value is looked up behind its name; that nothing else is there follows from encoding the record again.

    Raises:
        UserError: it is not the deterministic serialisation of a `tf.train.Example` of our columns.
    """
    position = 0
    values: list[str | int] = []
    try:
        for name, kind in SCHEMA.items():
            key = _field(0x0A, name.encode()) + b"\x12"
            position = payload.index(key, position) + len(key)
            for _ in range(2):
                _, position = _read_varint(payload, position)
                position += 1
            length, position = _read_varint(payload, position)
            value = payload[position : position + length]
            values.append(value.decode() if kind == pa.string() else _read_varint(value, 0)[0])
            position += length
    except (ValueError, IndexError):
        values = []
    if not values or encode_payload(record := Record(*cast(Any, values))) != payload:
        names = ", ".join(SCHEMA)
        raise UserError(f"the payload is not the deterministic serialisation of a tf.train.Example of {names}")
    return record


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    """Returns the number at a position, and the position behind it."""
    number = shift = 0
    while data[position] > 0x7F:
        number |= (data[position] & 0x7F) << shift
        shift += 7
        position += 1
    return number | data[position] << shift, position + 1


def encode_payload(record: Record) -> bytes:
    r"""Returns the deterministic serialisation of a record's `tf.train.Example`, field by field as protobuf says.

    >>> encode_payload(Record("3", 0, 1, "1 + 2", 2))[:19]
    b'\n[\n\x0f\n\x06answer\x12\x05\n\x03\n\x013'
    """
    answer, question = record.answer.encode(), record.question.encode()
    features = b"".join(
        (
            _text_prefix("answer", len(answer)),
            answer,
            _number_entry("carries", record.carries),
            _number_entry("digits", record.digits),
            _text_prefix("question", len(question)),
            question,
            _number_entry("terms", record.terms),
        )
    )
    return _prefix(0x0A, len(features)) + features


@functools.lru_cache(maxsize=4096)
def _text_prefix(name: str, length: int) -> bytes:
    """Returns the bytes of a map entry from its start to a text of `length` bytes."""
    value = _prefix(0x0A, length)
    bytes_list = _prefix(0x0A, len(value) + length) + value
    feature = _prefix(0x12, len(bytes_list) + length) + bytes_list
    key = _field(0x0A, name.encode())
    return _prefix(0x0A, len(key) + len(feature) + length) + key + feature


@functools.lru_cache(maxsize=4096)
def _number_entry(name: str, number: int) -> bytes:
    # A negative int64 is written as the unsigned number of the same 64 bits.
    feature = _field(0x1A, _field(0x0A, _varint(number % (1 << 64))))
    return _field(0x0A, _field(0x0A, name.encode()) + _field(0x12, feature))


def _field(tag: int, payload: bytes) -> bytes:
    return _prefix(tag, len(payload)) + payload


@functools.lru_cache(maxsize=4096)
def _prefix(tag: int, length: int) -> bytes:
    return bytes((tag,)) + _varint(length)


def _varint(number: int) -> bytes:
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)
