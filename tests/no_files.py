"""What may lie where a file is expected, and is none."""

import os
from pathlib import Path


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_directory(path: Path) -> None:
    path.mkdir()


def make_broken_link(path: Path) -> None:
    path.symlink_to("nowhere")


def make_endless_link(path: Path) -> None:
    path.symlink_to(path.name)


KINDS = {
    make_pipe: "a named pipe",
    make_directory: "a directory",
    make_broken_link: "a broken symbolic link",
    make_endless_link: "a broken symbolic link",
}
