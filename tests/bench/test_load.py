"""All ways of reading that are compared must do the same work."""

import numpy as np
import pytest

from bench import waiting
from bench.load import METHODS, measure
from bench.load_table import CASES, render, summarise
from eqstream.data.recipe_files import load_recipe
from eqstream.pipelines.build import build

QUICK = ("eqstream", "parse-example", "grain")


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> str:
    out = tmp_path_factory.mktemp("source") / "sums"
    build(load_recipe("addition-3digit", ["splits=[{name: train, count: 1100}]"]), out)
    return str(out)


@pytest.mark.parametrize(
    "case",
    # Ours, and one that needs a parser and one that needs none; the others are slow.
    [pytest.param(case, marks=() if case.method in QUICK else pytest.mark.slow) for case in CASES],
    ids=lambda case: f"{case.method}-{case.format}",
)
def test_every_way_gives_the_tokens_of_every_example(case, source):
    spec = {"method": case.method, "format": case.format, "source": source, "num_records": 1100}
    expected = list(METHODS["eqstream"]({**spec, "format": "parquet"})())
    found = list(METHODS[case.method](spec)())
    assert [len(question) for question, _ in found] == [512, 512, 76]
    for ours, theirs in zip(expected, found, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            assert other.dtype == np.int32
            assert np.array_equal(one, other)
    result = measure(spec)
    assert result["seconds"] > 0
    assert result["again_seconds"] > 0


def test_ratios_are_to_the_best_of_the_others():
    results = [[{"seconds": 1.0 + place, "again_seconds": 1.0}] for place in range(len(CASES))]
    rows = summarise(results)
    others = [row for row in rows if not row["way"].startswith("eqstream")]
    assert max(row["first_ratio"] for row in others) == 1
    best = max(row["first"] for row in others)
    assert rows[0]["first_ratio"] == pytest.approx(rows[0]["first"] / best)
    loaded, repeated = np.array([[0.003, 0.02]] * 3), np.array([[0.002, 0.02]] * 3)
    text = render({"rows": rows, "waiting": {"one": waiting.summarise(loaded, repeated)}})
    assert "training one: 4.35% of the time (1,000 us before each step of 20.0 ms, beyond the 2,000 us" in text
    assert text.endswith("By medians 4.35%.")


def test_a_stall_counts_but_not_in_the_median():
    ready = np.array([[0.001, 0.099]] * 9)
    stalled = ready.copy()
    stalled[4, 0] += 0.9
    result = waiting.summarise(stalled, ready)
    assert result["median_share"] == 0
    assert result["share"] == pytest.approx(0.1 / 0.2)
