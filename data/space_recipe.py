"""What a recipe says of its equations: the section `space`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from eqstream.data.errors import UserError
from eqstream.data.recipe_values import OPERATORS, Range

MAX_TERMS = 32
MAX_DECIMALS = 12
# Of an answer and of every value on the way to it. Python refuses to write numbers of more than 4,300 digits.
MAX_ANSWER_DIGITS = 4_000


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

    @property
    def factors_fractions(self) -> bool:
        """Whether worked solutions split both sides of a fraction into prime factors.

        Then lines have more terms than any question, and a fraction that a step leaves by itself is the answer.
        """
        return self.division == "fraction" and "/" in self.operators and self.terms.max <= 2

    @classmethod
    def expand(cls, value: Any) -> Any:
        """Returns the mapping with a list of operators as one text."""
        return join_operators(value)

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


def join_operators(value: Any) -> Any:
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
