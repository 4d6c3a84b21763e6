import os
import re

import pytest

from eqstream.data.local_files import NotRegularFileError
from eqstream.pipelines.runtime import filesystem


@pytest.fixture
def pipe(tmp_path) -> str:
    os.mkfifo(tmp_path / "pipe")
    return str(tmp_path / "pipe")


@pytest.mark.parametrize("read", [filesystem.open_file, filesystem.read_bytes, filesystem.sha256_of])
def test_named_pipe_is_refused_where_a_file_is_to_be_read(pipe, read):
    """Opening it would wait for a writer, for ever."""
    with pytest.raises(NotRegularFileError, match=f"^{pipe} is a named pipe, where a file is expected; move it away$"):
        read(pipe)


def test_device_and_directory_are_refused_where_a_file_is_to_be_read(tmp_path):
    with pytest.raises(NotRegularFileError, match=r"^/dev/zero is a device or socket, where a file is expected; move"):
        filesystem.sha256_of("/dev/zero")
    message = f"^{re.escape(str(tmp_path))} is a directory, where a file is expected; move it away$"
    with pytest.raises(NotRegularFileError, match=message):
        filesystem.read_bytes(str(tmp_path))


def test_named_pipe_has_not_the_contents_of_any_file(pipe):
    assert not filesystem.is_regular_file(pipe)
    assert not filesystem.has_contents(pipe, 0, "")


def test_link_to_a_file_is_read_as_the_file(tmp_path):
    (tmp_path / "file").write_bytes(b"contents")
    (tmp_path / "link").symlink_to("file")
    assert filesystem.is_regular_file(str(tmp_path / "link"))
    assert filesystem.read_bytes(str(tmp_path / "link")) == b"contents"


def test_file_is_not_written_in_place_of_a_directory(tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").write_text("mine")
    message = f"^{tmp_path}/taken is a directory, where a file is expected; move it away$"
    with pytest.raises(NotRegularFileError, match=message):
        filesystem.write_bytes(str(tmp_path / "taken"), b"ours")
    assert [path.name for path in tmp_path.rglob("*")] == ["taken", "notes.txt"]


def test_deleting_a_file_that_is_a_directory_leaves_what_is_in_it(tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").write_text("mine")
    with pytest.raises(OSError, match="Is a directory"):
        filesystem.delete_files([str(tmp_path / "taken")])
    assert (tmp_path / "taken" / "notes.txt").read_text() == "mine"


def test_an_error_that_keeps_its_text_to_itself_is_described_by_it():
    class StoreError(Exception):
        def __init__(self, *, message):
            self.message = message

    assert filesystem.describe_error(StoreError(message="HTTP status 500")) == "HTTP status 500"
    assert filesystem.describe_error(StoreError(message=None)) == "StoreError"
