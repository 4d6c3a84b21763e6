"""Rare equations that are listed: the same ones, in the same order, as a search finds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eqstream.data.errors import UserError
from eqstream.data.splits.counting_policy import count_here, next_tasks
from eqstream.data.splits.equation_counts import EquationCounts
from eqstream.data.splits.few_candidates import find_few, find_most_listed
from eqstream.data.splits.plan import plan_splits
from eqstream.data.splits.prepared_sources import PreparedSources
from eqstream.data.splits.shard_equations import ShardEquations
from tests.brute_force import list_questions, make_recipe, pick
from tests.examples import examples


class Searching(PreparedSources):
    """Lists nothing."""

    def _list_few(self, source, boxes):
        return None


class Listing(PreparedSources):
    """Lists all that it can, however many it is."""

    def _list_few(self, source, boxes):
        few = find_few(source.selection.where, self.space, boxes, most=boxes.size)
        return None if few is None else few.list()


def read_shards(sources):
    counts = EquationCounts(sources)
    while tasks := next_tasks(counts):
        count_here(counts, tasks)
    try:
        plan = plan_splits(counts)
    except UserError as error:
        return str(error)
    equations = ShardEquations(sources)
    shards = {}
    for task in plan.shards:
        blocks = list(equations.blocks(task))
        questions = [question for block in blocks for question in list_questions(sources.recipe, block)]
        shards[task.name] = questions, [number for block in blocks for number in block.carries.tolist()]
        first = list_questions(sources.recipe, equations.first(task, 3))
        assert 1 <= len(first) <= 3
        assert first == questions[: len(first)]
    lost = [(split.name, split.parts, split.num_left_out) for split in plan.splits]
    return shards, lost


CONDITIONS = [
    {"carries": 0},
    {"carries": {"min": 1}},
    {"carries": 2, "answer": {"min": 15}},
    {"answer": 12},
    {"answer": {"max": 3}},
    {"answer": {"min": 7, "max": 9}, "contains": [4]},
    {"answer": {"min": 2}, "longest_carry_chain": 1},
    {"carries": 1, "equal_operands": True},
    {"answer": {"min": -1, "max": 1}, "digits": 2},
]


@given(
    where=st.sampled_from(CONDITIONS),
    operators=st.sampled_from(["+", "-", "+-", "+-*/", "*/"]),
    bounds=st.sampled_from([(0, 18), (-6, 8), (5, 17)]),
    division=st.sampled_from(["exact", "quotient", "decimal", "fraction"]),
    terms=st.sampled_from([2, {"min": 1, "max": 2}]),
    commuted=st.sampled_from(["together", "drop", "ignore"]),
    sampling=st.sampled_from(["uniform", "balanced"]),
    block_size=st.sampled_from([2, 8, 64, None]),
    splits=st.sampled_from(
        [
            [{"count": 5}, {"rest": True}],
            [{"fraction": 0.5}, {"count": 3}],
            [{"rest": True}],
            [{"count": 2, "hash": [0, 0.5]}, {"rest": True, "hash": [0.5, 1]}],
        ]
    ),
)
@examples(10)
def test_shards_are_the_same_whether_rare_equations_are_listed_or_searched_for(
    where, operators, bounds, division, terms, commuted, sampling, block_size, splits
):
    operands = {"min": bounds[0], "max": bounds[1]}
    recipe = make_recipe(
        {"operands": operands, "operators": operators, "division": division, "terms": terms},
        [{"name": f"s{number}", "where": where} | split for number, split in enumerate(splits)]
        + [{"name": "others", "count": 4}],
        commuted=commuted,
        sampling=sampling,
        storage={"shard_size": 40},
        seed=len(where) + len(operators),
    )
    assert read_shards(Listing(recipe, block_size=block_size)) == read_shards(Searching(recipe, block_size=block_size))


@pytest.mark.parametrize("division", ["exact", "fraction"])
def test_bounds_of_all_answers_are_listed_too(division):
    space = {"operands": {"min": 0, "max": 25}, "operators": "-/", "division": division}
    recipe = make_recipe({**space, "answer": {"min": 0, "max": 2}}, storage={"shard_size": 50})
    assert read_shards(Listing(recipe, block_size=16)) == read_shards(Searching(recipe, block_size=16))


@pytest.mark.parametrize("sampling", ["uniform", "balanced"])
@pytest.mark.parametrize("operators", ["/", "+-*/"])
def test_quotients_that_come_out_even_are_listed_too(operators, sampling):
    space = {"operands": {"min": -7, "max": 45}, "operators": operators}
    splits = [{"name": "a", "count": 70}, {"name": "b", "rest": True}]
    recipe = make_recipe(space, splits, sampling=sampling, storage={"shard_size": 900})
    sources = Listing(recipe, block_size=16)
    assert any(sources.enumeration(number).listed is not None for number in range(len(sources)))
    assert read_shards(sources) == read_shards(Searching(recipe, block_size=16))


def test_equations_among_numbers_beyond_63_bits_are_the_same():
    operands = {"min": 10**10, "max": 10**10 + 1, "decimals": 2}
    where = {"answer": {"min": "20000000000.1", "max": "20000000000.2"}}
    recipe = make_recipe({"operands": operands}, [{"name": "a", "count": 40, "where": where}])
    assert read_shards(Listing(recipe)) == read_shards(Searching(recipe))


def test_so_few_are_found_at_once_in_a_space_that_no_search_exhausts():
    splits = [
        {"name": "a", "count": 5000, "where": {"answer": 12345}},
        {"name": "b", "rest": True, "where": {"answer": 12345}},
    ]
    recipe = make_recipe({"operands": {"min": 0, "max": 10**15}}, splits)
    counts = EquationCounts(PreparedSources(recipe))
    assert next_tasks(counts) == []
    assert counts.num_positions_counted == 0
    found = pick(recipe)
    assert len(found["a"]) == 5000
    operands = [tuple(map(int, question.split(" + "))) for split in found.values() for question in split]
    # Twins that the end of the first split cuts off are in neither.
    assert 12345 <= len(operands) <= 12346
    assert len(set(operands)) == len(operands)
    assert {left + right for left, right in operands} == {12345}


def test_none_is_found_without_a_search():
    where = {"answer": 12345, "carries": 9}
    counts = EquationCounts(
        PreparedSources(
            make_recipe({"operands": {"min": 0, "max": 10**8}}, [{"name": "a", "count": 5, "where": where}])
        )
    )
    assert next_tasks(counts) == []
    with pytest.raises(UserError) as caught:
        plan_splits(counts)
    assert str(caught.value) == (
        "split `a` would be empty: its where {carries: {min: 9, max: 9}, answer: {min: 12345, max: 12345}} selects no "
        "equation of the space"
    )


@pytest.mark.parametrize(
    ("size", "num_wanted", "most"),
    [
        (10**6, None, 0),
        (10**7, None, 10**7 // 16),
        (10**7, 10, 2500),
        (10**16, 100, 1 << 21),
        (10**16, None, 1 << 21),
        (10**30, 100, 1 << 18),
        # A search for the five would look at millions.
        (2 * 10**12, 5, 1 << 20),
    ],
)
def test_so_many_are_listed_as_take_less_time_than_a_search(size, num_wanted, most):
    assert find_most_listed(size, num_wanted) == most


def test_what_has_no_closed_form_is_not_listed():
    recipe = make_recipe(
        {"operands": {"min": 0, "max": 99}, "terms": 3}, [{"name": "a", "rest": True, "where": {"answer": 12}}]
    )
    sources = PreparedSources(recipe)
    boxes = sources.enumeration(0).candidates.boxes
    assert find_few(recipe.splits[0].where, sources.space, boxes, most=10**5) is None
    few = find_few(recipe.splits[0].where, sources.space, boxes, most=10**6)
    assert few is not None
    assert np.array_equal(few.list().indices, np.arange(10**6))
    assert np.array_equal(few.list(7).indices, np.arange(0, 10**6, 7))
    assert few.list(7).size == few.size == 10**6
