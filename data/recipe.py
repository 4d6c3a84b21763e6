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

import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from eqstream.data.configuration import (
    describe_type,
    from_mapping,
    is_number,
    to_mapping,
)
from eqstream.data.errors import UserError
from eqstream.data.recipe_values import OPERATORS, ExactNumber, Range
from eqstream.data.sampling import Balance

MODEL_SECTIONS = ("codec", "model", "training")
# Raised by any change of enumeration order, permutation, record layout or hash. Version 2 differs from 1 in how shards
# are cut and checked: the equations and their order are the same, and so are the bytes of TFRecord.
FORMAT_VERSION = 2
# Of datasets whose examples are steps; all others stay readable where version 2 is known. A change of the rules of
# worked solutions raises it, too. Both count on from the higher one: the next version of either is 4.
STEPS_FORMAT_VERSION = 3
# Raised only where the equations of a recipe or their order change.
_EQUATIONS_VERSION = 1
MAX_TERMS = 32
MAX_DECIMALS = 12
# Of an answer and of every value on the way to it. Python refuses to write numbers of more than 4,300 digits.
MAX_ANSWER_DIGITS = 4_000
# Keys of `where` that came later: a recipe without them has the fingerprint that it had before.
_LATER_CONDITIONS = ("longest_carry_chain", "zero_borrows", "equal_operands", "repeated_digits", "quotient_digits")
# A shard's file name, with its number and suffixes, must stay below the 255 bytes of most file systems.
MAX_SPLIT_NAME_LENGTH = 100
# Tables of writers grow with its square.
MAX_LINE_LENGTH = 256


@dataclass(frozen=True, kw_only=True)
class Operands:
    """Operands: the numbers from `min` to `max`, both included, in steps of 10 ** -`decimals`."""

    form: ClassVar[str] = "a range such as {min: 0, max: 999}"

    min: int
    max: int
    decimals: int = 0

    @classmethod
    def expand(cls, value: Any) -> Any:
        """Returns the value, which has no shorthand; refuses bounds between whole numbers, and says what to write."""
        for name, rounded in (("min", math.floor), ("max", math.ceil)):
            bound = value.get(name) if isinstance(value, Mapping) else None
            if isinstance(bound, float) and math.isfinite(bound) and not bound.is_integer():
                raise UserError(
                    f"`space.operands.{name}` must be a whole number, got {bound}; write {rounded(bound)}, and give "
                    f"each split `where: {{operands: {{{name}: {bound}}}}}`"
                )
        return value

    def __post_init__(self) -> None:
        if self.min > self.max:
            raise UserError(f"the range is empty: `min` {self.min} is above `max` {self.max}")
        if not 0 <= self.decimals <= MAX_DECIMALS:
            raise UserError(f"`decimals` must be from 0 to {MAX_DECIMALS}, got {self.decimals}")


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Number of operands of an equation, both ends included; ``2`` is short for 2..2."""

    form: ClassVar[str] = "a number or a range such as {min: 2, max: 3}"

    min: int = 2
    max: int = 2

    @classmethod
    def expand(cls, value: Any) -> Any:
        """Returns the mapping that a single number is short for."""
        return {"min": value, "max": value} if isinstance(value, int) and not isinstance(value, bool) else value

    def __post_init__(self) -> None:
        if not 1 <= self.min <= self.max <= MAX_TERMS:
            raise UserError(f"terms must satisfy 1 <= `min` <= `max` <= {MAX_TERMS}, got {self.min} and {self.max}")


@dataclass(frozen=True, kw_only=True)
class SpaceRecipe:
    """Which equations there are.

    `division` says what ``/`` means: `exact`: only equations in which each quotient lies on the operands' grid;
    `quotient`: the floor; `decimal`: exact inside, the answer rounded half to even to `places` decimals;
    `fraction`: the answer in lowest terms.
    """

    operands: Operands
    operators: str = "+"
    terms: Terms = Terms()
    brackets: bool = False
    division: Literal["exact", "quotient", "decimal", "fraction"] = "exact"
    places: int = 2
    answer: Range = Range()  # noqa: RUF009  (nobody can change it)
    spacing: bool = True

    @classmethod
    def expand(cls, value: Any) -> Any:
        """Returns the mapping with a list of operators as one text."""
        return _join_operators(value)

    def __post_init__(self) -> None:
        object.__setattr__(self, "operators", check_operators(self.operators))
        if not 0 <= self.places <= MAX_DECIMALS:
            raise UserError(f"`places` must be from 0 to {MAX_DECIMALS}, got {self.places}")
        # A product, and each side of a fraction, can have the digits of all operands together.
        num_factors = self.terms.max if set(self.operators) & {"*", "/"} else 1
        num_digits = len(str(max(abs(self.operands.min), abs(self.operands.max)))) + self.operands.decimals
        if num_factors * num_digits > MAX_ANSWER_DIGITS:
            raise UserError(
                f"{num_factors} operands of {num_digits} digits can give a number of {num_factors * num_digits:,} "
                f"digits, at most {MAX_ANSWER_DIGITS:,} are supported; use shorter `operands` or fewer `terms`"
            )


@dataclass(frozen=True, kw_only=True)
class Where:
    """A condition on equations; every key that is given must hold.

    `digits` counts the digits before the decimal point of the longest operand; `operands` holds for all operands;
    `contains` asks for at least one of the values, `excludes` forbids them all; `carries` counts the carries and
    borrows of written addition and subtraction; `operators` allows no others; `brackets` is about the text: see
    `SplitRecipe` for where it cannot be used.

    `longest_carry_chain`, `zero_borrows` and `quotient_digits` are about hard cases of written arithmetic: see
    `eqstream.data.space.written_digits`. `equal_operands` says whether all of two or more operands are equal,
    `repeated_digits` counts the operands of two or more digits that are all the same; zeros at either end that are not
    written do not count. Of `quotient_digits` at least one occurs in a quotient.
    """

    terms: Range | None = None
    digits: Range | None = None
    operands: Range | None = None
    contains: tuple[ExactNumber, ...] | None = None
    excludes: tuple[ExactNumber, ...] | None = None
    carries: Range | None = None
    longest_carry_chain: Range | None = None
    zero_borrows: Range | None = None
    equal_operands: bool | None = None
    repeated_digits: Range | None = None
    quotient_digits: tuple[int, ...] | None = None
    operators: str | None = None
    brackets: bool | None = None
    answer: Range | None = None

    @classmethod
    def expand(cls, value: Any) -> Any:
        """Returns the mapping with lists for single values, and operators as one text."""
        if not isinstance(value, dict):
            return value
        value = dict(_join_operators(value))
        for key in ("contains", "excludes", "quotient_digits"):
            if is_number(value.get(key)):
                value[key] = [value[key]]
        return value

    def __post_init__(self) -> None:
        if self.operators is not None:
            object.__setattr__(self, "operators", check_operators(self.operators))
        digits = self.quotient_digits
        if digits is not None and not (digits and all(0 <= digit <= 9 for digit in digits)):
            raise UserError(f"`quotient_digits` must be digits from 0 to 9, at least one, got {list(digits)}")
        if all(getattr(self, field.name) is None for field in dataclasses.fields(self)):
            raise UserError("a `where` must name at least one condition")

    @property
    def asks_written_digits(self) -> bool:
        """Whether the digits of the numbers in each operation decide."""
        asked = (self.longest_carry_chain, self.zero_borrows, self.quotient_digits)
        return any(each is not None for each in asked)

    def check_space(self, space: SpaceRecipe) -> None:
        """Refuses a condition on quotients whose digits do not stand in the equations of a space.

        Raises:
            UserError: says what is wrong.
        """
        is_whole = "/" in space.operators and space.division in ("exact", "quotient") and not space.operands.decimals
        if self.quotient_digits is not None and not is_whole:
            raise UserError(
                "`where.quotient_digits` needs whole operands, the operator `/`, and `space.division` as `exact` or "
                "`quotient`"
            )


@dataclass(frozen=True, kw_only=True)
class SplitRecipe:
    """One split: its name, its size (`count`, `fraction` of what it may take from, or the `rest`) and its source.

    `where` and `hash` narrow the source; a split with neither takes from what no other split's `where` or `hash`
    selects. `hash` is a half-open range of buckets within [0, 1).

    Commuted twins may differ in brackets, as ``1 + 2 + 3`` and ``3 + (1 + 2)`` do, so `where.brackets` is refused
    with `commuted: together`. With `drop` it is about the one member that is written, which of a class with both kinds
    may be either.
    """

    name: str
    count: int | None = None
    fraction: float | None = None
    rest: bool = False
    where: Where | None = None
    hash: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name):
            # Readers take the name from a file name and accept word characters alone.
            raise UserError(f"a split's `name` must be lower-case letters, digits and `_`, got {self.name!r}")
        if len(self.name) > MAX_SPLIT_NAME_LENGTH:
            raise UserError(
                f"a split's `name` must have at most {MAX_SPLIT_NAME_LENGTH} characters, as it is part of the names "
                f"of files, got {len(self.name)}"
            )
        if self.name == "all":
            raise UserError("a split's `name` must not be `all`: to readers that means every split")
        if self.hash is not None and self.count is None and self.fraction is None:
            object.__setattr__(self, "rest", True)
        sizes = [self.count is not None, self.fraction is not None, self.rest]
        if sum(sizes) != 1:
            raise UserError(f"split `{self.name}` must have one of `count`, `fraction` and `rest: true`")
        if self.count is not None and self.count < 1:
            raise UserError(f"split `{self.name}`: `count` must be at least 1, got {self.count}")
        if self.fraction is not None and not 0 < self.fraction <= 1:
            raise UserError(f"split `{self.name}`: `fraction` must be above 0 and at most 1, got {self.fraction}")
        if self.hash is not None and not (len(self.hash) == 2 and 0 <= self.hash[0] < self.hash[1] <= 1):
            raise UserError(f"split `{self.name}`: `hash` must be [low, high) within 0 and 1, got {list(self.hash)}")


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


def _join_operators(value: Any) -> Any:
    """Returns a mapping with a list of `operators` as one text, and anything else unchanged."""
    if not isinstance(value, dict) or not isinstance(value.get("operators"), (list, tuple)):
        return value
    if not all(isinstance(operator, str) for operator in value["operators"]):
        raise UserError('`operators` must be texts, got a list of something else; put quotes around each: "+-"')
    return {**value, "operators": "".join(value["operators"])}


def check_operators(operators: str) -> str:
    """Returns the operators in the order ``+-*/``.

    Raises:
        UserError: there is none, one is unknown or stands twice.
    """
    unknown = [operator for operator in operators if operator not in OPERATORS]
    if unknown or not operators or len(set(operators)) < len(operators):
        raise UserError(f"`operators` must be some of `{OPERATORS}`, each once, got {operators!r}")
    return "".join(operator for operator in OPERATORS if operator in operators)
