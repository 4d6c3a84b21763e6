"""Rounds through the equations of one walk that no other split has, cut into epochs of equal size.

A round is everything once. It is cut into as many epochs as it has equations for; the next round has another order. An
epoch larger than a round is several rounds and a part of one. What an epoch gives depends on its number alone.
"""

import itertools
import math
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from eqstream.data.permutation import Permutation, derive_seed, index_dtype
from eqstream.data.space.equation_block import EquationBlock, join_blocks
from eqstream.data.splits.enumeration import BLOCK
from eqstream.data.streams.held_out import Territory

# Standard deviations by which a part of a round is larger than what its epochs need.
_DEVIATIONS = 6
# Epochs of less than this many equations are computed several at a time: small blocks cost as much as larger ones.
_LEAST_AT_ONCE = 512


class Rounds(Protocol):
    """The equations of one walk, epoch by epoch."""

    def equations(self, epoch: int, first: int) -> Iterator[EquationBlock]:
        """Yields the equations `first` to the last one of an epoch."""
        ...


def list_free_equations(territory: Territory) -> list[EquationBlock]:
    """Returns all equations of a walk that no other split has, in its order, as blocks."""
    walk = territory.walk
    blocks = []
    for start, stop in territory.free():
        for low in range(start, stop, BLOCK):
            positions = np.arange(low, min(low + BLOCK, stop)).astype(index_dtype(walk.size), copy=False)
            blocks.append(walk.equations_at(positions, low))
    return [block for block in blocks if block is not None]


class TableRounds:
    """Rounds through equations that are all in memory: nothing comes twice in a round, and nothing is left over.

    Args:
        table: the equations.
        num_examples: equations in an epoch, at least 1.
        seed: of the order.
    """

    def __init__(self, table: EquationBlock, num_examples: int, seed: int) -> None:
        self._table, self._num_examples, self._seed = table, num_examples, seed
        self._epochs_in_round = max(1, len(table) // num_examples)

    def equations(self, epoch: int, first: int) -> Iterator[EquationBlock]:
        """Yields the equations `first` to the last one of an epoch, in blocks of at most `BLOCK`."""
        number, part = divmod(epoch, self._epochs_in_round)
        begin, size = part * self._num_examples, len(self._table)
        for start in range(first, self._num_examples, BLOCK):
            places = np.arange(begin + start, begin + min(start + BLOCK, self._num_examples))
            rows = [
                Permutation(size, derive_seed(self._seed, number, lap)).forward(places[places // size == lap] % size)
                for lap in range(int(places[0]) // size, int(places[-1]) // size + 1)
            ]
            yield self._table.take(np.concatenate(rows))


class WalkRounds:
    """Rounds through the free positions of a walk of any size.

    Positions without an equation, or with several, come by chance. So a round's parts are a little larger than what
    their epochs need, and what they have in excess is left for another round. A part that falls short goes on into the
    next one.

    Args:
        territory: the walk, and what other splits have of it.
        num_examples: equations in an epoch, at least 1.
        seed: of the order.
    """

    def __init__(self, territory: Territory, num_examples: int, seed: int) -> None:
        self._walk, self._taken = territory.walk, territory.taken
        self._size, self._seed, self._num_examples = territory.num_free_positions, seed, num_examples
        num_equations = max(territory.num_free_equations, 1)
        self._epochs_at_once = max(1, min(_LEAST_AT_ONCE, num_equations) // num_examples)
        self._at_once: tuple[int, EquationBlock] | None = None
        self._num_in_part = num_examples * self._epochs_at_once
        spare = 0 if num_equations == self._size else _DEVIATIONS * (math.isqrt(self._num_in_part) + 1)
        self._parts = max(1, num_equations // (self._num_in_part + spare))
        needed = self._num_in_part * self._size // num_equations + 1
        self._block = min(needed, territory.walk.block, self._size)

    def equations(self, epoch: int, first: int) -> Iterator[EquationBlock]:
        """Yields the equations `first` to the last one of an epoch, in blocks of at most some 100,000."""
        if self._epochs_at_once == 1:
            yield from self._part_from(epoch, first)
            return
        part, place = divmod(epoch, self._epochs_at_once)
        # Read and replaced as a whole: streams of two threads may share it.
        at_once = self._at_once
        if at_once is None or at_once[0] != part:
            at_once = self._at_once = (part, join_blocks(list(self._part_from(part, 0))))
        start = place * self._num_examples
        if first < self._num_examples:
            yield at_once[1].take(slice(start + first, start + self._num_examples))

    def _part_from(self, part: int, first: int) -> Iterator[EquationBlock]:
        given = 0
        for turn, positions in self._blocks(part):
            if given >= self._num_in_part:
                return
            if given < first:
                count = sum(int(classes.member_counts.sum()) for classes in self._walk.classes_at(positions))
                if given + count <= first:
                    given += count
                    continue
            block = self._walk.equations_at(positions, turn)
            if block is not None:
                wanted = slice(max(first - given, 0), self._num_in_part - given)
                given += len(block)
                if wanted.start < wanted.stop:
                    yield block.take(wanted)

    def _blocks(self, part: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yields a number for draws and the positions (n,) of each block from the start of a part on, without end."""
        number, place = divmod(part, self._parts)
        begin = place * self._size // self._parts
        for lap in itertools.count():
            seed = derive_seed(self._seed, number, lap)
            permutation = Permutation(self._size, seed)
            for low in range(0, self._size, self._block):
                start, count = (begin + low) % self._size, min(self._block, self._size - low)
                places = np.arange(start, start + count).astype(index_dtype(self._size), copy=False) % self._size
                yield seed + low, self._skip_taken(permutation.forward(places))

    def _skip_taken(self, places: np.ndarray) -> np.ndarray:
        """Returns the positions of the free positions that are numbered `places` (n,)."""
        positions = places.astype(index_dtype(self._walk.size), copy=False)
        for stretch in self._taken:
            is_behind = np.asarray(positions >= stretch.start, dtype=bool)
            positions = np.where(is_behind, positions + (stretch.stop - stretch.start), positions)
        return positions
