"""What may lie at the paths of a dataset on this machine: directories in it, and files or links to files.

Opening a named pipe or a device might never end, and what is written through a linked directory lies elsewhere. Every
command looks before it opens or replaces anything, and says the same.
"""

import os
import stat
from pathlib import Path

from eqstream.data.dataset.layout import FOLDERS
from eqstream.data.errors import UserError


class NotRegularFileError(UserError, OSError):
    """A directory, named pipe, socket, device or broken link lies where a file is expected."""


def check_file(path: str | Path) -> None:
    """Raises an error unless a file, a link to one, or nothing at all lies at a path.

    Raises:
        NotRegularFileError: names the path, what lies there and the cure.
    """
    if os.path.lexists(path) and not os.path.isfile(path):
        raise NotRegularFileError(f"{path} is {describe_kind(path)}, where a file is expected; move it away")


def check_directory(directory: str | Path) -> None:
    """Raises an error unless a directory, a link to one, or nothing at all lies at a dataset's path.

    Raises:
        UserError: names the path and what lies there.
    """
    if os.path.lexists(directory) and not os.path.isdir(directory):
        raise UserError(f"a dataset is a directory, got {describe_kind(directory)}: {directory}")


def check_folders(directory: str | Path) -> None:
    """Raises an error unless a dataset is a directory and each of its folders one in it; none of them need be there.

    Raises:
        UserError: names the path, what lies there and the cure.
    """
    check_directory(directory)
    for folder in FOLDERS:
        path = os.path.join(directory, folder)
        if os.path.islink(path):
            raise UserError(
                f"{path} is a symbolic link, and the folders of a dataset must lie in its directory; move what it "
                f"leads to here, or let {directory} as a whole be a link"
            )
        if os.path.exists(path) and not os.path.isdir(path):
            raise UserError(f"{path} is {describe_kind(path)}, where a directory is expected; move it away")


def describe_kind(path: str | Path) -> str:
    """Returns what lies at a path, such as `a directory` or `a named pipe`."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return "a broken symbolic link"
    for is_kind, kind in ((stat.S_ISREG, "a file"), (stat.S_ISDIR, "a directory"), (stat.S_ISFIFO, "a named pipe")):
        if is_kind(mode):
            return kind
    return "a device or socket"
