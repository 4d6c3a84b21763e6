"""The endless stream: never what is held out, nothing twice in a round, and any place of it at once."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eqstream.data.errors import UserError
from eqstream.data.streams.equation_stream import MOST_LISTED, EquationStream
from eqstream.data.streams.held_out import find_ranges
from tests.brute_force import by_question, examine_space, list_questions, make_recipe, meets, pick
from tests.covering import cover_values, slow_but
from tests.examples import examples


def space(low, high, operators="+", **rest):
    return {"operands": {"min": low, "max": high}, "operators": operators, **rest}


BRACKETS = space(0, 2, "+*", terms={"min": 2, "max": 3}, brackets=True)
REST = {"name": "rest", "rest": True}
TEST = {"name": "test", "count": 20}
DIGITS = {"digits": 1}
# Name to (space, splits).
CASES = {
    "train first": (space(0, 12), [{"name": "train", "count": 41}, TEST]),
    "train between": (space(0, 12), [TEST, {"name": "train", "count": 31}, {"name": "dev", "count": 25}]),
    "train is the rest": (space(0, 12), [TEST, {"name": "train", "rest": True}, {"name": "dev", "count": 15}]),
    "nothing is left": (space(-1, 2, "+-*", terms={"min": 1, "max": 3}), [{"name": "train", "count": 81}, REST]),
    "brackets": (BRACKETS, [{"name": "train", "count": 33}, TEST]),
    "exact division": (space(-5, 9, "+/", answer={"min": -3}), [{"name": "train", "count": 50}, TEST]),
    "fractions": (space(-2, 3, "*/", terms=3, division="fraction"), [{"name": "train", "fraction": 0.3}, TEST]),
    "where": (
        space(0, 12, "+-"),
        [{"name": "train", "count": 30, "where": DIGITS}, {**TEST, "where": DIGITS}, {**REST, "where": {"digits": 2}}],
    ),
    "everything but": (
        space(0, 12),
        [{**REST, "where": {"contains": [7]}}, TEST, {"name": "train", "count": 30}],
    ),
    "hash": (space(0, 12, "+*"), [{"name": "train", "hash": [0, 0.3]}, {"name": "test", "hash": [0.5, 1.0]}]),
    "same hash": (
        space(0, 12, "+*"),
        [{"name": "train", "count": 20, "hash": [0, 0.5]}, {**TEST, "hash": [0, 0.5]}],
    ),
}


# Small spaces are listed once, or enumerated as if they were large: most positions that are listed.
KEPT = {"listed": MOST_LISTED, "enumerated": 0}
all_kept = pytest.mark.parametrize("most_listed", KEPT.values(), ids=KEPT)
COMMUTED, SAMPLING = ["together", "drop", "ignore"], ["uniform", "balanced"]


def questions_of(recipe, stream, epoch, first=0):
    return [question for block in stream.equations(epoch, first) for question in list_questions(recipe, block)]


def expected_questions(recipe):
    """What the stream of `train` may give, by brute force: what it could take from, without twins held out."""
    known = by_question(examine_space(recipe.space))

    def key(question):
        return question if recipe.commuted == "ignore" else known[question].class_key

    picked = pick(recipe)
    held_out = {key(question) for split, some in picked.items() if split != "train" for question in some}
    (train,) = (split for split in recipe.splits if split.name == "train")
    same = [split.name for split in recipe.splits if (split.where, split.hash) == (train.where, train.hash)]
    # All that a single split takes which has the rest of the same selection.
    alone = [split for split in recipe.to_dict()["splits"] if split["name"] not in same or split["name"] == "train"]
    for split in alone:
        if split["name"] == "train":
            split.update(count=None, fraction=None, rest=True)
    whole = pick(type(recipe).from_dict({**recipe.to_dict(), "splits": alone}))["train"]
    return {question for question in whole if key(question) not in held_out}, held_out, key


@cover_values("case, commuted, sampling, most_listed", CASES, COMMUTED, SAMPLING, KEPT)
def test_stream_gives_all_that_is_not_held_out_and_nothing_else(case, commuted, sampling, most_listed):
    some_space, splits = case
    recipe = make_recipe(some_space, splits, commuted=commuted, sampling=sampling)
    expected, held_out, key = expected_questions(recipe)
    stream = EquationStream(recipe, num_examples=max(len(expected) // 3, 1), most_listed=most_listed)
    found = Counter()
    for epoch in range(4):
        questions = questions_of(recipe, stream, epoch)
        assert len(questions) == stream.num_examples
        assert not {key(question) for question in questions} & held_out
        if most_listed or sampling == "uniform":
            assert len(set(questions)) == len(questions)
        found.update(questions)
    assert set(found) <= expected
    if sampling == "uniform" and most_listed:
        # Three epochs and a bit are a round, and its rest.
        assert len(found) >= 3 * stream.num_examples


# Spaces whose equations are listed without a search, once a search of so few candidates counts as long.
RARE = {
    "exact quotients": (space(-5, 30, "/"), [{"name": "train", "count": 60}, TEST]),
    "one answer": (
        space(0, 80, "+-"),
        [{"name": "train", "count": 9, "where": {"answer": 37}}, {**TEST, "where": {"answer": 37}}],
    ),
}


@pytest.mark.usefixtures("lists_all_rare_equations")
@pytest.mark.parametrize("case", RARE.values(), ids=RARE)
@pytest.mark.parametrize("commuted", COMMUTED)
@all_kept
def test_streams_of_equations_that_are_listed_give_all_that_is_not_held_out(case, commuted, most_listed):
    some_space, splits = case
    recipe = make_recipe(some_space, splits, commuted=commuted)
    assert all(source.enumeration.listed is not None for source in find_ranges(recipe, "train").sources)
    expected, _, _ = expected_questions(recipe)
    stream = EquationStream(recipe, num_examples=len(expected), most_listed=most_listed)
    orders = [questions_of(recipe, stream, epoch) for epoch in range(3)]
    # Of classes of one or two equations a part is larger than an epoch needs, unless all are kept.
    if most_listed or commuted != "together":
        assert all(sorted(order) == sorted(expected) for order in orders)
    assert orders[0] != orders[1] != orders[2]
    assert set().union(*orders) <= expected
    assert [questions_of(recipe, stream, 1, first) for first in (0, 7)] == [orders[1], orders[1][7:]]


@cover_values("commuted, sampling, most_listed", COMMUTED, SAMPLING, KEPT)
def test_epoch_that_is_all_there_is_is_everything_in_a_new_order(commuted, sampling, most_listed):
    some_space, splits = CASES["brackets"]
    recipe = make_recipe(some_space, splits, commuted=commuted, sampling=sampling)
    expected, _, _ = expected_questions(recipe)
    stream = EquationStream(recipe, num_examples=len(expected), most_listed=most_listed)
    orders = [questions_of(recipe, stream, epoch) for epoch in range(4)]
    if most_listed or sampling == "uniform":
        assert all(sorted(order) == sorted(expected) for order in orders)
    assert all(one != other for one, other in itertools.combinations(orders, 2))
    others = EquationStream(recipe, num_examples=len(expected), seed=1, most_listed=most_listed)
    assert questions_of(recipe, others, 0) != orders[0]


@all_kept
def test_epoch_larger_than_the_space_gives_each_equation_equally_often(most_listed):
    recipe = make_recipe(space(1, 10), [{"name": "train", "rest": True}])
    stream = EquationStream(recipe, num_examples=1000 + 30, most_listed=most_listed)
    for epoch in range(3):
        counts = Counter(questions_of(recipe, stream, epoch))
        assert len(counts) == 100
        assert set(counts.values()) == {10, 11}
        assert sum(counts.values()) == 1030


@all_kept
def test_epochs_of_a_pass_share_nothing(most_listed):
    recipe = make_recipe(space(0, 199), [{"name": "test", "count": 10_000}, {"name": "train", "rest": True}])
    stream = EquationStream(recipe, num_examples=5000, most_listed=most_listed)
    first, *later = (set(questions_of(recipe, stream, epoch)) for epoch in range(6))
    assert len(first) == 5000
    if most_listed:
        assert not any(first & other for other in later[:5])
        assert len(first.union(*later)) == 30_000
    else:
        # Parts begin where they begin, however many equations the one before has; that they meet is rare.
        assert sum(len(first & other) for other in later[:3]) < 50


@cover_values("sampling, most_listed", SAMPLING, KEPT)
def test_stream_resumes_anywhere(sampling, most_listed):
    recipe = make_recipe(space(0, 12, "+-"), [TEST, {"name": "train", "rest": True}], sampling=sampling)
    for num_examples in (40, 300):

        def make_stream(num_examples=num_examples):
            return EquationStream(recipe, num_examples=num_examples, most_listed=most_listed, block_size=16)

        whole = [questions_of(recipe, make_stream(), epoch) for epoch in range(3)]
        stream = make_stream()
        for epoch, first in itertools.product((2, 1), range(0, num_examples + 1, num_examples // 4)):
            assert questions_of(recipe, stream, epoch, first) == whole[epoch][first:]


@pytest.mark.parametrize(
    ("digits", "commuted"),
    [
        # Each with one other, in turn; the others are slow.
        pytest.param(digits, commuted, marks=() if number == place else pytest.mark.slow)
        for number, digits in enumerate([10, 20, 40])
        for place, commuted in enumerate(COMMUTED)
    ],
)
def test_huge_space_gives_nothing_that_is_held_out(digits, commuted):
    """The held-out splits lie at the start of the enumeration; the stream must go around them."""
    splits = [{"name": "a", "count": 200}, {"name": "train", "count": 10}, {"name": "b", "count": 301}]
    recipe = make_recipe(space(0, 10**digits), splits, commuted=commuted)
    stream = EquationStream(recipe, num_examples=100)
    given = [question for epoch in (0, 1, 10**6) for question in questions_of(recipe, stream, epoch)]
    assert len(set(given)) == len(given) == 300
    picked = pick(recipe)
    held_out = {frozenset(question.split(" + ")) for split in "ab" for question in picked[split]}
    assert not {frozenset(question.split(" + ")) for question in given} & held_out
    assert questions_of(recipe, stream, 10**6, 77) == given[277:]


def test_free_positions_begin_with_the_split_itself_when_the_others_are_walked_around():
    splits = [{"name": "a", "count": 200}, {"name": "train", "count": 10}, {"name": "b", "count": 301}]
    recipe = make_recipe(space(0, 10**20), splits)
    picked = pick(recipe)
    (source,) = find_ranges(recipe, "train").sources
    positions = np.concatenate(list(itertools.islice(source.free_blocks(64), 10)))
    block = source.enumeration.equations_at(positions, 0)
    assert block is not None
    found = set(list_questions(recipe, block))
    assert set(picked["train"]) <= found
    assert not found & {question for split in "ab" for question in picked[split]}


@pytest.mark.parametrize("most_listed", slow_but(KEPT, "enumerated"))
def test_balanced_stream_gives_each_combination_of_lengths_its_share(most_listed):
    splits = [{"name": "train", "count": 900}, {"name": "test", "count": 300}]
    recipe = make_recipe(space(0, 999), splits, sampling="balanced", commuted="ignore")
    stream = EquationStream(recipe, most_listed=most_listed)
    assert stream.num_examples == 900
    known: set[str] = set()
    for epoch in range(3):
        questions = questions_of(recipe, stream, epoch)
        lengths = Counter(tuple(map(len, question.split(" + "))) for question in questions)
        # Of the 100 sums of two digits a part is held out; the others take what it lacks.
        assert len(lengths) == 9
        assert lengths[1, 1] < 100
        others = [count for pair, count in lengths.items() if pair != (1, 1)]
        assert max(others) - min(others) <= 1
        assert min(others) >= 100
        long = {question for question in questions if len(question) == 9}
        assert not known & long
        known |= long


@examples(10)
@given(st.data())
def test_any_recipe_of_sums_leaks_nothing(data):
    high = data.draw(st.integers(3, 14))
    counts = data.draw(st.lists(st.integers(1, 12), min_size=2, max_size=4))
    if sum(counts) > (high + 1) * (high + 2) // 2:
        return
    splits = [{"name": f"s{place}", "count": count} for place, count in enumerate(counts)]
    train = data.draw(st.integers(0, len(counts) - 1))
    splits[train]["name"] = "train"
    recipe = make_recipe(
        space(0, high, data.draw(st.sampled_from(["+", "+-", "*"]))),
        splits,
        commuted=data.draw(st.sampled_from(["together", "drop"])),
        sampling=data.draw(st.sampled_from(["uniform", "balanced"])),
        seed=data.draw(st.integers(0, 10**6)),
    )
    known = by_question(examine_space(recipe.space))
    held_out = {known[q].class_key for split, some in pick(recipe).items() if split != "train" for q in some}
    stream = EquationStream(recipe, num_examples=data.draw(st.integers(1, 300)), seed=data.draw(st.integers(0, 9)))
    epoch = data.draw(st.integers(0, 10**9))
    questions = questions_of(recipe, stream, epoch)
    assert len(questions) == stream.num_examples
    assert not {known[question].class_key for question in questions} & held_out


def test_stream_asks_for_a_split_that_exists_and_an_epoch_that_is_not_empty():
    recipe = make_recipe(space(0, 9))
    with pytest.raises(UserError, match="the recipe has no split `trian`; did you mean `train`"):
        EquationStream(recipe, "trian")
    with pytest.raises(UserError, match="`num_examples` must be at least 1, got 0"):
        EquationStream(recipe, num_examples=0)


def test_conditions_of_the_split_hold_for_the_stream():
    splits = [{"name": "train", "count": 5, "where": {"carries": 2}}, {"name": "test", "count": 30}]
    recipe = make_recipe(space(0, 99), splits)
    known = by_question(examine_space(recipe.space))
    stream = EquationStream(recipe, num_examples=400)
    assert all(meets(known[question], {"carries": 2}) for question in questions_of(recipe, stream, 3))
