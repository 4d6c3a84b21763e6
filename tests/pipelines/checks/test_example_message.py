"""A record's message is the one that TensorFlow's own classes read and write."""

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from eqstream.data.errors import UserError
from eqstream.data.formats.columns import COLUMN_TYPES, STORED_COLUMNS
from eqstream.equation import Equation
from eqstream.pipelines.checks.bulk.columns import Columns
from eqstream.pipelines.checks.example_message import Record, decode_record, encode_record
from tests.examples import examples

texts = st.text(alphabet="0123456789+-*/(). ", max_size=400)
counts = st.integers(0, 2**63 - 1)


def test_columns_that_are_checked_are_those_that_are_written_and_read():
    types = {str: "string", int: "int64"}
    assert {name: types[kind] for name, kind in Record.__annotations__.items()} == COLUMN_TYPES
    assert Record._fields == Columns._fields == tuple(column.name for column in STORED_COLUMNS)
    assert Equation._fields == tuple(COLUMN_TYPES)


def serialise(record):
    features = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
        if isinstance(value, str)
        else tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        for name, value in record._asdict().items()
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString(deterministic=True)


@given(st.builds(Record, answer=texts, carries=counts, digits=counts, question=texts, terms=counts))
@examples(30)
def test_a_record_is_serialised_as_by_tensorflow_and_read_back(record):
    assert encode_record(record) == serialise(record)
    assert decode_record(serialise(record)) == record


RIGHT = serialise(Record("3", 0, 1, "1 + 2", 2))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x00",
        b"no example",
        RIGHT[:-1],
        RIGHT + b"\x00",
        RIGHT + b"\x18\x01",
        tf.train.Example().SerializeToString(),
        RIGHT.replace(b"terms", b"teams"),
        RIGHT.replace(b"1 + 2", b"1 + \xff"),
    ],
)
def test_a_payload_that_is_no_example_of_our_columns_is_refused(payload):
    reason = "is not the deterministic serialisation of a tf.train.Example of answer, carries, digits, question, terms"
    with pytest.raises(UserError) as caught:
        decode_record(payload)
    assert str(caught.value) == reason
