"""What is damaged of a finished dataset: files that are missing, cut or changed since they were written.

Shards are compared with the checksums in the manifest, the files beside them, and the manifest itself, with
`SHA256SUMS`. Files on other filesystems than this machine's own are compared by their sizes alone, as hashing would
load the whole dataset.
"""

import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from eqstream.data.dataset import layout
from eqstream.data.dataset.manifest import Manifest, sha256_of
from eqstream.data.dataset.manifest_parts import FileInfo
from eqstream.pipelines.metadata.checksums import render_checksums
from eqstream.pipelines.metadata.render import list_metadata
from eqstream.pipelines.runtime import filesystem
from eqstream.pipelines.runtime.progress import Progress

# Hashing takes a second or two for so many.
LONG_BYTES = 1 << 30


@dataclass(frozen=True, kw_only=True)
class Damage:
    """What is damaged of a finished dataset.

    Attributes:
        paths: the damaged files, relative to the dataset.
        is_manifest_whole: whether the manifest is not one of them.
        is_hashed: whether contents were compared, not sizes alone.
    """

    paths: tuple[str, ...]
    is_manifest_whole: bool
    is_hashed: bool


def find_damage(directory: str, manifest: Manifest, progress: Progress) -> Damage:
    """Returns what is damaged of the dataset in a directory, whose manifest can be read.

    Raises:
        OSError: a file that is there cannot be read.
    """
    path_to_size = filesystem.list_files(directory)
    shards = [file for _, _, file in manifest.list_files()]
    damaged = [file.path for file in shards if path_to_size.get(file.path) != file.num_bytes]
    is_hashed = filesystem.is_local(directory)
    if is_hashed:
        rest = [file for file in shards if path_to_size.get(file.path) == file.num_bytes]
        damaged += _list_changed(directory, rest, progress)
    # Where it is missing, the build ended at its very end.
    if path_to_size.get(layout.SUCCESS):
        damaged.append(layout.SUCCESS)
    papers = _list_changed_papers(directory, manifest)
    is_manifest_whole = layout.MANIFEST not in papers
    return Damage(paths=(*damaged, *papers), is_manifest_whole=is_manifest_whole, is_hashed=is_hashed)


def _list_changed(directory: str, files: list[FileInfo], progress: Progress) -> list[str]:
    """Returns the paths of the files whose contents are not those that the manifest tells of, in their order."""

    def is_whole(file: FileInfo) -> bool:
        return filesystem.has_contents(filesystem.join(directory, file.path), file.num_bytes, file.sha256)

    pool = ThreadPoolExecutor(os.cpu_count())
    shown = progress if sum(file.num_bytes for file in files) >= LONG_BYTES else Progress()
    try:
        with shown.stage("comparing checksums", len(files), unit="files"):
            futures = [pool.submit(is_whole, file) for file in files]
            for number, _ in enumerate(as_completed(futures), 1):
                shown.show(number)
    finally:
        # Ctrl-C waits for the files that are being read, and for no others.
        pool.shutdown(cancel_futures=True)
    return [file.path for file, future in zip(files, futures, strict=True) if not future.result()]


def _list_changed_papers(directory: str, manifest: Manifest) -> list[str]:
    """Returns which of the files beside the shards are missing, or not as `SHA256SUMS` says."""
    sums = filesystem.read_bytes(filesystem.join(directory, layout.CHECKSUMS)) or b""
    lines = (line.partition("  ") for line in sums.decode(errors="replace").splitlines())
    listed = {path: sha256 for sha256, _, path in lines}
    path_to_sha256 = {file.path: file.sha256 for _, _, file in manifest.list_files()}
    damaged = []
    for path in sorted({*list_metadata(manifest), layout.MANIFEST}):
        contents = filesystem.read_bytes(filesystem.join(directory, path))
        path_to_sha256[path] = "" if contents is None else sha256_of(contents)
        if contents is None or (sums and path_to_sha256[path] != listed.get(path)):
            damaged.append(path)
    if not sums or (not damaged and sums != render_checksums(path_to_sha256)):
        damaged.append(layout.CHECKSUMS)
    return damaged
