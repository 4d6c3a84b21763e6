"""What a build finds in its directory: what is its own, what it can go on from, and when it must refuse."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from eqstream.data.dataset import layout
from eqstream.data.dataset.manifest import Manifest, parse_manifest
from eqstream.data.errors import DamagedManifestError, UserError
from eqstream.data.recipe import Recipe
from eqstream.pipelines.building.journal import DamagedJournalError, Journal
from eqstream.pipelines.building.recipe_differences import list_differences
from eqstream.pipelines.metadata.render import list_metadata
from eqstream.pipelines.runtime import filesystem
from eqstream.pipelines.runtime.wording import name_first

MAX_DIFFERENCES = 5
# A directory that is not ours may hold a million files; a few will do to say so.
MAX_FOREIGN_FILES = 8
OVERWRITE_CURE = "give --overwrite to write the recipe's files anew, which deletes no other file"


@dataclass(frozen=True, kw_only=True)
class OutputDirectory:
    """What lies in the directory that a build is to fill.

    Attributes:
        path: of the directory.
        manifest: of the dataset in it, None where there is none, or a damaged one that a build may replace.
        journal: of a build in it that is not finished, None where there is none.
    """

    path: str
    manifest: Manifest | None
    journal: Journal | None

    @classmethod
    def inspect(cls, directory: str, *, overwrite: bool = False) -> "OutputDirectory":
        """Returns what lies in the directory, which need not be there.

        A damaged manifest counts as none where a journal knows more. A damaged journal counts as none if the build is
        to `overwrite`, a damaged or missing manifest only where checksums beside it show that it is of a build.

        Raises:
            UserError: files lie there that no build has written, the manifest or the journal is damaged, the manifest
                is missing or of a newer format, or one of the folders is a link or no directory.
        """
        filesystem.check_folders(directory)
        journal, has_journal = _load_journal(directory, overwrite=overwrite)
        contents = filesystem.read_bytes(filesystem.join(directory, layout.MANIFEST))
        is_stale = journal is not None and layout.MANIFEST in journal.stale
        manifest = None
        if contents is not None and not is_stale:
            manifest = _parse_or_ignore(contents, directory, has_journal=journal is not None, overwrite=overwrite)
        is_ours = has_journal or contents is not None
        if not is_ours and _has_our_checksums(directory):
            if not overwrite:
                raise UserError(f"{directory} holds a dataset without its {layout.MANIFEST}; {OVERWRITE_CURE}")
        elif not is_ours:
            _refuse_foreign_files(directory)
        return cls(path=directory, manifest=manifest, journal=journal)

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
        """Raises an error unless building the recipe would go on with what lies there.

        Raises:
            UserError: what lies there is of another recipe or format version, or has formats that are not asked for.
                A finished dataset of an older format version is no fault.
        """
        latest = self.latest
        if latest is None:
            return
        differences = list_differences(latest.recipe, recipe.to_dict())
        if latest.format_version != recipe.format_version:
            if self.is_finished(recipe):
                return
            if latest.fingerprint == recipe.fingerprint():
                raise UserError(
                    f"{self.path} holds a build of format version {latest.format_version} that is not finished, and "
                    f"this eqstream writes version {recipe.format_version}: give --overwrite to write its files anew, "
                    "or finish it with the eqstream that began it"
                )
            differences.insert(0, f"format version: {latest.format_version} -> {recipe.format_version}")
        elif latest.fingerprint == recipe.fingerprint():
            # Formats can be added to a dataset, but dropping one would delete files.
            differences = [line for line in differences if line.startswith("storage.formats:")]
            if set(latest.storage.formats) <= set(recipe.storage.formats):
                return
        shown = ", ".join(differences[:MAX_DIFFERENCES]) or "the fingerprint"
        more = f" and {len(differences) - MAX_DIFFERENCES} more" if len(differences) > MAX_DIFFERENCES else ""
        raise UserError(f"{self.path} holds another recipe: {shown}{more}; name another directory, or give --overwrite")

    def refuse_older_format(self, recipe: Recipe, damaged: Sequence[str]) -> None:
        """Raises an error if damaged files of a dataset cannot be written again as they were.

        Raises:
            UserError: the dataset has another format version than this eqstream writes.
        """
        assert self.manifest is not None
        if self.manifest.format_version != recipe.format_version:
            raise UserError(
                f"{self.path}: damaged: {name_first(damaged)}; the dataset has format version "
                f"{self.manifest.format_version}, and this eqstream writes version {recipe.format_version}: give "
                f"--overwrite to write all its files anew, or repair it with eqstream {self.manifest.eqstream_version}"
            )

    def holds(self, recipe: Recipe) -> bool:
        """Returns whether there is the manifest of this recipe's dataset, in the same formats."""
        manifest = self.manifest
        if manifest is None or manifest.fingerprint != recipe.fingerprint():
            return False
        return set(manifest.formats) == set(recipe.storage.formats)

    def is_finished(self, recipe: Recipe) -> bool:
        """Returns whether the dataset of this recipe lies there, every file with its size; contents are not read."""
        return self.holds(recipe) and self.manifest is not None and self.first_missing(self.manifest) is None

    def first_missing(self, manifest: Manifest) -> str | None:
        """Returns the relative path of a file of the dataset that is missing or not of its size, None if none is."""
        path_to_size = filesystem.list_files(self.path)
        for _, _, file in manifest.list_files():
            if path_to_size.get(file.path) != file.num_bytes:
                return file.path
        # A named pipe in place of one has the size 0, too.
        return next((path for path in (layout.CHECKSUMS, *list_metadata(manifest)) if not path_to_size.get(path)), None)

    def owned_files(self) -> tuple[str, ...]:
        """Returns the relative paths of the files in the directory that builds have written, the closing ones first.

        Only files that are there and lie where eqstream puts files count, whatever a manifest or journal claims.
        """
        claimed = self.journal.paths() if self.journal else set()
        if self.manifest:
            claimed |= {*layout.CLOSING, *(file.path for _, _, file in self.manifest.list_files())}
        present = filesystem.list_files(self.path)
        owned = [path for path in present if path in claimed and layout.is_dataset_path(path)]
        # Without these two the directory is no dataset, so they go first.
        return tuple(sorted(owned, key=lambda path: (path not in (layout.SUCCESS, layout.MANIFEST), path)))

    def refuse_other_kinds(self, paths: Iterable[str]) -> None:
        """Raises an error if something else than a file lies where one is to be written.

        Raises:
            UserError: names the path, what lies there and the cure.
        """
        filesystem.check_files(filesystem.join(self.path, path) for path in sorted(paths))

    def refuse_foreign_shards(self, expected: set[str]) -> None:
        """Raises an error if readers that take all files of a split would find those of another dataset as well.

        Args:
            expected: relative paths of the shards that may lie there.

        Raises:
            UserError: a file has the name of a shard and is none of the expected ones.
        """
        for path in filesystem.list_files(self.path):
            if layout.is_shard_path(path) and path not in expected:
                raise UserError(
                    f"{path} in {self.path} is no shard of this dataset, and readers would mix it in; move it away"
                )


def _refuse_foreign_files(directory: str) -> None:
    files = filesystem.list_files(directory, limit=MAX_FOREIGN_FILES)
    foreign = [path for path in files if not path.startswith(f"{layout.JOURNAL}.")]
    if foreign:
        raise UserError(
            f"{directory} is not empty and holds no dataset of eqstream ({foreign[0]}); name another directory"
        )


def _load_journal(directory: str, *, overwrite: bool) -> tuple[Journal | None, bool]:
    """Returns the journal, None if it is damaged and to be overwritten, and whether there is one."""
    try:
        journal = Journal.load(directory)
    except DamagedJournalError as error:
        if overwrite:
            return None, True
        raise UserError(f"{error}; {OVERWRITE_CURE}") from error
    return journal, journal is not None


def _parse_or_ignore(contents: bytes, directory: str, *, has_journal: bool, overwrite: bool) -> Manifest | None:
    """Returns the manifest, None if it is damaged and that is of no account."""
    try:
        return parse_manifest(contents, filesystem.join(directory, layout.MANIFEST))
    except DamagedManifestError as error:
        if has_journal:
            return None
        # Other tools call their files manifest.json too, and theirs must not be written over.
        is_ours = _has_our_checksums(directory)
        if is_ours and overwrite:
            return None
        if is_ours:
            raise
        raise DamagedManifestError(str(error).replace("with --overwrite", "in another directory")) from error


def _has_our_checksums(directory: str) -> bool:
    """Returns whether checksums of a manifest and of shards lie there, as builds write them."""
    checksums = filesystem.read_bytes(filesystem.join(directory, layout.CHECKSUMS)) or b""
    paths = {line.partition("  ")[2] for line in checksums.decode(errors="replace").splitlines()}
    return layout.MANIFEST in paths and any(layout.is_shard_path(path) for path in paths)
