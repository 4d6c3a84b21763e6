"""The parts of a manifest: files, shards, splits, and facts of a space."""

import dataclasses
import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eqstream.data.configuration import check_not_negative
from eqstream.data.dataset.histograms import Histograms, check_histograms
from eqstream.data.errors import UserError
from eqstream.data.formats.blocks import BlockIndex, Cut

_SHA256 = re.compile("[0-9a-f]{64}")
# Python's own limit on numbers in text.
_MAX_DIGITS = 4300


class ManifestPart:
    """A part of a manifest: keys that this version does not know are left alone."""

    @classmethod
    def expand(cls, value: Any) -> Any:
        """Returns the mapping without the keys that this version does not know."""
        if not isinstance(value, Mapping):
            return value
        names = {field.name for field in dataclasses.fields(cls)}  # pyright: ignore[reportArgumentType]
        return {key: item for key, item in value.items() if key in names}


@dataclass(frozen=True, kw_only=True)
class FileInfo(ManifestPart):
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
class ShardInfo(ManifestPart):
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
class SplitInfo(ManifestPart):
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
class SpaceFacts(ManifestPart):
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


def _check_counts(part: ShardInfo | SplitInfo, *names: str) -> None:
    """Refuses counts below 0."""
    counts = [field.name for field in dataclasses.fields(part) if field.name.startswith("num_steps")]
    check_not_negative(part, *names, *(name for name in counts if getattr(part, name) is not None))
