"""The table of build speeds compares what was measured in the same turn."""

import dataclasses

import pytest

from bench.cases import BEAM, Case
from bench.growth_plot import draw
from bench.table import render_table, summarise


def make_case(way: str, repeats: int) -> Case:
    return Case(data="sums", format="tfrecord", way=way, method="any", num_records=100, recipe="any", repeats=repeats)


def make_result(seconds: float) -> dict[str, float]:
    return {"seconds": seconds, "cpu_seconds": 2 * seconds, "num_bytes": 7, "peak_bytes": 1e6 * seconds}


def test_ratios_are_medians_of_those_turn_by_turn():
    cases = [make_case("eqstream", 3), make_case(BEAM, 3)]
    # The machine was slow in the second turn; both ways suffered.
    results = [[make_result(seconds) for seconds in times] for times in ((1, 10, 2), (5, 50, 20))]
    ours, beam = summarise(cases, results)
    assert ours["ratio_to_beam"] == 5
    assert ours["ratio_to_first"] == 1
    assert beam["ratio_to_first"] == pytest.approx(1 / 5)
    assert ours["ratio_to_plain_write"] is None
    assert ours["cpu_nanoseconds_per_record"] == pytest.approx(4e7)
    assert ours["peak_bytes"] == 1e7
    heads, first, _ = render_table([ours, beam]).splitlines()
    assert heads.split()[:3] == ["data", "format", "way"]
    assert first.split() == ["sums", "tfrecord", "eqstream", "100", "2.000", "50", "5.00", "1.00",
                             "20,000,000", "40,000,000", "0.0", "10"]  # fmt: skip


def test_ratios_of_ways_that_were_not_repeated_alike_are_those_of_medians():
    cases = [make_case("eqstream", 3), make_case(BEAM, 1)]
    ours, _ = summarise(cases, [[make_result(1), make_result(10), make_result(2)], [make_result(6)]])
    assert ours["ratio_to_beam"] == 3


def test_versions_are_compared_turn_by_turn():
    now = make_case("eqstream", 3)
    cases = [now, dataclasses.replace(now, before=True)]
    ours, before = summarise(cases, [[make_result(seconds) for seconds in times] for times in ((1, 10, 2), (2, 30, 4))])
    assert (ours["way"], before["way"]) == ("eqstream", "eqstream, before")
    assert ours["ratio_to_before"] == 2
    assert before["ratio_to_before"] is None
    heads, first, *_ = render_table([ours, before]).splitlines()
    assert "x before" in heads
    assert first.split()[6:9] == ["1.00", "2.00", "20,000,000"]


@pytest.mark.slow
def test_same_figures_give_the_same_picture(tmp_path):
    points = [
        {"series": series, "place": place, "cpu_nanoseconds": 1e3 * place, "peak_bytes": 2e8}
        for series in ("brackets", "no brackets", "a + b, four digits")
        for place in (10, 100)
    ]
    for name in ("one.svg", "other.svg"):
        draw(points, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "other.svg").read_bytes()
