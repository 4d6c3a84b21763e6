"""Which example comes when: the order of every epoch as a function of (seed, epoch, step)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from eqstream.data.permutation import Permutation, derive_seed


@dataclass(frozen=True, kw_only=True)
class EpochSampler:
    """The batches of every epoch over examples ``0 … num_examples - 1``.

    An epoch visits each example exactly once over all readers (but for what `remainder` drops), in an order that
    depends on (`seed`, epoch) alone. So any step can be had without those before it.

    Attributes:
        num_examples: examples of the whole split, for all readers together; at least 1.
        batch_size: examples in a batch of this reader.
        seed: of the order.
        shuffle: False gives the order of the shards.
        remainder: what happens to the last, smaller batch of an epoch. With `drop` every reader has the same number
            of batches; with `keep` nothing is lost.
        shard_index: this reader's number, from 0.
        num_shards: number of readers; reader i has the positions i, i + num_shards, ….
    """

    num_examples: int
    batch_size: int
    seed: int = 0
    shuffle: bool = True
    remainder: Literal["drop", "keep"] = "drop"
    shard_index: int = 0
    num_shards: int = 1

    def __post_init__(self) -> None:
        if self.num_examples < 1:
            raise ValueError(f"`num_examples` must be at least 1, got {self.num_examples}")
        if self.batch_size < 1:
            raise ValueError(f"`batch_size` must be at least 1, got {self.batch_size}")
        if not 0 <= self.shard_index < self.num_shards:
            raise ValueError(f"`shard_index` must be in [0, {self.num_shards}), got {self.shard_index}")
        if self.remainder not in ("drop", "keep"):
            raise ValueError(f"`remainder` must be 'drop' or 'keep', got {self.remainder!r}")
        if self.num_batches == 0:
            raise ValueError(
                f"{self.num_examples} examples for {self.num_shards} reader(s) make no batch of {self.batch_size}; "
                "a smaller batch or `remainder='keep'` would"
            )

    @property
    def num_own_examples(self) -> int:
        """Number of examples that this reader visits in an epoch, dropped ones included."""
        return len(range(self.shard_index, self.num_examples, self.num_shards))

    @property
    def num_batches(self) -> int:
        """Number of batches of this reader in an epoch."""
        if self.remainder == "drop":
            return self.num_examples // self.num_shards // self.batch_size
        return -(-self.num_own_examples // self.batch_size)

    def indices(self, epoch: int, first_batch: int = 0, num_batches: int | None = None) -> np.ndarray:
        """Returns the examples of consecutive batches of an epoch, int64 (num_indices,), one batch after the other.

        The result ends with the epoch: it may hold fewer than `num_batches` batches, and its last one fewer
        than `batch_size` examples if `remainder` is `keep`.

        Args:
            epoch: from 0.
            first_batch: from 0; batches before it are skipped at no cost.
            num_batches: None for all that are left.
        """
        last_batch = self.num_batches if num_batches is None else min(first_batch + num_batches, self.num_batches)
        last = min(last_batch * self.batch_size, self.num_own_examples)
        positions = np.arange(first_batch * self.batch_size, last, dtype=np.int64)
        positions = positions * self.num_shards + self.shard_index
        if not self.shuffle:
            return positions
        return Permutation(self.num_examples, derive_seed(self.seed, "epoch", epoch)).forward(positions)
