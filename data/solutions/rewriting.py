"""One step of worked solutions, for many lines at once; docs/solutions.md has the grammar.

The first operator of a line in postfix order has numbers for its sides: the leftmost and innermost operation, which is
rewritten. With `x` and `y` for the sides, and `J` for a `+` or `-` right behind, it becomes one of

| form | tokens |
| --- | --- |
| `_VALUE` | `v` |
| `_SIDES`: two other sides | `x' y' op` |
| `_PRODUCT`: a digit of `y` is split off | `v x y' * +`; with a `J` `v J x y' *`: `v` joins what stands before |
| `_QUOTIENT`: a digit of the quotient is | `v x y v * - y / +`; with a `J` `v J x y v * - y /` |
"""

from typing import NamedTuple

import numpy as np

from eqstream.data.solutions.lines import END, Lines
from eqstream.data.space.shapes import MINUS, OPERAND, OVER, PLUS, TIMES

_POWERS = 10 ** np.arange(19, dtype=np.int64)
_VALUE, _SIDES, _PRODUCT, _QUOTIENT = range(4)
# How many tokens the three of the operation become.
_NUM_TOKENS = np.array([1, 3, 5, 9])


class _Operations(NamedTuple):
    """What n operations become; each column has the shape (n,).

    Attributes:
        forms: see the module.
        values: the number that an operation becomes, or the digit that is split off, with its place.
        lefts: the left side that the operation then has.
        rights: its right side.
    """

    forms: np.ndarray
    values: np.ndarray
    lefts: np.ndarray
    rights: np.ndarray

    def take(self, rows: np.ndarray) -> "_Operations":
        return _Operations(*(column.take(rows) for column in self))


def rewrite(lines: Lines, division: str) -> Lines:
    """Returns the next line of each line; one that is a plain number stays.

    Args:
        lines: whose values, and those of their operations, have at most 62 bits.
        division: `exact`, where every division has to come out even, or `quotient`, the floor.
    """
    is_open = ~lines.are_solved
    if is_open.all():
        return _rewrite_open(lines, division)
    rewritten = _rewrite_open(lines.take(np.flatnonzero(is_open)), division)
    shape = (len(lines), max(rewritten.kinds.shape[1], 2))
    kinds, values = np.full(shape, END, dtype=np.uint8), np.zeros(shape, dtype=np.int64)
    kinds[:, 0], values[:, 0] = OPERAND, lines.values[:, 0]
    kinds[is_open], values[is_open] = rewritten.kinds, rewritten.values
    return Lines(kinds, values)


def _rewrite_open(lines: Lines, division: str) -> Lines:
    """Returns the next line of each line, none of which is a plain number."""
    num_rows, width = lines.kinds.shape
    kinds, values = lines.kinds.reshape(-1), lines.values.reshape(-1)
    operator_places = (lines.kinds < OPERAND).argmax(axis=1)
    flat_places = operator_places + np.arange(num_rows) * width
    operators, behind = kinds.take(flat_places), kinds.take(flat_places + 1)
    found = _rewrite_operations(operators, values.take(flat_places - 2), values.take(flat_places - 1), division)
    result = _make_room(lines, operator_places, _NUM_TOKENS.take(found.forms))
    starts = operator_places - 2 + np.arange(num_rows) * result.kinds.shape[1]
    for form in range(len(_NUM_TOKENS)):
        rows = np.flatnonzero(found.forms == form)
        if len(rows):
            _put_form(result, form, starts.take(rows), found.take(rows), operators.take(rows), behind.take(rows))
    return result


def _make_room(lines: Lines, operator_places: np.ndarray, num_tokens: np.ndarray) -> Lines:
    """Returns the lines with room for `num_tokens`, (n,), in place of the operation that ends at `operator_places`."""
    num_rows, width = lines.kinds.shape
    moves = num_tokens - 3
    lengths = (lines.kinds != END).sum(axis=1) + moves
    columns = np.arange(int(lengths.max(initial=1)) + 1)
    sources = columns - np.where(columns > (operator_places + moves)[:, None], moves[:, None], 0)
    # What stands behind the last token is an `END`, and so is the last column.
    sources = np.clip(sources, 0, width - 1) + np.arange(num_rows)[:, None] * width
    return Lines(lines.kinds.reshape(-1).take(sources), lines.values.reshape(-1).take(sources))


def _put_form(
    lines: Lines, form: int, starts: np.ndarray, new: _Operations, operators: np.ndarray, behind: np.ndarray
) -> None:
    """Writes what operations of one form become to the places from `starts`, int64 (n,), on."""
    if form == _VALUE:
        _put_number(lines, starts, new.values)
        return
    if form == _SIDES:
        _put_number(lines, starts, new.lefts)
        _put_number(lines, starts + 1, new.rights)
        _put_operator(lines, starts + 2, operators)
        return
    is_joined = behind <= MINUS
    _put_number(lines, starts, new.values)
    last = _NUM_TOKENS[form] - 1
    _put_operator(lines, starts + np.where(is_joined, 1, last), np.where(is_joined, behind, PLUS))
    starts = starts + 1 + is_joined
    _put_number(lines, starts, new.lefts)
    _put_number(lines, starts + 1, new.rights)
    if form == _PRODUCT:
        _put_operator(lines, starts + 2, TIMES)
        return
    _put_number(lines, starts + 2, new.values)
    _put_operator(lines, starts + 3, TIMES)
    _put_operator(lines, starts + 4, MINUS)
    _put_number(lines, starts + 5, new.rights)
    _put_operator(lines, starts + 6, OVER)


def _put_number(lines: Lines, places: np.ndarray, values: np.ndarray) -> None:
    lines.kinds.reshape(-1)[places] = OPERAND
    lines.values.reshape(-1)[places] = values


def _put_operator(lines: Lines, places: np.ndarray, operators: np.ndarray | int) -> None:
    lines.kinds.reshape(-1)[places] = operators


def _rewrite_operations(operators: np.ndarray, lefts: np.ndarray, rights: np.ndarray, division: str) -> _Operations:
    num_rows = len(operators)
    sums = np.where(operators == MINUS, lefts - rights, lefts + rights)
    result = _Operations(np.full(num_rows, _VALUE, dtype=np.uint8), sums, lefts.copy(), rights.copy())
    for operator in (TIMES, OVER):
        rows = np.flatnonzero(operators == operator)
        if len(rows):
            left, right = lefts.take(rows), rights.take(rows)
            found = _multiply(left, right) if operator == TIMES else _divide(left, right, division)
            for column, values in zip(result, found, strict=True):
                column[rows] = values
    return result


def _multiply(lefts: np.ndarray, rights: np.ndarray) -> _Operations:
    digits = leading_digits(rights)
    is_value = (leading_digits(lefts) == lefts) | (digits == rights)
    is_flipped = ~is_value & (rights < 0)
    forms = np.where(is_value, _VALUE, np.where(is_flipped, _SIDES, _PRODUCT))
    values = lefts * np.where(is_value, rights, digits)
    return _Operations(
        forms, values, np.where(is_flipped, -lefts, lefts), np.where(is_flipped, -rights, rights - digits)
    )


def _divide(lefts: np.ndarray, rights: np.ndarray, division: str) -> _Operations:
    signs, magnitudes = np.where(lefts < 0, -1, 1), np.abs(lefts)
    values = signs * _estimate_quotients(magnitudes, np.abs(rights))
    is_value = np.zeros(len(lefts), dtype=bool)
    floors = np.where(lefts < 0, -1, 0)
    cases = [(lefts == 0, 0), (rights == 1, lefts), (magnitudes == rights, signs)]
    if division == "quotient":
        cases.append((magnitudes < rights, floors))
    for is_case, value in cases:
        values = np.where(is_case, value, values)
        is_value |= is_case
    is_flipped = rights < 0
    forms = np.where(is_flipped, _SIDES, np.where(is_value, _VALUE, _QUOTIENT))
    return _Operations(forms, values, np.where(is_flipped, -lefts, lefts), np.abs(rights))


def _estimate_quotients(dividends: np.ndarray, divisors: np.ndarray) -> np.ndarray:
    """Returns the first digit of each quotient, with its place: the true one or less, but at least 1.

    The divisor is rounded up to two digits, unless it has but one, so that a person can find the digit by heart.

    Args:
        dividends: not below 0, int64 (n,).
        divisors: above 0, int64 (n,).
    """
    units = np.maximum(_leading_places(divisors) // 10, 1)
    rounded = np.where(divisors < 10, divisors, (divisors // units + 1) * units)
    return np.maximum(leading_digits(dividends // rounded), 1)


def leading_digits(numbers: np.ndarray) -> np.ndarray:
    """Returns the first digit of each number, with its place and sign; numbers are int64 (n,).

    >>> leading_digits(np.array([5678, -34, 0])).tolist()
    [5000, -30, 0]
    """
    magnitudes = np.abs(numbers)
    places = _leading_places(magnitudes)
    return np.sign(numbers) * (magnitudes // places * places)


def _leading_places(magnitudes: np.ndarray) -> np.ndarray:
    """Returns the largest power of ten that is not above each number, int64 (n,); 1 for 0."""
    return _POWERS.take(np.maximum(np.searchsorted(_POWERS, magnitudes, side="right") - 1, 0))
