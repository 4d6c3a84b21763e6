"""What was not trained on, against brute force: all of it, nothing else, and each once."""

import numpy as np
import pytest

from eqstream.data.errors import UserError
from eqstream.data.streams.unseen import unseen_equations
from tests.brute_force import by_question, examine_space, make_recipe, meets, pick
from tests.covering import cover_values


def space(low, high, operators="+", **rest):
    return {"operands": {"min": low, "max": high}, "operators": operators, **rest}


BRACKETS = space(0, 2, "+*", terms={"min": 2, "max": 3}, brackets=True)
REST = {"name": "rest", "rest": True}
# Name to (space, splits).
CASES = {
    "sums": (space(0, 12), [{"name": "train", "count": 41}, {"name": "test", "count": 20}]),
    "rest is trained on": (space(0, 12), [{"name": "test", "count": 41}, {"name": "train", "rest": True}]),
    "three terms": (space(-1, 2, "+-*", terms={"min": 1, "max": 3}), [{"name": "train", "count": 80}, REST]),
    "brackets": (BRACKETS, [{"name": "train", "count": 60}, REST]),
    "only with brackets": (BRACKETS, [{"name": "train", "rest": True, "where": {"brackets": True}}]),
    "not with brackets": (
        BRACKETS,
        [{"name": "test", "rest": True, "where": {"brackets": True}}, {"name": "train", "count": 20}],
    ),
    "exact division": (space(-5, 9, "+/", answer={"min": -3}), [{"name": "train", "count": 50}, REST]),
    "fractions": (space(-3, 4, "*/", terms=3, division="fraction"), [{"name": "train", "fraction": 0.3}, REST]),
    "decimals": (
        {"operands": {"min": 0, "max": 1, "decimals": 1}, "operators": "+*"},
        [{"name": "train", "count": 61}, REST],
    ),
    "where": (
        space(0, 14, "+-"),
        [
            {"name": "train", "count": 30, "where": {"digits": 1}},
            {"name": "test", "rest": True, "where": {"digits": 2}},
        ],
    ),
    "hash": (space(0, 12, "+*"), [{"name": "train", "hash": [0, 0.3]}, {"name": "test", "hash": [0.5, 1.0]}]),
}


def questions_of(unseen):
    return [text for columns in unseen.blocks() for text in columns.question.to_texts()]


@cover_values("case, commuted, sampling", CASES, ["together", "drop", "ignore"], ["uniform", "balanced"])
def test_unseen_is_every_equation_without_a_trained_twin(case, commuted, sampling):
    some_space, splits = case
    if commuted == "together" and any("brackets" in split.get("where", {}) for split in splits):
        commuted = "drop"
    recipe = make_recipe(some_space, splits, commuted=commuted, sampling=sampling)
    known = by_question(examine_space(recipe.space))

    def key(question):
        return question if commuted == "ignore" else known[question].class_key

    picked = pick(recipe)
    trained = {key(question) for question in picked["train"]}
    expected = {question for question in known if key(question) not in trained}
    assert expected
    unseen = unseen_equations(recipe)
    found = questions_of(unseen)
    assert len(found) == unseen.total
    assert sorted(found) == sorted(expected)
    held_out = {question for split, questions in picked.items() if split != "train" for question in questions}
    assert held_out <= set(found)


def test_columns_say_what_brute_force_says():
    recipe = make_recipe(space(-2, 12, "+-*", terms={"min": 1, "max": 2}), [{"name": "train", "count": 100}, REST])
    known = by_question(examine_space(recipe.space))
    num_rows = 0
    for columns in unseen_equations(recipe).blocks():
        rows = zip(columns.question.to_texts(), columns.answer.to_texts(), strict=True)
        for row, (question, answer) in enumerate(rows):
            numbers = {name: int(values[row]) for name, values in columns.numbers.items()}
            assert known[question].record == {"question": question, "answer": answer, **numbers}
            num_rows += 1
    assert num_rows == len(known) - 100


def test_blocks_are_the_same_at_every_call():
    recipe = make_recipe(space(0, 299), [{"name": "train", "count": 5000}, REST])
    unseen = unseen_equations(recipe)
    first, second = questions_of(unseen), questions_of(unseen)
    assert first == second
    assert len(set(first)) == len(first) == unseen.total
    assert unseen.total in (85_000, 84_999)


def test_other_half_of_a_torn_class_is_seen():
    splits = [{"name": "train", "count": 1}, REST]
    recipe = make_recipe(space(0, 9), splits, seed=next(seed for seed in range(99) if is_torn(seed, splits)))
    (trained,) = pick(recipe)["train"]
    left, right = trained.split(" + ")
    assert left != right
    assert not {trained, f"{right} + {left}"} & set(questions_of(unseen_equations(recipe)))
    assert unseen_equations(recipe).total == 98


def is_torn(seed, splits):
    (question,) = pick(make_recipe(space(0, 9), splits, seed=seed))["train"]
    return len(set(question.split(" + "))) == 2


@pytest.mark.parametrize("commuted", ["together", "drop", "ignore"])
def test_after_a_stream_only_what_it_cannot_give_is_unseen(commuted):
    splits = [
        {"name": "train", "count": 10, "where": {"digits": 1}},
        {"name": "test", "count": 15, "where": {"digits": 1}},
    ]
    recipe = make_recipe(space(0, 12), splits, commuted=commuted)
    known = by_question(examine_space(recipe.space))

    def key(question):
        return question if commuted == "ignore" else known[question].class_key

    held_out = {key(question) for question in pick(recipe)["test"]}
    found = questions_of(unseen_equations(recipe, from_stream=True))
    expected = [
        question for question in known if key(question) in held_out or not meets(known[question], {"digits": 1})
    ]
    assert sorted(found) == sorted(expected)


def test_everything_trained_on_leaves_nothing():
    unseen = unseen_equations(make_recipe(space(0, 9)))
    assert unseen.total == 0
    assert list(unseen.blocks()) == []


def test_too_many_unseen_equations_are_refused_with_their_number():
    recipe = make_recipe(space(0, 99), [{"name": "train", "count": 1000}, REST], commuted="ignore")
    assert unseen_equations(recipe, limit=9000).total == 9000
    with pytest.raises(UserError, match="9,000 equations of the space were not trained on, more than the 8,999 "):
        unseen_equations(recipe, limit=8999)


def test_space_that_nobody_could_list_is_refused_at_once():
    recipe = make_recipe(space(0, 10**20), [{"name": "train", "count": 1000}])
    with pytest.raises(UserError, match=f"the space has {(10**20 + 1) ** 2:,} candidates, too many"):
        unseen_equations(recipe)


def test_unknown_split_is_refused_with_the_nearest_name():
    with pytest.raises(UserError, match=r"the recipe has no split `trian`.*`train`"):
        unseen_equations(make_recipe(space(0, 9)), "trian")


def test_both_orders_of_a_dropped_twin_are_unseen_or_neither():
    recipe = make_recipe(space(0, 299), [{"name": "train", "count": 5_000}, REST], commuted="drop")
    unseen = unseen_equations(recipe)
    pairs = np.zeros((300, 300), dtype=np.int64)
    for columns in unseen.blocks():
        for question in columns.question.to_texts():
            left, right = question.split(" + ")
            pairs[int(left), int(right)] += 1
    assert pairs.max() == 1
    assert (pairs == pairs.T).all()
    assert np.triu(pairs).sum() == 300 * 301 // 2 - 5_000
    assert pairs.sum() == unseen.total
