"""The smallest baseline: a few dense layers from operands to answer."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from eqstream.seq2seq.config.architectures import MlpRegressionRecipe
from eqstream.seq2seq.models.regression import RegressionModel


@keras.saving.register_keras_serializable(package="eqstream")
class MlpRegressionModel(RegressionModel):
    """Dense layers of the recipe's widths, then one number."""

    recipe_class = MlpRegressionRecipe

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        recipe = self.architecture
        self.hidden = [
            keras.layers.Dense(width, activation=recipe.activation, name=f"hidden_{level + 1}")
            for level, width in enumerate(recipe.widths)
        ]
        self.number = keras.layers.Dense(1, name="number")

    def build(self, input_shape: object = None) -> None:
        """Creates the weights."""
        width = self.architecture.terms
        for layer in self.hidden:
            layer.build((None, width))
            width = layer.units
        self.number.build((None, width))
        self.built = True

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool | None = None) -> tf.Tensor:
        """Returns the scaled answer, float (batch, 1), from `question`, int32 (batch, question_width)."""
        states = self.read_operands(inputs["question"])
        for layer in self.hidden:
            states = layer(states)
        return self.number(states)
