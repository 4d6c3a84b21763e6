"""Multi-head attention whose keys and values can be kept between decoding steps."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

# Optimizers such as Adam move every weight by about the learning rate at each step. A bias of several units, which is
# what it takes to look at one place alone, is reached in fewer of them if the weight counts several times.
_BIAS_SCALE = 8.0
_BIAS_SPREAD = 0.2
# A product with so few one-hot rows is as fast as looking them up, and its gradient is deterministic on GPUs, too.
_MOST_ONE_HOT = 32


@keras.saving.register_keras_serializable(package="eqstream")
class MultiHeadAttention(keras.layers.Layer):
    """Scaled dot-product attention ("Attention Is All You Need", 2017), keys and values computed apart.

    With `num_offsets` each head also learns how far it looks: a score gets a learned bias for the offset between
    target and source, as in T5 ("Exploring the Limits of Transfer Learning", 2020). With `num_levels` above 1 a second
    bias is added to it, for how much deeper in brackets the source is than the target.

    Args:
        width: of inputs and output, a multiple of `heads`.
        heads: number of heads.
        num_offsets: how many offsets are told apart; 0 for no bias.
        num_levels: how many differences in depth are told apart.
    """

    def __init__(self, width: int, heads: int, num_offsets: int = 0, num_levels: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width, self.heads, self.num_offsets, self.num_levels = width, heads, num_offsets, num_levels
        self.query = keras.layers.Dense(width, name="query")
        self.key = keras.layers.Dense(width, name="key")
        self.value = keras.layers.Dense(width, name="value")
        self.output_projection = keras.layers.Dense(width, name="output")

    def build(self, input_shape: object = None) -> None:
        """Creates the four projections, and the biases of the offsets."""
        for layer in (self.query, self.key, self.value, self.output_projection):
            layer.build((None, None, self.width))
        if self.num_offsets:
            # From zero all heads would begin alike, and be slower to look at different places.
            self.offset_bias = self.add_weight(
                shape=(self.num_offsets, self.heads),
                initializer=keras.initializers.RandomNormal(stddev=_BIAS_SPREAD),
                name="offset_bias",
            )
        if self.num_levels > 1:
            self.level_bias = self.add_weight(
                shape=(self.num_levels, self.heads),
                initializer=keras.initializers.RandomNormal(stddev=_BIAS_SPREAD),
                name="level_bias",
            )
        self.built = True

    def project(self, source: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns keys and values, each (batch, heads, source_length, width / heads)."""
        return self._split(self.key(source)), self._split(self.value(source))

    def call(
        self,
        target: tf.Tensor,
        keys: tf.Tensor,
        values: tf.Tensor,
        visible: tf.Tensor | None = None,
        offsets: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns (batch, target_length, width): what `target` gathers from the values.

        Args:
            target: (batch, target_length, width).
            keys: (batch, heads, source_length, width / heads), from `project`.
            values: like `keys`.
            visible: bool, broadcast to (batch, heads, target_length, source_length); False hides a source.
            offsets: int (batch or 1, target_length, source_length), if there are any: from 0 to `num_offsets` - 1,
                times `num_levels`, plus the level from 0 to `num_levels` - 1.
        """
        return self.attend(target, keys, values, visible, offsets)[0]

    def attend(
        self,
        target: tf.Tensor,
        keys: tf.Tensor,
        values: tf.Tensor,
        visible: tf.Tensor | None = None,
        offsets: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns what `call` returns, and the weights (batch, heads, target_length, source_length)."""
        scores = ops.matmul(self._split(self.query(target)), ops.swapaxes(keys, 2, 3))
        scores = scores * (self.width // self.heads) ** -0.5
        if offsets is not None:
            scores = scores + ops.transpose(self._look_up(offsets), (0, 3, 1, 2))
        if visible is not None:
            scores = ops.where(visible, scores, ops.cast(-1e9 if scores.dtype != "float16" else -6e4, scores.dtype))
        weights = ops.softmax(scores, axis=-1)
        gathered = ops.swapaxes(ops.matmul(weights, values), 1, 2)
        merged = ops.reshape(gathered, (-1, ops.shape(gathered)[1], self.width))
        return self.output_projection(merged), weights

    def _look_up(self, offsets: tf.Tensor) -> tf.Tensor:
        """Returns the biases of offsets, (batch or 1, target_length, source_length, heads)."""
        biases = self.offset_bias * _BIAS_SCALE
        num_biases = self.num_offsets * self.num_levels
        if self.num_levels > 1:
            # One look-up in the table of all sums takes half the time of two.
            biases = ops.reshape(biases[:, None] + self.level_bias * _BIAS_SCALE, (num_biases, self.heads))
        if num_biases > _MOST_ONE_HOT:
            return ops.take(biases, offsets, axis=0)
        return ops.matmul(ops.one_hot(offsets, num_biases, dtype=self.compute_dtype), biases)

    def _split(self, source: tf.Tensor) -> tf.Tensor:
        parts = ops.reshape(source, (-1, ops.shape(source)[1], self.heads, self.width // self.heads))
        return ops.swapaxes(parts, 1, 2)

    def get_config(self) -> dict:
        """Returns the arguments of the constructor."""
        own = {"width": self.width, "heads": self.heads}
        return {**super().get_config(), **own, "num_offsets": self.num_offsets, "num_levels": self.num_levels}
