"""TFRecord files byte by byte: what TensorFlow writes and reads."""

import gzip
import io
from typing import Any

import pytest
import tensorflow as tf

from eqstream.data.formats.tfrecord_writer import open_uncompressed
from eqstream.data.reference.evaluation import answer_text, count_carries, count_digits, evaluate, list_operands
from eqstream.data.reference.parsing import parse
from tests.brute_force import by_question, examine_space, make_recipe, write
from tests.covering import slow_but
from tests.tfrecord_payloads import read_payloads

SPACES = {
    "sums": {"operands": {"min": 0, "max": 12}},
    "one term": {"operands": {"min": -12, "max": 12}, "operators": "-", "terms": 1},
    "signs": {"operands": {"min": -2, "max": 2}, "operators": "+-*", "terms": {"min": 1, "max": 3}},
    "brackets": {"operands": {"min": 0, "max": 1}, "operators": "+*", "terms": {"min": 2, "max": 4}, "brackets": True},
    "compact": {"operands": {"min": -1, "max": 2}, "operators": "-*", "terms": 3, "brackets": True, "spacing": False},
    "quotients": {"operands": {"min": -9, "max": 20}, "operators": "/", "division": "quotient"},
    "rounded": {"operands": {"min": -9, "max": 9}, "operators": "/", "division": "decimal", "places": 4},
    "fractions": {"operands": {"min": -3, "max": 4}, "operators": "+/", "terms": 3, "division": "fraction"},
    "decimals": {"operands": {"min": 8, "max": 11, "decimals": 1}, "operators": "-*"},
    "large": {"operands": {"min": 10**30 - 2, "max": 10**30 + 2}, "operators": "+-*"},
}
HUGE_SPACES = {
    "long numbers": {"operands": {"min": -(10**17), "max": 10**18}, "operators": "+-", "terms": 3},
    "10 ** 20 pairs": {"operands": {"min": 0, "max": 10**10 - 1}, "operators": "+*"},
    "10 ** 40 pairs": {"operands": {"min": 0, "max": 10**20 - 1}, "operators": "+*"},
    "fine grid": {"operands": {"min": -9, "max": 9_999, "decimals": 12}, "operators": "+*", "terms": 3},
    "mixed fractions": {
        "operands": {"min": -99, "max": 9_999},
        "operators": "+-*/",
        "terms": {"min": 2, "max": 5},
        "division": "fraction",
    },
    "many carries": {"operands": {"min": 9 * 10**11, "max": 10**12 - 1}, "operators": "+-", "terms": 12},
    "long questions": {"operands": {"min": -(10**12), "max": 10**12}, "terms": 32, "spacing": False},
    "many brackets": {"operands": {"min": -3, "max": 9_999}, "operators": "-", "terms": 10, "brackets": True},
    "rounded far down": {
        "operands": {"min": 1, "max": 10**6, "decimals": 3},
        "operators": "*/",
        "terms": 4,
        "division": "decimal",
        "places": 12,
    },
}


def serialise(record: dict) -> bytes:
    features = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
        if isinstance(value, str)
        else tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        for name, value in record.items()
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString(deterministic=True)


def read_question(payload: bytes) -> str:
    return tf.train.Example.FromString(payload).features.feature["question"].bytes_list.value[0].decode()


def write_files(recipe) -> list[bytes]:
    return [files["tfrecord"] for files in write(recipe, ("tfrecord",)).files.values()]


def examine_text(question: str, space) -> dict:
    """The record of a question, from its text alone."""
    tree = parse(question)
    division = space.division if "/" in space.operators else "exact"
    value = evaluate(tree, division, space.operands.decimals)
    return {
        "question": question,
        "answer": answer_text(value, division, space.places),
        "terms": len(list_operands(tree)),
        "digits": count_digits(tree),
        "carries": count_carries(tree, division),
    }


# `tests/data/splits/test_small_spaces.py` has more of them.
@pytest.mark.parametrize("name", slow_but([*SPACES], "signs", "compact", "rounded", "fractions", "large"))
def test_records_are_what_protocol_buffers_serialise(name):
    recipe = make_recipe(SPACES[name])
    known = by_question(examine_space(recipe.space))
    (contents,) = write_files(recipe)
    payloads = read_payloads(contents)
    assert len(payloads) == len(known)
    assert {serialise(equation.record) for equation in known.values()} == set(payloads)


# Others have numbers as large, or questions as long.
SLOW = {"10 ** 20 pairs", "10 ** 40 pairs", "many carries", "long numbers"}


# Balanced, the other spaces would have very many strata, or more than are allowed.
@pytest.mark.parametrize(
    ("name", "sampling"),
    [
        *(pytest.param(name, "uniform", marks=pytest.mark.slow if name in SLOW else ()) for name in HUGE_SPACES),
        ("10 ** 20 pairs", "balanced"),
        pytest.param("10 ** 40 pairs", "balanced", marks=pytest.mark.slow),
    ],
)
def test_records_of_huge_spaces_are_right_and_what_protocol_buffers_serialise(name, sampling):
    recipe = make_recipe(HUGE_SPACES[name], [{"name": "a", "count": 60}], sampling=sampling)
    (contents,) = write_files(recipe)
    payloads = read_payloads(contents)
    questions = [read_question(payload) for payload in payloads]
    assert len(set(questions)) == 60
    assert payloads == [serialise(examine_text(question, recipe.space)) for question in questions]


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_files_are_what_tensorflow_writes_and_reads(compression, tmp_path):
    recipe = make_recipe(SPACES["signs"], storage={"compression": compression, "shard_size": 60})
    written = write(recipe, ("tfrecord", "parquet"))
    paths = []
    for task in written.plan.shards:
        path = tmp_path / f"{task.name}.tfrecord"
        path.write_bytes(written.files[task.name]["tfrecord"])
        paths.append(str(path))
        rows = written.records["train"][task.first_ordinal : task.first_ordinal + task.num_equations]
        with tf.io.TFRecordWriter(str(tmp_path / "expected")) as writer:
            for row in rows:
                writer.write(serialise(row))
        contents = open_uncompressed(io.BytesIO(path.read_bytes()), compression).read()
        assert contents == (tmp_path / "expected").read_bytes()
    dataset = tf.data.TFRecordDataset(paths, compression_type="GZIP" if compression == "gzip" else "")
    payloads: list[Any] = list(dataset.as_numpy_iterator())
    read = list(map(read_question, payloads))
    assert read == written.questions("train")


def test_gzip_has_neither_name_nor_time_and_is_the_same_each_time():
    recipe = make_recipe(SPACES["sums"], storage={"compression": "gzip"})
    (first,), (second,) = write_files(recipe), write_files(recipe)
    assert first == second
    # RFC 1952: magic, deflate, no flags and so no name, no time.
    assert first[:8] == b"\x1f\x8b\x08\x00" + bytes(4)
    assert gzip.decompress(first) == write_files(make_recipe(SPACES["sums"]))[0]
