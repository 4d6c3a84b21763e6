"""What may lie where a file is expected: a file or a link to one.

Opening a named pipe or a device might never end. Every command looks before it opens or replaces anything, and says
the same.
"""

import os
import stat
from pathlib import Path

from eqstream.data.errors import DamagedDataError


class NotRegularFileError(DamagedDataError, OSError):
    """A directory, named pipe, socket, device or broken link lies where a file is expected."""


def check_file(path: str | Path) -> None:
    """Raises an error unless a file, a link to one, or nothing at all lies at a path.

    Raises:
        NotRegularFileError: names the path, what lies there and the cure.
    """
    if os.path.lexists(path) and not os.path.isfile(path):
        raise NotRegularFileError(f"{path} is {describe_kind(path)}, where a file is expected; move it away")


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
