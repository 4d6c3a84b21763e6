"""What differs between the format versions, and what must not."""

import hashlib
import io
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eqstream.data.dataset.manifest import MANIFEST, Manifest, parse_manifest
from eqstream.data.dataset.shard_reader import read_split
from eqstream.data.dataset.shard_writer import ShardWriter
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.recipe import Recipe
from eqstream.data.recipe_files import load_recipe
from eqstream.pipelines.build import build
from tests.brute_force import make_plan, make_recipe

FIXTURES = Path(__file__).parents[2] / "fixtures"
# Of the version in requirements.lock: pyarrow writes its own name and version into every file.
PYARROW = "25.0.1"
GOLDEN = "285d2143754cd7da8b1290f7662b4b3b301524135fe412fdd070ccca36e8d78c"


def load(directory: Path) -> Manifest:
    return parse_manifest((directory / MANIFEST).read_bytes())


def rows(directory: Path, split: str, storage: str | None = None) -> list[tuple]:
    columns = EquationColumns.join(list(read_split(directory, load(directory), split, storage=storage)))
    numbers = (columns.numbers[name].tolist() for name in sorted(columns.numbers))
    return list(zip(columns.question.to_texts(), columns.answer.to_texts(), *numbers, strict=True))


def test_version_2_holds_the_equations_of_version_1_in_their_order_and_the_same_tfrecord_bytes(tmp_path):
    with zipfile.ZipFile(FIXTURES / "first-release.zip") as archive:
        archive.extractall(tmp_path)
    first = load(tmp_path / "data")
    build(load_recipe(tmp_path / "sums.yaml", ["storage.formats=[tfrecord, parquet]"]), tmp_path / "now")
    second = load(tmp_path / "now")
    assert (first.format_version, second.format_version) == (1, 2)
    assert first.fingerprint == second.fingerprint
    for split, info in first.splits.items():
        for storage in ("tfrecord", "parquet"):
            assert rows(tmp_path / "now", split, storage) == rows(tmp_path / "data", split)
        old, new = ([shard.files["tfrecord"].sha256 for shard in each.shards] for each in (info, second.splits[split]))
        assert old == new


def test_parquet_is_cut_at_the_blocks_of_the_split_and_has_checksums_of_pages(tmp_path):
    splits = [{"name": "train", "count": 15_000}]
    recipe = make_recipe({"operands": {"min": 0, "max": 199}}, splits, storage={"shard_size": 5_000})
    build(Recipe.from_dict(recipe.to_dict()), tmp_path / "data")
    sizes = []
    for shard in load(tmp_path / "data").splits["train"].shards:
        footer = pq.read_metadata(tmp_path / "data" / shard.files["parquet"].path)
        sizes.append([footer.row_group(group).num_rows for group in range(footer.num_row_groups)])
    assert sizes == [[4096, 904], [3192, 1808], [2288, 2712]]


def test_a_page_whose_checksum_is_wrong_is_refused_by_other_readers(tmp_path):
    recipe = make_recipe({"operands": {"min": 0, "max": 99}})
    contents = write_parquet(recipe)
    column = pq.read_metadata(io.BytesIO(contents)).row_group(0).column(0)
    damaged = bytearray(contents)
    damaged[column.data_page_offset + column.total_compressed_size - 1] ^= 1
    with pytest.raises(OSError, match="could not verify page integrity, CRC checksum verification failed"):
        pq.read_table(io.BytesIO(damaged), page_checksum_verification=True)


def write_parquet(recipe: Recipe) -> bytes:
    sink = io.BytesIO()
    ShardWriter(recipe).write(make_plan(recipe).shards[0], {"parquet": sink})
    return sink.getvalue()


@pytest.mark.skipif(pa.__version__ != PYARROW, reason="the bytes are those of another pyarrow")
def test_bytes_of_parquet_are_part_of_the_format():
    # A change of this digest is a change of every dataset: it needs a new format version.
    recipe = make_recipe(
        {"operands": {"min": -9, "max": 99}, "operators": "+-*/", "terms": {"min": 2, "max": 3}, "brackets": True},
        [{"name": "train", "count": 5000}, {"name": "test", "count": 500, "where": {"contains": [42]}}],
        seed=11,
    )
    assert hashlib.sha256(write_parquet(recipe)).hexdigest() == GOLDEN
