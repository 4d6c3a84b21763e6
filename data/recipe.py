"""The recipe of a dataset: what is asked for, checked, with every default spelled out.

A recipe is a YAML file. Its keys, with their defaults:

| key | meaning |
| --- | --- |
| `name`, `version`, `description` | of the dataset; the version is ``x.y.z`` |
| `seed` | of the order of equations; same seed, same bytes |
| `space` | the equations there are: see `SpaceRecipe` |
| `commuted` | `together`: twins (``a + b``, ``b + a``) share a split; `drop`: one is written; `ignore`: unrelated |
| `sampling` | `uniform`, `balanced` over the combinations of operand lengths, or a `Balance` |
| `hash_salt` | salt of the `hash` buckets |
| `splits` | a list of `SplitRecipe` |
| `steps` | makes the examples the steps of worked solutions: see `StepsRecipe`; absent, or ``false``: equations |
| `storage` | formats, compression and size of shards: see `StorageRecipe` |
| `codec`, `model`, `training` | for the models; nothing in a dataset depends on them |

A whole number has at most 300 digits, and operands must be so short that no answer passes 4,000. A number in a
condition that has more digits than a float holds is written in quotes, and taken exactly.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from eqstream.data.configuration import (
    describe_type,
    from_mapping,
    to_mapping,
)
from eqstream.data.errors import UserError
from eqstream.data.sampling import Balance
from eqstream.data.space_recipe import SpaceRecipe
from eqstream.data.split_recipe import SplitRecipe

MODEL_SECTIONS = ("codec", "model", "training")
# Raised by any change of enumeration order, permutation, record layout or hash. Version 2 differs from 1 in how shards
# are cut and checked: the equations and their order are the same, and so are the bytes of TFRecord.
FORMAT_VERSION = 2
# Of datasets whose examples are steps; all others stay readable where version 2 is known. A change of the rules of
# worked solutions raises it, too. Both count on from the higher one: the next version of either is 4.
STEPS_FORMAT_VERSION = 3
# Raised only where the equations of a recipe or their order change.
_EQUATIONS_VERSION = 1
# Keys of `where` that came later: a recipe without them has the fingerprint that it had before.
_LATER_CONDITIONS = ("longest_carry_chain", "zero_borrows", "equal_operands", "repeated_digits", "quotient_digits")
# Tables of writers grow with its square.
MAX_LINE_LENGTH = 256


@dataclass(frozen=True, kw_only=True)
class StorageRecipe:
    """How a dataset is stored: formats, compression of TFRecord, most equations in a shard."""

    formats: tuple[Literal["tfrecord", "parquet"], ...] = ("tfrecord", "parquet")
    compression: Literal["none", "gzip"] = "none"
    shard_size: int = 250_000

    def __post_init__(self) -> None:
        if not self.formats or len(set(self.formats)) < len(self.formats):
            raise UserError(f"`formats` must name tfrecord, parquet or both, once each, got {list(self.formats)}")
        if self.shard_size < 1:
            raise UserError(f"`shard_size` must be at least 1, got {self.shard_size}")
        object.__setattr__(self, "formats", tuple(sorted(self.formats, reverse=True)))


@dataclass(frozen=True, kw_only=True)
class StepsRecipe:
    """Examples are steps of worked solutions: the question is a line, the answer the next one.

    Steps with a line of more than `line_length` characters, spaces not counted, are left out.
    """

    form: ClassVar[str] = "true, false or a mapping such as {line_length: 64}"

    line_length: int = 64

    @classmethod
    def expand(cls, value: Any) -> Any:
        """Returns the mapping that ``true`` is short for."""
        return {} if value is True else value

    def __post_init__(self) -> None:
        if not 1 <= self.line_length <= MAX_LINE_LENGTH:
            raise UserError(f"`line_length` must be from 1 to {MAX_LINE_LENGTH}, got {self.line_length}")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A checked recipe; the module's docstring lists its keys.

    >>> sums = {"operands": {"min": 0, "max": 9}, "operators": "+"}
    >>> recipe = Recipe.from_dict({"name": "sums", "space": sums, "splits": [{"name": "train", "rest": True}]})
    >>> recipe.space.operands.max, recipe.seed, recipe == Recipe.from_dict(recipe.to_dict())
    (9, 0, True)
    """

    name: str
    space: SpaceRecipe
    splits: tuple[SplitRecipe, ...]
    version: str = "1.0.0"
    description: str = ""
    seed: int = 0
    commuted: Literal["together", "drop", "ignore"] = "together"
    sampling: Literal["uniform", "balanced"] | Balance = "uniform"
    hash_salt: str = ""
    steps: StepsRecipe | None = None
    storage: StorageRecipe = StorageRecipe()
    codec: dict | None = None
    model: dict | None = None
    training: dict | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_-]*", self.name):
            raise UserError(f"`name` must be lower-case letters, digits, `-` and `_`, got {self.name!r}")
        if not re.fullmatch(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}", self.version):
            raise UserError(f"`version` must be three numbers such as 1.0.0, got {self.version!r}")
        if not self.splits:
            raise UserError("`splits` must name at least one split")
        names = [split.name for split in self.splits]
        for name in names:
            if names.count(name) > 1:
                raise UserError(f"two splits have the name `{name}`")
        for split in self.splits:
            if split.where is not None:
                split.where.check_space(self.space)

    @classmethod
    def expand(cls, value: Any) -> Any:
        """Returns the mapping without ``steps: false``; refuses a `version` that is a number, not a text of three."""
        if isinstance(value, dict) and isinstance(value.get("version"), (int, float)):
            raise UserError(f"`version` must be three numbers such as 1.0.0, got {describe_type(value['version'])}")
        if isinstance(value, dict) and value.get("steps") is False:
            return {key: item for key, item in value.items() if key != "steps"}
        return value

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> "Recipe":
        """Returns the recipe that a mapping spells out; the inverse of `to_dict`.

        Raises:
            UserError: a key is unknown, or a value is of the wrong type or breaks a rule.
        """
        return from_mapping(cls, mapping)

    def to_dict(self) -> dict[str, Any]:
        """Returns the recipe with every default spelled out, of JSON types alone."""
        return to_mapping(self)

    @property
    def sections(self) -> dict[str, dict]:
        """The sections for the models, as given; those that are absent are empty."""
        return {name: getattr(self, name) or {} for name in MODEL_SECTIONS}

    @property
    def format_version(self) -> int:
        """Of datasets of the recipe."""
        return FORMAT_VERSION if self.steps is None else STEPS_FORMAT_VERSION

    def dataset_dict(self) -> dict[str, Any]:
        """Returns what the equations and their shards depend on: no model, no choice of formats."""
        absent = MODEL_SECTIONS if self.steps else (*MODEL_SECTIONS, "steps")
        mapping = {key: value for key, value in self.to_dict().items() if key not in absent}
        mapping["storage"] = {key: value for key, value in mapping["storage"].items() if key != "formats"}
        for where in (split["where"] for split in mapping["splits"] if split["where"] is not None):
            for key in _LATER_CONDITIONS:
                if where[key] is None:
                    del where[key]
        return mapping

    def fingerprint(self) -> str:
        """Returns a hexadecimal SHA-256 of all that the equations of a dataset and their order depend on."""
        text = json.dumps({"format_version": _EQUATIONS_VERSION, **self.dataset_dict()}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
