import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe
from eqstream.pipelines.build import build
from eqstream.seq2seq.train import train
from eqstream.seq2seq.training import callbacks

RECIPE = {
    "name": "sums",
    "space": {"operands": {"min": 0, "max": 12}},
    "splits": [{"name": "train", "count": 100}, {"name": "test", "rest": True}],
    "model": {"kind": "repeat-vector", "encoder_width": 4, "decoder_width": 4},
    "training": {"epochs": 2, "batch_size": 20, "validation_examples": 20, "samples": 0, "tensorboard": True},
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    directory = tmp_path_factory.mktemp("data") / "sums"
    build(Recipe.from_dict(RECIPE), directory)
    return directory


class KilledError(Exception):
    pass


def scalars(folder, tag):
    events = EventAccumulator(str(folder)).Reload()
    return {(event.step, float(make_ndarray(event.tensor_proto))) for event in events.Tensors(tag)}


def test_event_files_say_what_the_log_says_also_after_a_death_between_both_and_the_state(
    dataset, tmp_path, monkeypatch
):
    run = tmp_path / "run"

    def die(self, epoch, logs=None):
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.StateKeeper, "on_epoch_end", die)
        with pytest.raises(KilledError):
            train(Recipe.from_dict(RECIPE), dataset, run, report=lambda line: None)
    train(Recipe.from_dict(RECIPE), dataset, run, resume=True, report=lambda line: None)
    names, *rows = [line.split(",") for line in (run / "log.csv").read_text().splitlines()]
    for folder, tag, name in (
        ("train", "epoch_loss", "loss"),
        ("train", "epoch_learning_rate", "learning_rate"),
        ("validation", "epoch_loss", "val_loss"),
        ("validation", "epoch_exact_match", "val_exact_match"),
    ):
        logged = {(step, float(np.float32(row[names.index(name)]))) for step, row in enumerate(rows)}
        # Each step has one value, however often it was written.
        assert scalars(run / "tensorboard" / folder, tag) == logged, tag
    train(
        Recipe.from_dict({**RECIPE, "training": {**RECIPE["training"], "tensorboard": False, "epochs": 1}}),
        dataset,
        run,
        overwrite=True,
        report=lambda line: None,
    )
    assert not (run / "tensorboard").exists()


def test_without_the_package_nothing_begins(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(callbacks, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"`training\.tensorboard` needs the package tensorboard: install it by"):
        train(Recipe.from_dict(RECIPE), dataset, tmp_path / "run", report=lambda line: None)
    assert not (tmp_path / "run").exists()
