"""The journal `.build/build.json`: what a build has set out to do.

It is written before the first shard, and removed when the dataset is complete. Together with the manifest it names
every file that a build may have left behind.
"""

import dataclasses
from dataclasses import dataclass

from eqstream.data.configuration import from_mapping
from eqstream.data.dataset import layout
from eqstream.data.errors import UserError
from eqstream.data.recipe import FORMAT_VERSION, StorageRecipe
from eqstream.data.splits.plan import MAX_SHARDS
from eqstream.pipelines.building.receipts import seal, unseal
from eqstream.pipelines.runtime import filesystem


class DamagedJournalError(UserError):
    """A journal that no build has written like this."""


@dataclass(frozen=True, kw_only=True)
class Journal:
    """What a build has set out to do.

    Attributes:
        recipe: as a mapping, since one of another version may not be a recipe of this one.
        fingerprint: of the recipe.
        format_version: of the dataset.
        num_shards: split to number of shards; empty until they are planned.
        stale: relative paths of files of an earlier build that are still to be removed.
    """

    recipe: dict
    fingerprint: str
    format_version: int = FORMAT_VERSION
    num_shards: dict[str, int]
    stale: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for split, number in self.num_shards.items():
            if not 1 <= number <= MAX_SHARDS:
                raise UserError(f"`num_shards.{split}` must be from 1 to {MAX_SHARDS}, got {number}")
        from_mapping(StorageRecipe, self.recipe.get("storage"), "recipe.storage")
        # Only files of a dataset are ever removed, whatever the journal lists.
        object.__setattr__(self, "stale", tuple(path for path in self.stale if layout.is_dataset_path(path)))

    @property
    def storage(self) -> StorageRecipe:
        """How the dataset is stored."""
        return from_mapping(StorageRecipe, self.recipe["storage"])

    @classmethod
    def load(cls, directory: str) -> "Journal | None":
        """Returns the journal in the directory, None where there is none.

        Raises:
            DamagedJournalError: it is whole, but no journal.
        """
        path = filesystem.join(directory, layout.JOURNAL)
        value = unseal(filesystem.read_bytes(path))
        if value is None:
            # Where a rename cannot replace a file there is a moment with a whole draft and no journal.
            drafts = [unseal(filesystem.read_bytes(draft)) for draft in _list_drafts(directory)]
            value = next((draft for draft in drafts if draft is not None), None)
        if value is None:
            return None
        try:
            return from_mapping(cls, value)
        except UserError as error:
            raise DamagedJournalError(f"{path} is damaged: {error}") from error

    def save(self, directory: str) -> None:
        """Writes the journal into the directory, whole."""
        path = filesystem.join(directory, layout.JOURNAL)
        if filesystem.read_bytes(path) is not None:
            filesystem.delete_files(_list_drafts(directory))
        filesystem.write_bytes(path, seal(vars(self)))

    def with_stale(self, stale: tuple[str, ...]) -> "Journal":
        """Returns the journal with these files to be removed."""
        return dataclasses.replace(self, stale=stale)

    def paths(self) -> set[str]:
        """Returns the relative paths of all files that this build may have written under final names."""
        storage = self.storage
        return {*layout.CLOSING, *self.stale} | {
            layout.shard_path(
                file_format, split, shard_index=index, num_shards=num_shards, compression=storage.compression
            )
            for split, num_shards in self.num_shards.items()
            for file_format in storage.formats
            for index in range(num_shards)
        }


def _list_drafts(directory: str) -> list[str]:
    staging, name = layout.JOURNAL.split("/")
    folder = filesystem.join(directory, staging)
    return [filesystem.join(folder, path) for path in filesystem.list_files(folder) if path.startswith(f"{name}.")]
