"""Fractions of spaces with two terms, whose sides are split into prime factors, one line at a time."""

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eqstream.data.reference.evaluation import evaluate
from eqstream.data.reference.explanation import judge_line
from eqstream.data.reference.parsing import Number, Operation, parse
from eqstream.data.reference.solution import iterate_lines, line_text, next_line
from eqstream.data.reference.step_kinds import name_step
from tests.examples import examples

MOST_LINES = 400


def solve(dividend, divisor):
    lines = []
    for line in iterate_lines(Operation("/", Number(dividend), Number(divisor)), "fraction", factored=True):
        lines.append(line)
        assert len(lines) < MOST_LINES
    return lines


def follow(text):
    return line_text(next_line(parse(text), "fraction", factored=True), "fraction")


def check(dividend, divisor):
    """Checks a solution, and returns its lines as texts."""
    lines = solve(dividend, divisor)
    value = Fraction(dividend, divisor)
    assert all(evaluate(line, "fraction") == value for line in lines)
    texts = [line_text(line, "fraction") for line in lines]
    assert texts[-1] == str(value)
    assert len(set(texts)) == len(texts)
    # The next line follows from the text alone.
    assert [follow(text) for text in texts[:-1]] == texts[1:]
    # Only a question and an answer are a fraction by itself.
    assert not any(re.fullmatch("-?[0-9]+ / [0-9]+", text) for text in texts[1:-1])
    return texts


def test_every_fraction_of_a_small_space_is_brought_into_lowest_terms():
    for dividend in range(-40, 41):
        for divisor in [*range(-12, 0), *range(1, 41)]:
            check(dividend, divisor)


@pytest.mark.slow
def test_every_fraction_of_two_digits_is_brought_into_lowest_terms_by_short_lines():
    texts = [text for dividend in range(100) for divisor in range(1, 100) for text in check(dividend, divisor)]
    assert max(len(text.replace(" ", "")) for text in texts) == 25


@examples(60)
@given(st.sampled_from([999, 9999]), st.data())
def test_fractions_of_longer_numbers_are_brought_into_lowest_terms(largest, data):
    dividend = data.draw(st.integers(-largest, largest))
    check(dividend, data.draw(st.integers(1, largest)) * data.draw(st.sampled_from([1, -1])))


@pytest.mark.parametrize(
    "chain",
    [
        "84 / 7|2 * 42 / 7|2 * 2 * 21 / 7|2 * 2 * 3 * 7 / 7|2 * 2 * 3|4 * 3|12",
        "7 / 45|7 / (3 * 15)|7 / (3 * 3 * 5)|7 / (9 * 5)|7/45",
        "3 / 30|3 / (2 * 15)|3 / (2 * 3 * 5)|1 / (2 * 5)|1/10",
        "-6 / 35|-1 * 6 / 35|-1 * 2 * 3 / 35|-1 * 2 * 3 / (5 * 7)|-2 * 3 / (5 * 7)|-6 / (5 * 7)|-6/35",
        "5 / -10|-1 * 5 / 10|-1 * 5 / (2 * 5)|-1/2",
        "-6 / -3|1 * 6 / 3|1 * 2 * 3 / 3|1 * 2|2",
        "7 / 5|7/5",
        "7 / -5|-7/5",
        "1 / 90|1/90",
        "7 / -7|-1",
        "0 / -7|0",
        "84 / -1|-84",
        "667 / 3|23 * 29 / 3|(460 + 23 * 9) / 3|(460 + 207) / 3|667/3",
        "4205 / (4500 + 0)|1 * 4205 / 4500|4205 / 5 / (4500 / 5)",
        "0.5 / 3|1 * 5 / 30|1 * 5 / (2 * 15)|1 * 5 / (2 * 3 * 5)|1 / (2 * 3)|1/6",
    ],
)
def test_lines_are_those_of_the_rules(chain):
    lines = chain.split("|")
    assert [follow(line) for line in lines[:-1]] == lines[1:]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("84 / 90", "prime factor"),
        ("2 * 2 / (2 * 21)", "prime factor"),
        ("2 * 7 / (3 * 7)", "common factor"),
        ("2 * 7 / (3 * 5)", "product"),
        ("14 / (3 * 5)", "product"),
        ("23 * 29 / 3", "digit of a product"),
        ("7 / 5", "lowest terms"),
        ("1001 / 1000", "lowest terms"),
        ("7 / 7", "quotient"),
        ("84 / -90", "sign change"),
        ("8400 / -9000", "sign change"),
        ("0.5 / 3", "power of ten"),
        ("1 * 4205 / 4500", "common factor"),
        ("4205 / (90 / 3)", "quotient"),
    ],
)
def test_kinds_of_steps(line, kind):
    tree = parse(line)
    assert name_step(tree, next_line(tree, "fraction", factored=True), "fraction", factored=True) == kind


@pytest.mark.parametrize(
    ("before", "line", "verdict"),
    [
        ("84 / 90", "2 * 42 / 90", "prescribed"),
        ("84 / 90", "3 * 28 / 90", "right value"),
        ("84 / 90", "2 * 41 / 90", "wrong value"),
        ("84 / 90", "2 * 42 / 80", "miscopied"),
        ("2 * 2 / 90", "2 * 2 / (2 * 55)", "wrong value"),
        ("2 * 2 / 90", "2 * 3 / (2 * 45)", "miscopied"),
        ("14 / (3 * 5)", "14/15", "prescribed"),
        ("2 * 3 / (3 * 5)", "6/15", "right value"),
        ("2 * 3 / 0", "6/15", "unjudged"),
    ],
)
def test_lines_are_judged(before, line, verdict):
    assert judge_line(before, line, division="fraction", factored=True).verdict == verdict
