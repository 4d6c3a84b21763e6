"""Files on any Beam filesystem: whole or not there at all.

A file is written under a temporary name and renamed; nothing here knows what a dataset is. Paths are texts, joined by
`FileSystems`, so that a local directory and a bucket look the same.
"""

import contextlib
import functools
import hashlib
import os
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, cast

from apache_beam.io.filesystem import BeamIOError, CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.io.localfilesystem import LocalFileSystem

from eqstream.data.dataset import local_paths
from eqstream.data.errors import UserError
from eqstream.data.local_files import check_file

READ_SIZE_BYTES = 1 << 20
# A disk writes the files of several requests in one go.
NUM_SYNCS = 8
# Beam reads these as parts of a pattern, and a deletion by pattern is no way to treat someone's files.
PATTERN_CHARACTERS = "*?["
# What of apache-beam a filesystem needs.
SCHEME_TO_EXTRA = {"gs": "gcp", "s3": "aws", "azfs": "azure"}


def check_directory(directory: str) -> str:
    """Returns the directory's path without its trailing slashes.

    Raises:
        UserError: there is no filesystem for it, or Beam would take it for a pattern.
    """
    if not directory.strip():
        raise UserError("a dataset's directory must have a name, got an empty text")
    if any(character in directory for character in PATTERN_CHARACTERS):
        raise UserError(f"a dataset's directory must have none of `{PATTERN_CHARACTERS}` in its path, got {directory}")
    scheme, mark, place = directory.partition("://")
    if mark and scheme in ("gs", "s3") and not place.split("/")[0]:
        raise UserError(f"{directory} names no bucket: it must look like {scheme}://bucket/directory")
    try:
        FileSystems.get_filesystem(directory)
    except (ValueError, BeamIOError) as error:
        scheme = FileSystems.get_scheme(directory)
        extra = SCHEME_TO_EXTRA.get(str(scheme))
        cure = f"install it: pip install 'apache-beam[{extra}]'" if extra else "name a local directory"
        raise UserError(f"Beam has no filesystem for `{scheme}://`; {cure}; got {directory}") from error
    if is_local(directory):
        local_paths.check_directory(directory)
    return directory.rstrip("/") or "/"


def check_folders(directory: str) -> None:
    """Raises an error unless each folder of a dataset is a directory in it, or not there.

    Raises:
        UserError: names the path, what lies there and the cure.
    """
    if is_local(directory):
        local_paths.check_folders(directory)


def check_files(paths: Iterable[str]) -> None:
    """Raises an error unless a file, a link to one, or nothing at all lies at each path.

    Raises:
        NotRegularFileError: names the path, what lies there and the cure.
    """
    for path in filter(is_local, paths):
        check_file(path)


def join(directory: str, relative_path: str) -> str:
    """Returns the path of a file, given with forward slashes, below the directory."""
    return FileSystems.join(directory, *relative_path.split("/"))


def is_local(path: str) -> bool:
    """Returns whether a path is of this machine's own filesystem."""
    return isinstance(FileSystems.get_filesystem(path), LocalFileSystem)


def is_regular_file(path: str) -> bool:
    """Returns whether a file lies at a path, or a link to one; reading anything else might never end."""
    return os.path.isfile(path) if is_local(path) else FileSystems.exists(path)


def exists(path: str) -> bool:
    """Returns whether anything lies at a path, a broken link included."""
    return os.path.lexists(path) if is_local(path) else FileSystems.exists(path)


def open_file(path: str) -> BinaryIO:
    """Returns a file open for reading; bytes come as they are, whatever its name.

    Raises:
        NotRegularFileError: something else than a file lies there.
        OSError: it cannot be read.
    """
    check_files([path])
    return cast(BinaryIO, FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED))


def create(path: str) -> BinaryIO:
    """Returns a new file open for writing, its directories made; bytes are written as they are, whatever its name."""
    # The automatic choice would compress a `.gz` file, which is compressed already, once more.
    return cast(BinaryIO, FileSystems.create(path, compression_type=CompressionTypes.UNCOMPRESSED))


def read_bytes(path: str) -> bytes | None:
    """Returns the contents of a file, None where there is no such file; errors are those of `open_file`."""
    if not exists(path):
        return None
    try:
        with open_file(path) as file:
            return file.read()
    except FileNotFoundError:
        return None


def write_bytes(path: str, contents: bytes, temporary: str | None = None, *, is_durable: bool = False) -> None:
    """Writes a small file so that its name never stands for a part of it; replaces the file of that name.

    Args:
        path: the file.
        contents: all of it.
        temporary: where it lies until it is whole; beside `path` by default.
        is_durable: whether that must hold after a power failure, too, which takes some milliseconds.
    """
    temporary = temporary or f"{path}.{uuid.uuid4().hex[:12]}.tmp"
    try:
        with create(temporary) as file:
            file.write(contents)
        if is_durable:
            sync_files([temporary])
        publish({temporary: path})
    except BaseException:
        delete_files([temporary])
        raise


def publish(temporary_to_final: dict[str, str]) -> None:
    """Gives finished files their final names, in the mapping's order; replaces files of those names.

    Raises:
        NotRegularFileError: something else than a file lies there.
    """
    for temporary, final in temporary_to_final.items():
        check_files([final])
        make_directory(FileSystems.split(final)[0])
        try:
            FileSystems.rename([temporary], [final])
        except BeamIOError:
            # Some filesystems don't rename onto a file that is there.
            if not (FileSystems.exists(temporary) and FileSystems.exists(final)):
                raise
            FileSystems.delete([final])
            FileSystems.rename([temporary], [final])


def sync_files(paths: Iterable[str], *, is_uncached: bool = False) -> None:
    """Waits until local files are on the disk, so that a power failure cannot empty or shorten them.

    Args:
        paths: files; those that are not local are left out.
        is_uncached: whether the system shall take the memory in which it keeps their contents for the next files.
    """
    with ThreadPoolExecutor(NUM_SYNCS) as pool:
        list(pool.map(functools.partial(_sync_file, is_uncached=is_uncached), filter(is_local, paths)))


def _sync_file(path: str, *, is_uncached: bool) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        # macOS has no such call.
        if is_uncached and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def make_directory(directory: str) -> None:
    """Makes a directory with those above it, where the filesystem has such a thing and it is not there."""
    if FileSystems.exists(directory):
        return
    try:
        FileSystems.mkdirs(directory)
    except OSError:
        # Another worker may have been faster.
        if not FileSystems.exists(directory):
            raise


def list_files(directory: str, limit: int | None = None) -> dict[str, int]:
    """Returns all files below the directory, path relative to it to size in bytes, sorted by path.

    Args:
        directory: need not be there.
        limit: stop after so many files; which ones is left to the filesystem.
    """
    matched = FileSystems.match([join(directory, "**")], [limit])[0].metadata_list
    prefix = join(directory, "")
    return dict(sorted((file.path[len(prefix) :].replace("\\", "/"), file.size_in_bytes) for file in matched))


def delete_files(paths: Iterable[str]) -> None:
    """Deletes those of the files that are there; a local directory among them is an error."""
    remote = []
    for path in paths:
        if not is_local(path):
            remote.append(path)
            continue
        # `FileSystems.delete` would delete a directory with all that is in it, and take a name for a pattern.
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)
    present = [path for path in remote if FileSystems.exists(path)]
    try:
        FileSystems.delete(present)
    except BeamIOError:
        # Another process may have deleted them first; only a file that stays is an error.
        if any(FileSystems.exists(path) for path in present):
            raise


def delete_tree(directory: str) -> None:
    """Deletes all files below the directory, and the directory; files that are made meanwhile may stay, and it then."""
    delete_files(join(directory, path) for path in list_files(directory))
    delete_if_empty(directory)


def delete_if_empty(directory: str) -> None:
    """Deletes a directory, and the directories in it, if there is no file below it, also none made meanwhile."""
    if not is_local(directory):
        if FileSystems.exists(directory) and not list_files(directory, limit=1):
            FileSystems.delete([directory])
    elif not list_files(directory, limit=1):
        for folder, _, _ in os.walk(directory, topdown=False):
            # One that has just got a file stays, and the directories above it.
            with contextlib.suppress(OSError):
                os.rmdir(folder)


def first_missing(directory: str) -> str | None:
    """Returns the topmost directory that would have to be made for this one, None where it is there."""
    missing = None
    while directory and not FileSystems.exists(directory):
        missing = directory
        parent = FileSystems.split(directory)[0]
        if parent == directory:
            break
        directory = parent
    return missing


def sha256_of(path: str) -> tuple[int, str]:
    """Returns the size in bytes and the hexadecimal SHA-256 of a file; errors are those of `open_file`."""
    digest = hashlib.sha256()
    num_bytes = 0
    with open_file(path) as file:
        while block := file.read(READ_SIZE_BYTES):
            digest.update(block)
            num_bytes += len(block)
    return num_bytes, digest.hexdigest()


def has_contents(path: str, num_bytes: int, sha256: str) -> bool:
    """Returns whether the file is there with exactly these contents."""
    return is_regular_file(path) and sha256_of(path) == (num_bytes, sha256)


def describe_error(error: BaseException) -> str:
    """Returns what went wrong with a file, as one line: `No space left on device: /data/x`."""
    if isinstance(error, BeamIOError) and error.exception_details:
        paths, inner = next(iter(error.exception_details.items()))
        path = paths[-1] if isinstance(paths, tuple) else paths
        line = describe_error(inner) if isinstance(inner, BaseException) else str(inner)
        return line if str(path) in line else f"{line}: {path}"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    if isinstance(error, OSError) and error.args and isinstance(error.args[0], BaseException):
        # Beam's local filesystem wraps an error in another one.
        return describe_error(error.args[0])
    # Errors of Beam's own clients of stores keep the text to themselves.
    text = str(error) or str(getattr(error, "message", None) or "")
    return " ".join(text.split()) or type(error).__name__
