import keras
import numpy as np
import pytest

from eqstream.data.dataset.manifest_file import load_manifest
from eqstream.data.errors import UserError
from eqstream.data.loading.codec_fit import fit_codec_to_dataset
from eqstream.data.recipe import Recipe
from eqstream.pipelines.build import build
from eqstream.seq2seq.config.sections import ModelRecipe
from eqstream.seq2seq.models.base import dtype_policy
from eqstream.seq2seq.models.registry import make_model
from eqstream.seq2seq.runs.trained_model import load_trained_model
from eqstream.seq2seq.train import train
from tests.killed_training import killed_after

RECIPE = {
    "name": "sums",
    "space": {"operands": {"min": 0, "max": 12}},
    "splits": [{"name": "train", "count": 100}, {"name": "test", "rest": True}],
    "model": {"kind": "transformer", "width": 8, "heads": 2, "feed_forward": 8, "dropout": 0.1},
}
SMALL = {
    "repeat-vector": {"encoder_width": 4, "decoder_width": 4, "batch_normalization": True, "mask_padding": True},
    "feedback": {"width": 4, "dropout": 0.1},
    "attention": {"width": 4, "bidirectional": True, "mask_padding": True},
    "transformer": {"width": 8, "heads": 2, "feed_forward": 8},
}
QUESTIONS = ["1 + 2", "12 + 12", "0 + 7"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    directory = tmp_path_factory.mktemp("data") / "sums"
    build(Recipe.from_dict(RECIPE), directory)
    return directory


def recipe_with(**training):
    training = {"epochs": 2, "batch_size": 20, "validation_examples": 20, "samples": 0, "save_steps": 1} | training
    return Recipe.from_dict({**RECIPE, "training": training})


@pytest.mark.parametrize(
    ("kind", "policy"),
    [
        # A half-precision number has the smallest range, and only a transformer masks scores; the others are slow.
        pytest.param(
            kind,
            policy,
            marks=() if (kind, policy) == ("transformer", "mixed_float16") else pytest.mark.slow,
        )
        for number, kind in enumerate(SMALL)
        for place, policy in enumerate(["mixed_bfloat16", "mixed_float16"])
    ],
)
def test_every_model_computes_and_comes_back_as_precisely_as_it_was_made(dataset, tmp_path, kind, policy):
    codec = fit_codec_to_dataset(load_manifest(dataset))
    architecture = ModelRecipe.from_dict({"model": {"kind": kind, **SMALL[kind]}}).model
    model = make_model(architecture, codec, precision=policy)
    questions = codec.encode_questions(QUESTIONS).astype(np.int32)
    answers = codec.encode_answers(["3", "24", "7"]).astype(np.int32)
    outputs = model({"question": questions, "answer": answers}, training=False)
    emitted = model.greedy_logits(keras.ops.convert_to_tensor(questions))
    assert keras.backend.standardize_dtype(outputs.dtype) == policy.removeprefix("mixed_")
    assert {each.dtype for each in model.trainable_variables} == {"float32"}
    assert np.isfinite(np.asarray(outputs, np.float32)).all()
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    assert copy.dtype_policy.name == policy
    for one, other in zip(model._flatten_layers(), copy._flatten_layers(), strict=True):
        assert (type(one), one.dtype_policy.name) == (type(other), other.dtype_policy.name)
    again = copy.greedy_logits(keras.ops.convert_to_tensor(questions))
    assert np.asarray(again, np.float32).tobytes() == np.asarray(emitted, np.float32).tobytes()
    assert keras.config.dtype_policy().name == "float32"


def test_the_policy_is_what_it_was_even_after_an_error():
    with pytest.raises(ZeroDivisionError), dtype_policy("mixed_bfloat16"):
        _ = 1 // 0
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_a_mixed_training_that_is_resumed_ends_with_the_same_weights(dataset, tmp_path, precision):
    recipe = recipe_with(precision=precision)
    train(recipe, dataset, tmp_path / "whole", report=lambda line: None)
    with killed_after(7):
        train(recipe, dataset, tmp_path / "run", report=lambda line: None)
    train(recipe, dataset, tmp_path / "run", resume=True, report=lambda line: None)
    with np.load(tmp_path / "whole" / "state.npz") as whole, np.load(tmp_path / "run" / "state.npz") as resumed:
        assert whole.files == resumed.files
        for name in set(whole.files) - {"progress"}:
            assert whole[name].tobytes() == resumed[name].tobytes(), name
    assert load_trained_model(tmp_path / "run").model.dtype_policy.name == precision
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"training": {"precision": "bfloat16"}}, r"`training\.precision` is unknown: the text 'bfloat16'"),
        (
            {"model": {"kind": "mlp-regression"}, "training": {"precision": "mixed_bfloat16"}},
            r"`training\.precision` must be float32 for `model\.kind: mlp-regression`",
        ),
    ],
)
def test_mistakes_are_named(sections, message):
    with pytest.raises(UserError, match=message):
        ModelRecipe.from_dict(sections)
