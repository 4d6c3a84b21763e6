"""Loss and metrics of answers, named for what they measure."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from eqstream.data.loading.token_alphabet import END, PAD


@keras.saving.register_keras_serializable(package="eqstream")
class TokenAccuracy(keras.metrics.Metric):
    """Share of an answer's characters, its end included, that are right when all before them are given.

    Teacher forced, without pads. For whole answers see `exact_matches`.
    """

    def __init__(self, name: str = "token_accuracy", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.num_right = self.add_variable(shape=(), initializer="zeros", name="num_right")
        self.num_tokens = self.add_variable(shape=(), initializer="zeros", name="num_tokens")

    def update_state(self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: tf.Tensor | None = None) -> None:
        """Adds a batch: tokens (batch, answer_width) and logits (batch, answer_width, num_tokens)."""
        del sample_weight  # weights steer the training; every character counts the same here
        is_token = ops.cast(y_true != PAD, self.dtype)
        is_right = ops.cast(ops.cast(ops.argmax(y_pred, axis=-1), "int32") == ops.cast(y_true, "int32"), self.dtype)
        self.num_right.assign_add(ops.sum(is_right * is_token))
        self.num_tokens.assign_add(ops.sum(is_token))

    def result(self) -> tf.Tensor:
        """Returns the share, a scalar from 0 to 1."""
        return ops.divide_no_nan(self.num_right, self.num_tokens)


@keras.saving.register_keras_serializable(package="eqstream")
class CharacterAccuracy(TokenAccuracy):
    """As published for fixed-length answers: the share of all positions that are right, pads included.

    Higher than `TokenAccuracy` on the same answers, since pads are easy; kept for comparison with such figures.
    """

    def __init__(self, name: str = "padded_token_accuracy", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: tf.Tensor | None = None) -> None:
        """Adds a batch: tokens (batch, answer_width) and logits (batch, answer_width, num_tokens)."""
        del sample_weight
        is_right = ops.cast(ops.cast(ops.argmax(y_pred, axis=-1), "int32") == ops.cast(y_true, "int32"), self.dtype)
        self.num_right.assign_add(ops.sum(is_right))
        self.num_tokens.assign_add(ops.cast(ops.size(y_true), self.dtype))


def token_weights(answer: tf.Tensor, *, mask_pads: bool) -> tf.Tensor:
    """Returns the loss weight of each token, float32 (batch, answer_width): 0 for pads if they are masked, else 1."""
    return ops.cast(answer != PAD, "float32") if mask_pads else ops.ones_like(answer, dtype="float32")


def token_loss() -> keras.losses.Loss:
    """Returns the cross-entropy of logits in nats per weighted token."""
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight")


def exact_matches(predicted: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Returns bool (num_examples,): whether the whole answer is right, its end included.

    Args:
        predicted: tokens of greedy decoding, integers (num_examples, answer_width); what follows the end is ignored.
        expected: encoded answers of the same shape.
    """
    if predicted.shape != expected.shape:
        raise ValueError(f"`predicted` and `expected` must have one shape, got {predicted.shape} and {expected.shape}")
    is_end = expected == END
    if not is_end.any(axis=1).all():
        raise ValueError("`expected` must hold encoded answers, got a row without an end token")
    is_read = np.arange(expected.shape[1]) <= is_end.argmax(axis=1)[:, None]
    return ((predicted == expected) | ~is_read).all(axis=1)
