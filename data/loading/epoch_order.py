"""Which record of a split comes when: the order of every epoch as a function of (seed, epoch, position).

The files of a split lie in the order of a seeded permutation, so epoch 0 reads them as they are. A later epoch permutes
the blocks of the split; so many consecutive ones of these make a window, and the records of a window come mixed: place
q of it takes the next record of block q % 48, in an order that the block has in this window alone. What is left behind
the last full window, and the shorter block at the split's end, is one window, all of whose records are permuted
together.

So any 48 consecutive examples come from 48 blocks, memory is a window, and an epoch can be entered anywhere. A split of
less than a window is permuted uniformly.
"""

from dataclasses import dataclass

import numpy as np

from eqstream.data.formats.blocks import BLOCK
from eqstream.data.permutation import Permutation, derive_seed, draw_bits

# Raised by any change in which example comes when; saved with each training.
ORDER_VERSION = 2
# Has many divisors: of two to four, six or eight readers each needs other blocks.
WINDOW = 48
# What is read in the order of the files needs no window: fewer blocks are ready sooner.
SEQUENTIAL_WINDOW = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class Window:
    """Consecutive places of an epoch whose records lie in a few blocks, its lanes.

    Attributes:
        key: epoch and number of the window.
        start: the first place.
        size: number of places.
        blocks: the blocks, int64 (num_blocks,), each whole; only the last one may be shorter than the others.
        block_size: records of a block.
        seed: of the order of the records; None for the order of the blocks.
        is_dealt: whether the places take turns among the blocks, which all have one size, or all records are permuted
            together.
    """

    key: tuple[int, int]
    start: int
    size: int
    blocks: np.ndarray
    block_size: int
    seed: int | None
    is_dealt: bool

    def find_rows(self, starts: np.ndarray | None = None) -> np.ndarray:
        """Returns the row at each place, int64 (size,), for blocks of which each has its rows one behind the other.

        Args:
            starts: the first row of each block, int64 (num_blocks,); None if blocks lie one behind the other, too.
        """
        usual = np.arange(len(self.blocks)) * self.block_size
        starts = usual if starts is None else starts
        if self.is_dealt and self.seed is not None:
            return _shuffle_lanes(starts, self.block_size, self.seed)
        rows = np.arange(self.size) if self.seed is None else _shuffle_lanes(np.zeros(1), self.size, self.seed)
        moves = starts - usual
        return rows + (moves[0] if (moves == moves[0]).all() else moves[rows // self.block_size])

    def lane_size(self, lane: int) -> int:
        """Returns the number of records of a block."""
        return min(self.size - lane * self.block_size, self.block_size)

    def records(self, rows: np.ndarray) -> np.ndarray:
        """Returns the records of the split at some of its rows, int64 (n,)."""
        return self.blocks[rows // self.block_size] * self.block_size + rows % self.block_size


@dataclass(frozen=True, kw_only=True)
class EpochOrder:
    """The order of the records of a split in every epoch; each epoch has each record exactly once.

    >>> order = EpochOrder(num_records=5, seed=1)
    >>> order.records(0, np.arange(5)).tolist(), order.records(1, np.arange(5)).tolist()
    ([0, 1, 2, 3, 4], [2, 4, 3, 1, 0])

    Attributes:
        num_records: of the split.
        seed: of the order.
        shuffle: False gives the order of the files in every epoch.
        block_size: records of a block.
        window_blocks: blocks of a window.
        sequential_blocks: blocks of a window where the order is that of the files.
    """

    num_records: int
    seed: int = 0
    shuffle: bool = True
    block_size: int = BLOCK
    window_blocks: int = WINDOW
    sequential_blocks: int = SEQUENTIAL_WINDOW

    def __post_init__(self) -> None:
        for name in ("block_size", "window_blocks", "sequential_blocks"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be at least 1, got {getattr(self, name)}")

    def records(self, epoch: int, positions: np.ndarray) -> np.ndarray:
        """Returns the record at each position of an epoch, int64 (n,).

        Args:
            epoch: from 0.
            positions: int64 (n,), from 0 to `num_records` - 1, in any order.
        """
        positions = np.asarray(positions, np.int64)
        records = np.empty(len(positions), np.int64)
        numbers = positions // self._window_records(epoch)
        for number in np.unique(numbers).tolist():
            window, is_in = self.window(epoch, number), numbers == number
            records[is_in] = window.records(window.find_rows()[positions[is_in] - window.start])
        return records

    def find_window(self, epoch: int, position: int) -> int:
        """Returns the number of the window that a position of an epoch lies in."""
        return position // self._window_records(epoch)

    def num_windows(self, epoch: int) -> int:
        """Returns the number of windows of an epoch."""
        return -(-self.num_records // self._window_records(epoch))

    def window(self, epoch: int, number: int) -> Window:
        """Returns a window of an epoch, both from 0.

        Raises:
            IndexError: the epoch has fewer windows.
        """
        if not 0 <= number < self.num_windows(epoch):
            raise IndexError(f"epoch {epoch} has {self.num_windows(epoch)} windows, there is none of number {number}")
        size = self._window_records(epoch)
        start, stop = number * size, min((number + 1) * size, self.num_records)
        places = np.arange(start // self.block_size, -(-stop // self.block_size))
        is_shuffled = self._is_shuffled(epoch)
        return Window(
            key=(epoch, number),
            start=start,
            size=stop - start,
            blocks=self._permute_blocks(epoch, places) if is_shuffled else places,
            block_size=self.block_size,
            seed=derive_seed(self.seed, "records", epoch, number) if is_shuffled else None,
            is_dealt=stop - start == size,
        )

    def _window_records(self, epoch: int) -> int:
        return self.block_size * (self.window_blocks if self._is_shuffled(epoch) else self.sequential_blocks)

    def _is_shuffled(self, epoch: int) -> bool:
        return self.shuffle and epoch > 0

    def _permute_blocks(self, epoch: int, places: np.ndarray) -> np.ndarray:
        """Returns the blocks at some places of an epoch; the shorter one stays at the end."""
        num_full = self.num_records // self.block_size
        is_full = places < num_full
        blocks = places.copy()
        if num_full:
            permutation = Permutation(num_full, derive_seed(self.seed, "blocks", epoch))
            blocks[is_full] = permutation.forward(places[is_full])
        return blocks


def _shuffle_lanes(starts: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Returns the rows of lanes that take turns, int64 (num_lanes * size,), each with an order of its own.

    Args:
        starts: the first row of each lane, (num_lanes,).
        size: rows of a lane.
        seed: of the orders.
    """
    # Sorting random numbers is several times as fast here as a `Permutation`; with the place in the lowest bits no two
    # are equal, so every way of sorting gives the same. What is made of one lane stays in the cache.
    shift = np.uint64((size - 1).bit_length())
    places, mask = np.arange(size, dtype=np.uint64), np.uint64((1 << int(shift)) - 1)
    rows = np.empty((size, len(starts)), np.int64)
    for lane, start in enumerate(starts):
        keys = draw_bits(lane * size, size, seed) << shift
        keys |= places
        keys.sort()
        rows[:, lane] = (keys & mask) + np.uint64(start)
    return rows.reshape(-1)
