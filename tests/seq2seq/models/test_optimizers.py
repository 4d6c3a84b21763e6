"""Optimizers that recipes ask for; those of whole trainings are tested with them."""

import keras
import numpy as np
import pytest

from eqstream.seq2seq.config.architectures import TransformerRecipe
from eqstream.seq2seq.config.sections import OptimizerRecipe
from eqstream.seq2seq.models.optimizers import make_optimizer
from eqstream.seq2seq.models.registry import make_model
from tests.recipes import make_texts


def test_muon_is_for_the_matrices_between_layers_alone():
    texts = make_texts(" ()*+-0123456789", 9, 9, operands={"min": 0, "max": 9}, operators="+*", terms={"max": 3})
    recipe = TransformerRecipe(width=4, heads=2, feed_forward=6, places="pairs")
    codec = texts.codec(steps=True, line_length=9, reverse_question=True, reverse_answer=True)
    model = make_model(recipe, codec, seed=0)
    optimizer = make_optimizer(OptimizerRecipe(name="muon"), num_steps=10)
    optimizer.build(model.trainable_variables)
    is_by_adam = [velocity is not None for velocity in optimizer.adam_velocities]
    matrices = [each for each, by_adam in zip(model.trainable_variables, is_by_adam, strict=True) if not by_adam]
    # Queries, keys, values and outputs of three attentions, and both matrices of two blocks.
    assert len(matrices) == 3 * 4 + 2 * 2
    assert {each.path.split("/")[-1] for each in matrices} == {"kernel"}
    assert not any("logits" in each.path for each in matrices)


def test_the_steps_of_muon_are_about_as_large_as_those_of_adamw():
    matrix, bias = (keras.Variable(np.zeros(shape, np.float32)) for shape in ((24, 16), (16,)))
    optimizer = make_optimizer(OptimizerRecipe(name="muon", learning_rate=0.01), num_steps=10)
    optimizer.build([matrix, bias])
    draw = np.random.default_rng(0).normal
    optimizer.apply([keras.ops.convert_to_tensor(draw(size=each.shape).astype(np.float32)) for each in (matrix, bias)])
    # As in Liu et al., a fifth of the rate: so large are the steps of AdamW in the midst of a training, not its first.
    assert np.sqrt(np.mean(np.square(matrix.numpy()))) == pytest.approx(0.002, rel=0.2)
    assert np.abs(bias.numpy()) == pytest.approx(0.01, rel=0.01)
