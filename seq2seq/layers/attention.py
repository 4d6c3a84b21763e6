"""Multi-head attention whose keys and values can be kept between decoding steps."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="eqstream")
class MultiHeadAttention(keras.layers.Layer):
    """Scaled dot-product attention ("Attention Is All You Need", 2017), keys and values computed apart.

    Args:
        width: of inputs and output, a multiple of `heads`.
        heads: number of heads.
    """

    def __init__(self, width: int, heads: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.width, self.heads = width, heads
        self.query = keras.layers.Dense(width, name="query")
        self.key = keras.layers.Dense(width, name="key")
        self.value = keras.layers.Dense(width, name="value")
        self.output_projection = keras.layers.Dense(width, name="output")

    def build(self, input_shape=None) -> None:
        """Creates the four projections."""
        for layer in (self.query, self.key, self.value, self.output_projection):
            layer.build((None, None, self.width))
        self.built = True

    def project(self, source):
        """Returns keys and values, each (batch, heads, source_length, width / heads)."""
        return self._split(self.key(source)), self._split(self.value(source))

    def call(self, target, keys, values, visible=None):
        """Returns (batch, target_length, width): what `target` gathers from the values.

        Args:
            target: (batch, target_length, width).
            keys: (batch, heads, source_length, width / heads), from `project`.
            values: like `keys`.
            visible: bool, broadcast to (batch, heads, target_length, source_length); False hides a source.
        """
        return self.attend(target, keys, values, visible)[0]

    def attend(self, target, keys, values, visible=None):
        """Returns what `call` returns, and the weights (batch, heads, target_length, source_length)."""
        scores = ops.matmul(self._split(self.query(target)), ops.swapaxes(keys, 2, 3))
        scores = scores * (self.width // self.heads) ** -0.5
        if visible is not None:
            scores = ops.where(visible, scores, ops.cast(-1e9 if scores.dtype != "float16" else -6e4, scores.dtype))
        # The first step of decoding sees one source, itself: Keras warns of a softmax over one.
        weights = ops.softmax(scores, axis=-1) if keys.shape[2] != 1 else ops.ones_like(scores)
        gathered = ops.swapaxes(ops.matmul(weights, values), 1, 2)
        merged = ops.reshape(gathered, (-1, gathered.shape[1], self.width))
        return self.output_projection(merged), weights

    def _split(self, source):
        parts = ops.reshape(source, (-1, source.shape[1], self.heads, self.width // self.heads))
        return ops.swapaxes(parts, 1, 2)

    def get_config(self) -> dict:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "width": self.width, "heads": self.heads}
