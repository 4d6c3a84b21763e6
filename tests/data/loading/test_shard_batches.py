import dataclasses
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from eqstream.data.errors import UserError
from eqstream.data.loading import shard_batches
from eqstream.data.loading.codec import Codec, CodecOptions
from eqstream.data.loading.sampler import EpochSampler
from eqstream.data.loading.shard_batches import batches, epoch_batches
from eqstream.data.loading.token_table import load_manifest, load_tokens
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
    return load_tokens(directory, split, Codec.for_dataset(load_manifest(directory)), **options)


def assert_same_tables(one, other):
    assert np.array_equal(one.questions, other.questions)
    assert np.array_equal(one.answers, other.answers)
    for name, values in one.numbers.items():
        assert np.array_equal(values, other.numbers[name])


def next_of(numbers):
    remaining = iter(numbers)
    return lambda: next(remaining)


@pytest.mark.parametrize("remainder", ["drop", "keep"])
def test_each_iteration_is_the_next_epoch_and_says_how_many_batches_it_has(dataset, remainder, monkeypatch):
    monkeypatch.setattr(shard_batches, "_EXAMPLES_PER_BLOCK", 30)
    table = load(dataset).take(np.arange(103))
    sources = {"question": table.questions, "answer": table.answers}
    sampler = EpochSampler(num_examples=103, batch_size=10, remainder=remainder)
    stream = epoch_batches(sources, sampler, next_of([0, 1, 7]))
    assert len(stream) == sampler.num_batches == (10 if remainder == "drop" else 11)
    for epoch in (0, 1, 7):
        assert_same_batches(as_numpy(stream), as_numpy(batches(table, sampler, first_epoch=epoch)))


def test_shapes_are_static_where_all_batches_have_one_size(dataset):
    table = load(dataset).take(np.arange(100))
    for size, expected in ((10, 10), (30, None)):
        sampler = EpochSampler(num_examples=100, batch_size=size, remainder="keep")
        assert batches(table, sampler).element_spec["answer"].shape[0] == expected


def test_byte_strings_become_strings(dataset):
    texts = np.array([b"1 + 1", b"", b"22 + 3"])
    sampler = EpochSampler(num_examples=3, batch_size=2, shuffle=False, remainder="keep")
    stream = epoch_batches({"question": texts}, sampler, next_of([0]))
    assert stream.element_spec["question"] == tf.TensorSpec([None], tf.string)
    assert [batch["question"].tolist() for batch in as_numpy(stream)] == [[b"1 + 1", b""], [b"22 + 3"]]


# Shards to tables.


def test_a_split_that_does_not_fit_into_memory_is_refused_with_its_size(broken):
    manifest = json.loads((broken / "manifest.json").read_text())
    manifest["splits"]["train"]["shards"][0]["num_equations"] = 10**15
    (broken / "manifest.json").write_text(json.dumps(manifest))
    message = "split `train` does not fit into memory: 1,000,000,000,000,667 examples take 21,000,000,000,014,007 bytes"
    with pytest.raises(UserError, match=f"^{message}$"):
        load(broken)


def test_both_formats_give_identical_tables(dataset):
    assert_same_tables(load(dataset, storage="tfrecord"), load(dataset, storage="parquet"))


def test_gzip_gives_the_tables_of_plain_tfrecord(dataset, tmp_path):
    recipe = {**RECIPE, "storage": {"shard_size": 400, "compression": "gzip", "formats": ["tfrecord"]}}
    build(Recipe.from_dict(recipe), tmp_path)
    assert_same_tables(load(tmp_path), load(dataset, storage="tfrecord"))


def test_the_table_is_what_tensorflow_reads_record_by_record(dataset):
    manifest, codec = load_manifest(dataset), Codec.for_dataset(load_manifest(dataset))
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
    with pytest.raises(UserError, match="shard train-00001-of-00003 is missing"):
        load(broken, storage=storage)


def test_a_shard_cut_between_two_records_is_noticed_by_its_count(broken):
    path = shard_file(broken, "tfrecord")
    data = path.read_bytes()
    path.write_bytes(data[: record_starts(data)[-1]])
    with pytest.raises(UserError, match="shard train-00001-of-00003 holds 332 records, the manifest says 333"):
        load(broken, storage="tfrecord", check_sha256=False)


def test_a_shard_with_a_record_too_many_is_noticed_by_its_count(broken):
    path = shard_file(broken, "tfrecord")
    data = path.read_bytes()
    path.write_bytes(data + data[: record_starts(data)[1]])
    with pytest.raises(UserError, match="shard train-00001-of-00003 holds 334 records"):
        load(broken, storage="tfrecord", check_sha256=False)


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


def test_a_flipped_bit_anywhere_in_parquet_names_the_shard(broken):
    path = shard_file(broken, "parquet")
    data = path.read_bytes()
    for place in range(0, len(data), len(data) // 23):
        flipped = bytearray(data)
        flipped[place] ^= 16
        path.write_bytes(flipped)
        with pytest.raises(UserError, match="shard train-00001-of-00003"):
            load(broken, storage="parquet")


@pytest.mark.parametrize("storage", ["tfrecord", "parquet"])
def test_shards_that_changed_places_are_noticed(broken, storage):
    first, second = shard_file(broken, storage, 1), shard_file(broken, storage, 2)
    first_bytes = first.read_bytes()
    shutil.move(second, first)
    second.write_bytes(first_bytes)
    with pytest.raises(UserError, match=r"shard train-00001-of-00003 (has \d+ bytes|holds|is not the one)"):
        load(broken, storage=storage)


def test_a_record_that_is_no_equation_is_named(broken):
    path = shard_file(broken, "tfrecord")
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(b"no example at all")
    with pytest.raises(UserError, match="shard train-00001-of-00003, record 0"):
        load(broken, storage="tfrecord")


def test_a_text_that_the_codec_cannot_encode_names_the_shard(dataset):
    manifest = load_manifest(dataset)
    facts = dataclasses.replace(manifest.space, alphabet=" +0123456789")
    codec = Codec.for_space(manifest.recipe.space, facts)
    with pytest.raises(UserError, match="does not know the dataset's characters '-'"):
        load_tokens(dataset, "train", codec)
    object.__setattr__(codec, "check_dataset", lambda manifest: None)
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


# The order of epochs.


@pytest.mark.parametrize("num_examples", [1, 2, 5, 8, 13])
@pytest.mark.parametrize("batch_size", [1, 2, 3, 8])
@pytest.mark.parametrize("num_shards", [1, 2, 3])
def test_an_epoch_visits_every_example_once_over_all_readers(num_examples, batch_size, num_shards):
    if num_examples < num_shards:
        return
    for shuffle in (True, False):
        readers = [
            EpochSampler(
                num_examples=num_examples,
                batch_size=batch_size,
                shuffle=shuffle,
                remainder="keep",
                shard_index=index,
                num_shards=num_shards,
            )
            for index in range(num_shards)
        ]
        visited = np.concatenate([reader.indices(epoch=3) for reader in readers])
        assert sorted(visited.tolist()) == list(range(num_examples))


def test_dropping_the_remainder_gives_every_reader_the_same_number_of_batches():
    readers = [EpochSampler(num_examples=23, batch_size=3, shard_index=index, num_shards=3) for index in range(3)]
    assert [reader.num_batches for reader in readers] == [2, 2, 2]
    assert [len(reader.indices(0)) for reader in readers] == [6, 6, 6]


def test_the_order_depends_on_seed_and_epoch_alone():
    def order(seed, epoch):
        return EpochSampler(num_examples=100, batch_size=10, seed=seed).indices(epoch).tolist()

    assert order(1, 0) == order(1, 0)
    assert len({tuple(order(seed, epoch)) for seed in range(3) for epoch in range(3)}) == 9


def test_the_order_never_changes_between_versions():
    # EpochSampler(num_examples=10, batch_size=5, seed=7).indices(2), as first released
    assert EpochSampler(num_examples=10, batch_size=5, seed=7).indices(2).tolist() == [6, 3, 8, 4, 9, 0, 2, 7, 5, 1]


@pytest.mark.parametrize("remainder", ["drop", "keep"])
def test_any_step_can_be_the_first(remainder):
    sampler = EpochSampler(num_examples=50, batch_size=7, seed=3, remainder=remainder)
    whole = sampler.indices(1)
    for first in range(sampler.num_batches + 1):
        assert sampler.indices(1, first).tolist() == whole[first * 7 :].tolist()
        assert sampler.indices(1, first, 2).tolist() == whole[first * 7 : first * 7 + 14].tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_examples": 0}, "`num_examples` must be at least 1"),
        ({"batch_size": 0}, "`batch_size` must be at least 1"),
        ({"shard_index": 2, "num_shards": 2}, r"`shard_index` must be in \[0, 2\), got 2"),
        ({"remainder": "pad"}, "'drop' or 'keep', got 'pad'"),
        ({"batch_size": 11}, "10 examples for 1 reader.* make no batch of 11"),
    ],
)
def test_impossible_samplers_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        EpochSampler(**{"num_examples": 10, "batch_size": 2, **options})


# Batches.


def as_numpy(dataset):
    return [{name: values.numpy() for name, values in batch.items()} for batch in dataset]


def assert_same_batches(one, other):
    assert len(one) == len(other)
    for left, right in zip(one, other, strict=True):
        assert left.keys() == right.keys()
        for name in left:
            assert np.array_equal(left[name], right[name])


def test_batches_have_static_shapes_and_types(dataset):
    table = load(dataset)
    spec = batches(table, EpochSampler(num_examples=1000, batch_size=32), columns=("carries",)).element_spec
    assert spec == {
        "question": tf.TensorSpec((32, table.questions.shape[1]), tf.int32),
        "answer": tf.TensorSpec((32, table.answers.shape[1]), tf.int32),
        "carries": tf.TensorSpec((32,), tf.int32),
    }


@pytest.mark.parametrize("remainder", ["drop", "keep"])
def test_batches_follow_the_sampler_over_epochs(dataset, remainder):
    table = load(dataset).take(np.arange(150))
    sampler = EpochSampler(num_examples=150, batch_size=16, remainder=remainder)
    found = as_numpy(batches(table, sampler, num_epochs=3, columns=("digits",)))
    assert len(found) == 3 * sampler.num_batches
    order = np.concatenate([sampler.indices(epoch) for epoch in range(3)])
    assert np.array_equal(np.concatenate([batch["question"] for batch in found]), table.questions[order])
    assert np.array_equal(np.concatenate([batch["answer"] for batch in found]), table.answers[order])
    assert np.array_equal(np.concatenate([batch["digits"] for batch in found]), table.numbers["digits"][order])


@pytest.mark.parametrize("remainder", ["drop", "keep"])
@pytest.mark.parametrize("examples_per_block", [1, 35, 1 << 15])
def test_a_stream_resumed_at_any_step_goes_on_with_the_batches_that_would_have_come(
    dataset, monkeypatch, remainder, examples_per_block
):
    table = load(dataset).take(np.arange(103))
    sampler = EpochSampler(num_examples=103, batch_size=5, remainder=remainder)
    whole = as_numpy(batches(table, sampler, num_epochs=2))
    monkeypatch.setattr(shard_batches, "_EXAMPLES_PER_BLOCK", examples_per_block)
    for step in range(2 * sampler.num_batches):
        epoch, batch = divmod(step, sampler.num_batches)
        resumed = batches(table, sampler, first_epoch=epoch, first_batch=batch, num_epochs=None).take(3)
        assert_same_batches(as_numpy(resumed)[: len(whole) - step], whole[step : step + 3])
    behind = batches(table, sampler, first_epoch=0, first_batch=sampler.num_batches, num_epochs=2)
    assert_same_batches(as_numpy(behind), whole[sampler.num_batches :])


def test_readers_share_an_epoch_without_overlap(dataset):
    table = load(dataset).take(np.arange(60))
    streams = [
        batches(table, EpochSampler(num_examples=60, batch_size=8, remainder="keep", shard_index=index, num_shards=3))
        for index in range(3)
    ]
    seen = np.concatenate([batch["question"] for stream in streams for batch in as_numpy(stream)])
    assert sorted(map(bytes, seen.astype(np.uint8))) == sorted(map(bytes, table.questions))


def test_reversal_and_padding_reach_the_batches(dataset):
    codec = Codec.for_dataset(load_manifest(dataset), CodecOptions(padding="left", reverse_answer=True))
    plain = Codec.for_dataset(load_manifest(dataset))
    table, expected = load_tokens(dataset, "test", codec), load(dataset, "test")
    assert codec.decode_questions(table.questions) == plain.decode_questions(expected.questions)
    assert codec.decode_answers(table.answers) == plain.decode_answers(expected.answers)


def test_a_sampler_for_another_table_is_refused(dataset):
    with pytest.raises(ValueError, match="`sampler` is for 5 examples, `question` has 1000"):
        batches(load(dataset), EpochSampler(num_examples=5, batch_size=1))
