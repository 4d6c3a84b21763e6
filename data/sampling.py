"""How a recipe may ask for equations to be sampled: `sampling: {balance: …}`.

`eqstream.data.splits.strata` lists the kinds of equations that this makes, and says how many of each a split gets.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from eqstream.data.errors import UserError
from eqstream.data.recipe_values import OPERATORS, ExactNumber, exact

HARD_CASES = ("longest_carry_chain", "zero_borrows", "equal_operands", "repeated_digits")
BALANCED = ("terms", "operators", "tree", "digits", *HARD_CASES)
Key = Literal[
    "terms",
    "operators",
    "tree",
    "digits",
    "longest_carry_chain",
    "zero_borrows",
    "equal_operands",
    "repeated_digits",
]


@dataclass(frozen=True, kw_only=True)
class Balance:
    """Sampling that takes equally many equations of each kind, as far as they reach, one key within the other.

    The keys, always in this order: `terms`; `operators`: which ones, and how often each; `tree`: which shape, up to
    commuting; `digits`: of the longest operand, before the point. ``balance: [terms, digits]`` takes as many equations
    of each number of terms, and among those of one number of terms as many of each number of digits.

    Of two operands, hard cases make kinds, too: `longest_carry_chain` or `zero_borrows`: how long, or how many;
    `equal_operands`: ``equal`` or ``unequal``; and of any number of them `repeated_digits`: how many. See `Where`.

    `weights` gives some kinds more than others, by key and value: with ``{terms: {2: 3}}`` equations of two terms
    are three times as many as those of three. Kinds that are not named weigh 1. Operators are named as often as they
    stand in an equation, in the order ``+-*/``: ``++*``.
    """

    balance: tuple[Key, ...]
    weights: dict[str, dict[str, ExactNumber]] | None = None

    form = "`uniform`, `balanced` or a mapping such as {balance: [terms, operators, digits]}"

    @classmethod
    def expand(cls, value: Any) -> Any:
        """Returns the mapping with texts for the kinds that `weights` names."""
        if not isinstance(value, dict) or not isinstance(value.get("weights"), dict):
            return value
        weights = {
            key: {str(kind): weight for kind, weight in kinds.items()} if isinstance(kinds, dict) else kinds
            for key, kinds in value["weights"].items()
        }
        return {**value, "weights": weights}

    def __post_init__(self) -> None:
        if not self.balance or len(set(self.balance)) < len(self.balance):
            raise UserError(f"`balance` must name some of {', '.join(BALANCED)}, each once, got {list(self.balance)}")
        object.__setattr__(self, "balance", tuple(key for key in BALANCED if key in self.balance))
        if {"longest_carry_chain", "zero_borrows"} <= {*self.balance}:
            raise UserError("`balance` must name one of longest_carry_chain and zero_borrows, got both")
        for key, kinds in (self.weights or {}).items():
            if key not in self.balance or key == "tree":
                raise UserError(f"`weights` must be of keys in `balance` other than `tree`, got `{key}`")
            for kind, weight in kinds.items():
                if not _is_known(key, kind):
                    example = {"operators": "++*", "equal_operands": "equal"}.get(key, "2")
                    raise UserError(f"`weights.{key}` must name kinds such as `{example}`, got `{kind}`")
                if exact(weight) <= 0:
                    raise UserError(f"`weights.{key}.{kind}` must be above 0, got {weight}")

    def __str__(self) -> str:
        return f"balanced by {', '.join(self.balance)}{' (weighted)' if self.weights else ''}"

    def weight(self, key: str, kind: str) -> int:
        """Returns the weight of a kind of equations, in a unit in which all weights of the key are whole numbers."""
        weights = {name: exact(weight) for name, weight in (self.weights or {}).get(key, {}).items()}
        if not weights:
            return 1
        unit = math.lcm(*(weight.denominator for weight in weights.values()))
        return int(weights.get(kind, Fraction(1)) * unit)


def _is_known(key: str, kind: str) -> bool:
    """Returns whether a kind of a key, as a recipe names it, may exist."""
    if key == "operators":
        return kind == "".join(sorted(kind, key=OPERATORS.find))
    return kind in ("equal", "unequal") if key == "equal_operands" else kind.isdecimal()
