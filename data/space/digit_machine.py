"""Pairs of numbers by how their digits meet, counted and numbered exactly by an automaton.

A machine reads one digit of either number at a time, the unit first, and knows of the digits before no more than a
state: how long a chain of carries has become, say. Beside it goes for each number whether what was read is at least,
and at most, what its bounds have there. So as many pairs begin in a state as there are ways from it to an end, and a
pair's number says which way it takes. Nothing is searched, however rare the pairs are among all.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

from eqstream.data.permutation import index_dtype

_DEAD = -1
# Both numbers are at least and at most what their bounds have: a bit for each of the four.
_WITHIN = 15
# Numbers below this are int64, and their sums with each other, too.
_NATIVE = 1 << 62
_MOST_KEPT = 1 << 12


@dataclass(frozen=True, eq=False)
class Machine:
    """An automaton on pairs of digits.

    Attributes:
        moves: the state behind each state and two digits, int64 (num_states, 10, 10); -1 for what is not wanted.
        is_end: in which states the last digits may leave it, bool (num_states,). The first state is 0.
    """

    moves: np.ndarray
    is_end: np.ndarray


def make_machine(
    num_states: int, move: Callable[[int, int, int], int | None], is_end: Callable[[int], bool]
) -> Machine:
    """Returns the machine with these moves, None for what is not wanted."""
    moves = np.full((num_states, 10, 10), _DEAD)
    for state, upper, lower in itertools.product(range(num_states), range(10), range(10)):
        found = move(state, upper, lower)
        moves[state, upper, lower] = _DEAD if found is None else found
    return Machine(moves, np.array([is_end(state) for state in range(num_states)]))


class _Step(NamedTuple):
    """What the digits at one place can do, for each state before them; groups are of the digits that lead to one state.

    Attributes:
        starts: number of ways before each group, (num_states, num_groups), padded with the number of all.
        radices: number of ways from the state that the group leads to, likewise.
        nexts: that state, likewise.
        firsts: number of pairs of digits before each group, likewise.
        digits: the pairs of digits by group, ten times the upper plus the lower one, (num_states, 100).
    """

    starts: np.ndarray
    radices: np.ndarray
    nexts: np.ndarray
    firsts: np.ndarray
    digits: np.ndarray


@dataclass(frozen=True, eq=False)
class PairSet:
    """Pairs of magnitudes, each within bounds, that a machine wants.

    Args:
        machine: the machine.
        upper: least and largest number of the first kind.
        lower: those of the second kind.
    """

    machine: Machine
    upper: tuple[int, int]
    lower: tuple[int, int]

    @cached_property
    def size(self) -> int:
        """Number of pairs."""
        return self._ways[0][0]

    def unrank(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the pairs with these numbers (n,), in [0, size): the upper ones, and the lower ones."""
        states = np.zeros(len(places), dtype=np.int64)
        dtype = index_dtype(max(self.upper[1], self.lower[1]))
        upper, lower = (np.zeros(len(places), dtype=dtype) for _ in range(2))
        unit = 1
        for step in self._steps:
            places = places.astype(step.starts.dtype, copy=False)
            groups = (places[:, None] >= step.starts[states, 1:]).astype(np.int64).sum(axis=1)
            places = places - step.starts[states, groups]
            turns = places // step.radices[states, groups]
            places = places - turns * step.radices[states, groups]
            pairs = step.digits[states, step.firsts[states, groups] + turns.astype(np.int64)]
            tens = pairs // 10
            upper += tens.astype(dtype) * unit
            lower += (pairs - 10 * tens).astype(dtype) * unit
            states = step.nexts[states, groups]
            unit *= 10
        return upper, lower

    @cached_property
    def _states(self) -> list[np.ndarray]:
        """The states that can be reached before each place, and behind the last one; rising."""
        found = [np.array([_WITHIN])]
        for place in range(self._num_places):
            nexts = np.unique(self._move(place, found[-1]))
            found.append(nexts[nexts != _DEAD])
        return found

    @property
    def _num_places(self) -> int:
        return len(str(max(self.upper[1], self.lower[1])))

    def _move(self, place: int, states: np.ndarray) -> np.ndarray:
        """Returns the states behind the digits at a place, (num_states, 100)."""
        machine, above, below = states // 16, states // 4 % 4, states % 4
        moved = self.machine.moves[machine]
        bounds = (_move_bounds(self.upper, place)[above], _move_bounds(self.lower, place)[below])
        result = moved * 16 + bounds[0][:, :, None] * 4 + bounds[1][:, None, :]
        return np.where(moved == _DEAD, _DEAD, result).reshape(len(states), 100)

    @cached_property
    def _ways(self) -> list[list[int]]:
        """The number of ways from each state of `_states` to an end."""
        last = self._states[-1]
        ways = [(self.machine.is_end[last // 16] & (last % 16 == _WITHIN)).astype(int).tolist()]
        for place in reversed(range(self._num_places)):
            targets = self._targets(place)
            known = np.array([*ways[-1], 0], dtype=np.int64 if 100 * max(ways[-1], default=0) < _NATIVE else object)
            ways.append(known[targets].sum(axis=1).tolist())
        return ways[::-1]

    def _targets(self, place: int) -> np.ndarray:
        """Returns the places of `_move` among the next states, (num_states, 100); their number for what is dead."""
        moved, nexts = self._move(place, self._states[place]), self._states[place + 1]
        return np.where(moved == _DEAD, len(nexts), np.searchsorted(nexts, moved))

    @cached_property
    def _steps(self) -> list[_Step]:
        return [
            _group(self._targets(place), [*self._ways[place + 1], 0], max(self._ways[place]))
            for place in range(self._num_places)
        ]


def _move_bounds(bounds: tuple[int, int], place: int) -> np.ndarray:
    """Returns whether what was read is at least (2) and at most (1) what the bounds have, after each digit; (4, 10)."""
    low, high = (bound // 10**place % 10 for bound in bounds)
    digits = np.arange(10)
    before = np.arange(4)[:, None]
    at_least = (digits > low) | (digits == low) & (before // 2 == 1)
    at_most = (digits < high) | (digits == high) & (before % 2 == 1)
    return 2 * at_least + at_most


def _group(targets: np.ndarray, ways: list[int], most: int) -> _Step:
    """Returns what the digits at a place can do.

    Args:
        targets: the place of the state behind each pair of digits, (num_states, 100).
        ways: the number of ways from each of these.
        most: the largest number of ways from a state before them.
    """
    dtype = np.int64 if most < _NATIVE else object
    rows = [_group_row(row, ways) for row in targets.tolist()]
    num_groups = max(len(row) for row, _ in rows) or 1
    starts, radices, nexts, firsts = (
        np.zeros((len(rows), num_groups), dtype=kind) for kind in (dtype, dtype, int, int)
    )
    digits = np.zeros((len(rows), 100), dtype=np.int64)
    radices += 1
    for number, (groups, pairs) in enumerate(rows):
        digits[number, : len(pairs)] = pairs
        start = first = 0
        for place, (target, count) in enumerate(groups):
            starts[number, place], radices[number, place] = start, ways[target]
            nexts[number, place], firsts[number, place] = target, first
            start, first = start + count * ways[target], first + count
        starts[number, len(groups) :] = start
    return _Step(starts, radices, nexts, firsts, digits)


def _group_row(targets: list[int], ways: list[int]) -> tuple[list[tuple[int, int]], list[int]]:
    """Returns each state that pairs of digits lead to and how many do, and these pairs in its order."""
    by_target: dict[int, list[int]] = {}
    for pair, target in enumerate(targets):
        if ways[target]:
            by_target.setdefault(target, []).append(pair)
    return [(target, len(pairs)) for target, pairs in by_target.items()], [*itertools.chain(*by_target.values())]


@lru_cache(maxsize=_MOST_KEPT)
def make_pair_set(machine: Machine, upper: tuple[int, int], lower: tuple[int, int]) -> PairSet:
    """Returns the pairs; those of one machine and the same bounds are computed once."""
    return PairSet(machine, upper, lower)
