"""The feedback model with attention over the encoder's outputs."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from eqstream.seq2seq.config.architectures import AttentionRecipe
from eqstream.seq2seq.layers.attention import MultiHeadAttention
from eqstream.seq2seq.models.feedback import FeedbackModel, Memory


@keras.saving.register_keras_serializable(package="eqstream")
class AttentionModel(FeedbackModel):
    """LSTM encoder and decoder; each output of the decoder looks back at all outputs of the encoder.

    After "Effective Approaches to Attention-based Neural Machine Translation" (2015), without input feeding, so that
    all steps of training look back at once; the scores are scaled dot products of `heads` projections.
    """

    recipe_class = AttentionRecipe

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.attention = MultiHeadAttention(self.width, self.architecture.heads, name="attention")
        self.combine = keras.layers.Dense(self.width, activation="tanh", name="combine")

    def build(self, input_shape: object = None) -> None:
        """Creates the weights."""
        self.attention.build((None, None, self.width))
        self.combine.build((None, None, 2 * self.width))
        super().build(input_shape)

    def look_back(self, outputs: tf.Tensor, memory: Memory) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns outputs joined with what they gather, (batch, num_steps, width), and the shares of the tokens.

        The shares, (batch, num_steps, question_width), are the mean over the heads and sum to 1 over the question.
        """
        visible = None if memory.mask is None else memory.mask[:, None, None, :]
        gathered, shares = self.attention.attend(outputs, *self.attention.project(memory.outputs), visible=visible)
        return self.combine(ops.concatenate([outputs, gathered], axis=-1)), ops.mean(shares, axis=1)
