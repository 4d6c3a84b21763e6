"""A training that is killed for real, and one that dies at each of its writes, end as if nothing had been."""

import contextlib
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import keras
import numpy as np
import pytest
import yaml

from eqstream.data.recipe import Recipe
from eqstream.pipelines.build import build
from eqstream.seq2seq import train as train_module
from eqstream.seq2seq.config.sections import OptimizerRecipe
from eqstream.seq2seq.models.optimizers import WarmupSchedule, make_optimizer
from eqstream.seq2seq.runs import run_directory
from eqstream.seq2seq.runs.run_directory import RunDirectory
from eqstream.seq2seq.runs.trained_model import load_trained_model
from eqstream.seq2seq.train import train
from eqstream.seq2seq.training import callbacks, state
from tests.recipes import SUMS

ROOT = Path(__file__).parents[3]
# All that could go astray at once: dropout, a curriculum, weights, a schedule, early stopping, several steps in a call.
RECIPE = {
    **SUMS,
    "codec": {"reverse_answer": True},
    "model": {"kind": "repeat-vector", "encoder_width": 6, "decoder_width": 7, "dropout": 0.2},
    "training": {
        "epochs": 9,
        "batch_size": 12,
        "validation_examples": 20,
        "samples": 1,
        "save_steps": 2,
        "steps_per_execution": 2,
        "optimizer": {"learning_rate": 0.01, "schedule": "cosine", "warmup_steps": 3},
        "curriculum": [{"epochs": 1, "digits": 1}],
        "weights": {"by": "lengths", "balance": 0.5},
        "early_stopping": {"monitor": "val_loss", "patience": 1, "min_delta": 50.0},
        "tensorboard": True,
    },
}
NUM_EPOCHS = 3  # an easy one, then the first that counts, then one without gain


class DeadError(BaseException):
    """Nothing catches it: what comes after never happens, as after SIGKILL."""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    directory = tmp_path_factory.mktemp("data") / "sums"
    build(Recipe.from_dict(RECIPE), directory)
    return directory


@pytest.fixture(scope="module")
def lines():
    """What is reported while `whole` is trained."""
    return []


@pytest.fixture(scope="module")
def whole(dataset, lines, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "whole"
    report = train(Recipe.from_dict(RECIPE), dataset, run, report=lines.append)
    assert report.num_epochs == NUM_EPOCHS
    return run


def silently(line):
    del line


def log_of(run):
    rows = list(csv.DictReader((run / "log.csv").read_text().splitlines()))
    return [{name: value for name, value in row.items() if "seconds" not in name} for row in rows]


def assert_same_run(run, other):
    """Weights of the best and the last epoch, optimizer, generators, log and samples: all bit for bit."""
    assert log_of(run) == log_of(other)
    assert (run / "samples.txt").read_text() == (other / "samples.txt").read_text()
    assert {path.name for path in run.iterdir()} == {path.name for path in other.iterdir()}
    assert json.loads((run / "run.json").read_text()) == json.loads((other / "run.json").read_text())
    for name in ("model.keras", "last.keras"):
        ours, theirs = (keras.models.load_model(path / name, compile=False) for path in (run, other))
        for one, another in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            assert one.tobytes() == another.tobytes(), name
    with np.load(run / "state.npz") as ours, np.load(other / "state.npz") as theirs:
        assert ours.files == theirs.files
        for name in set(ours.files) - {"progress"}:
            assert ours[name].tobytes() == theirs[name].tobytes(), name


def assert_events_are_those_of_the_log(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    for folder, tag, name in (
        ("train", "epoch_loss", "loss"),
        ("train", "epoch_learning_rate", "learning_rate"),
        ("validation", "epoch_loss", "val_loss"),
        ("validation", "epoch_exact_match", "val_exact_match"),
    ):
        logged = {(step, float(np.float32(row[name]))) for step, row in enumerate(log_of(run))}
        events = EventAccumulator(str(run / "tensorboard" / folder)).Reload().Tensors(tag)
        # Each step has one value, however often it was written.
        assert {(event.step, float(make_ndarray(event.tensor_proto))) for event in events} == logged, tag


def begin(recipe, dataset, run, *options):
    """Starts `eqstream train` as a user does, in a process of its own."""
    command = [sys.executable, "-m", "eqstream", "train", str(recipe), "--data", str(dataset), "--out", str(run)]
    return subprocess.Popen(
        [*command, *options], cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )


def kill(process):
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stderr.close()


def kill_at_line(process, start):
    """Kills when a line that begins with `start` is reported."""
    lines = []
    for line in process.stderr:
        lines.append(line)
        if line.startswith(start):
            return kill(process)
    raise AssertionError(f"never reported {start!r}: {lines}")


def kill_at_write(path, start):
    """Kills the process that `start()` returns while it writes `path`: in its place is a pipe that is full already."""
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while os.write(writer, bytes(4096)):
            pass
    # What is in a pipe stays there while it has a reader.
    os.close(writer)
    process = start()

    def open_after_the_end():
        process.wait()
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))

    # A process that ends without writing must not be waited for.
    end = threading.Thread(target=open_after_the_end)
    end.start()
    # Returns when somebody opens the pipe to write.
    os.close(os.open(path, os.O_RDONLY))
    if process.poll() is not None:
        raise AssertionError(f"{path.name} was never written: {process.stderr.read()}")
    kill(process)
    end.join()
    os.close(reader)
    path.unlink()


def resume(dataset, run):
    assert train(Recipe.from_dict(RECIPE), dataset, run, resume=True, report=silently).num_epochs == NUM_EPOCHS


@pytest.fixture
def recipe_file(tmp_path):
    path = tmp_path / "sums.yaml"
    path.write_text(yaml.safe_dump(RECIPE))
    return path


@pytest.mark.slow
def test_a_training_that_sigkill_ends_twice_comes_out_as_if_nothing_had_been(dataset, whole, recipe_file, tmp_path):
    run = tmp_path / "run"
    kill_at_line(begin(recipe_file, dataset, run), "epoch 2/")
    partial = run / "state.npz.partial"
    kill_at_write(partial, lambda: begin(recipe_file, dataset, run, "--resume"))
    partial.write_bytes(RunDirectory(run).state_npz.read_bytes()[:500])  # what a write cut short leaves
    resume(dataset, run)
    assert_same_run(run, whole)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["model.partial.keras", "last.partial.keras", "log.csv.partial", "samples.txt.partial", "run.json.partial"]
)
def test_a_training_killed_while_it_writes_a_file_comes_out_as_if_nothing_had_been(
    dataset, whole, recipe_file, tmp_path, name
):
    run = tmp_path / "run"
    kill_at_line(begin(recipe_file, dataset, run), "epoch 1/")
    kill_at_write(run / name, lambda: begin(recipe_file, dataset, run, "--resume"))
    (run / name).write_bytes(b"half of")
    resume(dataset, run)
    assert_same_run(run, whole)


@pytest.mark.slow
def test_a_training_killed_again_and_again_comes_out_as_if_nothing_had_been(dataset, whole, recipe_file, tmp_path):
    run = tmp_path / "run"
    kill_at_line(begin(recipe_file, dataset, run), "repeat-vector")
    for epoch in range(1, NUM_EPOCHS + 1):
        kill_at_line(begin(recipe_file, dataset, run, "--resume"), f"epoch {epoch}/")
    resume(dataset, run)
    assert_same_run(run, whole)


def _die_at(monkeypatch, number):
    """Lets the process die before its `number`-th write of any file of the run, from 0; returns what was written."""
    written = []

    def counted(write):
        def maybe(path, *arguments):
            if len(written) == number:
                raise DeadError
            written.append(Path(path).name)
            return write(path, *arguments)

        return maybe

    save_state, save_model = counted(state.save_state), counted(state.save_model)
    write_atomically = counted(run_directory.write_atomically)
    for module in (train_module, callbacks):
        monkeypatch.setattr(module, "save_state", save_state)
        monkeypatch.setattr(module, "save_model", save_model)
    for module in (run_directory, callbacks):
        monkeypatch.setattr(module, "write_atomically", write_atomically)
    return written


def _train_dying_at(dataset, run, monkeypatch, number):
    with monkeypatch.context() as patch:
        written = _die_at(patch, number)
        try:
            train(Recipe.from_dict(RECIPE), dataset, run, report=silently)
        except DeadError:
            return written
        raise AssertionError(f"only {len(written)} writes: {written}")


def test_a_training_that_dies_at_a_write_comes_out_as_if_nothing_had_been(dataset, whole, tmp_path, monkeypatch):
    # Before the first epoch come run.json and state; it writes state (within), perhaps model, log, samples, state.
    # At the end of an epoch, which TensorBoard has been told and the state not.
    _train_dying_at(dataset, tmp_path / "run", monkeypatch, 6)
    resume(dataset, tmp_path / "run")
    assert_same_run(tmp_path / "run", whole)
    assert_events_are_those_of_the_log(tmp_path / "run")


# In parts, so that none takes as long as a test that hangs.
@pytest.mark.slow
@pytest.mark.parametrize("first", range(1, 7))
def test_a_training_that_dies_at_any_write_comes_out_as_if_nothing_had_been(
    dataset, whole, tmp_path, monkeypatch, first
):
    with monkeypatch.context() as patch:
        writes = _die_at(patch, -1)
        train(Recipe.from_dict(RECIPE), dataset, tmp_path / "all", report=silently)
    assert set(writes) == {"run.json", "state.npz", "log.csv", "samples.txt", "model.keras", "last.keras"}
    for number in range(first, len(writes), 6):
        run = tmp_path / str(number)
        assert _train_dying_at(dataset, run, monkeypatch, number) == writes[:number]
        resume(dataset, run)
        assert_same_run(run, whole)


def test_a_directory_in_which_a_training_died_before_its_first_word_is_taken_anew(dataset, tmp_path, monkeypatch):
    run = tmp_path / "run"
    _train_dying_at(dataset, run, monkeypatch, 0)
    (run / "run.json.partial").write_text('{"half":')
    assert _train_dying_at(dataset, run, monkeypatch, 1) == ["run.json"]


def test_best_and_last_weights_can_both_be_had(whole):
    best, last = load_trained_model(whole), keras.models.load_model(whole / "last.keras", compile=False)
    # A `.keras` file holds no states of random generators: they are of no use to a finished model.
    weights = {id(weight) for weight in last.weights}
    with np.load(whole / "state.npz") as state:
        for number, variable in enumerate(last.variables):
            if id(variable) in weights:
                assert state[f"{number:05d}"].tobytes() == np.asarray(variable).tobytes(), variable.path
    rows = log_of(whole)
    chosen = min(rows, key=lambda row: (-float(row["val_exact_match"]), float(row["val_loss"])))
    is_last = chosen is rows[-1]
    same = [
        one.tobytes() == other.tobytes()
        for one, other in zip(best.model.get_weights(), last.get_weights(), strict=True)
    ]
    assert all(same) == is_last


def test_early_stopping_ends_the_training_for_good(dataset, whole, lines):
    assert lines[-1] == "training ends early: val_loss has not improved for 1 epoch"
    train(Recipe.from_dict(RECIPE), dataset, whole, resume=True, report=lines.append)
    assert lines[-1] == f"{whole} is finished; nothing to do (`--overwrite` begins anew)"


def test_steps_are_counted_as_they_are_made(whole, lines):
    assert lines[0].endswith("100 examples, 8 steps an epoch")
    num_examples = int(lines[1].split(", ")[1].split()[0])
    assert lines[1] == f"epochs 1 to 1: 1 digits, {num_examples} examples, {num_examples // 12} steps an epoch"
    num_steps = [num_examples // 12, *[8] * 8]
    schedule = make_optimizer(OptimizerRecipe(**RECIPE["training"]["optimizer"]), sum(num_steps)).get_config()
    rate = WarmupSchedule.from_config(schedule["learning_rate"]["config"])
    # The rate after an epoch is that of the next step.
    rates = [float(rate(int(step))) for step in np.cumsum(num_steps[:NUM_EPOCHS])]
    assert [float(row["learning_rate"]) for row in log_of(whole)] == pytest.approx(rates)


def test_a_training_over_another_one_leaves_none_of_its_events(dataset, whole, tmp_path):
    run = Path(shutil.copytree(whole, tmp_path / "run"))
    recipe = Recipe.from_dict({**RECIPE, "training": {**RECIPE["training"], "tensorboard": False}})

    def die(line):
        raise DeadError

    assert (run / "tensorboard").is_dir()
    with pytest.raises(DeadError):
        train(recipe, dataset, run, overwrite=True, report=die)
    assert not (run / "tensorboard").exists()
