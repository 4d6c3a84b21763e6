"""Equations of several sources in one order, a block at a time."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from eqstream.data.space.equation_block import EquationBlock, interleave_blocks


def interleave(parts: Mapping[int, Iterator[EquationBlock]], turns: Iterable[np.ndarray]) -> Iterator[EquationBlock]:
    """Yields the equations of several parts in the order of turns; holds no more than a block of each part.

    Args:
        parts: the equations of each part that has a turn; they must suffice.
        turns: arrays, int64 (n,), of the part that each equation comes from; each array makes one block.
    """
    readers = {part: _BlockReader(blocks) for part, blocks in parts.items()}
    for some_turns in turns:
        numbers = zip(*(values.tolist() for values in np.unique(some_turns, return_counts=True)), strict=True)
        pieces = [piece for part, number in numbers for piece in readers[part].read(number)]
        yield interleave_blocks(pieces, some_turns)


class _BlockReader:
    """Reads any number of equations at a time from an iterator of blocks."""

    def __init__(self, blocks: Iterator[EquationBlock]) -> None:
        self._blocks = blocks
        self._unread: EquationBlock | None = None

    def read(self, count: int) -> list[EquationBlock]:
        """Returns the next `count` equations."""
        pieces: list[EquationBlock] = []
        while count:
            block = next(self._blocks) if self._unread is None else self._unread
            pieces.append(block.take(slice(0, count)))
            self._unread = block.take(slice(count, None)) if len(block) > count else None
            count -= len(pieces[-1])
        return pieces
