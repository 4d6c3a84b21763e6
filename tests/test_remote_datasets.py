"""A dataset below `s3://` is opened, described, trained on and evaluated as the local one is."""

import json

import numpy as np
import pytest

import eqstream
from eqstream.data.recipe import Recipe
from eqstream.pipelines.build import build
from eqstream.pipelines.describe import describe
from eqstream.seq2seq import evaluate as evaluate_module
from eqstream.seq2seq.evaluate import evaluate
from eqstream.seq2seq.train import train
from tests.loaded_models import load_models_once
from tests.s3_server import run_store, set_credentials, upload
from tests.untrained_run import make_untrained_run

RECIPE = {
    "name": "sums",
    "space": {"operands": {"min": 0, "max": 9}},
    "splits": [{"name": "train", "count": 60}, {"name": "test", "rest": True}],
    "model": {"kind": "repeat-vector", "encoder_width": 4, "decoder_width": 4},
    "training": {"epochs": 1, "batch_size": 20, "validation_examples": 8},
}


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """The directory of a dataset, and its URI."""
    local = tmp_path_factory.mktemp("remote") / "sums"
    build(Recipe.from_dict(RECIPE), local)
    with set_credentials(), run_store() as (store, _):
        yield local, upload(store, local, "sums")


def test_batches_are_those_of_the_local_copy(places):
    local, remote = (eqstream.open_dataset(place).batches("train", batch_size=16, seed=3, epoch=1) for place in places)
    for one, other in zip(local, remote, strict=True):
        assert all(np.array_equal(*arrays) for arrays in zip(one, other, strict=True))


def test_equations_are_those_of_the_local_copy(places):
    local, remote = (list(eqstream.open_dataset(place).equations("test")) for place in places)
    assert local == remote


def test_the_description_is_that_of_the_local_copy(places):
    local, remote = map(describe, places)
    assert local == remote


class DeadError(BaseException):
    """Nothing catches it: what comes after never happens."""


def test_a_training_begins_and_a_model_is_judged_as_on_the_local_copy(places, tmp_path):
    def die(line):
        raise DeadError

    local, remote = places
    with pytest.raises(DeadError):
        train(Recipe.from_dict(RECIPE), remote, tmp_path / "begun", report=die)
    assert json.loads((tmp_path / "begun" / "run.json").read_text())["data_directory"] == remote
    make_untrained_run(Recipe.from_dict(RECIPE), remote, tmp_path / "run")
    with pytest.MonkeyPatch.context() as patch:
        load_models_once(patch, tmp_path, evaluate_module)
        assert evaluate(tmp_path / "run").to_dict() == evaluate(tmp_path / "run", data_directory=local).to_dict()


@pytest.mark.slow
def test_a_run_remembers_where_its_dataset_is(places, tmp_path):
    local, remote = places
    train(Recipe.from_dict(RECIPE), remote, tmp_path / "run", report=lambda line: None)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["data_directory"] == remote
    assert evaluate(tmp_path / "run").to_dict() == evaluate(tmp_path / "run", data_directory=local).to_dict()
