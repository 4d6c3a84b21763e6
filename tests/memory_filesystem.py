"""A Beam filesystem in memory, whose disk can be full and whose power can fail."""

import errno
import io
import posixpath
import threading
from collections.abc import Iterator
from typing import Any

from apache_beam.io.filesystem import BeamIOError, CompressionTypes, FileMetadata, FileSystem

PREFIX = "memtest://"


class Disk:
    """The files, path to contents.

    Attributes:
        capacity: bytes that fit; None for no end.
        operations_left: so many changes work before the power fails; None for no end. A file that is being written
            at that moment stays as half of itself, and nothing changes any more until the power is back.
        lock: of all of this; shards are written in several threads.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.capacity: int | None = None
        self.operations_left: int | None = None
        self.lock = threading.RLock()

    def spend(self) -> None:
        """Notes one change, or fails if there is no power."""
        with self.lock:
            if self.operations_left is None:
                return
            if self.operations_left <= 0:
                raise OSError(errno.EIO, "power failure")
            self.operations_left -= 1

    def store(self, path: str, contents: bytes) -> None:
        """Stores what has been written to a file when it is closed."""
        with self.lock:
            others = sum(len(other) for name, other in self.files.items() if name != path)
            if self.capacity is not None and others + len(contents) > self.capacity:
                raise OSError(errno.ENOSPC, "No space left on device")
            try:
                self.spend()
            except OSError:
                if path in self.files:
                    self.files[path] = contents[: len(contents) // 2]
                raise
            self.files[path] = contents


DISK = Disk()


class MemoryFile(io.BytesIO):
    """A file open for writing."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        with DISK.lock:
            DISK.spend()
            DISK.files[path] = b""

    def close(self) -> None:
        if not self.closed:
            contents = self.getvalue()
            super().close()
            DISK.store(self._path, contents)


class MemoryFileSystem(FileSystem):
    """`memtest://` paths; has no directories, as an object store has none, and no rename onto a file that is there."""

    @classmethod
    def scheme(cls) -> str:
        return "memtest"

    def join(self, basepath: str, *paths: str) -> str:
        return "/".join([basepath.rstrip("/"), *paths])

    def split(self, path: str) -> tuple[str, str]:
        head, tail = posixpath.split(path[len(PREFIX) :])
        return (PREFIX + head, tail) if head else (path, "")

    def mkdirs(self, path: str) -> None:
        pass

    def has_dirs(self) -> bool:
        return False

    def _list(self, dir_or_prefix: str) -> Iterator[FileMetadata]:
        with DISK.lock:
            sizes = {path: len(contents) for path, contents in DISK.files.items()}
        for path in sorted(sizes):
            if path.startswith(dir_or_prefix):
                yield FileMetadata(path, sizes[path])

    def create(self, path: str, mime_type: str = "", compression_type: str = CompressionTypes.AUTO) -> Any:
        assert compression_type == CompressionTypes.UNCOMPRESSED
        return MemoryFile(path)

    def open(self, path: str, mime_type: str = "", compression_type: str = CompressionTypes.AUTO) -> Any:
        assert compression_type == CompressionTypes.UNCOMPRESSED
        return io.BytesIO(DISK.files[path])

    def copy(self, source_file_names: list[str], destination_file_names: list[str]) -> None:
        raise NotImplementedError

    def rename(self, source_file_names: list[str], destination_file_names: list[str]) -> None:
        for source, destination in zip(source_file_names, destination_file_names, strict=True):
            with DISK.lock:
                if source not in DISK.files or destination in DISK.files:
                    raise BeamIOError("Rename operation failed", {(source, destination): OSError("file in the way")})
                self._spend(destination)
                DISK.files[destination] = DISK.files.pop(source)

    def delete(self, paths: list[str]) -> None:
        for path in paths:
            with DISK.lock:
                self._spend(path)
                del DISK.files[path]

    def _spend(self, path: str) -> None:
        try:
            DISK.spend()
        except OSError as error:
            raise BeamIOError("Operation failed", {path: error}) from error

    def exists(self, path: str) -> bool:
        return path in DISK.files

    def size(self, path: str) -> int:
        return len(DISK.files[path])

    def last_updated(self, path: str) -> float:
        return 0.0

    def metadata(self, path: str) -> FileMetadata:
        return FileMetadata(path, len(DISK.files[path]))
