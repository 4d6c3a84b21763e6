"""No damage to a file of a dataset gets past the loader: every byte of a small one is changed, one at a time."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from eqstream.data.dataset.manifest_file import load_manifest
from eqstream.data.dataset.shard_reader import read_split
from eqstream.data.errors import UserError
from eqstream.data.loading.codec_fit import fit_codec_to_dataset
from eqstream.data.loading.split_source import load_tokens
from eqstream.data.loading.token_table import TokenTable
from eqstream.data.recipe import Recipe
from eqstream.pipelines.build import build

SPLITS = [{"name": "train", "count": 8}, {"name": "test", "rest": True}]
SPACE = {"operands": {"min": 7, "max": 12}}
FORMATS = ["tfrecord", "parquet"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("faults") / "sums"
    storage = {"shard_size": 4, "formats": FORMATS}
    build(Recipe.from_dict({"name": "sums", "space": SPACE, "splits": SPLITS, "storage": storage}), out)
    return out


@pytest.fixture
def broken(dataset, tmp_path) -> Path:
    shutil.copytree(dataset, tmp_path / "sums")
    return tmp_path / "sums"


def second_shard(directory: Path, storage: str) -> Path:
    shards = load_manifest(directory).splits["train"].shards
    assert len(shards) == 2
    return directory / shards[1].files[storage].path


def load(directory: Path, storage: str) -> TokenTable:
    manifest = load_manifest(directory)
    return load_tokens(directory, "train", fit_codec_to_dataset(manifest), manifest=manifest, storage=storage)


def read_unsigned(directory: Path, storage: str) -> None:
    for _ in read_split(directory, load_manifest(directory), "train", storage=storage, check_sha256=False):
        pass


def flips(path: Path, step: int = 1) -> Iterator[int]:
    """Changes one byte at a time, each time another of its bits, and yields its place."""
    contents = path.read_bytes()
    for place in range(0, len(contents), step):
        damaged = bytearray(contents)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        yield place


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 29])
def test_a_flip_in_any_byte_of_a_parquet_shard_that_is_read_is_an_error_that_names_it(dataset, broken, step):
    whole, num_unread, num_flips = load(dataset, "parquet"), 0, 0
    for _ in flips(second_shard(broken, "parquet"), step):
        num_flips += 1
        # What is not read at all changes nothing.
        with contextlib.suppress(UserError):
            table = load(broken, "parquet")
            num_unread += 1
            assert all(np.array_equal(values, table.columns()[name]) for name, values in whole.columns().items())
            continue
        with pytest.raises(UserError, match=r"^shard train-00001-of-00002"):
            load(broken, "parquet")
    # The file's first bytes say what kind of file it is.
    assert num_unread <= -(-4 // step) < num_flips


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 7])
def test_a_flip_in_any_byte_of_a_tfrecord_shard_is_found_in_its_record_by_checksums_alone(broken, step):
    path = second_shard(broken, "tfrecord")
    record_size = path.stat().st_size / 4
    for place in flips(path, step):
        with pytest.raises(UserError, match=r"shard train-00001-of-00002, record \d: ") as caught:
            read_unsigned(broken, "tfrecord")
        record = int(str(caught.value).partition("record ")[2][0])
        # Records differ by a few bytes in length, so the place tells the record but near its ends.
        assert abs(place / record_size - (record + 0.5)) < 0.6


@pytest.mark.parametrize("storage", FORMATS)
def test_a_shard_cut_to_any_length_is_an_error_without_its_sha256(broken, storage):
    path = second_shard(broken, storage)
    contents = path.read_bytes()
    for length in range(0, len(contents), 5 if storage == "tfrecord" else 37):
        path.write_bytes(contents[:length])
        with pytest.raises(UserError, match="shard train-00001-of-00002"):
            read_unsigned(broken, storage)


@pytest.mark.parametrize("storage", FORMATS)
def test_a_shard_of_another_dataset_with_as_many_records_is_an_error(broken, tmp_path, storage):
    storage_section = {"shard_size": 4, "formats": FORMATS}
    recipe = {"name": "sums", "seed": 1, "space": SPACE, "splits": SPLITS, "storage": storage_section}
    build(Recipe.from_dict(recipe), tmp_path / "other")
    shutil.copy(second_shard(tmp_path / "other", storage), second_shard(broken, storage))
    with pytest.raises(UserError, match=r"^shard train-00001-of-00002, record 0: what .* holds there is not what"):
        load(broken, storage)


def test_tokens_are_the_same_from_each_format(dataset):
    one, other = (load(dataset, storage) for storage in FORMATS)
    assert np.array_equal(one.questions, other.questions)
    assert np.array_equal(one.answers, other.answers)
    assert all(np.array_equal(values, other.numbers[name]) for name, values in one.numbers.items())
