"""Readers of other projects read a dataset as it stands: the same equations, in the order they were written in."""

import itertools
import logging
from pathlib import Path
from typing import Any

import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
import yaml

from eqstream.data.dataset.manifest_file import load_manifest
from eqstream.data.dataset.shard_reader import read_shard, split_shards
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.formats.parquet import read_parquet_shard
from eqstream.data.formats.tfrecord_reader import read_tfrecord_shard
from eqstream.data.recipe_files import load_recipe
from eqstream.pipelines.build import build
from tests.tfrecord_payloads import read_payloads

SPLITS = ("train", "validation", "test", "test_length")
a_split_of_shards = pytest.mark.parametrize(
    "split", [pytest.param(split, marks=[pytest.mark.slow] * (split != "train")) for split in SPLITS]
)
TEXTS = ("answer", "question")
NUMBERS = ("carries", "digits", "terms")
COLUMNS = (*TEXTS, *NUMBERS)
NUM_EQUATIONS = {"train": 350, "validation": 50, "test": 150, "test_length": 250}
NUM_SHARDS = {"train": 4, "validation": 1, "test": 2, "test_length": 3}


@pytest.fixture(scope="module")
def dataset_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Several shards a split, and a split whose name is the beginning of another's."""
    counts = [f"splits.{number}.count={NUM_EQUATIONS[split]}" for number, split in enumerate(SPLITS)]
    out = tmp_path_factory.mktemp("readers") / "length"
    build(load_recipe("length", [*counts, "storage.shard_size=100"]), out)
    return out


@pytest.fixture(scope="module")
def split_to_rows(dataset_dir: Path) -> dict[str, list[tuple]]:
    """The rows of every split, record by record from the TFRecord shards in the order of the manifest."""
    return {split: [row for path in shard_paths(dataset_dir, split) for row in record_rows(path)] for split in SPLITS}


def shard_paths(dataset_dir: Path, split: str, storage_format: str = "tfrecord") -> list[Path]:
    shards = load_manifest(dataset_dir).splits[split].shards
    return [dataset_dir / shard.files[storage_format].path for shard in shards]


def record_rows(path: Path) -> list[tuple]:
    payloads = read_payloads(path.read_bytes())
    examples = [tf.train.Example.FromString(payload).features.feature for payload in payloads]
    return [
        (
            *(example[name].bytes_list.value[0].decode() for name in TEXTS),
            *(example[name].int64_list.value[0] for name in NUMBERS),
        )
        for example in examples
    ]


def column_rows(columns: EquationColumns) -> list[tuple]:
    numbers = (columns.numbers[name].tolist() for name in NUMBERS)
    return list(zip(columns.answer.to_texts(), columns.question.to_texts(), *numbers, strict=True))


def plain_row(example: dict) -> tuple:
    """One row as texts and ints in the order of COLUMNS, whatever the reader's types are."""
    texts = (example[name] if isinstance(example[name], str) else bytes(example[name]).decode() for name in TEXTS)
    return tuple(texts) + tuple(int(example[name]) for name in NUMBERS)


def table_rows(table: pyarrow.Table) -> list[tuple]:
    return [plain_row(row) for row in table.to_pylist()]


def test_fixture_has_several_shards_in_each_split(dataset_dir, split_to_rows):
    assert {split: len(shard_paths(dataset_dir, split)) for split in SPLITS} == NUM_SHARDS
    assert {split: len(rows) for split, rows in split_to_rows.items()} == NUM_EQUATIONS


def test_the_question_gives_the_answer_in_every_row(split_to_rows):
    for answer, question, _, digits, terms in itertools.chain.from_iterable(split_to_rows.values()):
        left, right = question.split(" + ")
        assert (int(left) + int(right), max(len(left), len(right)), 2) == (int(answer), digits, terms)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(("storage", "read"), [("parquet", read_parquet_shard), ("tfrecord", read_tfrecord_shard)])
def test_our_loader_reads_each_format(dataset_dir, split_to_rows, split, storage, read):
    shards = split_shards(dataset_dir, load_manifest(dataset_dir), split, storage=storage)
    rows = [row for shard in shards for row in column_rows(read_shard(shard, read))]
    assert rows == split_to_rows[split]


@a_split_of_shards
def test_tfds_builder_from_directory_reads_each_split(dataset_dir, split_to_rows, split):
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(dataset_dir)
    assert set(builder.info.splits) == set(SPLITS)
    assert builder.info.splits[split].num_examples == len(split_to_rows[split])
    rows = [plain_row(example) for example in tfds.as_numpy(builder.as_dataset(split=split))]
    assert rows == split_to_rows[split]


def test_tfds_reads_a_slice_across_shards(dataset_dir, split_to_rows):
    import tensorflow_datasets as tfds

    dataset = tfds.builder_from_directory(dataset_dir).as_dataset(split="train[90:210]")
    assert [plain_row(example) for example in tfds.as_numpy(dataset)] == split_to_rows["train"][90:210]


def test_datasets_reads_all_splits_under_their_names_without_a_leak(dataset_dir, split_to_rows, tmp_path, caplog):
    import datasets

    logger = logging.getLogger("datasets")
    logger.addHandler(caplog.handler)
    try:
        loaded = datasets.load_dataset(str(dataset_dir), cache_dir=str(tmp_path))
    finally:
        logger.removeHandler(caplog.handler)
    assert caplog.messages == []
    assert list(loaded) == list(SPLITS)
    names = ["question", "answer", "terms", "digits", "carries"]
    assert all(columns == names for columns in loaded.column_names.values())
    (card,) = yaml.safe_load((dataset_dir / "README.md").read_text().split("---\n")[1])["dataset_info"]["splits"][:1]
    assert card["num_bytes"] == pytest.approx(loaded["train"].info.splits["train"].num_bytes, rel=0.01)
    for split in SPLITS:
        assert [plain_row(row) for row in loaded[split]] == split_to_rows[split]
    assert max(loaded["test"]["digits"]) <= 3 < min(loaded["test_length"]["digits"])


def test_datasets_refuses_a_directory_that_has_lost_a_shard(dataset_dir, tmp_path):
    import shutil

    import datasets

    lossy = tmp_path / "lossy"
    shutil.copytree(dataset_dir, lossy)
    shard_paths(lossy, "test", "parquet")[1].unlink()
    with pytest.raises(datasets.exceptions.NonMatchingSplitsSizesError, match="num_examples=150"):
        datasets.load_dataset(str(lossy), cache_dir=str(tmp_path / "cache"))


@pytest.mark.parametrize("split", SPLITS)
def test_duckdb_reads_the_glob_of_a_split(dataset_dir, split_to_rows, split):
    import duckdb

    query = f"SELECT {', '.join(COLUMNS)} FROM read_parquet('{dataset_dir}/data/{split}-*.parquet')"
    assert duckdb.sql(query).fetchall() == split_to_rows[split]


@pytest.mark.parametrize("split", SPLITS)
def test_pyarrow_dataset_reads_the_shards_of_a_split(dataset_dir, split_to_rows, split):
    paths = [str(path) for path in shard_paths(dataset_dir, split, "parquet")]
    assert table_rows(pyarrow.dataset.dataset(paths).to_table()) == split_to_rows[split]


def test_pyarrow_dataset_reads_the_whole_data_folder(dataset_dir, split_to_rows):
    table = pyarrow.dataset.dataset(dataset_dir / "data").to_table()
    assert sorted(table_rows(table)) == sorted(itertools.chain.from_iterable(split_to_rows.values()))


@pytest.mark.parametrize("split", SPLITS)
def test_grain_parquet_source_reads_each_shard(dataset_dir, split_to_rows, split):
    import grain

    rows = []
    for path in shard_paths(dataset_dir, split, "parquet"):
        rows += [plain_row(row) for row in grain.experimental.ParquetIterDataset(str(path))]
    assert rows == split_to_rows[split]


def test_grain_interleaves_the_shards_of_a_split_without_loss(dataset_dir, split_to_rows):
    import grain

    paths = [str(path) for path in shard_paths(dataset_dir, "train", "parquet")]
    rows = [plain_row(row) for row in grain.experimental.ParquetIterDataset(paths)]
    assert sorted(rows) == sorted(split_to_rows["train"])


@pytest.mark.parametrize("split", SPLITS)
def test_tensorflow_reads_the_tfrecord_files_and_their_checksums(dataset_dir, split_to_rows, split):
    paths = [str(path) for path in shard_paths(dataset_dir, split)]
    assert paths == sorted(str(path) for path in (dataset_dir / "tfrecord").glob(f"{split}-*"))
    features = {name: tf.io.FixedLenFeature([], tf.string) for name in TEXTS}
    features |= {name: tf.io.FixedLenFeature([], tf.int64) for name in NUMBERS}
    dataset = tf.data.TFRecordDataset(paths).map(lambda record: tf.io.parse_single_example(record, features))
    examples: list[Any] = list(dataset.as_numpy_iterator())
    assert [plain_row(example) for example in examples] == split_to_rows[split]


def test_records_are_what_protocol_buffers_serialise(dataset_dir):
    for record in tf.data.TFRecordDataset(str(shard_paths(dataset_dir, "test")[0])).as_numpy_iterator():
        assert tf.train.Example.FromString(record).SerializeToString(deterministic=True) == record


@a_split_of_shards
def test_croissant_reads_each_split_as_a_record_set(dataset_dir, split_to_rows, split):
    import mlcroissant

    dataset = mlcroissant.Dataset(jsonld=str(dataset_dir / "croissant.json"))
    assert [record_set.id for record_set in dataset.metadata.record_sets] == list(SPLITS)
    records = dataset.records(record_set=split)
    rows = [plain_row({key.partition("/")[2]: value for key, value in record.items()}) for record in records]
    assert rows == split_to_rows[split]


def test_parquet_row_groups_hold_all_rows_of_a_shard(dataset_dir):
    for path in shard_paths(dataset_dir, "train", "parquet"):
        metadata = pq.ParquetFile(path).metadata
        assert sum(metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)) == metadata.num_rows
