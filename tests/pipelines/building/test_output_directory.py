import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from eqstream.data.errors import UserError
from eqstream.data.recipe import FORMAT_VERSION, Recipe
from eqstream.data.versions import EQSTREAM_VERSION
from eqstream.pipelines.build import build
from eqstream.pipelines.building.receipts import seal
from eqstream.pipelines.verify import verify
from tests.damaged_dataset import edit_manifest, list_files

SUMS = {
    "name": "sums",
    "space": {"operands": {"min": 0, "max": 19}, "operators": "+"},
    "splits": [{"name": "train", "count": 300}, {"name": "test", "rest": True}],
    "storage": {"shard_size": 150},
}
SUMS_JOURNAL: dict[str, Any] = {
    "recipe": Recipe.from_dict(SUMS).to_dict(),
    "fingerprint": Recipe.from_dict(SUMS).fingerprint(),
    "format_version": FORMAT_VERSION,
    "num_shards": {"train": 2, "test": 1},
    "stale": [],
}


def make_recipe(**changes) -> Recipe:
    return Recipe.from_dict({**SUMS, **changes})


def read_tree(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def write_journal(directory: Path, value: Any) -> None:
    (directory / ".build").mkdir(parents=True)
    (directory / ".build" / "build.json").write_bytes(seal(value))


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("built") / "sums"
    build(make_recipe(), directory)
    return directory


@pytest.fixture
def copy(built, tmp_path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "copy"))


@pytest.mark.parametrize("journal", [SUMS_JOURNAL, {**SUMS_JOURNAL, "fingerprint": "0", "num_shards": {}}])
def test_journal_makes_no_build_delete_what_builds_do_not_write(built, tmp_path, journal):
    (tmp_path / "precious.txt").write_text("outside")
    out = tmp_path / "out"
    write_journal(out, {**journal, "stale": ["../precious.txt", "mine.txt", ".", "data", "data/../mine.txt"]})
    if journal is SUMS_JOURNAL:
        (out / "mine.txt").write_text("inside")
    build(make_recipe(), out, overwrite=journal["fingerprint"] == "0")
    assert (tmp_path / "precious.txt").read_text() == "outside"
    assert not (out / "mine.txt").exists() or (out / "mine.txt").read_text() == "inside"
    assert {path: data for path, data in read_tree(out).items() if path != "mine.txt"} == read_tree(built)


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ([1], "the top level must be a mapping, got a list"),
        pytest.param({}, "`recipe` is missing", marks=pytest.mark.slow),
        pytest.param({**SUMS_JOURNAL, "more": 1}, "unknown key `more`", marks=pytest.mark.slow),
        pytest.param(
            {**SUMS_JOURNAL, "num_shards": "3"},
            "`num_shards` must be a mapping, got the text '3'",
            marks=pytest.mark.slow,
        ),
        ({**SUMS_JOURNAL, "num_shards": {"train": "3"}}, "`num_shards.train` must be a whole number, got the text '3'"),
        (
            {**SUMS_JOURNAL, "num_shards": {"train": 10**9}},
            "`num_shards.train` must be from 1 to 99999, got 1000000000",
        ),
        ({**SUMS_JOURNAL, "recipe": {}}, "`recipe.storage` must be a mapping, got nothing"),
        pytest.param({**SUMS_JOURNAL, "stale": [7]}, "`stale.0` must be a text, got 7", marks=pytest.mark.slow),
    ],
)
def test_journal_of_wrong_contents_is_refused_with_a_cure_that_helps(built, tmp_path, value, fault):
    write_journal(tmp_path / "out", value)
    cure = "give --overwrite to write the recipe's files anew, which deletes no other file"
    message = f"^{tmp_path}/out/.build/build.json is damaged: {re.escape(fault)}.*; {cure}$"
    with pytest.raises(UserError, match=message):
        build(make_recipe(), tmp_path / "out")
    assert build(make_recipe(), tmp_path / "out", overwrite=True).state == "built"
    assert read_tree(tmp_path / "out") == read_tree(built)


def test_changed_path_in_the_manifest_is_refused_with_a_cure_that_helps(built, copy):
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["splits"]["train"]["shards"][1]["files"]["parquet"]["path"] = "data/train-00001-of-00003.parquet"
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(
        UserError,
        match=r"parquet\.path` must be data/train-00001-of-00002\.parquet, .* build .* again with --overwrite$",
    ):
        build(make_recipe(), copy)
    assert build(make_recipe(), copy, overwrite=True).state == "built"
    assert read_tree(copy) == read_tree(built)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("folder", ["data", "tfrecord", ".build"])
def test_folder_that_is_a_link_is_refused(copy, tmp_path, folder, overwrite):
    """Another recipe's shards would be written and deleted outside of the directory."""
    if folder == ".build":
        (tmp_path / "elsewhere").mkdir()
    else:
        (copy / folder).rename(tmp_path / "elsewhere")
    (copy / folder).symlink_to(tmp_path / "elsewhere")
    before = read_tree(tmp_path)
    message = (
        f"^{copy}/{folder} is a symbolic link, and the folders of a dataset must lie in its directory; move what it "
        f"leads to here, or let {copy} as a whole be a link$"
    )
    with pytest.raises(UserError, match=message):
        build(make_recipe(seed=1), copy, overwrite=overwrite)
    with pytest.raises(UserError, match=message):
        verify(copy)
    assert read_tree(tmp_path) == before


def test_directory_that_is_a_link_is_built_in(built, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").symlink_to("elsewhere")
    build(make_recipe(), tmp_path / "out")
    assert read_tree(tmp_path / "elsewhere") == read_tree(built)


def make_version_1(directory: Path) -> None:
    """Makes of a dataset what the first format version would have, but for the row groups of Parquet."""

    def edit(manifest):
        manifest["format_version"] = 1
        for file in list_files(manifest):
            del file["blocks"]

    edit_manifest(directory, edit)


def test_a_finished_dataset_of_an_older_format_version_is_left_alone_with_a_line(copy):
    make_version_1(copy)
    before = read_tree(copy)
    result = build(make_recipe(), copy)
    assert (result.state, result.format_version) == ("unchanged", 1)
    line = "its format version is 1, and --overwrite writes the same equations in version 2"
    assert result.to_text().split("; ")[2].splitlines()[0] == line
    assert read_tree(copy) == before


def test_a_damaged_dataset_of_an_older_format_version_is_refused_with_both_cures(copy):
    make_version_1(copy)
    shard = copy / "tfrecord" / "train-00001-of-00002.tfrecord"
    shard.write_bytes(b"\0" + shard.read_bytes()[1:])
    before = read_tree(copy)
    wanted = (
        f"{copy}: damaged: tfrecord/train-00001-of-00002.tfrecord; the dataset has format version 1, and this eqstream "
        f"writes version 2: give --overwrite to write all its files anew, or repair it with eqstream {EQSTREAM_VERSION}"
    )
    with pytest.raises(UserError, match=f"^{re.escape(wanted)}$"):
        build(make_recipe(), copy)
    assert read_tree(copy) == before


def test_a_dataset_of_an_older_format_version_can_be_written_anew(built, copy):
    make_version_1(copy)
    assert build(make_recipe(), copy, overwrite=True).state == "built"
    assert read_tree(copy) == read_tree(built)


def test_what_is_left_of_a_build_of_an_older_format_version_is_refused_with_both_cures(built, tmp_path):
    write_journal(tmp_path / "out", {**SUMS_JOURNAL, "format_version": 1})
    wanted = (
        f"{tmp_path}/out holds a build of format version 1 that is not finished, and this eqstream writes version 2: "
        "give --overwrite to write its files anew, or finish it with the eqstream that began it"
    )
    with pytest.raises(UserError, match=f"^{re.escape(wanted)}$"):
        build(make_recipe(), tmp_path / "out")
    build(make_recipe(), tmp_path / "out", overwrite=True)
    assert read_tree(tmp_path / "out") == read_tree(built)
