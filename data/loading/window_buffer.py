"""The examples of a window that a reader needs, on their way into memory."""

import itertools
import math
from collections.abc import Sequence
from concurrent.futures import Future
from functools import cached_property
from typing import NamedTuple

import numpy as np

from eqstream.data.loading.epoch_order import Window
from eqstream.data.loading.example_encoder import ExampleEncoder
from eqstream.data.loading.token_table import TokenTable


class Piece(NamedTuple):
    """Some records of a block, and where they go.

    Attributes:
        block: number of the block in the split.
        records: which of its records.
        start: the row of the table for the first of them; the others follow.
    """

    block: int
    records: range
    start: int


class WindowBuffer:
    """What a reader needs of a window, in a table.

    Attributes:
        window: the window.
        table: the table; it may hold other examples, too.
        pieces: what of the table is the window's.
        pending: what fills these.
    """

    def __init__(self, window: Window, table: TokenTable, pieces: dict[int, Piece]) -> None:
        self.window, self.table, self.pieces = window, table, list(pieces.values())
        self.pending: list[Future[None]] = []
        self._starts, self._firsts = np.zeros((2, len(window.blocks)), np.int64)
        for lane, piece in pieces.items():
            self._starts[lane], self._firsts[lane] = piece.start, piece.records.start
        self._step = self.pieces[0].records.step

    @classmethod
    def reserve(
        cls, window: Window, reader: tuple[int, int], encoder: ExampleEncoder, columns: Sequence[str]
    ) -> "WindowBuffer":
        """Returns a buffer with a table of its own, with these numbers."""
        needed = _list_needed(window, reader)
        edges = itertools.accumulate(map(len, needed.values()), initial=0)
        pieces = {
            lane: Piece(int(window.blocks[lane]), records, start)
            for (lane, records), start in zip(needed.items(), edges, strict=False)
        }
        return cls(window, encoder.reserve(sum(map(len, needed.values())), columns), pieces)

    @classmethod
    def within(cls, window: Window, reader: tuple[int, int], whole: TokenTable) -> "WindowBuffer":
        """Returns a buffer in a table that has a row for each record of the split."""
        pieces = {
            lane: Piece(block, range(window.lane_size(lane)), block * window.block_size)
            for lane in _list_needed(window, reader)
            for block in [int(window.blocks[lane])]
        }
        return cls(window, whole, pieces)

    def take(self, places: np.ndarray, columns: Sequence[str]) -> TokenTable:
        """Returns the examples at some places of the epoch, rising, with these numbers, once all are there.

        Raises:
            UserError: a file is missing or damaged.
        """
        for future in self.pending:
            future.result()
        first, last = (int(places[end]) - self.window.start for end in (0, -1))
        has_all = last - first + 1 == len(places)
        rows = self._rows[first : last + 1] if has_all else self._rows[places - self.window.start]
        if self.window.seed is None and rows[-1] - rows[0] + 1 == len(rows):
            # In the order of the files nothing need be gathered.
            return self.table.cut(slice(int(rows[0]), int(rows[-1]) + 1), columns)
        return self.table.take(rows, columns)

    @cached_property
    def _rows(self) -> np.ndarray:
        """The row of the table for each place of the window that the reader has, int64 (size,)."""
        if self._step == 1:
            return self.window.find_rows(self._starts)
        # Only in the order of the files does a reader have a part of each block.
        lanes, records = np.divmod(np.arange(self.window.size), self.window.block_size)
        return self._starts[lanes] + (records - self._firsts[lanes]) // self._step


def _list_needed(window: Window, reader: tuple[int, int]) -> dict[int, range]:
    """Returns which records of which lanes a reader needs, or a few more.

    Args:
        window: the window.
        reader: (i, n): of each epoch it has the places p with p % n = i.
    """
    number, num_readers = reader
    lanes = range(len(window.blocks))
    if window.seed is None:
        # Each lane goes on where the one before it ends.
        firsts = [(number - window.start - lane * window.block_size) % num_readers for lane in lanes]
        needed = {lane: range(firsts[lane], window.lane_size(lane), num_readers) for lane in lanes}
        return {lane: records for lane, records in needed.items() if records}
    stride = math.gcd(num_readers, len(lanes)) if window.is_dealt else 1
    return {lane: range(window.lane_size(lane)) for lane in lanes[(number - window.start) % stride :: stride]}
