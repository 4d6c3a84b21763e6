"""From a recipe's `model` section to a model.

Whoever imports this module can load a saved model with `keras.models.load_model`, optimizer included.
"""

import eqstream.seq2seq.optimizers  # noqa: F401  (registers the schedule that a saved optimizer names)
from eqstream.data.configuration import to_mapping
from eqstream.data.loading.codec import Codec
from eqstream.seq2seq.config.architectures import ArchitectureRecipe
from eqstream.seq2seq.models.attention import AttentionModel
from eqstream.seq2seq.models.base import EquationModel
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


def make_model(architecture: ArchitectureRecipe, codec: Codec) -> EquationModel:
    """Returns a new model with its weights created, drawn from Keras' random state."""
    model = MODELS[architecture.kind](codec=codec.to_dict(), architecture=to_mapping(architecture))
    model.build(None)
    return model
