import pytest

from eqstream.data.space.conditions import selection_of
from eqstream.data.splits import few_candidates, prepared_sources
from eqstream.data.splits.counting import count_tasks
from eqstream.data.splits.counting_policy import count_for_plan
from eqstream.data.splits.equation_counts import EquationCounts
from eqstream.data.splits.plan import divide_sources
from eqstream.data.splits.prepared_sources import PreparedSources
from eqstream.data.splits.segments import Segment
from eqstream.pipelines.estimation import sizes
from eqstream.pipelines.estimation.sizes import SizeEstimator, count_if_cheap, has_plenty, thin_out
from eqstream.pipelines.preview import preview
from tests.brute_force import make_recipe

BRACKETS = {"operands": {"min": 0, "max": 3}, "operators": "+*", "terms": {"min": 2, "max": 4}, "brackets": True}
SPLITS = [{"name": "train", "count": 300}, {"name": "test", "count": 45}, {"name": "rest", "rest": True}]


def test_what_is_cheap_is_counted_and_the_rest_estimated(monkeypatch):
    recipe = make_recipe({"operands": {"min": 0, "max": 999}, "operators": "/"}, [{"name": "whole", "rest": True}])
    counts = EquationCounts(PreparedSources(recipe))
    planned, work = count_if_cheap(counts)
    assert planned is not None
    assert work.num_positions == 10**6
    monkeypatch.setattr(sizes, "MOST_WORK", 10**6)
    fresh = EquationCounts(PreparedSources(recipe))
    assert count_if_cheap(fresh) == (None, work)
    estimated = SizeEstimator(fresh).sizes["whole"]
    assert estimated == pytest.approx(planned[0].num_equations, rel=0.1)
    assert SizeEstimator(fresh).capacity(0) == estimated


@pytest.mark.parametrize("keys", [("terms",), ("terms", "operators", "tree", "digits")])
def test_quotas_are_those_of_the_plan(keys):
    sampling = {"balance": list(keys), "weights": {"terms": {2: 3}}}
    # Without twins nothing is cut off.
    recipe = make_recipe(BRACKETS, SPLITS, sampling=sampling, commuted="drop")
    counts = count_for_plan(recipe)
    estimator = SizeEstimator(counts)
    for split, planned in zip(recipe.splits, divide_sources(counts), strict=True):
        quotas = {source: count for source, count in estimator.quotas(split).items() if count}
        assert quotas == {part.source: part.count for part in planned.parts}
        assert estimator.knows_quotas(split)


def test_quotas_of_later_splits_are_estimates_where_splits_cut_classes_off():
    counts = count_for_plan(make_recipe(BRACKETS, SPLITS, sampling={"balance": ["terms", "operators"]}))
    estimator = SizeEstimator(counts)
    assert [estimator.knows_quotas(split) for split in counts.sources.recipe.splits] == [True, False, False]


def test_some_segments_stand_for_all():
    counts = [1] * 75 + [25]
    segments = [Segment(source, first=0, count=count, position=0, before=0) for source, count in enumerate(counts)]
    thinned = thin_out(segments)
    assert thinned == thin_out(segments)
    assert [segment.source for segment in thinned] == [3, 9, 15, 21, 28, 34, 40, 46, 53, 59, 65, 71, 75]
    assert [segment.count for segment in thinned] == [7] * 12 + [25]
    assert thin_out(segments[:16]) == segments[:16]
    assert [len(thin_out(segments, num_splits=number)) for number in (3, 6, 100)] == [13, 7, 4]


def test_sizes_that_are_stated_are_taken_and_the_rest_is_what_they_leave():
    splits = [{"name": "half", "fraction": 0.5}, {"name": "some", "count": 100}, {"name": "rest", "rest": True}]
    recipe = make_recipe({"operands": {"min": 0, "max": 99}}, splits)
    assert SizeEstimator(EquationCounts(PreparedSources(recipe))).sizes == {"half": 5000, "some": 100, "rest": 4900}


def test_many_splits_are_compared_with_themselves_alone(monkeypatch):
    splits = [{"name": f"split_{answer}", "where": {"answer": answer}, "rest": True} for answer in range(40)]
    counts = EquationCounts(PreparedSources(make_recipe({"operands": {"min": 0, "max": 99}}, splits)))
    calls = []
    monkeypatch.setattr(sizes, "selection_of", lambda split: calls.append(split) or selection_of(split))
    estimator = SizeEstimator(counts)
    for split in counts.sources.recipe.splits:
        estimator.quotas(split)
    assert len(calls) <= 10 * len(splits)


def test_some_of_many_sources_are_looked_at(monkeypatch):
    monkeypatch.setattr(sizes, "MOST_PROBED", 8)
    monkeypatch.setattr(sizes, "MOST_SOURCES", 3)
    sampling = {"balance": ["terms", "operators"]}
    recipe = make_recipe(BRACKETS, [{"name": "train", "count": 300}], sampling=sampling, commuted="drop")
    counts = EquationCounts(PreparedSources(recipe))
    assert len(counts.by_source) == 9
    estimator = SizeEstimator(counts)
    looked_at = []
    monkeypatch.setattr(estimator, "_probe", lambda sources: [looked_at.append(source) or (1, 2) for source in sources])
    assert sum(estimator.quotas(recipe.splits[0]).values()) == 300
    assert looked_at == [0, 3, 6]


@pytest.mark.parametrize(
    ("wanted", "ends"), [({"count": 100}, [64]), ({"rest": True}, [64, 256, 1024, 4096, 16384, 65536])]
)
def test_no_more_is_looked_at_than_tells_that_a_source_is_large(wanted, ends, monkeypatch):
    space = {"operands": {"min": 0, "max": 9999}, "operators": "+", "answer": {"min": 5000}}
    counts = EquationCounts(PreparedSources(make_recipe(space, [{"name": "train", **wanted}])))
    looked_at = []

    def count(sources, tasks):
        looked_at.extend(task.stop for task in tasks)
        return count_tasks(sources, tasks)

    monkeypatch.setattr(sizes, "count_tasks", count)
    assert SizeEstimator(counts).capacity(0) == pytest.approx(87_500_000, rel=0.3)
    assert looked_at == ends


def test_sources_that_are_looked_at_together_have_what_each_has_alone():
    space = {**BRACKETS, "operators": "+*/", "division": "exact"}
    recipe = make_recipe(space, [{"name": "train", "count": 300}], sampling={"balance": ["operators", "digits"]})
    counts = EquationCounts(PreparedSources(recipe))
    together, numbers = SizeEstimator(counts), [*range(len(counts.by_source))]
    together._probe(numbers)
    assert [together.capacity(number) for number in numbers] == [
        SizeEstimator(counts).capacity(number) for number in numbers
    ]


def test_what_was_counted_is_not_looked_at_again(monkeypatch):
    recipe = make_recipe({"operands": {"min": 0, "max": 999}, "operators": "/"}, [{"name": "train", "count": 3000}])
    counts = count_for_plan(recipe)
    monkeypatch.setattr(sizes, "count_tasks", None)
    capacity = SizeEstimator(counts).capacity(0)
    assert capacity == counts.by_source[0].estimate


def test_many_kinds_of_equations_are_not_cheap_to_count(monkeypatch):
    sampling = {"balance": ["terms", "operators", "tree", "digits"]}
    recipe = make_recipe(BRACKETS, [{"name": "train", "count": 40}], sampling=sampling, commuted="drop")
    counts = EquationCounts(PreparedSources(recipe))
    assert len(counts.by_source) == 20
    monkeypatch.setattr(sizes, "MOST_WORK", 20 * 5000 - 1)
    assert count_if_cheap(counts)[0] is None
    assert not counts.num_positions_counted


QUOTIENTS = {"operands": {"min": 1, "max": 9999}, "operators": "/"}


@pytest.fixture
def _lists_few(monkeypatch):
    """As if so many quotients took too long to list."""
    monkeypatch.setattr(few_candidates, "find_most_listed", lambda size, num_wanted: size)
    monkeypatch.setattr(prepared_sources, "_MOST_LISTED_WHOLE", 90_000)
    monkeypatch.setattr(prepared_sources, "_MOST_SAMPLED", 16_000)


@pytest.mark.usefixtures("_lists_few")
def test_samples_of_listed_quotients_tell_how_many_there_are():
    splits = [{"name": "train", "count": 3000}, {"name": "test", "count": 300}]
    recipe = make_recipe(QUOTIENTS, splits, sampling="balanced")
    whole = EquationCounts(PreparedSources(recipe))
    counts = EquationCounts(PreparedSources(recipe, lists_samples=True))
    assert counts.sources.is_sampled
    assert not whole.sources.is_sampled
    assert [own.total for own in counts.by_source] == [own.total for own in whole.by_source]
    # A sixteenth of the samples, for each of sixteen pairs of lengths.
    assert 900 < max(own.num_found for own in counts.by_source) <= 1000
    assert max(own.num_found for own in whole.by_source) > 20_000
    assert has_plenty(counts)
    assert count_if_cheap(counts)[0] is None
    estimator, planned = SizeEstimator(counts), divide_sources(whole)
    for split, expected in zip(recipe.splits, planned, strict=True):
        quotas = estimator.quotas(split)
        assert {source: count for source, count in quotas.items() if count} == {
            part.source: part.count for part in expected.parts
        }
        assert not estimator.knows_quotas(split)
    first, second = (split.samples for split in preview(recipe).splits)
    assert len({*first, *second}) == 6


@pytest.mark.usefixtures("_lists_few")
@pytest.mark.parametrize("wanted", [{"count": 30_000}, {"rest": True}])
def test_quotients_are_listed_where_the_splits_take_much_of_them(wanted):
    splits = [{"name": "train", **wanted}, {"name": "test", "count": 300}]
    recipe = make_recipe(QUOTIENTS, splits, sampling="balanced")
    assert not has_plenty(EquationCounts(PreparedSources(recipe, lists_samples=True)))
    assert preview(recipe).num_left_out == 0
