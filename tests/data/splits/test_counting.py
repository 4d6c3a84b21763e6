"""What is counted is right, however it is cut and ordered, and no more than is needed."""

import itertools
import json

import pytest

from eqstream.data.errors import UserError
from eqstream.data.splits.counting import Census, Counter, CountingResult, CountingTask
from eqstream.data.splits.plan import plan_splits
from tests.brute_force import examine_space, make_recipe, meets

MIXED = {"operands": {"min": -1, "max": 11}, "operators": "+-*", "terms": {"min": 1, "max": 2}}
DIVISION = {"operands": {"min": 0, "max": 30}, "operators": "*/"}
LONG = {"operands": {"min": 0, "max": 4}, "operators": "+*", "terms": {"min": 2, "max": 4}}
all_modes = pytest.mark.parametrize(
    ("commuted", "sampling"), list(itertools.product(["together", "drop", "ignore"], ["uniform", "balanced"]))
)
all_spaces = pytest.mark.parametrize("space", [MIXED, DIVISION, LONG], ids=["mixed", "division", "long"])


@pytest.fixture
def tiny_blocks(monkeypatch):
    """Blocks of few positions, so that small spaces need many of them."""
    monkeypatch.setattr("eqstream.data.splits.enumeration.BLOCK", 16)
    monkeypatch.setattr("eqstream.data.splits.enumeration.BLOCK_OF_STRATUM", 8)
    monkeypatch.setattr("eqstream.data.splits.enumeration.BLOCK_OF_HUGE_SPACE", 8)


def count_everything(recipe) -> Census:
    """A census that has counted every block there is, needed or not."""
    census = Census(recipe)
    for number, walk in enumerate(census.walks):
        census.count([CountingTask(number, 0, -(-walk.size // walk.count_block))])
    return census


@pytest.mark.usefixtures("tiny_blocks")
@all_modes
@all_spaces
def test_every_source_has_as_many_equations_as_brute_force_finds(space, commuted, sampling):
    where = {"answer": {"min": 3}}
    splits = [{"name": "a", "rest": True, "where": where}, {"name": "b", "rest": True}]
    recipe = make_recipe(space, splits, commuted=commuted, sampling=sampling)
    census = count_everything(recipe)
    totals = {}
    for number, source in enumerate(census.sources):
        assert census.available(number) == census.total(number)
        assert census.total(number) == census.walks[number].count(0, census.walks[number].size)
        name = "b" if source.selection.is_everything else "a"
        totals[name] = totals.get(name, 0) + census.total(number)
    known = examine_space(recipe.space)
    chosen = {name: [one for one in known if meets(one, where) == (name == "a")] for name in "ab"}
    if commuted == "drop":
        chosen = {name: {equation.class_key for equation in found} for name, found in chosen.items()}
    assert totals == {name: len(found) for name, found in chosen.items()}


@pytest.mark.usefixtures("tiny_blocks")
@all_modes
@all_spaces
@pytest.mark.parametrize("counts", [(1, 1), (10, 3), (90, 40), (200, 100, 17)])
def test_plan_from_what_was_needed_is_the_plan_from_everything(space, commuted, sampling, counts):
    splits = [{"name": f"s{place}", "count": count} for place, count in enumerate(counts)]
    for seed in range(3):
        recipe = make_recipe(space, splits, commuted=commuted, sampling=sampling, seed=seed, storage={"shard_size": 50})
        census = Census(recipe).run()
        plan = plan_splits(recipe, census)
        assert plan == plan_splits(recipe, count_everything(recipe))
        assert [split.num_equations for split in plan.splits] == list(counts)


@pytest.mark.usefixtures("tiny_blocks")
@all_modes
def test_tasks_may_be_cut_counted_and_added_in_any_order(commuted, sampling):
    recipe = make_recipe(MIXED, [{"name": "a", "count": 120}], commuted=commuted, sampling=sampling)
    census, other = Census(recipe), Census(recipe)
    counter = Counter(recipe)
    while tasks := census.next_tasks():
        assert other.next_tasks() == tasks
        census.count(tasks)
        singles = [
            CountingTask(task.source, task.first_block + block, 1) for task in tasks for block in range(task.num_blocks)
        ]
        tasks = [CountingTask.from_dict(json.loads(json.dumps(task.to_dict()))) for task in reversed(singles)]
        results = [counter.count(task) for task in tasks]
        other.add([CountingResult.from_dict(json.loads(json.dumps(result.to_dict()))) for result in results])
    assert other.next_tasks() == []
    assert plan_splits(recipe, other) == plan_splits(recipe, census)


@pytest.mark.usefixtures("tiny_blocks")
@all_spaces
@pytest.mark.parametrize("commuted", ["together", "drop"])
def test_ordinals_are_located_and_classes_begin_where_they_do(space, commuted):
    recipe = make_recipe(space, commuted=commuted)
    census = count_everything(recipe)
    (walk,) = census.walks
    starts = walk.class_starts(0, walk.size).tolist()
    total = census.total(0)
    positions = [*range(0, walk.size, walk.count_block), walk.size]
    counts = [walk.count(first, last) for first, last in itertools.pairwise(positions)]
    position_to_before = dict(zip(positions, itertools.accumulate(counts, initial=0), strict=True))
    for ordinal in range(0, total, 7):
        position, before = census.locate(0, ordinal)
        assert before == position_to_before[position] <= ordinal
        assert ordinal < position_to_before[min(position + walk.count_block, walk.size)]
        expected = min((start for start in starts if start >= ordinal), default=total)
        assert census.next_class(0, ordinal) == (expected if commuted == "together" else ordinal)
    assert census.next_class(0, total) == total
    with pytest.raises(ValueError, match=f"ordinal {total} of source 0 was not counted, only {total} were"):
        census.locate(0, total)


def test_nothing_is_counted_where_position_and_ordinal_are_one():
    for sampling in ("uniform", "balanced"):
        recipe = make_recipe(MIXED, commuted="ignore", sampling=sampling)
        census = Census(recipe)
        assert census.next_tasks() == []
        assert sum(census.total(number) for number in range(len(census.sources))) == len(examine_space(recipe.space))
        assert all(census.is_identity(number) for number in range(len(census.sources)))
        assert census.locate(0, 7)[0] == census.locate(0, 7)[1]
        assert census.num_counted() == 0


@pytest.mark.parametrize("sampling", ["uniform", "balanced"])
@pytest.mark.parametrize("commuted", ["together", "drop"])
def test_no_more_is_counted_than_counts_need(commuted, sampling):
    space = {"operands": {"min": 0, "max": 10**12}, "operators": "+-"}
    splits = [{"name": "a", "count": 500}, {"name": "b", "count": 50}]
    recipe = make_recipe(space, splits, commuted=commuted, sampling=sampling)
    census = Census(recipe).run()
    assert [split.num_equations for split in plan_splits(recipe, census).splits] == [500, 50]
    assert census.num_counted() < 10**6


@pytest.mark.parametrize("sampling", ["uniform", "balanced"])
def test_condition_that_is_as_good_as_impossible_is_given_up(sampling, monkeypatch):
    monkeypatch.setattr("eqstream.data.splits.counting._HOPELESS_POSITIONS", 1 << 12)
    splits = [{"name": "a", "count": 5, "where": {"answer": {"max": -1}}}]
    recipe = make_recipe({"operands": {"min": 0, "max": 10**4}}, splits, sampling=sampling)
    with pytest.raises(UserError, match=r"split `a` would be empty: its where .* selects no equation of the space"):
        plan_splits(recipe, Census(recipe).run())


def test_rare_equations_are_approached_in_growing_steps():
    splits = [{"name": "a", "count": 3, "where": {"answer": {"min": 5990}}}]
    recipe = make_recipe({"operands": {"min": 0, "max": 2999}}, splits)
    census, rounds = Census(recipe), 0
    while tasks := census.next_tasks():
        census.count(tasks)
        rounds += 1
    assert 2 <= rounds <= 20
    assert census.available(0) >= 3
    assert census.num_counted() <= 9 * 10**6


def test_count_that_would_take_days_to_find_is_refused_once_that_is_known():
    space = {"operands": {"min": 0, "max": 10**6}, "terms": 2}
    census = Census(make_recipe(space, [{"name": "a", "count": 100_000, "where": {"answer": {"max": 2}}}]))
    tasks = census.next_tasks()
    rare = iter((2,))
    while len(tasks) < 100_000:
        census.add(
            CountingResult(task.source, task.first_block, (next(rare, 0), *[0] * (task.num_blocks - 1)))
            for task in tasks
        )
        if census.num_counted() >= 1 << 26:
            break
        tasks = census.next_tasks()
    with pytest.raises(UserError, match=r"so many equations of where .* would take days to find: there are 2 among"):
        census.next_tasks()
