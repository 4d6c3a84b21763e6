"""Numbers of two words against Python's own, at the edges of words and of what is computed natively."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eqstream.data.wide_numbers import WideNumbers, multiply_high

EDGES = [0, 1, 2, (1 << 61) - 1, 1 << 61, (1 << 62) + 1, (1 << 64) - 1, 1 << 64, (1 << 64) + 1, (1 << 124) - 1]
numbers_below_2_124 = st.one_of(st.integers(0, (1 << 124) - 1), st.sampled_from(EDGES), st.integers(0, 1 << 70))


def widen(values: list[int]) -> WideNumbers:
    high, low = (
        np.array(words, dtype=np.uint64) for words in ([v >> 64 for v in values], [v % (1 << 64) for v in values])
    )
    return WideNumbers(high, low)


@settings(deadline=None, max_examples=300)
@given(st.lists(numbers_below_2_124, max_size=6), numbers_below_2_124)
def test_sums_and_comparisons_are_those_of_integers(values, number):
    wide = widen(values)
    assert wide.to_integers().tolist() == values
    assert len(wide) == len(values)
    assert wide.are_at_least(number).tolist() == [value >= number for value in values]
    larger = [value for value in values if value >= number]
    assert widen(larger).subtract(number).to_integers().tolist() == [value - number for value in larger]
    assert wide.to_numbers(max(values, default=0) + 1).tolist() == values
    assert wide.take(np.arange(len(values))[::-1]).to_integers().tolist() == values[::-1]


@settings(deadline=None, max_examples=1000)
@given(
    st.lists(numbers_below_2_124, max_size=6),
    numbers_below_2_124.filter(bool),
    st.lists(st.integers(-2, 2), max_size=6),
)
def test_quotients_and_remainders_are_those_of_integers(values, divisor, steps):
    """Also beside multiples of the divisor, where an estimate of the quotient is easily one off."""
    near = [max(value // divisor * divisor + step, 0) for value, step in zip(values, steps, strict=False)]
    for dividends in (values, near, [value % (divisor << 48) for value in near]):
        quotients, remainders = widen([value % (1 << 124) for value in dividends]).divide(divisor)
        pairs = [divmod(value % (1 << 124), divisor) for value in dividends]
        assert [*zip(quotients.tolist(), remainders.tolist(), strict=True)] == pairs


@pytest.mark.parametrize("divisor", [3, 10**16, (1 << 61) - 1, 1 << 61, (1 << 61) + 1, 10**20])
def test_many_quotients_are_exact_up_to_the_largest_that_are_computed_natively(divisor):
    rng = np.random.default_rng(divisor % 1000)
    largest = min((1 << 49) - 2000, ((1 << 124) - 1) // divisor - 1)
    quotients = rng.integers(largest - 10_000, largest, 20_000, endpoint=True).tolist()
    remainders = [0, divisor - 1] * 10_000
    values = [quotient * divisor + rest for quotient, rest in zip(quotients, remainders, strict=True)]
    found = widen(values).divide(divisor)
    assert [each.tolist() for each in found] == [quotients, remainders]
    # Numbers of one word, or of two where the divisor is not too large.
    is_native = divisor == 3 or 10**16 <= divisor <= 1 << 61
    assert [each.dtype == np.int64 for each in found] == [is_native] * 2


@settings(deadline=None)
@given(st.integers(1, 1 << 62), st.lists(st.tuples(st.integers(0), st.integers(0)), max_size=5))
def test_digits_become_the_number_that_they_are_written_for(radix, pairs):
    left, right = (
        [number % radix for number in numbers] for numbers in (zip(*pairs, strict=True) if pairs else ([], []))
    )
    wide = WideNumbers.of_digits(np.array(left, dtype=np.uint64), np.array(right, dtype=np.uint64), radix)
    assert wide.to_integers().tolist() == [first * radix + second for first, second in zip(left, right, strict=True)]


@given(st.integers(0, (1 << 64) - 1), st.integers(0, (1 << 64) - 1))
def test_upper_half_of_products(value, factor):
    assert multiply_high(np.array([value], dtype=np.uint64), factor).tolist() == [value * factor >> 64]
