"""Streams with one more condition: all that meets it and is not held out, and nothing else."""

import itertools
from collections import Counter

import pytest

from eqstream.data.configuration import from_mapping
from eqstream.data.errors import UserError
from eqstream.data.recipe_values import Range
from eqstream.data.split_recipe import Where
from eqstream.data.streams.equation_stream import EquationStream
from eqstream.data.streams.narrowed import intersect
from tests.brute_force import by_question, examine_space, make_recipe, meets
from tests.covering import cover_values
from tests.data.streams.test_equation_stream import (
    CASES,
    COMMUTED,
    KEPT,
    SAMPLING,
    TEST,
    all_kept,
    expected_questions,
    questions_of,
    space,
)

CONDITIONS = {
    # The first one comes with the split that has a condition of its own; neither holds the other.
    "easy": {"carries": {"max": 0}},
    "short": {"digits": 1},
    "two terms": {"terms": 2},
    "hard and long": {"carries": {"min": 1}, "digits": {"min": 2}},
    "chains": {"longest_carry_chain": {"min": 1}},
    "equal": {"equal_operands": True},
    "repeated": {"repeated_digits": {"min": 1}},
}


@cover_values("case, condition, commuted, sampling, most_listed", CASES, CONDITIONS, COMMUTED, SAMPLING, KEPT)
def test_narrowed_stream_gives_all_that_meets_the_condition_and_nothing_else(
    case, condition, commuted, sampling, most_listed
):
    some_space, splits = case
    recipe = make_recipe(some_space, splits, commuted=commuted, sampling=sampling)
    known = by_question(examine_space(recipe.space))
    expected = {question for question in expected_questions(recipe)[0] if meets(known[question], condition)}
    stream = EquationStream(recipe, num_examples=10**6, where=from_mapping(Where, condition), most_listed=most_listed)
    assert stream.num_examples == len(expected)
    for epoch in (0, 5):
        questions = questions_of(recipe, stream, epoch)
        assert len(questions) == stream.num_examples
        if most_listed or sampling == "uniform":
            assert sorted(questions) == sorted(expected)
        assert set(questions) <= expected


@pytest.mark.usefixtures("lists_all_rare_equations")
@all_kept
def test_narrowed_stream_of_equations_that_are_listed_gives_all_that_meets_the_condition(most_listed):
    # The split that is held out is listed itself.
    recipe = make_recipe(space(-5, 60, "/"), [{"name": "train", "count": 100}, TEST])
    known, condition = by_question(examine_space(recipe.space)), {"answer": {"min": 3, "max": 9}}
    expected = {question for question in expected_questions(recipe)[0] if meets(known[question], condition)}
    stream = EquationStream(recipe, num_examples=10**6, where=from_mapping(Where, condition), most_listed=most_listed)
    assert stream.num_examples == len(expected)
    for epoch in (0, 1):
        assert sorted(questions_of(recipe, stream, epoch)) == sorted(expected)


def test_long_quotients_that_come_out_even_are_found_without_a_search():
    recipe = make_recipe(
        {"operands": {"min": 1, "max": 99_999}, "operators": "/"},
        [{"name": "train", "count": 30}, TEST],
        sampling="balanced",
    )
    where = from_mapping(Where, {"digits": 5, "answer": {"max": 99}})
    questions = questions_of(recipe, EquationStream(recipe, num_examples=300, where=where), 0)
    assert len(set(questions)) == 300
    pairs = [tuple(map(int, question.split(" / "))) for question in questions]
    assert all(left % right == 0 and left // right <= 99 and left > 9_999 for left, right in pairs)
    # As many of each length of the divisor.
    assert Counter(len(str(right)) for _, right in pairs) == {3: 100, 4: 100, 5: 100}


@all_kept
@pytest.mark.parametrize("sampling", SAMPLING)
def test_narrowed_stream_resumes_anywhere(sampling, most_listed):
    recipe = make_recipe(space(0, 40, "+-"), [TEST, {"name": "train", "rest": True}], sampling=sampling)
    stream = EquationStream(recipe, num_examples=300, where=Where(carries=Range(min=1)), most_listed=most_listed)
    whole = [questions_of(recipe, stream, epoch) for epoch in range(3)]
    assert len({tuple(questions) for questions in whole}) == 3
    for epoch, first in itertools.product((2, 1), range(0, 301, 50)):
        assert questions_of(recipe, stream, epoch, first) == whole[epoch][first:]


def test_few_equations_of_a_huge_space_are_found_at_once():
    recipe = make_recipe(space(0, 10**20), [{"name": "train", "count": 500}, TEST])
    stream = EquationStream(recipe, num_examples=10**6, where=Where(digits=Range(max=1)))
    assert sorted(questions_of(recipe, stream, 0)) == sorted(f"{a} + {b}" for a in range(10) for b in range(10))


@pytest.mark.parametrize("where", [Where(digits=Range(min=3)), Where(carries=Range(min=9))])
def test_condition_that_nothing_meets_gives_nothing(where):
    recipe = make_recipe(space(0, 99), [{"name": "train", "count": 9}, TEST])
    stream = EquationStream(recipe, where=where)
    assert stream.num_examples == 0
    assert list(stream.equations(0)) == []


def test_condition_that_next_to_nothing_meets_is_refused():
    recipe = make_recipe(space(0, 10**9), [{"name": "train", "count": 9}, TEST])
    message = (
        "10,000,000,000 equations would take hours to find, as about one of [0-9,]+ candidates is wanted; make the "
        "epoch smaller, or the condition wider"
    )
    with pytest.raises(UserError, match=f"^{message}$"):
        EquationStream(recipe, num_examples=10**10, where=Where(carries=Range(max=0)))


def read(where):
    return from_mapping(Where, where)


INTERSECTIONS = [
    ({"digits": {"min": 2}}, {"carries": 1}, {"digits": {"min": 2}, "carries": 1}),
    ({"digits": {"min": 2}}, {"digits": {"min": 1, "max": 3}}, {"digits": {"min": 2, "max": 3}}),
    ({"operators": "+*"}, {"operators": "*-"}, {"operators": "*"}),
    ({"excludes": [1]}, {"excludes": [2]}, {"excludes": [1, 2]}),
    ({"contains": [1]}, {"contains": [1], "equal_operands": True}, {"contains": [1], "equal_operands": True}),
    ({"digits": 1}, {"digits": 2}, {"terms": {"max": 0}}),
    ({"operators": "+"}, {"operators": "-"}, {"terms": {"max": 0}}),
    ({"equal_operands": True}, {"equal_operands": False}, {"terms": {"max": 0}}),
]


@pytest.mark.parametrize(("first", "second", "both"), INTERSECTIONS)
def test_intersection_is_what_both_conditions_take(first, second, both):
    assert intersect(read(first), read(second)) == read(both)
    assert intersect(read(second), read(first)) == read(both)


def test_two_lists_of_which_one_value_must_occur_are_refused():
    message = "`contains` stands in the `where` of a split and in one that narrows it: leave one out"
    with pytest.raises(UserError, match=f"^{message}$"):
        intersect(read({"contains": [1]}), read({"contains": [2]}))


def test_condition_on_quotients_is_refused_where_there_are_none():
    recipe = make_recipe(space(0, 9), [{"name": "train", "count": 9}, TEST])
    message = (
        "`where.quotient_digits` needs whole operands, the operator `/`, and `space.division` as `exact` or `quotient`"
    )
    with pytest.raises(UserError, match=f"^{message}$"):
        EquationStream(recipe, where=Where(quotient_digits=(0, 9)))


def test_quotients_with_certain_digits_come_alone():
    dividing = {"operands": {"min": 0, "max": 99}, "operators": "/"}
    recipe = make_recipe(dividing, [{"name": "train", "count": 20}, TEST])
    stream = EquationStream(recipe, num_examples=10**6, where=Where(quotient_digits=(0, 9)))
    known = {equation.question: equation.answer for equation in examine_space(recipe.space)}
    given = set(questions_of(recipe, stream, 0))
    assert all(set(known[question]) & {"0", "9"} for question in given)
    # What is missing is held out.
    others = {question for question, answer in known.items() if set(answer) & {"0", "9"}} - given
    assert 0 < len(others) < len(given)
