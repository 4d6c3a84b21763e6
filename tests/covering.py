"""Grids of test cases of which a few cover all pairs: these are run always, the others are slow."""

import itertools
from collections.abc import Mapping, Sequence

import pytest


def cover_pairs(names: str, *axes: Sequence | Mapping) -> pytest.MarkDecorator:
    """Parametrizes with every combination of the axes; those that are not needed to cover each pair are marked slow.

    Args:
        names: of the arguments, one for each axis, separated by commas.
        axes: values, or ids with their values.
    """
    values = [list(axis.values()) if isinstance(axis, Mapping) else list(axis) for axis in axes]
    ids = [list(map(str, axis)) for axis in axes]
    needed = list_covering([len(axis) for axis in values])
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


def list_new(uncovered: set, case: dict[int, int]) -> set:
    return uncovered & set(itertools.combinations(sorted(case.items()), 2))
