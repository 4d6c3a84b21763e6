"""Which positions a batch has: batches as a function of their number, for any number of readers.

Batch k of an epoch has the positions k * batch_size to (k + 1) * batch_size - 1. Of each batch, reader i of n has the
positions p with p % n = i. So the batches of all readers together do not depend on the number of readers, and a
training may go on with another one. Batches are numbered through all epochs: that number is all there is to remember.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from eqstream.data.errors import UserError

# One call from TensorFlow into Python for a run of batches with so many examples: the call costs more than a batch.
_RUN_EXAMPLES = 1 << 15
# Through all epochs; what a training goes on to from there is int64, too.
_MOST_POSITIONS = 1 << 62


class Run(NamedTuple):
    """Consecutive batches of one epoch and of one size.

    Attributes:
        positions: int64 (num_batches * size,), counted through all epochs.
        num_batches: at least 1.
    """

    positions: np.ndarray
    num_batches: int


@dataclass(frozen=True, kw_only=True)
class BatchPlan:
    """The batches of a reader.

    >>> plan = BatchPlan(num_examples=10, batch_size=4, reader=(1, 3))
    >>> [run.positions.tolist() for run in plan.runs(0, 4)]
    [[1], [4, 7], [], [11]]

    Attributes:
        num_examples: in an epoch, for all readers together.
        batch_size: examples in a batch of all readers together.
        drop_remainder: whether a smaller last batch of an epoch is left out.
        reader: this reader's number, from 0, and the number of readers. Where that does not divide `batch_size`,
            a reader's batches differ by one example.
        run_examples: examples of a run, or one batch.

    Raises:
        UserError: there is no batch, or a reader would have nothing of each.
    """

    num_examples: int
    batch_size: int
    drop_remainder: bool = False
    reader: tuple[int, int] = (0, 1)
    run_examples: int = _RUN_EXAMPLES

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise UserError(f"`batch_size` must be at least 1, got {self.batch_size}")
        number, num_readers = self.reader
        if not 0 <= number < num_readers:
            raise UserError(f"`reader` must be (i, n) with i from 0 to n - 1, got {self.reader}")
        if num_readers > self.batch_size:
            raise UserError(f"{num_readers} readers cannot share batches of {self.batch_size}: raise `batch_size`")
        if not self.num_batches:
            raise UserError(
                f"an epoch of {self.num_examples:,} examples has no full batch of {self.batch_size:,}: "
                "lower `batch_size`"
            )

    @property
    def num_batches(self) -> int:
        """Number of batches in an epoch, the same for every reader."""
        if self.drop_remainder:
            return self.num_examples // self.batch_size
        return -(-self.num_examples // self.batch_size)

    @property
    def static_size(self) -> int | None:
        """The number of examples of every batch of this reader; None if they differ."""
        is_even = self.drop_remainder or self.num_examples % self.batch_size == 0
        return self.batch_size // self.reader[1] if is_even and self.batch_size % self.reader[1] == 0 else None

    def list_epochs(self, epoch: int | None, first_batch: int) -> Iterator[tuple[int, int]]:
        """Returns the first batch, and the one after the last, of one iteration after the other, without end.

        Args:
            epoch: the one of every iteration; None for one after the other.
            first_batch: of that epoch, where every iteration begins; without `epoch`, of all, where the first one does.

        Raises:
            UserError: there is no such epoch or batch.
        """
        num_epochs = _MOST_POSITIONS // self.num_examples
        if epoch is not None and epoch >= num_epochs:
            raise UserError(f"`epoch` must be below {num_epochs:,}, got {epoch:,}")
        if first_batch >= num_epochs * self.num_batches:
            raise UserError(f"`first_batch` must be below {num_epochs * self.num_batches:,}, got {first_batch:,}")
        if first_batch < 0 or (epoch is not None and first_batch >= self.num_batches):
            most = "" if epoch is None else f" and below {self.num_batches:,}, the batches of an epoch"
            raise UserError(f"`first_batch` must be at least 0{most}, got {first_batch:,}")
        if epoch is not None:
            return itertools.repeat((epoch * self.num_batches + first_batch, (epoch + 1) * self.num_batches))
        edges = itertools.count((first_batch // self.num_batches + 1) * self.num_batches, self.num_batches)
        return itertools.pairwise(itertools.chain([first_batch], edges))

    def count_batches(self, epoch: int | None, first_batch: int) -> int | None:
        """Returns the batches of each iteration of `list_epochs`; None if those of the first one are fewer."""
        missing = first_batch % self.num_batches
        return None if epoch is None and missing else self.num_batches - missing

    def runs(self, first: int, stop: int | None = None) -> Iterator[Run]:
        """Yields the batches `first` to `stop` - 1, counted through all epochs; without end if `stop` is None."""
        while stop is None or first < stop:
            epoch, batch = divmod(first, self.num_batches)
            left = self.num_batches - batch if stop is None else min(self.num_batches - batch, stop - first)
            num_batches = self._count_equal(batch, left)
            yield Run(self._positions(epoch, batch, num_batches), num_batches)
            first += num_batches

    def _count_equal(self, batch: int, most: int) -> int:
        """Returns how many of the next `most` batches make a run."""
        size = self._size(batch)
        most = min(most, max(1, self.run_examples // max(size, 1)))
        if self.batch_size % self.reader[1] == 0:
            # Only the last batch may be smaller.
            return most if self._size(batch + most - 1) == size else most - 1
        return next((count for count in range(1, most) if self._size(batch + count) != size), most)

    def _size(self, batch: int) -> int:
        number, num_readers = self.reader
        start, stop = self._bounds(batch, 1)
        return len(range(start + (number - start) % num_readers, stop, num_readers))

    def _positions(self, epoch: int, batch: int, num_batches: int) -> np.ndarray:
        number, num_readers = self.reader
        start, stop = self._bounds(batch, num_batches)
        return epoch * self.num_examples + np.arange(start + (number - start) % num_readers, stop, num_readers)

    def _bounds(self, batch: int, num_batches: int) -> tuple[int, int]:
        return batch * self.batch_size, min((batch + num_batches) * self.batch_size, self.num_examples)
