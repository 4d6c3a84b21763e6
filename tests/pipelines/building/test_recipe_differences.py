from eqstream.data.recipe import Recipe
from eqstream.pipelines.building.recipe_differences import list_differences

SUMS = {
    "name": "sums",
    "space": {"operands": {"min": 0, "max": 49}, "operators": "+"},
    "splits": [{"name": "train", "count": 1200}, {"name": "test", "count": 300}],
}


def test_differences_are_shown_by_key():
    before = Recipe.from_dict(SUMS)
    after = Recipe.from_dict({**SUMS, "seed": 1, "splits": [{"name": "train", "count": 10}], "model": {"kind": "lstm"}})
    assert list_differences(before.to_dict(), after.to_dict()) == [
        "seed: 0 -> 1",
        "splits.test.count: 300 -> (none)",
        "splits.test.name: test -> (none)",
        "splits.test.rest: false -> (none)",
        "splits.train.count: 1200 -> 10",
    ]
