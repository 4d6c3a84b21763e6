import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from eqstream.data.errors import TrainingInterruptedError, UserError
from eqstream.data.recipe import Recipe
from eqstream.datasets import Dataset
from eqstream.pipelines.build import build
from eqstream.seq2seq import train as train_module
from eqstream.seq2seq.config.sections import OptimizerRecipe, TrainingRecipe
from eqstream.seq2seq.models.optimizers import WarmupSchedule, make_optimizer
from eqstream.seq2seq.predict import Predictor
from eqstream.seq2seq.runs.compatibility import describe_new_schedule
from eqstream.seq2seq.runs.run_directory import RunDirectory
from eqstream.seq2seq.train import train
from eqstream.seq2seq.training import fit
from eqstream.seq2seq.training.display import Display
from tests.killed_training import KilledError, killed_after
from tests.recipes import SUMS

ROOT = Path(__file__).parents[2]
RECIPE = {
    **SUMS,
    "codec": {"reverse_answer": True},
    "model": {"kind": "repeat-vector", "encoder_width": 6, "decoder_width": 7, "dropout": 0.2},
    "training": {
        "epochs": 3,
        "batch_size": 16,
        "validation_examples": 20,
        "samples": 2,
        "save_steps": 1,
        "weights": {"by": "digits"},
        "optimizer": {"schedule": "cosine"},
    },
}
NUM_STEPS = 6  # of an epoch: 100 examples in batches of 16, the rest dropped


def recipe_with(**training):
    return Recipe.from_dict({**RECIPE, "training": {**RECIPE["training"], **training}})


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    directory = tmp_path_factory.mktemp("data") / "sums"
    build(Recipe.from_dict(RECIPE), directory)
    return directory


class Recorder(Display):
    """Keeps what a display is told."""

    def __init__(self):
        self.calls = []

    def begin(self, num_steps, num_done):
        self.calls.append(("begin", list(num_steps), num_done))

    def show(self, epoch, step, num_steps):
        self.calls.append((epoch, step, num_steps))

    def end(self):
        self.calls.append("end")


@pytest.fixture(scope="module")
def display():
    """Is told how far `finished` is."""
    return Recorder()


@pytest.fixture(scope="module")
def temporary(tmp_path_factory):
    """What the system's temporary directory is for `finished`."""
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="module")
def finished(dataset, temporary, display, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "whole"
    lines = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(temporary))
        report = train(recipe_with(), dataset, run, report=lines.append, display=display)
    return run, report, lines


def silently(line):
    del line


def train_until(start, recipe, dataset, run, *, resume=False):
    """Lets a training die when it reports a line that begins with `start`; returns all lines."""
    lines = []

    def note(line):
        lines.append(line)
        if line.startswith(start):
            raise KilledError

    with pytest.raises(KilledError):
        train(recipe, dataset, run, resume=resume, report=note)
    return lines


def state_of(run):
    with np.load(RunDirectory(run).state_npz) as state:
        arrays = {name: state[name] for name in state.files}
    progress = json.loads(str(arrays.pop("progress")))
    for row in progress["rows"]:
        del row["seconds"], row["cpu_seconds"]
    return arrays, progress


def assert_same_state(one, other):
    (arrays, progress), (other_arrays, other_progress) = state_of(one), state_of(other)
    assert progress == other_progress
    assert arrays.keys() == other_arrays.keys()
    for name, values in arrays.items():
        assert values.tobytes() == other_arrays[name].tobytes(), name


def test_a_run_holds_all_that_is_needed_to_use_and_repeat_it(finished, dataset):
    run, report, lines = finished
    names = {path.name for path in run.iterdir()}
    assert names == {"run.json", "codec.json", "log.csv", "samples.txt", "model.keras", "last.keras", "state.npz"}
    description = json.loads((run / "run.json").read_text())
    manifest = json.loads((dataset / "manifest.json").read_text())
    assert description["is_finished"]
    assert description["data_fingerprint"] == manifest["fingerprint"]
    assert description["versions"]["keras"] == keras.__version__
    assert Recipe.from_dict(description["recipe"]) == recipe_with()
    rows = (run / "log.csv").read_text().splitlines()
    assert rows[0].split(",")[:3] == ["epoch", "loss", "token_accuracy"]
    assert [row.split(",")[0] for row in rows[1:]] == ["1", "2", "3"]
    assert (run / "samples.txt").read_text().count("epoch") == 3
    assert report.num_epochs == 3
    assert "exact match" in report.to_text()
    assert [line[:3] in ("  ☑", "  ☒") for line in lines[-3:]] == [False, True, True]
    assert sum(line.lstrip().startswith(("☑", "☒")) for line in lines) == 2


def test_training_and_decoding_leave_nothing_in_the_temporary_directory(finished, dataset, temporary, monkeypatch):
    """TensorFlow would write functions that it converts there, and leave what Python makes of them."""
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    Predictor.load(finished[0]).predict(["3 + 4"])
    next(iter(Dataset(dataset).batches("train", batch_size=10)))
    assert list(temporary.iterdir()) == []


SHORT, LONG = {"digits": 1}, {"digits": 2}
HELD_OUT = {"name": "far", "count": 40, "where": LONG}


def recipe_on(splits, tmp_path, **training):
    """A recipe with other splits, whose data are in `tmp_path`/data."""
    recipe = Recipe.from_dict({**RECIPE, "splits": splits, "training": {**RECIPE["training"], **training}})
    build(recipe, tmp_path / "data")
    return recipe


def begin_on(splits, tmp_path):
    """The lines that a training reports before it begins, and what it has written of itself then."""
    lines = train_until("validation: ", recipe_on(splits, tmp_path), tmp_path / "data", tmp_path / "run")
    return lines, json.loads((tmp_path / "run" / "run.json").read_text())


def test_the_best_epoch_is_not_chosen_on_a_split_that_is_held_out(tmp_path):
    near = {"name": "near", "rest": True, "where": SHORT}
    lines, description = begin_on([{"name": "train", "count": 50, "where": SHORT}, HELD_OUT, near], tmp_path)
    assert "validation: 20 of `near` (the best epoch is chosen on it); report: `far`" in lines
    assert description["validation_split"] == "near"


def test_without_a_fit_split_the_best_epoch_is_chosen_on_equations_of_no_split(tmp_path):
    lines, description = begin_on([{"name": "train", "count": 50, "where": SHORT}, HELD_OUT], tmp_path)
    assert "validation: 20 equations of no split (the best epoch is chosen on it); report: `far`" in lines
    assert description["validation_split"] is None


@pytest.mark.parametrize(
    ("size", "source", "reason"),
    [
        ({"rest": True}, "shards", "`train` leaves no equation over"),
        ({"count": 50}, "fresh", "a fresh stream trains on all the rest"),
    ],
)
def test_without_anything_to_choose_the_best_epoch_on_the_cure_is_named(tmp_path, size, source, reason):
    message = (
        f"no split to choose the best epoch on: `far` is held out by `where`, and {reason}; add a split with the "
        "`where` of `train` to the recipe and build it anew, or name one by `training.validation_split`"
    )
    recipe = recipe_on([{"name": "train", "where": SHORT, **size}, HELD_OUT], tmp_path, source=source)
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        train(recipe, tmp_path / "data", tmp_path / "run", report=silently)
    assert not (tmp_path / "run").exists()


def test_without_a_model_in_the_recipe_it_says_what_is_trained(dataset, tmp_path):
    recipe = Recipe.from_dict({key: value for key, value in RECIPE.items() if key != "model"})
    lines = train_until("transformer: ", recipe, dataset, tmp_path / "run")
    assert lines[0] == "the recipe names no model: a transformer is trained, which is not tuned for this space"
    assert json.loads((tmp_path / "run" / "run.json").read_text())["recipe"]["model"] == {"kind": "transformer"}


def test_every_step_is_displayed(finished, display):
    steps = [(epoch, step, NUM_STEPS) for epoch in range(3) for step in range(NUM_STEPS + 1)]
    assert display.calls == [("begin", [NUM_STEPS] * 3, 0), *steps, "end"]


# The training that dies in `training/test_resume.py` goes on with the same weights, too.
@pytest.mark.slow
def test_the_same_recipe_gives_the_same_weights_bit_for_bit(finished, dataset, tmp_path):
    """Also where Ctrl-C comes too late: at the end of the last epoch."""

    def interrupt(line):
        if line.startswith("epoch 3/3"):
            os.kill(os.getpid(), signal.SIGINT)

    assert train(recipe_with(), dataset, tmp_path / "again", report=interrupt).num_epochs == 3
    assert_same_state(finished[0], tmp_path / "again")


def test_another_seed_over_a_run_gives_other_weights_and_leaves_alone_what_is_not_of_the_run(
    finished, dataset, tmp_path
):
    run = shutil.copytree(finished[0], tmp_path / "run")
    (run / "notes.txt").write_text("mine")
    arrays = []
    for seed in (0, 1):
        with pytest.MonkeyPatch.context() as patch:
            # With the weights that it begins with.
            patch.setattr(train_module, "fit", die)
            with pytest.raises(KilledError):
                train(recipe_with(seed=seed), dataset, run, overwrite=True, report=silently)
        assert (run / "notes.txt").read_text() == "mine"
        arrays.append(state_of(run)[0])
    assert any(np.any(values != arrays[1][name]) for name, values in arrays[0].items() if values.ndim == 2)


def die(*arguments, **options):
    raise KilledError


# One on a mixture, in `training/test_mixtures.py`, is killed within an epoch always.
# The end of an epoch is where the one that Ctrl-C stops is left.
@pytest.mark.slow
@pytest.mark.parametrize(
    "nums_steps",
    [
        (4, 2 * NUM_STEPS + 1),
        *((number,) for number in (1, NUM_STEPS, NUM_STEPS + 1)),
    ],
)
def test_a_training_killed_after_any_step_ends_with_the_weights_of_an_uninterrupted_one(
    finished, dataset, tmp_path, nums_steps
):
    for number, num_steps in enumerate(nums_steps):
        with killed_after(num_steps):
            train(recipe_with(), dataset, tmp_path / "run", resume=number > 0, report=silently)
    train(recipe_with(), dataset, tmp_path / "run", resume=True, report=silently)
    assert_same_state(finished[0], tmp_path / "run")


@pytest.mark.slow
def test_a_training_that_saves_each_epoch_alone_resumes_from_the_last_one(finished, dataset, tmp_path):
    with killed_after(NUM_STEPS + 3):
        train(recipe_with(save_steps=None), dataset, tmp_path / "run", report=silently)
    assert state_of(tmp_path / "run")[1]["epoch"] == 1
    train(recipe_with(save_steps=None), dataset, tmp_path / "run", resume=True, report=silently)
    assert_same_state(finished[0], tmp_path / "run")


@pytest.mark.parametrize("is_resumed", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_ctrl_c_saves_where_it_was(finished, dataset, tmp_path, is_resumed):
    lines, is_announced = [], threading.Event()

    def interrupt(line):
        lines.append(line)
        if line.startswith("epoch 1/3"):
            os.kill(os.getpid(), signal.SIGINT)
            # It is said while the step still runs.
            is_announced.wait()
        elif line.startswith("stopping"):
            is_announced.set()

    random.seed(5)
    np.random.seed(5)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(
        TrainingInterruptedError, match=r"^training interrupted at epoch 2, step 0, its state is saved$"
    ):
        train(recipe_with(), dataset, tmp_path / "run", report=interrupt)
    assert lines[-1] == "stopping after this step (Ctrl-C again: at once)"
    assert signal.getsignal(signal.SIGINT) is before
    # The generators of the caller are not the training's.
    assert random.random() == random.Random(5).random()
    assert np.random.random() == np.random.RandomState(5).random()
    progress = state_of(tmp_path / "run")[1]
    assert (progress["epoch"], progress["step"]) == (1, 0)
    assert progress["rows"] == state_of(finished[0])[1]["rows"][:1]
    if is_resumed:
        train(recipe_with(), dataset, tmp_path / "run", resume=True, report=silently)
        assert_same_state(finished[0], tmp_path / "run")


def test_each_epoch_is_one_line_that_tells_training_from_validation(finished):
    row = finished[1].metrics
    line = next(line for line in finished[2] if line.startswith(f"epoch {finished[1].best_epoch}/3"))
    assert line == (
        f"epoch {finished[1].best_epoch}/3  loss {row['loss']:.3g}  val loss {row['val_loss']:.3g}  "
        f"val tokens {row['val_token_accuracy']:.1%}  val exact match 0%  best"
    )


def test_several_steps_in_one_call_never_run_over_the_end_of_an_epoch():
    assert [fit._divisor(6, limit) for limit in range(1, 9)] == [1, 2, 3, 3, 3, 6, 6, 6]
    assert fit._divisor(7, 6) == 1


@pytest.mark.slow
def test_several_steps_in_one_call_give_the_same_result(dataset, finished, tmp_path):
    train(recipe_with(steps_per_execution=4), dataset, tmp_path / "run", report=silently)  # 3 is used: it divides 6
    arrays, progress = state_of(tmp_path / "run")
    assert progress["epoch"] == 3
    for name, values in state_of(finished[0])[0].items():
        np.testing.assert_allclose(values, arrays[name], rtol=1e-5, atol=1e-6)


def test_resuming_a_finished_training_does_nothing(finished, dataset):
    before, lines = {path: path.stat().st_mtime_ns for path in finished[0].iterdir()}, []
    report = train(recipe_with(), dataset, finished[0], resume=True, report=lines.append)
    assert report == finished[1]
    assert lines[-1] == f"{finished[0]} is finished; nothing to do (`--overwrite` begins anew)"
    assert {path: path.stat().st_mtime_ns for path in finished[0].iterdir()} == before


def forget_order(path):
    """Makes a state what a version with the first order would have written."""
    with np.load(path) as saved:
        arrays = dict(saved)
    progress = json.loads(str(arrays["progress"]))
    assert progress.pop("order_version") == 2
    np.savez(path, **{**arrays, "progress": np.array(json.dumps(progress))})


@pytest.mark.parametrize("is_trained", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_run_can_be_trained_longer_and_says_so_itself(finished, dataset, tmp_path, is_trained):
    run = Path(shutil.copytree(finished[0], tmp_path / "run"))
    description = json.loads((run / "run.json").read_text())
    description["versions"]["keras"] = "3.0.0"
    (run / "run.json").write_text(json.dumps(description))
    forget_order(run / "state.npz")
    # All is said, and written, before the first step.
    lines = train_until("validation: ", recipe_with(epochs=4), dataset, run, resume=True)
    if is_trained:
        assert train(recipe_with(epochs=4), dataset, run, resume=True, report=silently).num_epochs == 4
    assert (
        f"begun with keras 3.0.0, now {keras.__version__}: the weights may differ from an uninterrupted run's" in lines
    )
    assert (
        "begun with a version of eqstream that gave the examples in another order: the weights are not those of an "
        "uninterrupted run" in lines
    )
    assert any(line.startswith("4 epochs now, 3 when it was begun") for line in lines)
    description = json.loads((run / "run.json").read_text())
    assert description["recipe"]["training"]["epochs"] == 4
    assert description["versions"]["keras"] == "3.0.0"


def test_more_epochs_than_planned_change_a_falling_rate_and_that_is_said():
    def training(epochs, schedule):
        return TrainingRecipe(epochs=epochs, optimizer=OptimizerRecipe(schedule=schedule))

    assert describe_new_schedule(training(1, "cosine"), training(2, "cosine")) == (
        "2 epochs now, 1 when it was begun: from here on the learning rate follows the cosine schedule of 2, so the "
        "weights are not those of a training begun with them"
    )
    assert describe_new_schedule(training(1, "constant"), training(2, "constant")) is None
    assert describe_new_schedule(training(2, "cosine"), training(2, "cosine")) is None


@pytest.mark.parametrize("is_alone", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["here", "alone"])
def test_saved_models_load_as_keras_loads_models_those_of_the_first_release_too(finished, tmp_path, capsys, is_alone):
    with zipfile.ZipFile(ROOT / "tests" / "fixtures" / "first-release.zip") as archive:
        archive.extract("transformer/model.keras", tmp_path)
    program = (
        "import sys, eqstream, keras\n"
        "new, old = (keras.models.load_model(path) for path in sys.argv[1:])\n"
        "optimizer = new.optimizer\n"
        "print(type(optimizer).__name__, optimizer.get_config()['learning_rate']['registered_name'])\n"
        "print(old.generate(['9 + 1', '1 + 9']))"
    )
    paths = [str(finished[0] / "model.keras"), str(tmp_path / "transformer" / "model.keras")]
    if is_alone:
        command = [sys.executable, "-c", program, *paths]
        printed = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    else:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["-c", *paths])
            exec(program, {})
        printed = capsys.readouterr().out
    assert printed.splitlines() == ["Adam eqstream>WarmupSchedule", "['962?', '362?']"]


@pytest.mark.parametrize(
    ("section", "change", "message"),
    [
        (
            "space",
            {"operands": {"min": 0, "max": 13}},
            r"another space than the recipe: `space\.operands\.max` is 12 in the dataset and 13 in the recipe$",
        ),
        ("training", {"batch_size": 101}, "an epoch of 100 examples has no full batch of 101: lower `batch_size`"),
        ("training", {"train_split": "training"}, "no split `training`; did you mean `train`"),
        ("training", {"validation_split": "validation"}, "no split `validation`"),
        ("training", {"storage": "csv"}, "`training.storage` is unknown"),
    ],
)
def test_a_recipe_that_does_not_fit_the_data_is_refused_and_nothing_written(
    dataset, tmp_path, section, change, message
):
    mapping = {**RECIPE, section: {**RECIPE[section], **change}}
    with pytest.raises(UserError, match=message):
        train(Recipe.from_dict(mapping), dataset, tmp_path / "run", report=silently)
    assert not (tmp_path / "run").exists()


def test_a_directory_that_is_in_use_is_refused(finished, dataset, tmp_path):
    with pytest.raises(UserError, match=r"holds a run already: go on with it by `--resume`"):
        train(recipe_with(), dataset, finished[0], report=silently)
    (tmp_path / "notes.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(UserError, match="is not empty and not a run"):
            train(recipe_with(), dataset, tmp_path, overwrite=overwrite, report=silently)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    with pytest.raises(UserError, match="is a file, a run needs a directory"):
        train(recipe_with(), dataset, tmp_path / "notes.txt", report=silently)


def test_what_cannot_be_resumed_is_refused_with_the_reason(finished, dataset, tmp_path):
    with pytest.raises(UserError, match=r"none does not exist$"):
        train(recipe_with(), dataset, tmp_path / "none", resume=True, report=silently)
    with pytest.raises(UserError, match=r"`training\.batch_size` was 16 when .* was begun and is 8 now"):
        train(recipe_with(batch_size=8), dataset, finished[0], resume=True, report=silently)
    build(Recipe.from_dict({**RECIPE, "seed": 5}), tmp_path / "data")
    with pytest.raises(UserError, match="was trained on other data"):
        train(recipe_with(), tmp_path / "data", finished[0], resume=True, report=silently)


def test_a_damaged_state_is_refused(finished, dataset, tmp_path):
    run = shutil.copytree(finished[0], tmp_path / "run")
    state = run / "state.npz"
    state.write_bytes(state.read_bytes()[:-200])
    with pytest.raises(UserError, match="is damaged, the training cannot go on from it"):
        train(recipe_with(epochs=4), dataset, run, resume=True, report=silently)


def test_the_learning_rate_rises_and_falls_as_the_recipe_says():
    def rates(shape, warmup_steps=4, final_share=0.1):
        schedule = WarmupSchedule(2.0, warmup_steps=warmup_steps, num_steps=10, shape=shape, final_share=final_share)
        return [float(schedule(keras.ops.convert_to_tensor(step))) for step in range(12)]

    assert rates("constant") == pytest.approx([0.4, 0.8, 1.2, 1.6] + [2.0] * 8)
    assert rates("linear")[4:] == pytest.approx([2.0, 1.7, 1.4, 1.1, 0.8, 0.5, 0.2, 0.2])
    assert rates("cosine")[4] == pytest.approx(2.0)
    assert rates("cosine")[7] == pytest.approx(1.1)
    assert rates("cosine")[10:] == pytest.approx([0.2, 0.2])
    assert rates("constant", warmup_steps=0) == [2.0] * 12


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop", "muon"])
def test_every_optimizer_can_be_made_and_saved(name):
    recipe = OptimizerRecipe(name=name, clip_norm=1.0, weight_decay=0.1 if name in ("adamw", "muon") else 0.0)
    optimizer = make_optimizer(recipe, num_steps=10)
    copy = type(optimizer).from_config(optimizer.get_config())
    assert copy.get_config() == optimizer.get_config()
