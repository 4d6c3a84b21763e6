"""The metadata of a dataset against what its manifest gives.

Readers believe it: TFDS takes the lengths of shards from it, `datasets` the files of a split. All of it is a function
of the manifest alone, so it is rendered anew and compared byte by byte.
"""

import hashlib
from collections.abc import Collection, Mapping

from eqstream.data.dataset import layout
from eqstream.data.dataset.manifest import Manifest
from eqstream.data.recipe import FORMAT_VERSION
from eqstream.data.versions import EQSTREAM_VERSION
from eqstream.pipelines.checks.findings import FaultList
from eqstream.pipelines.metadata.render import render_metadata
from eqstream.pipelines.runtime import filesystem


def check_metadata(
    directory: str,
    manifest: Manifest,
    path_to_listed: Mapping[str, str] | None,
    present: Collection[str],
    faults: FaultList,
) -> str | None:
    """Adds what is wrong with the metadata beside the shards.

    Args:
        directory: of the dataset.
        manifest: of the dataset.
        path_to_listed: relative path to the SHA-256 in `SHA256SUMS`, None where there is no such file; what was said of
            a file for its sake is not said again.
        present: relative paths of all files.
        faults: is added to.

    Returns:
        Why it could not be compared, as it is that of another eqstream; None where it was.
    """
    reason = _explain_other_author(manifest)
    if reason is not None:
        return reason
    contents = render_metadata(manifest)
    for path in layout.METADATA:
        if path in present and path not in contents:
            faults.add("files", path, "it does not belong here: the formats of the dataset have no use for it")
    for path, expected in contents.items():
        if path_to_listed is not None and path not in path_to_listed:
            faults.add("files", layout.CHECKSUMS, f"it does not list {path}")
        found = filesystem.read_bytes(filesystem.join(directory, path)) if path in present else None
        _compare(path, found, expected, (path_to_listed or {}).get(path), faults)
    return None


def _compare(path: str, found: bytes | None, expected: bytes, listed: str | None, faults: FaultList) -> None:
    """Adds what is wrong with one file, unless that was said of its checksum in `SHA256SUMS`, `listed`."""
    if found is None:
        if listed is None:
            faults.add("files", path, "it is missing")
    elif found != expected and listed in (None, hashlib.sha256(found).hexdigest()):
        faults.add("files", path, f"it is not what {layout.MANIFEST} gives: it was changed")


def _explain_other_author(manifest: Manifest) -> str | None:
    if manifest.eqstream_version == EQSTREAM_VERSION and manifest.format_version == FORMAT_VERSION:
        return None
    theirs = f"{manifest.eqstream_version} (format {manifest.format_version})"
    return f"the metadata is that of eqstream {theirs}, this is eqstream {EQSTREAM_VERSION}"
