"""The dataset card and the descriptions for readers against those that the manifest gives.

Readers believe them: TFDS takes the lengths of shards from one, `datasets` the files of a split from another. They are
functions of the manifest alone, so they are made anew and compared byte by byte.
"""

from collections.abc import Iterator, Mapping

from eqstream.data.dataset import layout
from eqstream.data.dataset.manifest import Manifest
from eqstream.data.versions import EQSTREAM_VERSION
from eqstream.pipelines.checks.findings import Finding
from eqstream.pipelines.metadata.render import render_metadata


def check_metadata(manifest: Manifest, path_to_contents: Mapping[str, bytes], *, is_listed: bool) -> Iterator[Finding]:
    """Yields what is wrong with the files of metadata.

    Args:
        manifest: of the dataset.
        path_to_contents: of the files beside the shards that are there.
        is_listed: whether `SHA256SUMS` has these files as they are; if not, that was said already.
    """
    if explain_other_author(manifest) is not None:
        return
    path_to_expected = render_metadata(manifest)
    for path in layout.METADATA:
        if path in path_to_contents and path not in path_to_expected:
            reason = "it does not belong here: the formats of the dataset have no use for it"
            yield Finding("files", path, reason, paths=(path,))
    for path, expected in path_to_expected.items():
        if path not in path_to_contents:
            yield Finding("files", path, "it is missing", paths=(path,))
        elif path_to_contents[path] != expected and is_listed:
            reason = f"it is not what {layout.MANIFEST} gives: it was changed"
            yield Finding("files", path, reason, paths=(path, layout.CHECKSUMS))


def explain_other_author(manifest: Manifest) -> str | None:
    """Returns why the metadata cannot be compared: another eqstream wrote it; None where this one did."""
    if manifest.eqstream_version == EQSTREAM_VERSION and manifest.format_version == manifest.recipe.format_version:
        return None
    return (
        f"dataset card and descriptions for readers were written by eqstream {manifest.eqstream_version}, this is "
        f"eqstream {EQSTREAM_VERSION}: verify with that version to check them"
    )
