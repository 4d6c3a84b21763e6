"""One step of worked solutions for many lines at once, where quotients are fractions until the end.

In spaces with `division: decimal` or `fraction` a `/` between two numbers that no rule simplifies stays as it is until
it is combined: it is a *fraction*. What is rewritten is the first other operator in postfix order, whose sides are
numbers or fractions. docs/solutions.md has the rules.
"""

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np

from eqstream.data.solutions.decimal_numbers import POWERS, Decimals, shorten
from eqstream.data.solutions.lines import END, Lines, merge_lines, replace_lines
from eqstream.data.solutions.rewriting import replace_tokens, rewrite_at
from eqstream.data.space.shapes import MINUS, OPERAND, OVER, PLUS, TIMES

# What an operation `o` between a / b and c / d becomes, by operator and whether the left and the right side are
# fractions; a side that is none is `a` or `c`.
_COMBINED = {
    **{(operator, (True, True)): "ad*cb*obd*/" for operator in (PLUS, MINUS)},
    **{(operator, (False, True)): "ad*cod/" for operator in (PLUS, MINUS)},
    **{(operator, (True, False)): "acb*ob/" for operator in (PLUS, MINUS)},
    (TIMES, (True, True)): "ac*bd*/",
    (TIMES, (False, True)): "ac*d/",
    (TIMES, (True, False)): "ac*b/",
    (OVER, (True, True)): "ad*bc*/",
    (OVER, (False, True)): "ad*c/",
    (OVER, (True, False)): "abc*/",
}
_EQUAL_DENOMINATORS = "acob/"
_NUM_FIRST = 6

# Rows of lines, and what stands there after a step.
_Part: TypeAlias = tuple[np.ndarray, Lines]


class _Redexes(NamedTuple):
    """The operations of n lines that are rewritten.

    Attributes:
        is_there: whether there is one, bool (n,); there is none in a number and in a single fraction.
        ends: the place of its operator, int64 (n,).
        operators: this operator, uint8 (n,).
        is_left: whether its left side is a fraction, bool (n,).
        is_right: whether its right side is one, bool (n,).
    """

    is_there: np.ndarray
    ends: np.ndarray
    operators: np.ndarray
    is_left: np.ndarray
    is_right: np.ndarray


def rewrite_fractions(lines: Lines) -> Lines:
    """Returns the next line of each line, by the rules of `fraction`; numbers and fractions in lowest terms stay.

    Args:
        lines: all of whose numbers, and those that a step makes of them, are whole and have at most 62 bits.
    """
    redexes = _find_redexes(lines, "fraction")
    are_numbers = redexes.is_there & ~redexes.is_left & ~redexes.is_right
    rows = np.flatnonzero(are_numbers)
    parts = [
        _take_part(lines, ~redexes.is_there),
        (rows, rewrite_at(lines.take(rows), redexes.ends.take(rows), "fraction")),
        *_combine(lines, redexes, redexes.is_there & ~are_numbers),
    ]
    return merge_lines(parts)


def rewrite_decimals(lines: Lines, places: int) -> Lines:
    """Returns the next line of each line, by the rules of `decimal`; numbers stay.

    Args:
        lines: whose numbers, and those that a step makes of them, have at most 62 bits.
        places: digits behind the point of an answer.
    """
    redexes = _find_redexes(lines, "decimal")
    first = _first_kinds(lines)
    has_fraction = redexes.is_left | redexes.is_right
    # A fraction is divided if it is alone, or if it is added to a number and nothing else is there.
    is_added = redexes.is_right & ~redexes.is_left & (redexes.operators <= MINUS) & (first[:, 5] == END)
    is_divided = is_added | (~redexes.is_there & ~lines.are_solved)
    is_over_one = (first[:, 2] == OVER) & (first[:, 3] == END) & (lines.steps[:, 1] == 1) & redexes.is_there
    rows = np.flatnonzero(redexes.is_there & ~has_fraction & ~is_over_one)
    rewritten = rewrite_at(lines.take(rows), redexes.ends.take(rows), "exact")
    parts = [
        _take_part(lines, lines.are_solved),
        (rows, _write_over_one(rewritten, places)),
        *_divide_to_places(lines, np.flatnonzero(is_divided), places),
        _round_over_one(lines, np.flatnonzero(is_over_one), places),
        *_combine(lines, redexes, has_fraction & ~is_divided),
    ]
    return merge_lines(parts)


def _take_part(lines: Lines, is_chosen: np.ndarray) -> _Part:
    rows = np.flatnonzero(is_chosen)
    return rows, lines.take(rows)


def _first_kinds(lines: Lines) -> np.ndarray:
    """Returns the kinds of the first tokens, as many as a fraction added to a number has, and of one more."""
    return np.pad(lines.kinds, ((0, 0), (0, _NUM_FIRST)), constant_values=END)[:, :_NUM_FIRST]


def are_fractions(lines: Lines) -> np.ndarray:
    """Returns which lines are a fraction in lowest terms and nothing else, bool (n,)."""
    return ~_find_redexes(lines, "fraction").is_there & ~lines.are_solved


def _find_redexes(lines: Lines, division: str) -> _Redexes:
    is_fraction = _find_fractions(lines, division)
    is_redex = (lines.kinds < OPERAND) & ~is_fraction
    rows, ends = np.arange(len(lines)), is_redex.argmax(axis=1)
    is_there = np.any(is_redex, axis=1)
    is_right = is_there & is_fraction[rows, ends - 1]
    is_left = is_there & is_fraction[rows, ends - 2 - 2 * is_right]
    return _Redexes(is_there, ends, lines.kinds[rows, ends], is_left, is_right)


def _find_fractions(lines: Lines, division: str) -> np.ndarray:
    """Returns which tokens are the `/` of fractions, bool (n, width)."""
    kinds = lines.kinds
    result = np.zeros(kinds.shape, dtype=bool)
    result[:, 2:] = (kinds[:, 2:] == OVER) & (kinds[:, 1:-1] == OPERAND) & (kinds[:, :-2] == OPERAND)
    places = np.flatnonzero(result)
    dividends, divisors = lines.numbers_at(places - 2), lines.numbers_at(places - 1)
    is_large = divisors.steps > 1
    if division == "fraction":
        result.reshape(-1)[places] = is_large & (np.gcd(dividends.steps, divisors.steps) == 1)
    else:
        assert dividends.places is not None
        assert divisors.places is not None
        is_one = np.abs(dividends.steps) == divisors.steps * POWERS.take(dividends.places)
        result.reshape(-1)[places] = is_large & (divisors.places == 0) & (dividends.steps != 0) & ~is_one
    return result


def _combine(lines: Lines, redexes: _Redexes, is_chosen: np.ndarray) -> Iterator[_Part]:
    """Yields the next lines of those chosen, bool (n,), whose operation has a fraction on one side or both."""
    for (operator, sides), tokens in _COMBINED.items():
        is_own = is_chosen & (redexes.operators == operator)
        rows = np.flatnonzero(is_own & (redexes.is_left == sides[0]) & (redexes.is_right == sides[1]))
        own, ends = lines.take(rows), redexes.ends.take(rows)
        numbers = _take_numbers(own, ends, *sides)
        is_equal = np.zeros(len(rows), dtype=bool)
        if operator <= MINUS and all(sides):
            is_equal = numbers["b"].steps == numbers["d"].steps
        for chosen, new in ((~is_equal, tokens), (is_equal, _EQUAL_DENOMINATORS)):
            part = np.flatnonzero(chosen)
            if len(part):
                yield (
                    rows[part],
                    replace_tokens(
                        own.take(part),
                        ends[part],
                        count=3 + 2 * sum(sides),
                        tokens=new,
                        numbers={letter: number.take(part) for letter, number in numbers.items()},
                        operators=np.full(len(part), operator),
                    ),
                )


def _take_numbers(lines: Lines, ends: np.ndarray, is_left: bool, is_right: bool) -> dict[str, Decimals]:
    """Returns the terms of the sides of operations: `a` and `b` of the left one, `c` and `d` of the right one."""
    flat_ends = ends + np.arange(len(lines)) * lines.kinds.shape[1]
    numbers: dict[str, Decimals] = {}
    for letters, is_fraction, back in (("cd", is_right, 1), ("ab", is_left, 4 if is_right else 2)):
        if is_fraction:
            numbers[letters[0]] = lines.numbers_at(flat_ends - back - 2)
            numbers[letters[1]] = lines.numbers_at(flat_ends - back - 1)
        else:
            numbers[letters[0]] = lines.numbers_at(flat_ends - back)
    return numbers


def _divide_to_places(lines: Lines, rows: np.ndarray, places: int) -> Iterator[_Part]:
    """Yields the next lines of those at `rows`: a fraction that is alone, or added to or subtracted from a number."""
    own = lines.take(rows)
    first = _first_kinds(own)
    is_added = first[:, 2] != OVER
    starts = np.arange(len(rows)) * own.kinds.shape[1]
    dividends, divisors = own.numbers_at(starts + is_added), own.numbers_at(starts + is_added + 1)
    totals = own.numbers_at(starts)
    assert dividends.places is not None
    assert totals.places is not None
    total_places = totals.places * is_added
    totals = Decimals(totals.steps * is_added, total_places)
    finest: np.ndarray = np.maximum(total_places, places + 1)
    grid: np.ndarray = np.maximum(finest, dividends.places)
    is_last = np.abs(dividends.at(grid)) < divisors.steps * POWERS.take(grid - finest)
    divided = np.flatnonzero(~is_last)
    yield rows[divided], rewrite_at(own.take(divided), 2 + is_added[divided], "exact")
    signs = np.sign(dividends.steps) * np.where(first[:, 4] == MINUS, -1, 1)
    last = np.flatnonzero(is_last)
    yield rows[last], _to_lines(_round(totals.take(last), signs.take(last), places))


def _round_over_one(lines: Lines, rows: np.ndarray, places: int) -> _Part:
    """Returns the next lines of those at `rows`: a number divided by 1."""
    numbers = lines.numbers_at(rows * lines.kinds.shape[1])
    return rows, _to_lines(_round(numbers, np.zeros_like(rows), places))


def _round(numbers: Decimals, signs: np.ndarray, places: int) -> Decimals:
    """Returns numbers rounded to places, half to even, given the sign, or 0, of the little that is left of them."""
    assert numbers.places is not None
    grid = np.maximum(numbers.places, places)
    units = POWERS.take(grid - places)
    steps = numbers.at(grid)
    rounded = steps // units
    twice = 2 * (steps - rounded * units)
    is_half = twice == units
    is_up = (twice > units) | (is_half & ((signs > 0) | ((signs == 0) & (rounded % 2 == 1))))
    return shorten(rounded + is_up, np.full(len(rounded), places))


def _to_lines(numbers: Decimals) -> Lines:
    """Returns lines that are plain numbers."""
    kinds = np.full((len(numbers.steps), 2), END, dtype=np.uint8)
    kinds[:, 0] = OPERAND
    assert numbers.places is not None
    steps, places = (np.repeat(column[:, None], 2, axis=1) for column in (numbers.steps, numbers.places))
    return Lines(kinds, steps, places.astype(np.uint8))


def _write_over_one(lines: Lines, places: int) -> Lines:
    """Returns the lines; those that are numbers with more places than an answer has are divided by 1."""
    assert lines.places is not None
    rows = np.flatnonzero(lines.are_solved & (lines.places[:, 0] > places))
    if not len(rows):
        return lines
    numbers = {
        "v": lines.numbers_at(rows * lines.kinds.shape[1]),
        "i": Decimals(np.ones_like(rows), np.zeros_like(rows)),
    }
    divided = replace_tokens(
        lines.take(rows), np.zeros_like(rows), count=1, tokens="vi/", numbers=numbers, operators=rows
    )
    return replace_lines(lines, rows, divided)
