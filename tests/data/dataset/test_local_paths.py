"""What is no file is never opened, waited for or replaced, and every command says the same of it."""

import re
import shutil
from pathlib import Path

import pytest

import eqstream
from eqstream.data.dataset.block_reader import BlockReader
from eqstream.data.dataset.local_paths import check_folders
from eqstream.data.dataset.shard_reader import read_split
from eqstream.data.errors import UserError
from tests.no_files import KINDS, make_broken_link, make_pipe

SHARD = "test-00000-of-00001"


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("built") / "dataset"
    eqstream.build(eqstream.load_recipe("addition-10", {"storage.formats": ["tfrecord", "parquet"]}), directory)
    return directory


@pytest.fixture
def copy(built, tmp_path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "copy"))


@pytest.mark.parametrize("make", [make_pipe, Path.touch])
def test_folder_that_is_no_directory_is_refused(tmp_path, make):
    check_folders(tmp_path)
    make(tmp_path / "data")
    kind = KINDS.get(make, "a file")
    with pytest.raises(UserError, match=f"^{tmp_path}/data is {kind}, where a directory is expected; move it away$"):
        check_folders(tmp_path)


@pytest.mark.parametrize("make", [make_pipe, make_broken_link, Path.touch])
def test_dataset_that_is_no_directory_is_refused_by_every_command(tmp_path, make):
    make(tmp_path / "dataset")
    for name, command in commands(tmp_path / "dataset").items():
        with pytest.raises(UserError) as caught:
            command()
        message = f"a dataset is a directory, got {KINDS.get(make, 'a file')}: {tmp_path / 'dataset'}"
        assert str(caught.value) == message, name


def commands(directory: Path) -> dict:
    """Name to each way to open a dataset; building takes another recipe's place, too."""
    recipe = eqstream.load_recipe("addition-10", {"storage.formats": ["tfrecord", "parquet"]})
    other = eqstream.load_recipe("addition-10", {"seed": 9})
    return {
        "verify": lambda: eqstream.verify(directory),
        "describe": lambda: eqstream.describe(directory),
        "open": lambda: eqstream.open_dataset(directory).tokens("test"),
        "build": lambda: eqstream.build(recipe, directory),
        "overwrite": lambda: eqstream.build(other, directory, overwrite=True),
    }


def wrong_lines(directory: Path) -> list[str]:
    return [line for line in eqstream.verify(directory).to_text().splitlines() if line.startswith("wrong: ")]


@pytest.mark.parametrize("folder", ["data", "tfrecord"])
def test_linked_folder_is_refused_by_every_command_and_left_alone(copy, tmp_path, folder):
    (copy / folder).rename(tmp_path / "elsewhere")
    (copy / folder).symlink_to(tmp_path / "elsewhere")
    before = {path.name: path.read_bytes() for path in (tmp_path / "elsewhere").iterdir()}
    message = (
        f"{copy}/{folder} is a symbolic link, and the folders of a dataset must lie in its directory; move what it "
        f"leads to here, or let {copy} as a whole be a link"
    )
    for name, command in commands(copy).items():
        with pytest.raises(UserError) as caught:
            command()
        assert str(caught.value) == message, name
    assert {path.name: path.read_bytes() for path in (tmp_path / "elsewhere").iterdir()} == before


@pytest.mark.parametrize(("make", "kind"), KINDS.items())
def test_manifest_that_is_no_file_is_refused_by_every_command(copy, make, kind):
    (copy / "manifest.json").unlink()
    make(copy / "manifest.json")
    for name, command in commands(copy).items():
        with pytest.raises(UserError) as caught:
            command()
        assert str(caught.value) == f"{copy}/manifest.json is {kind}, where a file is expected; move it away", name


@pytest.mark.parametrize(("make", "kind"), KINDS.items())
@pytest.mark.parametrize("file_format", ["parquet", "tfrecord"])
def test_shard_that_is_no_file_is_named_alike_by_every_command(copy, make, kind, file_format):
    folder = {"parquet": "data", "tfrecord": "tfrecord"}[file_format]
    path = copy / folder / f"{SHARD}.{file_format}"
    path.unlink()
    make(path)
    reason = f"{path} is {kind}, where a file is expected; move it away"
    finding = f"wrong: {SHARD}: {folder}/{path.name} cannot be read: {reason}"
    assert wrong_lines(copy) == [finding]
    dataset = eqstream.open_dataset(copy)
    with pytest.raises(UserError, match=f"^{re.escape(f'shard {SHARD} cannot be read: {reason}')}$"):
        list(read_split(copy, dataset.manifest, "test", storage=file_format))
    with pytest.raises(UserError, match=f"^{re.escape(f'shard {SHARD} cannot be read: {reason}')}$"):
        BlockReader(copy, dataset.manifest, "test", storage=file_format)
    if file_format == "parquet":
        with pytest.raises(UserError, match=f"^{re.escape(f'shard {SHARD} cannot be read: {reason}')}$"):
            eqstream.describe(copy)
    for name in ("build", "overwrite"):
        with pytest.raises(UserError, match=f"^{re.escape(reason)}$"):
            commands(copy)[name]()


@pytest.mark.parametrize(("make", "kind"), KINDS.items())
def test_metadata_that_are_no_file_are_named_alike_by_every_command(copy, make, kind):
    (copy / "README.md").unlink()
    make(copy / "README.md")
    reason = f"{copy}/README.md is {kind}, where a file is expected; move it away"
    assert f"wrong: README.md: it cannot be read: {reason}" in wrong_lines(copy)
    for name in ("build", "overwrite"):
        with pytest.raises(UserError, match=f"^{re.escape(reason)}$"):
            commands(copy)[name]()
