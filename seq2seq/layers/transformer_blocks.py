"""The two blocks of a transformer, normalised before each part (Xiong et al., 2020)."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import ops

from eqstream.seq2seq.layers.attention import MultiHeadAttention

# Each (batch, heads, length, width / heads).
KeysAndValues = tuple[tf.Tensor, tf.Tensor]


class DecodedStates(NamedTuple):
    """What a decoder block returns.

    Attributes:
        states: (batch, length, width).
        cache: keys and values of the positions, or `past` with them written into it.
        shares: how much each position looked at each token of the question, (batch, heads, length, question_length).
    """

    states: tf.Tensor
    cache: KeysAndValues
    shares: tf.Tensor


class _Block(keras.layers.Layer):
    """What both blocks share: the feed-forward part and the arguments."""

    def __init__(
        self,
        *,
        width: int,
        heads: int,
        feed_forward: int,
        dropout: float = 0.0,
        num_offsets: int = 0,
        num_levels: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.width, self.heads, self.feed_forward, self.dropout_rate = width, heads, feed_forward, dropout
        self.num_offsets, self.num_levels = num_offsets, num_levels
        self.attention = MultiHeadAttention(width, heads, num_offsets, num_levels, name="attention")
        self.attention_norm = keras.layers.LayerNormalization(name="attention_norm")
        self.feed_forward_norm = keras.layers.LayerNormalization(name="feed_forward_norm")
        self.expand = keras.layers.Dense(feed_forward, activation="relu", name="expand")
        self.contract = keras.layers.Dense(width, name="contract")
        self.dropout = keras.layers.Dropout(dropout, name="dropout")

    def build(self, input_shape: object = None) -> None:
        """Creates the weights."""
        for layer in (self.attention, self.attention_norm, self.feed_forward_norm, self.expand, self.dropout):
            layer.build((None, None, self.width))
        self.contract.build((None, None, self.feed_forward))
        self.built = True

    def _add_feed_forward(self, states: tf.Tensor, training: bool | None) -> tf.Tensor:
        return states + self.dropout(self.contract(self.expand(self.feed_forward_norm(states))), training=training)

    def get_config(self) -> dict:
        """Returns the arguments of the constructor."""
        own = {"width": self.width, "heads": self.heads, "feed_forward": self.feed_forward}
        offsets = {"num_offsets": self.num_offsets, "num_levels": self.num_levels}
        return {**super().get_config(), **own, "dropout": self.dropout_rate, **offsets}


@keras.saving.register_keras_serializable(package="eqstream")
class EncoderBlock(_Block):
    """Self-attention over all tokens that are no pads, then the feed-forward part."""

    def call(
        self,
        states: tf.Tensor,
        visible: tf.Tensor | None = None,
        offsets: tf.Tensor | None = None,
        training: bool | None = None,
    ) -> tf.Tensor:
        """Returns (batch, length, width) from `states`; `visible` and `offsets` as in `MultiHeadAttention`."""
        normed = self.attention_norm(states)
        gathered = self.attention(normed, *self.attention.project(normed), visible=visible, offsets=offsets)
        return self._add_feed_forward(states + self.dropout(gathered, training=training), training)


@keras.saving.register_keras_serializable(package="eqstream")
class DecoderBlock(_Block):
    """Self-attention over what is decoded so far, attention over the question, then the feed-forward part.

    The same code serves all positions at once (training) and one position at a time (decoding): the latter hands in
    room for the keys and values of all positions, filled up to the one before.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cross_attention = MultiHeadAttention(
            self.width, self.heads, self.num_offsets, self.num_levels, name="cross_attention"
        )
        self.cross_norm = keras.layers.LayerNormalization(name="cross_norm")

    def build(self, input_shape: object = None) -> None:
        """Creates the weights."""
        self.cross_attention.build((None, None, self.width))
        self.cross_norm.build((None, None, self.width))
        super().build(input_shape)

    def call(
        self,
        states: tf.Tensor,
        memory: KeysAndValues,
        visible: tf.Tensor | None = None,
        near: tf.Tensor | None = None,
        past: KeysAndValues | None = None,
        first: int | tf.Tensor = 0,
        offsets: tuple[tf.Tensor | None, tf.Tensor | None] = (None, None),
        training: bool | None = None,
    ) -> DecodedStates:
        """Returns the new states, with what the next steps and a reader need.

        Args:
            states: (batch, length, width).
            memory: keys and values of the question, from ``cross_attention.project``.
            visible: bool, False for what is hidden of the question, such as its pads.
            near: bool, broadcast to (batch, heads, length, all positions): False for what is hidden of the positions
                besides those that come later; None for nothing.
            past: keys and values of all positions, of which those from `first` on are not known yet; None if `states`
                is of all positions.
            first: number of the first position of `states`.
            offsets: those to all positions, and those to the question; see `MultiHeadAttention`.
            training: whether dropout is active.
        """
        normed = self.attention_norm(states)
        keys, values = self.attention.project(normed)
        if past is not None:
            keys, values = (
                ops.slice_update(before, (0, 0, first, 0), new)
                for before, new in zip(past, (keys, values), strict=True)
            )
        mask = _causal_mask(first, ops.shape(states)[1], ops.shape(keys)[2])
        mask = mask if near is None else ops.logical_and(mask, near)
        gathered = self.attention(normed, keys, values, visible=mask, offsets=offsets[0])
        states = states + self.dropout(gathered, training=training)
        gathered, shares = self.cross_attention.attend(
            self.cross_norm(states), *memory, visible=visible, offsets=offsets[1]
        )
        states = states + self.dropout(gathered, training=training)
        return DecodedStates(self._add_feed_forward(states, training), (keys, values), shares)


def _causal_mask(first: int | tf.Tensor, num_targets: int, num_sources: int) -> tf.Tensor:
    """Returns bool (num_targets, num_sources): a target, counted from `first`, sees no position after itself."""
    return ops.arange(num_sources)[None, :] <= first + ops.arange(num_targets)[:, None]
