"""Which rows of which batch come from which source: counts against exact integrals, order, and any step at once."""

import itertools
import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eqstream.data.errors import UserError
from eqstream.data.loading.mixture_schedule import Knots, MixtureSchedule, check_weights, weight_at
from tests.covering import cover_values
from tests.examples import examples

RAMPS = {
    "two halves": ([(0, 1)], [(0, 1)]),
    "three to one": ([(0, 3)], [(0, 1)]),
    "a ramp": ([(0, 1), (40, Fraction(1, 5))], [(0, 1)]),
    "three sources": ([(0, 1), (7, 0), (30, 2)], [(0, 0), (20, 5)], [(3, Fraction(1, 3))]),
    "seven thirds": tuple([(0, 1)] for _ in range(7)),
    "rare ones": ([(0, 1000)], [(0, 1)], [(0, Fraction(1, 7))]),
    "one of them alone": ([(0, 0), (10, 0), (11, 1)], [(10, 1), (11, 0)]),
}


def make(weights, batch_size: int, seed: int = 0) -> MixtureSchedule:
    return MixtureSchedule(
        tuple([(step, Fraction(weight)) for step, weight in knots] for knots in weights), batch_size, seed
    )


def integrate(schedule: MixtureSchedule, step: int) -> list[Fraction]:
    """The exact number of rows of each source: the trapezoid rule, stretch by stretch between all knots."""
    edges = sorted({0, step, *(knot for knots in schedule.weights for knot, _ in knots if knot < step)})
    totals = [Fraction(0)] * len(schedule.weights)
    for start, end in itertools.pairwise(edges):
        for source in range(len(totals)):
            totals[source] += (share(schedule, source, start) + share(schedule, source, end)) * (end - start) / 2
    return [total * schedule.batch_size for total in totals]


def share(schedule: MixtureSchedule, source: int, step: int) -> Fraction:
    """Linear between the union of the knots, at which the weights are divided by their sum."""
    knots = sorted({0, *(knot for each in schedule.weights for knot, _ in each)})

    def at(knot: int) -> Fraction:
        weights = [weight_at(each, knot) for each in schedule.weights]
        return weights[source] / sum(weights)

    before = max(knot for knot in knots if knot <= step)
    after = min((knot for knot in knots if knot > step), default=None)
    if after is None:
        return at(before)
    return at(before) + (at(after) - at(before)) * Fraction(step - before, after - before)


def check_counts(schedule: MixtureSchedule, steps: range) -> None:
    num_sources = len(schedule.weights)
    before = schedule.counts_before(steps[0])
    for step in steps:
        counts = schedule.counts_before(step)
        assert sum(counts) == step * schedule.batch_size
        assert all(now >= then for now, then in zip(counts, before, strict=True))
        bound = Fraction(1, 2) if num_sources == 2 else num_sources
        exact = integrate(schedule, step)
        assert all(abs(count - each) <= bound for count, each in zip(counts, exact, strict=True))
        before = counts


@cover_values("name, batch_size", [*RAMPS], [1, 2, 3, 8, 25])
def test_counts_follow_the_integral_of_the_shares(name: str, batch_size: int):
    check_counts(make(RAMPS[name], batch_size), range(70))


def test_counts_follow_the_integral_after_a_billion_steps():
    weights = ([(0, 1), (10**9, Fraction(1, 10))], [(5, 2), (3 * 10**9, 0)], [(0, "0.3")])
    check_counts(make(weights, 512), range(2_999_999_990, 3_000_000_010))


weights_strategy = st.lists(
    st.dictionaries(st.integers(0, 30), st.fractions(0, 3, max_denominator=9), min_size=1, max_size=4).map(
        lambda knots: sorted(knots.items())
    ),
    min_size=1,
    max_size=5,
)


@examples(10)
@given(weights_strategy, st.integers(1, 9))
def test_any_weights_are_followed(weights: list[Knots], batch_size: int):
    try:
        check_weights(weights)
    except UserError as error:
        assert "all weights are 0" in str(error)  # noqa: PT017
        return
    check_counts(make(weights, batch_size), range(35))


@pytest.mark.parametrize("name", RAMPS)
def test_rows_of_a_source_take_its_positions_without_a_gap(name: str):
    schedule = make(RAMPS[name], 8)
    sources, positions = schedule.rows(0, 50)
    assert sources.shape == positions.shape == (50, 8)
    for source in range(len(schedule.weights)):
        own = positions[sources == source]
        assert own.tolist() == list(range(len(own)))
    for step in range(50):
        first, second = schedule.counts_before(step), schedule.counts_before(step + 1)
        found = np.bincount(sources[step], minlength=len(first)).tolist()
        assert found == [after - before for before, after in zip(first, second, strict=True)]


@pytest.mark.parametrize("name", RAMPS)
def test_any_step_can_be_had_alone(name: str):
    schedule = make(RAMPS[name], 5, seed=3)
    sources, positions = schedule.rows(0, 60)
    for step in range(60):
        for num_steps in (1, 3):
            alone = schedule.rows(step, num_steps)
            overlap = min(num_steps, 60 - step)
            assert alone.sources[:overlap].tolist() == sources[step : step + overlap].tolist()
            assert alone.positions[:overlap].tolist() == positions[step : step + overlap].tolist()


def test_rows_are_shuffled_by_the_seed():
    weights = RAMPS["two halves"]
    sources = make(weights, 64).rows(0, 400).sources
    assert sources.tolist() != make(weights, 64, seed=1).rows(0, 400).sources.tolist()
    # Each of the 64 places has source 1 in 200 of 400 batches, with a standard deviation of 10.
    assert abs(sources.sum(axis=0) - 200).max() < 50
    assert len({tuple(row) for row in sources.tolist()}) == 400


def test_a_single_source_has_all_rows():
    sources, positions = make(([(0, 1), (9, 4)],), 4).rows(5, 2)
    assert sources.tolist() == [[0] * 4] * 2
    assert positions.tolist() == [[20, 21, 22, 23], [24, 25, 26, 27]]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ((), "a mixture must have at least one source"),
        (([],), "`weight` must have at least one step, got an empty list"),
        (([(0, 1), (5, -2)],), "`weight` must not be below 0, got -2"),
        (([(0, Fraction(-1, 2))],), "`weight` must not be below 0, got -0.5"),
        (([(-1, 1)],), "the steps of `weight` must not be below 0, got -1"),
        (([(0, 1), (5, 1), (5, 2)],), "the steps of `weight` must rise, got 5 after 5"),
        (([(0, 1), (5, 1), (4, 2)],), "the steps of `weight` must rise, got 4 after 5"),
        (
            ([(0, 1), (5, 0)], [(0, 1), (3, 0)]),
            "at step 5 all weights are 0: at each step some source must have a weight above 0",
        ),
    ],
)
def test_wrong_weights_are_refused(weights, message: str):
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        make(weights, 4)


def test_a_batch_has_a_row():
    with pytest.raises(UserError, match=re.escape("`batch_size` must be at least 1, got 0")):
        make(RAMPS["two halves"], 0)
