"""Pairs of operands whose answer lies in a range, counted and listed: for one operand, an interval of the other one.

The pairs may be more than those that are meant, never fewer: whoever takes them looks at each answer.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from eqstream.data.recipe_values import Range, exact
from eqstream.data.space.domains import Box
from eqstream.data.space_recipe import SpaceRecipe

# Products and sums of two such numbers are int64.
_MOST_NATIVE = 1 << 61
# Factors and divisors that are looked at; sums and differences need no look.
_MOST_LOOKED_AT = 1 << 20

_Interval = tuple[int, int]


@dataclass(frozen=True)
class _Limits:
    """The least and the largest answer, in steps of the answers' grid; None where there is none."""

    low: Fraction | None
    high: Fraction | None

    def cut(self, low: int, high: int) -> _Interval:
        """Returns the whole numbers from `low` to `high` that lie within, as an interval that may be empty."""
        low = low if self.low is None else max(low, math.ceil(self.low))
        return low, high if self.high is None else min(high, math.floor(self.high))

    @property
    def least_magnitude(self) -> Fraction:
        """What no answer is nearer to 0 than."""
        return max(self.low or Fraction(0), -(self.high or Fraction(0)), Fraction(0))


@dataclass(frozen=True, eq=False)
class _Rows:
    """Pairs by one operand: the other one is `lows`, `lows + steps`, …, so many as `counts` says.

    Attributes:
        values: of the operand, int64 (n,).
        lows: int64 (n,).
        counts: int64 (n,).
        steps: int64 (n,).
        is_swapped: whether the operand is the second one.
    """

    values: np.ndarray
    lows: np.ndarray
    counts: np.ndarray
    steps: np.ndarray
    is_swapped: bool

    @property
    def size(self) -> int:
        """Number of pairs."""
        # The sum may be beyond 64 bits; then no digit matters but the first.
        estimate = float(self.counts.sum(dtype=np.float64))
        return int(estimate) if estimate > _MOST_NATIVE else int(self.counts.sum())

    def list_operands(self, step: int) -> np.ndarray:
        """Returns the operands of all pairs, or of the first one of each `step`, int64 (2, n)."""
        ends, numbers = np.cumsum(self.counts), np.arange(0, self.size, step)
        if step == 1:
            rows = np.repeat(np.arange(len(self.values)), self.counts)
        else:
            rows = np.searchsorted(ends, numbers, side="right")
        turns = numbers - (ends - self.counts)[rows]
        pair = self.values[rows], self.lows[rows] + turns * self.steps[rows]
        return np.stack(pair[::-1] if self.is_swapped else pair)


class AnswerPairs:
    """Pairs of operands, not yet listed.

    Args:
        rows: the pairs.

    Attributes:
        size: how many there are.
    """

    def __init__(self, rows: Sequence[_Rows]) -> None:
        self._rows = rows
        self.size = sum(each.size for each in rows)

    def list(self, step: int = 1) -> np.ndarray:
        """Returns all pairs, or about one of so many, evenly spread, int64 (2, n)."""
        found = [each.list_operands(step) for each in self._rows]
        return np.concatenate([np.zeros((2, 0), dtype=np.int64), *found], axis=1)


def find_answer_pairs(bounds: Range, operator: str, box: Box, *, space: SpaceRecipe, most: int) -> AnswerPairs | None:
    """Returns distinct pairs of operands, among them all whose answer lies in a range.

    Args:
        bounds: the range.
        operator: between the operands.
        box: the operands, in grid steps.
        space: says how operands and quotients are rounded.
        most: how many pairs there may be.

    Returns:
        The pairs; None where there are more, or where to find them would take long.
    """
    limits = _scale(bounds, operator, space)
    found: list[_Rows] = []
    for first, second in itertools.product(*(domain.intervals for domain in box)):
        for rows in _find_rows(limits, operator, first=first, second=second, space=space, most=most):
            most -= most + 1 if rows is None else rows.size
            if rows is None or most < 0:
                return None
            found.append(rows)
    return AnswerPairs(found)


def _scale(bounds: Range, operator: str, space: SpaceRecipe) -> _Limits:
    """Returns the limits of answers before they are rounded; quotients are in steps of 1."""
    low, high = (None if end is None else Fraction(exact(end)) for end in (bounds.min, bounds.max))
    if operator != "/":
        scale = (100 if operator == "*" else 10) ** space.operands.decimals
        return _Limits(None if low is None else low * scale, None if high is None else high * scale)
    if space.division == "quotient":
        return _Limits(low, None if high is None else Fraction(math.floor(high) + 1))
    margin = Fraction(1, 10**space.places) if space.division == "decimal" else 0
    return _Limits(None if low is None else low - margin, None if high is None else high + margin)


def _find_rows(
    limits: _Limits, operator: str, *, first: _Interval, second: _Interval, space: SpaceRecipe, most: int
) -> Iterator[_Rows | None]:
    """Yields the pairs of two intervals, None where they are not known; see `find_answer_pairs`."""
    if operator in "+-":
        # A difference adds the negative of its second operand.
        added = second if operator == "+" else (-second[1], -second[0])
        yield _find_sums(limits, first, added, is_negative=operator == "-", most=most)
    elif operator == "*":
        yield from _find_products(limits, first, second)
    elif space.division == "exact" and not space.operands.decimals:
        yield _find_multiples(limits, first, second)
    else:
        yield _find_dividends(limits, first, second)


def _find_sums(limits: _Limits, first: _Interval, added: _Interval, *, is_negative: bool, most: int) -> _Rows | None:
    """Returns the pairs whose sum is within limits, the second one negative where it is to be."""
    low, high = limits.cut(first[0] + added[0], first[1] + added[1])
    # Each of these has a partner.
    values = max(first[0], low - added[1]), min(first[1], high - added[0])
    if low > high:
        return _make_rows(np.zeros(0, dtype=np.int64), low=0, high=0)
    if _length(values) > most or max(map(abs, (low, high, *values, *added))) > _MOST_NATIVE:
        return None
    listed = np.arange(values[0], values[1] + 1)
    low, high = np.maximum(added[0], low - listed), np.minimum(added[1], high - listed)
    return _make_rows(listed, low=-high if is_negative else low, high=-low if is_negative else high)


def _find_products(limits: _Limits, first: _Interval, second: _Interval) -> Iterator[_Rows | None]:
    ends = [one * other for one, other in itertools.product(first, second)]
    low, high = limits.cut(min(ends), max(ends))
    largest = max(abs(low), abs(high))
    if low > high:
        return
    # One of two factors is no larger than this.
    root = math.isqrt(largest)
    parts = [((max(first[0], -root), min(first[1], root)), second, False)]
    small = max(second[0], -root), min(second[1], root)
    parts += [(small, (first[0], min(first[1], -root - 1)), True), (small, (max(first[0], root + 1), first[1]), True)]
    for values, others, is_swapped in parts:
        if _length(values) > _MOST_LOOKED_AT or max(map(abs, (largest, *others))) > _MOST_NATIVE:
            yield None
        elif _length(values) and _length(others):
            listed = np.arange(values[0], values[1] + 1)
            lows, highs = _divide((low, high), listed, others)
            yield _make_rows(listed, low=lows, high=highs, is_swapped=is_swapped)


def _divide(products: _Interval, factors: np.ndarray, others: _Interval) -> tuple[np.ndarray, np.ndarray]:
    """Returns the least and the largest of the others (n,) that make such products with each factor (n,)."""
    low, high = products
    divisors = np.where(factors == 0, 1, factors)
    ends = np.where(divisors > 0, low, high), np.where(divisors > 0, high, low)
    lows, highs = np.maximum(-(-ends[0] // divisors), others[0]), np.minimum(ends[1] // divisors, others[1])
    has_all = low <= 0 <= high
    lows = np.where(factors == 0, others[0], lows)
    return lows, np.where(factors == 0, others[1] if has_all else others[0] - 1, highs)


def _find_multiples(limits: _Limits, first: _Interval, second: _Interval) -> _Rows | None:
    """Returns the pairs of which the first is a multiple of the second one."""
    largest = max(map(abs, first))
    if first[0] > 0 or first[1] < 0:
        # No number but 0 is a multiple of larger ones.
        second = max(second[0], -largest), min(second[1], largest)
    divisors = _list_divisors(limits, first, second)
    if divisors is None:
        return None
    low, high = limits.cut(-largest, largest)
    if low > high:
        return _make_rows(np.zeros(0, dtype=np.int64), low=0, high=0)
    if max(largest, abs(low), abs(high)) > _MOST_NATIVE:
        return None
    lows, highs = _divide(first, divisors, (low, high))
    counts = np.maximum(highs - lows + 1, 0)
    return _Rows(divisors, np.where(counts > 0, lows, 0) * divisors, counts, divisors, is_swapped=True)


def _find_dividends(limits: _Limits, first: _Interval, second: _Interval) -> _Rows | None:
    """Returns the pairs whose exact quotient lies within limits."""
    divisors = _list_divisors(limits, first, second)
    numbers = [each for limit in (limits.low, limits.high) if limit is not None for each in limit.as_integer_ratio()]
    if divisors is None or max(map(abs, [1, *numbers])) * max(map(abs, second)) > _MOST_NATIVE:
        return None
    lows, highs = np.full_like(divisors, first[0]), np.full_like(divisors, first[1])
    # Times a divisor below 0 the lower limit is the upper end.
    for limit, is_lower in (limits.low, True), (limits.high, False):
        if limit is not None:
            numerators = limit.numerator * divisors
            is_low = (divisors > 0) == is_lower
            lows = np.where(is_low, np.maximum(lows, -(-numerators // limit.denominator)), lows)
            highs = np.where(is_low, highs, np.minimum(highs, numerators // limit.denominator))
    return _make_rows(divisors, low=lows, high=highs, is_swapped=True)


def _list_divisors(limits: _Limits, first: _Interval, second: _Interval) -> np.ndarray | None:
    """Returns the divisors, without 0, that may have an answer within limits; None where there are too many."""
    low, high = second
    if limits.least_magnitude:
        most = math.floor(max(map(abs, first)) / limits.least_magnitude)
        low, high = max(low, -most), min(high, most)
    if _length((low, high)) > _MOST_LOOKED_AT or max(map(abs, first)) > _MOST_NATIVE:
        return None
    divisors = np.arange(low, high + 1)
    return divisors[divisors != 0]


def _make_rows(values: np.ndarray, *, low: np.ndarray | int, high: np.ndarray | int, is_swapped: bool = False) -> _Rows:
    low = np.broadcast_to(low, values.shape)
    return _Rows(values, low, np.maximum(high - low + 1, 0), np.ones_like(values), is_swapped)


def _length(interval: _Interval) -> int:
    return max(interval[1] - interval[0] + 1, 0)
