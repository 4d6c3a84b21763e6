"""A training that begins with the weights of another run."""

import json
import shutil
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe
from eqstream.pipelines.build import build
from eqstream.seq2seq import train as train_module
from eqstream.seq2seq.config.architectures import TransformerRecipe
from eqstream.seq2seq.models.registry import make_model
from eqstream.seq2seq.runs.starting_point import StartingPoint
from eqstream.seq2seq.runs.trained_model import load_trained_model
from eqstream.seq2seq.train import train
from tests.recipes import SUMS, make_texts

MODEL = {"kind": "repeat-vector", "encoder_width": 4, "decoder_width": 4}
# So slow that no weight moves.
STILL = {"name": "sgd", "learning_rate": 1e-30}


class DeadError(BaseException):
    """Nothing catches it: what comes after never happens, as after SIGKILL."""


def recipe_with(start_from=None, *, codec=None, model=MODEL, **training):
    own = {"epochs": 1, "batch_size": 50, "validation_examples": 5, "samples": 0, "optimizer": STILL, **training}
    return Recipe.from_dict(
        {**SUMS, "codec": codec or {}, "model": model, "training": {**own, "start_from": start_from}}
    )


def silently(line):
    del line


def weights_of(run):
    return load_trained_model(run).model.get_weights()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Holds a dataset and a run on it."""
    folder = tmp_path_factory.mktemp("starting")
    build(Recipe.from_dict(SUMS), folder / "data")
    train(recipe_with(optimizer={"learning_rate": 0.1}), folder / "data", folder / "first", report=silently)
    return folder


def assert_same_weights(run, other):
    for weights, others in zip(weights_of(run), weights_of(other), strict=True):
        np.testing.assert_array_equal(weights, others)


@pytest.mark.slow
def test_run_that_has_no_state_yet_takes_the_weights_again(folder, tmp_path, monkeypatch):
    recipe = recipe_with(str(folder / "first"), seed=1)
    with monkeypatch.context() as patch:

        def die(*_):
            raise DeadError

        patch.setattr(train_module, "save_state", die)
        with pytest.raises(DeadError):
            train(recipe, folder / "data", tmp_path / "second", report=silently)
    train(recipe, folder / "data", tmp_path / "second", resume=True, report=silently)
    assert_same_weights(folder / "first", tmp_path / "second")


def test_training_begins_with_the_weights_of_a_run_and_knows_what_they_have_seen(folder, tmp_path):
    recipe, lines = recipe_with(str(folder / "first"), seed=1), []
    train(recipe, folder / "data", tmp_path / "second", report=lines.append)
    assert f"begins with the weights of {folder / 'first'}" in lines
    assert_same_weights(folder / "first", tmp_path / "second")

    description = json.loads((tmp_path / "second" / "run.json").read_text())
    fingerprint = description["data_fingerprint"]
    assert description["started_from"]["run"] == str(folder / "first")
    assert description["started_from"]["trained_on"] == [[fingerprint, "train"]]
    # Weights remember what they were trained on, whatever the run does that has them.
    run = tmp_path / "moved"
    shutil.copytree(folder / "first", run)
    seen = {**json.loads((run / "run.json").read_text()), "started_from": {"trained_on": [["abc", "easy"]]}}
    (run / "run.json").write_text(json.dumps(seen))
    assert load_trained_model(run).trained_splits == {(fingerprint, "train"), ("abc", "easy")}


@pytest.mark.slow
def test_run_that_began_with_another_goes_on_wherever_that_is(folder, tmp_path):
    first, second = shutil.copytree(folder / "first", tmp_path / "first"), tmp_path / "second"
    train(recipe_with(str(first)), folder / "data", second, report=silently)
    shutil.rmtree(first)
    longer = recipe_with(str(first), epochs=2)
    assert train(longer, folder / "data", second, resume=True, report=silently).num_epochs == 2
    assert json.loads((second / "run.json").read_text())["started_from"]["run"] == str(first)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (
            {"codec": {"reverse_answer": True}},
            "another codec: its characters and `codec` must be those of this training",
        ),
        (
            {"model": {**MODEL, "decoder_width": 5}},
            "another model: `model` must be that of this training but for `dropout`",
        ),
        # The same shapes, but one that was trained with a mask reads other states.
        (
            {"model": {**MODEL, "mask_padding": True}},
            "another model: `model` must be that of this training but for `dropout`",
        ),
        ({"model": {"kind": "feedback"}}, "another model: `model` must be that of this training but for `dropout`"),
    ],
)
def test_weights_of_another_model_are_refused_before_anything_is_written(folder, tmp_path, options, reason):
    with pytest.raises(UserError) as caught:
        train(recipe_with(str(folder / "first"), **options), folder / "data", tmp_path / "run", report=silently)
    assert str(caught.value) == f"`training.start_from`: {folder / 'first'} has {reason}"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("places", ["absolute", "relative"])
def test_a_transformer_with_tables_of_another_length_is_refused(places):
    recipe = TransformerRecipe(width=4, heads=2, feed_forward=4, places=places)
    texts = [make_texts(" +0123456789", width, 4, operands={"min": 0, "max": 99}) for width in (7, 9)]
    small, large = (make_model(recipe, each.codec(), seed=1) for each in texts)
    run: Any = SimpleNamespace(model=small, codec=small.codec, run=SimpleNamespace(path="small"))
    with pytest.raises(UserError, match=r"^`training\.start_from`: small has another model"):
        StartingPoint(trained=run, description={}).copy_weights(large)


def test_run_that_may_have_seen_what_is_held_out_is_refused(folder, tmp_path):
    build(Recipe.from_dict({**SUMS, "seed": 1}), tmp_path / "other")
    with pytest.raises(UserError) as caught:
        train(recipe_with(str(folder / "first")), tmp_path / "other", tmp_path / "run", report=silently)
    assert str(caught.value) == (
        f"`training.start_from`: {folder / 'first'} was trained on other data (sums 1.0.0), perhaps on what this "
        "dataset holds out; name a run of this dataset"
    )
    own = folder / "first"
    with pytest.raises(UserError) as caught:
        train(recipe_with(str(own)), folder / "data", own, overwrite=True, report=silently)
    assert str(caught.value) == f"`training.start_from`: {own} is where this training goes: give it another directory"
    assert weights_of(own)
    with pytest.raises(UserError) as caught:
        train(recipe_with("arithmetic-44"), folder / "data", tmp_path / "run", report=silently)
    assert str(caught.value) == (
        "`training.start_from`: there is neither a run nor a model that comes with eqstream called `arithmetic-44`; "
        "did you mean `arithmetic-4`?"
    )
    with pytest.raises(UserError) as caught:
        train(recipe_with("out/nowhere"), folder / "data", tmp_path / "run", report=silently)
    assert str(caught.value) == "`training.start_from`: out/nowhere does not exist"


@pytest.mark.slow
def test_a_transformer_that_is_deeper_begins_as_the_run_and_one_that_is_not_larger_is_refused(folder, tmp_path):
    small = {"kind": "transformer", "width": 4, "heads": 2, "feed_forward": 4}
    train(recipe_with(model=small), folder / "data", tmp_path / "small", report=silently)
    deeper = recipe_with(str(tmp_path / "small"), model={**small, "encoder_depth": 2}, seed=1)
    train(deeper, folder / "data", tmp_path / "deeper", report=silently)
    questions = ["1 + 2", "7 + 7"]
    answers = [load_trained_model(tmp_path / name) for name in ("small", "deeper")]
    tokens = answers[0].codec.encode_questions(questions).astype(np.int32)
    one, other = (np.asarray(each.model.greedy_logits(tokens)) for each in answers)
    np.testing.assert_allclose(one, other, atol=1e-5)
    assert len(answers[1].model.encoder) == 2

    wider = recipe_with(str(tmp_path / "small"), model={**small, "encoder_depth": 2, "feed_forward": 8})
    with pytest.raises(UserError, match=r"for `dropout`, or have more `encoder_depth`, `decoder_depth`, `place_reach`"):
        train(wider, folder / "data", tmp_path / "wider", report=silently)
    shallower = recipe_with(str(tmp_path / "deeper"), model=small)
    with pytest.raises(UserError, match="another model"):
        train(shallower, folder / "data", tmp_path / "shallower", report=silently)
