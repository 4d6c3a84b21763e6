"""Conditions and hash buckets against plain Python, over whole small spaces."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eqstream.data.dataset.shard_writer import ShardWriter
from eqstream.data.errors import UserError
from eqstream.data.reference.evaluation import list_operands
from eqstream.data.reference.parsing import parse, render
from eqstream.data.space.conditions import Selection, are_disjoint, fits, sections_of, selection_of
from eqstream.data.space.prepared_space import prepare_space
from eqstream.data.space.section_union import SectionUnion
from eqstream.data.splits.prepared_sources import PreparedSources
from tests.brute_force import (
    by_question,
    examine_space,
    make_plan,
    make_recipe,
    meets,
    pick,
    plant,
)
from tests.examples import examples
from tests.one_shape import list_rows, list_shapes

SPACES = {
    "two terms": {"operands": {"min": -3, "max": 11}, "operators": "+-*"},
    "one to three terms": {"operands": {"min": -1, "max": 1}, "operators": "+-*", "terms": {"min": 1, "max": 3}},
    "brackets": {"operands": {"min": 0, "max": 3}, "operators": "+-*", "terms": {"min": 2, "max": 3}, "brackets": True},
    "decimals": {"operands": {"min": 9, "max": 10, "decimals": 1}, "operators": "+-"},
    "division": {"operands": {"min": -4, "max": 12}, "operators": "*/", "division": "fraction"},
    "long numbers": {"operands": {"min": 10**25 - 3, "max": 10**25 + 2}, "operators": "+-"},
}
WHERES = [
    {"terms": 3},
    {"terms": {"max": 2}},
    {"terms": {"min": 1.5, "max": 2.5}},
    {"digits": 1},
    {"digits": 2},
    {"digits": {"max": 1}},
    {"digits": {"min": 2, "max": 25}},
    {"digits": {"min": 1.5}},
    {"operands": {"min": 2, "max": 10}},
    {"operands": {"min": -2.5, "max": 9.45}},
    {"operands": 1},
    {"contains": [3]},
    {"contains": 3},
    {"contains": [3, -2, 9.5, 10**25]},
    {"contains": [0.25]},
    {"contains": []},
    {"excludes": [3]},
    {"excludes": [1, 3, 9.3, 10**25, 10**25 + 1]},
    {"carries": 0},
    {"carries": {"min": 1}},
    {"carries": {"min": 2, "max": 25}},
    {"operators": "+"},
    {"operators": "+*"},
    {"operators": "/-"},
    {"answer": 0},
    {"answer": {"min": -2, "max": 3}},
    {"answer": {"min": 0.3, "max": 0.75}},
    {"answer": {"min": 19.15}},
    {"contains": [3], "digits": 1, "answer": {"min": 1}},
    {"contains": [3, 10**25], "digits": {"min": 2}},
    {"contains": [2, 4, 9.1], "excludes": [2, 3], "operands": {"max": 10}},
    {"digits": {"min": 2, "max": 2}, "operands": {"min": -1}, "excludes": 11, "carries": {"min": 0}},
    {"terms": {"min": 2}, "operators": "+-", "contains": 1, "answer": {"max": 3}},
    {"longest_carry_chain": 1},
    {"longest_carry_chain": {"min": 2}, "digits": {"min": 2}},
    {"zero_borrows": {"min": 1}},
    {"equal_operands": True},
    {"equal_operands": False, "contains": [3, 11]},
    {"repeated_digits": 1},
    {"repeated_digits": {"max": 0}},
    {"repeated_digits": {"min": 1.5}, "carries": {"min": 1}},
]


MODES = {"together": ("together", "uniform"), "drop": ("drop", "uniform"), "ignore": ("ignore", "balanced")}


@pytest.mark.parametrize(
    ("where", "space", "mode"),
    [
        # Each condition in two spaces of six, in the modes in turn; the others are slow.
        pytest.param(
            where,
            space,
            mode,
            marks=() if (number + place) % 3 == 0 and (number + place // 3) % 3 == turn else pytest.mark.slow,
            id=f"{where}-{name}-{mode_name}",
        )
        for number, where in enumerate(WHERES)
        for place, (name, space) in enumerate(SPACES.items())
        for turn, (mode_name, mode) in enumerate(MODES.items())
    ],
)
def test_condition_takes_exactly_what_it_says_and_leaves_the_rest(where, space, mode):
    commuted, sampling = mode
    splits = [{"name": "chosen", "rest": True, "where": where}, {"name": "others", "rest": True}]
    recipe = make_recipe(space, splits, commuted=commuted, sampling=sampling)
    known = examine_space(recipe.space)
    expected = {
        "chosen": [one for one in known if meets(one, where)],
        "others": [one for one in known if not meets(one, where)],
    }
    empty = [split for split, equations in expected.items() if not equations]
    if empty:
        with pytest.raises(UserError, match=f"split `{empty[0]}` would be empty: "):
            pick(recipe)
        return
    found = pick(recipe)
    questions = by_question(known)
    for split, equations in expected.items():
        if commuted == "drop":
            keys = sorted(questions[question].class_key for question in found[split])
            assert keys == sorted({equation.class_key for equation in equations})
        else:
            assert sorted(found[split]) == sorted(equation.question for equation in equations)


@pytest.mark.parametrize(
    ("where", "space"),
    [
        # Each condition in two spaces of six; the others are slow.
        pytest.param(where, space, marks=() if (number + place) % 3 == 0 else pytest.mark.slow, id=f"{where}-{name}")
        for number, where in enumerate(WHERES)
        for place, (name, space) in enumerate(SPACES.items())
    ],
)
def test_boxes_hold_all_that_a_condition_takes_each_once(where, space):
    splits = [{"name": "chosen", "rest": True, "where": where}]
    recipe = make_recipe(space, splits)
    condition = recipe.splits[0].where
    assert condition is not None
    prepared, trees = prepare_space(recipe.space), list_shapes(recipe.space)
    boxed = SectionUnion(sections_of(condition, prepared))
    assert all(section.size for section in boxed.sections)
    rows = list_rows(prepared.shapes, trees, boxed, np.arange(boxed.size))
    questions = [render(plant(tree, operands, prepared.scale)) for tree, *operands in rows]
    assert len(set(questions)) == len(questions)
    chosen = set()
    for candidates in boxed.locate(np.arange(boxed.size)):
        columns, operands = candidates.columns(), candidates.operands()
        answers = prepared.arithmetic.evaluate(columns, operands, with_written=True)
        is_chosen = (
            fits(condition, columns, operands=operands, answers=answers, scale=prepared.scale) & answers.is_valid
        )
        chosen |= {questions[row] for row in candidates.rows[is_chosen].tolist()}
    assert chosen == {equation.question for equation in examine_space(recipe.space) if meets(equation, where)}


def test_boxes_are_no_larger_than_operands_need_them_to_be():
    """Conditions on operands, and on carry chains of two of them, are walked without a single miss."""
    space = make_recipe({"operands": {"min": -12, "max": 25}, "operators": "+-"})
    prepared = prepare_space(space.space)
    for where in (
        {"digits": {"min": 2, "max": 2}},
        {"contains": [7, 19]},
        {"excludes": [7, 19]},
        {"operands": {"min": 3.5, "max": 9}},
        {"contains": [7, 25], "digits": 2, "excludes": [8], "operators": "+"},
        {"repeated_digits": 1},
        {"repeated_digits": {"min": 1}, "digits": 2},
        {"equal_operands": True, "contains": [7, 19]},
        {"longest_carry_chain": {"min": 2}},
        {"longest_carry_chain": 1, "digits": 2, "equal_operands": True},
    ):
        condition = make_recipe({"operands": {"min": 0, "max": 0}}, [{"name": "a", "rest": True, "where": where}])
        sections = sections_of(condition.splits[0].where, prepared)
        assert sum(section.size for section in sections) == sum(meets(one, where) for one in examine_space(space.space))


NUMBERS = st.one_of(st.integers(-4, 12), st.sampled_from([0.5, 9.1, 9.9, -0.25, 10**25]))
bounds = st.one_of(
    st.integers(0, 4),
    st.tuples(st.integers(-3, 12), st.integers(0, 9)).map(lambda pair: {"min": pair[0], "max": sum(pair)}),
    NUMBERS.map(lambda number: {"min": number}),
    NUMBERS.map(lambda number: {"max": number}),
)
conditions = st.dictionaries(
    st.sampled_from(
        [
            *("terms", "digits", "operands", "carries", "answer", "contains", "excludes", "operators", "brackets"),
            *("longest_carry_chain", "zero_borrows", "equal_operands", "repeated_digits"),
        ]
    ),
    st.none(),
    min_size=1,
    max_size=4,
).flatmap(
    lambda keys: st.fixed_dictionaries(
        {
            key: {
                "contains": st.lists(NUMBERS, max_size=3),
                "excludes": st.lists(NUMBERS, max_size=3),
                "operators": st.sampled_from(["+", "-", "*", "/", "+-", "-*", "+*/"]),
                "brackets": st.booleans(),
                "equal_operands": st.booleans(),
            }.get(key, bounds)
            for key in keys
        }
    )
)


@given(st.sampled_from(list(SPACES.values())), conditions, st.booleans())
def test_any_condition_takes_exactly_what_it_says(space, where, is_rest_wanted):
    splits = [{"name": "chosen", "rest": True, "where": where}] + [{"name": "others", "rest": True}] * is_rest_wanted
    recipe = make_recipe(space, splits, commuted="ignore")
    known = examine_space(recipe.space)
    chosen = sorted(equation.question for equation in known if meets(equation, where))
    others = sorted(equation.question for equation in known if not meets(equation, where))
    if not chosen or (is_rest_wanted and not others):
        with pytest.raises(UserError, match="would be empty"):
            pick(recipe)
        return
    found = pick(recipe)
    assert sorted(found["chosen"]) == chosen
    assert not is_rest_wanted or sorted(found["others"]) == others


@examples(50)
@given(st.sampled_from(list(SPACES.values())), conditions, conditions)
def test_conditions_that_are_said_to_exclude_each_other_do(space, first, second):
    splits = [{"name": "a", "rest": True, "where": first}, {"name": "b", "rest": True, "where": second}]
    recipe = make_recipe(space, splits, commuted="ignore")
    one, other = map(selection_of, recipe.splits)
    shared = [
        equation for equation in examine_space(recipe.space) if meets(equation, first) and meets(equation, second)
    ]
    if are_disjoint(one, other, recipe.space):
        assert are_disjoint(other, one, recipe.space)
        assert shared == []
    elif one != other:
        with pytest.raises(UserError, match="splits `a` and `b` could share an equation"):
            PreparedSources(recipe)


DISJOINT = [
    ({"terms": 2}, {"terms": {"min": 3}}),
    ({"digits": {"max": 3}}, {"digits": {"min": 4}}),
    ({"operands": {"max": 0.5}}, {"operands": {"min": 0.50001}}),
    ({"carries": 0}, {"carries": {"min": 1}}),
    ({"answer": {"max": -0.1}}, {"answer": {"min": 0}}),
    ({"brackets": True}, {"brackets": False}),
    ({"contains": [527]}, {"excludes": [527]}),
    ({"contains": [3, 5]}, {"excludes": [5, 4, 3]}),
    ({"contains": [3, 5]}, {"operands": {"min": 6}}),
    ({"operators": "+", "terms": {"min": 2}}, {"operators": "-*"}),
    ({"operators": "+", "terms": {"min": 1.5}}, {"operators": "-*"}),
    ({"digits": {"max": 2}}, {"contains": [527]}),
    ({"digits": {"max": 2.5}}, {"contains": [-100, 527.5]}),
    ({"digits": 1, "excludes": [3, 4]}, {"contains": [3, 10]}),
    ({"digits": 1, "operands": {"min": 4}}, {"contains": [3, -10]}),
    ({"longest_carry_chain": {"max": 2}}, {"longest_carry_chain": 3}),
    ({"zero_borrows": 0}, {"zero_borrows": {"min": 1}}),
    ({"repeated_digits": 0}, {"repeated_digits": {"min": 1}}),
    ({"equal_operands": True}, {"equal_operands": False}),
]
SHARING = [
    ({"digits": 1}, {"carries": 1}),
    ({"digits": {"max": 2}}, {"digits": {"min": 2}}),
    ({"operands": {"max": 3}}, {"answer": {"min": 100}}),
    ({"contains": [3, 5]}, {"excludes": [5]}),
    ({"contains": [3]}, {"contains": [5]}),
    ({"excludes": [3]}, {"excludes": [5]}),
    ({"contains": [3, 7]}, {"operands": {"min": 6}}),
    ({"operators": "+"}, {"operators": "-"}),
    ({"operators": "+-"}, {"operators": "-*", "terms": 2}),
    ({"operators": "+", "terms": {"max": 2}}, {"operators": "-", "terms": {"max": 1}}),
    ({"digits": {"max": 3}}, {"contains": [527]}),
    ({"digits": {"max": 1}}, {"contains": [9.5]}),
    ({"digits": {"max": 1}}, {"contains": [527, -9]}),
    ({"digits": {"min": 2}}, {"contains": [3]}),
    ({"equal_operands": True}, {"repeated_digits": 1}),
]


@pytest.mark.parametrize(("first", "second"), DISJOINT)
def test_conditions_that_exclude_each_other_may_stand_side_by_side(first, second):
    splits = [{"name": "a", "count": 1, "where": first}, {"name": "b", "count": 1, "where": second}]
    # In this space one term is possible, so that conditions on operators alone would not exclude each other.
    recipe = make_recipe(SPACES["one to three terms"], splits)
    one, other = map(selection_of, recipe.splits)
    assert are_disjoint(one, other, recipe.space)
    assert are_disjoint(other, one, recipe.space)


def test_conditions_on_operators_exclude_each_other_where_every_equation_has_one():
    space = {"operands": {"min": 0, "max": 9}, "operators": "+-"}
    splits = [{"name": sign, "rest": True, "where": {"operators": operator}} for sign, operator in ("a+", "b-")]
    assert {name: len(found) for name, found in pick(make_recipe(space, splits)).items()} == {"a": 100, "b": 100}
    with pytest.raises(UserError, match="splits `a` and `b` could share an equation"):
        PreparedSources(make_recipe(space | {"terms": {"min": 1, "max": 2}}, splits))
    splits[1]["where"]["terms"] = {"min": 1.5}
    assert PreparedSources(make_recipe(space | {"terms": {"min": 1, "max": 2}}, splits))


def test_digits_exclude_values_that_are_longer():
    space = {"operands": {"min": 0, "max": 999}}
    splits = [
        {"name": "short", "count": 50, "where": {"digits": {"max": 2}}},
        {"name": "held", "rest": True, "where": {"contains": [527]}},
    ]
    found = pick(make_recipe(space, splits))
    assert (len(found["short"]), len(found["held"])) == (50, 1999)


@pytest.mark.parametrize(("first", "second"), SHARING)
def test_conditions_that_could_share_an_equation_are_refused(first, second):
    splits = [{"name": "a", "count": 1, "where": first}, {"name": "b", "count": 1, "where": second}]
    message = "splits `a` and `b` could share an equation; give them the same `where` and `hash`, or ones that exclude"
    with pytest.raises(UserError, match=message):
        PreparedSources(make_recipe(SPACES["one to three terms"], splits))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"hash": [0, 0.6]}, {"hash": [0.5, 1]}),
        ({"hash": [0, 0.5]}, {"rest": True, "where": {"digits": 1}}),
        ({"hash": [0.1, 0.2]}, {"hash": [0.1, 0.3]}),
    ],
)
def test_buckets_that_could_share_an_equation_are_refused(first, second):
    with pytest.raises(UserError, match="splits `a` and `b` could share an equation"):
        PreparedSources(make_recipe(SPACES["two terms"], [{"name": "a", **first}, {"name": "b", **second}]))


def test_splits_of_one_condition_share_it_out():
    where = {"digits": 2}
    splits = [
        {"name": "a", "count": 50, "where": where},
        {"name": "b", "fraction": 0.25, "where": where},
        {"name": "c", "rest": True, "where": where},
        {"name": "d", "rest": True},
    ]
    recipe = make_recipe(SPACES["two terms"], splits, commuted="ignore")
    found = pick(recipe)
    chosen = [equation.question for equation in examine_space(recipe.space) if meets(equation, where)]
    assert (len(found["a"]), len(found["b"])) == (50, len(chosen) // 4)
    assert sorted(found["a"] + found["b"] + found["c"]) == sorted(chosen)
    assert set(found["d"]).isdisjoint(chosen)


@pytest.mark.parametrize("operators", ["+", pytest.param("-*", marks=pytest.mark.slow)])
def test_every_equation_that_contains_527_is_held_out(operators):
    splits = [{"name": "train", "rest": True}, {"name": "test_527", "rest": True, "where": {"contains": [527]}}]
    recipe = make_recipe({"operands": {"min": 0, "max": 999}, "operators": operators}, splits)
    writer = ShardWriter(recipe)
    sizes = {}
    for task in make_plan(recipe).shards:
        for block in writer.equations.blocks(task):
            has_527 = (block.operands[0] == 527) | (block.operands[1] == 527)
            assert (has_527 == (task.split == "test_527")).all()
            sizes[task.split] = sizes.get(task.split, 0) + len(block)
    assert sizes == {"test_527": len(operators) * 1999, "train": len(operators) * (10**6 - 1999)}


@pytest.mark.parametrize("commuted", ["drop", "ignore"])
@pytest.mark.parametrize("wanted", [True, False])
def test_bracketed_equations_stand_apart_from_the_others(wanted, commuted):
    splits = [{"name": "chosen", "rest": True, "where": {"brackets": wanted}}, {"name": "others", "rest": True}]
    recipe = make_recipe(SPACES["brackets"], splits, commuted=commuted)
    known, found = by_question(examine_space(recipe.space)), pick(recipe)
    for split, has_brackets in (("chosen", wanted), ("others", not wanted)):
        assert all(("(" in question) == has_brackets for question in found[split])
    if commuted == "ignore":
        assert sorted(found["chosen"]) == sorted(text for text in known if ("(" in text) == wanted)
    else:
        keys = [{known[question].class_key for question in some} for some in found.values()]
        assert not keys[0] & keys[1]
        assert keys[0] | keys[1] == {equation.class_key for equation in known.values()}


def test_rare_condition_in_a_huge_space_is_found_at_once():
    splits = [
        {"name": "train", "count": 500, "where": {"digits": {"max": 2}}},
        {"name": "long", "count": 500, "where": {"digits": {"min": 11, "max": 12}}},
        {"name": "test_527", "count": 500, "where": {"contains": [527], "digits": {"min": 3, "max": 3}}},
    ]
    found = pick(make_recipe({"operands": {"min": 0, "max": 10**12 - 1}}, splits))
    operands = {split: [list_operands(parse(question)) for question in found[split]] for split in found}
    assert {split: len(found) for split, found in operands.items()} == {"train": 500, "long": 500, "test_527": 500}
    assert max(max(pair) for pair in operands["train"]) < 100
    assert min(max(pair) for pair in operands["long"]) >= 10**10
    assert all(527 in pair and max(pair) < 1000 for pair in operands["test_527"])


def test_condition_that_selects_nothing_is_told_by_the_name_of_its_split():
    splits = [{"name": "train", "rest": True}, {"name": "none", "count": 5, "where": {"digits": 7}}]
    with pytest.raises(
        UserError, match=r"split `none` would be empty: its where {digits: {min: 7, max: 7}} selects no equation of"
    ):
        pick(make_recipe(SPACES["two terms"], splits))
    splits = [{"name": "every", "rest": True, "where": {"digits": {"min": 1}}}, {"name": "none", "rest": True}]
    with pytest.raises(
        UserError, match="split `none` would be empty: the space has no valid equation, or none that no other"
    ):
        pick(make_recipe(SPACES["two terms"], splits))


BUCKETS = [{"name": "train", "hash": [0, 0.6]}, {"name": "dev", "hash": [0.6, 0.8]}, {"name": "test", "hash": [0.8, 1]}]
SMALL = {"operands": {"min": 0, "max": 9}}
GROWN = {
    "more numbers": {"operands": {"min": -5, "max": 25}},
    "finer numbers": {"operands": {"min": 0, "max": 9, "decimals": 1}},
    "far more numbers": {"operands": {"min": 0, "max": 9, "decimals": 1}, "answer": {"max": 9}},
    "more operators": {"operands": {"min": 0, "max": 9}, "operators": "+-*/"},
    "more terms": {"operands": {"min": 0, "max": 9}, "terms": {"min": 1, "max": 3}},
    "brackets": {"operands": {"min": 0, "max": 9}, "terms": {"min": 2, "max": 3}, "brackets": True},
    "everything": {
        "operands": {"min": -1, "max": 10},
        "operators": "+/",
        "terms": {"min": 1, "max": 3},
        "brackets": True,
        "division": "fraction",
    },
}


def find_splits(space: dict, **changes) -> dict[str, str]:
    found = pick(make_recipe(space, BUCKETS, **changes))
    return {question: split for split, questions in found.items() for question in questions}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in ("finer numbers", "everything"))) for name in GROWN]
)
def test_hash_buckets_stay_put_when_the_space_grows(name):
    before = find_splits(SMALL)
    assert before.keys() == {equation.question for equation in examine_space(make_recipe(SMALL).space)}
    after = find_splits(GROWN[name])
    whole = {equation.question for equation in examine_space(make_recipe(GROWN[name]).space)}
    assert after.keys() == whole
    assert [question for question in before if question in whole and before[question] != after[question]] == []
    assert len(before.keys() & whole) >= 55


@pytest.mark.parametrize(
    "changes", [{"seed": 5}, {"commuted": "ignore"}, {"sampling": "balanced"}, {"name": "other", "version": "2.0.0"}]
)
def test_hash_buckets_do_not_depend_on_how_they_are_walked(changes):
    assert find_splits(GROWN["more terms"], **changes) == find_splits(GROWN["more terms"])


def test_class_is_dropped_to_one_member_within_its_bucket():
    whole, dropped = find_splits(SMALL), find_splits(SMALL, commuted="drop")
    assert len(dropped) == 55
    assert all(whole[question] == split for question, split in dropped.items())


def test_hash_buckets_hold_their_share_of_classes():
    found = find_splits({"operands": {"min": 0, "max": 99}, "operators": "+-"}, commuted="drop")
    sizes = np.array([list(found.values()).count(split) for split in ("train", "dev", "test")])
    expected = np.array([0.6, 0.2, 0.2]) * len(found)
    # Two degrees of freedom: above 20 once in 20,000.
    assert ((sizes - expected) ** 2 / expected).sum() < 20


def test_another_salt_deals_the_buckets_out_anew():
    before, after = find_splits(GROWN["more numbers"]), find_splits(GROWN["more numbers"], hash_salt="pepper")
    moved = sum(before[question] != after[question] for question in before)
    # 1 - 0.6² - 0.2² - 0.2² of all.
    assert abs(moved / len(before) - 0.56) < 0.05


def test_buckets_may_be_narrowed_by_counts_and_conditions():
    splits = [
        {"name": "few", "hash": [0, 0.5], "count": 10},
        {"name": "more", "hash": [0, 0.5], "rest": True},
        {"name": "long", "hash": [0.5, 1], "where": {"digits": 2}},
        {"name": "other", "rest": True},
    ]
    recipe = make_recipe(GROWN["more numbers"], splits, commuted="ignore")
    found = pick(recipe)
    halves = find_splits_of_halves()
    assert len(found["few"]) == 10
    assert sorted(found["few"] + found["more"]) == sorted(halves["low"])
    assert sorted(found["long"] + found["other"]) == sorted(halves["high"])
    assert {len(max(question.replace("-", "").split(" + "), key=len)) for question in found["long"]} == {2}
    assert {len(max(question.replace("-", "").split(" + "), key=len)) for question in found["other"]} == {1}


def find_splits_of_halves() -> dict[str, list[str]]:
    halves = [{"name": "low", "hash": [0, 0.5]}, {"name": "high", "hash": [0.5, 1]}]
    return pick(make_recipe(GROWN["more numbers"], halves, commuted="ignore"))


def test_selection_is_named_by_its_conditions():
    assert Selection(None, None).describe() == Selection(None, None).to_text() == "everything"
    recipe = make_recipe(SMALL, [{"name": "a", "hash": [0, 0.5], "where": {"digits": 1}}])
    selection = selection_of(recipe.splits[0])
    # Seeds depend on this one.
    assert selection.describe() == "where {'digits': {'min': 1, 'max': 1}}, hash [0.0, 0.5]"
    assert selection.to_text() == "where {digits: {min: 1, max: 1}}, hash [0.0, 0.5]"
    recipe = make_recipe(SMALL, [{"name": "a", "rest": True, "where": {"contains": [7], "answer": {"max": 5}}}])
    assert selection_of(recipe.splits[0]).to_text() == "where {contains: [7], answer: {max: 5}}"


def test_condition_on_a_number_that_a_float_would_round_is_exact():
    space = {"operands": {"min": 1234567, "max": 1234568, "decimals": 12}, "terms": 1}
    for where in ({"contains": ["1234567.123456789012"]}, {"operands": "1234567.123456789012"}):
        recipe = make_recipe(space, [{"name": "a", "count": 1, "where": where}])
        assert pick(recipe)["a"] == ["1234567.123456789012"]
