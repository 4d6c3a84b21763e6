"""Spaces by index against a listing that shares no code with them."""

import re

import numpy as np
import pytest

from eqstream import Equation, EquationSpace, UserError
from eqstream.data.recipe import Recipe
from tests.brute_force import examine_space, make_recipe
from tests.covering import slow_but

SPACES = {
    "sums": {"operands": {"min": 0, "max": 5}},
    "signs": {"operands": {"min": -1, "max": 1}, "operators": "+-*", "terms": {"min": 1, "max": 3}},
    "brackets": {"operands": {"min": 0, "max": 1}, "operators": "-*", "terms": {"min": 1, "max": 4}, "brackets": True},
    "decimals": {"operands": {"min": -1, "max": 0, "decimals": 1}, "operators": "-*", "spacing": False},
    "exact": {"operands": {"min": -1, "max": 2}, "operators": "+/", "terms": {"min": 1, "max": 3}},
    "fractions": {"operands": {"min": -1, "max": 2}, "operators": "*/", "terms": 3, "division": "fraction"},
    "bounded": {"operands": {"min": 0, "max": 9}, "operators": "-", "answer": {"min": 0}},
}
NO_EQUATION = "^index 0 of the space has no equation: its answer is undefined or out of bounds$"
HUGE = {"operands": {"min": -(10**30), "max": 10**30}, "operators": "+*", "terms": {"min": 2, "max": 3}}


def space_of(space: dict) -> EquationSpace:
    return EquationSpace(make_recipe(space))


def at(space: EquationSpace, index: int) -> Equation | None:
    try:
        return space[index]
    except IndexError:
        raise
    except LookupError:
        return None


@pytest.mark.parametrize("recipe", slow_but(SPACES, "brackets", "decimals", "exact"))
def test_space_holds_each_equation_of_a_listing_once_and_finds_it_again(recipe):
    space = space_of(recipe)
    listed = {
        Equation(each.question, each.answer, each.terms, each.digits, each.carries)
        for each in examine_space(make_recipe(recipe).space)
    }
    found = {index: equation for index in range(space.size) if (equation := at(space, index)) is not None}
    assert set(found.values()) == listed
    assert len(found) == len(listed)
    assert [space.index_of(equation.question) for equation in found.values()] == list(found)
    assert list(space) == list(found.values())
    assert all(equation in space and equation.question in space for equation in listed)


@pytest.mark.parametrize("part", [slice(None), slice(3, 20), slice(-5, None), slice(30, 2, -7), slice(9, 9)])
def test_slice_gives_the_equations_that_there_are_in_its_order(part):
    space = space_of(SPACES["exact"])
    places = range(space.size)[part]
    assert space[part] == [equation for place in places if (equation := at(space, place)) is not None]


def test_blocks_do_not_show(monkeypatch):
    monkeypatch.setattr("eqstream.spaces._BLOCK", 7)
    test_space_holds_each_equation_of_a_listing_once_and_finds_it_again(SPACES["signs"])


def test_space_of_any_size_is_indexed_exactly():
    space = space_of(HUGE)
    number = 2 * 10**30 + 1
    assert space.size == 2 * number**2 + 4 * number**3
    with pytest.raises(OverflowError, match="more than `len` can return: use `size`"):
        len(space)
    assert space
    for index in (0, space.size // 3, space.size - 1):
        assert space.index_of(space[index]) == index
    assert space[-1] == space[space.size - 1] == space[space.size - 1 :][0]
    assert str(space[0]) == f"-{10**30} + -{10**30} = -{2 * 10**30}"


def test_indices_are_whole_numbers_of_the_space():
    space = space_of(SPACES["sums"])
    assert space[np.int64(7)] == space[7] == space[-29]
    assert len(space) == 36
    for index in (36, -37):
        with pytest.raises(IndexError, match=f"^index {index} is not in a space of 36$"):
            space[index]
    with pytest.raises(TypeError):
        space[1.0]  # pyright: ignore[reportCallIssue, reportArgumentType]


def test_index_without_an_equation_says_so():
    with pytest.raises(LookupError, match=NO_EQUATION):
        space_of({"operands": {"min": 0, "max": 9}, "operators": "/"})[0]


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ("6 + 1", "the space does not contain `6 + 1`: operand 6 is not from 0 to 5"),
        ("1 - 1", "the space does not contain `1 - 1`: `-` is none of the operators +"),
        ("1 +", "'1 +' is not an equation: a number is missing at position 4"),
    ],
)
def test_question_of_another_space_is_refused_with_the_reason(question, message):
    space = space_of(SPACES["sums"])
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        space.index_of(question)
    assert question not in space


def test_equation_with_a_wrong_answer_and_other_objects_are_not_in_the_space():
    space = space_of(SPACES["sums"])
    assert space[8] in space
    assert space[8]._replace(answer="0") not in space
    assert 8 not in space
    assert None not in space


def test_space_is_made_from_a_name_a_path_or_a_recipe(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nspace: {operands: {min: 0, max: 9}}\nsplits: [{name: train, rest: true}]\n")
    spaces = [
        EquationSpace(path),
        EquationSpace(str(path)),
        EquationSpace(Recipe.from_dict(make_recipe(SPACES["sums"]).to_dict())),
    ]
    assert [space.size for space in spaces] == [100, 100, 36]
    assert repr(spaces[0]) == "<EquationSpace mine: 100 indices>"
    with pytest.raises(UserError, match="did you mean `addition-10`"):
        EquationSpace("additoin-10")
