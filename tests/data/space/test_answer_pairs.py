"""Pairs of operands by their answer, against all pairs of small intervals with exact arithmetic."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eqstream.data.recipe_values import Range
from eqstream.data.space.answer_pairs import find_answer_pairs
from eqstream.data.space.domains import Domain
from tests.brute_force import make_recipe
from tests.examples import examples

ENDS = [None, -7, 0, 1, "0.1", "0.33", "1.5", 12, "12.25", 40]


def make_space(division="exact", decimals=0, places=1):
    operands = {"min": -99, "max": 99, "decimals": decimals}
    return make_recipe({"operands": operands, "operators": "+-*/", "division": division, "places": places}).space


def find_answer(operator, left, right, space):
    """The answer, None where the equation is not of the space."""
    left, right = (Fraction(each, 10**space.operands.decimals) for each in (left, right))
    if operator != "/":
        return {"+": left + right, "-": left - right, "*": left * right}[operator]
    if not right:
        return None
    quotient = left / right
    if space.division == "quotient":
        return math.floor(quotient)
    if space.division == "decimal":
        return round(quotient, space.places)
    is_inexact = space.division == "exact" and (quotient * 10**space.operands.decimals).denominator > 1
    return None if is_inexact else quotient


@st.composite
def domains(draw):
    ends = sorted(draw(st.lists(st.integers(-6, 13), min_size=2, max_size=4, unique=True)))
    return Domain(tuple(zip(ends[::2], ends[1::2], strict=False)))


@st.composite
def ranges(draw):
    low, high = draw(st.sampled_from(ENDS)), draw(st.sampled_from(ENDS))
    if low is not None and high is not None and Fraction(low) > Fraction(high):
        low, high = high, low
    return Range(min=low, max=high)


@given(
    box=st.tuples(domains(), domains()),
    bounds=ranges(),
    operator=st.sampled_from("+-*/"),
    division=st.sampled_from(["exact", "quotient", "decimal", "fraction"]),
    decimals=st.integers(0, 1),
    places=st.integers(0, 2),
)
@examples(100)
def test_all_pairs_with_such_an_answer_are_listed_once(box, bounds, operator, division, decimals, places):
    space = make_space(division, decimals, places)
    every = list(
        itertools.product(*([x for low, high in each.intervals for x in range(low, high + 1)] for each in box))
    )
    wanted = set()
    for left, right in every:
        answer = find_answer(operator, left, right, space)
        if answer is not None and bounds.contains(answer):
            wanted.add((left, right))
    pairs = find_answer_pairs(bounds, operator, box, space=space, most=len(every))
    assert pairs is not None
    found = list(map(tuple, pairs.list().T.tolist()))
    assert len(set(found)) == len(found) == pairs.size
    assert set(map(tuple, pairs.list(3).T.tolist())) <= set(found)
    assert len(found) <= 3 * pairs.list(3).shape[1]
    assert wanted <= set(found) <= set(every)
    if operator != "/" or (division == "exact" and not decimals):
        assert wanted == set(found)
        fewer = find_answer_pairs(bounds, operator, box, space=space, most=len(wanted) - 1) if wanted else None
        assert fewer is None


@pytest.mark.parametrize(
    ("operator", "bounds", "number"),
    [
        ("+", Range(min=12345, max=12345), 12346),
        ("+", Range(max=2), 6),
        ("+", Range(min=2 * 10**15 - 1), 3),
        ("*", Range(min=12345, max=12345), 8),
        ("*", Range(min=1, max=1000), 7069),
        ("/", Range(min=10**15 - 5), 6),
        ("-", Range(min=10**15), 1),
    ],
)
def test_few_pairs_of_large_intervals_are_listed(operator, bounds, number):
    box = (Domain(((0, 10**15),)),) * 2
    pairs = find_answer_pairs(bounds, operator, box, space=make_space(), most=20_000)
    assert pairs is not None
    assert pairs.size == number
    every = pairs.list()
    assert every.shape == (2, number)
    assert np.array_equal(pairs.list(1 << 10), every[:, :: 1 << 10]) or operator == "*"
    left, right = every.astype(object)
    answers = {"+": left + right, "-": left - right, "*": left * right, "/": left // np.maximum(right, 1)}[operator]
    assert all(bounds.contains(answer) for answer in answers)


@pytest.mark.parametrize(
    ("operator", "bounds", "largest"),
    [
        ("-", Range(min=1, max=1), 10**15),
        ("+", Range(), 10**15),
        ("*", Range(min=0, max=0), 10**15),
        ("*", Range(min=10**12), 10**15),
        ("*", Range(min=1, max=9), 1 << 62),
        ("/", Range(min=1, max=2), 10**15),
        ("+", Range(min=1, max=9), 1 << 70),
    ],
)
def test_too_many_or_too_large_pairs_are_not_listed(operator, bounds, largest):
    box = (Domain(((0, largest),)),) * 2
    assert find_answer_pairs(bounds, operator, box, space=make_space(), most=1 << 22) is None


@pytest.mark.parametrize("bounds", [Range(min=10**19), Range(max=-(10**19))])
@pytest.mark.parametrize("operator", "+-*/")
def test_answers_beyond_64_bits_have_no_pairs_or_are_left_to_a_search(bounds, operator):
    box = (Domain(((0, 10**6),)), Domain(((0, 10**6),)))
    pairs = find_answer_pairs(bounds, operator, box, space=make_space(), most=1000)
    assert pairs is None or not pairs.size
