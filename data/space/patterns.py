"""Patterns of operands that no box holds alone: equal operands, and so many carries, places of a chain or zero borrows.

Two operands are told apart by sign and size, so that each part is a set of pairs of magnitudes, which
`eqstream.data.space.digit_machine` counts and numbers. Equal operands of more terms are numbered by their value.
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np

from eqstream.data.permutation import index_dtype
from eqstream.data.recipe_values import Range, exact
from eqstream.data.space.digit_machine import Machine, PairSet, make_machine, make_pair_set
from eqstream.data.space.domains import Box, Domain

# Of intervals of two operands: more would take minutes to prepare.
_MOST_PARTS = 1 << 8
PatternKey = Literal["longest_carry_chain", "zero_borrows", "carries"]


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """Which operands of a box are meant: those with so many of something, and equal ones, or others.

    Attributes:
        key: of what; None if that does not matter.
        low: how many at least.
        high: how many at most; None for any number.
        is_equal: whether all operands are equal; None if that does not matter.
    """

    key: PatternKey | None = None
    low: int = 0
    high: int | None = None
    is_equal: bool | None = None

    @classmethod
    def of_range(cls, key: PatternKey, bounds: Range) -> "Pattern":
        """Returns the pattern of whole numbers in a range."""
        low = 0 if bounds.min is None else max(math.ceil(exact(bounds.min)), 0)
        # No number is below 0, and none is -1.
        high = None if bounds.max is None else max(math.floor(exact(bounds.max)), -1)
        return cls(key=key, low=low, high=high)

    @property
    def takes_none(self) -> bool:
        """Whether operands with nothing of it are meant, as all of products and quotients are."""
        return self.low == 0 and (self.high is None or self.high >= 0)

    def combine(self, other: "Pattern") -> "Pattern | None":
        """Returns what both mean; None if there is nothing. Of two keys it is that of the other one."""
        if self.is_equal is not None and other.is_equal is not None and self.is_equal != other.is_equal:
            return None
        is_equal = self.is_equal if other.is_equal is None else other.is_equal
        if self.key is None or (other.key is not None and other.key != self.key):
            return dataclasses.replace(other, is_equal=is_equal)
        highs = [high for high in (self.high, other.high) if high is not None]
        low, high = max(self.low, other.low), min(highs, default=None)
        if high is not None and low > high:
            return None
        return dataclasses.replace(self, low=low, high=high, is_equal=is_equal)


class OperandSet(Protocol):
    """Some operands of a box."""

    @property
    def size(self) -> int:
        """How many combinations there are."""
        ...

    def unrank(self, places: np.ndarray) -> np.ndarray:
        """Returns the operands, of shape (num_terms, n), of the combinations with these numbers (n,)."""
        ...


def find_operands(pattern: Pattern, operator: str, box: Box) -> OperandSet:
    """Returns the operands of a box that a pattern means.

    Args:
        pattern: the pattern; not one of everything. Of other than two operands it means equal ones.
        operator: between two operands; ``+`` or ``-`` if the pattern has a key.
        box: the operands; if the pattern has a key, see `is_small`.
    """
    if pattern.key is None:
        return _EqualOperands(box) if pattern.is_equal else _OtherOperands(box)
    return _PairsOfBox(tuple(_list_parts(pattern, operator, box)))


def is_small(box: Box) -> bool:
    """Returns whether two operands have few enough intervals for a pattern."""
    return math.prod(len(domain.intervals) for domain in box) <= _MOST_PARTS


class _EqualOperands:
    def __init__(self, box: Box) -> None:
        self._num_terms, self._values = len(box), functools.reduce(Domain.intersect, box)
        self.size = self._values.size

    def unrank(self, places: np.ndarray) -> np.ndarray:
        """See `OperandSet`."""
        return np.broadcast_to(self._values.unrank(places), (self._num_terms, len(places)))


class _OtherOperands:
    """Two operands that are not equal: the first ones that the second can be come before all others."""

    def __init__(self, box: Box) -> None:
        self._shared, self._alone, self._second = box[0].intersect(box[1]), box[0].without(box[1]), box[1]
        self._num_shared = self._shared.size * max(self._second.size - 1, 0)
        self.size = self._num_shared + self._alone.size * self._second.size

    def unrank(self, places: np.ndarray) -> np.ndarray:
        """See `OperandSet`."""
        is_shared = (places < self._num_shared).astype(bool)
        bound = max(self._shared.bound, self._alone.bound, self._second.bound)
        operands = np.empty((2, len(places)), dtype=index_dtype(bound))
        if is_shared.any():
            firsts = places[is_shared] // (self._second.size - 1)
            seconds = places[is_shared] - firsts * (self._second.size - 1)
            operands[0, is_shared] = first = self._shared.unrank(firsts)
            # The second operand's own place of that value is passed over.
            operands[1, is_shared] = self._second.unrank(seconds + (seconds >= self._second.rank(first)))
        if not is_shared.all():
            rest = places[~is_shared] - self._num_shared
            firsts = rest // self._second.size
            operands[0, ~is_shared] = self._alone.unrank(firsts)
            operands[1, ~is_shared] = self._second.unrank(rest - firsts * self._second.size)
        return operands


class _Part(NamedTuple):
    """Pairs of magnitudes; their signs, and whether the second operand is the upper one of a pair."""

    pairs: PairSet
    signs: tuple[int, int]
    is_swapped: bool


@dataclass(frozen=True, eq=False)
class _PairsOfBox:
    parts: tuple[_Part, ...]

    @functools.cached_property
    def _starts(self) -> Sequence[int]:
        return [*itertools.accumulate((part.pairs.size for part in self.parts), initial=0)]

    @property
    def size(self) -> int:
        """See `OperandSet`."""
        return self._starts[-1]

    def unrank(self, places: np.ndarray) -> np.ndarray:
        """See `OperandSet`."""
        bound = max(max(part.pairs.upper[1], part.pairs.lower[1]) for part in self.parts)
        operands = np.empty((2, len(places)), dtype=index_dtype(bound))
        starts = np.array(self._starts, dtype=index_dtype(self.size))
        numbers = np.searchsorted(starts, places.astype(starts.dtype, copy=False), side="right") - 1
        for number, part in enumerate(self.parts):
            rows = np.flatnonzero(numbers == number)
            if not len(rows):
                continue
            pair = part.pairs.unrank(places[rows] - self._starts[number])
            for operand, sign, values in zip(operands, part.signs, pair[:: -1 if part.is_swapped else 1], strict=True):
                operand[rows] = sign * values
        return operands


def _list_parts(pattern: Pattern, operator: str, box: Box) -> Iterator[_Part]:
    for (one, first), (other, second) in itertools.product(*(_list_magnitudes(domain) for domain in box)):
        is_equal = pattern.is_equal
        if one != other:
            if is_equal:
                continue
            # They differ in sign.
            is_equal = None
        is_sum = (operator == "+" and one == other) or (operator == "-" and one != other)
        # There are no more carries than places, and so many states of a machine are enough to tell.
        most = len(str(max(first[1], second[1]))) + 1
        low, high = min(pattern.low, most), None if pattern.high is None else min(pattern.high, most)
        find = functools.partial(make_carry_machine, pattern.key, low, high, is_sum=is_sum)
        yield _Part(make_pair_set(find(is_equal=is_equal), first, second), (one, other), False)
        if not is_sum and not is_equal:
            yield _Part(make_pair_set(find(is_equal=False), second, first), (one, other), True)


def _list_magnitudes(domain: Domain) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yields a sign with the least and the largest magnitude, for all values of a domain; 0 has no minus."""
    for low, high in domain.intervals:
        if low < 0:
            yield -1, (max(-high, 1), -low)
        if high >= 0:
            yield 1, (max(low, 0), high)


@functools.cache
def make_carry_machine(key: PatternKey, low: int, high: int | None, *, is_sum: bool, is_equal: bool | None) -> Machine:
    """Returns the machine that wants magnitudes with `low` to `high` of what `key` names.

    A difference is that of an upper number less a lower one which is no larger.

    Args:
        key: see `Pattern`.
        low: see `Pattern`.
        high: see `Pattern`.
        is_sum: whether the numbers are added; else the lower is taken from the upper one.
        is_equal: whether they are equal; None if that does not matter.
    """
    cap = max(low, 1) if high is None else max(high, 0)
    # How far the chain runs, or whether a place carries or borrows; the most so far; whether digits differed.
    spans = (2 if key == "carries" else cap + 2, cap + 1, 2)

    def encode(run: int, most: int, differs: int) -> int:
        return (run * spans[1] + most) * 2 + differs

    @functools.cache
    def follow(state: int, excess: int, is_zero: bool, is_other: bool) -> int | None:
        run, most, differs = state // (2 * spans[1]), state // 2 % spans[1], state % 2
        count = most + (key == "zero_borrows" and not is_sum and is_zero and run > 0)
        run = 1 if excess > 0 else run + (key == "longest_carry_chain") if excess == 0 and run else 0
        if key == "longest_carry_chain":
            count = max(most, run)
        if key == "carries":
            count = most + run
        if (is_equal and is_other) or (high is not None and count > high):
            return None
        return encode(min(run, spans[0] - 1), min(count, cap), int(differs or is_other))

    def move(state: int, upper: int, lower: int) -> int | None:
        excess = upper + lower - 9 if is_sum else lower - upper
        return follow(state, min(max(excess, -1), 1), upper == 0, upper != lower)

    def is_end(state: int) -> bool:
        run, most, differs = state // (2 * spans[1]), state // 2 % spans[1], state % 2
        return most >= low and (is_sum or run == 0) and (is_equal is not False or differs == 1)

    return make_machine(math.prod(spans), move, is_end)
