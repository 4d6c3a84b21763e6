"""Optimizers that recipes ask for; those of whole trainings are tested with them."""

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
