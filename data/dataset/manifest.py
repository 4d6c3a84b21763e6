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
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eqstream.data.configuration import check_not_negative, describe_type, from_mapping, nearest, to_mapping
from eqstream.data.dataset.histograms import Histograms, check_histograms
from eqstream.data.dataset.layout import MANIFEST, shard_name, shard_path
from eqstream.data.errors import DamagedManifestError, UserError
from eqstream.data.formats.blocks import BlockIndex, Cut
from eqstream.data.recipe import MODEL_SECTIONS, STEPS_FORMAT_VERSION, Recipe, StorageRecipe
from eqstream.data.recipe_values import OPERATORS

# Of all questions and answers.
_CHARACTERS = frozenset(f" ().0123456789{OPERATORS}")
_SHA256 = re.compile("[0-9a-f]{64}")
# Python's own limit on numbers in text.
_MAX_DIGITS = 4300


class _Part:
    """A part of a manifest: keys that this version does not know are left alone."""

    @classmethod
    def expand(cls, value: Any) -> Any:
        """Returns the mapping without the keys that this version does not know."""
        if not isinstance(value, Mapping):
            return value
        names = {field.name for field in dataclasses.fields(cls)}  # pyright: ignore[reportArgumentType]
        return {key: item for key, item in value.items() if key in names}


@dataclass(frozen=True, kw_only=True)
class FileInfo(_Part):
    """A file of a shard.

    Attributes:
        path: within the dataset, with forward slashes.
        num_bytes: its size.
        sha256: of its bytes, hexadecimal.
        blocks: where its blocks are, None in format version 1.
    """

    path: str
    num_bytes: int
    sha256: str
    blocks: BlockIndex | None = None

    def __post_init__(self) -> None:
        check_not_negative(self, "num_bytes")
        if not _SHA256.fullmatch(self.sha256):
            raise UserError(f"`sha256` must be 64 hexadecimal digits, got {self.sha256!r}")


@dataclass(frozen=True, kw_only=True)
class ShardInfo(_Part):
    """A shard.

    Attributes:
        shard: its name.
        num_equations: how many it holds, or how many whose steps it holds.
        first_ordinal: of its first equation, within the split.
        files: format to file, a file for each format of the recipe.
        num_steps: how many it holds; None where examples are equations.
    """

    shard: str
    num_equations: int
    first_ordinal: int
    files: dict[str, FileInfo]
    num_steps: int | None = None

    def __post_init__(self) -> None:
        _check_counts(self, "num_equations", "first_ordinal")

    @property
    def num_records(self) -> int:
        """Number of records in each of its files."""
        return self.num_equations if self.num_steps is None else self.num_steps


@dataclass(frozen=True, kw_only=True)
class SplitInfo(_Part):
    """A split.

    Attributes:
        num_equations: how many it holds, or how many whose steps it holds.
        first_ordinal: of its first equation among those of its source.
        num_left_out: equations in no split although a twin of theirs is in this one.
        histograms: see `eqstream.data.dataset.histograms`.
        shards: in the order of their numbers, at least one.
        num_steps: how many it holds; None where examples are equations.
        num_steps_left_out: steps that are in no shard, as a line of theirs is an equation of another split, or a twin
            of one, or too long; None where examples are equations.
    """

    num_equations: int
    first_ordinal: int
    num_left_out: int
    histograms: Histograms
    shards: tuple[ShardInfo, ...]
    num_steps: int | None = None
    num_steps_left_out: int | None = None

    def __post_init__(self) -> None:
        _check_counts(self, "num_equations", "first_ordinal", "num_left_out")
        check_histograms(self.histograms)
        if not self.shards:
            raise UserError("`shards` must list at least one shard, got an empty list")

    @property
    def num_records(self) -> int:
        """Number of records, which are the examples of a model: equations, or steps."""
        return self.num_equations if self.num_steps is None else self.num_steps

    def cuts(self) -> list[Cut]:
        """Returns which records of the split each shard has."""
        firsts = itertools.accumulate((shard.num_records for shard in self.shards), initial=0)
        return [Cut(first, shard.num_records) for first, shard in zip(firsts, self.shards, strict=False)]


@dataclass(frozen=True, kw_only=True)
class SpaceFacts(_Part):
    """The size of a space, and bounds on its text.

    Attributes:
        size: number of candidates, those without an answer included.
        num_shapes: number of expression templates.
        max_question_length: characters of the longest question, or more.
        max_answer_length: characters of the longest answer, or more.
        alphabet: the characters of questions and answers, sorted.
        line_length: where questions and answers are lines of solutions, the most characters of one, spaces left out;
            else None.
    """

    size: int
    num_shapes: int
    max_question_length: int
    max_answer_length: int
    alphabet: str
    line_length: int | None = None

    @classmethod
    def expand(cls, value: Any) -> Any:
        """Returns the mapping with the size as a number."""
        value = super().expand(value)
        size = value.get("size") if isinstance(value, dict) else None
        if isinstance(size, str) and size.isdecimal() and len(size) <= _MAX_DIGITS:
            value["size"] = int(size)
        return value

    def __post_init__(self) -> None:
        check_not_negative(self, "size", "num_shapes", "max_question_length", "max_answer_length")


@dataclass(frozen=True, kw_only=True)
class Manifest(_Part):
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
        _check_text_bounds(self.space, self.recipe)
        if self.recipe.steps is not None and self.format_version < STEPS_FORMAT_VERSION:
            raise UserError(f"`format_version` must be {STEPS_FORMAT_VERSION} with steps, got {self.format_version}")
        for name, split in self.splits.items():
            _check_kind(name, split, self.recipe)
            _check_shards(name, split, self.recipe.storage)
            if self.format_version > 1:
                _check_blocks(name, split)

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


def _check_counts(part: ShardInfo | SplitInfo, *names: str) -> None:
    """Refuses counts below 0."""
    counts = [field.name for field in dataclasses.fields(part) if field.name.startswith("num_steps")]
    check_not_negative(part, *names, *(name for name in counts if getattr(part, name) is not None))


def _check_kind(split: str, info: SplitInfo, recipe: Recipe) -> None:
    """Refuses counts of steps where the recipe asks for none, and missing ones where it does."""
    counts = {"num_steps": info.num_steps, "num_steps_left_out": info.num_steps_left_out}
    counts |= {f"shards.{index}.num_steps": shard.num_steps for index, shard in enumerate(info.shards)}
    for name, count in counts.items():
        if (count is None) != (recipe.steps is None):
            raise UserError(f"`splits.{split}.{name}` must be there if, and only if, `recipe.steps` is")


def _check_shards(split: str, info: SplitInfo, storage: StorageRecipe) -> None:
    """Refuses shards and files that are not named as builds name them.

    Readers open what a manifest names; nothing else may be read for its sake.
    """
    for index, shard in enumerate(info.shards):
        place = f"splits.{split}.shards.{index}"
        paths = {
            file_format: shard_path(
                file_format, split, shard_index=index, num_shards=len(info.shards), compression=storage.compression
            )
            for file_format in storage.formats
        }
        _check_equal(f"{place}.shard", shard.shard, shard_name(split, index, len(info.shards)))
        if set(shard.files) != set(paths):
            got = ", ".join(shard.files)
            raise UserError(f"`{place}.files` must be of the recipe's formats, {', '.join(paths)}, got {got}")
        for file_format, path in paths.items():
            _check_equal(f"{place}.files.{file_format}.path", shard.files[file_format].path, path)


def _check_blocks(split: str, info: SplitInfo) -> None:
    """Refuses files whose index has not an entry for each piece of a block that they hold."""
    for index, (shard, cut) in enumerate(zip(info.shards, info.cuts(), strict=True)):
        num_pieces = cut.num_pieces
        for file_format, file in shard.files.items():
            place = f"splits.{split}.shards.{index}.files.{file_format}.blocks"
            if file.blocks is None:
                raise UserError(f"`{place}` is missing")
            if len(file.blocks.num_bytes) != num_pieces:
                raise UserError(f"`{place}.num_bytes` must be {num_pieces} numbers, got {len(file.blocks.num_bytes)}")
            if (file.blocks.footer_crc32c is None) == (file_format == "parquet"):
                raise UserError(f"`{place}.footer_crc32c` must be there for Parquet, and for nothing else")


def _check_equal(place: str, value: str, expected: str) -> None:
    if value != expected:
        raise UserError(f"`{place}` must be {expected}, got {value!r}")


def _check_text_bounds(facts: SpaceFacts, recipe: Recipe) -> None:
    """Refuses bounds on texts that no equation of the space can need: readers allocate memory by them."""
    space = recipe.space
    operand = len(str(max(abs(space.operands.min), abs(space.operands.max)))) + space.operands.decimals + 2
    # Between two operands an operator with spaces and a pair of brackets; an answer may be a fraction of two products,
    # and each division may add as many digits as operands have decimals.
    longest_question = space.terms.max * operand + 5 * (space.terms.max - 1)
    longest_answer = 2 * space.terms.max * (operand + space.operands.decimals) + space.places + 2
    line_length = recipe.steps.line_length if recipe.steps else None
    if facts.line_length != line_length:
        raise UserError(f"`space.line_length` must be {line_length}, as the recipe has it, got {facts.line_length}")
    if line_length is not None:
        longest_question = longest_answer = 2 * line_length
    for name, longest in (("question", longest_question), ("answer", longest_answer)):
        length = getattr(facts, f"max_{name}_length")
        if length > longest:
            raise UserError(f"`space.max_{name}_length` must be at most {longest}, got {length}")
    if list(facts.alphabet) != sorted(set(facts.alphabet) & _CHARACTERS):
        raise UserError(
            f"`space.alphabet` must be characters of equations, each once and sorted, got {facts.alphabet!r}"
        )


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
