"""Where datasets are read from: directories on this machine, and below `s3://` and `gs://`.

Object stores are read by `pyarrow.fs`, which comes with pyarrow: it knows both, reads ranges of bytes from any thread
without Python's lock, and tries again by itself. What cannot be told by the usual environment variables and files of
credentials (such as ``AWS_ENDPOINT_URL``) goes into the URI:
``s3://bucket/sums?endpoint_override=127.0.0.1:9000&scheme=http&region=us-east-1``.
"""

import contextlib
import dataclasses
import datetime
import io
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pyarrow as pa
import pyarrow.fs

from eqstream.data.errors import UserError
from eqstream.data.local_files import check_file

_SCHEMES = ("s3", "gs")
_URI = re.compile("[A-Za-z][A-Za-z0-9+.-]*://")
# In the messages of both stores: it failed, and may have said nothing of why.
_FAILED_STATUS = re.compile(r"HTTP status (?:code: )?(5\d\d)")
_S3_OPTIONS = ("endpoint_override", "region", "scheme")
_GCS_OPTIONS = ("endpoint_override", "scheme")
# Of a request, together with the first one; the waits between them add up to some seconds.
_MOST_ATTEMPTS = 5
_CONNECT_SECONDS = 10
_REQUEST_SECONDS = 30
_GCS_RETRY_SECONDS = 60
# To open a file asks for its size.
_OPEN_FILES = 256
_SEQUENTIAL_BYTES = 4 << 20


@dataclass(frozen=True)
class RemotePath:
    """A file or directory of an object store; has what the readers of datasets use of `pathlib.Path`.

    Attributes:
        uri: without options.
        key: bucket and name.
    """

    uri: str
    key: str
    _open: Callable[[str], pa.NativeFile] = dataclasses.field(compare=False, repr=False)
    _look_up: Callable[[str], pa.fs.FileInfo] = dataclasses.field(compare=False, repr=False)

    def __str__(self) -> str:
        return self.uri

    def __truediv__(self, name: str) -> "RemotePath":
        return RemotePath(f"{self.uri}/{name}", f"{self.key}/{name}", self._open, self._look_up)

    @property
    def suffix(self) -> str:
        """Returns the end of the name, such as `.gz`."""
        return PurePosixPath(self.key).suffix

    def is_file(self) -> bool:
        """Returns whether there is such a file.

        Raises:
            OSError: the store cannot be asked.
        """
        with contextlib.suppress(FileNotFoundError):
            self._open(self.key)
            return True
        return False

    def explain_missing(self, name: str) -> str:
        """Returns why a directory without a file of that name is not a dataset."""
        bucket = self.key.split("/")[0]
        if self._look_up(bucket).type == pa.fs.FileType.NotFound:
            return f"{self} does not exist: there is no bucket `{bucket}`, or it may not be read"
        return f"{self} is not a dataset: it has no {name}"

    def size(self) -> int:
        """Returns the bytes of the file."""
        return self._open(self.key).size()

    def read_range(self, offset: int, num_bytes: int) -> bytes:
        """Returns at most `num_bytes` from `offset` on; any number of threads may read at once."""
        file = self._open(self.key)
        num_bytes = min(num_bytes, file.size() - offset)
        return file.read_at(num_bytes, offset) if num_bytes > 0 else b""

    def read_bytes(self) -> bytes:
        """Returns the contents of the file."""
        return self.read_range(0, self.size())

    def open(self, mode: str = "rb") -> io.BufferedReader:
        """Returns the file for reading from its beginning, some megabytes at a time."""
        assert mode == "rb"
        return io.BufferedReader(_Sequential(self), _SEQUENTIAL_BYTES)


class _Sequential(io.RawIOBase):
    """A remote file as a stream that can be wound."""

    def __init__(self, path: RemotePath) -> None:
        super().__init__()
        self._path, self._place = path, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place}.get(whence)
        self._place = (self._path.size() if start is None else start) + offset
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        data = self._path.read_range(self._place, len(buffer))
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)


DataPath = Path | RemotePath


def is_remote(location: "str | Path | RemotePath") -> bool:
    """Returns whether a location is in an object store that this module reads.

    >>> is_remote("s3://bucket/sums"), is_remote("out/sums")
    (True, False)
    """
    return isinstance(location, RemotePath) or str(location).split("://")[0] in _SCHEMES


def data_path(location: "str | Path | RemotePath") -> DataPath:
    """Returns what is read from a location: a path, or a URI of an object store.

    Raises:
        UserError: a URI is of no store that is read, names no bucket, or has an unknown option.
    """
    if isinstance(location, RemotePath):
        return location
    text = str(location)
    if is_remote(text):
        return _open_store(text)
    if _URI.match(text):
        raise UserError(
            f"{text} cannot be read: a dataset is read from a directory, or from below s3:// or gs://; copy it there"
        )
    return Path(text)


def normalize(location: str | Path) -> str:
    """Returns the location as it can be found again from another working directory."""
    return str(location) if is_remote(location) else str(Path(location).resolve())


def read_range(path: DataPath, offset: int, num_bytes: int) -> bytes:
    """Returns at most `num_bytes` of a file from `offset` on; any number of threads may read at once."""
    if isinstance(path, RemotePath):
        return path.read_range(offset, num_bytes)
    check_file(path)
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(num_bytes)


def is_file(path: DataPath) -> bool:
    """Returns whether there is such a file.

    Raises:
        OSError: something else lies there, or the store cannot be asked.
    """
    if isinstance(path, RemotePath):
        return path.is_file()
    check_file(path)
    return path.exists()


def size_of(path: DataPath) -> int:
    """Returns the bytes of a file."""
    return path.size() if isinstance(path, RemotePath) else path.stat().st_size


def explain(error: Exception) -> str:
    """Returns what went wrong with a file, in one line."""
    line = str(error).strip().split("\n")[0] or type(error).__name__
    if failed := _FAILED_STATUS.search(line):
        return f"the store answered with HTTP status {failed[1]}, also when it was asked again; try again later"
    if "ACCESS_DENIED" in line or "credential" in line.lower():
        line += "; give credentials in the environment or in the files that the store's own tools read"
    return line


def _open_store(uri: str) -> RemotePath:
    parts = urlsplit(uri)
    key = f"{parts.netloc}{parts.path}".rstrip("/")
    if not parts.netloc:
        raise UserError(f"{uri} names no bucket: it must look like {parts.scheme}://bucket/directory")
    known = _S3_OPTIONS if parts.scheme == "s3" else _GCS_OPTIONS
    options = dict(parse_qsl(parts.query))
    for name in options:
        if name not in known:
            raise UserError(f"{uri}: `{name}` is no option of {parts.scheme}://; there are {', '.join(known)}")
    try:
        filesystem = _make_s3(parts.netloc, options) if parts.scheme == "s3" else _make_gcs(options)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UserError(f"{uri} cannot be opened: {str(error).strip().split(chr(10))[0]}") from error
    opened = lru_cache(_OPEN_FILES)(filesystem.open_input_file)
    return RemotePath(f"{parts.scheme}://{key}", key, opened, filesystem.get_file_info)


def _make_s3(bucket: str, options: dict[str, str]) -> pa.fs.FileSystem:
    # pyarrow heeds this variable only where a URI is all that it is given.
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint and "endpoint_override" not in options:
        parts = urlsplit(endpoint)
        options = {"endpoint_override": parts.netloc, "scheme": parts.scheme, **options}
    if "endpoint_override" not in options and not {"AWS_REGION", "AWS_DEFAULT_REGION"} & os.environ.keys():
        options = {"region": pa.fs.resolve_s3_region(bucket), **options}
    return pa.fs.S3FileSystem(
        **options,
        retry_strategy=pa.fs.AwsStandardS3RetryStrategy(max_attempts=_MOST_ATTEMPTS),
        connect_timeout=_CONNECT_SECONDS,
        request_timeout=_REQUEST_SECONDS,
    )


def _make_gcs(options: dict[str, str]) -> pa.fs.FileSystem:
    limit = datetime.timedelta(seconds=_GCS_RETRY_SECONDS)
    # A server of one's own asks for no credentials.
    return pa.fs.GcsFileSystem(**options, anonymous="endpoint_override" in options, retry_time_limit=limit)
