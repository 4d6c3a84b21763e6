"""Answers and carries of blocks against exact rationals, one equation at a time."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eqstream.data.reference.evaluation import InexactDivisionError, evaluate
from eqstream.data.reference.evaluation import answer_text as oracle_answer
from eqstream.data.reference.evaluation import count_carries as oracle_carries
from eqstream.data.reference.parsing import Number, Operation, parse
from eqstream.data.space.arithmetic import Arithmetic
from eqstream.data.space.digits import count_carries, digit_count, digit_sum
from eqstream.data.space.shapes import TermShapes
from tests.brute_force import make_recipe, plant
from tests.examples import examples
from tests.one_shape import columns_of, count_terms, list_shapes

DIVISIONS = ["exact", "quotient", "decimal", "fraction"]


def check(space, tree, rows):
    """Evaluates rows of grid integers at once and one by one."""
    scale = 10**space.operands.decimals
    arithmetic = Arithmetic(space, max(abs(space.operands.min), abs(space.operands.max)) * scale)
    columns, operands = columns_of([tree] * len(rows)), np.array(rows, dtype=object).T
    if max((abs(value) for row in rows for value in row), default=0) < 1 << 62:
        operands = operands.astype(np.int64)
    answers = arithmetic.evaluate(columns, operands)
    without_carries = arithmetic.evaluate(columns, operands, with_carries=False)
    assert not without_carries.carries.any()
    assert (without_carries.is_valid == answers.is_valid).all()
    division = space.division if "/" in space.operators else "exact"
    assert (answers.denominators is not None) == arithmetic.is_fraction
    denominators = np.full(len(rows), answers.scale, dtype=object)
    if answers.denominators is not None:
        denominators = denominators * answers.denominators
    for place, row in enumerate(rows):
        planted = plant(tree, row, scale)
        try:
            value = evaluate(planted, division, space.operands.decimals)
        except (ZeroDivisionError, InexactDivisionError):
            assert not answers.is_valid[place], planted
            continue
        assert answers.is_valid[place], planted
        numerator, denominator = int(answers.numerators[place]), int(denominators[place])
        expected = Fraction(oracle_answer(value, division, space.places))
        assert Fraction(numerator, denominator) == expected, planted
        assert max(abs(numerator), denominator if arithmetic.is_fraction else 0) <= arithmetic.answer_bound
        if arithmetic.is_fraction:
            assert (numerator, denominator) == (expected.numerator, expected.denominator), planted
        assert answers.carries[place] == oracle_carries(planted, division), planted
    return arithmetic


small_spaces = st.builds(
    lambda low, width, decimals, operators, division, places: {
        "operands": {"min": low, "max": low + width, "decimals": decimals},
        "operators": operators,
        "terms": {"min": 1, "max": 3},
        "brackets": True,
        "division": division,
        "places": places,
    },
    st.one_of(st.integers(-12, 2), st.integers(-(10**5), 10**5), st.integers(-(10**21), 10**21)),
    st.one_of(st.integers(0, 20), st.integers(0, 10**10)),
    st.one_of(st.just(0), st.integers(0, 3), st.integers(0, 12)),
    st.sampled_from(["+", "-", "*", "/", "+-", "+/", "*/", "-/", "+-*/"]),
    st.sampled_from(DIVISIONS),
    st.integers(0, 12),
)


@examples(50)
@given(small_spaces, st.data())
def test_values_are_exact_in_every_kind_of_space(mapping, data):
    space = make_recipe(mapping).space
    tree = data.draw(st.sampled_from(list_shapes(space)))
    scale = 10**space.operands.decimals
    low, high = space.operands.min * scale, space.operands.max * scale
    corners = [number for number in (low, high, 0, 1, -1, scale, 2 * scale) if low <= number <= high]
    numbers = st.one_of(st.sampled_from(corners), st.integers(low, high))
    rows = data.draw(st.lists(st.tuples(*[numbers] * count_terms(tree)), min_size=1, max_size=12))
    check(space, tree, rows)


deep_trees = st.recursive(st.just(0), lambda child: st.tuples(st.sampled_from("+-*/"), child, child), max_leaves=7)


def number_leaves(tree):
    counter = itertools.count()

    def walk(node):
        return next(counter) if node == 0 else (node[0], walk(node[1]), walk(node[2]))

    return walk(tree)


@examples(40)
@given(deep_trees, st.sampled_from(DIVISIONS), st.integers(0, 2), st.data())
def test_values_are_exact_in_deep_trees(tree, division, decimals, data):
    tree = number_leaves(tree)
    high = data.draw(st.sampled_from([9, 99, 9999]))
    mapping = {"operands": {"min": -high, "max": high, "decimals": decimals}, "operators": "+-*/", "division": division}
    mapping |= {"terms": count_terms(tree), "brackets": True}
    scale = 10**decimals
    numbers = st.one_of(st.integers(-high * scale, high * scale), st.integers(-9, 9).map(lambda step: step * scale))
    rows = data.draw(st.lists(st.tuples(*[numbers] * count_terms(tree)), min_size=1, max_size=8))
    check(make_recipe(mapping).space, tree, rows)


# Without a division, its kind changes nothing.
@pytest.mark.parametrize(
    ("operators", "division"),
    [
        pytest.param(operators, division, marks=() if "/" in operators or division == "exact" else pytest.mark.slow)
        for operators in ("+", "*", "-*", "+/", "*/")
        for division in DIVISIONS
    ],
)
def test_numbers_of_63_bits_are_used_only_where_nothing_can_overflow(division, operators):
    """The largest operands that are computed natively, and the first beyond, give exact answers at their extremes."""

    def probe(high):
        mapping = {"operands": {"min": -high, "max": high}, "operators": operators, "terms": 3, "brackets": True}
        space = make_recipe(mapping | {"division": division, "places": 3}).space
        return space, Arithmetic(space, high).is_native

    native, huge = 1, 1 << 63
    while huge - native > 1:
        middle = (native + huge) // 2
        native, huge = (middle, huge) if probe(middle)[1] else (native, middle)
    for high in (native, huge):
        space, _ = probe(high)
        extremes = [-high, -high + 1, -1, 0, 1, high - 1, high]
        for tree in list_shapes(space):
            check(space, tree, list(itertools.product(extremes, repeat=3)))


def test_halves_are_rounded_to_the_even_neighbour():
    mapping = {"operands": {"min": -40, "max": 40}, "operators": "/", "division": "decimal", "places": 0}
    space = make_recipe(mapping).space
    tree = ("/", 0, 1)
    rows = list(itertools.product(range(-40, 41), [-8, -4, -2, 0, 2, 4, 8]))
    check(space, tree, rows)
    answers = Arithmetic(space, 40).evaluate(columns_of([tree] * 6), np.array([[1, 3, 5, -1, -3, -5], [2] * 6]))
    assert answers.numerators.tolist() == [0, 2, 2, 0, -2, -2]


def test_decimals_of_answers_are_those_that_products_need():
    def decimals(**rest):
        space = make_recipe({"operands": {"min": 0, "max": 9, "decimals": 2}, **rest}).space
        return Arithmetic(space, 900).answer_decimals

    assert decimals(operators="+-") == 2
    assert decimals(operators="*", terms=3) == 6
    assert decimals(operators="/") == 2
    assert decimals(operators="*/", terms=2) == 4
    assert decimals(operators="/", division="quotient") == 0
    assert decimals(operators="+/", division="decimal", places=5) == 5
    assert decimals(operators="+", division="decimal", places=0) == 2


@pytest.mark.parametrize("subtract", [False, True])
def test_carries_and_borrows_of_every_small_pair_are_those_on_paper(subtract):
    numbers = [*range(-35, 36), *range(95, 116), -99, -100, -101, 899, 900, 999, 1000, -999, -1000]
    left, right = map(np.array, zip(*itertools.product(numbers, repeat=2), strict=True))
    expected = [
        oracle_carries(Operation("-" if subtract else "+", Number(one), Number(other)))
        for one, other in zip(left.tolist(), right.tolist(), strict=True)
    ]
    result = left - right if subtract else left + right
    assert count_carries(left, right, result).tolist() == expected
    huge = count_carries(*(column.astype(object) for column in (left, right, result)))
    assert huge.tolist() == expected


@given(st.lists(st.tuples(*[st.integers(-(10**40), 10**40)] * 2), min_size=1), st.booleans())
def test_carries_of_numbers_of_any_size_are_those_on_paper(pairs, subtract):
    left, right = (np.array(column, dtype=object) for column in zip(*pairs, strict=True))
    expected = [oracle_carries(Operation("-" if subtract else "+", Number(one), Number(other))) for one, other in pairs]
    assert count_carries(left, right, left - right if subtract else left + right).tolist() == expected


@given(st.lists(st.integers(0, 2**62 - 1), min_size=1))
def test_digits_are_counted_and_summed_as_in_the_text(values):
    for dtype in (np.int64, object):
        array = np.array(values, dtype=dtype)
        assert digit_count(array).tolist() == [len(str(value)) for value in values]
        assert digit_sum(array, max(values)).tolist() == [sum(map(int, str(value))) for value in values]


def test_powers_of_ten_have_one_digit_more_than_what_comes_before():
    powers = np.array([10**exponent for exponent in range(1, 19)])
    assert digit_count(powers).tolist() == list(range(2, 20))
    assert digit_count(powers - 1).tolist() == list(range(1, 19))
    assert digit_count(np.array([0])).tolist() == [1]


def test_an_equation_on_paper():
    columns = columns_of([("-", ("*", ("+", 0, 1), 2), ("/", 3, 4))])
    space = make_recipe({"operands": {"min": 0, "max": 999}, "operators": "+-*/", "terms": 5, "brackets": True}).space
    answers = Arithmetic(space, 999).evaluate(columns, np.array([131, 83, 7, 744, 31])[:, None])
    assert (answers.numerators.tolist(), answers.scale, answers.denominators) == ([1474], 1, None)
    assert evaluate(parse("(131 + 83) * 7 - 744 / 31")) == 1474
    # 131 + 83 carries once, 1498 - 24 borrows never.
    assert answers.carries.tolist() == [1]


def test_no_equations_have_no_answers():
    space = make_recipe({"operands": {"min": 0, "max": 9}, "operators": "+-*/", "division": "quotient"}).space
    for columns in (columns_of([("/", 0, 1)]).take(np.zeros(0, dtype=np.int64)), TermShapes(2, "/", brackets=False)):
        if isinstance(columns, TermShapes):
            columns = columns.columns(np.zeros(0, dtype=np.int64))
        answers = Arithmetic(space, 9).evaluate(columns, np.zeros((2, 0), dtype=np.int64))
        assert len(answers.numerators) == len(answers.carries) == 0
