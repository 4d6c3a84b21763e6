"""What a step makes of operations between two numbers, for many at once; docs/solutions.md has the rules.

With `x` and `y` for the sides an operation `op` becomes one of these, in postfix order:

| form | tokens |
| --- | --- |
| `VALUE` | `v` |
| `SIDES`: two other sides | `x y op` |
| `PRODUCT`: a digit of the right side is split off | `v x y * +` |
| `QUOTIENT`: a digit of the quotient is split off | `v x y v * - y / +` |
| `CANCELLED`: both sides are divided by a common factor | `x v / y v / /` |
"""

from typing import NamedTuple

import numpy as np

from eqstream.data.solutions.common_factors import smallest_factors
from eqstream.data.solutions.decimal_numbers import (
    POWERS,
    Decimals,
    add,
    choose,
    leading_digits,
    leading_places,
    multiply,
)
from eqstream.data.space.shapes import MINUS, OVER, TIMES

VALUE, SIDES, PRODUCT, QUOTIENT, CANCELLED = range(5)
# Whole quotients of a dividend nearer to 0 than this take one step, where fractions are brought into lowest terms.
_KNOWN = 100


class Operations(NamedTuple):
    """What n operations become.

    Attributes:
        forms: see the module, uint8 (n,).
        values: the number that an operation becomes, or the digit that is split off, with its place.
        lefts: the left side that the operation then has.
        rights: its right side.
    """

    forms: np.ndarray
    values: Decimals
    lefts: Decimals
    rights: Decimals

    def take(self, rows: np.ndarray) -> "Operations":
        """Returns those at `rows`."""
        forms, *numbers = self
        return Operations(forms.take(rows), *(each.take(rows) for each in numbers))


def rewrite_operations(operators: np.ndarray, lefts: Decimals, rights: Decimals, *, division: str) -> Operations:
    """Returns what operations become.

    Args:
        operators: as numbers, uint8 (n,).
        lefts: the left sides.
        rights: the right sides.
        division: `exact`, where every division has to come out even, `quotient`, the floor, or `fraction`, where all
            numbers are whole and no quotient is in lowest terms.
    """
    values = add(lefts, rights.flip(operators == MINUS))
    result = Operations(np.full(len(operators), VALUE, dtype=np.uint8), values, lefts.copy(), rights.copy())
    for operator in (TIMES, OVER):
        rows = np.flatnonzero(operators == operator)
        if len(rows):
            left, right = lefts.take(rows), rights.take(rows)
            found = _multiply(left, right) if operator == TIMES else _divide(left, right, division)
            if operator == OVER and division == "fraction":
                found = _shorten_fractions(found)
            result.forms[rows] = found.forms
            result.values.put(rows, found.values)
            result.lefts.put(rows, found.lefts)
            result.rights.put(rows, found.rights)
    return result


def _multiply(lefts: Decimals, rights: Decimals) -> Operations:
    digits = rights.lead()
    # A number in its shortest form is its own first digit if its steps are.
    is_value = (leading_digits(lefts.steps) == lefts.steps) | (leading_digits(rights.steps) == rights.steps)
    is_flipped = ~is_value & (rights.steps < 0)
    forms = np.where(is_value, VALUE, np.where(is_flipped, SIDES, PRODUCT))
    values = multiply(lefts, choose(is_value, rights, digits))
    rests = add(rights, digits.negative())
    return Operations(forms, values, lefts.flip(is_flipped), choose(is_flipped, rights.negative(), rests))


def _divide(lefts: Decimals, rights: Decimals, division: str) -> Operations:
    is_scaled = np.zeros(len(lefts.steps), dtype=bool)
    if rights.places is not None:
        is_scaled = rights.places > 0
        lefts, rights = _make_divisors_whole(lefts, rights)
    is_flipped = (rights.steps < 0) & ~is_scaled
    dividends, divisors = np.abs(lefts.steps), np.abs(rights.steps)
    # The divisors in steps of the dividends.
    units = np.ones(1, dtype=np.int64) if lefts.places is None else POWERS.take(lefts.places)
    is_one = dividends == divisors * units
    is_value = is_one | (lefts.steps == 0) | (divisors == 1)
    if division == "quotient":
        is_value |= dividends < divisors * units
        values = _whole(lefts.steps // (divisors * units), lefts)
    else:
        values = choose(is_one, _whole(np.sign(lefts.steps), lefts), lefts)
    digits = _estimate_quotients(Decimals(dividends, lefts.places), divisors, units).flip(lefts.steps < 0)
    forms = np.where(is_scaled | is_flipped, SIDES, np.where(is_value, VALUE, QUOTIENT))
    return Operations(forms, choose(is_value, values, digits), lefts.flip(is_flipped), rights.flip(is_flipped))


def _shorten_fractions(found: Operations) -> Operations:
    """Returns what quotients become that are fractions to be brought into lowest terms, given what they else become."""
    rows = np.flatnonzero(found.forms == QUOTIENT)
    dividends, divisors = found.lefts.steps.take(rows), found.rights.steps.take(rows)
    common = np.gcd(dividends, divisors)
    is_whole = common == divisors
    is_known = is_whole & (np.abs(dividends) < _KNOWN)
    found.forms[rows] = np.where(is_known, VALUE, np.where(is_whole, QUOTIENT, CANCELLED))
    found.values.steps[rows[is_known]] = (dividends // divisors)[is_known]
    found.values.steps[rows[~is_whole]] = smallest_factors(common[~is_whole])
    return found


def _whole(steps: np.ndarray, others: Decimals) -> Decimals:
    """Returns whole numbers in the form in which others are."""
    return Decimals(steps, None if others.places is None else np.zeros_like(others.places))


def _make_divisors_whole(lefts: Decimals, rights: Decimals) -> tuple[Decimals, Decimals]:
    """Returns both sides times the power of ten that makes the right one whole."""
    assert lefts.places is not None
    assert rights.places is not None
    places = lefts.places - rights.places
    dividends = lefts.steps * POWERS.take(np.maximum(-places, 0))
    return Decimals(dividends, np.maximum(places, 0)), _whole(rights.steps, rights)


def _estimate_quotients(dividends: Decimals, divisors: np.ndarray, units: np.ndarray) -> Decimals:
    """Returns the first digit of each quotient, with its place: the true one or less, but at least 1 at the true place.

    The divisor is rounded up to two digits, unless it has but one, so that a person can find the digit by heart. Where
    a quotient is below 1 the digit stands behind the point.

    Args:
        dividends: not below 0.
        divisors: above 0, int64 (n,).
        units: steps of the dividend in 1, int64 (n,), or (1,) if all numbers are whole.
    """
    places = np.maximum(leading_places(divisors) // 10, 1)
    raised = np.where(divisors < 10, divisors, (divisors // places + 1) * places)
    if dividends.places is None:
        return Decimals(np.maximum(leading_digits(dividends.steps // raised), 1), None)
    steps, places = dividends.steps.copy(), np.zeros_like(dividends.places)
    rows = np.flatnonzero((steps > 0) & (steps < divisors * units))
    while len(rows):
        steps[rows] *= 10
        places[rows] += 1
        rows = rows[steps[rows] < (divisors * units)[rows]]
    return Decimals(np.maximum(leading_digits(steps // (raised * units)), 1), places)
