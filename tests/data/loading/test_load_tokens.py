import dataclasses
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from eqstream.data.dataset.manifest_file import load_manifest
from eqstream.data.dataset.shard_reader import read_split
from eqstream.data.errors import UserError
from eqstream.data.loading import split_source
from eqstream.data.loading.codec_fit import fit_codec, fit_codec_to_dataset
from eqstream.data.loading.codec_options import CodecOptions
from eqstream.data.loading.split_source import load_tokens
from eqstream.data.recipe import Recipe
from eqstream.pipelines.build import build

RECIPE = {
    "name": "sums",
    "space": {"operands": {"min": 0, "max": 29}, "operators": "+-"},
    "splits": [{"name": "train", "count": 1000}, {"name": "test", "rest": True}],
    "storage": {"shard_size": 400},
}


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    directory = tmp_path_factory.mktemp("sums")
    build(Recipe.from_dict(RECIPE), directory)
    return directory


@pytest.fixture
def broken(dataset, tmp_path):
    shutil.copytree(dataset, tmp_path / "broken")
    return tmp_path / "broken"


def load(directory, split="train", **options):
    return load_tokens(directory, split, fit_codec_to_dataset(load_manifest(directory)), **options)


def assert_same_tables(one, other):
    assert np.array_equal(one.questions, other.questions)
    assert np.array_equal(one.answers, other.answers)
    for name, values in one.numbers.items():
        assert np.array_equal(values, other.numbers[name])


def test_both_formats_give_identical_tables(dataset):
    assert_same_tables(load(dataset, storage="tfrecord"), load(dataset, storage="parquet"))


def test_gzip_gives_the_tables_of_plain_tfrecord(dataset, tmp_path):
    recipe = {**RECIPE, "storage": {"shard_size": 400, "compression": "gzip", "formats": ["tfrecord"]}}
    build(Recipe.from_dict(recipe), tmp_path)
    assert_same_tables(load(tmp_path), load(dataset, storage="tfrecord"))


def test_the_table_is_what_tensorflow_reads_record_by_record(dataset):
    manifest, codec = load_manifest(dataset), fit_codec_to_dataset(load_manifest(dataset))
    shards = manifest.splits["train"].shards
    paths = [str(dataset / shard.files["tfrecord"].path) for shard in shards]
    examples = [tf.train.Example.FromString(record.numpy()) for record in tf.data.TFRecordDataset(paths)]
    table = load(dataset)
    assert len(shards) == 3
    questions = [example.features.feature["question"].bytes_list.value[0].decode() for example in examples]
    answers = [example.features.feature["answer"].bytes_list.value[0].decode() for example in examples]
    assert codec.decode_questions(table.questions) == questions
    assert codec.decode_answers(table.answers) == answers
    for name, values in table.numbers.items():
        assert values.tolist() == [example.features.feature[name].int64_list.value[0] for example in examples]


def shard_file(directory, storage, number=1):
    return directory / load_manifest(directory).splits["train"].shards[number].files[storage].path


def record_starts(data):
    starts, place = [], 0
    while place < len(data):
        starts.append(place)
        place += int.from_bytes(data[place : place + 8], "little") + 16
    return starts


@pytest.mark.parametrize("storage", ["tfrecord", "parquet"])
def test_a_missing_shard_is_named(broken, storage):
    shard_file(broken, storage).unlink()
    with pytest.raises(UserError, match=r"^shard train-00001-of-00003, record 0: there is no file "):
        load(broken, storage=storage)


def test_a_shard_cut_between_two_records_is_noticed_by_its_count(broken):
    path = shard_file(broken, "tfrecord")
    data = path.read_bytes()
    path.write_bytes(data[: record_starts(data)[-1]])
    with pytest.raises(UserError, match="shard train-00001-of-00003 holds 332 records, the manifest says 333"):
        list(read_split(broken, load_manifest(broken), "train", storage="tfrecord", check_sha256=False))


def test_a_shard_with_a_record_too_many_is_noticed_by_its_count(broken):
    path = shard_file(broken, "tfrecord")
    data = path.read_bytes()
    path.write_bytes(data + data[: record_starts(data)[1]])
    with pytest.raises(UserError, match="shard train-00001-of-00003 holds 334 records"):
        list(read_split(broken, load_manifest(broken), "train", storage="tfrecord", check_sha256=False))


def test_a_shard_cut_within_a_record_names_the_record(broken):
    path = shard_file(broken, "tfrecord")
    data = path.read_bytes()
    path.write_bytes(data[: record_starts(data)[40] + 30])
    with pytest.raises(UserError, match=r"shard train-00001-of-00003, record 40: .* is damaged or cut there"):
        load(broken, storage="tfrecord")


@pytest.mark.parametrize("offset", [0, 9, 20, 45])
def test_a_flipped_bit_anywhere_in_a_record_names_the_record(broken, offset):
    path = shard_file(broken, "tfrecord")
    data = bytearray(path.read_bytes())
    data[record_starts(data)[17] + offset] ^= 4
    path.write_bytes(data)
    with pytest.raises(UserError, match="shard train-00001-of-00003, record 17"):
        load(broken, storage="tfrecord")


@pytest.mark.parametrize("storage", ["tfrecord", "parquet"])
def test_shards_that_changed_places_are_noticed(broken, storage):
    first, second = shard_file(broken, storage, 1), shard_file(broken, storage, 2)
    first_bytes = first.read_bytes()
    shutil.move(second, first)
    second.write_bytes(first_bytes)
    with pytest.raises(
        UserError, match=r"^shard train-00001-of-00003, record (0: what .* holds there is not|332: .* is damaged)"
    ):
        load(broken, storage=storage)


def test_a_record_that_is_no_equation_is_named(broken):
    path = shard_file(broken, "tfrecord")
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(b"no example at all")
    with pytest.raises(UserError, match="shard train-00001-of-00003, record 0"):
        load(broken, storage="tfrecord")


def test_a_text_that_the_codec_cannot_encode_names_the_shard(dataset, monkeypatch):
    manifest = load_manifest(dataset)
    facts = dataclasses.replace(manifest.space, alphabet=" +0123456789")
    codec = fit_codec([(manifest.recipe.space, facts)])
    with pytest.raises(UserError, match="does not know the dataset's characters '-'"):
        load_tokens(dataset, "train", codec)
    monkeypatch.setattr(split_source, "check_codec", lambda *_: None)
    with pytest.raises(UserError, match=r"shard train-00000-of-00003: question `.*` has '-' at position"):
        load_tokens(dataset, "train", codec)


def test_a_split_or_format_that_is_not_there_is_refused(dataset, tmp_path):
    with pytest.raises(UserError, match="no split `tests`; did you mean `test`"):
        load(dataset, "tests")
    with pytest.raises(UserError, match=r"is not a dataset: it has no manifest\.json"):
        load_manifest(tmp_path)
    recipe = {**RECIPE, "storage": {"formats": ["parquet"]}}
    build(Recipe.from_dict(recipe), tmp_path / "parquet")
    with pytest.raises(UserError, match="not stored as tfrecord, only as parquet"):
        load(tmp_path / "parquet", storage="tfrecord")


def test_a_manifest_of_a_newer_format_is_refused(broken):
    path = broken / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 99}))
    with pytest.raises(UserError, match="format version 99"):
        load(broken)


def test_reversal_and_padding_reach_the_batches(dataset):
    codec = fit_codec_to_dataset(load_manifest(dataset), CodecOptions(padding="left", reverse_answer=True))
    plain = fit_codec_to_dataset(load_manifest(dataset))
    table, expected = load_tokens(dataset, "test", codec), load(dataset, "test")
    assert codec.decode_questions(table.questions) == plain.decode_questions(expected.questions)
    assert codec.decode_answers(table.answers) == plain.decode_answers(expected.answers)
