"""Lets `keras.models.load_model` read the models of runs in a program that has imported nothing but `eqstream`.

For security, Keras imports no module that a saved model names: it only looks its classes up among those that were
registered. Registering them when `eqstream` is imported would load Keras and TensorFlow, which takes seconds. So
nothing happens until the program itself imports Keras; then Keras is given, for each kind of model, an object that
imports the true class when a saved model asks for it.
"""

import sys

# As in `eqstream`: what only annotations need would take longer to import than all the rest.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

# The classes of `eqstream.seq2seq.models.registry.MODELS`.
MODEL_NAMES = (
    "AttentionModel",
    "FeedbackModel",
    "LstmRegressionModel",
    "MlpRegressionModel",
    "RepeatVectorModel",
    "TransformerModel",
)


class _LaterModel:
    """Stands in Keras' table for a class of models that is not imported yet."""

    def __init__(self, name: str) -> None:
        self._name = name

    def from_config(self, config: "dict[str, Any]") -> "Any":
        """Returns a model, as the class' own `from_config` does."""
        from eqstream.seq2seq.models.registry import MODELS

        (model,) = (model for model in MODELS.values() if model.__name__ == self._name)
        return model.from_config(config)


class _KerasFinder:
    """Finds Keras as the import system does, and has its table filled once it is loaded."""

    def find_spec(
        self, name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """Returns where Keras is; None for all other modules."""
        if name != "keras":
            return None
        others = sys.meta_path[sys.meta_path.index(self) + 1 :]
        found = (finder.find_spec(name, path, target) for finder in others)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def load_and_register(module: "ModuleType") -> None:
            load(module)
            _register(module)

        spec.loader.exec_module = load_and_register
        return spec


def _register(keras: "ModuleType") -> None:
    get_table = getattr(getattr(keras, "saving", None), "get_custom_objects", None)
    if get_table is None:
        return  # a Keras too old for the models; who wants none of them may have it
    for name in MODEL_NAMES:
        get_table().setdefault(f"eqstream>{name}", _LaterModel(name))


def register_models() -> None:
    """Makes the models known to Keras, now if it is imported, or else as soon as it is."""
    keras = sys.modules.get("keras")
    if keras is None:
        sys.meta_path.insert(0, _KerasFinder())
    else:
        _register(keras)
