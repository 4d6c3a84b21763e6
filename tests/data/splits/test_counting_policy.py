"""What is counted is right, however it is cut and ordered, and no more than is needed."""

import itertools
import json

import numpy as np
import pytest

from eqstream.data.errors import UserError
from eqstream.data.splits.candidates import BLOCK_SIZE, position_blocks
from eqstream.data.splits.counting import CountingResult, CountingTask, count_task
from eqstream.data.splits.counting_policy import count_for_plan, count_here, list_rare, next_tasks
from eqstream.data.splits.equation_counts import EquationCounts
from eqstream.data.splits.plan import plan_splits
from eqstream.data.splits.prepared_sources import PreparedSources
from tests.brute_force import examine_space, make_recipe, meets
from tests.covering import cover_pairs, cover_values, slow_but

MIXED = {"operands": {"min": -1, "max": 11}, "operators": "+-*", "terms": {"min": 1, "max": 2}}
DIVISION = {"operands": {"min": 0, "max": 30}, "operators": "*/"}
LONG = {"operands": {"min": 0, "max": 4}, "operators": "+*", "terms": {"min": 2, "max": 4}}
SPACES = {"mixed": MIXED, "division": DIVISION, "long": LONG}
COMMUTED, SAMPLING = ["together", "drop", "ignore"], ["uniform", "balanced"]


# Blocks of few positions, so that small spaces need many of them.
TINY = 8


def begin_counting(recipe, block_size: int | None = TINY) -> EquationCounts:
    return EquationCounts(PreparedSources(recipe, block_size=block_size))


def count_blocks(task: CountingTask) -> int:
    return -(-task.num_positions // BLOCK_SIZE)


def count_everything(recipe, block_size=TINY) -> EquationCounts:
    """Counts of every block there is, needed or not."""
    counts = begin_counting(recipe, block_size)
    for number, source in enumerate(counts.by_source):
        count_here(counts, [CountingTask(number, 0, source.enumeration.size)] if source.enumeration.size else [])
    return counts


@cover_pairs("space, commuted, sampling", SPACES, COMMUTED, SAMPLING)
def test_every_source_has_as_many_equations_as_brute_force_finds(space, commuted, sampling):
    where = {"answer": {"min": 3}}
    splits = [{"name": "a", "rest": True, "where": where}, {"name": "b", "rest": True}]
    recipe = make_recipe(space, splits, commuted=commuted, sampling=sampling)
    counts = count_everything(recipe)
    totals = {}
    for source, own in zip(counts.sources.sources, counts.by_source, strict=True):
        assert own.num_available == own.total == own.enumeration.count(0, own.enumeration.size)
        name = "b" if source.selection.is_everything else "a"
        totals[name] = totals.get(name, 0) + own.total
    known = examine_space(recipe.space)
    chosen = {name: [one for one in known if meets(one, where) == (name == "a")] for name in "ab"}
    if commuted == "drop":
        chosen = {name: {equation.class_key for equation in found} for name, found in chosen.items()}
    assert totals == {name: len(found) for name, found in chosen.items()}


@cover_pairs(
    "space, commuted, sampling, sizes, block_size",
    SPACES,
    COMMUTED,
    [*SAMPLING, {"balance": ["terms", "operators", "tree", "digits"], "weights": {"digits": {"1": 3}}}],
    [(1, 1), (10, 3), (90, 40), (200, 100, 17)],
    # Of larger blocks the last one is not counted to its end.
    [TINY, 256],
)
def test_plan_from_what_was_needed_is_the_plan_from_everything(space, commuted, sampling, sizes, block_size):
    splits = [{"name": f"s{place}", "count": size} for place, size in enumerate(sizes)]
    recipe = make_recipe(space, splits, commuted=commuted, sampling=sampling, storage={"shard_size": 50})
    plan = plan_splits(count_for_plan(recipe, block_size=block_size))
    assert plan == plan_splits(count_everything(recipe, block_size))
    assert [split.num_equations for split in plan.splits] == list(sizes)


@pytest.mark.parametrize("commuted", slow_but(COMMUTED, "together"))
def test_plan_of_kinds_that_are_rarely_valid_is_the_plan_from_everything(commuted):
    space = {"operands": {"min": 0, "max": 12}, "operators": "-/", "terms": {"min": 2, "max": 3}, "brackets": True}
    splits = [
        {"name": "a", "count": 60, "where": {"answer": {"min": 5}}},
        {"name": "b", "count": 11, "where": {"answer": {"min": 5}}},
        {"name": "c", "count": 300},
        {"name": "d", "count": 30},
    ]
    recipe = make_recipe(space | {"division": "exact"}, splits, sampling="balanced", commuted=commuted)
    counts, whole = count_for_plan(recipe, block_size=256), count_everything(recipe, 256)
    assert plan_splits(counts) == plan_splits(whole)
    assert counts.num_positions_counted < whole.num_positions_counted / 2


def test_no_more_than_a_few_positions_are_counted_of_each_of_many_kinds():
    space = {"operands": {"min": 0, "max": 99}, "operators": "+-*", "terms": {"min": 2, "max": 4}, "brackets": True}
    sampling = {"balance": ["terms", "operators", "tree", "digits"]}
    recipe = make_recipe(space, [{"name": "a", "count": 300}, {"name": "b", "count": 50}], sampling=sampling)
    counts = count_for_plan(recipe)
    assert [split.num_equations for split in plan_splits(counts).splits] == [300, 50]
    assert counts.num_positions_counted < 350 * 64


@cover_pairs("commuted, sampling", COMMUTED, SAMPLING)
def test_tasks_may_be_cut_counted_and_added_in_any_order(commuted, sampling):
    recipe = make_recipe(MIXED, [{"name": "a", "count": 120}], commuted=commuted, sampling=sampling)
    counts, other = begin_counting(recipe), begin_counting(recipe)
    while tasks := next_tasks(counts):
        assert next_tasks(other) == tasks
        count_here(counts, tasks)
        singles = [
            CountingTask(task.source, start, min(start + TINY, task.stop))
            for task in tasks
            for start in range(task.start, task.stop, TINY)
        ]
        tasks = [CountingTask.from_dict(json.loads(json.dumps(task.to_dict()))) for task in reversed(singles)]
        results = [count_task(other.sources, task) for task in tasks]
        other.add([CountingResult.from_dict(json.loads(json.dumps(result.to_dict()))) for result in results])
    assert next_tasks(other) == []
    assert plan_splits(other) == plan_splits(counts)


@cover_values("space, commuted, block_size", SPACES, ["together", "drop"], [TINY, 1 << 16])
def test_ordinals_are_located_and_classes_begin_where_they_do(space, commuted, block_size):
    (counts,) = count_everything(make_recipe(space, commuted=commuted), block_size).by_source
    enumeration, total = counts.enumeration, counts.total
    assert total is not None
    edges = [*range(0, enumeration.size, enumeration.block_size), enumeration.size]
    numbers = [enumeration.count(start, stop) for start, stop in itertools.pairwise(edges)]
    position_to_before = dict(zip(edges, itertools.accumulate(numbers, initial=0), strict=True))
    members = np.concatenate([enumeration.candidates.kept_at(block).counts for block in position_blocks(0, edges[-1])])
    starts = np.cumsum(members) - members
    for ordinal in range(0, total, 17 if block_size == TINY else 97):
        position, before = counts.locate(ordinal)
        assert before == position_to_before[position] <= ordinal
        assert ordinal < position_to_before[min(position + enumeration.block_size, enumeration.size)]
        expected = min(starts[(starts >= ordinal) & (members > 0)], default=total)
        assert counts.next_class(ordinal) == (expected if commuted == "together" else ordinal)
    assert counts.next_class(total) == total
    with pytest.raises(ValueError, match=f"ordinal {total} was not counted, only {total} were"):
        counts.locate(total)


def test_nothing_is_counted_where_position_and_ordinal_are_one():
    for sampling in ("uniform", "balanced"):
        recipe = make_recipe(MIXED, commuted="ignore", sampling=sampling)
        counts = count_for_plan(recipe)
        assert sum(own.total or 0 for own in counts.by_source) == len(examine_space(recipe.space))
        assert all(own.enumeration.is_identity for own in counts.by_source)
        assert counts.by_source[0].locate(7)[0] == counts.by_source[0].locate(7)[1]
        assert counts.num_positions_counted == 0


@cover_values("commuted, sampling", ["together", "drop"], SAMPLING)
def test_no_more_is_counted_than_counts_need(commuted, sampling):
    space = {"operands": {"min": 0, "max": 10**12}, "operators": "+-"}
    splits = [{"name": "a", "count": 500}, {"name": "b", "count": 50}]
    recipe = make_recipe(space, splits, commuted=commuted, sampling=sampling)
    counts = count_for_plan(recipe)
    assert [split.num_equations for split in plan_splits(counts).splits] == [500, 50]
    assert counts.num_positions_counted < 10**6


def test_no_more_is_counted_where_a_class_has_thousands_of_members():
    space = {"operands": {"min": 0, "max": 9}, "operators": "+-*", "terms": 16, "brackets": True}
    recipe = make_recipe(space, [{"name": "a", "count": 100}, {"name": "b", "count": 10}])
    counts = begin_counting(recipe, 1 << 10)
    while tasks := next_tasks(counts):
        count_here(counts, tasks)
    assert counts.sources.twins.largest_class == 1 << 15
    assert [split.num_equations for split in plan_splits(counts).splits] == [100, 10]
    assert counts.num_positions_counted < 1 << 14


@pytest.mark.parametrize("sampling", ["uniform", "balanced"])
def test_condition_that_is_as_good_as_impossible_is_given_up(sampling):
    splits = [{"name": "a", "count": 5, "where": {"answer": {"max": -1}}}]
    recipe = make_recipe({"operands": {"min": 0, "max": 10**4}}, splits, sampling=sampling)
    counts = begin_counting(recipe, 64)
    while tasks := next_tasks(counts, hopeless=1 << 12):
        count_here(counts, tasks)
    assert counts.num_positions_counted < 10**7
    with pytest.raises(UserError, match=r"split `a` would be empty: its where .* selects no equation of the space"):
        plan_splits(counts)


def test_rare_equations_are_approached_in_growing_steps():
    splits = [{"name": "a", "count": 3, "where": {"answer": {"min": 615}}}]
    recipe = make_recipe({"operands": {"min": 0, "max": 207}, "terms": 3}, splits)
    counts, rounds = begin_counting(recipe, None), 0
    while tasks := next_tasks(counts):
        count_here(counts, tasks)
        rounds += 1
    assert 2 <= rounds <= 20
    assert counts.by_source[0].num_available >= 3
    assert counts.num_positions_counted <= 9 * 10**6


def test_condition_of_which_nothing_is_found_is_reported_once():
    splits = [{"name": "a", "count": 3, "where": {"answer": {"max": 1}}}]
    counts = begin_counting(make_recipe({"operands": {"min": 0, "max": 10**6}, "terms": 3}, splits), None)
    reported, lines = set(), []
    while counts.num_positions_counted < 1 << 23:
        tasks = next_tasks(counts)
        lines += list_rare(counts, tasks, reported)
        counts.add(CountingResult(**vars(task), counts=(0,) * count_blocks(task)) for task in tasks)
    assert lines == [
        "no equation of where {answer: {max: 1}} among the first 1,572,864 candidates so far; "
        "looking at up to 67,108,864"
    ]


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        (
            1,
            [
                "equations of where {carries: {min: 9}} are rare: 3 among the first 196,608 candidates; looking at "
                "139,132,928 more, which may take minutes, and may not be the end of it"
            ],
        ),
        # More than one of 64 candidates is not rare.
        (1025, []),
    ],
)
def test_long_search_is_reported_once_some_equations_were_found(found, lines):
    splits = [{"name": "a", "count": 2000 * found, "where": {"carries": {"min": 9}}}]
    counts = begin_counting(make_recipe({"operands": {"min": 0, "max": 10**6}, "terms": 3}, splits), None)
    counts.add([CountingResult(0, 0, 3 * BLOCK_SIZE, (3 * found, 0, 0))])
    reported = set()
    tasks = next_tasks(counts)
    assert list(list_rare(counts, tasks, reported)) == lines
    assert list(list_rare(counts, tasks, reported)) == []


def test_count_that_would_take_days_to_find_is_refused_once_that_is_known():
    space = {"operands": {"min": 0, "max": 10**6}, "terms": 3}
    counts = begin_counting(
        make_recipe(space, [{"name": "a", "count": 100_000, "where": {"answer": {"max": 2}}}]), None
    )
    tasks = next_tasks(counts)
    rare = iter((2,))
    while counts.num_positions_counted < 1 << 26:
        counts.add(
            CountingResult(**vars(task), counts=(next(rare, 0), *[0] * (count_blocks(task) - 1))) for task in tasks
        )
        if counts.num_positions_counted < 1 << 26:
            tasks = next_tasks(counts)
    with pytest.raises(UserError, match=r"so many equations of where .* would take days to find: there are 2 among"):
        next_tasks(counts)
