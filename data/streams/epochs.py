"""Passes through the equations of one source that no other split has, cut into epochs of equal size.

A pass is everything once. It is cut into as many epochs as it has equations for; the next pass has another order. An
epoch larger than a pass is several passes and a part of one. What an epoch gives depends on its number alone.
"""

import functools
import itertools
import math
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from eqstream.data.permutation import Permutation, derive_seed, index_dtype
from eqstream.data.space.equation_block import EquationBlock, join_blocks
from eqstream.data.splits.candidates import BLOCK_SIZE
from eqstream.data.streams.held_out import SourceRanges

# Standard deviations by which a part of a pass is larger than what its epochs need.
_DEVIATIONS = 6
# Epochs of less than this many equations are computed several at a time: small blocks cost as much as larger ones.
LEAST_AT_ONCE = 512


class Epochs(Protocol):
    """The equations of one source, epoch by epoch."""

    def equations(self, epoch: int, first: int) -> Iterator[EquationBlock]:
        """Yields the equations `first` to the last one of an epoch."""
        ...


def list_free_equations(source: SourceRanges) -> list[EquationBlock]:
    """Returns all equations of a source that no other split has, in its order, as blocks."""
    blocks = (source.enumeration.equations_at(positions, int(positions[0])) for positions in source.free_blocks())
    return [block for block in blocks if block is not None]


class ListedEpochs:
    """Epochs of equations that are all in memory: nothing comes twice in a pass, and nothing is left over.

    Args:
        table: the equations.
        num_examples: equations in an epoch, at least 1.
        seed: of the order.
    """

    def __init__(self, table: EquationBlock, num_examples: int, seed: int) -> None:
        self._table, self._num_examples, self._seed = table, num_examples, seed
        self._epochs_in_pass = max(1, len(table) // num_examples)

    def equations(self, epoch: int, first: int) -> Iterator[EquationBlock]:
        """Yields the equations `first` to the last one of an epoch, in blocks of at most `BLOCK_SIZE`."""
        number, part = divmod(epoch, self._epochs_in_pass)
        begin, size = part * self._num_examples, len(self._table)
        for start in range(first, self._num_examples, BLOCK_SIZE):
            places = np.arange(begin + start, begin + min(start + BLOCK_SIZE, self._num_examples))
            rows = [
                Permutation(size, derive_seed(self._seed, number, lap)).forward(places[places // size == lap] % size)
                for lap in range(int(places[0]) // size, int(places[-1]) // size + 1)
            ]
            yield self._table.take(np.concatenate(rows))


class EnumeratedEpochs:
    """Epochs of the free positions of a source of any size.

    Positions without an equation, or with several, come by chance. So a pass's parts are a little larger than what
    their epochs need, and what they have in excess is left for another pass. A part that falls short goes on into the
    next one.

    Args:
        source: what other splits have of it.
        num_examples: equations in an epoch, at least 1.
        seed: of the order.
        least_at_once: number of equations below which several epochs are computed at a time.
    """

    def __init__(
        self, source: SourceRanges, num_examples: int, seed: int, *, least_at_once: int = LEAST_AT_ONCE
    ) -> None:
        self._source, self._enumeration = source, source.enumeration
        self._size, self._seed, self._num_examples = source.num_free_positions, seed, num_examples
        num_equations = max(source.num_free_equations, 1)
        self._epochs_in_part = max(1, min(least_at_once, num_equations) // num_examples)
        self._num_in_part = num_examples * self._epochs_in_part
        spare = 0 if num_equations == self._size else _DEVIATIONS * (math.isqrt(self._num_in_part) + 1)
        self._num_parts = max(1, num_equations // (self._num_in_part + spare))
        needed = self._num_in_part * self._size // num_equations + 1
        self._block_size = min(needed, source.enumeration.block_size, self._size)

        def read_part(part: int) -> EquationBlock:
            return join_blocks(list(self._part_from(part, 0)))

        # Epochs come in turn, so that the last part serves the next one; threads may share it.
        self._read_part = functools.lru_cache(maxsize=1)(read_part)

    def equations(self, epoch: int, first: int) -> Iterator[EquationBlock]:
        """Yields the equations `first` to the last one of an epoch, in blocks of at most some 100,000."""
        part, place = divmod(epoch, self._epochs_in_part)
        if self._epochs_in_part == 1:
            yield from self._part_from(part, first)
        elif first < self._num_examples:
            start = place * self._num_examples
            yield self._read_part(part).take(slice(start + first, start + self._num_examples))

    def _part_from(self, part: int, first: int) -> Iterator[EquationBlock]:
        given = 0
        for turn, positions in self._blocks(part):
            if given >= self._num_in_part:
                return
            if given < first:
                count = self._enumeration.candidates.kept_at(positions).num_equations
                if given + count <= first:
                    given += count
                    continue
            block = self._enumeration.equations_at(positions, turn)
            if block is not None:
                wanted = slice(max(first - given, 0), self._num_in_part - given)
                given += len(block)
                if wanted.start < wanted.stop:
                    yield block.take(wanted)

    def _blocks(self, part: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yields a number for draws and the positions (n,) of each block from the start of a part on, without end."""
        number, place = divmod(part, self._num_parts)
        begin = place * self._size // self._num_parts
        for lap in itertools.count():
            seed = derive_seed(self._seed, number, lap)
            permutation = Permutation(self._size, seed)
            for low in range(0, self._size, self._block_size):
                start, count = (begin + low) % self._size, min(self._block_size, self._size - low)
                places = np.arange(start, start + count).astype(index_dtype(self._size), copy=False) % self._size
                yield seed + low, self._source.find_free(permutation.forward(places))
