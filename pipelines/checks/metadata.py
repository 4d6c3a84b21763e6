"""The papers of a dataset against those that its manifest gives.

Readers believe the papers: TFDS takes the lengths of shards from one, `datasets` the files of a split from another.
They are functions of the manifest alone, so they are made anew and compared byte by byte.
"""

import hashlib
from collections.abc import Collection, Mapping

from eqstream.data.dataset import layout
from eqstream.data.dataset.manifest import Manifest
from eqstream.data.recipe import FORMAT_VERSION
from eqstream.data.versions import UNKNOWN_VERSION, eqstream_version
from eqstream.pipelines.checks.findings import FaultList
from eqstream.pipelines.metadata.dataset_card import render_papers
from eqstream.pipelines.runtime import filesystem


def check_papers(
    directory: str,
    manifest: Manifest,
    path_to_listed: Mapping[str, str] | None,
    present: Collection[str],
    faults: FaultList,
) -> str | None:
    """Adds what is wrong with the papers beside the shards.

    Args:
        directory: of the dataset.
        manifest: of the dataset.
        path_to_listed: relative path to the SHA-256 in `SHA256SUMS`, None where there is no such file; what was said of
            a file for its sake is not said again.
        present: relative paths of all files.
        faults: is added to.

    Returns:
        Why the papers could not be compared, as they are those of another eqstream; None where they were.
    """
    reason = _explain_other_author(manifest)
    if reason is not None:
        return reason
    try:
        papers = render_papers(manifest)
    except ValueError as error:
        faults.add("files", layout.MANIFEST, f"no papers can be made of it: {error}")
        return None
    for path in layout.PAPERS:
        if path in present and path not in papers:
            faults.add("files", path, "it does not belong here: the formats of the dataset have no use for it")
    for path, contents in papers.items():
        if path_to_listed is not None and path not in path_to_listed:
            faults.add("files", layout.CHECKSUMS, f"it does not list {path}")
        found = filesystem.read_bytes(filesystem.join(directory, path)) if path in present else None
        _compare(path, found, contents, (path_to_listed or {}).get(path), faults)
    return None


def _compare(path: str, found: bytes | None, expected: bytes, listed: str | None, faults: FaultList) -> None:
    """Adds what is wrong with one paper, unless that was said of its checksum in `SHA256SUMS`, `listed`."""
    if found is None:
        if listed is None:
            faults.add("files", path, "it is missing")
    elif found != expected and listed in (None, hashlib.sha256(found).hexdigest()):
        faults.add("files", path, f"it is not what {layout.MANIFEST} gives: it was changed")


def _explain_other_author(manifest: Manifest) -> str | None:
    ours, theirs = eqstream_version(), manifest.eqstream_version
    # Two versions that are not known may be different ones.
    if theirs == ours != UNKNOWN_VERSION and manifest.format_version == FORMAT_VERSION:
        return None
    return f"the papers are those of eqstream {theirs} (format {manifest.format_version}), this is eqstream {ours}"
