"""Whose directory it is: what a build finds there, what is its own, and when it must refuse.

The journal `.build/build.json` is written before the first shard. Together with the manifest it names every file that
a build may have left behind, so that an overwriting build removes those and no others.
"""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from eqstream.data.dataset import layout
from eqstream.data.dataset.manifest import DamagedManifestError, Manifest, parse_manifest
from eqstream.data.errors import UserError
from eqstream.data.recipe import FORMAT_VERSION, MODEL_SECTIONS, Recipe
from eqstream.pipelines.building.receipts import seal, unseal
from eqstream.pipelines.building.staging import JOURNAL
from eqstream.pipelines.metadata.render import list_metadata
from eqstream.pipelines.runtime import filesystem

CLOSING = (*layout.METADATA, layout.CHECKSUMS, layout.MANIFEST, layout.SUCCESS)
MAX_DIFFERENCES = 5
# A directory that is not ours may hold a million files; a few will do to say so.
STRANGERS = 8
RECEIPTS = f"{layout.STAGING}/receipts/"


@dataclass(frozen=True, kw_only=True)
class Journal:
    """What a build has set out to do, enough to know its files and to finish what was interrupted."""

    recipe: dict[str, Any]
    fingerprint: str
    format_version: int = FORMAT_VERSION
    # Shards per split; empty until they are planned.
    num_shards: dict[str, int]
    # Files of the build before, still to be removed.
    stale: tuple[str, ...] = ()

    def save(self, directory: str) -> None:
        """Writes the journal into the directory, whole."""
        path = filesystem.join(directory, JOURNAL)
        if filesystem.read_bytes(path) is not None:
            filesystem.delete_files(_list_drafts(directory))
        filesystem.write_bytes(path, seal(vars(self)))

    def with_stale(self, stale: tuple[str, ...]) -> "Journal":
        """Returns the journal with these files to be removed."""
        return dataclasses.replace(self, stale=stale)

    @classmethod
    def load(cls, directory: str) -> "Journal | None":
        """Returns the journal in the directory, None where there is none."""
        value = unseal(filesystem.read_bytes(filesystem.join(directory, JOURNAL)))
        if value is None:
            # Where a rename cannot replace a file there is a moment with a whole draft and no journal.
            drafts = [unseal(filesystem.read_bytes(path)) for path in _list_drafts(directory)]
            value = next((draft for draft in drafts if draft is not None), None)
        return None if value is None else cls(**{**value, "stale": tuple(value["stale"])})

    def paths(self) -> set[str]:
        """Returns the relative paths of all files that this build may have written under final names."""
        stored = self.recipe["storage"]
        return {*CLOSING, *self.stale} | {
            layout.shard_path(format, split, index, num_shards, stored["compression"])
            for split, num_shards in self.num_shards.items()
            for format in stored["formats"]
            for index in range(num_shards)
        }


def _list_drafts(directory: str) -> list[str]:
    staging, name = JOURNAL.split("/")
    folder = filesystem.join(directory, staging)
    return [filesystem.join(folder, path) for path in filesystem.list_files(folder) if path.startswith(f"{name}.")]


@dataclass(frozen=True, kw_only=True)
class Found:
    """What lies in the directory that a build is to fill."""

    directory: str
    manifest: Manifest | None
    journal: Journal | None
    # Whether anything lies there beside a journal and the results of counting.
    has_shards: bool

    @classmethod
    def in_directory(cls, directory: str, *, overwrite: bool = False) -> "Found":
        """Returns what lies in the directory, which need not be there.

        A damaged manifest counts as none where a journal knows more, or where the build is to `overwrite` a
        directory whose checksums show that it is ours.

        Raises:
            UserError: files lie there that no build has written, or the manifest is damaged or of a newer format.
        """
        journal = Journal.load(directory)
        contents = filesystem.read_bytes(filesystem.join(directory, layout.MANIFEST))
        is_stale = journal is not None and layout.MANIFEST in journal.stale
        manifest = None
        if contents is not None and not is_stale:
            manifest = _parse_or_ignore(contents, directory, has_journal=journal is not None, overwrite=overwrite)
        is_ours = journal is not None or contents is not None
        files = list(filesystem.list_files(directory, limit=None if is_ours else STRANGERS))
        strangers = [path for path in files if not path.startswith(f"{JOURNAL}.")]
        if not is_ours and strangers:
            raise UserError(
                f"{directory} is not empty and holds no dataset of eqstream ({strangers[0]}); name another directory"
            )
        has_shards = any(not path.startswith(f"{layout.STAGING}/") or path.startswith(RECEIPTS) for path in files)
        return cls(directory=directory, manifest=manifest, journal=journal, has_shards=has_shards)

    @property
    def latest(self) -> Journal | None:
        """The journal of what lies there, for a finished build as it would be; it is later than the manifest."""
        if self.journal or self.manifest is None:
            return self.journal
        return Journal(
            recipe=self.manifest.recipe.to_dict(),
            fingerprint=self.manifest.fingerprint,
            format_version=self.manifest.format_version,
            num_shards={name: len(split.shards) for name, split in self.manifest.splits.items()},
        )

    def refuse_other_recipe(self, recipe: Recipe) -> None:
        """Does nothing where building the recipe would go on with what lies there.

        Raises:
            UserError: what lies there is of another recipe or format version, or has formats that are not asked for.
        """
        latest = self.latest
        if latest is None or not self.has_shards:
            return
        differences = list_differences(latest.recipe, recipe.to_dict())
        if latest.format_version != FORMAT_VERSION:
            differences.insert(0, f"format version: {latest.format_version} -> {FORMAT_VERSION}")
        if latest.fingerprint == recipe.fingerprint():
            # A format more is welcome; for one less, files would have to go.
            differences = [line for line in differences if line.startswith("storage.formats:")]
            if set(latest.recipe["storage"]["formats"]) <= set(recipe.storage.formats):
                return
        shown = ", ".join(differences[:MAX_DIFFERENCES]) or "the fingerprint"
        more = f" and {len(differences) - MAX_DIFFERENCES} more" if len(differences) > MAX_DIFFERENCES else ""
        raise UserError(
            f"{self.directory} holds another recipe: {shown}{more}; name another directory, or give --overwrite"
        )

    def is_finished(self, recipe: Recipe) -> bool:
        """Returns whether the dataset of this recipe lies there, every file with its size; contents are not read."""
        manifest = self.manifest
        if manifest is None or manifest.fingerprint != recipe.fingerprint():
            return False
        if set(manifest.formats) != set(recipe.storage.formats):
            return False
        path_to_size = filesystem.list_files(self.directory)
        # A named pipe in place of one has the size 0, too.
        if not all(path_to_size.get(path) for path in (layout.CHECKSUMS, *list_metadata(manifest))):
            return False
        return all(path_to_size.get(file.path) == file.num_bytes for _, _, file in manifest.list_files())

    def owned_files(self) -> tuple[str, ...]:
        """Returns the relative paths of the files in the directory that builds have written, the closing ones first.

        Only files that are there and lie where eqstream puts files count, whatever a manifest claims.
        """
        claimed = self.journal.paths() if self.journal else set()
        if self.manifest:
            claimed |= {*CLOSING, *(file.path for _, _, file in self.manifest.list_files())}
        present = [path for path in filesystem.list_files(self.directory) if path in claimed]
        mine = [path for path in present if path in CLOSING or layout.is_shard_path(path)]
        # Without these two the directory is no dataset, so they go first.
        return tuple(sorted(mine, key=lambda path: (path not in (layout.SUCCESS, layout.MANIFEST), path)))


def _has_our_checksums(directory: str) -> bool:
    """Returns whether checksums of a manifest and of shards lie there, as builds write them."""
    checksums = filesystem.read_bytes(filesystem.join(directory, layout.CHECKSUMS)) or b""
    paths = {line.partition("  ")[2] for line in checksums.decode(errors="replace").splitlines()}
    return layout.MANIFEST in paths and any(layout.is_shard_path(path) for path in paths)


def _parse_or_ignore(contents: bytes, directory: str, *, has_journal: bool, overwrite: bool) -> Manifest | None:
    """Returns the manifest, None if it is damaged and that is of no account."""
    try:
        return parse_manifest(contents, filesystem.join(directory, layout.MANIFEST))
    except DamagedManifestError as error:
        if has_journal:
            return None
        # Other tools call their files manifest.json too, and theirs must not be written over.
        if not _has_our_checksums(directory):
            raise
        if overwrite:
            return None
        raise UserError(
            f"{error}; put an undamaged copy in its place, or give --overwrite to write the recipe's files anew, which "
            "deletes no other file"
        ) from error


def refuse_strangers(directory: str, expected: set[str]) -> None:
    """Does nothing while readers that take all files of a split find those of one dataset alone.

    Raises:
        UserError: a file has the name of a shard and is none of the expected ones.
    """
    for path in filesystem.list_files(directory):
        if layout.is_shard_path(path) and path not in expected:
            raise UserError(
                f"{path} in {directory} is no shard of this dataset, and readers would mix it in; move it away"
            )


def list_differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Returns how two recipes' datasets differ, as `space.operands.max: 999 -> 99`, sorted by key.

    >>> list_differences({"seed": 0, "splits": [{"name": "train", "count": 5}]}, {"seed": 1, "splits": []})
    ['seed: 0 -> 1', 'splits.train.count: 5 -> (none)', 'splits.train.name: train -> (none)']
    """
    old, new = _flatten(before), _flatten(after)
    return [
        f"{key}: {_show(old.get(key))} -> {_show(new.get(key))}"
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key) and key.split(".")[0] not in MODEL_SECTIONS
    ]


def _flatten(value: Any, key: str = "") -> dict[str, Any]:
    if isinstance(value, list) and value and all(isinstance(item, dict) and "name" in item for item in value):
        value = {item["name"]: item for item in value}
    if not isinstance(value, dict):
        return {key: value} if value != [] else {}
    flat = {}
    for name, item in value.items():
        flat |= _flatten(item, f"{key}.{name}" if key else name)
    return flat


def _show(value: Any) -> str:
    if value is None:
        return "(none)"
    return value if isinstance(value, str) else json.dumps(value)
