"""What is true of an equation, and in which words a space refuses what it does not contain."""

import re

import pytest

from eqstream.data.configuration import from_mapping
from eqstream.data.errors import UserError
from eqstream.data.reference.membership import check_membership, is_contained, read_facts, read_question
from eqstream.data.space_recipe import SpaceRecipe


def make_space(**space):
    return from_mapping(SpaceRecipe, space)


def test_facts_are_recomputed_from_the_text():
    space = make_space(operands={"min": 0, "max": 999}, operators="+-*/", terms=5, brackets=True)
    facts = read_facts("(131 + 83) * 7 - 744 / 31", space)
    assert facts[:5] == ("(131 + 83) * 7 - 744 / 31", "1474", 5, 3, 1)
    assert facts.operands == [131, 83, 7, 744, 31]
    assert facts.operators == "+*-/"


@pytest.mark.parametrize(
    ("division", "places", "question", "answer"),
    [
        ("exact", 2, "6 / 3", "2"),
        ("quotient", 2, "-7 / 2", "-4"),
        ("decimal", 2, "2 / 3", "0.67"),
        ("decimal", 0, "5 / 2", "2"),
        ("decimal", 1, "-1 / 99", "0"),
        ("fraction", 2, "-4 / 6", "-2/3"),
        ("fraction", 2, "1 - 3", "-2"),
    ],
)
def test_answers_are_written_as_the_recipes_division_asks(division, places, question, answer):
    space = make_space(operands={"min": -99, "max": 99}, operators="-/", division=division, places=places)
    assert read_facts(question, space).answer == answer


@pytest.mark.parametrize("division", ["decimal", "fraction"])
def test_a_space_that_never_divides_has_exact_decimals_for_answers(division):
    space = make_space(operands={"min": 0, "max": 9, "decimals": 2}, operators="*", division=division, places=1)
    assert read_facts("0.25 * 0.5", space).answer == "0.125"


NARROW = {"operands": {"min": 0, "max": 9}, "operators": "-/", "answer": {"min": -5, "max": 5}}


@pytest.mark.parametrize(
    ("changes", "question", "reason"),
    [
        ({}, "5 / 2", "5 / 2 is not a whole number (`space.division` is exact)"),
        ({"operators": "+-"}, "5 / 2", "`/` is none of the operators + -"),
        ({}, "1 + 1", "`+` is none of the operators - /"),
        ({}, "9", "it has 1 term, not 2"),
        ({}, "9 - 1 - 1", "it has 3 terms, not 2"),
        ({"terms": {"min": 2, "max": 3}}, "1 - 1 - 1 - 1", "it has 4 terms, not from 2 to 3"),
        ({"terms": 3}, "9 - (1 - 2)", "it has brackets"),
        ({}, "10 - 9", "operand 10 is not from 0 to 9"),
        ({}, "1.5 - 1", "operand 1.5 is not a whole number"),
        ({"operands": {"min": 0, "max": 9, "decimals": 1}}, "1.25 - 1", "operand 1.25 has more than 1 decimal"),
        ({"operands": {"min": 0, "max": 9, "decimals": 2}}, "0.125 - 1", "operand 0.125 has more than 2 decimals"),
        ({}, "0 - 9", "its answer -9 is not from -5 to 5"),
        ({"answer": {"max": 0.3}, "division": "decimal", "places": 1}, "4 / 9", "its answer 0.4 is not at most 0.3"),
        ({"answer": {"min": 0}}, "1 - 2", "its answer -1 is not at least 0"),
    ],
)
def test_equation_outside_the_space_is_refused_with_the_reason(changes, question, reason):
    space = make_space(**{**NARROW, **changes})
    for read in (read_question, lambda text, space: check_membership(read_facts(text, space), space)):
        with pytest.raises(UserError) as caught:
            read(question, space)
        assert str(caught.value) == f"the space does not contain `{question}`: {reason}"


def test_division_by_zero_has_no_value_in_any_space():
    spaces = [make_space(**{**NARROW, "operators": operators}) for operators in ("+-", "-/")]
    with pytest.raises(UserError, match=r"^`5 / \(3 - 3\)` has no value: 5 is divided by zero$"):
        read_question("5/(3-3)", *spaces)


def test_bound_on_the_answer_is_one_on_the_number_that_is_written():
    space = make_space(operands={"min": 0, "max": 9}, operators="/", division="decimal", places=1, answer={"max": 0.3})
    assert read_question("1/3", space) == ("1 / 3", "0.3")


def test_question_may_be_of_any_of_several_spaces():
    spaces = [make_space(operands={"min": 0, "max": high}, operators=signs) for high, signs in ((9, "+"), (99, "-"))]
    assert [read_question(text, *spaces) for text in ("3+4", "44-3")] == [("3 + 4", "7"), ("44 - 3", "41")]
    for question, message in (
        ("44 + 3", "the space does not contain `44 + 3`: operand 44 is not from 0 to 9"),
        (
            "4 * 3",
            "none of the spaces contains `4 * 3`: `*` is none of the operators +; `*` is none of the operators -",
        ),
    ):
        with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
            read_question(question, *spaces)
    with pytest.raises(UserError) as caught:
        read_question("44 +", *spaces)
    assert ";" not in str(caught.value)


def test_facts_are_those_of_the_one_text_of_an_equation():
    with pytest.raises(UserError, match=r"^'9-1' is not how this equation is written: expected '9 - 1'$"):
        read_facts("9-1", make_space(**NARROW))


def test_a_question_is_contained_where_one_of_the_spaces_contains_it():
    long = make_space(operands={"min": 0, "max": 99}, operators="+")
    bracketed = make_space(operands={"min": 0, "max": 9}, operators="+", terms=3, brackets=True)
    assert is_contained("98 + 7", [bracketed, long])
    assert is_contained("1 + (2 + 3)", [long, bracketed])
    assert not is_contained("1 + (2 + 10)", [long, bracketed])
    assert not is_contained("1 + ", [long, bracketed])
    assert not is_contained("1 + 2", [])
