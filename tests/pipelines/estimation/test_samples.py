"""Samples of splits have the bytes of their equations."""

from typing import Any

from eqstream.data.dataset.shard_writer import ShardWriter
from eqstream.data.recipe import Recipe
from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.splits.equation_counts import EquationCounts
from eqstream.data.splits.prepared_sources import PreparedSources
from eqstream.data.splits.segments import Segment
from eqstream.pipelines.estimation import samples


def test_of_many_splits_the_largest_are_encoded_and_the_others_are_like_the_smallest_of_these(monkeypatch):
    monkeypatch.setattr(samples, "MOST_SAMPLED_SPLITS", 2)
    sizes = (5, 40, 7, 20)
    recipe = Recipe.from_dict(
        {
            "name": "many",
            "space": {"operands": {"min": 0, "max": 99}, "operators": "+"},
            "splits": [{"name": f"s{size}", "count": size} for size in sizes],
        }
    )
    writer, drawn = ShardWriter(recipe), []
    block = next(PreparedSources(recipe).enumeration(0).equations(0, max(sizes)))

    class FakeDraw:
        def __init__(self, size: int) -> None:
            self._size = size
            self.blocks = [block]

        def estimate_seconds(self, num_equations: int) -> float:
            return 0.0

        def take(self, most: int) -> EquationBlock:
            drawn.append(self._size)
            return block.take(slice(0, self._size))

    draws: Any = {f"s{size}": FakeDraw(size) for size in sizes}
    name_to_size = {f"s{size}": size for size in sizes}
    encoded = samples.encode_samples(recipe, writer, draws, sizes=name_to_size, shown=[block])
    assert [sample.num_equations for sample in encoded] == [20, 40, 20, 20]
    assert drawn == [40, 20]
    assert encoded[0] == encoded[2] == encoded[3]


def test_equations_of_a_split_are_drawn_once(monkeypatch):
    recipe = Recipe.from_dict(
        {"name": "sums", "space": {"operands": {"min": 0, "max": 99}}, "splits": [{"name": "a", "count": 9}]}
    )
    counts = EquationCounts(PreparedSources(recipe))
    draw = samples.Draw(counts, [Segment(0, first=0, count=9, position=0, before=0)], num_splits=1)
    blocks = draw.blocks
    monkeypatch.setattr(samples, "count_sampled", None)
    assert draw.blocks[0] is blocks[0]
    assert sum(map(len, blocks)) == 9


def test_samples_of_many_splits_are_smaller():
    recipe = Recipe.from_dict(
        {"name": "sums", "space": {"operands": {"min": 0, "max": 9999}}, "splits": [{"name": "a", "count": 10**6}]}
    )
    counts = EquationCounts(PreparedSources(recipe))
    segments = [Segment(0, first=0, count=10**6, position=0, before=0)]
    sizes = [sum(map(len, samples.Draw(counts, segments, num_splits=number).blocks)) for number in (1, 2, 8, 64)]
    assert sizes == [16320, 16320, 4096, 512]


def test_time_is_told_from_that_of_the_equations_that_were_drawn(monkeypatch):
    ticks = iter(range(100))
    monkeypatch.setattr(samples.time, "process_time", lambda: next(ticks))
    recipe = Recipe.from_dict(
        {"name": "sums", "space": {"operands": {"min": 0, "max": 99}}, "splits": [{"name": "a", "count": 90}]}
    )
    counts = EquationCounts(PreparedSources(recipe))
    segment = Segment(0, first=0, count=90, position=0, before=0)
    draw = samples.Draw(counts, [segment], num_splits=1)
    assert sum(map(len, draw.blocks)) == 90
    assert [draw.estimate_seconds(number) for number in (90, 900)] == [1, 10]
