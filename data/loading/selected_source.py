"""Some examples of a split, in the order that they have among all of it."""

import functools
import itertools
import math
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np

from eqstream.data.formats.blocks import BLOCK
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.loading.epoch_order import EpochOrder
from eqstream.data.loading.example_source import ALL, ExampleSource
from eqstream.data.loading.token_table import TokenTable
from eqstream.data.recipe_values import exact
from eqstream.data.split_recipe import Where

_MOST_THREADS = 4


class Selection:
    """Which records of a split are selected: a bit for each, so that a billion of them take 125 MB.

    Args:
        num_records: of the split; none of them is selected at first.
        block_size: records of a block.

    Attributes:
        counts: how many records of each block are selected, int64 (num_blocks,).
    """

    def __init__(self, num_records: int, block_size: int = BLOCK) -> None:
        self._block_size = block_size
        self.counts = np.zeros(-(-num_records // block_size), np.int64)
        self._bits = np.zeros((len(self.counts), -(-block_size // 8)), np.uint8)

    @classmethod
    def of_all(cls, num_records: int, block_size: int = BLOCK) -> "Selection":
        """Returns the selection of all records."""
        selection = cls(num_records, block_size)
        for block in range(len(selection.counts)):
            selection.put(block, np.ones(min(num_records - block * block_size, block_size), bool))
        return selection

    def __len__(self) -> int:
        return int(self.counts.sum())

    def put(self, block: int, is_in: np.ndarray) -> None:
        """Says of the records of a block, bool (num_records_of_block,), which are selected."""
        packed = np.packbits(is_in)
        self._bits[block, : len(packed)] = packed
        self.counts[block] = np.count_nonzero(is_in)

    def remove(self, records: np.ndarray) -> None:
        """Takes records, int64 (n,), each at most once, out of the selection; they need not be in it."""
        records = records[self.contains(records)]
        blocks, rows = np.divmod(records, self._block_size)
        np.subtract.at(self.counts, blocks, 1)
        bits = np.uint8(0x80) >> (rows & 7).astype(np.uint8)
        np.bitwise_and.at(self._bits, (blocks, rows >> 3), ~bits)

    def contains(self, records: np.ndarray) -> np.ndarray:
        """Returns whether each record, int64 (n,), is selected, bool (n,)."""
        blocks, rows = np.divmod(records, self._block_size)
        shifts = (7 - (rows & 7)).astype(np.uint8)
        return (self._bits[blocks, rows >> 3] >> shifts & 1).astype(bool)


class Blocks(Protocol):
    """What is selected from; see `eqstream.data.dataset.block_reader.BlockReader`."""

    num_records: int

    def read(self, block: int) -> EquationColumns:
        """Returns the equations of a block; any thread may call it."""
        ...


def select_records(
    blocks: Blocks, conditions: Sequence[Where], *, block_size: int = BLOCK
) -> dict[Where | None, Selection]:
    """Returns for each condition the records that meet it, after one pass through the split.

    Args:
        blocks: of the split.
        conditions: on terms, digits and carries.
        block_size: records of a block.

    Raises:
        UserError: a file is missing or damaged.
    """
    selections: dict[Where | None, Selection] = {
        where: Selection(blocks.num_records, block_size) for where in conditions
    }

    def look_at(block: int) -> None:
        columns = blocks.read(block)
        for where in conditions:
            selections[where].put(block, _meets(where, columns.numbers))

    if not conditions:
        return selections
    with ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1)) as pool:
        for _ in pool.map(look_at, range(-(-blocks.num_records // block_size))):
            pass
    return selections


def _meets(where: Where, numbers: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns which examples meet a condition on terms, digits and carries, bool (num_examples,)."""
    is_in = np.ones(len(numbers["terms"]), bool)
    for name in ("terms", "digits", "carries"):
        bounds = getattr(where, name)
        if bounds is not None and bounds.min is not None:
            is_in &= numbers[name] >= math.ceil(exact(bounds.min))
        if bounds is not None and bounds.max is not None:
            is_in &= numbers[name] <= math.floor(exact(bounds.max))
    return is_in


class SelectedSource:
    """The selected examples of a split; see `eqstream.data.loading.example_source`.

    An epoch is that of the whole split without the others, so a place of it is found by counting the windows before.

    Args:
        source: all examples.
        order: of `source`.
        selection: of its records, at least one.
    """

    def __init__(self, source: ExampleSource, order: EpochOrder, selection: Selection) -> None:
        self._source, self._order, self._selection = source, order, selection
        self.num_examples, self.encoder = len(selection), source.encoder
        # Epochs and windows come in turn.
        self._ends = functools.lru_cache(maxsize=2)(self._count_windows)
        self._places = functools.lru_cache(maxsize=2)(self._find_places)

    def read(
        self, runs: Iterable[np.ndarray], *, columns: Sequence[str] = (), reader: tuple[int, int] = ALL
    ) -> Iterator[TokenTable]:
        """Yields the examples at each array of positions, in their order."""
        num_pieces: deque[int] = deque()

        def list_pieces() -> Iterator[np.ndarray]:
            for positions in runs:
                # Few examples may lie in many windows, of which the source must not open all at once.
                pieces = list(self._divide(positions)) or [positions]
                num_pieces.append(len(pieces))
                yield from pieces

        # What a reader has of a selection is anything of the whole.
        tables = self._source.read(list_pieces(), columns=columns)
        for table in tables:
            rest = itertools.islice(tables, num_pieces.popleft() - 1)
            yield TokenTable.join([table, *rest])

    def _divide(self, positions: np.ndarray) -> Iterator[np.ndarray]:
        """Yields the positions in `source` of some positions, both int64 (n,), window by window."""
        begin = 0
        while begin < len(positions):
            epoch, place = divmod(int(positions[begin]), self.num_examples)
            ends = self._ends(epoch)
            window = int(np.searchsorted(ends, place, side="right"))
            first = epoch * self.num_examples
            end = int(np.searchsorted(positions, first + ends[window]))
            start = first + (int(ends[window - 1]) if window else 0)
            places = self._places(epoch, window)[positions[begin:end] - start]
            yield epoch * self._order.num_records + places
            begin = end

    def _count_windows(self, epoch: int) -> np.ndarray:
        """Returns how many examples there are up to the end of each window of an epoch, int64 (num_windows,)."""
        order, counts = self._order, self._selection.counts
        windows = (order.window(epoch, number) for number in range(order.num_windows(epoch)))
        return np.cumsum([counts[window.blocks].sum() for window in windows])

    def _find_places(self, epoch: int, number: int) -> np.ndarray:
        """Returns the places in the epoch of the examples of a window, int64 (n,), rising."""
        window = self._order.window(epoch, number)
        return window.start + np.flatnonzero(self._selection.contains(window.records(window.find_rows())))
