"""Keras' table of classes knows the models as soon as both Keras and eqstream are imported, in whichever order."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from eqstream.keras_import import MODEL_NAMES
from eqstream.seq2seq.models.registry import MODELS

ROOT = Path(__file__).parents[2]
# What of Keras is needed here, loaded in no time.
KERAS = """
class saving:
    table = {"eqstream>TransformerModel": "the true one"}

    @classmethod
    def get_custom_objects(cls):
        return cls.table
"""


@pytest.mark.parametrize(
    "imports",
    [
        "import eqstream, keras",
        "import keras, eqstream",
        "import importlib.util, eqstream; importlib.util.find_spec('keras'); import keras",
        "import eqstream, importlib; importlib.reload(eqstream); import keras; importlib.reload(keras)",
    ],
)
def test_models_are_registered_in_either_order_and_true_classes_stay(tmp_path, imports):
    (tmp_path / "keras.py").write_text(KERAS)
    program = f"{imports}; print(sorted(keras.saving.table), keras.saving.table['eqstream>TransformerModel'])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    names = [f"eqstream>{name}" for name in MODEL_NAMES]
    assert ended.stdout == f"{names} the true one\n", ended.stderr


@pytest.mark.parametrize("contents", ["", "class saving: pass"])
def test_a_keras_that_is_too_old_for_the_models_is_left_alone(tmp_path, contents):
    (tmp_path / "keras.py").write_text(contents)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    subprocess.run([sys.executable, "-c", "import keras, eqstream"], env=environment, check=True)


def test_a_missing_keras_is_missed_as_without_eqstream():
    program = "import sys, eqstream; sys.path[:] = []; import keras"
    ended = subprocess.run([sys.executable, "-S", "-c", program], env={"PYTHONPATH": str(ROOT)}, capture_output=True)
    assert ended.stderr.decode().splitlines()[-1] == "ModuleNotFoundError: No module named 'keras'"


def test_names_are_those_of_all_models():
    assert sorted(MODEL_NAMES) == sorted(model.__name__ for model in MODELS.values())
