"""Values that several sections of a recipe have: operators, exact numbers, ranges."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, TypeAlias

from eqstream.data.configuration import is_number
from eqstream.data.errors import UserError

OPERATORS = "+-*/"
# A number in a condition; a text holds one that a float would round.
ExactNumber: TypeAlias = int | float | str


def exact(number: ExactNumber) -> Fraction:
    """Returns the number as it was written: 0.1 is one tenth, not the nearest binary fraction."""
    return Fraction(str(number))


@dataclass(frozen=True, kw_only=True)
class Range:
    """A range of numbers, both ends included; an end that is None is open. ``3`` is short for 3..3."""

    form: ClassVar[str] = "a number or a range such as {min: 2, max: 3}"

    min: ExactNumber | None = None
    max: ExactNumber | None = None

    @classmethod
    def expand(cls, value: Any) -> Any:
        """Returns the mapping that a single number is short for."""
        return {"min": value, "max": value} if is_number(value) else value

    def __post_init__(self) -> None:
        if self.min is not None and self.max is not None and exact(self.min) > exact(self.max):
            raise UserError(f"`min` must not be above `max`, got {self.min} and {self.max}")

    def overlaps(self, other: "Range") -> bool:
        """Returns whether some number lies in both ranges."""
        lows = [exact(end) for end in (self.min, other.min) if end is not None]
        highs = [exact(end) for end in (self.max, other.max) if end is not None]
        return not lows or not highs or max(lows) <= min(highs)

    def contains(self, value: Fraction | int) -> bool:
        """Returns whether `value` lies in the range."""
        return (self.min is None or value >= exact(self.min)) and (self.max is None or value <= exact(self.max))
