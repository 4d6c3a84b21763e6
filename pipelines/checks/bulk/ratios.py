"""Exact arithmetic on arrays of fractions, as long as they fit in 62 bits; where not, it says so.

Numerators and denominators are int64 below `LIMIT`, in lowest terms, denominators above 0. Each function also returns
where its result is right; elsewhere the result means nothing. No function looks at one value of an array at a time.
"""

import functools
from typing import NamedTuple

import numpy as np

LIMIT = 1 << 62
# Below the limit by more than a float's rounding.
_SAFE = float(LIMIT) * (1 - 2.0**-40)
_DIGITS_AT_ONCE = 4


class Ratios(NamedTuple):
    """Fractions: numerators and denominators, int64 (n,) each."""

    num: np.ndarray
    den: np.ndarray

    def take(self, rows: np.ndarray) -> "Ratios":
        """Returns some of the fractions."""
        return Ratios(self.num[rows], self.den[rows])

    @property
    def are_whole(self) -> bool:
        """Whether every one of them is a whole number."""
        return bool((self.den == 1).all())


def make_ratios(steps: np.ndarray, places: np.ndarray) -> Ratios:
    """Returns the decimals `steps / 10**places` in lowest terms; `places` is at most 18."""
    if not places.any():
        return Ratios(steps, np.ones_like(steps))
    return _reduce(steps, 10 ** places.astype(np.int64))


def negate(values: Ratios) -> Ratios:
    """Returns the opposite numbers."""
    return Ratios(-values.num, values.den)


def add(left: Ratios, right: Ratios) -> tuple[Ratios, np.ndarray]:
    """Returns the sums, and where they are right."""
    if left.are_whole and right.are_whole:
        total = left.num + right.num
        is_right = np.abs(total) < LIMIT
        return _settle(total, left.den, is_right), is_right
    shared = np.gcd(left.den, right.den)
    first, is_first = _multiply(left.num, right.den // shared)
    second, is_second = _multiply(right.num, left.den // shared)
    den, is_den = _multiply(left.den // shared, right.den)
    total = first + second
    is_right = is_first & is_second & is_den & (np.abs(total) < LIMIT)
    return _reduce(*_settle(total, den, is_right)), is_right


def multiply(left: Ratios, right: Ratios) -> tuple[Ratios, np.ndarray]:
    """Returns the products, and where they are right."""
    if left.are_whole and right.are_whole:
        product, is_right = _multiply(left.num, right.num)
        return _settle(product, left.den, is_right), is_right
    # Reduced crosswise before, the product is in lowest terms.
    first, second = _reduce(left.num, right.den), _reduce(right.num, left.den)
    num, is_num = _multiply(first.num, second.num)
    den, is_den = _multiply(first.den, second.den)
    return _settle(num, den, is_num & is_den), is_num & is_den


def divide(left: Ratios, right: Ratios) -> tuple[Ratios, np.ndarray]:
    """Returns the quotients, and where they are right: not where the divisor is zero."""
    is_defined = right.num != 0
    sign = np.where(right.num < 0, -1, 1)
    inverse = Ratios(sign * right.den, np.where(is_defined, np.abs(right.num), 1))
    quotient, is_right = multiply(left, inverse)
    return quotient, is_right & is_defined


def divide_to_floor(left: Ratios, right: Ratios) -> tuple[Ratios, np.ndarray]:
    """Returns the largest whole numbers that are not above the quotients, and where they are right."""
    quotient, is_right = divide(left, right)
    return Ratios(quotient.num // quotient.den, np.ones_like(quotient.num)), is_right


def round_to_places(values: Ratios, places: int) -> tuple[Ratios, np.ndarray]:
    """Returns the values rounded half to even to decimals of so many places, and where they are right."""
    scaled, is_right = _multiply(values.num, np.int64(10**places))
    floor, rest = np.divmod(scaled, values.den)
    above_half = rest > values.den - rest
    is_half = rest == values.den - rest
    steps = floor + (above_half | (is_half & (floor % 2 == 1)))
    return _reduce(steps, np.full_like(steps, 10**places)), is_right


def count_carries(left: Ratios, right: Ratios) -> tuple[np.ndarray, np.ndarray]:
    """Returns the carries and borrows of the written addition of decimals, int64 (n,), and where they are right.

    By Kummer's theorem the carries of an addition are what its digit sums lose, divided by nine. A subtraction borrows
    where the addition that undoes it carries.
    """
    if left.are_whole and right.are_whole:
        first, second, is_right = np.abs(left.num), np.abs(right.num), np.ones(len(left.num), bool)
    else:
        first, second, is_right = align(left, right)
    has_same_sign = (left.num < 0) == (right.num < 0)
    larger, smaller = np.maximum(first, second), np.minimum(first, second)
    # The two numbers that are added, one way or the other.
    summand = np.where(has_same_sign, larger, larger - smaller)
    lost = _digit_sums(summand) + _digit_sums(smaller) - _digit_sums(summand + smaller)
    return lost // 9, is_right


def align(left: Ratios, right: Ratios) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns both magnitudes as numbers of one unit, a power of ten, and where there is such a unit."""
    unit = np.ones_like(left.den)
    for _ in range(18):
        is_too_coarse = (unit % left.den != 0) | (unit % right.den != 0)
        if not is_too_coarse.any():
            break
        unit = np.where(is_too_coarse, unit * 10, unit)
    is_right = (unit % left.den == 0) & (unit % right.den == 0)
    first, is_first = _multiply(np.abs(left.num), unit // left.den)
    second, is_second = _multiply(np.abs(right.num), unit // right.den)
    is_right &= is_first & is_second
    return np.where(is_right, first, 0), np.where(is_right, second, 0), is_right


def _digit_sums(numbers: np.ndarray) -> np.ndarray:
    table = _small_digit_sums()
    rest, few = np.divmod(numbers, len(table))
    sums = table[few]
    while rest.any():
        rest, few = np.divmod(rest, len(table))
        sums = sums + table[few]
    return sums


@functools.cache
def _small_digit_sums() -> np.ndarray:
    """Returns the sum of the digits of every number of few digits, int64 (10**_DIGITS_AT_ONCE,)."""
    return sum(np.arange(10**_DIGITS_AT_ONCE) // 10**place % 10 for place in range(_DIGITS_AT_ONCE))  # pyright: ignore


def _settle(num: np.ndarray, den: np.ndarray, is_right: np.ndarray) -> Ratios:
    """Returns the fractions, 0 for those that are not right, so that nothing divides by what overflowed."""
    if is_right.all():
        return Ratios(num, den)
    return Ratios(np.where(is_right, num, 0), np.where(is_right, den, 1))


def _multiply(left: np.ndarray, right: np.ndarray | np.int64) -> tuple[np.ndarray, np.ndarray]:
    is_right = np.abs(left.astype(np.float64) * right) < _SAFE
    return left * right, is_right


def _reduce(num: np.ndarray, den: np.ndarray) -> Ratios:
    shared = np.gcd(num, den)
    return Ratios(num // shared, den // shared)
