"""The baseline that reads one operand after the other."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from eqstream.seq2seq.config.architectures import LstmRegressionRecipe
from eqstream.seq2seq.models.regression import RegressionModel


@keras.saving.register_keras_serializable(package="eqstream")
class LstmRegressionModel(RegressionModel):
    """LSTM over the operands, a step each, then one number."""

    recipe_class = LstmRegressionRecipe

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        recipe = self.architecture
        self.encoder = [
            keras.layers.LSTM(
                recipe.width, return_sequences=level < recipe.depth - 1, unroll=True, name=f"encoder_{level + 1}"
            )
            for level in range(recipe.depth)
        ]
        self.dropout = keras.layers.Dropout(recipe.dropout, name="dropout")
        self.number = keras.layers.Dense(1, name="number")

    def build(self, input_shape: object = None) -> None:
        """Creates the weights."""
        recipe = self.architecture
        for level, layer in enumerate(self.encoder):
            layer.build((None, recipe.terms, recipe.width if level else 1))
        for layer in (self.dropout, self.number):
            layer.build((None, recipe.width))
        self.built = True

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool | None = None) -> tf.Tensor:
        """Returns the scaled answer, float (batch, 1), from `question`, int32 (batch, question_width)."""
        states = self.read_operands(inputs["question"])[:, :, None]
        for layer in self.encoder:
            states = self.dropout(layer(states, training=training), training=training)
        return self.number(states)
