"""Classes of a split are counted."""

import pytest

from eqstream.data.reference.evaluation import canonical_key
from eqstream.data.reference.parsing import parse
from eqstream.data.splits.counting_policy import count_for_plan
from eqstream.data.splits.plan import divide_sources
from eqstream.pipelines.estimation import classes
from eqstream.pipelines.estimation.classes import count_classes, count_if_small
from tests.brute_force import make_recipe, pick

SPACE = {"operands": {"min": 0, "max": 3}, "operators": "+*", "terms": {"min": 2, "max": 4}, "brackets": True}
SPLITS = [{"name": "train", "count": 300}, {"name": "test", "count": 45}, {"name": "rest", "rest": True}]


@pytest.mark.parametrize("sampling", ["uniform", "balanced"])
def test_classes_of_a_split_are_those_of_its_equations(sampling):
    recipe = make_recipe(SPACE, SPLITS, sampling=sampling)
    counts = count_for_plan(recipe)
    questions = pick(recipe)
    for split in divide_sources(counts):
        keys = {canonical_key(parse(question)) for question in questions[split.name]}
        assert count_classes(counts, split.parts) == len(keys)


def test_classes_are_not_counted_where_that_takes_long(monkeypatch):
    split = {"name": "some", "count": 20, "where": {"answer": 5}}
    counts = count_for_plan(make_recipe({**SPACE, "brackets": False}, [split]))
    (planned,) = divide_sources(counts)
    assert count_if_small(counts, planned) is not None
    monkeypatch.setattr(classes, "_MOST_LOOKED_AT", -1)
    assert count_if_small(counts, planned) is None
