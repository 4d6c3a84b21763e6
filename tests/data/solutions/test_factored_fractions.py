"""Fractions of spaces with two terms, whose sides are split into prime factors, in bulk against the reference."""

import itertools

import pytest

from eqstream.data.reference.solution import line_text
from eqstream.data.solutions.solving import BlockSolver
from eqstream.data.space.held_out_classes import HeldOut
from eqstream.data.space.prepared_space import prepare_space
from eqstream.data.splits.shared_equations import hold_out
from tests.brute_force import make_recipe
from tests.data.solutions.solving import assert_solved, block_of, solutions_of

FRACTIONS = {"operators": "/", "terms": 2, "division": "fraction"}


def assert_drawn(space, count):
    assert_solved(make_recipe(FRACTIONS | space, [{"name": "train", "count": count}], commuted="ignore"))


def test_every_line_of_two_digits_is_that_of_the_reference():
    recipe = make_recipe({**FRACTIONS, "operands": {"min": 0, "max": 99}}, commuted="ignore")
    assert len(block_of(recipe)) == 9900
    assert_solved(recipe)


@pytest.mark.parametrize(
    "space",
    [
        {"operands": {"min": -20, "max": 21}, "operators": "+-*/", "terms": {"min": 1, "max": 2}},
        {"operands": {"min": -12, "max": 31}, "spacing": False},
        {"operands": {"min": 0, "max": 1}},
        {"operands": {"min": 2, "max": 2}},
    ],
)
def test_every_line_of_small_spaces_is_that_of_the_reference(space):
    assert_solved(make_recipe(FRACTIONS | space, commuted="ignore"))


@pytest.mark.parametrize(("low", "high"), [(0, 999), (-999, 999), (900, 1100), (-9999, 9999)])
def test_lines_of_drawn_fractions_are_those_of_the_reference(low, high):
    assert_drawn({"operands": {"min": low, "max": high}}, 500)


def is_longer_equation(line):
    """Whether a line has three numbers, all from 2 to 7, and no brackets."""
    numbers = line.replace(" / ", " * ").split(" * ")
    return "(" not in line and len(numbers) == 3 and all(2 <= int(number) <= 7 for number in numbers)


def test_lines_that_are_held_out_equations_of_more_terms_are_left_out():
    other = make_recipe({"operands": {"min": 2, "max": 7}, "operators": "*/", "terms": 3, "division": "fraction"})
    recipe = make_recipe({**FRACTIONS, "operands": {"min": 0, "max": 60}}, commuted="ignore")
    block = block_of(recipe)
    steps = BlockSolver(prepare_space(recipe.space)).solve(block, HeldOut(hold_out(other, ["train"])))
    chains = [[line_text(line, "fraction") for line in lines] for lines in solutions_of(recipe, block)]
    pairs = [pair for chain in chains for pair in itertools.pairwise(chain)]
    expected = [pair for pair in pairs if not any(map(is_longer_equation, pair))]
    assert sorted(zip(steps.question.to_texts(), steps.answer.to_texts(), strict=True)) == sorted(expected)
    assert steps.num_left_out == len(pairs) - len(expected) > 100
