"""What no split has of a selection, against brute force."""

import pytest

from eqstream.data.errors import UserError
from eqstream.data.streams.spare import spare_equations
from tests.brute_force import by_question, examine_space, make_recipe, meets, pick

SHORT = {"digits": 1}
SPACE = {"operands": {"min": 0, "max": 14}, "operators": "+-"}
SPLITS = [
    {"name": "far", "count": 9},
    {"name": "near", "count": 25, "where": SHORT},
    {"name": "train", "count": 60, "where": SHORT},
]


def questions_of(blocks):
    return [text for columns in blocks for text in columns.question.to_texts()]


@pytest.mark.parametrize(
    ("commuted", "sampling"), [("together", "balanced"), ("drop", "uniform"), ("ignore", "uniform")]
)
def test_spare_is_what_the_splits_leave_of_a_selection(commuted, sampling):
    recipe = make_recipe(SPACE, SPLITS, commuted=commuted, sampling=sampling)
    known = by_question(examine_space(recipe.space))

    def key(question):
        return question if commuted == "ignore" else known[question].class_key

    taken = {key(question) for questions in pick(recipe).values() for question in questions}
    expected = [question for question in known if meets(known[question], SHORT) and key(question) not in taken]
    found = questions_of(spare_equations(recipe, "train", 1000))
    if commuted == "drop":
        expected, found = ({key(question) for question in questions} for questions in (expected, found))
    assert expected
    assert sorted(found) == sorted(expected)


@pytest.mark.usefixtures("lists_all_rare_equations")
def test_spare_equations_that_are_listed_are_what_the_splits_leave():
    recipe = make_recipe(
        {"operands": {"min": 0, "max": 60}, "operators": "/"},
        [{"name": "train", "count": 60}, {"name": "test", "count": 20}],
    )
    taken = {question for questions in pick(recipe).values() for question in questions}
    found = questions_of(spare_equations(recipe, "train", 1000))
    assert sorted(found) == sorted(set(by_question(examine_space(recipe.space))) - taken)


def test_no_more_are_given_than_asked_for_and_always_the_same():
    recipe = make_recipe({"operands": {"min": 0, "max": 299}}, [{"name": "train", "count": 5000}])
    found = questions_of(spare_equations(recipe, "train", 700))
    assert len(set(found)) == 700
    assert found == questions_of(spare_equations(recipe, "train", 700))
    assert not set(found) & set(pick(recipe)["train"])


def test_balanced_spare_equations_have_all_lengths_evenly():
    recipe = make_recipe({"operands": {"min": 0, "max": 999}}, [{"name": "train", "count": 90}], sampling="balanced")
    questions = questions_of(spare_equations(recipe, "train", 90))
    lengths = [tuple(sorted(map(len, question.split(" + ")))) for question in questions]
    assert {each: lengths.count(each) for each in sorted(set(lengths))} == {
        (1, 1): 10,
        (1, 2): 20,
        (1, 3): 20,
        (2, 2): 10,
        (2, 3): 20,
        (3, 3): 10,
    }


@pytest.mark.parametrize("rest", ["train", "test"])
def test_a_rest_leaves_nothing_over(rest):
    splits = [{"name": name, **({"rest": True} if name == rest else {"count": 20})} for name in ("train", "test")]
    assert spare_equations(make_recipe(SPACE, splits), "train", 10) == []


def test_an_unknown_split_is_refused():
    with pytest.raises(UserError, match=r"^the recipe has no split `trian`; did you mean `train`\?$"):
        spare_equations(make_recipe(SPACE, SPLITS), "trian", 10)
