"""The enumeration in blocks: every class once and whole, twins apart, and none of them preferred."""

import dataclasses
import itertools
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eqstream.data.dataset.shard_writer import ShardWriter
from eqstream.data.splits.candidates import position_blocks
from eqstream.data.splits.counting_policy import count_for_plan
from eqstream.data.splits.plan import ShardTask
from eqstream.data.splits.prepared_sources import PreparedSources
from eqstream.data.splits.segments import Segment
from tests.brute_force import (
    by_question,
    class_key_of,
    examine_space,
    list_questions,
    make_plan,
    make_recipe,
    meets,
    pick,
    write,
)
from tests.covering import cover_values
from tests.examples import examples

MIXED = {"operands": {"min": -1, "max": 2}, "operators": "+-*", "terms": {"min": 1, "max": 3}}
BRACKETS = {"operands": {"min": 0, "max": 2}, "operators": "+*", "terms": {"min": 2, "max": 3}, "brackets": True}
DIVISION = {"operands": {"min": -5, "max": 9}, "operators": "+/", "division": "exact", "answer": {"min": -3}}
SUMS = {"operands": {"min": 0, "max": 99}}
HUGE = {"operands": {"min": 0, "max": 10**9}, "operators": "+*/", "terms": {"min": 2, "max": 3}, "division": "fraction"}


@cover_values(
    "space, commuted, where",
    {"mixed": MIXED, "brackets": BRACKETS, "division": DIVISION, "sums": SUMS, "huge": HUGE},
    ["together", "drop", "ignore"],
    [None, {"digits": 1}],
)
def test_counting_finds_as_many_equations_as_are_listed(space, commuted, where):
    split = {"name": "a", "count": 1, "where": where} if where else {"name": "a", "count": 1}
    enumeration = PreparedSources(make_recipe(space, [split], commuted=commuted), block_size=24).enumeration(0)
    stop = min(enumeration.size, 1000)
    counts = enumeration.candidates.kept_at(next(position_blocks(0, stop))).counts
    assert (enumeration.candidates.count_at(next(position_blocks(0, stop))) == counts).all()
    assert enumeration.count_blocks(0, stop) == [counts[start : start + 24].sum() for start in range(0, stop, 24)]
    assert enumeration.count(0, stop) == counts.sum() > 0


@cover_values(
    "space, commuted, sampling, block_size",
    {"mixed": MIXED, "division": DIVISION},
    ["together", "drop", "ignore"],
    ["uniform", "balanced"],
    [2, 3, 32],
)
def test_edges_of_blocks_lose_nothing(space, commuted, sampling, block_size):
    where = {"answer": {"min": 2}}
    splits = [
        {"name": "a", "count": 41},
        {"name": "b", "rest": True},
        {"name": "c", "count": 5, "where": where},
        {"name": "d", "rest": True, "where": where},
    ]
    recipe = make_recipe(space, splits, commuted=commuted, sampling=sampling, storage={"shard_size": 23})
    known = by_question(examine_space(recipe.space))
    found = pick(recipe, block_size=block_size)
    questions = list(itertools.chain(*found.values()))
    assert len(set(questions)) == len(questions)
    assert (len(found["a"]), len(found["c"])) == (41, 5)
    assert {split in "cd" for split, some in found.items() for question in some if meets(known[question], where)} == {
        True
    }
    assert {
        split in "ab" for split, some in found.items() for question in some if not meets(known[question], where)
    } == {True}
    class_to_split = {}
    for split, questions_of_split in found.items():
        for question in questions_of_split:
            key = known[question].class_key if commuted != "ignore" else question
            assert class_to_split.setdefault(key, split) == split
    every = {equation.class_key if commuted != "ignore" else equation.question for equation in known.values()}
    assert class_to_split.keys() == every
    if commuted == "together":
        cut = Counter(class_to_split[known[question].class_key] for question in known.keys() - set(questions))
        assert cut.keys() <= {"a", "c"}
    else:
        assert len(questions) == len(every)


@pytest.mark.parametrize(
    ("space", "block_size"),
    [
        pytest.param(BRACKETS, 8, id="brackets-8"),
        pytest.param(BRACKETS, 1 << 16, id="brackets-65536", marks=pytest.mark.slow),
        pytest.param(MIXED, 8, id="mixed-8", marks=pytest.mark.slow),
        pytest.param(MIXED, 1 << 16, id="mixed-65536", marks=pytest.mark.slow),
    ],
)
def test_any_range_of_ordinals_is_what_the_whole_enumeration_has_there(space, block_size):
    recipe = make_recipe(space)
    (counts,) = count_for_plan(recipe, block_size=block_size).by_source
    enumeration, total = counts.enumeration, counts.total
    assert total is not None
    class_of_ordinal: list[str] = []
    for ordinal in range(total):
        position, before = counts.locate(ordinal)
        (block_of_one,) = enumeration.equations(ordinal, 1, position=position, before=before)
        (question,) = list_questions(recipe, block_of_one)
        class_of_ordinal.append(class_key_of(question))
    assert Counter(class_of_ordinal) == Counter(equation.class_key for equation in examine_space(recipe.space))
    # Members of a class have ordinals side by side.
    assert len(list(itertools.groupby(class_of_ordinal))) == len(set(class_of_ordinal))
    rng = np.random.default_rng(0)
    for first, last in [(0, total), *np.sort(rng.integers(0, total + 1, (15, 2)), axis=1).tolist()]:
        found = itertools.chain(
            *(list_questions(recipe, found) for found in enumeration.equations(first, last - first))
        )
        assert sorted(class_key_of(question) for question in found) == sorted(class_of_ordinal[first:last])


def test_blocks_of_a_huge_space_are_the_same_computed_together_or_known_to_be_kept():
    counts = count_for_plan(make_recipe(HUGE, [{"name": "train", "count": 3000}]), block_size=64)
    (own,) = counts.by_source
    enumeration = own.enumeration
    positions = position_blocks(0, 40 * 64, 64)
    alone = [enumeration.equations_at(some, int(some[0])) for some in positions]
    num_whole = sum(len(block) for block in alone if block is not None)
    kept = own.list_kept(num_whole, position=0, before=0)
    assert kept is not None
    assert 39 * 64 < len(kept) < 50 * 64
    for known in (kept, None):
        blocks = list(enumeration.equations(0, num_whole, kept=known))
        assert len(blocks) == 3
        assert list_columns(blocks) == list_columns(alone)
        some = list(enumeration.equations(1000, 1500, kept=known))
        assert sum(map(len, some)) == 1500
        # In the blocks that the range cuts, the order is one of the members that are wanted.
        assert set(list_columns(some)) < set(list_columns(blocks))


@pytest.mark.parametrize("space", [MIXED, BRACKETS, SUMS], ids=["mixed", "brackets", "sums"])
def test_first_equations_are_those_that_all_begin_with(space):
    recipe = make_recipe(space, [{"name": "train", "count": 100}, {"name": "test", "count": 90}])
    writer = ShardWriter(recipe)
    for task in make_plan(recipe).shards:
        whole = list_columns(writer.equations.blocks(task))
        for number in (1, 7, 90, 1000):
            assert list_columns([writer.equations.first(task, number)]) == whole[:number]


def list_columns(blocks):
    """All that is known of each equation, in order."""
    return [row for block in blocks for row in zip(*map(list, block.columns()), strict=True)]


def test_starts_of_kept_classes_are_their_edges():
    recipe = make_recipe(BRACKETS)
    enumeration = PreparedSources(recipe).enumeration(0)
    for start, stop in ((0, enumeration.size), (0, 1), (3, 100)):
        (positions,) = position_blocks(start, stop)
        kept = enumeration.candidates.kept_at(positions)
        questions = itertools.chain(
            *(
                list_questions(recipe, each)
                for each in enumeration.equations(enumeration.count(0, start), kept.num_equations)
            )
        )
        sizes = Counter(class_key_of(question) for question in questions)
        assert sorted(np.diff([*kept.starts, kept.num_equations]).tolist()) == sorted(sizes.values())


def test_enumeration_that_ends_early_says_so():
    enumeration = PreparedSources(make_recipe({"operands": {"min": 0, "max": 2}})).enumeration(0)
    with pytest.raises(ValueError, match="the enumeration ends at ordinal 9, wanted up to 10"):
        list(enumeration.equations(5, 5))


def read_blocks(recipe):
    """The operands of each record in turn, for each shard."""
    writer = ShardWriter(recipe)
    for task in make_plan(recipe).shards:
        yield np.concatenate(
            [np.stack([*block.operands, block.shapes]) for block in writer.equations.blocks(task)], axis=1
        )


@pytest.mark.parametrize(
    ("commuted", "sampling"),
    [
        ("drop", "balanced"),
        *(
            pytest.param(commuted, sampling, marks=pytest.mark.slow)
            for commuted, sampling in (
                *(("together", "uniform"), ("together", "balanced"), ("drop", "uniform")),
                *(("ignore", "uniform"), ("ignore", "balanced")),
            )
        ),
    ],
)
def test_space_of_several_blocks_is_written_once(commuted, sampling):
    """160,000 positions are two blocks and a half, 360,000 more than one block of counting."""
    for high in (400, 600):
        space, storage = {"operands": {"min": 0, "max": high - 1}}, {"shard_size": high * high}
        recipe = make_recipe(space, commuted=commuted, sampling=sampling, storage=storage)
        (pairs,) = read_blocks(recipe)
        places = np.sort(pairs[0] * high + pairs[1])
        expected = np.arange(high * high)
        if commuted == "drop":
            expected = expected[expected // high <= expected % high]
            places = np.sort(np.minimum(pairs[0], pairs[1]) * high + np.maximum(pairs[0], pairs[1]))
        assert np.array_equal(places, expected)


@pytest.mark.parametrize("sampling", ["uniform", pytest.param("balanced", marks=pytest.mark.slow)])
def test_class_cut_across_blocks_stays_in_one_split(sampling):
    splits = [{"name": "a", "count": 100_001}, {"name": "b", "count": 70_001}, {"name": "c", "rest": True}]
    recipe = make_recipe(
        {"operands": {"min": 0, "max": 499}}, splits, sampling=sampling, storage={"shard_size": 30_000}
    )
    plan = make_plan(recipe)
    split_of = np.zeros((500, 500), dtype=np.int64)
    for task, pairs in zip(plan.shards, read_blocks(recipe), strict=True):
        assert not split_of[pairs[0], pairs[1]].any()
        split_of[pairs[0], pairs[1]] = 1 + "abc".index(task.split)
    assert [np.count_nonzero(split_of == 1 + place) for place in range(3)] == [s.num_equations for s in plan.splits]
    both = (split_of > 0) & (split_of.T > 0)
    assert (split_of == split_of.T)[both].all()
    missing = np.count_nonzero(split_of == 0)
    assert missing == sum(split.num_left_out for split in plan.splits)
    # Whoever is missing has a twin that is there.
    assert (split_of.T[split_of == 0] > 0).all()


def place_by_class(recipe, records) -> dict[str, list[int]]:
    places = defaultdict(list)
    for place, record in enumerate(records):
        places[class_key_of(record["question"])].append(place)
    return places


SPACES_OF_TWINS = {
    "sums": {"operands": {"min": 0, "max": 99}},
    "mixed": {"operands": {"min": 0, "max": 8}, "operators": "+-*", "terms": {"min": 2, "max": 3}},
    "four terms": {"operands": {"min": 0, "max": 4}, "operators": "+*", "terms": 4},
    "brackets": {"operands": {"min": 0, "max": 5}, "operators": "+*", "terms": 3, "brackets": True},
}


@pytest.mark.parametrize(
    ("space", "sampling"),
    [
        # Each space with one kind of sampling, in turn; with the other it is slow.
        pytest.param(space, sampling, marks=() if number % 2 == place else pytest.mark.slow, id=f"{name}-{sampling}")
        for number, (name, space) in enumerate(SPACES_OF_TWINS.items())
        for place, sampling in enumerate(["uniform", "balanced"])
    ],
)
def test_twins_do_not_stand_side_by_side(space, sampling):
    splits = [{"name": "a", "count": 1000}, {"name": "b", "rest": True}]
    recipe = make_recipe(space, splits, sampling=sampling, storage={"shard_size": 1000})
    written = write(recipe)
    closest = []
    for task in written.plan.shards:
        records = written.records[task.split][task.first_ordinal : task.first_ordinal + task.num_equations]
        for places in place_by_class(recipe, records).values():
            closest += np.diff(places).tolist()
    assert len(closest) > 1000
    if sampling == "uniform":
        # A class has at most eight members here, which lie a whole shard of at most 1,000 divided by eight apart.
        assert min(closest) >= 60
    # Where strata are dealt out by chance a few may come close, but no more than chance has it.
    assert sum(distance < 10 for distance in closest) <= len(closest) // 100


def test_first_twins_are_as_often_the_canonical_as_the_other_one():
    (pairs,) = read_blocks(make_recipe({"operands": {"min": 0, "max": 399}}))
    left, right = pairs[:2]
    _, first = np.unique(np.minimum(left, right) * 400 + np.maximum(left, right), return_index=True)
    is_unequal = left[first] != right[first]
    is_smaller_first = (left < right)[first][is_unequal]
    assert len(is_smaller_first) == 400 * 399 // 2
    # Five standard deviations of a fair coin.
    assert abs(is_smaller_first.sum() - len(is_smaller_first) / 2) < 2.5 * len(is_smaller_first) ** 0.5
    for part in np.array_split(is_unequal_smaller(left, right), 50):
        assert abs(part.mean() - 0.5) < 2.5 / len(part) ** 0.5


def is_unequal_smaller(left, right):
    """For each record that has a twin, whether it is the one with the smaller operand first."""
    return (left < right)[left != right]


def test_each_of_many_members_is_as_often_the_first():
    recipe = make_recipe({"operands": {"min": 0, "max": 17}, "operators": "+*", "terms": 3})
    records = write(recipe).records["train"]
    orders = Counter()
    for places in place_by_class(recipe, records).values():
        members = sorted(records[place]["question"] for place in places)
        if len(members) == 4:
            orders[members.index(records[places[0]]["question"])] += 1
    expected = sum(orders.values()) / 4
    assert expected > 600
    # Three degrees of freedom: above 25 once in 60,000; the seed is fixed.
    assert sum((count - expected) ** 2 for count in orders.values()) / expected < 25


def test_member_that_a_cut_class_keeps_is_not_always_the_same():
    """Splits of one equation each tear every class, and keep the smaller operand first in half of them."""
    splits = [{"name": f"s{place}", "count": 1} for place in range(200)]
    found = pick(make_recipe(SUMS, splits))
    pairs = [tuple(map(int, question.split(" + "))) for (question,) in found.values()]
    assert len({frozenset(pair) for pair in pairs}) == 200
    assert 60 < sum(left < right for left, right in pairs) < 140


def test_order_of_records_is_that_of_the_seed():
    orders = {seed: write(make_recipe(SUMS, seed=seed)).questions("train") for seed in (0, 1)}
    assert sorted(orders[0]) == sorted(orders[1])
    assert sum(map(str.__eq__, orders[0], orders[1])) < 20
    # No trace of the enumeration: neighbours are as far apart as chance has it.
    sums = [int(question.split(" + ")[0]) for question in orders[0]]
    assert abs(np.corrcoef(sums[:-1], sums[1:])[0, 1]) < 0.05


@examples(20)
@given(st.data())
def test_any_cut_of_a_split_into_shards_gives_the_same_equations(data):
    recipe = make_recipe(MIXED)
    (counts,) = count_for_plan(recipe).by_source
    total = len(examine_space(recipe.space))
    edges = sorted({0, total, *data.draw(st.lists(st.integers(0, total), max_size=6))})
    writer = ShardWriter(recipe)
    found = []
    for first, last in itertools.pairwise(edges):
        segment = Segment(0, first, last - first, *counts.locate(first))
        task = ShardTask(
            split="train",
            shard_index=0,
            num_shards=1,
            first_ordinal=first,
            num_equations=last - first,
            segments=(segment,),
        )
        found += [question for block in writer.equations.blocks(task) for question in list_questions(recipe, block)]
    assert Counter(found) == Counter(equation.question for equation in examine_space(recipe.space))


def test_blocks_say_what_they_hold():
    recipe = make_recipe(MIXED | {"operands": {"min": -1, "max": 5}})
    known = by_question(examine_space(recipe.space))
    writer = ShardWriter(recipe)
    (task,) = make_plan(recipe).shards
    for block in writer.equations.blocks(task):
        assert {column.shape for column in block.columns()} == {(len(block),)}
        for row, question in enumerate(list_questions(recipe, block)):
            equation = known[question]
            assert (block.carries[row], block.digits[row]) == (equation.carries, equation.digits)
            assert block.numerators[row] == equation.value
        part = block.take(slice(3, 9))
        assert len(part) == 6
        assert part.numerators.tolist() == block.numerators[3:9].tolist()
        assert dataclasses.replace(part, carries=part.carries).digits is part.digits


@pytest.mark.parametrize(
    "commuted", ["together", *(pytest.param(each, marks=pytest.mark.slow) for each in ("drop", "ignore"))]
)
def test_class_of_an_ordinal_stands_where_its_members_are_found(commuted):
    recipe = make_recipe(BRACKETS, commuted=commuted)
    (counts,) = count_for_plan(recipe).by_source
    enumeration, total = counts.enumeration, len(pick(recipe)["train"])
    ordinal, last_position = 0, -1
    while ordinal < total:
        position, end = enumeration.find_class(ordinal)
        assert last_position < position
        for member in range(ordinal, end):
            start, before = counts.locate(member)
            assert enumeration.find_class(member, position=start, before=before) == (position, end)
        members = enumeration.equations_at(np.array([position]), 0)
        assert members is not None
        (expected,) = enumeration.equations(ordinal, end - ordinal)
        assert sorted(list_questions(recipe, members)) == sorted(list_questions(recipe, expected))
        ordinal, last_position = end, position
    with pytest.raises(ValueError, match=f"the enumeration ends at ordinal {total}, wanted {total}"):
        enumeration.find_class(total)
