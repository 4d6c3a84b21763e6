"""Whole numbers divided among several takers, evenly or in proportion; exact and deterministic."""

from collections.abc import Sequence

import numpy as np

from eqstream.data.permutation import Permutation

# Slots that are assigned together: enough for numpy, few enough for the caches.
SLOTS_AT_ONCE = 1 << 16


def fill_evenly(total: int, capacities: Sequence[int], weights: Sequence[int]) -> list[int]:
    """Returns how much each vessel holds when all are filled to one level, as far as their capacities reach.

    The level is in units of weight: a vessel of weight 2 holds twice as much at the same level. What does not divide
    evenly goes to the first vessels that have room, one each.

    >>> fill_evenly(11, [2, 100, 100], [1, 1, 1])
    [2, 5, 4]
    """
    if total > sum(capacities):
        raise ValueError(f"`total` must be at most {sum(capacities)}, got {total}")
    amounts = list(capacities)
    remaining, weight, has_room = total, sum(weights), list(range(len(capacities)))
    # Those that are no higher than the level are full, and the level of the others rises.
    while full := {place for place in has_room if capacities[place] * weight <= remaining * weights[place]}:
        remaining -= sum(capacities[place] for place in full)
        weight -= sum(weights[place] for place in full)
        has_room = [place for place in has_room if place not in full]
    # These are not filled up, so what they hold does not depend on how much more they could.
    for place in has_room:
        amounts[place] = remaining * weights[place] // weight
    for place in has_room[: total - sum(amounts)]:
        amounts[place] += 1
    return amounts


def fill_levels(
    total: int, capacities: Sequence[int], weights: Sequence[int], levels: Sequence[Sequence[tuple[str, int]]]
) -> list[int]:
    """Returns how much each vessel holds when groups of vessels are filled to one level, and the vessels within each.

    Args:
        total: how much there is.
        capacities: of the vessels.
        weights: of the vessels, within their innermost group.
        levels: for each vessel the name and the weight of the groups that it is in, from the outermost on; all equally
            many.

    >>> fill_levels(12, [9, 9, 9], [1, 1, 1], [[("short", 1)], [("short", 1)], [("long", 2)]])
    [2, 2, 8]
    """
    if not levels or not levels[0]:
        return fill_evenly(total, capacities, weights)
    if not total:
        return [0] * len(capacities)
    groups = _group(levels)
    sums = [sum(capacities[place] for place in places) for places in groups.values()]
    shares = fill_evenly(total, sums, [weight for _, weight in groups])
    amounts = [0] * len(capacities)
    for share, places in zip(shares, groups.values(), strict=True):
        filled = fill_levels(
            share,
            [capacities[place] for place in places],
            [weights[place] for place in places],
            [levels[place][1:] for place in places],
        )
        for place, amount in zip(places, filled, strict=True):
            amounts[place] = amount
    return amounts


def divide_proportionally(total: int, amounts: Sequence[int]) -> list[int]:
    """Returns whole shares of the amounts that add up to `total`, by largest remainder, none above its amount.

    >>> divide_proportionally(5, [10, 10, 1])
    [3, 2, 0]
    """
    whole = sum(amounts)
    if not total:
        return [0] * len(amounts)
    if total > whole:
        raise ValueError(f"`total` must be at most {whole}, got {total}")
    shares = [total * amount // whole for amount in amounts]
    by_remainder = sorted(range(len(amounts)), key=lambda place: (-(total * amounts[place] % whole), place))
    for place in by_remainder[: total - sum(shares)]:
        shares[place] += 1
    return shares


def divide_levels(total: int, amounts: Sequence[int], levels: Sequence[Sequence[tuple[str, int]]]) -> list[int]:
    """Returns whole shares of the amounts that add up to `total`: those of groups, then those within each.

    Args:
        total: at most the sum of the amounts.
        amounts: to take shares of.
        levels: for each amount the groups that it is in, from the outermost on; all equally many.

    >>> divide_levels(2, [2, 2, 1, 1, 1, 1], [[("a", 1)]] * 2 + [[("b", 1)]] * 4)
    [1, 0, 1, 0, 0, 0]
    """
    if not total or not levels or not levels[0]:
        return divide_proportionally(total, amounts)
    groups = _group(levels)
    sums = [sum(amounts[place] for place in places) for places in groups.values()]
    shares = [0] * len(amounts)
    for share, places in zip(divide_proportionally(total, sums), groups.values(), strict=True):
        divided = divide_levels(share, [amounts[place] for place in places], [levels[place][1:] for place in places])
        for place, number in zip(places, divided, strict=True):
            shares[place] = number
    return shares


def _group(levels: Sequence[Sequence[tuple[str, int]]]) -> dict[tuple[str, int], list[int]]:
    """Returns the places of each group of the outermost level."""
    groups: dict[tuple[str, int], list[int]] = {}
    for place, path in enumerate(levels):
        groups.setdefault(path[0], []).append(place)
    return groups


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
        pieces.append(np.searchsorted(ends, permutation.forward(slots), side="right"))
    return np.concatenate(pieces)
