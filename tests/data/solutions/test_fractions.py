"""Solutions with rounded quotients and with fractions, in bulk, against those made one line at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.brute_force import make_recipe
from tests.covering import cover_values
from tests.data.solutions.solving import assert_solved
from tests.examples import examples


@cover_values(
    "space, division",
    {
        "pairs": {"operands": {"min": -5, "max": 16}, "operators": "/", "terms": 2, "places": 2},
        "without spaces": {
            "operands": {"min": -3, "max": 6},
            "operators": "+-*/",
            "terms": {"min": 1, "max": 2},
            "spacing": False,
        },
        "brackets": {"operands": {"min": -1, "max": 2}, "operators": "+-*/", "terms": 3, "brackets": True, "places": 0},
        "four terms": {
            "operands": {"min": 12, "max": 13},
            "operators": "*/",
            "terms": 4,
            "brackets": True,
            "places": 1,
        },
    },
    ["decimal", "fraction"],
)
def test_every_line_of_small_spaces_is_that_of_the_reference(space, division):
    assert_solved(make_recipe({**space, "division": division}, commuted="ignore"))


@examples(6)
@given(
    st.sampled_from([99, 999]),
    st.sampled_from(["+-*/", "/", "-/"]),
    st.sampled_from(["decimal", "fraction"]),
    st.integers(0, 1000),
)
def test_lines_of_drawn_equations_are_those_of_the_reference(largest, operators, division, seed):
    space = {
        "operands": {"min": -largest, "max": largest},
        "operators": operators,
        "terms": {"min": 2, "max": 3},
        "division": division,
        "places": seed % 4,
        "brackets": True,
    }
    assert_solved(make_recipe(space, [{"name": "train", "count": 10}], commuted="ignore", seed=seed))


@pytest.mark.parametrize(
    ("division", "largest"), [("decimal", {"places": 7, "operands": 10**9}), ("fraction", {"operands": 10**18})]
)
def test_largest_numbers_are_exact(division, largest):
    operands = {"min": largest["operands"] // 2, "max": largest.pop("operands")}
    space = {**largest, "operands": operands, "operators": "/", "terms": 2, "division": division}
    assert_solved(make_recipe(space, [{"name": "train", "count": 12}], commuted="ignore"))
