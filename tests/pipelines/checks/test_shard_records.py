"""Records are read as their formats say, and written by nobody but the other projects' code in here."""

import io
import itertools

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from eqstream.data.errors import UserError
from eqstream.pipelines.checks.shard_records import (
    BLOCK_SIZE,
    SCHEMA,
    Record,
    compare_blocks,
    decode_payload,
    encode_payload,
    read_parquet_blocks,
    read_payloads,
    read_tfrecord_blocks,
)

texts = st.text(alphabet="0123456789+-*/(). ", max_size=400)
counts = st.integers(0, 2**63 - 1)
records = st.builds(Record, answer=texts, carries=counts, digits=counts, question=texts, terms=counts)


def serialise(record):
    features = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
        if isinstance(value, str)
        else tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        for name, value in record._asdict().items()
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString(deterministic=True)


def number_records(count):
    return [Record(str(number), number % 3, 1, f"{number} + 0", 2) for number in range(count)]


def parquet_file(rows, schema=None):
    table = pa.table({name: [row[place] for row in rows] for place, name in enumerate(SCHEMA)}, pa.schema(SCHEMA))
    file = io.BytesIO()
    pq.write_table(table.cast(schema) if schema else table, file)
    file.seek(0)
    return file


def tfrecord_file(rows, tmp_path, compression=""):
    path = tmp_path / "shard"
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for row in rows:
            writer.write(serialise(row))
    return path


@given(records)
def test_a_payload_is_what_protocol_buffers_serialise(record):
    assert encode_payload(record) == serialise(record)


@given(records)
def test_decoding_a_payload_gives_the_record_back(record):
    assert decode_payload(serialise(record)) == record


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x00",
        b"no example",
        serialise(Record("3", 0, 1, "1 + 2", 2))[:-1],
        serialise(Record("3", 0, 1, "1 + 2", 2)) + b"\x00",
        tf.train.Example().SerializeToString(),
        serialise(Record("3", 0, 1, "1 + 2", 2)).replace(b"terms", b"teams"),
    ],
)
def test_a_payload_that_is_no_example_of_our_columns_is_refused(payload):
    with pytest.raises(
        UserError, match=r"is not the deterministic serialisation of a tf\.train\.Example of answer, car"
    ):
        decode_payload(payload)


def test_both_formats_are_read_in_blocks_and_in_order(tmp_path):
    rows = number_records(BLOCK_SIZE + 5)
    parquet_blocks = list(read_parquet_blocks(parquet_file(rows)))
    with tfrecord_file(rows, tmp_path).open("rb") as file:
        tfrecord_blocks = list(read_tfrecord_blocks(read_payloads(file, "none", "shard"), pytest.fail))
    assert [len(block) for block in parquet_blocks] == [BLOCK_SIZE, 5]
    assert list(itertools.chain(*parquet_blocks)) == list(itertools.chain(*tfrecord_blocks)) == rows


def test_a_gzip_file_is_read_as_what_it_compresses(tmp_path):
    rows = number_records(50)
    path = tfrecord_file(rows, tmp_path, "GZIP")
    with path.open("rb") as file:
        assert [decode_payload(payload) for payload in read_payloads(file, "gzip", "shard")] == rows
    contents = path.read_bytes()
    for damaged in (contents[:-9], contents[:60], contents[:70] + b"xxxx" + contents[74:], b"plain"):
        with pytest.raises(UserError, match=r"^shard"):
            list(read_payloads(io.BytesIO(damaged), "gzip", "shard"))


def collect(parquet_rows, payloads):
    faults = []
    blocks = compare_blocks(iter([parquet_rows]), payloads, lambda reason, record: faults.append((reason, record)))
    assert list(blocks) == [parquet_rows]
    return faults


def test_equal_formats_give_no_fault():
    rows = number_records(5)
    assert collect(rows, map(serialise, rows)) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"answer": "x"}, "TFRecord has the answer 'x', Parquet '3'"),
        ({"question": "x"}, "TFRecord has the question 'x', Parquet '3 + 0'"),
        ({"carries": 7}, "TFRecord has the carries 7, Parquet 0"),
    ],
)
def test_a_difference_names_the_record_and_the_column(change, fault):
    rows = number_records(5)
    others = [*rows[:3], rows[3]._replace(**change), rows[4]]
    assert collect(rows, map(serialise, others)) == [(fault, 3)]


def test_different_lengths_are_found_either_way():
    rows = number_records(5)
    assert collect(rows, map(serialise, rows[:3])) == [("TFRecord holds 3 records, Parquet 5", None)]
    assert collect(rows[:3], map(serialise, rows)) == [("TFRecord holds 5 records, Parquet 3", None)]


def test_damage_is_reported_once_and_the_other_format_read_on():
    rows = number_records(5)

    def payloads():
        yield from map(serialise, rows[:2])
        raise UserError("record 2 is damaged")

    assert collect(rows, payloads()) == [("record 2 is damaged", 2)]


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (io.BytesIO(b"PAR1"), "the Parquet file cannot be read: "),
        (parquet_file(number_records(3), pa.schema({**SCHEMA, "terms": pa.int32()})), "got .* terms int32"),
        (parquet_file([Record("3", 0, 1, None, 2)]), "column `question` has a record without a value"),
    ],
)
def test_a_parquet_file_that_is_not_ours_is_refused(file, message):
    with pytest.raises(UserError, match=message):
        list(read_parquet_blocks(file))
