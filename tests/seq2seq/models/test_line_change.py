"""Changes of a line in one place, against the steps of whole solutions."""

import itertools

import pytest

import eqstream
from eqstream.data.recipe_files import load_recipe
from eqstream.data.reference.parsing import parse
from eqstream.data.reference.solution import line_text, solution
from eqstream.seq2seq.models.line_change import changes_one_place


@pytest.mark.parametrize(
    "name", ["arithmetic-5", "quotients-4", "mixed-4", "brackets", "division-floor-6digits", "decimals"]
)
def test_every_step_is_in_one_place_if_quotients_are_not_rounded_to_places(name):
    recipe = load_recipe(name)
    division, places = recipe.space.division, recipe.space.places
    num_steps = 0
    for equation in itertools.islice(eqstream.equations(recipe, split="test"), 150):
        lines = [line_text(line, division) for line in solution(parse(equation.question), division, places)]
        for before, line in itertools.pairwise(lines):
            assert changes_one_place(before, line), (before, line)
            num_steps += 1
    assert num_steps >= 150


@pytest.mark.parametrize(
    ("line", "following", "expected"),
    [
        ("12 + 30 - 5", "42 - 5", True),
        ("12 + 30 - 5", "42 - 6", False),
        # A wrong value is not seen: nothing is calculated.
        ("12 + 30 - 5", "43 - 5", True),
        ("1 * 2 + (3 - (4 - 5))", "1 * 2 + (3 - -1)", True),
        ("1 * 2 + (3 - (4 - 5))", "2 + 3 - -1", False),
        ("1 * 2 + (3 - (4 - 5))", "1 * 2 + ((3 - -1)", False),
        ("1 + 1 + 1 + 1", "2 + 1 + 1", True),
        ("1 + 1 + 1 + 1", "2 + 1", False),
        ("80 / 5 - 1", "10 + (80 - 5 * 10) / 5 - 1", True),
        ("80 / 5 - 1", "10 + (80 - 5 * 10 - 0) / 5 + 1", False),
        ("0.5 + 0.25", "0.75", True),
        ("7", "7", True),
    ],
)
def test_changes(line, following, expected):
    assert changes_one_place(line, following) is expected
    assert changes_one_place(line.replace(" ", ""), following.replace(" ", "")) is expected
