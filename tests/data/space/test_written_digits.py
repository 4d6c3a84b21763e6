"""Carry chains, zero borrows and quotient digits, against written arithmetic spelled out with texts."""

import numpy as np
import pytest

from eqstream.data.reference.parsing import parse
from eqstream.data.reference.written_digits import find_written_digits
from eqstream.data.space.written_digits import find_digits, measure_carries
from eqstream.pipelines.checks.bulk import written_digits as checked


def add_by_hand(first: int, second: int) -> tuple[int, int]:
    """The longest chain of places that one carry runs through, and 0."""
    width = len(str(max(first, second)))
    sums = [int(one) + int(other) for one, other in zip(str(first).zfill(width), str(second).zfill(width), strict=True)]
    text = "".join("g" if total > 9 else "p" if total == 9 else "." for total in sums)
    # Read from the left, a chain is any number of nines and the place that began it.
    return max((length + 1 for length in range(width) if "p" * length + "g" in text), default=0), 0


def subtract_by_hand(first: int, second: int) -> tuple[int, int]:
    larger, smaller = max(first, second), min(first, second)
    width = len(str(larger))
    digits = [(int(one), int(other)) for one, other in zip(str(larger), str(smaller).zfill(width), strict=True)]
    text = "".join("g" if above < below else "p" if above == below else "." for above, below in digits)
    chain = max((length + 1 for length in range(width) if "p" * length + "g" in text), default=0)
    # A zero borrows if what stands behind it is not enough.
    zeros = [str(larger)[place] == "0" and larger % 10**rest < smaller % 10**rest for place, rest in _places(width)]
    return chain, sum(zeros)


def _places(width: int) -> list[tuple[int, int]]:
    return [(place, width - place - 1) for place in range(width)]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("numbers", [range(100), [*range(0, 1001, 37), *range(985, 1020), 9999, 10**4]])
def test_chains_and_zero_borrows_are_those_of_written_arithmetic(numbers, sign):
    """All pairs; three ways agree with the one above."""
    pairs = [(one, other) for one in numbers for other in numbers]
    by_hand = [add_by_hand(*pair) if sign == 1 else subtract_by_hand(*pair) for pair in pairs]
    left, right = np.array(pairs).T
    for dtype in (np.int64, object):
        first, second = left.astype(dtype), sign * right.astype(dtype)
        assert np.stack(measure_carries(first, second, first + second), axis=1).tolist() == list(map(list, by_hand))
        assert np.stack(measure_carries(-second, -first, first + second), axis=1).tolist() == list(map(list, by_hand))
    is_sum = np.full(len(left), sign == 1) | (right == 0)
    assert np.stack(checked.measure_carries(left, right, is_sum), axis=1).tolist() == list(map(list, by_hand))
    operator = "+" if sign == 1 else "-"
    for (one, other), expected in list(zip(pairs, by_hand, strict=True))[::7]:
        assert find_written_digits(parse(f"{one} {operator} {other}"))[:2] == expected


def test_numbers_of_any_length_are_measured():
    nines = np.array([10**30 - 1, 10**18 - 1], dtype=object)
    ones = np.array([1, 1], dtype=object)
    assert measure_carries(nines, ones, nines + ones)[0].tolist() == [30, 18]
    largest = np.array([9 * 10**18, 2**63 - 1])
    assert checked.measure_carries(largest, np.array([1, 3]), np.array([False, True]))[0].tolist() == [18, 1]
    assert checked.measure_carries(largest, np.array([1, 3]), np.array([False, True]))[1].tolist() == [17, 0]


def test_digits_of_numbers_are_found():
    numbers = [0, 7, -10, 99, 1234567890, 2**63 - 1]
    expected = [sum(1 << int(digit) for digit in set(str(abs(number)))) for number in numbers]
    assert find_digits(np.array(numbers)).tolist() == expected
    assert find_digits(np.array(numbers, dtype=object)).tolist() == expected
    assert checked.find_digits(np.array(numbers)).tolist() == expected


def test_digits_are_told_of_every_operation_below_the_last_one():
    written = find_written_digits(parse("(999 + 1) - (1000 - 1) + 90 / 9"), "exact")
    assert written == (3, 4, {0, 1})
    assert find_written_digits(parse("1 / 3 + 999 / 1 + 1"), "fraction") == (0, 0, frozenset())
