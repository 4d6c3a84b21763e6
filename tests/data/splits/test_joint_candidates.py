"""Kinds of equations that are looked at together have the classes, counts and equations that each has alone."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eqstream.data.permutation import index_dtype
from eqstream.data.recipe import Recipe
from eqstream.data.splits.class_filter import ClassFilter
from eqstream.data.splits.counting import CountingTask, count_task, count_tasks
from eqstream.data.splits.counting_policy import count_for_plan
from eqstream.data.splits.joint_candidates import JointCandidates, can_join
from eqstream.data.splits.joint_segments import Reach, draw_together, list_joint, read_together
from eqstream.data.splits.plan import plan_splits
from eqstream.data.splits.prepared_sources import PreparedSources
from eqstream.data.splits.shard_equations import ShardEquations
from tests.brute_force import make_recipe
from tests.covering import cover_values, slow_but
from tests.examples import examples

SPACES = {
    "one-to-three": {"operands": {"min": -1, "max": 11}, "operators": "+-*", "terms": {"min": 1, "max": 3}},
    "brackets": {"operands": {"min": 0, "max": 12}, "operators": "+*", "terms": {"min": 2, "max": 4}, "brackets": True},
    "exact": {"operands": {"min": 0, "max": 14}, "operators": "-/", "terms": 3, "brackets": True, "division": "exact"},
    "fractions": {"operands": {"min": 0, "max": 14}, "operators": "+/", "terms": 3, "division": "fraction"},
    "decimals": {"operands": {"min": 0, "max": 11, "decimals": 1}, "operators": "+*", "terms": {"min": 2, "max": 3}},
    "bounded": {"operands": {"min": 0, "max": 99}, "operators": "+-", "terms": 3, "answer": {"min": 0, "max": 40}},
    "huge": {"operands": {"min": 0, "max": 10**8}, "operators": "+-", "terms": {"min": 2, "max": 3}},
    "unlisted": {
        "operands": {"min": 0, "max": 99},
        "operators": "+-*",
        "terms": {"min": 2, "max": 8},
        "brackets": True,
    },
}
TREES = {"balance": ["terms", "operators", "tree", "digits"]}
SAMPLINGS = {"balanced": "balanced", "trees": TREES, "operators": {"balance": ["operators"]}}
WHERES = {"no-condition": None, "answers": {"answer": {"min": 7}}, "operands": {"contains": [3], "digits": {"max": 2}}}
COMMUTED = ["together", "drop", "ignore"]


def make(space, sampling, where, commuted, seed: int = 0) -> Recipe:
    splits = [{"name": "a", "count": 60}, {"name": "b", "count": 7}]
    if WHERES[where] is not None:
        splits.append({"name": "c", "count": 5, "where": WHERES[where]})
    return make_recipe(
        SPACES[space], splits, sampling=SAMPLINGS[sampling], commuted=commuted, seed=seed, storage={"shard_size": 40}
    )


def list_columns(blocks) -> list[list]:
    """Returns the values of all columns of some blocks, one after the other."""
    pieces = zip(*([column.tolist() for column in block.columns()] for block in blocks), strict=True)
    return [[*itertools.chain(*values)] for values in pieces]


@pytest.mark.parametrize("where", slow_but([*WHERES], "no-condition", "answers"))
@pytest.mark.parametrize("sampling", slow_but([*SAMPLINGS], "balanced", "trees"))
@cover_values("space, commuted", list(SPACES), COMMUTED)
def test_classes_of_many_kinds_are_those_of_each_alone(space, sampling, where, commuted):
    sources = PreparedSources(make(space, sampling, where, commuted))
    by_filter = {}
    for number in range(len(sources)):
        candidates = sources.enumeration(number).candidates
        if can_join(candidates):
            by_filter.setdefault(candidates.filter, []).append(candidates)
    # Whole kinds where they are small, and both ends of them where they are not.
    for kinds in by_filter.values():
        kinds = kinds[:: max(len(kinds) // 40, 1)]
        ends = [
            [*range(min(kind.boxes.size, 60)), *range(max(kind.boxes.size - 30, 60), kind.boxes.size)] for kind in kinds
        ]
        members = np.repeat(np.arange(len(kinds)), [len(positions) for positions in ends])
        dtype = index_dtype(max(kind.boxes.size for kind in kinds))
        found = JointCandidates(kinds).kept_at(members, np.array([*itertools.chain(*ends)], dtype=dtype))
        expected = [
            kind.kept_at(np.array(positions, dtype=index_dtype(kind.boxes.size))).counts
            for kind, positions in zip(kinds, ends, strict=True)
        ]
        assert found.counts.tolist() == np.concatenate(expected).tolist()


@cover_values("space, sampling, where, commuted", list(SPACES), list(SAMPLINGS), list(WHERES), COMMUTED)
def test_tasks_are_counted_together_as_each_is_alone(monkeypatch, space, sampling, where, commuted):
    monkeypatch.setattr("eqstream.data.splits.counting._POSITIONS_AT_ONCE", 1000)
    sources = PreparedSources(make(space, sampling, where, commuted))
    sizes = [sources.enumeration(number).size for number in range(len(sources))]
    tasks = [
        CountingTask(number, start, min(start + (16, 48, 2000)[number % 3], size))
        for number, size in enumerate(sizes)
        for start in range(0, min(size, 64), 32)
    ][:150]
    results = {(result.source, result.start): result for result in count_tasks(sources, tasks)}
    assert len(results) == len(tasks)
    for task in tasks:
        assert results[task.source, task.start] == count_task(sources, task)


@cover_values("space, sampling, where, commuted", list(SPACES), list(SAMPLINGS), ["no-condition", "operands"], COMMUTED)
def test_segments_are_read_together_as_each_is_alone(space, sampling, where, commuted):
    recipe = make(space, sampling, where, commuted)
    counts = count_for_plan(recipe)
    plan = plan_splits(counts)
    for shard in plan.shards:
        groups = list_joint(counts.sources, shard.segments)
        for segments in groups:
            for segment, block in zip(segments, read_together(counts.sources, segments), strict=True):
                alone = counts.sources.enumeration(segment.source).equations(
                    segment.first, segment.count, position=segment.position, before=segment.before
                )
                assert list_columns([block]) == list_columns(alone)


@cover_values("space, sampling, where, commuted", list(SPACES), list(SAMPLINGS), list(WHERES), COMMUTED)
def test_equations_are_drawn_together_as_each_draws_alone(space, sampling, where, commuted):
    sources = PreparedSources(make(space, sampling, where, commuted))
    by_filter: dict[ClassFilter, list[Reach]] = {}
    for number in range(len(sources)):
        enumeration = sources.enumeration(number)
        if can_join(enumeration.candidates):
            reach = Reach(
                enumeration, min(8, enumeration.size - 1), min(8 + number % 90, enumeration.size), number % 50
            )
            by_filter.setdefault(enumeration.candidates.filter, []).append(reach)
    for reaches in by_filter.values():
        kinds = [reach for reach in reaches if reach.stop > reach.start and reach.most][:60]
        alone = [
            kind.enumeration.equations_at(
                np.arange(kind.start, kind.stop, dtype=index_dtype(kind.stop)), kind.start, most=kind.most
            )
            for kind in kinds
        ]
        blocks = draw_together(kinds)
        assert [block and list_columns([block]) for block in blocks] == [
            each and list_columns([each]) for each in alone
        ]


@examples(6)
@given(st.data())
def test_datasets_are_the_same_whether_kinds_are_looked_at_together_or_alone(data):
    space, sampling, commuted = (data.draw(st.sampled_from(values)) for values in ([*SPACES], [*SAMPLINGS], COMMUTED))
    recipe = make(space, sampling, "no-condition", commuted, seed=data.draw(st.integers(0, 99)))
    together = list_shards(recipe)
    with pytest.MonkeyPatch.context() as patch:
        for module in ("counting", "joint_segments"):
            patch.setattr(f"eqstream.data.splits.{module}.can_join", lambda candidates: False)
        assert list_shards(recipe) == together


def list_shards(recipe: Recipe) -> list:
    counts = count_for_plan(recipe)
    equations = ShardEquations(counts.sources)
    plan = plan_splits(counts)
    return [plan, *(list_columns(equations.blocks(shard)) for shard in plan.shards)]
