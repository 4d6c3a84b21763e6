"""Lines that can be one step from another, against the steps of whole solutions."""

import itertools
from fractions import Fraction

import pytest

import eqstream
from eqstream.data.recipe_files import load_recipe
from eqstream.data.reference.evaluation import evaluate
from eqstream.data.reference.parsing import Number, Operation, parse
from eqstream.data.reference.solution import line_text, next_line, solution
from eqstream.seq2seq.models.step_check import can_be_step


@pytest.mark.parametrize(
    "name", ["arithmetic-5", "quotients-4", "mixed-4", "brackets", "division-floor-6digits", "decimals"]
)
def test_every_step_can_be_one_if_quotients_are_not_rounded_to_places(name):
    recipe = load_recipe(name)
    division, places = recipe.space.division, recipe.space.places
    num_steps = 0
    for equation in itertools.islice(eqstream.equations(recipe, split="test"), 150):
        lines = [line_text(line, division) for line in solution(parse(equation.question), division, places)]
        for before, line in itertools.pairwise(lines):
            assert can_be_step(parse(before), parse(line)), (before, line)
            num_steps += 1
    assert num_steps >= 150


@pytest.mark.parametrize(
    ("line", "following"),
    [
        ("12 + 30 - 5", "42 - 5"),
        # A wrong value is not seen if it has the sign and the number of digits that it may have.
        ("12 + 30 - 5", "43 - 5"),
        ("12 + 30 - 5", "142 - 5"),
        ("12 - 30", "-9"),
        ("38 * 7", "966"),
        ("38 * 7", "26"),
        ("9 + 12 * 34", "9 + 320 + 12 * 4"),
        ("1 * 2 + (3 - (4 - 5))", "1 * 2 + (3 - -1)"),
        # Not the first one from the left, but a step.
        ("1 + 2 + (3 - 4)", "1 + 2 + -1"),
        ("9 + 2 * 3 - -4", "9 + 6 + 4"),
        ("9 + 12 * 34", "9 + 360 + 12 * 4"),
        ("9 - 12 * 304 * 5", "9 - (3600 + 12 * 4) * 5"),
        ("12 * 0.34", "3.6 + 12 * 0.04"),
        ("70 * 0.3", "21"),
        ("34 * -12", "-34 * 12"),
        ("80 / 5 - 1", "10 + (80 - 5 * 10) / 5 - 1"),
        ("80 / 5 - 1", "20 + (80 - 5 * 20) / 5 - 1"),
        ("7 - 80 / 5", "7 - 10 - (80 - 5 * 10) / 5"),
        ("84 / -4", "-84 / 4"),
        ("1.5 / 0.25", "150 / 25"),
        ("0.5 + 0.25", "0.75"),
    ],
)
def test_what_can_be_a_step(line, following):
    assert can_be_step(parse(line), parse(following))


@pytest.mark.parametrize(
    ("line", "following"),
    [
        ("12 + 30 - 5", "42 - 6"),
        ("12 + 30 - 5", "42 + 5"),
        ("12 + 30 - 5", "12 + 30 - 5"),
        ("12 + 30", "12 + 3"),
        ("1 * 2 + (3 - (4 - 5))", "2 + 3 - -1"),
        ("1 * 2 + (3 - (4 - 5))", "1 * 2 + 3 - -1"),
        ("1 + 1 + 1 + 1", "2 + 1"),
        ("1 + 2 - -3", "3 - 3"),
        # The brackets are gone though the step is elsewhere.
        ("(513 - 748) * (-913 * 2) + 1", "(513 - 748) * -913 * 2 + 1"),
        # More than a factor of one digit, or another factor, or the wrong digits left.
        ("719 * 344", "247336"),
        ("9 + 12 * 34", "9 + 360 + 13 * 4"),
        ("9 + 12 * 34", "9 + 360 + 12 * 3"),
        ("9 + 12 * 340", "9 + 36000 + 12 * 4"),
        ("9 - 12 * 34", "9 - 360 + 12 * 4"),
        ("34 * -12", "-34 * -12"),
        ("34 * 10", "340 * 1"),
        ("80 / 5 - 1", "10 + (80 - 5 * 20) / 5 - 1"),
        ("80 / 5 - 1", "10 + (80 - 5 * 10) / 8 - 1"),
        ("80 / 5 - 1", "10 + (80 - 5 * 10 - 0) / 5 - 1"),
        ("7 - 80 / 5", "7 - 10 + (80 - 5 * 10) / 5"),
        ("84 / -4", "84 / 4"),
        # Quotients that are known are others, and those with a digit to be split off are not known.
        ("84 / 4", "21"),
        ("84138 / 37", "5"),
        ("37 / 37", "-1"),
        ("37 / 1", "36"),
        ("5 / 7", "1"),
        # A rule, but not for these numbers.
        ("84 / 4", "840 / 4"),
        ("84 / 4", "-84 / -4"),
        ("1.5 / 0.25", "0.15 / 25"),
        ("1.5 / 0.25", "15 / 2.5"),
        ("34 * 12", "-34 * -12"),
        ("34 * -12", "-340 + 34 * -2"),
        ("34 * 0", "0 + 34 * 0"),
        ("744 * 30", "22320 + 744 * 0"),
        ("7 * 30", "210 + 7 * 0"),
        ("80 / 5", "0 + (80 - 5 * 0) / 5"),
        ("80 / 5", "12 + (80 - 5 * 12) / 5"),
        ("80 / 5", "-10 + (80 - 5 * -10) / 5"),
        # Another sign, or too many digits or too few.
        ("12 + 30 - 5", "-42 - 5"),
        ("12 + 30 - 5", "9 - 5"),
        ("12 + 30 - 5", "1042 - 5"),
        ("12 - 30", "18"),
        ("12 - 30", "-118"),
        ("12 - -30", "-18"),
        ("12 + -30", "18"),
        ("30 - 30", "3"),
        ("30 - 12", "0"),
        ("30 + 0", "31"),
        ("38 * 7", "2266"),
        ("38 * 7", "6"),
        ("38 * -7", "266"),
        ("38 * 0", "38"),
        ("38 * 7", "0"),
        ("0.3 * 0.2", "0.006"),
        ("9 + 12 * 34", "9 + 36 + 12 * 4"),
        ("9 + 12 * 34", "9 + 36000 + 12 * 4"),
        ("9 + 12 * 34", "9 + -360 + 12 * 4"),
        ("7", "7"),
        ("7", "3 + 4"),
    ],
)
def test_what_cannot_be_a_step(line, following):
    assert not can_be_step(parse(line), parse(following))


NUMBERS = [Fraction(value) for value in ("0", "0.02", "0.7", "1", "3", "9", "10", "34.5", "99", "100", "612", "1000")]
NUMBERS += [-value for value in NUMBERS if value]


@pytest.mark.parametrize("operator", "+-*")
def test_no_right_value_is_taken_for_a_wrong_one(operator):
    for left, right in itertools.product(NUMBERS, NUMBERS):
        line = Operation(operator, Number(left), Number(right))
        for following in (next_line(line), Number(evaluate(line))):
            is_split = operator == "*" and isinstance(next_line(line), Operation)
            assert can_be_step(line, following) is not (is_split and isinstance(following, Number))
