"""Operands by patterns, against all pairs of small ranges measured one by one."""

import itertools

import numpy as np
import pytest

from eqstream.data.recipe_values import Range
from eqstream.data.space.digits import count_carries
from eqstream.data.space.domains import Domain
from eqstream.data.space.patterns import Pattern, find_operands
from eqstream.data.space.written_digits import measure_carries
from tests.covering import cover_values

BOXES = {
    "up to 99": (Domain(((0, 99),)), Domain(((0, 99),))),
    "of two digits and one": (Domain(((10, 99),)), Domain(((0, 9),))),
    "odd bounds": (Domain(((7, 132),)), Domain(((38, 61),))),
    "signed": (Domain(((-23, 40),)), Domain(((-105, 12),))),
    "negative": (Domain(((-60, -9),)), Domain(((-11, -11), (-8, 14), (30, 101)))),
    "up to 9999 and 19": (Domain(((0, 9999),)), Domain(((0, 19),))),
    "up to 999": (Domain(((0, 999),)), Domain(((0, 999),))),
}
NAMES = [pytest.param(name, marks=pytest.mark.slow if name.startswith("up to 999") else ()) for name in BOXES]
KEYS = ("longest_carry_chain", "zero_borrows", "carries")


def list_pairs(box):
    return [np.array(each) for each in zip(*itertools.product(*map(list_values, box)), strict=True)]


def list_values(domain):
    return [value for low, high in domain.intervals for value in range(low, high + 1)]


def measure(operator, left, right):
    right = right if operator == "+" else -right
    counts = *measure_carries(left, right, left + right), count_carries(left, right, left + right)
    return dict(zip(KEYS, counts, strict=True))


def unrank_all(operands):
    return list(map(tuple, operands.unrank(np.arange(operands.size)).T.tolist())) if operands.size else []


@pytest.mark.parametrize("name", NAMES)
@cover_values("operator, key", ["+", "-"], KEYS)
def test_pattern_takes_each_pair_that_has_so_many_once_and_no_other(key, name, operator):
    box = BOXES[name]
    left, right = list_pairs(box)
    counts = measure(operator, left, right)[key]
    ranges = [Range(min=number, max=number) for number in range(counts.max() + 2)]
    ranges += [Range(min=1), Range(max=1), Range(min=0.5, max=2.5), Range(max=-1)] * (len(left) < 100_000)
    ranges += [Range(min=10**25), Range(max=10**25)]
    for bounds, is_equal in itertools.product(ranges, (None, True, False) if len(left) < 100_000 else (None,)):
        chosen = np.array([bounds.contains(count) for count in range(counts.max() + 2)])[counts]
        if is_equal is not None:
            chosen &= (left == right) == is_equal
        pattern = Pattern.of_range(key, bounds).combine(Pattern(is_equal=is_equal))
        if pattern is None:
            assert not chosen.any()
            continue
        operands = find_operands(pattern, operator, box)
        found = operands.unrank(np.arange(operands.size))
        assert np.array_equal(np.sort(found[0] * 2**20 + found[1]), np.sort((left * 2**20 + right)[chosen]))


@pytest.mark.parametrize("is_equal", [True, False])
@pytest.mark.parametrize("operator", "+-*/?")
@pytest.mark.parametrize("name", [name for name in BOXES if not name.startswith("up to 999")])
def test_equal_operands_are_told_from_others(name, operator, is_equal):
    left, right = list_pairs(BOXES[name])
    chosen = (left == right) == is_equal
    found = unrank_all(find_operands(Pattern(is_equal=is_equal), operator, BOXES[name]))
    assert sorted(found) == sorted(zip(left[chosen].tolist(), right[chosen].tolist(), strict=True))


def test_equal_operands_of_many_terms_are_numbered_by_value():
    box = (Domain(((-3, 4),)), Domain(((0, 9),)), Domain(((-9, -1), (2, 30))))
    assert unrank_all(find_operands(Pattern(is_equal=True), "?", box)) == [(2, 2, 2), (3, 3, 3), (4, 4, 4)]


@pytest.mark.parametrize("length", [10, pytest.param(25, marks=pytest.mark.slow)])
def test_long_chains_in_a_huge_space_are_counted_and_numbered(length):
    whole = Domain(((0, 10**length - 1),))
    sizes = [
        find_operands(Pattern(key="longest_carry_chain", low=number, high=number), "+", (whole, whole)).size
        for number in range(length + 1)
    ]
    assert sum(sizes) == 10 ** (2 * length)
    # Only the unit begins the longest one, with 45 pairs; each of ten pairs of digits goes on.
    assert sizes[-1] == 45 * 10 ** (length - 1)
    # No place carries where each one makes at most nine.
    assert sizes[0] == 55**length
    operands = find_operands(Pattern(key="longest_carry_chain", low=length - 2), "+", (whole, whole))
    assert operands.size == sum(sizes[-3:])
    places = np.array([operands.size * step // 999 for step in range(999)], dtype=object)
    left, right = operands.unrank(places)
    chains, _ = measure_carries(left, right, left + right)
    assert chains.min() >= length - 2
    assert len(set(zip(left.tolist(), right.tolist(), strict=True))) == 999
    assert max(left.max(), right.max()) < 10**length


def test_patterns_are_combined():
    chains = Pattern(key="longest_carry_chain", low=2, high=5)
    assert chains.combine(Pattern(key="longest_carry_chain", low=3)) == Pattern(
        key="longest_carry_chain", low=3, high=5
    )
    assert chains.combine(Pattern(key="longest_carry_chain", low=6)) is None
    assert chains.combine(Pattern(is_equal=False)) == Pattern(key="longest_carry_chain", low=2, high=5, is_equal=False)
    assert Pattern(is_equal=True).combine(Pattern(is_equal=False)) is None
    assert chains.combine(Pattern(key="zero_borrows", low=1)) == Pattern(key="zero_borrows", low=1)
