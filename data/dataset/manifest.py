"""The manifest: what is in a dataset, and the checksums that prove it. Written last; without it there is no dataset.

| field of `Manifest` | what |
| --- | --- |
| `format_version` | of enumeration, permutation, record layout; readers refuse a newer one |
| `eqstream_version`, `tools` | versions of what wrote it |
| `name`, `version`, `description`, `fingerprint`, `recipe` | the resolved recipe and its fingerprint |
| `columns` | name and type of each column |
| `space` | `SpaceFacts` |
| `splits` | name to `SplitInfo`, in the order of the recipe |

`manifest.json` has the same keys, sorted; the size of the space is a text there, as it may pass what JSON readers take
for a number. Reading checks the form alone, and that no name leads out of the dataset: whether the numbers are right is
for `eqstream verify` to say.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from eqstream.data.configuration import describe_type, from_mapping, nearest, to_mapping
from eqstream.data.dataset.layout import MANIFEST
from eqstream.data.dataset.manifest_checks import check_split, check_text_bounds
from eqstream.data.dataset.manifest_parts import FileInfo, ManifestPart, ShardInfo, SpaceFacts, SplitInfo
from eqstream.data.errors import DamagedManifestError, UserError
from eqstream.data.recipe import MODEL_SECTIONS, STEPS_FORMAT_VERSION, Recipe


@dataclass(frozen=True, kw_only=True)
class Manifest(ManifestPart):
    """A checked manifest; the module's docstring lists its fields."""

    format_version: int
    eqstream_version: str
    tools: dict[str, str]
    name: str
    version: str
    description: str
    fingerprint: str
    recipe: Recipe
    columns: dict[str, str]
    space: SpaceFacts
    splits: dict[str, SplitInfo]

    def __post_init__(self) -> None:
        names = [split.name for split in self.recipe.splits]
        for name in names:
            if name not in self.splits:
                raise UserError(f"`splits.{name}` is missing")
        if len(self.splits) > len(names):
            raise UserError(f"`splits` must be those of the recipe, {', '.join(names)}, got {', '.join(self.splits)}")
        # JSON has them sorted by name.
        object.__setattr__(self, "splits", {name: self.splits[name] for name in names})
        object.__setattr__(self, "recipe", dataclasses.replace(self.recipe, **dict.fromkeys(MODEL_SECTIONS)))
        check_text_bounds(self.space, self.recipe)
        if self.recipe.steps is not None and self.format_version < STEPS_FORMAT_VERSION:
            raise UserError(f"`format_version` must be {STEPS_FORMAT_VERSION} with steps, got {self.format_version}")
        for name, split in self.splits.items():
            check_split(name, split, self.recipe, self.format_version)

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats in which every shard is stored."""
        return self.recipe.storage.formats

    @property
    def has_plain_tfrecord(self) -> bool:
        """Whether the dataset holds uncompressed TFRecord files."""
        return "tfrecord" in self.formats and self.recipe.storage.compression == "none"

    @property
    def num_equations(self) -> int:
        """Number of equations in all splits."""
        return sum(split.num_equations for split in self.splits.values())

    @property
    def num_records(self) -> int:
        """Number of records in all splits: equations, or steps."""
        return sum(split.num_records for split in self.splits.values())

    @property
    def num_steps_left_out(self) -> int | None:
        """Number of steps that are in no split; None where examples are equations."""
        counts = [split.num_steps_left_out for split in self.splits.values()]
        return None if self.recipe.steps is None else sum(count or 0 for count in counts)

    @property
    def record_noun(self) -> str:
        """What a record is called: `equation` or `step`."""
        return "equation" if self.recipe.steps is None else "step"

    def split(self, name: str) -> SplitInfo:
        """Returns the split of that name.

        Raises:
            UserError: there is no such split.
        """
        if name not in self.splits:
            raise UserError(f"the dataset has no split `{name}`{nearest(name, self.splits)}")
        return self.splits[name]

    def list_shards(self) -> list[tuple[str, ShardInfo]]:
        """Returns (name of the split, shard) for all shards, in the order of the recipe's splits and then by number."""
        return [(name, shard) for name, split in self.splits.items() for shard in split.shards]

    def list_files(self) -> Iterator[tuple[str, str, FileInfo]]:
        """Yields (name of the shard, format, file) for all files of all shards, in the order of `list_shards`."""
        for _, shard in self.list_shards():
            for file_format, file in shard.files.items():
                yield shard.shard, file_format, file

    def to_dict(self) -> dict[str, Any]:
        """Returns the manifest as JSON types."""
        mapping = to_mapping(self)
        mapping["space"]["size"] = str(self.space.size)
        for section in MODEL_SECTIONS:
            del mapping["recipe"][section]
        return mapping if self.recipe.steps else _without_steps(mapping)

    def to_bytes(self) -> bytes:
        """Returns the contents of `manifest.json`; equal manifests give equal bytes."""
        return (json.dumps(self.to_dict(), indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _without_steps(mapping: dict[str, Any]) -> dict[str, Any]:
    """Returns a manifest without the keys of datasets of steps, which readers of format version 2 do not know."""
    del mapping["recipe"]["steps"], mapping["space"]["line_length"]
    for split in mapping["splits"].values():
        del split["num_steps"], split["num_steps_left_out"]
        for shard in split["shards"]:
            del shard["num_steps"]
    return mapping


def parse_manifest(data: bytes, source: str = MANIFEST) -> Manifest:
    """Returns the manifest that `data` holds; `source` names it in errors.

    Raises:
        DamagedManifestError: it is no manifest, or a key is missing or its value is of the wrong type.
        UserError: it is of a newer format version.
    """
    try:
        mapping = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _damage(f"{source} is not a manifest of eqstream: it is not JSON: {error}") from error
    if not isinstance(mapping, dict) or "format_version" not in mapping:
        got = "it has no `format_version`" if isinstance(mapping, dict) else f"it is {describe_type(mapping)}"
        raise _damage(f"{source} is not a manifest of eqstream: {got}")
    version = mapping["format_version"]
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        got = describe_type(version)
        raise _damage(f"{source} is damaged: `format_version` must be a whole number of at least 1, got {got}")
    if version > STEPS_FORMAT_VERSION:
        raise UserError(
            f"{source} has format version {version}, this eqstream reads up to {STEPS_FORMAT_VERSION}; update eqstream"
        )
    try:
        return from_mapping(Manifest, mapping)
    except UserError as error:
        raise _damage(f"{source} is damaged: {error}") from error


def _damage(line: str) -> DamagedManifestError:
    return DamagedManifestError(
        f"{line}; put an undamaged copy in its place or build the dataset again with --overwrite"
    )


def sha256_of(data: bytes) -> str:
    """Returns the SHA-256 of `data` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
