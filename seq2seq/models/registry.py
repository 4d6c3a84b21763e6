"""From a recipe's `model` section to a model."""

from data.codec import Codec
from data.configuration import to_mapping
from seq2seq.models.base import EquationModel
from seq2seq.models.repeat_vector import RepeatVectorModel
from seq2seq.models.transformer import TransformerModel
from seq2seq.recipe import ArchitectureRecipe

MODELS: dict[str, type[EquationModel]] = {"repeat-vector": RepeatVectorModel, "transformer": TransformerModel}


def make_model(architecture: ArchitectureRecipe, codec: Codec) -> EquationModel:
    """Returns a new model with its weights created, drawn from Keras' random state."""
    model = MODELS[architecture.kind](codec=codec.to_dict(), architecture=to_mapping(architecture))
    model.build(None)
    return model
