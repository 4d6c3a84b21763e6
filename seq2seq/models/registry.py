"""From a recipe's `model` section to a model.

Whoever imports this module can load a saved model with `keras.models.load_model`, optimizer included.
"""

import seq2seq.optimizers  # noqa: F401  (registers the schedule that a saved optimizer names)
from data.codec import Codec
from data.configuration import to_mapping
from seq2seq.architectures import ArchitectureRecipe
from seq2seq.models.attention import AttentionModel
from seq2seq.models.base import EquationModel
from seq2seq.models.feedback import FeedbackModel
from seq2seq.models.lstm_regression import LstmRegressionModel
from seq2seq.models.mlp_regression import MlpRegressionModel
from seq2seq.models.repeat_vector import RepeatVectorModel
from seq2seq.models.transformer import TransformerModel

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
