"""Any block and any rows of it against the whole split; damage to any byte; many threads at once."""

import dataclasses
import itertools
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eqstream.data.dataset import block_reader
from eqstream.data.dataset.block_reader import BlockReader
from eqstream.data.dataset.manifest import MANIFEST, Manifest, parse_manifest, sha256_of
from eqstream.data.dataset.manifest_parts import FileInfo
from eqstream.data.dataset.shard_reader import read_split, split_shards
from eqstream.data.errors import UserError
from eqstream.data.formats import blocks
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.formats.parquet_pieces import CheckedFooters, IndexedParquetPieces
from eqstream.data.recipe import Recipe
from eqstream.pipelines.build import build

BLOCK = 16
NUM_RECORDS = 100


@pytest.fixture(scope="module", autouse=True)
def small_blocks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", BLOCK)
        patch.setattr(block_reader, "BLOCK", BLOCK)
        yield


@pytest.fixture(scope="module")
def datasets(tmp_path_factory) -> dict[str, Path]:
    """Shards of 34, 33 and 33 records: blocks 2 and 4 lie in two of them each, the last one is short."""
    out = tmp_path_factory.mktemp("blocks")
    splits = [{"name": "train", "count": NUM_RECORDS}, {"name": "test", "rest": True}]
    for compression in ("none", "gzip"):
        storage = {"shard_size": 34, "formats": ["tfrecord", "parquet"], "compression": compression}
        recipe = {"name": "sums", "space": {"operands": {"min": 0, "max": 15}}, "splits": splits, "storage": storage}
        build(Recipe.from_dict(recipe), out / compression)
    return {"parquet": out / "none", "tfrecord": out / "none", "gzip": out / "gzip"}


def manifest_of(directory: Path) -> Manifest:
    return parse_manifest((directory / MANIFEST).read_bytes())


def open_split(directory: Path, storage: str, split: str = "train") -> BlockReader:
    return BlockReader(directory, manifest_of(directory), split, storage=storage.replace("gzip", "tfrecord"))


def listing(columns: EquationColumns) -> list[tuple]:
    numbers = (columns.numbers[name].tolist() for name in sorted(columns.numbers))
    return list(zip(columns.question.to_texts(), columns.answer.to_texts(), *numbers, strict=True))


def whole_split(directory: Path) -> list[tuple]:
    return listing(EquationColumns.join(list(read_split(directory, manifest_of(directory), "train"))))


@pytest.fixture(params=["parquet", "tfrecord", "gzip"])
def storage(request) -> str:
    return request.param


def test_the_blocks_are_the_split_one_after_the_other(datasets, storage):
    reader = open_split(datasets[storage], storage)
    assert (reader.num_records, reader.num_blocks) == (NUM_RECORDS, 7)
    records = whole_split(datasets[storage])
    for block in range(reader.num_blocks):
        assert listing(reader.read(block)) == records[block * BLOCK : (block + 1) * BLOCK]


def test_any_rows_of_any_block_are_those_of_the_whole_split(datasets, storage):
    reader = open_split(datasets[storage], storage)
    records = whole_split(datasets[storage])
    for block, start, stop, step in itertools.product(
        range(7), (None, 0, 1, 3, 16), (None, 0, 2, 9, 40), (None, 1, 2, 5)
    ):
        expected = records[block * BLOCK : (block + 1) * BLOCK][start:stop:step]
        assert listing(reader.read(block, slice(start, stop, step))) == expected


def test_the_numbers_that_are_needed_are_the_same_without_the_others(datasets, storage):
    reader = open_split(datasets[storage], storage)
    for block in range(7):
        whole = reader.read(block)
        for numbers in ((), ("digits",), ("terms", "carries")):
            part = reader.read(block, numbers=numbers)
            assert part.question.to_texts() == whole.question.to_texts()
            assert {name: part.numbers[name].tolist() for name in numbers} == {
                name: whole.numbers[name].tolist() for name in numbers
            }


def test_no_block_beyond_the_last_one_and_no_rows_backwards_can_be_asked_for(datasets, storage):
    reader = open_split(datasets[storage], storage)
    for block in (-1, 7):
        with pytest.raises(ValueError, match=f"^`block` must be from 0 to 6, got {block}$"):
            reader.read(block)
    with pytest.raises(ValueError, match=r"^`rows` must be ascending, got slice\(None, None, -1\)$"):
        reader.read(0, slice(None, None, -1))


def test_many_threads_read_what_one_reads(datasets, storage):
    reader = open_split(datasets[storage], storage)
    expected = [listing(open_split(datasets[storage], storage).read(block)) for block in range(7)]
    numbers = [block * 5 % 7 for block in range(70)]
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda block: listing(reader.read(block)), numbers))
    assert read == [expected[block] for block in numbers]


@pytest.fixture
def copy(datasets, storage, tmp_path) -> Path:
    shutil.copytree(datasets[storage], tmp_path / "copy")
    return tmp_path / "copy"


def second_file(directory: Path, storage: str) -> Path:
    return directory / manifest_of(directory).splits["train"].shards[1].files[storage.replace("gzip", "tfrecord")].path


@pytest.mark.parametrize("size", [1, 5, 16, 17])
def test_row_groups_of_any_size_can_be_read(datasets, tmp_path, size):
    """Other format versions have other row groups."""
    directory = datasets["parquet"]
    manifest = manifest_of(directory)
    shards = []
    for shard in manifest.splits["train"].shards:
        path = shard.files["parquet"].path
        (tmp_path / path).parent.mkdir(exist_ok=True)
        pq.write_table(pq.read_table(directory / path), tmp_path / path, row_group_size=size)
        contents = (tmp_path / path).read_bytes()
        file = FileInfo(path=path, num_bytes=len(contents), sha256=sha256_of(contents))
        shards.append(dataclasses.replace(shard, files={**shard.files, "parquet": file}))
    train = dataclasses.replace(manifest.splits["train"], shards=tuple(shards))
    reader = BlockReader(
        tmp_path, dataclasses.replace(manifest, format_version=1, splits={**manifest.splits, "train": train}), "train"
    )
    assert [record for block in range(7) for record in listing(reader.read(block))] == whole_split(directory)


FAULT = r"^shard train-00001-of-00003, record \d+: .+"
# Which bytes no reader of blocks needs: what says that it is Parquet, the head of a gzip file.
UNREAD = {"parquet": 4, "tfrecord": 0, "gzip": 10}


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 97])
def test_a_flip_in_any_byte_is_found_before_a_record_of_its_block_is_read(copy, storage, step):
    path = second_file(copy, storage)
    contents = path.read_bytes()
    expected = [listing(open_split(copy, storage).read(block)) for block in range(7)]
    for place in range(0, len(contents), step):
        damaged = bytearray(contents)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        reader, faults, message = open_split(copy, storage), 0, ""
        for block in range(7):
            try:
                found = listing(reader.read(block))
            except UserError as error:
                found, faults = None, faults + 1
                message = str(error)
            assert found == expected[block] if found else re.match(FAULT, message)
        # At the end of a gzip file stands a checksum of what the manifest has the checksums of.
        assert faults > 0 or place < UNREAD[storage] or (storage == "gzip" and place >= len(contents) - 10)


def test_intact_row_groups_of_other_records_than_the_manifest_says_are_refused(datasets):
    shard = split_shards(datasets["parquet"], manifest_of(datasets["parquet"]), "train", storage="parquet")[1]
    # As if the second shard, whose pieces have 14, 16 and 3 records, began with a block.
    pieces = IndexedParquetPieces(shard, blocks.Cut(0, 33), CheckedFooters())
    message = f"{shard.path} holds there is not what the manifest says: it was changed or replaced"
    for piece, record in ((0, 0), (2, 32)):
        with pytest.raises(UserError, match=f"^shard {shard.name}, record {record}: what {re.escape(message)}$"):
            pieces.read(piece, slice(None), ())
    assert len(pieces.read(1, slice(None), ())) == 16


@pytest.mark.parametrize("storage", ["tfrecord"])
def test_a_damaged_record_is_named(copy):
    path = second_file(copy, "tfrecord")
    contents = bytearray(path.read_bytes())
    contents[-1] ^= 1
    path.write_bytes(contents)
    wanted = f"shard train-00001-of-00003, record 32: {path} is damaged or cut there"
    with pytest.raises(UserError, match=f"^{re.escape(wanted)}$"):
        open_split(copy, "tfrecord").read(4)


def test_a_shard_cut_to_any_length_is_an_error(copy, storage):
    path = second_file(copy, storage)
    contents = path.read_bytes()
    for length in range(0, len(contents) - 8, 61):
        path.write_bytes(contents[:length])
        reader = open_split(copy, storage)
        with pytest.raises(UserError, match=FAULT):
            [reader.read(block) for block in range(7)]


def test_a_missing_shard_is_named(copy, storage):
    path = second_file(copy, storage)
    path.unlink()
    reader = open_split(copy, storage)
    assert len(reader.read(1)) == BLOCK
    wanted = f"shard train-00001-of-00003, record 0: there is no file {path}"
    with pytest.raises(UserError, match=f"^{re.escape(wanted)}$"):
        reader.read(2)


@given(first=st.integers(0, 200), size=st.integers(0, 200))
def test_the_edges_of_pieces_are_the_ends_of_a_shard_and_the_multiples_of_the_block(first, size):
    records = range(first, first + size)
    expected = [record - first for record in records if record % BLOCK == 0 or record == first] + [size]
    cut = blocks.Cut(first, size)
    assert cut.edges().tolist() == (expected if size else [0])
    assert cut.num_pieces == len(cut.edges()) - 1
