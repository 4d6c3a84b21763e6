"""What a recipe says of a split: how large it is, and which equations it takes."""

import dataclasses
import re
from dataclasses import dataclass
from typing import Any

from eqstream.data.configuration import is_number
from eqstream.data.errors import UserError
from eqstream.data.recipe_values import ExactNumber, Range
from eqstream.data.space_recipe import SpaceRecipe, check_operators, join_operators

# A shard's file name, with its number and suffixes, must stay below the 255 bytes of most file systems.
MAX_SPLIT_NAME_LENGTH = 100


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
        value = dict(join_operators(value))
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
