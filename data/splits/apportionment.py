"""Whole numbers divided among several takers, evenly or in proportion; exact and deterministic."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from eqstream.data.permutation import Permutation, index_dtype

# Slots that are assigned together: enough for numpy, few enough for the caches.
SLOTS_AT_ONCE = 1 << 16


class _Tier(NamedTuple):
    """The groups of one level side by side, or the vessels; those of one group of the level above are neighbours.

    Attributes:
        starts: the first one of each group above, int64.
        owners: the group above of each one, int64 (n,).
        weights: int64 or Python integers (n,).
    """

    starts: np.ndarray
    owners: np.ndarray
    weights: np.ndarray

    def sum(self, numbers: np.ndarray) -> np.ndarray:
        """Returns the sum of the numbers (n,) of each group above."""
        return np.add.reduceat(numbers, self.starts)

    def is_among_first(self, is_chosen: np.ndarray, most: np.ndarray) -> np.ndarray:
        """Returns whether each one is chosen, bool (n,), and among the first so many of its group that are."""
        turns = np.cumsum(is_chosen)
        before = (turns - is_chosen)[self.starts]
        return is_chosen & (turns <= (before + most)[self.owners])


class Levels:
    """Vessels in groups, which are in groups themselves; what follows from that alone is found out once.

    Args:
        weights: of the vessels, within their innermost group; above 0.
        paths: for each vessel the name and the weight, above 0, of the groups that it is in, from the outermost on;
            all equally many, or none.

    >>> levels = Levels([1, 1, 1], [[("short", 1)], [("short", 1)], [("long", 2)]])
    >>> levels.fill(12, [9, 9, 9])
    [2, 2, 8]
    >>> levels.divide(5, [2, 2, 8])
    [1, 1, 3]
    """

    def __init__(self, weights: Sequence[int], paths: Sequence[Sequence[tuple[str, int]]]) -> None:
        self._num_vessels = len(weights)
        columns: list[tuple[Sequence[int], Sequence[int]]] = []
        groups = [0] * len(weights)
        for names in zip(*paths, strict=True):
            numbers: dict[tuple[int, tuple[str, int]], int] = {}
            groups = [numbers.setdefault(key, len(numbers)) for key in zip(groups, names, strict=True)]
            columns.append((groups, [weight for _, (_, weight) in numbers]))
        if weights:
            # Vessels are the groups of an innermost level.
            columns.append((range(len(weights)), weights))
        self._order = (
            np.lexsort([groups for groups, _ in reversed(columns)]) if columns else np.zeros(0, dtype=np.int64)
        )
        self._tiers: list[_Tier] = []
        above = np.zeros(1, dtype=np.int64)
        for groups, group_weights in columns:
            ordered = np.array(groups)[self._order]
            firsts = np.flatnonzero(np.diff(ordered, prepend=-1))
            dtype = index_dtype(sum(group_weights))
            tier_weights = np.array(group_weights, dtype=dtype)[ordered[firsts]]
            owners = np.searchsorted(above, firsts, side="right") - 1
            self._tiers.append(_Tier(np.searchsorted(firsts, above), owners, tier_weights))
            above = firsts

    def fill(self, total: int, capacities: Sequence[int]) -> list[int]:
        """Returns how much each vessel holds when groups are filled to one level, and so is what is within each.

        All are filled as far as their capacities reach. The level is in units of weight: a vessel of weight 2 holds
        twice as much at the same level. What does not divide evenly goes to the first ones that have room, one each.

        >>> Levels([1, 1, 1], [[], [], []]).fill(11, [2, 100, 100])
        [2, 5, 4]
        """
        weight = max((int(tier.sum(tier.weights).max()) for tier in self._tiers), default=1)
        # It makes no difference how much more than everything one could hold.
        held = [min(capacity, total) for capacity in capacities]
        return self._go_down(total, held, _fill, bound=total * max(weight, self._num_vessels))

    def divide(self, total: int, amounts: Sequence[int]) -> list[int]:
        """Returns whole shares of the amounts that add up to `total`: those of groups, then those within each.

        They are in proportion, by largest remainder, none above its amount.

        >>> Levels([1, 1, 1], [[], [], []]).divide(5, [10, 10, 1])
        [3, 2, 0]
        """
        return self._go_down(total, amounts, _divide, bound=total * sum(amounts))

    def _go_down(
        self,
        total: int,
        amounts: Sequence[int],
        share: Callable[[np.ndarray, np.ndarray, _Tier], np.ndarray],
        *,
        bound: int,
    ) -> list[int]:
        """Returns what each vessel has of `total`, in whose groups `share` divides what each has, with such numbers."""
        if total > sum(amounts):
            raise ValueError(f"`total` must be at most {sum(amounts)}, got {total}")
        if not total:
            return [0] * self._num_vessels
        dtype: type[Any] = index_dtype(bound)
        by_tier = [np.array(amounts, dtype=dtype)[self._order]]
        for tier in self._tiers[:0:-1]:
            by_tier.append(tier.sum(by_tier[-1]))
        totals = np.array([total], dtype=dtype)
        for tier, own in zip(self._tiers, reversed(by_tier), strict=True):
            totals = share(totals, own, tier)
        result = np.empty_like(totals)
        result[self._order] = totals
        return result.tolist()


def _fill(totals: np.ndarray, capacities: np.ndarray, tier: _Tier) -> np.ndarray:
    """Returns how much each one holds, (n,), when each group above holds `totals`; see `Levels.fill`."""
    weights = tier.weights.astype(totals.dtype)
    remaining, weight_left = totals.copy(), tier.sum(weights)
    has_room = totals[tier.owners] > 0
    amounts = np.where(has_room, capacities, 0)
    # Those that are no higher than the level are full, and the level of the others rises.
    while (is_full := has_room & (capacities * weight_left[tier.owners] <= remaining[tier.owners] * weights)).any():
        remaining -= tier.sum(np.where(is_full, capacities, 0))
        weight_left -= tier.sum(np.where(is_full, weights, 0))
        has_room &= ~is_full
    # These are not filled up, so what they hold does not depend on how much more they could.
    levels = remaining[tier.owners] * weights // np.maximum(weight_left, 1)[tier.owners]
    amounts = np.where(has_room, levels, amounts)
    return amounts + tier.is_among_first(has_room, totals - tier.sum(amounts))


def _divide(totals: np.ndarray, amounts: np.ndarray, tier: _Tier) -> np.ndarray:
    """Returns the share of each one, (n,), when each group above has `totals`; see `Levels.divide`."""
    wholes = np.maximum(tier.sum(amounts), 1)[tier.owners]
    products = totals[tier.owners] * amounts
    shares = products // wholes
    # Largest remainders first, within each group.
    order = np.argsort(shares * wholes - products, kind="stable")
    order = order[np.argsort(tier.owners[order], kind="stable")]
    num_left = (totals - tier.sum(shares)).astype(np.int64)
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = np.arange(len(order)) - tier.starts[tier.owners]
    return shares + (ranks < num_left[tier.owners])


def assign_slots(quotas: Sequence[int], *, seed: int, start: int, count: int) -> np.ndarray:
    """Returns which part each of the slots start..start+count-1 goes to, int64 (count,).

    There are as many slots as the quotas add up to; over all of them part `i` comes `quotas[i]` times, in an order that
    is shuffled by the seed.
    """
    permutation = Permutation(sum(quotas), seed)
    ends = np.cumsum(np.array(quotas, dtype=np.int64))
    pieces = [np.zeros(0, dtype=np.int64)]
    for low in range(start, start + count, SLOTS_AT_ONCE):
        slots = np.arange(low, min(low + SLOTS_AT_ONCE, start + count))
        pieces.append(_find_parts(ends, permutation.forward(slots).astype(np.int64, copy=False)))
    return np.concatenate(pieces)


def _find_parts(ends: np.ndarray, slots: np.ndarray) -> np.ndarray:
    """Returns ``np.searchsorted(ends, slots, side="right")`` (n,), several times as fast where slots are many.

    Ranges of slots are looked up first, and most of them lie in one part.

    Args:
        ends: rising, int64 (parts,).
        slots: from 0 to below the last end, int64 (n,).
    """
    num_ranges = min(16 * len(ends), len(slots) // 2)
    shift = max(int(ends[-1]).bit_length() - num_ranges.bit_length(), 0)
    starts = np.arange((int(ends[-1]) - 1 >> shift) + 1) << shift
    first_parts = np.searchsorted(ends, starts, side="right")
    last_parts = np.searchsorted(ends, np.append(starts[1:], ends[-1]) - 1, side="right")
    ranges = slots >> shift
    parts = first_parts[ranges]
    unsure = np.flatnonzero((first_parts != last_parts)[ranges])
    parts[unsure] = np.searchsorted(ends, slots[unsure], side="right")
    return parts
