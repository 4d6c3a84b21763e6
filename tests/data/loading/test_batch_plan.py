import itertools

import numpy as np
import pytest

from eqstream.data.errors import UserError
from eqstream.data.loading.batch_plan import BatchPlan


def list_batches(plan: BatchPlan, first: int, stop: int) -> list[list[int]]:
    return [
        batch.tolist()
        for run in plan.runs(first, stop)
        for batch in run.positions.reshape(run.num_batches, len(run.positions) // run.num_batches)
    ]


def _cut(stop: int, size: int) -> list[range]:
    return [range(start, min(start + size, stop)) for start in range(0, stop, size)]


GRID = [
    BatchPlan(
        num_examples=num_examples,
        batch_size=batch_size,
        drop_remainder=drop_remainder,
        reader=(reader, num_readers),
        run_examples=run_examples,
    )
    for num_examples, batch_size in itertools.product([1, 2, 5, 8, 13], [1, 2, 3, 8])
    for drop_remainder in (False, True)
    if num_examples >= batch_size or not drop_remainder
    for num_readers in range(1, min(batch_size, 4) + 1)
    for reader in range(num_readers)
    for run_examples in (1, 5, 1000)
]


def test_batches_of_a_reader_are_what_the_definition_says():
    for plan in GRID:
        last = plan.num_examples // plan.batch_size * plan.batch_size if plan.drop_remainder else plan.num_examples
        number, num_readers = plan.reader
        expected = [
            [epoch * plan.num_examples + place for place in batch if place % num_readers == number]
            for epoch in range(3)
            for batch in _cut(last, plan.batch_size)
        ]
        assert list_batches(plan, 0, 3 * plan.num_batches) == expected, plan
        is_static = last % plan.batch_size == plan.batch_size % num_readers == 0
        assert plan.static_size == (plan.batch_size // num_readers if is_static else None)


def test_any_batch_can_be_the_first_and_the_last():
    for plan in GRID:
        whole = list_batches(plan, 0, 2 * plan.num_batches)
        for first in range(2 * plan.num_batches):
            assert list_batches(plan, first, 2 * plan.num_batches) == whole[first:]
            assert list_batches(plan, 0, first) == whole[:first]
        endless = [run.positions.tolist() for run in itertools.islice(plan.runs(1), 3)]
        assert endless == [run.positions.tolist() for run in plan.runs(1, 4 * plan.num_batches + 1)][:3]


def test_runs_hand_over_many_batches_at_once():
    plan = BatchPlan(num_examples=10**6, batch_size=512)
    first, *_, last_but_one, last = plan.runs(0, plan.num_batches)
    assert (first.num_batches, len(first.positions)) == (64, 1 << 15)
    assert (last_but_one.num_batches, last.num_batches, len(last.positions)) == (33, 1, 10**6 % 512)
    assert np.array_equal(first.positions, np.arange(1 << 15))


def test_iterations_are_epochs_from_the_first_batch_on():
    plan = BatchPlan(num_examples=10, batch_size=3)
    assert list(itertools.islice(plan.list_epochs(None, 0), 3)) == [(0, 4), (4, 8), (8, 12)]
    assert list(itertools.islice(plan.list_epochs(None, 6), 3)) == [(6, 8), (8, 12), (12, 16)]
    assert list(itertools.islice(plan.list_epochs(3, 1), 2)) == [(13, 16), (13, 16)]
    assert [plan.count_batches(*each) for each in [(None, 0), (None, 4), (None, 6), (3, 1)]] == [4, 4, None, 3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "`batch_size` must be at least 1, got 0"),
        ({"reader": (2, 2)}, "`reader` must be (i, n) with i from 0 to n - 1, got (2, 2)"),
        ({"reader": (0, 0)}, "`reader` must be (i, n) with i from 0 to n - 1, got (0, 0)"),
        ({"reader": (0, 5)}, "5 readers cannot share batches of 4: raise `batch_size`"),
        (
            {"batch_size": 11, "drop_remainder": True},
            "an epoch of 10 examples has no full batch of 11: lower `batch_size`",
        ),
    ],
)
def test_impossible_batches_are_refused(options, message):
    with pytest.raises(UserError) as caught:
        BatchPlan(**{"num_examples": 10, "batch_size": 4, **options})
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("epoch", "first_batch", "message"),
    [
        (None, -1, "`first_batch` must be at least 0, got -1"),
        (2, 4, "`first_batch` must be at least 0 and below 4, the batches of an epoch, got 4"),
    ],
)
def test_first_batch_that_is_not_there_is_refused(epoch, first_batch, message):
    with pytest.raises(UserError) as caught:
        BatchPlan(num_examples=10, batch_size=3).list_epochs(epoch, first_batch)
    assert str(caught.value) == message
