"""Whole numbers divided among several takers: exact, even or in proportion, and every part of the order at once."""

import bisect
import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eqstream.data.permutation import index_dtype
from eqstream.data.splits.apportionment import Levels, assign_slots
from tests.brute_force import fill_one_by_one
from tests.plain_apportionment import divide_plainly, fill_plainly

vessels = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 4)), min_size=1, max_size=6)
# Beyond 63 bits, too; the groups of one level by name and weight.
amounts_of_any_size = st.one_of(st.integers(0, 5), st.integers(0, 10**22))
path_of_two = st.tuples(*[st.tuples(st.sampled_from("abc"), st.sampled_from([1, 2, 10**13]))] * 2)
vessels_in_groups = st.lists(st.tuples(amounts_of_any_size, st.integers(1, 3), path_of_two), min_size=1, max_size=12)


def _flat_levels(numbers):
    return Levels([1] * len(numbers), [()] * len(numbers))


@given(vessels_in_groups, st.integers(0, 2), st.data())
def test_groups_of_groups_are_divided_as_one_group_at_a_time(vessels, depth, data):
    amounts, weights, paths = zip(*[(amount, weight, path[:depth]) for amount, weight, path in vessels], strict=True)
    levels = Levels(weights, paths)
    # Time and again.
    for total in data.draw(st.lists(st.one_of(st.integers(0, sum(amounts)), st.just(sum(amounts))), max_size=3)):
        assert levels.fill(total, amounts) == fill_plainly(total, amounts, weights, paths)
        assert levels.divide(total, amounts) == divide_plainly(total, amounts, paths)


def test_nothing_is_divided_among_none():
    assert Levels([], []).fill(0, []) == Levels([], []).divide(0, []) == []


@given(vessels, st.data())
def test_vessels_are_filled_to_one_level(pairs, data):
    capacities, weights = map(list, zip(*pairs, strict=True))
    total = data.draw(st.integers(0, sum(capacities)))
    amounts = Levels(weights, [()] * len(pairs)).fill(total, capacities)
    assert sum(amounts) == total
    assert all(0 <= amount <= capacity for amount, capacity in zip(amounts, capacities, strict=True))
    # Nobody with room is more than a turn below anybody else.
    for (amount, capacity, weight), (other, other_weight) in itertools.product(
        zip(amounts, capacities, weights, strict=True), zip(amounts, weights, strict=True)
    ):
        if amount < capacity:
            assert Fraction(other, other_weight) - Fraction(amount, weight) <= len(amounts)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=6), st.data())
def test_vessels_of_one_weight_differ_by_at_most_what_does_not_divide(capacities, data):
    total = data.draw(st.integers(0, sum(capacities)))
    expected = fill_one_by_one(total, dict(enumerate(capacities)))
    amounts = _flat_levels(capacities).fill(total, capacities)
    rest = total - sum(expected.values())
    assert sum(amounts) == total
    assert all(expected[place] <= amount <= expected[place] + rest for place, amount in enumerate(amounts))


@given(st.lists(st.integers(0, 10**20), min_size=1, max_size=8).filter(any), st.data())
def test_shares_are_whole_proportional_and_add_up(amounts, data):
    total = data.draw(st.integers(0, sum(amounts)))
    shares = _flat_levels(amounts).divide(total, amounts)
    assert sum(shares) == total
    for share, amount in zip(shares, amounts, strict=True):
        assert 0 <= share <= amount
        assert abs(share - Fraction(total * amount, sum(amounts))) < 1


def test_more_than_there_is_cannot_be_shared_out():
    with pytest.raises(ValueError, match="`total` must be at most 5, got 6"):
        _flat_levels([2, 3]).fill(6, [2, 3])
    with pytest.raises(ValueError, match="`total` must be at most 5, got 6"):
        _flat_levels([2, 3]).divide(6, [2, 3])


@settings(deadline=None)
@given(st.lists(st.integers(0, 300), min_size=1, max_size=5).filter(any), st.integers(0, 2**64 - 1), st.data())
def test_deal_gives_each_part_its_quota_however_it_is_asked(quotas, seed, data):
    total = sum(quotas)
    whole = assign_slots(quotas, seed=seed, start=0, count=total)
    assert np.bincount(whole, minlength=len(quotas)).tolist() == quotas
    start = data.draw(st.integers(0, total))
    stop = data.draw(st.integers(start, total))
    assert assign_slots(quotas, seed=seed, start=start, count=stop - start).tolist() == whole[start:stop].tolist()


def test_deal_of_more_than_one_batch_of_slots_is_whole():
    whole = assign_slots([150_000, 50_000], seed=3, start=0, count=200_000)
    assert np.bincount(whole).tolist() == [150_000, 50_000]
    assert (
        assign_slots([150_000, 50_000], seed=3, start=65_530, count=70_000).tolist() == whole[65_530:135_530].tolist()
    )


@pytest.mark.parametrize("total", [5, 1000, 1 << 40, (1 << 62) + 1, (1 << 63) - 1])
@pytest.mark.parametrize("num_parts", [1, 2, 3, 700])
def test_each_slot_goes_to_the_part_that_it_lies_in(monkeypatch, num_parts, total):
    """Of many slots, also where parts are empty or have one slot, up to totals that just fit into 63 bits."""
    monkeypatch.setattr("eqstream.data.splits.apportionment.Permutation", _SomeSlots)
    inner = np.random.default_rng(num_parts).integers(0, total, num_parts - 1, endpoint=True).tolist()
    ends = [*sorted([1, *inner][: num_parts - 1]), total]
    quotas = [end - start for start, end in itertools.pairwise([0, *ends])]
    number = 5000
    slots = _SomeSlots(ends[-1], 0).forward(np.arange(number)).tolist()
    assert {0, ends[-1] - 1} <= {*slots}
    parts = assign_slots(quotas, seed=0, start=0, count=number).tolist()
    assert parts == [bisect.bisect_right(ends, slot) for slot in slots]


class _SomeSlots:
    """Numbers a slot by the ends of what is asked for, and by random ones between."""

    def __init__(self, total: int, seed: int) -> None:
        self._total, self._seed = total, seed

    def forward(self, numbers: np.ndarray) -> np.ndarray:
        slots = np.random.default_rng(self._seed).integers(0, self._total, len(numbers))
        slots[:2] = 0, self._total - 1
        return slots.astype(index_dtype(self._total))
