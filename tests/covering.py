"""Grids of test cases of which a few cover all pairs, or all values: these are run always, the others are slow."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest


def cover_pairs(names: str, *axes: Sequence | Mapping) -> pytest.MarkDecorator:
    """Parametrizes with every combination of the axes; those that are not needed to cover each pair are marked slow.

    Args:
        names: of the arguments, one for each axis, separated by commas.
        axes: values, or ids with their values.
    """
    return _parametrize(names, axes, list_covering([len(axis) for axis in axes]))


def cover_values(names: str, *axes: Sequence | Mapping) -> pytest.MarkDecorator:
    """Parametrizes as `cover_pairs`, but only those are not slow that are needed to have each value once."""
    return _parametrize(names, axes, list_each([len(axis) for axis in axes]))


def slow_but(values: Iterable[str] | Mapping[str, Any], *quick: str) -> list:
    """Returns parameters for the values, all of them slow but the `quick` ones, which are named."""
    named = values if isinstance(values, Mapping) else {value: value for value in values}
    assert named.keys() >= set(quick)
    return [
        pytest.param(value, id=name, marks=() if name in quick else pytest.mark.slow) for name, value in named.items()
    ]


def _parametrize(names: str, axes: Sequence[Sequence | Mapping], needed: set[tuple[int, ...]]) -> pytest.MarkDecorator:
    values = [list(axis.values()) if isinstance(axis, Mapping) else list(axis) for axis in axes]
    ids = [list(map(str, axis)) for axis in axes]
    params = []
    for places in itertools.product(*(range(len(axis)) for axis in values)):
        case = [axis[place] for axis, place in zip(values, places, strict=True)]
        name = "-".join(axis[place] for axis, place in zip(ids, places, strict=True))
        params.append(pytest.param(*case, id=name, marks=() if places in needed else pytest.mark.slow))
    return pytest.mark.parametrize(names, params)


def list_covering(sizes: Sequence[int]) -> set[tuple[int, ...]]:
    """Chooses combinations of places so that each pair of places of two axes is in one of them; few, not fewest."""
    uncovered = {
        ((one, first), (other, second))
        for one, other in itertools.combinations(range(len(sizes)), 2)
        for first, second in itertools.product(range(sizes[one]), range(sizes[other]))
    }
    chosen = set()
    while uncovered:
        pair = min(uncovered)
        case = dict(pair)
        for axis in (axis for axis in range(len(sizes)) if axis not in case):
            case[axis] = max(range(sizes[axis]), key=lambda place: len(list_new(uncovered, {**case, axis: place})))
        uncovered -= list_new(uncovered, case)
        chosen.add(tuple(case[axis] for axis in range(len(sizes))))
    return chosen


def list_each(sizes: Sequence[int]) -> set[tuple[int, ...]]:
    """Chooses as many combinations of places as the longest axis has, with each place of each axis in one of them."""
    number, step = max(sizes), 1
    steps = [1] * len(sizes)
    for axis in sorted(set(range(len(sizes))) - {sizes.index(number)}, key=lambda axis: sizes[axis]):
        # Axes whose steps differ come in more combinations with each other.
        if step * sizes[axis] <= number:
            steps[axis], step = step, step * sizes[axis]
    return {tuple(place // step % size for step, size in zip(steps, sizes, strict=True)) for place in range(number)}


def list_new(uncovered: set, case: dict[int, int]) -> set:
    return uncovered & set(itertools.combinations(sorted(case.items()), 2))
