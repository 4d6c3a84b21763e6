"""A queue of elements that the processes of this machine share, so that who is free takes the next one.

Beam's in-process runner deals elements out before anything has begun: half of them to each of two workers. One that
begins later, or whose core has other things to do, would keep all others waiting at the end.
"""

import contextlib
import fcntl
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from eqstream.pipelines.runtime.errors import explain_temporary_files

# The file begins with the place of the next element, as a number of so many bytes.
PLACE_BYTES = 8


class ElementQueue:
    """Elements in a file, one a line, of which each is taken once; cheap to ship to workers of this machine.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    @contextlib.contextmanager
    def of(cls, elements: Iterable[str], directory: Path) -> Iterator["ElementQueue"]:
        """Yields a queue of elements, which are texts of one line, in a file of a directory of this machine.

        Raises:
            RunError: the file cannot be written.
        """
        with (
            explain_temporary_files(str(directory)),
            tempfile.NamedTemporaryFile(prefix="elements-", dir=directory, delete=False) as file,
        ):
            queue = cls(Path(file.name))
            file.write(PLACE_BYTES.to_bytes(PLACE_BYTES, "big"))
            file.writelines(f"{element}\n".encode() for element in elements)
        try:
            yield queue
        finally:
            queue.close()

    def take(self) -> str | None:
        """Returns the next element, None if there is no more or the queue is closed; threads may call this, too."""
        try:
            file = self._path.open("r+b")
        except FileNotFoundError:
            return None
        with file:
            # The lock is of this opening of the file and ends with it, also if the process is killed.
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(int.from_bytes(file.read(PLACE_BYTES), "big"))
            line = file.readline()
            place = file.tell()
            file.seek(0)
            file.write(place.to_bytes(PLACE_BYTES, "big"))
        return line.decode().removesuffix("\n") if line else None

    def close(self) -> None:
        """Leaves nothing to take."""
        self._path.unlink(missing_ok=True)

    @property
    def is_exhausted(self) -> bool:
        """Whether all elements were taken; not if it was closed before, or somebody else has removed the file."""
        try:
            contents = self._path.read_bytes()
        except FileNotFoundError:
            return False
        return int.from_bytes(contents[:PLACE_BYTES], "big") == len(contents)
