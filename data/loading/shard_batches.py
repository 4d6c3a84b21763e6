"""Shards of a dataset to `tf.data` batches of tokens.

A split is read once, in bulk, into a `TokenTable` of compact tokens (one byte each), checked against the manifest.
Batches are then gathered by index, so that the order costs nothing and any step of any epoch can be the first one.
Each of several readers holds the whole split, as the order of an epoch is of all of it: a byte for each token and
twelve for the numbers, 26 MB for a million three-digit sums. For more than memory holds, stream
fresh equations with `eqstream.data.loading.fresh_batches`.

| key of a batch | shape, dtype |
| --- | --- |
| `question` | int32 (batch, question_width): tokens, see `eqstream.data.loading.codec` |
| `answer` | int32 (batch, answer_width): tokens with the end token |
| `terms`, `digits`, `carries`, if asked for | int32 (batch,) |
"""

import bisect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from eqstream.data.dataset.layout import MANIFEST
from eqstream.data.dataset.manifest import Manifest, parse_manifest
from eqstream.data.dataset.shard_reader import choose_format, read_shard, split_shards
from eqstream.data.errors import UserError
from eqstream.data.formats.columns import NUMBER_COLUMNS
from eqstream.data.formats.parquet import read_parquet_shard
from eqstream.data.formats.tfrecord_reader import read_tfrecord_shard
from eqstream.data.loading.codec import Codec
from eqstream.data.loading.sampler import EpochSampler

_READERS = {"parquet": read_parquet_shard, "tfrecord": read_tfrecord_shard}
# One call from TensorFlow into Python per block of so many examples: the call costs more than a batch.
_EXAMPLES_PER_BLOCK = 1 << 15
_BLOCKS_AHEAD = 2


@dataclass(frozen=True, eq=False)
class TokenTable:
    """The tokens of a split.

    Attributes:
        questions: uint8 (num_examples, question_width).
        answers: uint8 (num_examples, answer_width).
        numbers: int32 (num_examples,) for each of `terms`, `digits` and `carries`.
    """

    questions: np.ndarray
    answers: np.ndarray
    numbers: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.questions)

    def take(self, indices: np.ndarray) -> "TokenTable":
        """Returns the examples at `indices`, in that order."""
        numbers = {name: values[indices] for name, values in self.numbers.items()}
        return TokenTable(self.questions[indices], self.answers[indices], numbers)


def load_manifest(directory: str | Path) -> Manifest:
    """Returns the manifest of a dataset.

    Raises:
        UserError: the directory is no finished dataset, or of a newer format.
    """
    path = Path(directory) / MANIFEST
    if not path.is_file():
        raise UserError(f"{directory} is no finished dataset: it has no {MANIFEST}")
    return parse_manifest(path.read_bytes(), str(path))


def load_tokens(
    directory: str | Path,
    split: str,
    codec: Codec,
    *,
    manifest: Manifest | None = None,
    storage: str | None = None,
    check_sha256: bool = True,
) -> TokenTable:
    """Returns the tokens of a split, in the order of its records.

    Args:
        directory: the dataset.
        split: the split's name.
        codec: from text to tokens; must fit the dataset.
        manifest: the dataset's manifest if it has been read already.
        storage: `parquet` or `tfrecord`; None takes what there is. The tokens are the same.
        check_sha256: whether each file's SHA-256 is compared with the manifest. Without it a flipped bit is certain to
            be found in TFRecord alone, whose records have checksums of their own.

    Raises:
        UserError: a shard is missing, short, damaged or foreign (names shard and, where it can be known, record), or
            the codec does not fit the dataset.
    """
    manifest = manifest or load_manifest(directory)
    codec.check_dataset(manifest)
    storage = choose_format(manifest, storage)
    shards = split_shards(directory, manifest, split, storage)
    total = sum(shard.num_equations for shard in shards)
    table = TokenTable(
        np.empty((total, codec.question_width), np.uint8),
        np.empty((total, codec.answer_width), np.uint8),
        {name: np.empty(total, np.int32) for name in NUMBER_COLUMNS},
    )

    start = 0
    for shard in shards:
        columns = read_shard(shard, _READERS[storage], check_sha256=check_sha256)
        rows = slice(start, start + len(columns))
        try:
            table.questions[rows] = codec.encode_questions(columns.question)
            table.answers[rows] = codec.encode_answers(columns.answer)
        except UserError as error:
            raise UserError(f"shard {shard.name}: {error}") from error
        for name, values in columns.numbers.items():
            table.numbers[name][rows] = values
        start = rows.stop
    return table


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
        sampler: which examples come when. With `remainder="drop"` the batch dimension is static.
        first_epoch: from 0.
        first_batch: the batch of `first_epoch` to begin with.
        num_epochs: epochs, the first one included even if it is begun in its middle; None never ends.
        columns: which of `terms`, `digits`, `carries` a batch has besides `question` and `answer`.
    """
    if sampler.num_examples != len(table):
        raise ValueError(f"`sampler` is for {sampler.num_examples} examples, the table has {len(table)}")
    sources = {"question": table.questions, "answer": table.answers} | {name: table.numbers[name] for name in columns}
    blocks = _Blocks(sampler, first_epoch, first_batch)
    static_size = sampler.batch_size if sampler.remainder == "drop" else None

    def take(number: tf.Tensor) -> dict[str, tf.Tensor]:
        found = tf.numpy_function(lambda number: blocks.take(int(number), sources), [number], [tf.int32] * len(sources))
        return {
            name: tf.ensure_shape(values, [None, static_size, *sources[name].shape[1:]])
            for name, values in zip(sources, found, strict=True)
        }

    last = tf.int64.max if num_epochs is None else (first_epoch + num_epochs) * blocks.num_in_epoch
    # Whole blocks wait, not batches: what hands over a batch costs more than what is in it.
    stream = tf.data.Dataset.range(blocks.first, last).map(take).prefetch(_BLOCKS_AHEAD).unbatch()
    return stream.with_options(_without_tuning())


class _Blocks:
    """The batches of endless epochs in blocks of one epoch each, whose batches have one size.

    Args:
        sampler: which examples come when.
        first_epoch: of the first block.
        first_batch: of the first block, which begins with it.

    Attributes:
        num_in_epoch: blocks in an epoch; that of a smaller last batch is one of its own.
        first: number of the first block, counted from the beginning of epoch 0.
    """

    def __init__(self, sampler: EpochSampler, first_epoch: int, first_batch: int) -> None:
        if first_batch >= sampler.num_batches:
            first_epoch, first_batch = first_epoch + 1, 0
        self._sampler, self._first_batch = sampler, first_batch
        self._size = max(1, _EXAMPLES_PER_BLOCK // sampler.batch_size)
        num_full = min(sampler.num_batches, sampler.num_own_examples // sampler.batch_size)
        self._starts = [*range(0, num_full, self._size), *range(num_full, sampler.num_batches)]
        self.num_in_epoch = len(self._starts)
        self.first = first_epoch * self.num_in_epoch + bisect.bisect_right(self._starts, first_batch) - 1

    def take(self, number: int, sources: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Returns a block of each source, int32 (num_batches, batch, …)."""
        epoch, block = divmod(number, self.num_in_epoch)
        start = self._starts[block]
        stop = self._starts[block + 1] if block + 1 < self.num_in_epoch else self._sampler.num_batches
        if number == self.first:
            start = self._first_batch
        indices = self._sampler.indices(epoch, start, stop - start).reshape(stop - start, -1)
        return [values.take(indices, axis=0).astype(np.int32) for values in sources.values()]


def _without_tuning() -> tf.data.Options:
    """Returns the options of a stream that has nothing to tune; keeping the books for it would cost half the speed."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return options
