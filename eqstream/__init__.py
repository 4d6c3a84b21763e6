"""Datasets of arithmetic equations, exactly counted and split without leaks, and the models trained on them.

| name | what it is for |
| --- | --- |
| `load_recipe`, `Recipe` | what a dataset and a model are made from |
| `EquationSpace`, `Equation` | all equations of a recipe, by index and back |
| `build`, `verify`, `describe` | datasets on disk |
| `open_dataset`, `Dataset` | reading them: batches for Keras, tokens, equations |
| `equations`, `stream` | equations and batches without files |
| `mix` | several datasets and streams in the same batches |
| `train`, `evaluate`, `load_model` | models |
| `UserError`, `DamagedManifestError`, `TrainingInterruptedError` | what they raise |

Importing the package loads nothing heavy: each name is imported when it is first used. After it,
`keras.models.load_model` reads the models of runs. What is not listed here may change without notice.
"""

from eqstream.keras_import import register_models

# The name that type checkers take for true; importing it from `typing` would take longer than all the rest.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from eqstream.building import build, describe, verify
    from eqstream.data.errors import DamagedManifestError, TrainingInterruptedError, UserError
    from eqstream.data.recipe import Recipe
    from eqstream.datasets import Dataset, open_dataset
    from eqstream.equation import Equation
    from eqstream.mixing import mix
    from eqstream.models import evaluate, load_model, train
    from eqstream.recipes import load_recipe
    from eqstream.spaces import EquationSpace
    from eqstream.streams import equations, stream

    __version__: str

__all__ = [
    "DamagedManifestError",
    "Dataset",
    "Equation",
    "EquationSpace",
    "Recipe",
    "TrainingInterruptedError",
    "UserError",
    "__version__",
    "build",
    "describe",
    "equations",
    "evaluate",
    "load_model",
    "load_recipe",
    "mix",
    "open_dataset",
    "stream",
    "train",
    "verify",
]

_MODULE_TO_NAMES = {
    "eqstream.building": ("build", "describe", "verify"),
    "eqstream.data.errors": ("DamagedManifestError", "TrainingInterruptedError", "UserError"),
    "eqstream.data.recipe": ("Recipe",),
    "eqstream.datasets": ("Dataset", "open_dataset"),
    "eqstream.equation": ("Equation",),
    "eqstream.mixing": ("mix",),
    "eqstream.models": ("evaluate", "load_model", "train"),
    "eqstream.recipes": ("load_recipe",),
    "eqstream.spaces": ("EquationSpace",),
    "eqstream.streams": ("equations", "stream"),
}
_SUBPACKAGES = ("data", "pipelines", "seq2seq")

register_models()

if not TYPE_CHECKING:  # a type checker would take any misspelt name for one that this function returns

    def __getattr__(name: str) -> object:
        """Returns a public name, imported on its first use."""
        from importlib import import_module

        if name == "__version__":
            from eqstream.data.versions import EQSTREAM_VERSION

            value = EQSTREAM_VERSION
        elif name in _SUBPACKAGES:
            return import_module(f"eqstream.{name}")
        else:
            for module, names in _MODULE_TO_NAMES.items():
                if name in names:
                    value = getattr(import_module(module), name)
                    break
            else:
                raise AttributeError(f"module 'eqstream' has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBPACKAGES})
