"""Splits that ask for brackets: commuted twins may differ in them, and no class is torn or lost unseen."""

from collections import Counter, defaultdict

import pytest

from eqstream.data.errors import UserError
from eqstream.data.reference.evaluation import has_brackets, list_bracket_forms, twins
from eqstream.data.space.shapes import list_shapes
from eqstream.data.splits.counting import Census
from eqstream.data.splits.plan import plan_splits
from eqstream.data.streams.equation_stream import FreshStream
from eqstream.data.streams.unseen import unseen_equations
from tests.brute_force import by_question, examine_space, list_questions, make_recipe, meets, pick, write

WITH, WITHOUT = {"brackets": True}, {"brackets": False}
SPACES = {
    "sums and differences": {"operands": {"min": 0, "max": 2}, "operators": "+-", "terms": 3},
    "sums": {"operands": {"min": 0, "max": 1}, "operators": "+", "terms": {"min": 2, "max": 4}},
    "lengths": {"operands": {"min": 9, "max": 11}, "operators": "-*", "terms": {"min": 1, "max": 3}},
    # A product of two before a sum of two: here a twin without brackets has a canonical member with some.
    "four terms": {"operands": {"min": 0, "max": 1}, "operators": "+*", "terms": 4},
    "division": {"operands": {"min": 1, "max": 2}, "operators": "+/", "terms": 3, "division": "fraction"},
    "bounded": {"operands": {"min": -1, "max": 1}, "operators": "+-", "terms": 3, "answer": {"min": 0, "max": 2}},
    "no brackets": {"operands": {"min": 0, "max": 3}, "operators": "+*", "terms": 3, "brackets": False},
}
# Conditions by split; None takes what no other one selects.
WHERES = {
    "with": {"a": WITH},
    "without": {"a": WITHOUT},
    "with, rest": {"a": WITH, "b": None},
    "rest, without": {"a": None, "b": WITHOUT},
    "without, with": {"a": WITHOUT, "b": WITH},
    "rest, without, with": {"a": None, "b": WITHOUT, "c": WITH},
    "some with, more without": {
        "a": WITHOUT | {"operands": {"max": 10}},
        "b": WITH | {"excludes": [1]},
        "c": None,
    },
    "terms": {"a": WITH | {"terms": {"max": 3}}, "b": {"terms": 4}, "c": WITHOUT | {"terms": {"max": 3}}},
    "answers": {"a": WITH | {"answer": {"min": 2}}, "b": WITH | {"answer": {"max": 1}}, "c": None},
    "digits and carries": {"a": WITH | {"digits": 2}, "b": WITHOUT | {"carries": {"min": 1}}, "c": None},
}
MODES = [("together", "uniform"), ("together", "balanced"), ("drop", "uniform"), ("ignore", "balanced")]
all_spaces = pytest.mark.parametrize("space", [{"brackets": True} | space for space in SPACES.values()], ids=SPACES)
all_modes = pytest.mark.parametrize(("commuted", "sampling"), MODES, ids=map(" ".join, MODES))


def list_classes(recipe) -> list[list]:
    """The members of each class; with `drop` the one that is written, with `ignore` each equation alone."""
    known = examine_space(recipe.space)
    if recipe.commuted == "drop":
        written = pick(make_recipe(recipe.to_dict()["space"], commuted="drop"))["train"]
        return [[by_question(known)[question]] for question in written]
    classes = defaultdict(list)
    for equation in known:
        classes[equation.question if recipe.commuted == "ignore" else equation.class_key].append(equation)
    return list(classes.values())


def rank(where) -> int:
    """Which condition has the first claim: brackets, then none on brackets, then no brackets, then no condition."""
    if where is None:
        return 3
    return {True: 0, None: 1, False: 2}[where.get("brackets")]


def expect(recipe, wheres) -> tuple[dict[str, set], dict[str, set]]:
    """For each split the questions that it may take, and the twins of these that it leaves out."""
    taken, left_out = ({split: set() for split in wheres} for _ in range(2))
    for members in list_classes(recipe):
        for split, where in sorted(wheres.items(), key=lambda item: rank(item[1])):
            chosen = {one.question for one in members if where is None or meets(one, where)}
            if chosen:
                taken[split] |= chosen
                left_out[split] |= {one.question for one in members} - chosen
                break
    return taken, left_out


def make_split(name, where, **size) -> dict:
    return {"name": name, **({} if where is None else {"where": where}), **(size or {"rest": True})}


@all_spaces
@all_modes
@pytest.mark.parametrize("wheres", WHERES.values(), ids=WHERES)
def test_a_split_has_every_member_that_meets_its_condition_and_counts_the_twins_that_do_not(
    space, commuted, sampling, wheres
):
    splits = [make_split(name, where) for name, where in wheres.items()]
    recipe = make_recipe(space, splits, commuted=commuted, sampling=sampling)
    taken, left_out = expect(recipe, wheres)
    if not all(taken.values()):
        with pytest.raises(UserError, match="would be empty"):
            pick(recipe)
        return
    found, plan = pick(recipe), plan_splits(recipe, Census(recipe).run())
    assert {split: sorted(questions) for split, questions in found.items()} == {
        split: sorted(questions) for split, questions in taken.items()
    }
    assert {split.name: split.num_left_out for split in plan.splits} == {
        split: len(questions) for split, questions in left_out.items()
    }


@pytest.mark.parametrize("sampling", ["uniform", "balanced"])
@pytest.mark.parametrize("block", [16, 1 << 16])
@pytest.mark.parametrize("name", ["sums and differences", "sums", "four terms"])
def test_several_splits_of_one_condition_count_what_each_of_them_leaves_out(name, block, sampling, monkeypatch):
    monkeypatch.setattr("eqstream.data.splits.enumeration.BLOCK", block)
    monkeypatch.setattr("eqstream.data.splits.enumeration.BLOCK_OF_STRATUM", min(block, 1 << 12))
    space = {"brackets": True} | SPACES[name]
    wheres = {"a": WITH, "b": WITH, "c": WITH, "d": WITHOUT, "e": WITHOUT}
    known = by_question(examine_space(make_recipe(space).space))
    total = {split: len(questions) for split, questions in expect(make_recipe(space), wheres)[0].items()}
    splits = [
        make_split("a", WITH, count=total["a"] // 3 | 1),
        make_split("d", WITHOUT, count=max(total["d"] // 2, 1)) if total["d"] else make_split("d", None, count=10),
        make_split("b", WITH, fraction=0.2),
        make_split("c", WITH),
    ]
    if not total["d"]:
        del splits[1]
    for seed in (3,):
        written = write(make_recipe(space, splits, sampling=sampling, seed=seed, storage={"shard_size": 40}))
        split_of = written.split_of
        splits_of_class, members = defaultdict(set), defaultdict(list)
        for question, equation in known.items():
            members[equation.class_key].append(equation)
            if question in split_of:
                splits_of_class[equation.class_key].add(split_of[question])
        assert all(len(found) == 1 for found in splits_of_class.values())
        left_out, torn = Counter(), Counter()
        for key, (split,) in splits_of_class.items():
            for equation in members[key]:
                is_wanted = meets(equation, WITHOUT if split == "d" else WITH)
                assert is_wanted or equation.question not in split_of
                if not is_wanted:
                    left_out[split] += 1
                elif equation.question not in split_of:
                    torn[split] += 1
        # What a split's end tears is counted by the one that follows, and the last one's is not.
        counts = {split.name: split for split in written.plan.splits}
        assert counts["a"].num_left_out == left_out["a"]
        assert counts["b"].num_left_out == left_out["b"] + torn["a"]
        assert counts["c"].num_left_out == left_out["c"] + torn["b"]
        assert torn["c"] == 0
        if "d" in counts:
            assert counts["d"].num_left_out == left_out["d"]
        assert counts["a"].num_equations == total["a"] // 3 | 1


@all_modes
@pytest.mark.parametrize("name", ["sums and differences", "sums", "four terms"])
@pytest.mark.parametrize("where", [WITH, WITHOUT, WITH | {"operators": "+"}], ids=str)
def test_a_count_may_take_all_that_meet_the_condition_and_the_refusal_says_how_many(name, where, commuted, sampling):
    space, modes = {"brackets": True} | SPACES[name], {"commuted": commuted, "sampling": sampling}
    total = len(expect(make_recipe(space, **modes), {"a": where})[0]["a"])

    def pick_count(count):
        return pick(make_recipe(space, [make_split("a", where, count=count)], **modes))["a"]

    if not total:
        with pytest.raises(UserError, match="selects no equation"):
            pick_count(1)
        return
    assert len(set(pick_count(total))) == total
    with pytest.raises(UserError, match=f"the largest possible count is {total}$"):
        pick_count(total + 1)


def test_the_figures_of_a_known_space():
    space = {"operands": {"min": 0, "max": 4}, "operators": "+-", "terms": 3, "brackets": True}
    plan = plan_splits(recipe := make_recipe(space, [make_split("a", WITH)]), Census(recipe).run())
    assert [(split.num_equations, split.num_left_out) for split in plan.splits] == [(500, 250)]
    plan = plan_splits(recipe := make_recipe(space, [make_split("a", WITHOUT)]), Census(recipe).run())
    assert [(split.num_equations, split.num_left_out) for split in plan.splits] == [(500, 250)]


@pytest.mark.parametrize("where", [WITH, WITHOUT], ids=str)
def test_balanced_lengths_are_those_of_the_equations_that_are_written(where):
    space = {"operands": {"min": 4, "max": 14}, "operators": "+-", "terms": 3, "brackets": True}
    recipe = make_recipe(space, [make_split("a", where, count=1600)], sampling="balanced")
    known = by_question(examine_space(recipe.space))
    counts = Counter(known[question].combination for question in pick(recipe)["a"])
    combinations = {equation.combination for equation in known.values() if meets(equation, where)}
    assert counts.keys() == combinations
    # Four shapes of eight, with eight combinations of lengths each; none of these has less than 5 ** 3 equations.
    assert len(combinations) == 32
    assert all(abs(count - 50) <= 4 for count in counts.values())


@pytest.mark.parametrize("wheres", [{"a": WITH, "b": None}, {"a": WITHOUT, "b": WITH}], ids=["rest", "both"])
def test_streams_give_what_the_splits_may_take_and_never_a_twin_of_the_other(wheres):
    space = {"brackets": True} | SPACES["sums and differences"]
    recipe = make_recipe(space, [make_split(name, where) for name, where in wheres.items()])
    taken, _ = expect(recipe, wheres)
    for split, questions in taken.items():
        blocks = FreshStream(recipe, split).equations(0)
        found = [question for block in blocks for question in list_questions(recipe, block)]
        assert sorted(found) == sorted(questions)


@pytest.mark.parametrize("where", [WITH, WITHOUT], ids=str)
def test_twins_that_a_condition_leaves_out_are_not_unseen(where):
    space = {"brackets": True} | SPACES["sums and differences"]
    recipe = make_recipe(space, [make_split("train", where)])
    trained = {one.class_key for one in examine_space(recipe.space) if meets(one, where)}
    strangers = [one for one in examine_space(recipe.space) if one.class_key not in trained]
    assert strangers
    assert unseen_equations(recipe).total == len(strangers)


@all_spaces
def test_the_brackets_of_twins_are_those_of_all_members_listed(space):
    recipe = make_recipe(space)
    forms = defaultdict(set)
    for equation in examine_space(recipe.space):
        forms[equation.class_key].add("(" in equation.question)
        # A space without brackets has no twins with brackets; a tree knows of no space.
        if recipe.space.brackets:
            assert list_bracket_forms(equation.tree) == {has_brackets(twin) for twin in twins(equation.tree)}
    for shape in list_shapes(recipe.space):
        variants = {variant.tree for variant in shape.variants()}
        listed = {other.has_brackets for other in list_shapes(recipe.space) if other.tree in variants}
        assert shape.brackets_of_twins == listed
    if recipe.space.brackets:
        assert {frozenset(found) for found in forms.values()} <= {
            shape.brackets_of_twins for shape in list_shapes(recipe.space)
        }
