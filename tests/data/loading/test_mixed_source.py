"""A mixture of sources: every row where the schedule says, for any reader, from any step on."""

from collections.abc import Generator
from fractions import Fraction

import numpy as np
import pytest

from eqstream.data.loading.batch_plan import BatchPlan
from eqstream.data.loading.mixed_source import MixedSource
from eqstream.data.loading.mixture_schedule import MixtureSchedule
from tests.data.loading.in_memory import BlocksInMemory, make_source

SIZES = [100, 37]
BATCH_SIZE, NUM_BATCHES = 12, 5
WEIGHTS = {
    "constant": ([(0, Fraction(2))], [(0, Fraction(1))]),
    "one after the other": ([(0, Fraction(1)), (6, Fraction(0))], [(4, Fraction(0)), (9, Fraction(1))]),
}


def make_mixture(name: str) -> MixedSource:
    schedule = MixtureSchedule(WEIGHTS[name], BATCH_SIZE, seed=5)
    sources = [make_source(BlocksInMemory(size), seed=seed) for seed, size in enumerate(SIZES)]
    return MixedSource(schedule, sources, NUM_BATCHES)


def expected(name: str, num_steps: int) -> list[int]:
    """The record of each row of the first steps: each source in its own order, epoch after epoch."""
    schedule = MixtureSchedule(WEIGHTS[name], BATCH_SIZE, seed=5)
    sources, positions = (each.reshape(-1).tolist() for each in schedule.rows(0, num_steps))
    runs = [np.arange(max(positions) + 1)]
    orders = [
        next(make_source(BlocksInMemory(size), seed=seed).read(runs, columns=("carries",))).numbers["carries"]
        for seed, size in enumerate(SIZES)
    ]
    return [int(orders[source][position]) for source, position in zip(sources, positions, strict=True)]


def read(source: MixedSource, plan: BatchPlan, first: int, stop: int) -> list[list[int]]:
    """Returns the records of each batch."""
    runs = list(plan.runs(first, stop))
    tables = source.read((run.positions for run in runs), columns=("carries",), reader=plan.reader)
    parts = [
        table.numbers["carries"].reshape(run.num_batches, -1).tolist() for run, table in zip(runs, tables, strict=True)
    ]
    return [batch for part in parts for batch in part]


def make_plan(source: MixedSource, reader: tuple[int, int] = (0, 1)) -> BatchPlan:
    return BatchPlan(
        num_examples=source.num_examples, batch_size=BATCH_SIZE, drop_remainder=True, reader=reader, run_examples=30
    )


@pytest.mark.parametrize("name", WEIGHTS)
def test_every_row_is_where_the_schedule_says_from_any_step_on(name):
    whole = np.array(expected(name, 20)).reshape(20, BATCH_SIZE).tolist()
    source = make_mixture(name)
    assert source.num_examples == NUM_BATCHES * BATCH_SIZE
    for first in range(20):
        assert read(source, make_plan(source), first, 20) == whole[first:]


@pytest.mark.parametrize("num_readers", [2, 3, 5])
def test_parts_of_all_readers_interleave_to_the_batches_of_one(num_readers):
    name = "one after the other"
    source = make_mixture(name)
    whole = read(source, make_plan(source), 0, 12)
    parts = [read(make_mixture(name), make_plan(source, (number, num_readers)), 0, 12) for number in range(num_readers)]
    for step, batch in enumerate(whole):
        # Places count through an epoch.
        start = step % NUM_BATCHES * BATCH_SIZE
        places = [range((number - start) % num_readers, BATCH_SIZE, num_readers) for number in range(num_readers)]
        for number, own in enumerate(places):
            assert parts[number][step] == [batch[place] for place in own]


def test_source_without_a_share_is_not_waited_for():
    """Whoever reads ahead until he has enough would never begin."""
    weights = ([(0, Fraction(1))], [(0, Fraction(0))])
    sources = [make_source(BlocksInMemory(size), seed=seed) for seed, size in enumerate(SIZES)]
    source = MixedSource(MixtureSchedule(weights, BATCH_SIZE), sources, NUM_BATCHES)
    tables = source.read((run.positions for run in make_plan(source).runs(0)), columns=("carries",))
    assert sorted(next(tables).numbers["carries"].tolist()) == list(range(2 * BATCH_SIZE))
    assert isinstance(tables, Generator)
    tables.close()
