import base64
import gc
import itertools
import weakref

import numpy as np
import pytest

from eqstream.data.recipe import Recipe
from eqstream.data.splits.counting import count_task
from eqstream.data.splits.counting_policy import count_for_plan, next_tasks
from eqstream.data.splits.equation_counts import EquationCounts, SourceCounts
from eqstream.data.splits.plan import plan_splits
from eqstream.data.splits.prepared_sources import PreparedSources
from eqstream.data.splits.segments import Segment, SegmentFinder, Segments

SPACES = {
    "sums": {"operands": {"min": 0, "max": 399}, "operators": "+-"},
    "mixed": {"operands": {"min": 0, "max": 99}, "terms": {"min": 2, "max": 3}, "operators": "+*", "brackets": True},
    "huge": {"operands": {"min": 0, "max": 10**10}, "operators": "+"},
}
SPLITS = [{"name": "train", "count": 3000}, {"name": "test", "count": 77}, {"name": "more", "count": 1000}]


def make_recipe(space: str, sampling: str, commuted: str, shard_size: int) -> Recipe:
    return Recipe.from_dict(
        {
            "name": "segments",
            "space": SPACES[space],
            "sampling": sampling,
            "commuted": commuted,
            "splits": SPLITS,
            "storage": {"shard_size": shard_size},
        }
    )


@pytest.mark.parametrize("shard_size", [30, 5000])
@pytest.mark.parametrize("commuted", ["together", "ignore"])
@pytest.mark.parametrize("sampling", ["uniform", "balanced"])
@pytest.mark.parametrize("space", SPACES)
def test_segments_are_those_that_are_found_one_by_one(space, sampling, commuted, shard_size):
    counts = count_for_plan(make_recipe(space, sampling, commuted, shard_size))
    plan = plan_splits(counts)
    firsts = {(split.name, place): part.first for split in plan.splits for place, part in enumerate(split.parts)}
    sources = {(split.name, place): part.source for split in plan.splits for place, part in enumerate(split.parts)}
    for shard in plan.shards:
        assert sum(segment.count for segment in shard.segments) == shard.num_equations
        for segment in shard.segments:
            part, own = (shard.split, segment.part), counts.by_source[segment.source]
            assert (segment.source, segment.first) == (sources[part], firsts[part])
            firsts[part] += segment.count
            assert (segment.position, segment.before) == own.locate(segment.first)
            kept = own.list_kept(firsts[part], position=segment.position, before=segment.before)
            if kept is None or len(kept) > 8 * segment.count + 256:
                assert segment.kept == ""
            else:
                assert base64.b64decode(segment.kept) == np.packbits(kept).tobytes()
    ends = {
        (split.name, place): part.first + part.count for split in plan.splits for place, part in enumerate(split.parts)
    }
    assert firsts == ends


def test_segments_of_a_table_are_a_sequence_like_any_other():
    listed = [
        Segment(row % 3, 10 * row, row + 1, 100 * row, row, row % 2, "/w==" if row % 4 else "") for row in range(9)
    ]
    columns = [np.array(column) for column in list(zip(*listed, strict=True))[:-1]]
    segments = Segments(columns, {row: segment.kept for row, segment in enumerate(listed) if segment.kept})
    assert [*segments] == listed
    assert segments == tuple(listed)
    assert tuple(listed) == segments
    assert hash(segments) == hash(tuple(listed))
    assert segments != listed[:-1]
    assert segments != 9
    assert segments[9:] != ""
    assert [segments[place] for place in range(-9, 9)] == [listed[place] for place in range(-9, 9)]
    assert [*reversed(segments)] == listed[::-1]
    for start, stop in itertools.product([None, -20, -3, 0, 2, 7, 9, 20], repeat=2):
        some = segments[start:stop]
        assert (len(some), [*some], [*some[1:]]) == (
            len(listed[start:stop]),
            listed[start:stop],
            listed[start:stop][1:],
        )
    assert {type(value) for value in segments[3]} == {int, str}
    with pytest.raises(IndexError):
        segments[9]
    with pytest.raises(ValueError, match="without a step"):
        segments[::2]


@pytest.mark.parametrize("shard_size", [30, 5000])
def test_plan_does_not_depend_on_how_much_of_it_is_made_at_once(monkeypatch, shard_size):
    recipe = make_recipe("sums", "balanced", "together", shard_size)
    plan = plan_splits(count_for_plan(recipe))
    monkeypatch.setattr("eqstream.data.splits.plan.SLOTS_AT_ONCE", 101)
    assert plan_splits(count_for_plan(recipe)) == plan


@pytest.mark.parametrize("terms", [3, pytest.param(7, marks=pytest.mark.slow)])
def test_plan_does_not_depend_on_who_counted(terms):
    space = {"operands": {"min": 0, "max": 9}, "terms": terms, "operators": "+*", "brackets": True}
    recipe = Recipe.from_dict({"name": "segments", "space": space, "sampling": "balanced", "splits": SPLITS})
    counts, elsewhere = EquationCounts(PreparedSources(recipe)), PreparedSources(recipe)
    while tasks := next_tasks(counts):
        counts.add(count_task(elsewhere, task) for task in tasks)
    assert plan_splits(counts) == plan_splits(count_for_plan(recipe))


def test_equations_that_were_not_counted_are_not_planned():
    counts = count_for_plan(make_recipe("sums", "uniform", "together", 30))
    counts.by_source[0] = SourceCounts(counts.by_source[0].enumeration)
    with pytest.raises(ValueError, match=r"^ordinal \d+ was not counted, only 0 were$"):
        plan_splits(counts)


def test_memory_of_a_finder_is_free_again_without_the_collector():
    """Plans are made without it."""
    counts = count_for_plan(make_recipe("mixed", "uniform", "together", 30))
    (part,) = plan_splits(counts).splits[0].parts
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        finder = SegmentFinder(counts, [part])
        assert len(finder.take(np.zeros(2, dtype=int), np.array([7, 9]))) == 2
        reference = weakref.ref(finder)
        del finder
        assert reference() is None
    finally:
        if was_enabled:
            gc.enable()
