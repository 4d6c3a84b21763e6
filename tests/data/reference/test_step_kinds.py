"""The kinds of steps, by examples, and against how many operators of each kind a step adds and removes."""

import itertools

import pytest

from eqstream.data.reference.explanation import judge_line
from eqstream.data.reference.parsing import parse, render
from eqstream.data.reference.solution import iterate_lines
from tests.brute_force import list_trees


@pytest.mark.parametrize(
    ("division", "lines", "steps"),
    [
        ("exact", "9 - (1 + 34 * -12)|9 - (1 + -34 * 12)|9 - (1 + -340 + -34 * 2)", "sign change|digit of a product"),
        ("exact", "340 + 34 * 2|340 + 68|408", "product|sum"),
        ("exact", "0 / -4|0 / 4|0", "sign change|quotient"),
        ("exact", "4 - 74 / 37|4 - 1 - (74 - 37 * 1) / 37|3 - (74 - 37 * 1) / 37", "digit of a quotient|difference"),
        ("exact", "(2 + 3) * 0.5 / 0.25|5 * 0.5 / 0.25|2.5 / 0.25|250 / 25", "sum|product|power of ten"),
        ("exact", "1.5 / 1|1.5", "quotient"),
        ("quotient", "2 + -1 / 2|2 + -1|1", "quotient|sum"),
        ("decimal", "0.166 + 0.004 / 6|0.17", "rounding"),
        ("decimal", "0.004 / 9|0", "rounding"),
        ("decimal", "0.3 * 0.15|0.045 / 1|0.04", "product|rounding"),
        ("decimal", "0.125|0.12", "rounding"),
        ("decimal", "0.12|0.12", "no step"),
        ("exact", "-7|-7", "no step"),
        ("decimal", "1 / 4 - 1 / 6|(1 * 6 - 1 * 4) / (4 * 6)", "difference of fractions"),
        ("decimal", "2 * (3 / 4) + 1|2 * 3 / 4 + 1", "product of fractions"),
        ("fraction", "1 / 3 / (4 / 5)|1 * 5 / (3 * 4)", "quotient of fractions"),
        ("fraction", "1 / 5 + 1 / 5|(1 + 1) / 5|2 / 5|2/5", "sum of fractions|sum|lowest terms"),
        ("fraction", "14 / 6|14 / 2 / (6 / 2)|7 / (6 / 2)|7 / 3", "common factor|quotient|quotient"),
        ("fraction", "0.5 - 0.1|0.4 / 1|4 / 10", "difference|power of ten"),
    ],
)
def test_kinds_by_their_examples(division, lines, steps):
    texts = lines.split("|")
    for before, line, step in zip(texts[:-1], texts[1:], steps.split("|"), strict=True):
        judged = judge_line(before, line, division=division, places=2)
        assert (judged.fault, judged.step) == (None, step)


# How many operators + - * / a step adds.
_KINDS = {
    (-1, 0, 0, 0): {"sum"},
    (0, -1, 0, 0): {"difference"},
    (0, 0, -1, 0): {"product"},
    (0, 0, 0, -1): {"quotient"},
    (1, 0, 0, 0): {"digit of a product"},
    (0, 1, 0, 0): {"digit of a product"},
    (1, 1, 1, 0): {"digit of a quotient"},
    (0, 2, 1, 0): {"digit of a quotient"},
    (0, 0, 0, 0): {"sign change", "power of ten"},
}


@pytest.mark.parametrize(("division", "num_kinds"), [("exact", 8), ("quotient", 7)])
def test_every_step_of_a_small_space_adds_the_operators_of_its_kind(division, num_kinds):
    found = set()
    for tree in list_trees([-25, 0, 119], "+-*/", 3):
        try:
            lines = [render(line) for line in iterate_lines(tree, division)]
        except ArithmeticError:
            continue
        for before, line in itertools.pairwise(lines):
            step = judge_line(before, line, division=division).step
            added = tuple(count(line, operator) - count(before, operator) for operator in "+-*/")
            assert step in _KINDS[added], (before, line)
            if not any(added):
                assert (step == "power of ten") == (before.count(".") > line.count("."))
            found.add(step)
    assert len(found) == num_kinds


def count(line, operator):
    return line.count(f" {operator} ")


def test_the_kind_is_that_of_the_operation_however_deep_it_stands():
    line = "7 * (5 - (3 + 34 * 12) / 9)"
    assert judge_line(line, "7 * (5 - (3 + 340 + 34 * 2) / 9)").step == "digit of a product"
    assert render(parse(line)) == line
