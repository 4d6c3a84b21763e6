import dataclasses
import itertools

import numpy as np
import pytest

from eqstream.data.formats.blocks import BLOCK
from eqstream.data.loading.epoch_order import EpochOrder
from eqstream.data.permutation import Permutation

SMALL = [
    EpochOrder(num_records=num_records, seed=3, block_size=block_size, window_blocks=window_blocks, sequential_blocks=2)
    for num_records in [*range(1, 20), 30, 37]
    for block_size in (1, 3, 5)
    for window_blocks in (1, 2, 7)
]


def whole(order: EpochOrder, epoch: int) -> np.ndarray:
    return order.records(epoch, np.arange(order.num_records))


@pytest.mark.parametrize("epoch", [0, 1, 2, 7])
def test_an_epoch_has_each_record_once(epoch):
    for order in SMALL:
        assert sorted(whole(order, epoch).tolist()) == list(range(order.num_records)), order


def test_the_first_epoch_and_all_unshuffled_ones_are_the_order_of_the_files():
    for order in SMALL:
        assert whole(order, 0).tolist() == list(range(order.num_records))
    unshuffled = EpochOrder(num_records=23, shuffle=False, block_size=3, window_blocks=2)
    assert whole(unshuffled, 5).tolist() == list(range(23))


@pytest.mark.parametrize("stride", [4, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("epoch", [0, 1])
def test_positions_in_any_order_are_as_one_by_one(epoch, stride):
    for order in SMALL[::stride]:
        positions = np.random.default_rng(order.num_records).permutation(2 * order.num_records) % order.num_records
        one_by_one = [order.records(epoch, np.array([position])).item() for position in positions]
        assert order.records(epoch, positions).tolist() == one_by_one, order
    assert SMALL[0].records(epoch, np.array([], np.int64)).tolist() == []


@pytest.mark.parametrize("epoch", [0, 1])
def test_windows_cover_an_epoch(epoch):
    for order in SMALL:
        windows = [order.window(epoch, number) for number in range(order.num_windows(epoch))]
        edges = [0, *itertools.accumulate(window.size for window in windows)]
        assert [window.start for window in windows] == edges[:-1]
        assert edges[-1] == order.num_records
        records = np.concatenate([window.records(window.find_rows()) for window in windows])
        assert records.tolist() == whole(order, epoch).tolist()
        for number, window in enumerate(windows):
            assert order.find_window(epoch, window.start) == number
            assert order.find_window(epoch, window.start + window.size - 1) == number
            assert set((window.records(window.find_rows()) // order.block_size).tolist()) == set(window.blocks.tolist())


def test_neighbours_come_from_different_blocks_and_readers_need_their_own_ones_alone():
    order = EpochOrder(num_records=12 * 5 * 6 + 7, seed=1, block_size=5, window_blocks=6)
    blocks = whole(order, 1)[: 12 * 5 * 6] // 5
    for window in blocks.reshape(12, 30):
        assert all(len(set(each.tolist())) == 6 for each in np.lib.stride_tricks.sliding_window_view(window[:6], 6))
        assert all(len(set(turn.tolist())) == 6 for turn in window.reshape(5, 6))
        assert [len(set(window[reader::3].tolist())) for reader in range(3)] == [2, 2, 2]


def test_each_seed_and_epoch_has_an_order_of_its_own():
    orders = {
        tuple(whole(EpochOrder(num_records=100, seed=seed, block_size=7, window_blocks=3), epoch).tolist())
        for seed in range(3)
        for epoch in range(1, 4)
    }
    assert len(orders) == 9


def test_the_order_never_changes_between_versions():
    order = EpochOrder(num_records=23, seed=7, block_size=3, window_blocks=3)
    assert whole(order, 2).tolist() == [
        4,
        12,
        8,
        3,
        14,
        6,
        5,
        13,
        7,
        2,
        18,
        11,
        0,
        20,
        10,
        1,
        19,
        9,
        15,
        22,
        17,
        21,
        16,
    ]
    full = EpochOrder(num_records=10_000_000, seed=7)
    assert full.records(3, np.array([0, 1, 48, 196_608, 5_000_000, 9_999_999])).tolist() == [
        1433774,
        37798,
        1434691,
        6678080,
        5487968,
        8426326,
    ]


def test_a_split_of_a_billion_records_is_entered_anywhere():
    order = EpochOrder(num_records=10**9 + 5)
    positions = np.array([0, 123_456_789, 10**9, 10**9 + 4])
    records = order.records(11, positions)
    assert len(set(records.tolist())) == 4
    assert (records // (10**9 + 5) == 0).all()
    # The shorter block at the end is in the last window.
    assert order.window(11, order.num_windows(11) - 1).blocks[-1] == 10**9 // BLOCK


@pytest.mark.parametrize("name", ["block_size", "window_blocks", "sequential_blocks"])
def test_impossible_orders_are_refused(name):
    with pytest.raises(ValueError, match=f"^`{name}` must be at least 1, got 0$"):
        dataclasses.replace(EpochOrder(num_records=10), **{name: 0})
    order = EpochOrder(num_records=10, block_size=2, window_blocks=2)
    with pytest.raises(IndexError, match=r"^epoch 1 has 3 windows, there is none of number 3$"):
        order.window(1, 3)


# How well it is shuffled, beside `numpy.random.Generator.permutation`; `pytest -s` prints the figures.

SIDE = 1500
NUM_RECORDS = SIDE * SIDE
BATCH = 512


def measure(order: np.ndarray) -> dict[str, float]:
    """Returns statistics of an order of the `NUM_RECORDS` equations of a space of two operands below `SIDE`.

    The first three are 1 where the order is uniform: mean distance of neighbours in the files' order, and
    chi-square over degrees of freedom of the first operand, in 100 classes, in prefixes and in batches. The last one is
    the share of all pairs that have a batch in common in the files' order and have one again in this one.
    """
    operands = Permutation(NUM_RECORDS, 99).forward(np.arange(NUM_RECORDS))[order] // SIDE * 100 // SIDE
    prefixes = [_chi_square(operands[:count]) for count in range(10_000, NUM_RECORDS, 10_000)]
    batches = [_chi_square(batch) for batch in operands[: NUM_RECORDS // BATCH * BATCH].reshape(-1, BATCH)]
    batch_of = np.empty(NUM_RECORDS, np.int64)
    batch_of[order] = np.arange(NUM_RECORDS) // BATCH
    before = batch_of[: NUM_RECORDS // BATCH * BATCH].reshape(-1, BATCH)
    together = [(before == np.roll(before, shift, axis=1)).mean() for shift in range(1, BATCH, 37)]
    return {
        "distance": float(np.abs(np.diff(order)).mean() / (NUM_RECORDS / 3)),
        "chi-square of prefixes": float(np.mean(prefixes)),
        "chi-square of batches": float(np.mean(batches)),
        "pairs again in one batch": float(np.mean(together)),
    }


def _chi_square(values: np.ndarray) -> float:
    counts, expected = np.bincount(values, minlength=100), len(values) / 100
    return float(((counts - expected) ** 2).sum() / expected / 99)


# Another test knows the order by heart.
@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_later_epochs_are_shuffled_as_well_as_uniformly(seed):
    ours = measure(whole(EpochOrder(num_records=NUM_RECORDS, seed=seed), 1 + seed))
    uniform = measure(np.random.default_rng(seed).permutation(NUM_RECORDS))
    print("", f"ours:    {ours}", f"uniform: {uniform}", sep="\n")
    # A window has 48 different pairs of neighbouring blocks.
    assert abs(ours["distance"] - 1) < 0.1
    assert abs(ours["chi-square of batches"] - 1) < 0.02
    # Below 1, as nothing is drawn twice.
    assert ours["chi-square of prefixes"] == pytest.approx(uniform["chi-square of prefixes"], rel=0.1)
    # A block's records come in one window, of 384 batches of 512.
    assert ours["pairs again in one batch"] == pytest.approx(1 / 384, rel=0.05)
