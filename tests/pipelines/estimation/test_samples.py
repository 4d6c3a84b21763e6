"""Samples of splits have the bytes of their equations."""

from eqstream.data.dataset.shard_writer import ShardWriter
from eqstream.data.recipe import Recipe
from eqstream.data.splits.prepared_sources import PreparedSources
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

    def draw_from(size):
        def draw():
            drawn.append(size)
            return [block.take(slice(0, size))]

        return draw

    encoded = samples.encode_samples(recipe, writer, [draw_from(size) for size in sizes], sizes=sizes, shown=[block])
    assert [sample.num_equations for sample in encoded] == [20, 40, 20, 20]
    assert set(drawn) == {20, 40}
    assert encoded[0] == encoded[2] == encoded[3]
