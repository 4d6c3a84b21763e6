"""Endless `tf.data` batches of tokens straight from a recipe, without files.

The equations are those of `eqstream.data.streams.equation_stream`; batches have the keys of `shard_batches`.

>>> from eqstream.data.recipe import load_recipe
>>> recipe = load_recipe("addition-10")
>>> for batch in fresh_batches(recipe, make_codec(recipe), batch_size=32, num_epochs=1):
...     print(batch["question"].shape, batch["answer"].shape)
(32, 5) (32, 3)
(32, 5) (32, 3)
"""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from eqstream.data.dataset.manifest_maker import describe_space
from eqstream.data.errors import UserError
from eqstream.data.formats.column_encoder import ColumnEncoder
from eqstream.data.formats.columns import NUMBER_COLUMNS
from eqstream.data.loading.codec import Codec, CodecOptions
from eqstream.data.loading.shard_batches import TokenTable
from eqstream.data.recipe import Recipe
from eqstream.data.streams.equation_stream import FreshStream

# One call from TensorFlow into Python hands over at most this many batches.
_BATCHES_PER_BLOCK = 64


def make_codec(recipe: Recipe, options: CodecOptions | None = None) -> Codec:
    """Returns the codec of a recipe's space, the same as that of its dataset.

    Raises:
        UserError: zero padding is asked for where answers are fractions.
    """
    return Codec.for_space(recipe.space, describe_space(recipe), options)


class FreshBatches:
    """Batches of the endless stream of a split.

    Args:
        recipe: the recipe.
        codec: from text to tokens.
        batch_size: examples in a batch.
        split: the split in whose place the stream stands.
        epoch_examples: equations in an epoch, what is left after the last full batch included; by default as many as
            the split has.
        seed: of the order.

    Attributes:
        num_examples: equations in an epoch.
        num_batches: full batches in an epoch; what is left is not given.

    Raises:
        UserError: there is no such split, or an epoch has no full batch.
    """

    def __init__(
        self,
        recipe: Recipe,
        codec: Codec,
        *,
        batch_size: int,
        split: str = "train",
        epoch_examples: int | None = None,
        seed: int = 0,
    ) -> None:
        self._stream = FreshStream(recipe, split, num_examples=epoch_examples, seed=seed)
        self._columns = ColumnEncoder(self._stream.space)
        self._codec, self._batch_size = codec, batch_size
        self.num_examples = self._stream.num_examples
        self.num_batches = self.num_examples // batch_size if batch_size > 0 else 0
        if not self.num_batches:
            raise UserError(f"an epoch of {self.num_examples} examples has no full batch of {batch_size}")

    def batches(
        self,
        *,
        first_epoch: int = 0,
        first_batch: int = 0,
        num_epochs: int | None = None,
        columns: tuple[str, ...] = (),
    ) -> tf.data.Dataset:
        """Returns batches of static shape; see the table of `eqstream.data.loading.shard_batches` for their form.

        Starting at (`first_epoch`, `first_batch`) gives exactly the batches that would have come there.

        Args:
            first_epoch: from 0.
            first_batch: the batch of `first_epoch` to begin with.
            num_epochs: epochs, the first one included even if it is begun in its middle; None never ends.
            columns: which of `terms`, `digits`, `carries` a batch has besides `question` and `answer`.
        """
        widths = {"question": self._codec.question_width, "answer": self._codec.answer_width}
        signature = {
            name: tf.TensorSpec([None, self._batch_size, width], tf.uint8) for name, width in widths.items()
        } | {name: tf.TensorSpec([None, self._batch_size], tf.int32) for name in columns}
        last_epoch = None if num_epochs is None else first_epoch + num_epochs
        blocks = tf.data.Dataset.from_generator(
            lambda: self._blocks(first_epoch, first_batch, last_epoch, columns), output_signature=signature
        )

        def widen(block: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            return {name: tf.cast(values, tf.int32) for name, values in block.items()}

        return blocks.map(widen).unbatch().prefetch(tf.data.AUTOTUNE)

    def _blocks(
        self, epoch: int, batch: int, last_epoch: int | None, columns: tuple[str, ...]
    ) -> Iterator[dict[str, np.ndarray]]:
        """Yields arrays (num_batches, batch, …), each of whole batches of one epoch."""
        while last_epoch is None or epoch < last_epoch:
            size, num_left = self._batch_size, self.num_batches - batch
            left: list[TokenTable] = []
            for table in self._tables(epoch, batch * size):
                left.append(table)
                num_ready = min(sum(map(len, left)) // size, num_left)
                if not num_ready:
                    continue
                joined = _join(left)
                for start in range(0, num_ready, _BATCHES_PER_BLOCK):
                    stop = min(start + _BATCHES_PER_BLOCK, num_ready)
                    yield _fold(joined, slice(start * size, stop * size), size, columns)
                left = [joined.take(np.arange(num_ready * size, len(joined)))]
                num_left -= num_ready
            epoch, batch = epoch + 1, 0

    def _tables(self, epoch: int, first: int) -> Iterator[TokenTable]:
        for block in self._stream.equations(epoch, first):
            columns = self._columns.to_columns(block)
            numbers = {name: columns.numbers[name].astype(np.int32) for name in NUMBER_COLUMNS}
            questions = self._codec.encode_questions(columns.question)
            yield TokenTable(questions, self._codec.encode_answers(columns.answer), numbers)


def _join(tables: list[TokenTable]) -> TokenTable:
    numbers = {name: np.concatenate([table.numbers[name] for table in tables]) for name in NUMBER_COLUMNS}
    questions, answers = ([getattr(table, name) for table in tables] for name in ("questions", "answers"))
    return TokenTable(np.concatenate(questions), np.concatenate(answers), numbers)


def _fold(table: TokenTable, rows: slice, batch_size: int, columns: tuple[str, ...]) -> dict[str, np.ndarray]:
    named = {"question": table.questions, "answer": table.answers} | {name: table.numbers[name] for name in columns}
    return {name: values[rows].reshape(-1, batch_size, *values.shape[1:]) for name, values in named.items()}


def fresh_batches(
    recipe: Recipe,
    codec: Codec,
    *,
    batch_size: int = 128,
    split: str = "train",
    epoch_examples: int | None = None,
    seed: int = 0,
    first_epoch: int = 0,
    first_batch: int = 0,
    num_epochs: int | None = None,
    columns: tuple[str, ...] = (),
) -> tf.data.Dataset:
    """Returns the endless batches of a recipe's split; see `FreshBatches` and its `batches`."""
    source = FreshBatches(recipe, codec, batch_size=batch_size, split=split, epoch_examples=epoch_examples, seed=seed)
    return source.batches(first_epoch=first_epoch, first_batch=first_batch, num_epochs=num_epochs, columns=columns)
