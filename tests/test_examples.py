"""The examples and the code of the documentation, run as they stand, with small settings."""

import itertools
import re
import runpy
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from eqstream.data.recipe import Recipe
from eqstream.seq2seq.config.sections import ModelRecipe
from eqstream.seq2seq.train import TrainingReport
from tests.untrained_run import make_untrained_run

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
DOCUMENTS = ("README.md", "docs/from-python.md", "docs/formats.md")


def run(name: str, *arguments: object, monkeypatch, capsys) -> list[str]:
    """Returns the lines that an example prints."""
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    runpy.run_path(str(ROOT / "examples" / f"{name}.py"), run_name="__main__")
    return capsys.readouterr().out.splitlines()


def test_examples_are_short_and_each_is_run_here():
    tests = Path(__file__).read_text(encoding="utf-8")
    assert len(EXAMPLES) == 4
    for path in EXAMPLES:
        assert path.read_text(encoding="utf-8").count("\n") < 65
        assert f'run("{path.stem}"' in tests


@pytest.mark.slow
def test_a_keras_model_of_ones_own_is_trained(tmp_path, monkeypatch, capsys):
    options = ("--recipe", "addition-10", "--out", tmp_path, "--epochs", 2, "--width", 8)
    lines = run("train_your_own_model", *options, monkeypatch=monkeypatch, capsys=capsys)
    assert [line for line in lines if line.startswith("Epoch")] == ["Epoch 1/2", "Epoch 2/2"]
    assert re.fullmatch(r"\d+ of 24 whole answers are right", lines[-1])


def test_equations_come_without_files(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    lines = run("equations_without_files", "--count", 2, monkeypatch=monkeypatch, capsys=capsys)
    assert lines[0] == "196,059,602 indices, of which some at random:"
    assert sum(" = " in line for line in lines) == 4
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("is_trained", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_recipes_model_is_trained_evaluated_and_asked(tmp_path, monkeypatch, capsys, is_trained):
    if not is_trained:
        monkeypatch.setattr("eqstream.seq2seq.train.train", pretend_to_train)
    options = ("--recipe", "addition-10", "--out", tmp_path, "--epochs", 2, "3 + 4", "10+10")
    lines = run("train_and_ask_a_model", *options, monkeypatch=monkeypatch, capsys=capsys)
    start = next(number for number, line in enumerate(lines) if line.startswith("best epoch: "))
    assert re.fullmatch(r"best epoch: [12] of 2", lines[start])
    assert re.fullmatch(r"exact match on test: \d+\.\d\d% of 24", lines[start + 1])
    assert re.fullmatch(r"3 \+ 4 = \S+", lines[start + 2])
    assert [line[2:].partition(" = ")[0] for line in lines[start + 3 :]] == ["3 + 4", "10 + 10"]


def pretend_to_train(
    recipe: Recipe,
    data: str | Path,
    run: str | Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    report: Any = None,
    display: Any = None,
) -> TrainingReport:
    """Leaves a run with its first weights; other tests train."""
    del resume, report, display
    make_untrained_run(recipe, data, run, overwrite=overwrite)
    num_epochs = ModelRecipe.from_recipe(recipe).training.epochs
    return TrainingReport(
        run_directory=Path(run),
        num_epochs=num_epochs,
        num_parameters=1,
        num_examples=1,
        source="shards",
        best_epoch=1,
        metrics={"val_exact_match": 0.5},
    )


class DeadError(BaseException):
    """Nothing catches it: what comes after never happens, as after SIGKILL."""


RESUMED = ("--recipe", "addition-10", "--steps", 24, "--save-steps", 4, "--batch-size", 16)
# What a test puts before the program: it dies after so many steps.
KILLER = """
import itertools, os, runpy, signal, sys
import keras

last, steps, counted = int(sys.argv[1]), itertools.count(1), keras.callbacks.CallbackList.on_train_batch_end

def die(self, batch, logs=None):
    counted(self, batch, logs)
    if next(steps) == last:
        os.kill(os.getpid(), signal.SIGKILL)

keras.callbacks.CallbackList.on_train_batch_end = die
program, sys.argv = sys.argv[2], sys.argv[2:]
runpy.run_path(program, run_name="__main__")
"""


@pytest.mark.slow
def test_a_training_of_ones_own_is_begun_and_goes_on(tmp_path, monkeypatch, capsys):
    steps, counted = [], keras.callbacks.CallbackList.on_train_batch_end

    def count(self, batch, logs=None):
        steps.append(batch)
        counted(self, batch, logs)

    monkeypatch.setattr(keras.callbacks.CallbackList, "on_train_batch_end", count)
    options = ("--recipe", "addition-10", "--save-steps", 4, "--batch-size", 16, "--out", tmp_path)
    for last in (5, 8):
        run("resume_a_training_of_your_own", *options, "--steps", last, monkeypatch=monkeypatch, capsys=capsys)
    # The second time it went on behind the fourth.
    assert steps == [0, 1, 2, 3, 4, 0, 1, 2, 3]


@pytest.mark.slow
def test_a_training_of_ones_own_that_dies_ends_with_the_same_weights(tmp_path, monkeypatch, capsys):
    died, steps, counted = tmp_path / "died", itertools.count(1), keras.callbacks.CallbackList.on_train_batch_end

    def die(self, batch, logs=None):
        counted(self, batch, logs)
        if next(steps) == 7:
            raise DeadError

    with monkeypatch.context() as patch:
        patch.setattr(keras.callbacks.CallbackList, "on_train_batch_end", die)
        with pytest.raises(DeadError):
            run("resume_a_training_of_your_own", *RESUMED, "--out", died, monkeypatch=patch, capsys=capsys)
    assert_ends_as_if_nothing_had_been(died, tmp_path / "whole", monkeypatch=monkeypatch, capsys=capsys)


@pytest.mark.slow
@pytest.mark.parametrize("kills", [(7,), (1, 4, 6, 9)])
def test_a_training_of_ones_own_that_is_killed_ends_with_the_same_weights(tmp_path, kills, monkeypatch, capsys):
    killed = tmp_path / "killed"
    program = ROOT / "examples" / "resume_a_training_of_your_own.py"
    for step in kills:
        command = [sys.executable, "-c", KILLER, step, program, *RESUMED, "--out", killed]
        ended = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, check=False)
        assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert_ends_as_if_nothing_had_been(killed, tmp_path / "whole", monkeypatch=monkeypatch, capsys=capsys)


def assert_ends_as_if_nothing_had_been(out: Path, whole: Path, *, monkeypatch, capsys) -> None:
    """Goes on with the training in `out`, and compares it with one that nothing ends."""
    for each in (whole, out):
        run("resume_a_training_of_your_own", *RESUMED, "--out", each, monkeypatch=monkeypatch, capsys=capsys)
    one, other = (h5_arrays(each / "last.weights.h5") for each in (whole, out))
    assert one.keys() == other.keys()
    assert all(np.array_equal(values, other[name]) for name, values in one.items())


def h5_arrays(path: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    assert found
    return found


@pytest.mark.parametrize("is_trained", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_code_of_the_documentation_runs_in_its_order_and_prints_what_it_says(tmp_path, monkeypatch, capsys, is_trained):
    # A document finds what those before it have made.
    monkeypatch.chdir(tmp_path)
    if not is_trained:
        monkeypatch.setattr("eqstream.seq2seq.train.train", pretend_to_train)
    for document in DOCUMENTS:
        text = (ROOT / document).read_text(encoding="utf-8")
        blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        assert blocks
        namespace: dict = {}
        for block in blocks:
            exec(compile(block, document, "exec"), namespace)
            printed = capsys.readouterr().out.splitlines()
            promised = re.findall(r"^print.*?  # (.*)$", block, re.MULTILINE)
            if promised:
                assert printed == promised
