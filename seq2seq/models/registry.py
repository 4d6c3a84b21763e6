"""From a recipe's `model` section to a model.

Whoever imports this module can load a saved model with `keras.models.load_model`, optimizer included.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import eqstream.seq2seq.models.optimizers  # noqa: F401  (registers the schedule that a saved optimizer names)
from eqstream.data.configuration import to_mapping
from eqstream.data.loading.codec import Codec
from eqstream.seq2seq.config.architectures import ArchitectureRecipe
from eqstream.seq2seq.models.attention import AttentionModel
from eqstream.seq2seq.models.base import EquationModel, dtype_policy
from eqstream.seq2seq.models.feedback import FeedbackModel
from eqstream.seq2seq.models.lstm_regression import LstmRegressionModel
from eqstream.seq2seq.models.mlp_regression import MlpRegressionModel
from eqstream.seq2seq.models.repeat_vector import RepeatVectorModel
from eqstream.seq2seq.models.transformer import TransformerModel

MODELS: dict[str, type[EquationModel]] = {
    "repeat-vector": RepeatVectorModel,
    "transformer": TransformerModel,
    "feedback": FeedbackModel,
    "attention": AttentionModel,
    "lstm-regression": LstmRegressionModel,
    "mlp-regression": MlpRegressionModel,
}


def make_model(
    architecture: ArchitectureRecipe, codec: Codec, *, seed: int | None = None, precision: str = "float32"
) -> EquationModel:
    """Returns a new model with its weights created.

    Args:
        architecture: what to build.
        codec: of its text.
        seed: of the weights and of dropout; None draws from Python's random state, as Keras does.
        precision: of its arithmetic, a Keras dtype policy.
    """
    with dtype_policy(precision), _seeded(seed):
        model = MODELS[architecture.kind](codec=codec.to_dict(), architecture=to_mapping(architecture))
        model.build(None)
    return model


@contextmanager
def _seeded(seed: int | None) -> Iterator[None]:
    """Seeds what Keras draws the seeds of layers from, Python's generator, and puts it back afterwards."""
    state = random.getstate()
    if seed is not None:
        random.seed(seed)
    try:
        yield
    finally:
        if seed is not None:
            random.setstate(state)
