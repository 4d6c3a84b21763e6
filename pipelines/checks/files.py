"""The files of a dataset against its manifest and `SHA256SUMS`: missing, foreign, swapped, cut, changed."""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from eqstream.data.dataset import layout
from eqstream.data.dataset.manifest import Manifest, parse_manifest
from eqstream.data.dataset.manifest_parts import FileInfo
from eqstream.data.errors import UserError
from eqstream.pipelines.checks.findings import Finding
from eqstream.pipelines.checks.metadata import check_metadata, explain_other_author
from eqstream.pipelines.metadata.checksums import render_checksums
from eqstream.pipelines.metadata.render import list_metadata
from eqstream.pipelines.runtime import filesystem

CHECKSUM_LINE = re.compile(r"([0-9a-f]{64})  ([^\x00-\x1f]+)")
SHARD_FOLDERS = ("data/", "tfrecord/")
# Other projects put what they add behind the suffix: `x.tfrecord-00000-of-00001`, `x.tfrecord.gz`.
RECORD_SUFFIXES = (".parquet", ".tfrecord")
OWN_FILES = (*layout.METADATA, layout.MANIFEST, layout.CHECKSUMS, layout.SUCCESS)


class FilesChecked(NamedTuple):
    """What was compared: how many files, which lie there that are not the dataset's, and what is wrong."""

    num_files: int
    foreign: tuple[str, ...]
    findings: list[Finding]


class _Listed(NamedTuple):
    """A file of a shard: the shard's name, and what the manifest says of it."""

    shard: str
    info: FileInfo


def load_manifest(directory: str) -> Manifest:
    """Returns the manifest of a dataset.

    Raises:
        DamagedManifestError: it was cut or changed.
        UserError: there is none, its format version is newer than ours, or one of the folders is a link.
    """
    filesystem.check_folders(directory)
    path = filesystem.join(directory, layout.MANIFEST)
    contents = filesystem.read_bytes(path)
    if contents is None:
        if filesystem.is_local(directory):
            raise UserError(layout.explain_no_dataset(directory))
        raise UserError(f"{directory} is not a dataset: it has no {layout.MANIFEST}")
    return parse_manifest(contents, path)


def check_files(directory: str, manifest: Manifest, path_to_found: Mapping[str, list[Any]]) -> FilesChecked:
    """Returns what is wrong with the files of a dataset.

    Args:
        directory: of the dataset.
        manifest: of the dataset.
        path_to_found: relative path to `[num_bytes, sha256]` of each shard file that could be read.
    """
    present = filesystem.list_files(directory)
    listed = {info.path: _Listed(shard, info) for shard, _, info in manifest.list_files()}
    path_to_contents, unread = _read_small_files(directory)
    findings = list(unread.values()) + _check_marks(path_to_contents, unread)
    findings += _check_shard_files(directory, listed, path_to_found)
    foreign = []
    for path in present:
        if path in listed or path in OWN_FILES or path.startswith(f"{layout.STAGING}/"):
            continue
        if path.startswith(SHARD_FOLDERS) or _may_hold_records(path):
            findings.append(
                Finding("files", path, "the manifest lists no such file; readers would mix it in", paths=(path,))
            )
        else:
            foreign.append(path)
    # Of these another finding tells, if they are not there; they are no reason to doubt their checksums.
    named = {*unread, *(list_metadata(manifest) if explain_other_author(manifest) is None else ())}
    sums = _check_checksums(path_to_contents, listed, named - path_to_contents.keys())
    findings += sums
    others = check_metadata(manifest, path_to_contents, is_listed=not sums)
    findings += (finding for finding in others if finding.place not in unread)
    num_others = sum(path in path_to_contents for path in (*layout.METADATA, layout.MANIFEST))
    return FilesChecked(len(listed) + num_others, tuple(foreign), findings)


def _may_hold_records(path: str) -> bool:
    """Returns whether a reader that is given the directory might take the file for a shard, wherever it lies.

    >>> [_may_hold_records(path) for path in ("extra.parquet", "old/x.TFRecord-00000-of-00001", "tfrecords.md")]
    [True, True, False]
    """
    name = path.rsplit("/", 1)[-1].lower()
    return any(suffix in name for suffix in RECORD_SUFFIXES)


def _read_small_files(directory: str) -> tuple[dict[str, bytes], dict[str, Finding]]:
    """Returns the contents of the files beside the shards, by name, and why those that are there cannot be read."""
    path_to_contents, path_to_finding = {}, {}
    for path in OWN_FILES:
        try:
            contents = filesystem.read_bytes(filesystem.join(directory, path))
        except (OSError, UserError) as error:
            path_to_finding[path] = _about_file(path, f"it cannot be read: {filesystem.describe_error(error)}")
        else:
            if contents is not None:
                path_to_contents[path] = contents
    return path_to_contents, path_to_finding


def _check_marks(path_to_contents: Mapping[str, bytes], unread: Collection[str]) -> list[Finding]:
    """Returns what is wrong with the checksums as a file and with the mark of success."""
    present = {*path_to_contents, *unread}
    findings = []
    if layout.CHECKSUMS not in present:
        findings.append(_about_file(layout.CHECKSUMS, "it is missing"))
    if layout.SUCCESS not in present:
        findings.append(_about_file(layout.SUCCESS, "it is missing; the dataset is not finished"))
    if path_to_contents.get(layout.SUCCESS):
        findings.append(_about_file(layout.SUCCESS, "it must be empty"))
    return findings


def _about_file(path: str, reason: str) -> Finding:
    return Finding("files", path, reason, paths=(path,))


def _check_shard_files(
    directory: str, listed: Mapping[str, _Listed], path_to_found: Mapping[str, list[Any]]
) -> Iterator[Finding]:
    for path, (shard, info) in listed.items():
        reason = None
        if path in path_to_found:
            reason = _compare_file(shard, info, found=path_to_found[path], listed=listed)
        elif not filesystem.exists(filesystem.join(directory, path)):
            reason = f"it is missing: there is no file {path}"
        if reason is not None:
            yield Finding("files", shard, reason, paths=(path,))


def _compare_file(shard: str, info: FileInfo, *, found: list[Any], listed: Mapping[str, _Listed]) -> str | None:
    num_bytes, sha256 = found
    if sha256 == info.sha256 and num_bytes == info.num_bytes:
        return None
    other = next((each.shard for each in listed.values() if each.info.sha256 == sha256), None)
    if other is not None and other != shard:
        return f"{info.path} holds the bytes of {other}"
    if num_bytes != info.num_bytes:
        return f"{info.path} has {num_bytes:,} bytes, the manifest says {info.num_bytes:,}: it was cut or replaced"
    return f"{info.path} has the SHA-256 {sha256[:12]}…, the manifest says {info.sha256[:12]}…: it was changed"


def _check_checksums(
    path_to_contents: Mapping[str, bytes], listed: Mapping[str, _Listed], unseen: Collection[str]
) -> list[Finding]:
    """Returns where `SHA256SUMS` is not, byte by byte, that of the shards in the manifest and of the files beside.

    What it says of `unseen`, files that could not be read, is taken as it is.
    """
    contents = path_to_contents.get(layout.CHECKSUMS)
    if contents is None:
        return []
    path_to_sha256 = {path: info.sha256 for path, (_, info) in listed.items()}
    others = {path: path_to_contents[path] for path in (*layout.METADATA, layout.MANIFEST) if path in path_to_contents}
    path_to_sha256 |= {path: hashlib.sha256(data).hexdigest() for path, data in others.items()}
    lines = map(CHECKSUM_LINE.fullmatch, contents.decode(errors="replace").split("\n"))
    path_to_sha256 |= {match[2]: match[1] for match in lines if match and match[2] in unseen}
    if contents == render_checksums(path_to_sha256):
        return []
    findings = list(_explain_checksums(contents, path_to_sha256, listed))
    reason = "it is not, byte by byte, the checksums of the dataset's files in the order of their paths"
    return findings or [_about_file(layout.CHECKSUMS, reason)]


def _explain_checksums(
    contents: bytes, path_to_sha256: Mapping[str, str], listed: Mapping[str, _Listed]
) -> Iterator[Finding]:
    found: dict[str, str] = {}
    for number, line in enumerate(contents.decode(errors="replace").removesuffix("\n").split("\n"), 1):
        match = CHECKSUM_LINE.fullmatch(line)
        if match is None:
            yield _about_file(layout.CHECKSUMS, f"line {number} is not a checksum and a path")
        else:
            found[match[2]] = match[1]
    for path, sha256 in path_to_sha256.items():
        if path not in found:
            yield _about_file(layout.CHECKSUMS, f"it does not list {path}")
        elif found[path] != sha256 and path in listed:
            reason = f"the checksum of {path} in {layout.CHECKSUMS} differs from the manifest's"
            yield Finding("files", listed[path].shard, reason, paths=(layout.CHECKSUMS,))
        elif found[path] != sha256:
            paths = (layout.CHECKSUMS, path) if path != layout.MANIFEST else ()
            yield Finding(
                "files", path, f"its SHA-256 differs from the one in {layout.CHECKSUMS}: it was changed", paths=paths
            )
    for path in found:
        if path not in path_to_sha256:
            reason = "which is missing" if path in layout.METADATA else "which is not a file of the dataset"
            yield _about_file(layout.CHECKSUMS, f"it lists {path}, {reason}")
