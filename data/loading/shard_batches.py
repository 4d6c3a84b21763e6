"""Examples in memory to `tf.data` batches, any of which can be the first.

Batches are gathered by index, so the order costs nothing. Each of several readers holds the whole split, as the order
of an epoch is of all of it. For more than memory holds, stream equations without files: see
`eqstream.data.loading.fresh_batches`.

| key of a batch | shape, dtype |
| --- | --- |
| `question` | int32 (batch, question_width): tokens, see `eqstream.data.loading.codec`; or string (batch,) |
| `answer` | int32 (batch, answer_width): tokens with the end token; or string (batch,) |
| `terms`, `digits`, `carries`, if asked for | int32 (batch,) |
"""

import bisect
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from eqstream.data.loading.sampler import EpochSampler
from eqstream.data.loading.token_table import TokenTable

# One call from TensorFlow into Python per block of so many examples: the call costs more than a batch.
_EXAMPLES_PER_BLOCK = 1 << 15
_BLOCKS_AHEAD = 2


def batches(
    table: TokenTable,
    sampler: EpochSampler,
    *,
    first_epoch: int = 0,
    first_batch: int = 0,
    num_epochs: int | None = 1,
    columns: tuple[str, ...] = (),
) -> tf.data.Dataset:
    """Returns batches in the order of `sampler`; see the table of the module for their form.

    Starting at (`first_epoch`, `first_batch`) gives exactly the batches that would have come there.
    The options of the stream, and so of what is put behind it, have tf.data's autotuning off: there is nothing to tune.

    Args:
        table: the examples, `sampler.num_examples` of them.
        sampler: which examples come when. If all its batches have one size, the batch dimension is static.
        first_epoch: from 0.
        first_batch: the batch of `first_epoch` to begin with.
        num_epochs: epochs, the first one included even if it is begun in its middle; None never ends.
        columns: which of `terms`, `digits`, `carries` a batch has besides `question` and `answer`.
    """
    sources = {name: values for name, values in table.columns().items() if name in ("question", "answer", *columns)}
    blocks = _Blocks(sources, sampler, first_epoch, first_batch)
    last = tf.int64.max if num_epochs is None else (first_epoch + num_epochs) * blocks.num_in_epoch
    return blocks.read(tf.data.Dataset.range(blocks.first, last))


def epoch_batches(
    sources: Mapping[str, np.ndarray], sampler: EpochSampler, next_epoch: Callable[[], int]
) -> tf.data.Dataset:
    """Returns the batches of one epoch, another one each time it is iterated over, with their number as cardinality.

    Args:
        sources: key to an array of which the first axis is `sampler.num_examples` long: numbers become int32, byte
            strings become strings.
        sampler: which examples come when. If all its batches have one size, the batch dimension is static.
        next_epoch: called at the beginning of each iteration; returns the epoch that it shall give.
    """
    blocks = _Blocks(sources, sampler, 0, 0)

    @tf.autograph.experimental.do_not_convert
    def list_blocks(_: tf.Tensor) -> tf.data.Dataset:
        epoch = tf.ensure_shape(tf.numpy_function(lambda: np.int64(next_epoch()), [], tf.int64), [])
        return tf.data.Dataset.range(epoch * blocks.num_in_epoch, (epoch + 1) * blocks.num_in_epoch)

    stream = blocks.read(tf.data.Dataset.range(1).flat_map(list_blocks))
    return stream.apply(tf.data.experimental.assert_cardinality(sampler.num_batches))


def to_pairs(stream: tf.data.Dataset) -> tf.data.Dataset:
    """Returns batches as (question, answer), which Keras takes for input and target."""

    @tf.autograph.experimental.do_not_convert
    def pair(batch: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        return batch["question"], batch["answer"]

    return stream.map(pair)


class _Blocks:
    """The batches of endless epochs in blocks of one epoch each, whose batches have one size.

    Args:
        sources: key to the array that its batches are taken from.
        sampler: which examples come when.
        first_epoch: of the first block.
        first_batch: of the first block, which begins with it.

    Attributes:
        num_in_epoch: blocks in an epoch; that of a smaller last batch is one of its own.
        first: number of the first block, counted from the beginning of epoch 0.
    """

    def __init__(
        self, sources: Mapping[str, np.ndarray], sampler: EpochSampler, first_epoch: int, first_batch: int
    ) -> None:
        for name, values in sources.items():
            if sampler.num_examples != len(values):
                raise ValueError(f"`sampler` is for {sampler.num_examples} examples, `{name}` has {len(values)}")
        if first_batch >= sampler.num_batches:
            first_epoch, first_batch = first_epoch + 1, 0
        self._sources, self._sampler, self._first_batch = sources, sampler, first_batch
        size = max(1, _EXAMPLES_PER_BLOCK // sampler.batch_size)
        self._num_full = min(sampler.num_batches, sampler.num_own_examples // sampler.batch_size)
        self._starts = [*range(0, self._num_full, size), *range(self._num_full, sampler.num_batches)]
        self.num_in_epoch = len(self._starts)
        self.first = first_epoch * self.num_in_epoch + bisect.bisect_right(self._starts, first_batch) - 1

    def read(self, numbers: tf.data.Dataset) -> tf.data.Dataset:
        """Returns the batches of the blocks with these numbers, int64."""
        static_size = self._sampler.batch_size if self._num_full == self._sampler.num_batches else None
        dtypes = [tf.string if values.dtype.kind == "S" else tf.int32 for values in self._sources.values()]

        # Nothing in it depends on values, and converting it would leave files in the system's temporary directory.
        @tf.autograph.experimental.do_not_convert
        def take(number: tf.Tensor) -> dict[str, tf.Tensor]:
            found = tf.numpy_function(lambda number: self._take(int(number)), [number], dtypes)
            return {
                name: tf.ensure_shape(values, [None, static_size, *self._sources[name].shape[1:]])
                for name, values in zip(self._sources, found, strict=True)
            }

        # Whole blocks wait, not batches: what hands over a batch costs more than what is in it.
        stream = numbers.map(take).prefetch(_BLOCKS_AHEAD).unbatch()
        return stream.with_options(_without_tuning())

    def _take(self, number: int) -> list[np.ndarray]:
        """Returns a block of each source, (num_batches, batch, …)."""
        epoch, block = divmod(number, self.num_in_epoch)
        start = self._starts[block]
        stop = self._starts[block + 1] if block + 1 < self.num_in_epoch else self._sampler.num_batches
        if number == self.first:
            start = self._first_batch
        indices = self._sampler.indices(epoch, start, stop - start).reshape(stop - start, -1)
        return [as_tensor_values(values.take(indices, axis=0)) for values in self._sources.values()]


def as_tensor_values(values: np.ndarray) -> np.ndarray:
    """Returns numbers as int32, and byte strings as objects: what TensorFlow takes."""
    return values.astype(object if values.dtype.kind == "S" else np.int32)


def _without_tuning() -> tf.data.Options:
    """Returns the options of a stream that has nothing to tune; keeping the books for it would cost half the speed."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return options
