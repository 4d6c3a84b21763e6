"""Small whole numbers, such as tokens or places, to vectors."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops


@keras.saving.register_keras_serializable(package="eqstream")
class CharacterEmbedding(keras.layers.Layer):
    """Returns a vector for each number: float (batch, length, width) from integers (batch, length).

    Made for characters, it serves places, numbers and steps as well; files of saved models know it by this name.

    Args:
        num_tokens: size of the table: numbers are from 0 to one less.
        width: of a learned vector; None gives one-hot vectors of `num_tokens` instead, without weights.
        scale: standard deviation of the first learned vectors.
    """

    def __init__(self, num_tokens: int, width: int | None = None, scale: float = 0.05, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_tokens, self.width, self.scale = num_tokens, width, scale

    def build(self, input_shape: object = None) -> None:
        """Creates the table (num_tokens, width), if the vectors are learned."""
        if self.width is not None:
            initializer = keras.initializers.RandomNormal(stddev=self.scale)
            self.table = self.add_weight(
                shape=(self.num_tokens, self.width), initializer=initializer, name="table", dtype=self.variable_dtype
            )
        self.built = True

    def call(self, tokens: tf.Tensor) -> tf.Tensor:
        """See the class."""
        one_hot = ops.one_hot(tokens, self.num_tokens, dtype=self.compute_dtype)
        # A product with a small table is faster on CPUs than gathering, and its gradient is deterministic.
        return one_hot if self.width is None else ops.matmul(one_hot, self.table)

    def get_config(self) -> dict:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "num_tokens": self.num_tokens, "width": self.width, "scale": self.scale}
