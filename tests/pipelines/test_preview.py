"""A preview says what a build then gives, and says it the same every time."""

import dataclasses
import functools
import operator

import pytest

from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe
from eqstream.data.splits import few_candidates
from eqstream.pipelines.build import build
from eqstream.pipelines.describe import describe
from eqstream.pipelines.estimation import sizes
from eqstream.pipelines.preview import preview

SPACE = {"operands": {"min": 0, "max": 99}, "operators": "+-", "terms": {"min": 2, "max": 3}}
SPLITS = [{"name": "train", "count": 300}, {"name": "test", "count": 61}]


def make_recipe(**changes) -> Recipe:
    return Recipe.from_dict({"name": "sums", "space": SPACE, "splits": SPLITS, **changes})


@pytest.mark.parametrize("sampling", ["uniform", "balanced"])
def test_a_preview_says_what_is_built(sampling, tmp_path):
    recipe = make_recipe(sampling=sampling)
    expected = preview(recipe)
    result = build(recipe, tmp_path / "out")
    description = describe(tmp_path / "out", num_samples=3)
    assert [split.name for split in expected.splits] == list(description.splits)
    for split in expected.splits:
        built = description.splits[split.name]
        assert split.is_exact
        assert split.num_equations == built.num_equations
        assert split.samples == tuple(f"{sample.question} = {sample.answer}" for sample in built.samples)
    assert expected.num_left_out == result.num_left_out


@pytest.mark.parametrize("weights", [pytest.param({}, marks=pytest.mark.slow), {"terms": {2: 4}}])
def test_shares_of_balanced_kinds_are_those_of_the_dataset_where_counting_is_not_cheap(weights, tmp_path, monkeypatch):
    monkeypatch.setattr(sizes, "MOST_WORK", 0)
    space = {**SPACE, "operators": "+-*", "brackets": True}
    recipe = make_recipe(space=space, sampling={"balance": ["terms", "operators", "tree"], "weights": weights})
    expected = preview(recipe)
    assert expected.num_left_out is None
    shares = functools.reduce(operator.add, [split.shares for split in expected.splits])
    built = build(recipe, tmp_path / "out").shares
    assert shares.total == built.total
    assert shares.terms == pytest.approx(built.terms, abs=2)
    assert shares.operators == pytest.approx(built.operators, abs=4)


def test_shares_of_hard_cases_are_shown():
    recipe = make_recipe(
        space={"operands": {"min": 0, "max": 999}, "operators": "+"},
        splits=[{"name": "train", "count": 4000}, {"name": "test", "count": 400}],
        sampling={"balance": ["longest_carry_chain", "equal_operands"], "weights": {"equal_operands": {"equal": 0.25}}},
    )
    train, test = preview(recipe).splits
    # Chains of equal operands have one place at most, as the sum of equal digits is not nine.
    expected = "longest_carry_chain 0: 25 %, 1: 25 %, 2: 25 %, 3: 25 %; equal_operands equal: 7.8 %, unequal: 92.2 %"
    assert (train.shares.to_text(), test.shares.to_text()) == (expected, expected)


@pytest.mark.slow
def test_bytes_of_balanced_kinds_are_near_those_of_the_dataset_where_counting_is_not_cheap(tmp_path, monkeypatch):
    monkeypatch.setattr(sizes, "MOST_WORK", 0)
    space = {**SPACE, "operators": "+-*", "brackets": True, "terms": {"min": 2, "max": 4}}
    recipe = make_recipe(
        space=space,
        splits=[{"name": "train", "count": 2000}],
        sampling={"balance": ["terms", "operators", "tree", "digits"], "weights": {"terms": {2: 100}}},
        storage={"formats": ["tfrecord"]},
    )
    expected = preview(recipe).format_to_bytes["tfrecord"]
    build(recipe, tmp_path / "out")
    (file,) = (tmp_path / "out" / "tfrecord").rglob("*.tfrecord")
    assert expected == pytest.approx(file.stat().st_size, rel=0.02)


def test_one_equation_is_one_in_a_preview_and_in_what_a_build_says(tmp_path):
    space = {"operands": {"min": 0, "max": 1}, "operators": "+"}
    recipe = make_recipe(space=space, splits=[{"name": "train", "count": 1}], commuted="drop")
    assert "  train  1 equation" in preview(recipe).to_text().splitlines()
    assert build(recipe, tmp_path / "out").to_text() == f"{tmp_path}/out: 1 equation in 1 shard"
    assert "\ntrain: 1 equation\n" in describe(tmp_path / "out").to_text()


@pytest.mark.slow
def test_a_preview_is_the_same_each_time_but_for_the_seconds():
    recipe = make_recipe(space={**SPACE, "operands": {"min": 0, "max": 10**12}})
    one, other = (dataclasses.replace(preview(recipe), seconds=0.0, seconds_of_search=0.0) for _ in range(2))
    assert one == other


def test_text_has_shares_and_ends_with_notes():
    text = preview(make_recipe(space={**SPACE, "operands": {"min": 0, "max": 9999}})).to_text().splitlines()
    assert text[0] == "sums 1.0.0"
    assert text[4] == "           terms 2: less than 0.1 %, 3: more than 99.9 %; operators +: 75 %, -: 75 %"
    assert text[-1] == (
        "note: no equation with 2 terms, too few candidates are of that kind; see "
        "`sampling: {balance: [terms, operators]}`, or give it a split of its own by `where`"
    )


def test_splits_of_few_classes_are_noted_by_a_build_too(tmp_path):
    space = {"operands": {"min": 0, "max": 99}, "operators": "+", "terms": 7, "brackets": True}
    recipe = make_recipe(space=space, splits=[{"name": "train", "count": 900}, {"name": "test", "count": 100}])
    result = preview(recipe)
    assert [split.num_classes for split in result.splits] == [15, 2]
    assert "  test   100 equations in 2 classes of commuted twins" in result.to_text().splitlines()
    assert result.notes[1] == (
        "note: split `test` has only 2 classes of commuted twins, all of one answer each: an accuracy on it says "
        "little; use `commuted: drop`, or a larger `count`"
    )
    built = build(recipe, tmp_path / "out")
    assert built.notes == result.notes
    assert built.to_text().splitlines()[1:] == [*result.notes]


def test_a_split_of_which_nothing_was_found_is_told_with_what_a_build_does(monkeypatch):
    monkeypatch.setattr(sizes, "MOST_WORK", 1 << 18)
    where = {"answer": {"min": 7, "max": 7}, "digits": 6}
    splits = [{"name": "train", "count": 300}, {"name": "rare", "count": 5, "where": where}]
    space = {"operands": {"min": 0, "max": 10**6}, "operators": "+*", "terms": 3}
    result = dataclasses.replace(preview(make_recipe(space=space, splits=splits)), seconds_of_search=75.0)
    lines = result.to_text().splitlines()
    assert lines[8:] == [
        "  rare   5 equations",
        "           none found so far: a build refuses if the first 67,108,864 candidates have none",
        lines[10],
        "to look at so many candidates takes up to 1:15 min in one process",
    ]


def test_what_counting_has_found_is_shown_where_a_sample_has_nothing(monkeypatch):
    monkeypatch.setattr(few_candidates, "find_most_listed", lambda size, num_wanted: 0)
    monkeypatch.setattr(sizes, "MOST_WORK", 1 << 20)
    splits = [{"name": "train", "count": 9}, {"name": "zero", "count": 90, "where": {"answer": 0}}]
    space = {"operands": {"min": 0, "max": 99_999}, "operators": "-"}
    result = preview(make_recipe(space=space, splits=splits))
    assert result.num_left_out is None
    assert result.splits[1].samples
    assert all(sample.endswith(" = 0") for sample in result.splits[1].samples)
    assert "none found" not in result.to_text()


def test_a_condition_that_nothing_meets_is_refused():
    splits = [{"name": "train", "count": 20}, {"name": "far", "where": {"digits": 5}, "rest": True}]
    message = r"^split `far` would be empty: its where {digits: {min: 5, max: 5}} selects no equation of the space$"
    with pytest.raises(UserError, match=message):
        preview(make_recipe(splits=splits))
