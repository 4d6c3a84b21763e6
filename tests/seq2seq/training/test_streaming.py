"""A training whose examples are read anew in each epoch ends with the same weights, however often it is killed."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from eqstream.data.recipe import Recipe
from eqstream.pipelines.build import build
from eqstream.seq2seq.train import train
from eqstream.seq2seq.training import training_source

ROOT = Path(__file__).parents[3]
# A full window of blocks and a part of one, batches that are in both, and three epochs.
RECIPE = {
    "name": "sums",
    "space": {"operands": {"min": 0, "max": 999}},
    "splits": [{"name": "train", "count": 210_000}, {"name": "test", "count": 1000}],
    "storage": {"shard_size": 90_000},
    "model": {"kind": "repeat-vector", "encoder_width": 2, "decoder_width": 2},
    "training": {"epochs": 3, "batch_size": 500, "validation_examples": 20, "samples": 0, "save_steps": 100},
}
# Files and a stream, whose shares change, in stages and with weights; the files are begun again in the third epoch.
MIXTURE = {
    "mixture": [{"weight": [[0, 1], [900, 3]]}, {"source": "fresh"}],
    "curriculum": [{"epochs": 1, "digits": {"max": 2}}],
    "weights": {"by": "lengths", "balance": 0.5},
}
RECIPES = {"files": RECIPE, "mixture": {**RECIPE, "training": {**RECIPE["training"], **MIXTURE}}}
# Trains, or goes on, and dies after so many steps, if it comes so far.
PROGRAM = """
import itertools, os, signal, sys
from pathlib import Path

from eqstream.data.recipe_files import load_recipe
from eqstream.seq2seq.train import train
from eqstream.seq2seq.training import callbacks, training_source

recipe, data, run, last = sys.argv[1:]
steps, counted = itertools.count(1), callbacks.StateKeeper.on_train_batch_end

def die(self, batch, logs=None):
    counted(self, batch, logs)
    if next(steps) == int(last):
        os.kill(os.getpid(), signal.SIGKILL)

callbacks.StateKeeper.on_train_batch_end = die
training_source.MEMORY_BUDGET = 0
train(load_recipe(recipe), data, run, resume=Path(run, "run.json").exists())
"""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("data") / "sums"
    build(Recipe.from_dict(RECIPE), directory)
    return directory


@pytest.fixture(scope="module", params=RECIPES)
def recipe(request) -> dict:
    return RECIPES[request.param]


@pytest.fixture(scope="module")
def kept(recipe, dataset, tmp_path_factory) -> dict[str, bytes]:
    """The weights of a training whose split is kept in memory and that nothing ends."""
    run = tmp_path_factory.mktemp("runs") / "kept"
    train(Recipe.from_dict(recipe), dataset, run, report=lambda line: None)
    return weights_of(run)


def weights_of(run: Path) -> dict[str, bytes]:
    with np.load(run / "state.npz") as state:
        return {name: state[name].tobytes() for name in state.files if name != "progress"}


def run_until(step: int, recipe: dict, dataset: Path, folder: Path) -> int:
    """Returns the exit status of a training that dies after its `step`-th step."""
    path = folder / "sums.yaml"
    path.write_text(yaml.safe_dump(recipe))
    command = [sys.executable, "-c", PROGRAM, path, dataset, folder / "run", step]
    return subprocess.run(list(map(str, command)), cwd=ROOT, check=False).returncode


@pytest.mark.slow
def test_training_that_reads_its_split_in_each_epoch_ends_with_the_weights_of_one_that_keeps_it(
    recipe, dataset, kept, tmp_path, monkeypatch
):
    monkeypatch.setattr(training_source, "MEMORY_BUDGET", 0)
    train(Recipe.from_dict(recipe), dataset, tmp_path / "run", report=lambda line: None)
    assert weights_of(tmp_path / "run") == kept


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_training_killed_at_fifty_random_steps_ends_with_the_same_weights(recipe, dataset, kept, tmp_path, seed):
    numbers = random.Random(seed)
    for _ in range(5):
        # Some 1,260 steps are to be done; each death takes up to a hundred of them back.
        assert run_until(numbers.randrange(1, 250), recipe, dataset, tmp_path) == -signal.SIGKILL
    assert run_until(0, recipe, dataset, tmp_path) == 0
    assert weights_of(tmp_path / "run") == kept
