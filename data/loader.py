"""Shards of a dataset to `tf.data` batches of tokens.

A split is read once, in bulk, into a `TokenTable` of compact tokens (one byte each), checked against the manifest.
Batches are then gathered by index, so that the order costs nothing and any step of any epoch can be the first one.

| key of a batch | shape, dtype |
| --- | --- |
| `question` | int32 (batch, question_width): tokens, see `data.codec` |
| `answer` | int32 (batch, answer_width): tokens with the end token |
| `terms`, `digits`, `carries`, if asked for | int32 (batch,) |
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from data.codec import Codec
from data.errors import UserError
from data.layout import MANIFEST
from data.loader_tfrecord import read_tfrecord_shard
from data.manifest import parse_manifest
from data.records import NUMBER_COLUMNS, choose_format, read_parquet_shard, read_shards, split_shards
from data.sampler import EpochSampler

_READERS = {"parquet": read_parquet_shard, "tfrecord": read_tfrecord_shard}
# One call from TensorFlow into Python per block of this many batches: the call costs more than a batch.
_BATCHES_PER_BLOCK = 64


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


def load_manifest(directory: str | Path) -> dict[str, Any]:
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
    manifest: Mapping[str, Any] | None = None,
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
    questions = np.empty((total, codec.question_width), np.uint8)
    answers = np.empty((total, codec.answer_width), np.uint8)
    numbers = {name: np.empty(total, np.int32) for name in NUMBER_COLUMNS}
    start = 0
    columns_of_shards = read_shards(shards, _READERS[storage], check_sha256=check_sha256)
    for shard, columns in zip(shards, columns_of_shards, strict=True):
        stop = start + len(columns)
        try:
            questions[start:stop] = codec.encode_questions(columns.question)
            answers[start:stop] = codec.encode_answers(columns.answer)
        except UserError as error:
            raise UserError(f"shard {shard.name}: {error}") from error
        for name in NUMBER_COLUMNS:
            numbers[name][start:stop] = columns.numbers[name]
        start = stop
    return TokenTable(questions, answers, numbers)


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
    last_epoch = None if num_epochs is None else first_epoch + num_epochs
    static_size = sampler.batch_size if sampler.remainder == "drop" else None
    sources = {"question": table.questions, "answer": table.answers} | {name: table.numbers[name] for name in columns}
    tensors = {name: tf.constant(values) for name, values in sources.items()}

    def gather(indices: tf.Tensor) -> dict[str, tf.Tensor]:
        return {name: tf.cast(tf.gather(values, indices), tf.int32) for name, values in tensors.items()}

    blocks = tf.data.Dataset.from_generator(
        lambda: _index_blocks(sampler, first_epoch, first_batch, last_epoch),
        output_signature=tf.TensorSpec([None, static_size], tf.int64),
    )
    return blocks.map(gather).unbatch().prefetch(tf.data.AUTOTUNE)


def _index_blocks(
    sampler: EpochSampler, first_epoch: int, first_batch: int, last_epoch: int | None
) -> Iterator[np.ndarray]:
    """Yields int64 (num_batches, batch): all batches of a block have the same size."""
    epoch, batch = first_epoch, first_batch
    while last_epoch is None or epoch < last_epoch:
        while batch < sampler.num_batches:
            indices = sampler.indices(epoch, batch, _BATCHES_PER_BLOCK)
            num_full = len(indices) // sampler.batch_size
            num_in_full = num_full * sampler.batch_size
            if num_full:
                yield indices[:num_in_full].reshape(num_full, sampler.batch_size)
            if num_in_full < len(indices):
                yield indices[None, num_in_full:]
            batch += _BATCHES_PER_BLOCK
        epoch, batch = epoch + 1, 0
