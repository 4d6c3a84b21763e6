"""Worked solutions against the reference of values and texts, all of small spaces."""

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eqstream.data.reference.evaluation import InexactDivisionError, answer_text, evaluate
from eqstream.data.reference.parsing import Number, Operation, parse, parse_strict, render
from eqstream.data.reference.solution import iterate_lines, line_text, next_line, solution
from tests.brute_force import list_chains, list_numbers, list_trees
from tests.examples import examples


def check_solution(tree, division, decimals=0, limit=200, places=0):
    """Checks all that must hold of a solution but for the rules' own choice of steps; returns its number of lines."""
    value = evaluate(tree, division, decimals)
    chain = list(itertools.islice(iterate_lines(tree, division, places), limit))
    assert chain[0] == tree
    assert isinstance(chain[-1], Number)
    assert line_text(chain[-1], division) == answer_text(value, division, places)
    assert len(set(chain)) == len(chain)
    for line in chain[1:-1]:
        assert evaluate(line, division, 100) == value
        assert all(parse_strict(render(line, spacing), spacing) == line for spacing in (True, False))
        assert all(isinstance(number, int) or number.denominator > 1 for number in numbers_of(line))
    return len(chain)


def numbers_of(tree):
    return [tree.value] if isinstance(tree, Number) else numbers_of(tree.left) + numbers_of(tree.right)


def solvable(trees, division, decimals=0):
    for tree in trees:
        try:
            evaluate(tree, division, decimals)
        except ArithmeticError:
            continue
        yield tree


@pytest.mark.parametrize(
    ("division", "expected"),
    [
        ("exact", "31 + 87|118"),
        ("exact", "12 - (3 - -4)|12 - 7|5"),
        ("exact", "7 * 68|476"),
        ("exact", "68 * 700|47600"),
        ("exact", "34 * 12|340 + 34 * 2|340 + 68|408"),
        ("exact", "34 * -12|-34 * 12|-340 + -34 * 2|-340 + -68|-408"),
        ("exact", "100 - 34 * 12|100 - 340 - 34 * 2|-240 - 34 * 2|-240 - 68|-308"),
        ("exact", "5 * (34 * 12)|5 * (340 + 34 * 2)|5 * (340 + 68)|5 * 408|2040"),
        ("exact", "9 - (1 + 34 * 12)|9 - (1 + 340 + 34 * 2)|9 - (341 + 34 * 2)|9 - (341 + 68)|9 - 409|-400"),
        ("exact", "1.2 * 0.34|0.36 + 1.2 * 0.04|0.36 + 0.048|0.408"),
        ("exact", "0 / 7|0"),
        ("exact", "7 / 1|7"),
        ("exact", "-7 / 7|-1"),
        ("exact", "8 / -4|-8 / 4|-2 + (-8 - 4 * -2) / 4|-2 + (-8 - -8) / 4|-2 + 0 / 4|-2 + 0|-2"),
        ("exact", "3 / 4|0.7 + (3 - 4 * 0.7) / 4|0.7 + (3 - 2.8) / 4|0.7 + 0.2 / 4|0.7 + 0.05 + (0.2 - 4 * 0.05) / 4"),
        ("exact", "1.5 / 0.5|15 / 5|3 + (15 - 5 * 3) / 5|3 + (15 - 15) / 5|3 + 0 / 5|3 + 0|3"),
        ("exact", "4 - 74 / 37|4 - 1 - (74 - 37 * 1) / 37|3 - (74 - 37 * 1) / 37|3 - (74 - 37) / 37|3 - 37 / 37|3 - 1"),
        ("quotient", "7 / 2|3 + (7 - 2 * 3) / 2|3 + (7 - 6) / 2|3 + 1 / 2|3 + 0|3"),
        ("quotient", "-7 / 2|-3 + (-7 - 2 * -3) / 2|-3 + (-7 - -6) / 2|-3 + -1 / 2|-3 + -1|-4"),
        ("quotient", "7.5 / -1|-7.5 / 1|-8"),
        (
            "decimal",
            "1 / 6|0.1 + (1 - 6 * 0.1) / 6|0.1 + (1 - 0.6) / 6|0.1 + 0.4 / 6|0.1 + 0.06 + (0.4 - 6 * 0.06) / 6",
        ),
        ("decimal", "0.166 + 0.004 / 6|0.17"),
        ("decimal", "2 - 0.008 / 6|2 - 0.001 - (0.008 - 6 * 0.001) / 6"),
        ("decimal", "-0.003 / 6|0"),
        ("decimal", "0.3 * 0.15|0.045 / 1|0.04"),
        ("decimal", "0.125|0.12"),
        ("decimal", "1 / 4 * 3|1 * 3 / 4|3 / 4"),
        ("decimal", "1 / 4 - 1 / 6|(1 * 6 - 1 * 4) / (4 * 6)"),
        ("decimal", "2 * (3 + 1 / 4)|2 * ((3 * 4 + 1) / 4)|2 * ((12 + 1) / 4)|2 * (13 / 4)|2 * 13 / 4|26 / 4"),
        ("decimal", "1.5 / (1 / 0.4)|1.5 / (10 / 4)|1.5 * 4 / 10|6 / 10"),
        ("fraction", "2 / 3|2/3"),
        ("fraction", "84 / 90|84 / 2 / (90 / 2)|42 / (90 / 2)|42 / 45|42 / 3 / (45 / 3)|14 / (45 / 3)|14 / 15|14/15"),
        ("fraction", "14 / -22|-14 / 22|-14 / 2 / (22 / 2)|-7 / (22 / 2)|-7 / 11|-7/11"),
        ("fraction", "2 * (1 / 3)|2 * 1 / 3|2 / 3|2/3"),
        ("fraction", "1 / 3 / (4 / 5)|1 * 5 / (3 * 4)|5 / (3 * 4)|5 / 12|5/12"),
        ("fraction", "1 / 5 + 1 / 5|(1 + 1) / 5|2 / 5|2/5"),
        ("fraction", "0.5 - 0.1|0.4 / 1|4 / 10|4 / 2 / (10 / 2)|2 / (10 / 2)|2 / 5|2/5"),
        ("fraction", "4036 / 12108|4036 / 2 / (12108 / 2)"),
        ("fraction", "2018 / 3027|2018 / 1009 / (3027 / 1009)"),
    ],
)
def test_rules_by_their_examples(division, expected):
    expected_lines = expected.split("|")
    found = [line_text(line, division) for line in solution(parse(expected_lines[0]), division, 2)]
    assert found[: len(expected_lines)] == expected_lines


@pytest.mark.parametrize(
    ("numbers", "operators", "terms", "division", "decimals"),
    [
        (range(-9, 26), "+-*", 2, "exact", 0),
        (range(-12, 61), "/", 2, "exact", 0),
        (range(-9, 21), "/", 2, "quotient", 0),
        ([-25, 0, 1, 12, 119], "+-*/", 3, "exact", 0),
        ([-37, 0, 5, 99], "+-*/", 3, "quotient", 0),
        pytest.param([-12, 34], "-*/", 4, "quotient", 0, marks=pytest.mark.slow),
        (list_numbers(-1, 1, 1), "+-*/", 2, "exact", 1),
        ([Fraction(-5, 4), Fraction(1, 20), 30], "+-*/", 3, "exact", 2),
        ([Fraction(-5, 4), Fraction(1, 20), 30], "+-*/", 3, "quotient", 2),
    ],
)
def test_all_lines_of_small_spaces_are_equal_and_end_in_the_answer(numbers, operators, terms, division, decimals):
    trees = list_trees([*numbers], operators, terms)
    assert sum(1 for tree in solvable(trees, division, decimals) if check_solution(tree, division, decimals)) > 50


@pytest.mark.parametrize("division", ["decimal", "fraction"])
@pytest.mark.parametrize(
    ("numbers", "terms"),
    [([-24, -7, -1, 0, 1, 5, 12, 16, 30, 36], 2), ([-36, 0, 7, 48], 3), (list_numbers(-1, 1, 1)[::3], 2)],
)
def test_rounded_quotients_and_fractions_of_small_spaces_end_in_the_answer(numbers, terms, division):
    trees = list_trees([*numbers], "-*/" if terms == 3 else "+-*/", terms)
    for tree in solvable(trees, division):
        check_solution(tree, division, places=terms - 1)


def test_solutions_of_chains_without_brackets_hold_too():
    for tree in solvable(list_chains([-7, 0, 25], "+-*/", 3), "quotient"):
        check_solution(tree, "quotient")


@pytest.mark.parametrize("division", ["exact", "quotient"])
def test_lines_of_a_product_and_a_quotient_are_few(division):
    values = [1, 9, 10, 11, 19, 37, 59, 99, 100, 101, 199, 999, 1000, 8991, 9999, 98765]
    for left, right in itertools.product(values, repeat=2):
        product = Operation("*", Number(left), Number(-right))
        assert check_solution(product, division) <= 3 + 2 * len(str(right))
        quotient = Operation("/", Number(left * right), Number(-right))
        assert check_solution(quotient, division) <= 3 + 10 * len(str(left))


digits = st.integers(-(10**40), 10**40)


@examples(15)
@given(digits, digits, st.sampled_from("+-*/"), st.integers(-40, 40), st.integers(-40, 40))
def test_hostile_numbers_end_too(left, right, operator, left_places, right_places):
    sides = [Fraction(left) * Fraction(10) ** left_places, Fraction(right) * Fraction(10) ** right_places]
    tree = Operation(operator, *(parse(render(Number(simple(side)))) for side in sides))
    for division in ("quotient", "decimal", "fraction") if right else ():
        # Both sides of a fraction of long numbers are divided, digit by digit, by every prime that they share.
        check_solution(tree, division, limit=200_000, places=3)


def simple(value):
    return value.numerator if value.denominator == 1 else value


@examples(30)
@given(digits, digits)
def test_exact_quotients_of_hostile_numbers_end_too(quotient, divisor):
    if divisor:
        check_solution(Operation("/", Number(quotient * divisor), Number(divisor)), "exact", limit=5000)


def test_a_number_is_its_own_solution():
    assert solution(Number(7)) == [Number(7)]
    assert next_line(Number(7)) == Number(7)


def test_refuses_what_has_no_solution():
    with pytest.raises(ZeroDivisionError, match=r"^7 is divided by zero$"):
        solution(parse("7 / (2 - 2)"))
    with pytest.raises(InexactDivisionError, match=r"^7 / 3 has no finite decimal form$"):
        solution(parse("7 / 3"))
