"""TFRecord shards are read in bulk as TensorFlow wrote them, whatever is in them, and no damage is overlooked."""

import io
from typing import Any

import pytest
import tensorflow as tf

from eqstream.pipelines.checks import tfrecord_frames
from eqstream.pipelines.checks.example_message import Record, encode_record
from eqstream.pipelines.checks.shard_records import list_records
from eqstream.pipelines.checks.tfrecord_blocks import read_tfrecord_blocks
from eqstream.pipelines.checks.tfrecord_frames import DamagedRecordError

# Short and long texts and numbers, so that some fit no template.
ROWS = [
    Record("3" * (number % 4), number % 3, 1, f"{number} + 0" * (1 + number % 7), 2 if number % 5 else 200)
    for number in range(300)
] + [Record("9" * 200, 0, 1, "1 + 2" * 4000, 2)]


def write(payloads, path, compression: Any = ""):
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for payload in payloads:
            writer.write(payload)
    return path.read_bytes()


def read(contents, compression="none") -> tuple[list[Record], Any]:
    """The records that can be read, and why there are no more."""
    records = []
    try:
        for block in read_tfrecord_blocks(io.BytesIO(contents), compression, "shard"):
            records += list_records(block)
    except DamagedRecordError as error:
        return records, (str(error), error.record)
    return records, None


@pytest.mark.parametrize("chunk_bytes", [64, 1000, 1 << 22])
def test_records_are_read_whatever_is_in_them(chunk_bytes, tmp_path, monkeypatch):
    monkeypatch.setattr(tfrecord_frames, "CHUNK_BYTES", chunk_bytes)
    contents = write(map(encode_record, ROWS), tmp_path / "shard")
    assert read(contents) == (ROWS, None)


def test_no_records_are_read_from_an_empty_file():
    assert read(b"") == ([], None)


def test_a_gzip_file_is_read_as_what_it_compresses(tmp_path):
    contents = write(map(encode_record, ROWS[:50]), tmp_path / "shard", "GZIP")
    assert read(contents, "gzip") == (ROWS[:50], None)
    for damaged in (contents[:-9], contents[:60], contents[:70] + b"xxxx" + contents[74:], b"plain"):
        records, (reason, _) = read(damaged, "gzip")
        assert records == ROWS[: len(records)]
        assert reason.startswith("shard")


def test_damage_is_told_by_the_record_and_its_place(tmp_path):
    rows = ROWS[:3]
    contents = write(map(encode_record, rows), tmp_path / "shard")
    second = 16 + len(encode_record(rows[0]))
    for place, reason in ((second, "has a wrong checksum of its length"), (second + 20, "has a wrong checksum")):
        damaged = contents[:place] + bytes([contents[place] ^ 1]) + contents[place + 1 :]
        assert read(damaged) == (rows[:1], (f"shard: record 1 (byte {second}) {reason}", 1))
    for end in (second + 5, second + 30):
        assert read(contents[:end]) == (rows[:1], (f"shard: record 1 (byte {second}) is cut off", 1))


def test_a_payload_that_is_no_record_ends_what_can_be_read(tmp_path):
    payloads = [*map(encode_record, ROWS[:2]), b"no example", encode_record(ROWS[3])]
    records, (reason, record) = read(write(payloads, tmp_path / "shard"))
    assert (records, record) == (ROWS[:2], 2)
    assert reason.startswith("shard: record 2 (byte 223) is not the deterministic serialisation of a tf.train.Exam")
