"""What may lie at the path of a dataset on this machine: a directory, or a link to one, with directories in it.

What is written through a linked folder lies elsewhere, so every command looks before it opens or replaces anything.
"""

import os
from pathlib import Path

from eqstream.data.dataset.layout import FOLDERS
from eqstream.data.errors import DamagedDataError, UserError
from eqstream.data.local_files import describe_kind


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
        UserError: the dataset is no directory; names its path.
        DamagedDataError: one of its folders is none, or a link; names its path, what lies there and the cure.
    """
    check_directory(directory)
    for folder in FOLDERS:
        path = os.path.join(directory, folder)
        if os.path.islink(path):
            raise DamagedDataError(
                f"{path} is a symbolic link, and the folders of a dataset must lie in its directory; move what it "
                f"leads to here, or let {directory} as a whole be a link"
            )
        if os.path.exists(path) and not os.path.isdir(path):
            raise DamagedDataError(f"{path} is {describe_kind(path)}, where a directory is expected; move it away")
