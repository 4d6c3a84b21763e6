"""What is no file is refused before it is opened."""

import pytest

from eqstream.data.local_files import NotRegularFileError, check_file
from tests.no_files import KINDS


@pytest.mark.parametrize(("make", "kind"), KINDS.items())
def test_what_is_no_file_is_refused_and_what_is_one_or_missing_is_not(tmp_path, make, kind):
    path = tmp_path / "path"
    check_file(path)
    make(path)
    with pytest.raises(NotRegularFileError, match=f"^{path} is {kind}, where a file is expected; move it away$"):
        check_file(path)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    check_file(tmp_path / "link")
