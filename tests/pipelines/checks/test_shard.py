"""Whatever is wrong within a shard is found and named, with true checksums as well as with false ones."""

import dataclasses
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from eqstream.pipelines.build import build
from eqstream.pipelines.checks.files import load_manifest
from eqstream.pipelines.checks.shard import ShardPlace, check_shard
from tests.damaged_dataset import (
    FIRST,
    flip_bit,
    make_recipe,
    parquet,
    read_rows,
    reseal,
    tfrecord,
    to_example,
    write_rows,
    wrong_lines,
)


def test_a_tfrecord_file_cut_within_a_record_names_the_record(dataset_dir):
    path = tfrecord(dataset_dir)
    path.write_bytes(path.read_bytes()[:-5])
    lines = wrong_lines(dataset_dir)
    assert lines[0].startswith(f"{FIRST}: tfrecord/{FIRST}.tfrecord has ")
    assert lines[0].endswith(": it was cut or replaced")
    assert lines[1].startswith(f"{FIRST}, record 119: tfrecord/{FIRST}.tfrecord: record 119 (byte ")


def test_a_tfrecord_file_cut_between_records_is_found(dataset_dir):
    rows = read_rows(dataset_dir)
    write_rows(dataset_dir, rows[:-1], formats=["tfrecord"])
    assert wrong_lines(dataset_dir) == [f"{FIRST}: TFRecord holds 119 records, Parquet 120"]


def test_a_shard_that_lacks_its_last_record_in_all_formats_is_found(dataset_dir):
    write_rows(dataset_dir, read_rows(dataset_dir)[:-1])
    assert f"{FIRST}: it holds 119 records, the manifest says 120" in wrong_lines(dataset_dir)


def test_a_flipped_bit_in_a_tfrecord_file_names_the_record(dataset_dir):
    path = tfrecord(dataset_dir)
    flip_bit(path, 3 * path.stat().st_size // 4)
    lines = wrong_lines(dataset_dir)
    assert lines[0].endswith(": it was changed")
    assert lines[1].startswith(f"{FIRST}, record ")
    assert "has a wrong checksum" in lines[1]


@pytest.mark.parametrize("step", [3, pytest.param(1, marks=pytest.mark.slow)])
def test_every_flipped_byte_of_a_tfrecord_file_is_found_even_if_the_manifest_swears_to_it(dataset_dir, step):
    write_rows(dataset_dir, read_rows(dataset_dir)[:2])
    manifest = load_manifest(str(dataset_dir))
    split, info = manifest.list_shards()[0]
    info = dataclasses.replace(info, num_equations=2)
    place = ShardPlace(directory=str(dataset_dir), recipe=manifest.recipe, split=split, info=info, first_record=0)
    path = tfrecord(dataset_dir)
    contents = path.read_bytes()
    report, _ = check_shard(place, None, max_findings=1)
    assert report.is_read_whole
    for offset in range(0, len(contents), step):
        flip_bit(path, offset)
        report, _ = check_shard(place, None, max_findings=1)
        assert not report.is_read_whole, f"byte {offset}"
        path.write_bytes(contents)


def test_a_flipped_bit_in_a_parquet_file_names_the_shard(dataset_dir):
    path = parquet(dataset_dir)
    flip_bit(path, path.stat().st_size // 8)
    lines = wrong_lines(dataset_dir)
    assert lines[0].startswith(f"{FIRST}: data/{FIRST}.parquet has the SHA-256 ")
    assert re.match(rf"{FIRST}(, record \d+)?: ", lines[1])


def test_a_parquet_file_that_cannot_be_read_names_the_shard(dataset_dir):
    parquet(dataset_dir).write_bytes(b"PAR1 and then nothing PAR1")
    reseal(dataset_dir)
    assert any(line.startswith(f"{FIRST}: data/{FIRST}.parquet cannot be read: ") for line in wrong_lines(dataset_dir))


def test_a_parquet_file_with_other_columns_is_refused(dataset_dir):
    table = pq.read_table(parquet(dataset_dir))
    pq.write_table(table.drop_columns(["terms"]), parquet(dataset_dir))
    reseal(dataset_dir)
    assert any("the columns must be answer string, carries int64" in line for line in wrong_lines(dataset_dir))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.select(["terms", "answer", "carries", "digits", "question"]), "got terms int64, answer"),
        (lambda table: table.cast(pa.schema([field.with_nullable(True) for field in table.schema])), "string or null"),
        (lambda table: table.replace_schema_metadata({"huggingface": "{}"}), "must have no metadata, got huggingface"),
    ],
)
def test_a_parquet_file_with_another_schema_is_refused(dataset_dir, change, message):
    pq.write_table(change(pq.read_table(parquet(dataset_dir))), parquet(dataset_dir))
    reseal(dataset_dir)
    assert any(message in line for line in wrong_lines(dataset_dir))


def test_a_damaged_part_of_a_parquet_file_is_named(dataset_dir):
    path = parquet(dataset_dir)
    contents = path.read_bytes()
    # The first page of the first column, behind the magic number.
    path.write_bytes(contents[:4] + bytes(60) + contents[64:])
    reason = f"data/{FIRST}.parquet: row group 0 (records 0 to 119) cannot be read: "
    assert any(line.startswith(f"{FIRST}: {reason}") for line in wrong_lines(dataset_dir))


@pytest.mark.parametrize(("column", "value"), [("answer", "99"), ("carries", 9), ("digits", 9), ("terms", 9)])
def test_a_wrong_value_is_found_behind_true_checksums(dataset_dir, column, value):
    rows = read_rows(dataset_dir)
    right = rows[17][column]
    rows[17][column] = value
    write_rows(dataset_dir, rows)
    expected = f"{FIRST}, record 17: the {column} of `{rows[17]['question']}` is {right}, got {value}"
    assert wrong_lines(dataset_dir) == [expected]


def test_a_value_that_is_wrong_in_one_format_alone_is_found(dataset_dir):
    rows = read_rows(dataset_dir)
    right = rows[17]["answer"]
    rows[17]["answer"] = rows[60]["answer"] = "99"
    write_rows(dataset_dir, rows, formats=["tfrecord"])
    assert wrong_lines(dataset_dir) == [
        f"{FIRST}, record 17: TFRecord has the answer '99', Parquet {right!r}",
        f"{FIRST}: TFRecord and Parquet differ in 2 records",
    ]


def test_the_order_of_records_must_be_the_same_in_both_formats(dataset_dir):
    write_rows(dataset_dir, read_rows(dataset_dir)[::-1], formats=["tfrecord"])
    assert any("TFRecord and Parquet differ in" in line for line in wrong_lines(dataset_dir))


def test_a_payload_that_is_not_serialised_deterministically_is_found(dataset_dir):
    rows = read_rows(dataset_dir)
    with tf.io.TFRecordWriter(str(tfrecord(dataset_dir))) as writer:
        for number, row in enumerate(rows):
            payload = to_example(row).SerializeToString(deterministic=True)
            # An unknown field at the end is something that protocol buffers skip.
            writer.write(payload + b"\x18\x01" if number == 5 else payload)
    reseal(dataset_dir)
    lines = wrong_lines(dataset_dir)
    place = rf"{FIRST}, record 5: tfrecord/{FIRST}\.tfrecord: record 5 \(byte \d+\)"
    assert re.match(f"{place} is not the deterministic serialisation of a tf.train.Example of ", lines[0])


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("20 + 1", "the space does not contain `20 + 1`: operand 20 is not from 0 to 19"),
        ("1.5 + 1", "the space does not contain `1.5 + 1`: operand 1.5 is not a whole number"),
        ("3 - 1", "the space does not contain `3 - 1`: `-` is none of the operators +"),
        ("3 + 1 + 1", "the space does not contain `3 + 1 + 1`: it has 3 terms, not 2"),
        ("3+1", "'3+1' is not how this equation is written: expected '3 + 1'"),
        ("(3 + 1)", "'(3 + 1)' is not how this equation is written: expected '3 + 1'"),
        ("3 + ", "'3 + ' is not an equation: a number is missing at position 5"),
        ("", "'' is not an equation: it is empty"),
    ],
)
def test_a_question_that_is_not_in_the_space_is_found(dataset_dir, question, reason):
    rows = read_rows(dataset_dir)
    rows[3]["question"] = question
    write_rows(dataset_dir, rows)
    assert f"{FIRST}, record 3: {reason}" in wrong_lines(dataset_dir)


def test_an_equation_in_a_split_whose_condition_it_does_not_meet_is_found(tmp_path):
    splits = [{"name": "train", "rest": True}, {"name": "nines", "where": {"contains": [9]}, "rest": True}]
    out = tmp_path / "held_out"
    build(make_recipe({"operands": {"min": 0, "max": 9}}, splits), out)
    train, nines = read_rows(out, "train-00000-of-00001"), read_rows(out, "nines-00000-of-00001")
    train[0], nines[0] = nines[0], train[0]
    write_rows(out, train, shard="train-00000-of-00001")
    write_rows(out, nines, shard="nines-00000-of-00001")
    lines = wrong_lines(out)
    reason = f"`{train[0]['question']}` meets the conditions of split `nines` and belongs there"
    assert f"train-00000-of-00001, record 0: {reason}" in lines
    reason = f"`{nines[0]['question']}` does not meet the conditions of split `nines`"
    assert f"nines-00000-of-00001, record 0: {reason}" in lines
