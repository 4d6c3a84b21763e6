"""Endless `tf.data` batches straight from a recipe, without files.

The equations are those of `eqstream.data.streams.equation_stream`; batches have the keys of `shard_batches`.

>>> from eqstream.data.recipe_files import load_recipe
>>> recipe = load_recipe("addition-10")
>>> source = FreshBatches(recipe, Codec.for_recipe(recipe), batch_size=32)
>>> for batch in source.batches(num_epochs=1):
...     print(batch["question"].shape, batch["answer"].shape)
(32, 5) (32, 3)
(32, 5) (32, 3)
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import tensorflow as tf

from eqstream.data.errors import UserError
from eqstream.data.formats.column_encoder import ColumnEncoder
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.loading.codec import Codec
from eqstream.data.loading.shard_batches import as_tensor_values
from eqstream.data.recipe import Recipe, Where
from eqstream.data.streams.equation_stream import EquationStream

# One call from TensorFlow into Python hands over at most this many batches.
_BATCHES_PER_BLOCK = 64


class FreshBatches:
    """Batches of the endless stream of a split.

    Args:
        recipe: the recipe.
        codec: from text to tokens; None leaves questions and answers as they are, strings (batch,).
        batch_size: examples in a batch.
        split: the split in whose place the stream stands.
        epoch_examples: equations in an epoch, what is left after the last full batch included; by default as many as
            the split has.
        seed: of the order.
        where: what the equations must meet besides; an epoch then has at most all of those.
        extra: more columns of numbers that a batch may have, by name, each computed from equations.

    Attributes:
        num_examples: equations in an epoch.
        num_batches: full batches in an epoch; what is left is not given.

    Raises:
        UserError: there is no such split, or an epoch has no full batch.
    """

    def __init__(
        self,
        recipe: Recipe,
        codec: Codec | None,
        *,
        batch_size: int,
        split: str = "train",
        epoch_examples: int | None = None,
        seed: int = 0,
        where: Where | None = None,
        extra: Mapping[str, Callable[[EquationColumns], np.ndarray]] | None = None,
    ) -> None:
        self._stream = EquationStream(recipe, split, num_examples=epoch_examples, seed=seed, where=where)
        self._extra = extra or {}
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
            columns: which of `terms`, `digits`, `carries` and `extra` a batch has besides `question` and `answer`.
        """
        last_epoch = None if num_epochs is None else first_epoch + num_epochs
        blocks = tf.data.Dataset.from_generator(
            lambda: self._blocks(first_epoch, first_batch, last_epoch, columns),
            output_signature=self._signature(columns),
        )
        stream = blocks.unbatch().prefetch(tf.data.AUTOTUNE)
        num_batches = tf.data.INFINITE_CARDINALITY
        if num_epochs is not None:
            num_batches = max(num_epochs * self.num_batches - first_batch, 0)
        return stream.apply(tf.data.experimental.assert_cardinality(num_batches))

    def _signature(self, columns: tuple[str, ...]) -> dict[str, tf.TensorSpec]:
        codec, shape = self._codec, [None, self._batch_size]
        numbers = {name: tf.TensorSpec(shape, tf.int32) for name in columns}
        if codec is None:
            return {name: tf.TensorSpec(shape, tf.string) for name in ("question", "answer")} | numbers
        widths = {"question": codec.question_width, "answer": codec.answer_width}
        return {name: tf.TensorSpec([*shape, width], tf.int32) for name, width in widths.items()} | numbers

    def _blocks(
        self, epoch: int, batch: int, last_epoch: int | None, columns: tuple[str, ...]
    ) -> Iterator[dict[str, np.ndarray]]:
        """Yields arrays (num_batches, batch, …), each of whole batches of one epoch."""
        while last_epoch is None or epoch < last_epoch:
            size, num_left = self._batch_size, self.num_batches - batch
            left: list[dict[str, np.ndarray]] = []
            for block in self._stream.equations(epoch, batch * size):
                left.append(self._encode(self._columns.to_columns(block), columns))
                num_ready = min(sum(len(part["answer"]) for part in left) // size, num_left)
                if not num_ready:
                    continue
                joined = {name: np.concatenate([part[name] for part in left]) for name in left[0]}
                for start in range(0, num_ready, _BATCHES_PER_BLOCK):
                    stop = min(start + _BATCHES_PER_BLOCK, num_ready)
                    yield _fold(joined, slice(start * size, stop * size), size)
                left = [{name: values[num_ready * size :] for name, values in joined.items()}]
                num_left -= num_ready
            epoch, batch = epoch + 1, 0

    def _encode(self, equations: EquationColumns, columns: tuple[str, ...]) -> dict[str, np.ndarray]:
        """Returns key to array (num_equations, …): tokens are uint8, texts byte strings."""
        numbers = {
            name: self._extra[name](equations) if name in self._extra else equations.numbers[name] for name in columns
        }
        if self._codec is None:
            return {"question": equations.question.to_bytes(), "answer": equations.answer.to_bytes(), **numbers}
        questions = self._codec.encode_questions(equations.question)
        return {"question": questions, "answer": self._codec.encode_answers(equations.answer), **numbers}


def _fold(arrays: Mapping[str, np.ndarray], rows: slice, batch_size: int) -> dict[str, np.ndarray]:
    """Returns some rows of arrays as batches, (num_batches, batch, …), of the types that tensors have."""
    return {
        name: as_tensor_values(values[rows]).reshape(-1, batch_size, *values.shape[1:])
        for name, values in arrays.items()
    }
