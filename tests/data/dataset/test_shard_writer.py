"""Bytes of shards: other people's encoders and readers, and single shards."""

import gzip
import hashlib
import io

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from eqstream.data.dataset.shard_writer import ShardReceipt, ShardWriter
from eqstream.data.formats.crc32c import checksum, constants
from eqstream.data.formats.tfrecord_writer import masked_checksum, open_uncompressed
from eqstream.data.recipe import Recipe
from eqstream.data.splits.plan import ShardTask
from tests.brute_force import make_plan, make_recipe
from tests.covering import slow_but
from tests.tfrecord_payloads import read_payloads

GOLDEN_DIGEST = "fa948a71e7b510bc6b29621eea7af56ac560dc6d8b1205242677bbdbe211bc03"
LARGE = {"operands": {"min": 0, "max": 799}}
SPACES = {
    "sums": {"operands": {"min": 0, "max": 99}},
    "signs and operators": {"operands": {"min": -20, "max": 20}, "operators": "+-*", "terms": {"min": 1, "max": 3}},
    "brackets": {"operands": {"min": 0, "max": 40}, "operators": "+*", "terms": {"min": 2, "max": 4}, "brackets": True},
    "long numbers": {"operands": {"min": -(10**17), "max": 10**18}, "operators": "+-", "terms": 3},
    "beyond 64 bits": {"operands": {"min": 0, "max": 10**30}, "operators": "+*"},
    "decimals": {"operands": {"min": -9, "max": 9999, "decimals": 5}, "operators": "+*"},
    "fractions": {"operands": {"min": -9, "max": 99}, "operators": "+/", "terms": 3, "division": "fraction"},
    "many carries": {"operands": {"min": 10**29, "max": 10**30 - 1}, "terms": 8},
}


def write(recipe: Recipe, task: ShardTask, *formats: str) -> tuple[ShardReceipt, dict[str, bytes]]:
    sinks = {file_format: io.BytesIO() for file_format in formats}
    receipt = ShardWriter(recipe).write(task, sinks)
    return receipt, {file_format: sink.getvalue() for file_format, sink in sinks.items()}


@pytest.mark.parametrize("name", slow_but([*SPACES], "brackets", "beyond 64 bits", "decimals", "fractions"))
def test_records_are_what_protocol_buffers_and_tensorflow_write(name, tmp_path):
    recipe = make_recipe(SPACES[name], [{"name": "train", "count": 700}])
    _, files = write(recipe, make_plan(recipe).shards[0], "tfrecord", "parquet")
    rows = pq.read_table(io.BytesIO(files["parquet"])).to_pylist()
    path = str(tmp_path / "expected.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        for row in rows:
            feature = {}
            for key, value in row.items():
                if isinstance(value, str):
                    feature[key] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
                else:
                    feature[key] = tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(example.SerializeToString(deterministic=True))
    assert files["tfrecord"] == (tmp_path / "expected.tfrecord").read_bytes()


def test_each_shard_alone_has_the_bytes_it_has_in_sequence():
    recipe = make_recipe(
        LARGE, [{"name": "a", "count": 300_000}, {"name": "b", "rest": True}], storage={"shard_size": 90_000}
    )
    shards = make_plan(recipe).shards
    assert [task.name for task in shards][-1] == "b-00003-of-00004"
    writer = ShardWriter(recipe)
    in_sequence = {}
    for task in shards:
        sink = io.BytesIO()
        writer.write(task, {"tfrecord": sink})
        in_sequence[task.name] = sink.getvalue()
    for task in (shards[3], shards[0]):
        again = ShardTask.from_dict(task.to_dict())
        assert write(Recipe.from_dict(recipe.to_dict()), again, "tfrecord")[1]["tfrecord"] == in_sequence[task.name]


def test_large_space_is_written_whole_across_blocks():
    recipe = make_recipe(LARGE, [{"name": "a", "count": 300_001}, {"name": "b", "rest": True}])
    seen = np.zeros(800 * 800, dtype=np.int64)
    split_of = np.zeros(800 * 800, dtype=np.int64)
    writer = ShardWriter(recipe)
    found = make_plan(recipe)
    for task in found.shards:
        for block in writer.equations.blocks(task):
            places = block.operands[0] * 800 + block.operands[1]
            np.add.at(seen, places, 1)
            split_of[places] = 1 + (task.split == "b")
            assert (block.numerators == block.operands[0] + block.operands[1]).all()
    assert seen.max() == 1
    assert seen.sum() + sum(split.num_left_out for split in found.splits) == 800 * 800
    square = split_of.reshape(800, 800)
    assert not ((square != square.T) & (square > 0) & (square.T > 0)).any()


def test_bytes_are_part_of_the_format():
    # A change of this digest is a change of every dataset: it needs a new format version.
    recipe = make_recipe(
        {"operands": {"min": -9, "max": 99}, "operators": "+-*/", "terms": {"min": 2, "max": 3}, "brackets": True},
        [{"name": "train", "count": 5000}, {"name": "test", "count": 500, "where": {"contains": [42]}}],
        seed=11,
    )
    digest = hashlib.sha256()
    for task in make_plan(recipe).shards:
        digest.update(write(recipe, task, "tfrecord")[1]["tfrecord"])
    assert digest.hexdigest() == GOLDEN_DIGEST


def test_gzip_holds_the_same_records_and_no_time():
    plain = make_recipe(SPACES["sums"])
    packed = make_recipe(SPACES["sums"], storage={"compression": "gzip"})
    _, expected = write(plain, make_plan(plain).shards[0], "tfrecord")
    receipt, files = write(packed, make_plan(packed).shards[0], "tfrecord")
    assert gzip.decompress(files["tfrecord"]) == expected["tfrecord"]
    assert files["tfrecord"][4:8] == bytes(4)
    assert receipt.files["tfrecord"]["sha256"] == hashlib.sha256(files["tfrecord"]).hexdigest()
    file = open_uncompressed(io.BytesIO(files["tfrecord"]), "gzip")
    assert len(read_payloads(file.read())) == 10_000


def test_receipt_tells_what_was_written_and_survives_json():
    recipe = make_recipe(SPACES["signs and operators"], [{"name": "train", "count": 3000}])
    receipt, files = write(recipe, make_plan(recipe).shards[0], "tfrecord", "parquet")
    for file_format, data in files.items():
        file = receipt.files[file_format]
        assert (file["num_bytes"], file["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert ShardReceipt.from_dict(receipt.to_dict()) == receipt
    rows = pq.read_table(io.BytesIO(files["parquet"])).to_pylist()
    recount: dict[str, dict[str, int]] = {}
    for row in rows:
        number = int(row["answer"])
        values = {
            "answer_length": len(row["answer"]),
            "question_length": len(row["question"]),
            "digits": row["digits"],
            "carries": row["carries"],
            "terms": row["terms"],
            "answer_sign": "negative" if number < 0 else "positive" if number else "zero",
        }
        for name, value in values.items():
            counts = recount.setdefault(name, {})
            counts[str(value)] = counts.get(str(value), 0) + 1
        for operator in "+-*":
            if f" {operator} " in row["question"]:
                counts = recount.setdefault("operators", {})
                counts[operator] = counts.get(operator, 0) + 1
    assert receipt.histograms == recount


def test_a_full_disk_is_an_error_and_nothing_more_is_written():
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(28, "No space left on device")

    recipe = make_recipe(SPACES["sums"])
    task = make_plan(recipe).shards[0]
    for file_format in ("tfrecord", "parquet"):
        with pytest.raises(OSError, match="No space left"):
            ShardWriter(recipe).write(task, {file_format: Full()})


@pytest.mark.parametrize("length", [0, 1, 7, 100])
def test_checksums_agree_with_another_implementation(length):
    data = bytes(range(length))
    value = checksum(data)
    assert ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF == masked_checksum(data)
    assert int(constants(length)[length]) == checksum(bytes(length))
