"""Whole numbers divided among groups of groups of takers, one group at a time: the oracle for `Levels`."""

from collections.abc import Sequence

Paths = Sequence[Sequence[tuple[str, int]]]


def fill_plainly(total: int, capacities: Sequence[int], weights: Sequence[int], paths: Paths) -> list[int]:
    """What each vessel holds when the groups of the outermost level are filled, and then each by itself."""
    if not paths or not paths[0]:
        return _fill_evenly(total, capacities, weights)
    groups = _group(paths)
    sums = [sum(capacities[place] for place in places) for places in groups.values()]
    amounts = [0] * len(capacities)
    for share, places in zip(_fill_evenly(total, sums, [weight for _, weight in groups]), groups.values(), strict=True):
        inner = fill_plainly(
            share,
            [capacities[place] for place in places],
            [weights[place] for place in places],
            [paths[place][1:] for place in places],
        )
        for place, amount in zip(places, inner, strict=True):
            amounts[place] = amount
    return amounts


def divide_plainly(total: int, amounts: Sequence[int], paths: Paths) -> list[int]:
    """The shares of `total` that the groups of the outermost level get, and then those within each."""
    if not paths or not paths[0]:
        return _divide_proportionally(total, amounts)
    groups = _group(paths)
    sums = [sum(amounts[place] for place in places) for places in groups.values()]
    shares = [0] * len(amounts)
    for share, places in zip(_divide_proportionally(total, sums), groups.values(), strict=True):
        inner = divide_plainly(share, [amounts[place] for place in places], [paths[place][1:] for place in places])
        for place, number in zip(places, inner, strict=True):
            shares[place] = number
    return shares


def _fill_evenly(total: int, capacities: Sequence[int], weights: Sequence[int]) -> list[int]:
    amounts = list(capacities)
    remaining, weight, has_room = total, sum(weights), list(range(len(capacities)))
    while full := {place for place in has_room if capacities[place] * weight <= remaining * weights[place]}:
        remaining -= sum(capacities[place] for place in full)
        weight -= sum(weights[place] for place in full)
        has_room = [place for place in has_room if place not in full]
    for place in has_room:
        amounts[place] = remaining * weights[place] // weight
    for place in has_room[: total - sum(amounts)]:
        amounts[place] += 1
    return amounts


def _divide_proportionally(total: int, amounts: Sequence[int]) -> list[int]:
    whole = max(sum(amounts), 1)
    shares = [total * amount // whole for amount in amounts]
    by_remainder = sorted(range(len(amounts)), key=lambda place: (-(total * amounts[place] % whole), place))
    for place in by_remainder[: total - sum(shares)]:
        shares[place] += 1
    return shares


def _group(paths: Paths) -> dict[tuple[str, int], list[int]]:
    groups: dict[tuple[str, int], list[int]] = {}
    for place, path in enumerate(paths):
        groups.setdefault(path[0], []).append(place)
    return groups
