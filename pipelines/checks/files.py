"""The files of a dataset against its manifest and `SHA256SUMS`: missing, extra, swapped, cut, changed."""

import hashlib
import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

from eqstream.data.dataset import layout
from eqstream.data.dataset.manifest import FileInfo, Manifest, parse_manifest
from eqstream.data.errors import UserError
from eqstream.pipelines.checks.findings import FaultList
from eqstream.pipelines.checks.metadata import check_metadata
from eqstream.pipelines.runtime import filesystem

CHECKSUM_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
SHARD_FOLDERS = ("data/", "tfrecord/")
# Other projects put what they add behind the suffix: `x.tfrecord-00000-of-00001`, `x.tfrecord.gz`.
RECORD_SUFFIXES = (".parquet", ".tfrecord")


class CheckedFiles(NamedTuple):
    """How many files were compared with manifest and `SHA256SUMS`, and why the metadata was not (None: it was)."""

    num_files: int
    metadata_reason: str | None


def load_manifest(directory: str) -> Manifest:
    """Returns the manifest of a dataset.

    Raises:
        UserError: there is none, it is damaged, or its format version is newer than ours.
    """
    path = filesystem.join(directory, layout.MANIFEST)
    contents = filesystem.read_bytes(path)
    if contents is None:
        if filesystem.is_local(directory):
            raise UserError(layout.explain_no_dataset(directory))
        raise UserError(f"{directory} is not a dataset: it has no {layout.MANIFEST}")
    return parse_manifest(contents, path)


def check_files(
    directory: str, manifest: Manifest, path_to_found: Mapping[str, list], faults: FaultList
) -> CheckedFiles:
    """Adds what is wrong with the files of a dataset, and returns what was compared.

    Args:
        directory: of the dataset.
        manifest: of the dataset.
        path_to_found: relative path to `[num_bytes, sha256]` of each shard file that could be read.
        faults: is added to.
    """
    present = filesystem.list_files(directory)
    listed = {file.path: (shard, file) for shard, _, file in manifest.list_files()}
    if layout.SUCCESS not in present:
        faults.add("files", layout.SUCCESS, "it is missing; the dataset is not finished")
    for path, (shard, file) in listed.items():
        if path not in present:
            faults.add("files", shard, f"it is missing: there is no file {path}")
        elif path in path_to_found:
            _check_file(shard, file, path_to_found[path], listed, faults)
    for path in present:
        if path not in listed and (path.startswith(SHARD_FOLDERS) or _may_hold_records(path)):
            faults.add("files", path, "the manifest knows no such file; readers would mix it in")
    path_to_sha256 = _read_checksums(directory, faults)
    num_files = len(listed)
    if path_to_sha256 is not None:
        num_files += _check_checksums(directory, path_to_sha256, listed, present, faults)
    return CheckedFiles(num_files, check_metadata(directory, manifest, path_to_sha256, present, faults))


def _may_hold_records(path: str) -> bool:
    """Returns whether a reader that is given the directory might take the file for a shard, wherever it lies.

    >>> [_may_hold_records(path) for path in ("extra.parquet", "old/x.TFRecord-00000-of-00001", "tfrecords.md")]
    [True, True, False]
    """
    name = path.rsplit("/", 1)[-1].lower()
    return any(suffix in name for suffix in RECORD_SUFFIXES)


def _check_file(
    shard: str, file: FileInfo, found: list, listed: Mapping[str, tuple[str, FileInfo]], faults: FaultList
) -> None:
    num_bytes, sha256 = found
    if sha256 == file.sha256 and num_bytes == file.num_bytes:
        return
    twin = next((name for name, other in listed.values() if other.sha256 == sha256), None)
    if twin is not None and twin != shard:
        reason = f"{file.path} holds the bytes of {twin}"
    elif num_bytes != file.num_bytes:
        reason = f"{file.path} has {num_bytes} bytes, the manifest says {file.num_bytes}: it was cut or replaced"
    else:
        reason = f"{file.path} has the SHA-256 {sha256[:12]}…, the manifest says {file.sha256[:12]}…: it was changed"
    faults.add("files", shard, reason)


def _read_checksums(directory: str, faults: FaultList) -> dict[str, str] | None:
    """Returns relative path to SHA-256 as `SHA256SUMS` has them, None (and a fault) where there is no such file."""
    contents = filesystem.read_bytes(filesystem.join(directory, layout.CHECKSUMS))
    if contents is None:
        faults.add("files", layout.CHECKSUMS, "it is missing")
        return None
    path_to_sha256: dict[str, str] = {}
    for number, line in enumerate(contents.decode(errors="replace").splitlines(), 1):
        match = CHECKSUM_LINE.fullmatch(line)
        if match is None:
            faults.add("files", layout.CHECKSUMS, f"line {number} is not a checksum and a path")
            continue
        path_to_sha256[match[2]] = match[1]
    return path_to_sha256


def _check_checksums(
    directory: str,
    path_to_sha256: Mapping[str, str],
    listed: Mapping[str, tuple[str, FileInfo]],
    present: Collection[str],
    faults: FaultList,
) -> int:
    """Adds where `SHA256SUMS` is wrong of shards and of the files beside them, and returns the number of the latter."""
    for path, (shard, file) in listed.items():
        if path_to_sha256.get(path) != file.sha256:
            faults.add("files", shard, f"{layout.CHECKSUMS} has not the manifest's checksum of {path}")
    others = [path for path in path_to_sha256 if path not in listed]
    for path in others:
        # A path that leads out of the directory is not looked up.
        if path not in present:
            faults.add("files", path, f"it is missing, {layout.CHECKSUMS} lists it")
        elif (
            hashlib.sha256(filesystem.read_bytes(filesystem.join(directory, path)) or b"").hexdigest()
            != path_to_sha256[path]
        ):
            faults.add("files", path, f"it has not the SHA-256 that {layout.CHECKSUMS} says: it was changed")
    if layout.MANIFEST not in others:
        faults.add("files", layout.CHECKSUMS, f"it does not list {layout.MANIFEST}")
    return len(others)
