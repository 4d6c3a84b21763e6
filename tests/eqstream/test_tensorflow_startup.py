"""TensorFlow's start: what it writes, and which Keras it needs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from eqstream import tensorflow_startup

ROOT = Path(__file__).parents[2]


def test_noise_of_a_start_is_removed_and_warnings_and_errors_are_kept():
    noise = [
        b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n",
        b"I0000 00:00:1795253067.917114   21599 port.cc:153] oneDNN custom operations are on.\n",
        b"2025-09-17 14:44:05.157831: I external/cudart_stub.cc:32] Could not find cuda drivers on your machine\n",
        b"E0000 00:00:1.5   9 cuda_platform.cc:52] failed call to cuInit: INTERNAL: x: UNKNOWN ERROR (303)\n",
    ]
    kept = [
        b"W0000 00:00:1.5 9 gpu_device.cc:1] Cannot dlopen some GPU libraries.\n",
        b"E0000 00:00:1.5 9 cuda_platform.cc:52] failed call to cuInit: CUDA_ERROR_NO_DEVICE\n",
        b"F0000 00:00:1.5 9 x.cc:1] compiled to use AVX instructions, but these aren't available\n",
        b"Traceback (most recent call last):\n",
    ]
    assert list(tensorflow_startup.remove_noise([*noise, *kept, *noise])) == kept


@pytest.mark.parametrize(("level", "is_quiet"), [(None, True), ("0", False), ("1", True), ("2", True), ("3", True)])
def test_noise_is_held_back_unless_all_is_asked_for(level, is_quiet, monkeypatch, capfd):
    if level is None:
        monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    else:
        monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", level)
    line = b"E0000 00:00:1.5   9 cuda.cc:52] failed call to cuInit: INTERNAL: x: UNKNOWN ERROR (303)\n"
    monkeypatch.setattr(tensorflow_startup, "_import_libraries", lambda with_keras: os.write(2, line))
    tensorflow_startup.load_tensorflow()
    assert capfd.readouterr().err == ("" if is_quiet else line.decode())
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == (level or "1")


def test_a_start_says_nothing_but_what_went_wrong():
    program = (
        "import os, sys; sys.modules['keras'] = None\n"
        "from eqstream.tensorflow_startup import load_tensorflow\n"
        "try: load_tensorflow()\n"
        "except ModuleNotFoundError: os.write(2, b'I0000 is shown again\\n')\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stderr == "I0000 is shown again\n"


FAKE_KERAS = """
import os, sys, types
keras = types.ModuleType("keras")
keras.backend = types.SimpleNamespace(backend=lambda: os.environ["BACKEND"])
sys.modules["keras"] = keras
sys.modules["tensorflow"] = types.ModuleType("tensorflow")
from eqstream.data.errors import UserError
from eqstream.tensorflow_startup import load_tensorflow
try: load_tensorflow()
except UserError as error: print(error)
"""


def test_another_backend_is_refused_with_the_cure():
    environment = {**os.environ, "BACKEND": "jax"}
    ended = subprocess.run(
        [sys.executable, "-c", FAKE_KERAS], cwd=ROOT, capture_output=True, text=True, check=True, env=environment
    )
    assert ended.stdout == (
        "the models need Keras' backend `tensorflow`, got `jax`: "
        "set KERAS_BACKEND=tensorflow before Keras is imported\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize(("is_command", "words"), [(True, ""), (False, "`tensorflow`, and jax is missing")])
def test_a_command_needs_no_backend_of_its_own_and_the_library_says_which_it_needs(is_command, words):
    call = "runs.load_tensorflow()" if is_command else "tensorflow_startup.load_tensorflow()"
    program = (
        "import click; from eqstream import tensorflow_startup; from eqstream.commands import runs\n"
        "with click.Context(click.Command('train')):\n"
        f"  try: {call}\n"
        "  except ValueError as error: print(error)"
    )
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, env=environment
    )
    assert words in ended.stdout
    assert bool(words) == bool(ended.stdout)
