"""The seeded bijection: exhausted for small sizes, round trips for huge ones."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eqstream.data import permutation as permutation_module
from eqstream.data.permutation import (
    LARGEST_WIDE_SIZE,
    Permutation,
    WidePermutation,
    derive_seed,
    draw_bits,
    index_dtype,
)
from tests.examples import examples

GOLDEN_SMALL = [280, 177, 648, 36, 858, 676, 232, 571]
GOLDEN_LARGE = [13406770691, 549538398640, 42671270147, 830866314337]
GOLDEN_HUGE = [3165097786696436759027617, 5031237494708983786687067]
GOLDEN_SEED = 7329662501958960990
GOLDEN_BITS = [364857830, 1376071520, 854853382]


@pytest.mark.parametrize("seed", [2**63, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (0, 1))])
def test_every_small_size_is_permuted_and_undone(seed):
    for size in [*range(1, 700), 4095, 4096, 4097, 65535, 65536, 65537, 99991]:
        permutation = Permutation(size, seed)
        positions = np.arange(size)
        indices = permutation.forward(positions)
        assert np.array_equal(np.sort(indices), positions), size
        assert np.array_equal(permutation.inverse(indices), positions), size


@examples(30)
@given(st.integers(1, 10**40), st.integers(0, 2**64 - 1), st.data())
def test_huge_sizes_are_undone_and_stay_inside(size, seed, data):
    positions = data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=8, unique=True))
    positions = np.array(positions, dtype=index_dtype(size))
    permutation = Permutation(size, seed)
    indices = permutation.forward(positions)
    assert all(0 <= index < size for index in indices)
    assert len(set(indices.tolist())) == len(positions)
    assert (permutation.inverse(indices) == positions).all()


@pytest.mark.parametrize("size", [1 << 62, (1 << 62) + 1])
def test_both_ways_to_compute_reach_the_ends_of_their_range(size):
    positions = np.array([0, 1, size - 2, size - 1], dtype=index_dtype(size))
    permutation = Permutation(size, 7)
    assert (permutation.inverse(permutation.forward(positions)) == positions).all()


@pytest.mark.parametrize("size", [10, 10**6, 10**8, 65535**2, 65535**2 + 1, 2**40])
def test_many_values_at_once_go_where_each_goes_alone(size):
    permutation = Permutation(size, 3)
    positions = np.arange(max(0, size - 70_000), size)
    indices = permutation.forward(positions)
    for place in (0, len(positions) // 2, len(positions) - 1):
        assert permutation.forward(positions[place : place + 1]) == indices[place]
    assert np.array_equal(permutation.inverse(indices), positions)


def test_values_outside_the_set_are_refused():
    with pytest.raises(ValueError, match=r"values must lie in \[0, 10\), got -1 to 3"):
        Permutation(10, 0).forward(np.array([3, -1]))
    with pytest.raises(ValueError, match=r"got 2 to 10"):
        Permutation(10, 0).inverse(np.array([2, 10]))
    with pytest.raises(ValueError, match="`size` must be at least 1"):
        Permutation(0, 0)


def test_order_is_part_of_the_format():
    # A change of these numbers is a change of every dataset: it needs a new format version.
    assert Permutation(1000, 0).forward(np.arange(8)).tolist() == GOLDEN_SMALL
    assert Permutation(10**12, 5).forward(np.arange(4)).tolist() == GOLDEN_LARGE
    assert Permutation(10**25, 5).forward(np.array([0, 1], dtype=object)).tolist() == GOLDEN_HUGE
    assert derive_seed(3, "walk", 1) == GOLDEN_SEED
    assert draw_bits(2**40, 3, 9).tolist() == GOLDEN_BITS


def chi_square(counts: np.ndarray) -> float:
    expected = counts.sum() / counts.size
    return float(((counts - expected) ** 2).sum() / expected)


# Another test knows orders by heart.
@pytest.mark.slow
def test_where_a_position_goes_is_uniform_over_seeds():
    size, seeds = 12, 6000
    counts = np.zeros((size, size), dtype=np.int64)
    for seed in range(seeds):
        counts[np.arange(size), Permutation(size, seed).forward(np.arange(size))] += 1
    # 121 degrees of freedom: above 185 once in 5,000 draws of fair permutations; the seeds are fixed.
    assert chi_square(counts) < 185


def test_the_start_of_a_large_walk_visits_all_parts_evenly():
    indices = Permutation(10**9, 3).forward(np.arange(200_000))
    assert chi_square(np.bincount(indices // 10**7, minlength=100)) < 150
    assert chi_square(np.bincount(indices % 97, minlength=97)) < 150
    steps = np.diff(indices) % 10**9
    assert chi_square(np.bincount(steps // 10**7, minlength=100)) < 150


def test_seeds_and_scopes_give_unrelated_orders():
    size = 1000
    first = Permutation(size, derive_seed(0, "walk")).forward(np.arange(size))
    for seed in (derive_seed(1, "walk"), derive_seed(0, "deal"), derive_seed(0, "wal", "k")):
        assert np.count_nonzero(first == Permutation(size, seed).forward(np.arange(size))) < 10


@pytest.mark.parametrize("size", [2, 3, 4, pytest.param(5, marks=pytest.mark.slow)])
def test_every_order_of_a_few_things_is_as_likely_as_any_other(size):
    num_orders = math.factorial(size)
    orders = Counter(tuple(Permutation(size, seed).forward(np.arange(size))) for seed in range(50 * num_orders))
    assert len(orders) == num_orders
    # Five standard deviations above the mean of the chi-square distribution; the seeds are fixed.
    assert chi_square(np.array(list(orders.values()))) < num_orders + 5 * math.sqrt(2 * num_orders)


@pytest.mark.parametrize("size", [10**4, 10**6, 1 << 62])
def test_where_a_position_goes_says_nothing_of_where_the_next_ones_go(size):
    indices = Permutation(size, 9).forward(np.arange(min(size, 200_000)))
    parts = indices // -(-size // 16)
    for lag in (1, 2, 3, math.isqrt(size) % 100_000, math.isqrt(size) % 100_000 + 1):
        pairs = parts[:-lag] * 16 + parts[lag:]
        assert chi_square(np.bincount(pairs, minlength=256)) < 256 + 5 * math.sqrt(2 * 256)


@pytest.mark.parametrize("size", [(1 << 62) + 1, 10**20, 10**40])
def test_walks_beyond_63_bits_mix_as_well(size):
    indices = Permutation(size, 1).forward(np.arange(4000).astype(object))
    assert len(set(indices)) == 4000
    steps = np.diff(indices) % size
    for numbers, modulus in ((indices * 61 // size, 61), (indices % 61, 61), (steps * 61 // size, 61)):
        counts = np.bincount(numbers.astype(np.int64), minlength=modulus)
        assert chi_square(counts) < modulus + 5 * math.sqrt(2 * modulus)


def test_drawn_bits_are_those_of_their_number_and_fair():
    bits = draw_bits(0, 1 << 16, 5)
    assert int(bits.max()) < 1 << 32
    for place in range(32):
        # Half of 65,536 coins, give or take five standard deviations.
        assert abs(int((bits >> np.uint64(place) & np.uint64(1)).sum()) - (1 << 15)) < 5 * 128
    assert chi_square(np.bincount((bits >> np.uint64(24)).astype(np.int64), minlength=256)) < 256 + 5 * math.sqrt(512)
    for start in (0, 12_345, 1 << 63, (1 << 64) - 3, 10**30):
        alone = [draw_bits(start + offset, 1, 5)[0] for offset in range(6)]
        assert draw_bits(start, 6, 5).tolist() == alone


def test_order_does_not_depend_on_how_positions_are_asked_for():
    permutation = Permutation(10_007, 4)
    whole = permutation.forward(np.arange(10_007))
    assert [int(permutation.forward(np.array([position]))[0]) for position in range(50)] == whole[:50].tolist()
    assert (permutation.forward(np.arange(10_007)[::-1]) == whole[::-1]).all()
    assert len(permutation.forward(np.array([], dtype=np.int64))) == 0


def test_wide_order_does_not_depend_on_how_many_positions_are_asked_for():
    wide = WidePermutation(10**30, 4)
    # More than are computed together.
    whole = wide.forward(np.arange(70_000))
    assert [int(wide.forward(np.array([position]))[0]) for position in range(0, 70_000, 999)] == whole[::999].tolist()
    assert (wide.inverse(whole) == np.arange(70_000)).all()
    assert len(wide.forward(np.array([], dtype=np.int64))) == 0


@pytest.mark.parametrize("size", [1, 2, 3, 10, 99, 1000])
def test_wide_permutation_visits_every_index_once(size):
    for seed in range(4):
        assert sorted(WidePermutation(size, seed).forward(np.arange(size)).tolist()) == list(range(size))


@pytest.mark.parametrize("size", [2**62 + 1, 429 * 3**7 * 100**8, 10**34, LARGEST_WIDE_SIZE])
def test_wide_permutation_keeps_to_its_size_and_repeats_nothing(size):
    positions = [0, 1, size // 3, size // 2, size - 2, size - 1, *(size // 5 + step for step in range(500))]
    indices = WidePermutation(size, 3).forward(np.array(positions, dtype=object)).tolist()
    assert len(set(indices)) == len(positions)
    assert all(0 <= index < size for index in indices)
    # Neighbours are separated: a tenth of the size has a tenth of them.
    counts = np.bincount([index * 10 // size for index in indices], minlength=10)
    assert counts.min() > 25


def test_wide_permutation_is_the_same_everywhere():
    # A change of these numbers changes datasets: it needs a new format version.
    wide = WidePermutation(10**30, 7)
    assert wide.forward(np.array([0, 1, 10**29])).tolist() == [
        283303157084311955177811349103,
        951259967833317448851624945323,
        161359632734865429793441302706,
    ]


def test_wide_permutation_refuses_what_it_cannot_hold():
    for size in (0, LARGEST_WIDE_SIZE + 1):
        with pytest.raises(ValueError, match=rf"`size` must be from 1 to {LARGEST_WIDE_SIZE}, got {size}"):
            WidePermutation(size, 0)
    for position in (-1, 10):
        with pytest.raises(ValueError, match=r"values must lie in \[0, 10\), got "):
            WidePermutation(10, 0).forward(np.array([position]))


@examples(30)
@given(st.integers((1 << 31) + 1, 1 << 62), st.integers(0, 2**64 - 1), st.data())
def test_hashes_in_bulk_are_those_of_one_digit_at_a_time(radix, key, data):
    digits = data.draw(st.lists(st.integers(0, radix - 1), min_size=1, max_size=8))
    expected = permutation_module._digest_any(np.array(digits, dtype=object), key, radix)
    assert permutation_module._digest(np.array(digits, dtype=np.uint64), key, radix).tolist() == expected.tolist()
