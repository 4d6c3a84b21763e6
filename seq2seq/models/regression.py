"""What the models have in common that take numbers for numbers, not for characters."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from eqstream.seq2seq.layers.numerals import read_numbers, write_numbers
from eqstream.seq2seq.models.base import EquationModel

# Logit of the token that is written; a number has no probabilities to tell.
_CERTAIN = 30.0


@keras.saving.register_keras_serializable(package="eqstream")
class NumberError(keras.metrics.Metric):
    """Root of the mean squared error, in units of the answer.

    Args:
        scale: units of the answer that 1 stands for in target and output.
        name: of the metric.
    """

    def __init__(self, scale: float = 1.0, name: str = "rmse", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.scale = scale
        self.sum_of_squares = self.add_variable(shape=(), initializer="zeros", name="sum_of_squares")
        self.num_answers = self.add_variable(shape=(), initializer="zeros", name="num_answers")

    def update_state(self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: tf.Tensor | None = None) -> None:
        """Adds a batch of scaled numbers, (batch, 1) each."""
        del sample_weight  # weights steer the training; every answer counts the same here
        errors = (ops.cast(y_pred, self.dtype) - ops.cast(y_true, self.dtype)) * self.scale
        self.sum_of_squares.assign_add(ops.sum(ops.square(errors)))
        self.num_answers.assign_add(ops.cast(ops.size(errors), self.dtype))

    def result(self) -> tf.Tensor:
        """Returns the error, a scalar."""
        return ops.sqrt(ops.divide_no_nan(self.sum_of_squares, self.num_answers))

    def get_config(self) -> dict:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "scale": self.scale}


class RegressionModel(EquationModel):
    """Operands, scaled, to the answer, scaled; a subclass defines `build` and `call`.

    Question and answer are tokens outside, as of every model; the answer is the nearest whole number.
    """

    writes_numbers = True

    def read_operands(self, question: tf.Tensor) -> tf.Tensor:
        """Returns the scaled operands, float32 (batch, terms), of questions, int32 (batch, question_width)."""
        codec, recipe = self.codec, self.architecture
        numbers = read_numbers(
            question, codec.alphabet, num_numbers=recipe.terms, is_reversed=codec.options.reverse_question
        )
        return numbers / recipe.operand_scale

    def make_target(self, answer: tf.Tensor) -> tf.Tensor:
        """Returns the scaled answer, float32 (batch, 1)."""
        codec = self.codec
        numbers = read_numbers(answer, codec.alphabet, num_numbers=1, is_reversed=codec.options.reverse_answer)
        return numbers / self.architecture.answer_scale

    def make_weights(self, answer: tf.Tensor, *, mask_pads: bool) -> tf.Tensor:
        """Returns ones, float32 (batch, 1): an answer is one number, however long."""
        del mask_pads
        return ops.ones_like(answer[:, :1], dtype="float32")

    def make_loss(self) -> keras.losses.Loss:
        """Returns the mean squared error of scaled answers."""
        return keras.losses.MeanSquaredError(reduction="mean_with_sample_weight")

    def make_metrics(self, *, mask_pads: bool) -> list[keras.metrics.Metric]:
        """Returns the error in units of the answer."""
        del mask_pads
        return [NumberError(self.architecture.answer_scale)]

    def estimate(self, question: tf.Tensor) -> tf.Tensor:
        """Returns the answers before they are rounded, float32 (batch,)."""
        return self({"question": question}, training=False)[:, 0] * self.architecture.answer_scale

    def greedy_logits(self, question: tf.Tensor, barred: tf.Tensor | None = None) -> tf.Tensor:
        """See `EquationModel.greedy_logits`: the rounded number's text, of which each character is certain."""
        del barred
        codec = self.codec
        tokens = write_numbers(
            self.estimate(question),
            codec.alphabet,
            width=codec.answer_width,
            is_reversed=codec.options.reverse_answer,
        )
        return ops.one_hot(tokens, codec.num_tokens) * _CERTAIN
