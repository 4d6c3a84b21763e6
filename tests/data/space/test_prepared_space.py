"""Facts of a space, against the recipe they come from."""

import pytest

from eqstream.data.space.prepared_space import prepare_space
from tests.brute_force import make_recipe


def prepare(**space):
    return prepare_space(make_recipe({"operands": {"min": 0, "max": 99}, **space}).space)


def test_operands_are_whole_numbers_of_grid_steps():
    space = prepare(operands={"min": -2, "max": 120, "decimals": 3})
    assert (space.scale, space.decimals, space.operand_digits) == (1000, 3, 3)
    assert space.operand_domain.intervals == ((-2000, 120_000),)
    assert space.has_negative_operands


@pytest.mark.parametrize(
    ("operators", "division", "has_division", "has_fractions"),
    [("+", "fraction", False, False), ("+/", "fraction", True, True), ("*/", "exact", True, False)],
)
def test_division_counts_only_where_the_operators_have_it(operators, division, has_division, has_fractions):
    space = prepare(operators=operators, division=division)
    assert (space.has_division, space.has_fractions) == (has_division, has_fractions)
    assert space.arithmetic.is_fraction == has_fractions


@pytest.mark.parametrize(
    ("answer", "is_bounded"), [({}, False), ({"min": 0}, True), ({"max": 0}, True), ({"min": 1, "max": 2}, True)]
)
def test_one_end_is_enough_to_bound_answers(answer, is_bounded):
    assert prepare(answer=answer).is_bounded == is_bounded


def test_whole_space_has_every_shape_with_every_operand():
    space = prepare(operators="+-", terms={"min": 1, "max": 3})
    assert space.whole.size == 100 + 2 * 100**2 + 4 * 100**3
    assert [section.subset.count for section in space.whole.sections] == [1, 2, 4]
