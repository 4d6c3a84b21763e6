import dataclasses
import json
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf

from eqstream.data.dataset.manifest_file import load_manifest
from eqstream.data.errors import UserError
from eqstream.data.loading.codec_fit import fit_codec_to_dataset
from eqstream.data.loading.split_source import load_tokens
from eqstream.data.recipe import Recipe
from eqstream.data.streams.unseen import unseen_equations
from eqstream.pipelines.build import build
from eqstream.seq2seq.config.architectures import AttentionRecipe, FeedbackRecipe, RepeatVectorRecipe, TransformerRecipe
from eqstream.seq2seq.config.sections import ModelRecipe
from eqstream.seq2seq.models.registry import make_model
from eqstream.seq2seq.runs.run_directory import RunDirectory
from eqstream.seq2seq.train import train
from eqstream.seq2seq.training.batches import with_targets
from eqstream.seq2seq.training.training_source import make_source
from tests.killed_training import killed_after
from tests.recipes import make_texts

RECIPE = {
    "name": "sums",
    "space": {"operands": {"min": 0, "max": 12}},
    "splits": [{"name": "train", "count": 50}, {"name": "test", "count": 40}],
    "model": {"kind": "repeat-vector", "encoder_width": 6, "decoder_width": 7, "dropout": 0.2},
    "training": {
        "source": "fresh",
        "epoch_examples": 70,
        "epochs": 2,
        "batch_size": 16,
        "validation_examples": 20,
        "samples": 0,
        "save_steps": 1,
        "curriculum": [{"epochs": 1, "digits": 1}],
        "weights": {"by": "lengths", "balance": 0.5},
    },
}
NUM_STEPS = 4  # of an epoch with all: 70 examples in batches of 16, the rest not given


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    directory = tmp_path_factory.mktemp("data") / "sums"
    build(Recipe.from_dict(RECIPE), directory)
    return directory


@pytest.fixture(scope="module")
def finished(dataset, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "whole"
    return run, train(Recipe.from_dict(RECIPE), dataset, run, report=lambda line: None)


class DeadError(BaseException):
    """Nothing catches it: what comes after never happens."""


def weights_of(run):
    with np.load(RunDirectory(run).state_npz) as state:
        return {name: state[name] for name in state.files if name != "progress"}


@pytest.fixture(scope="module")
def begun(dataset, tmp_path_factory):
    """The directory of a training that died before its first step, and what it reported."""
    run, lines = tmp_path_factory.mktemp("runs") / "begun", []

    def note(line):
        lines.append(line)
        if line.startswith("validation: "):
            raise DeadError

    with pytest.raises(DeadError):
        train(Recipe.from_dict(RECIPE), dataset, run, report=note)
    return run, lines


def test_training_on_a_stream_says_so(begun):
    lines = begun[1]
    assert lines[0].endswith(f"70 examples, {NUM_STEPS} steps an epoch")
    assert re.fullmatch(r"epochs 1 to 1: 1 digits, \d\d examples, [234] steps an epoch", lines[1])


@pytest.mark.slow
@pytest.mark.parametrize("num_steps", [1, NUM_STEPS, NUM_STEPS + 2])
def test_a_training_on_a_stream_killed_after_any_step_ends_with_the_same_weights(
    finished, dataset, tmp_path, num_steps
):
    with killed_after(num_steps):
        train(Recipe.from_dict(RECIPE), dataset, tmp_path / "run", report=lambda line: None)
    train(Recipe.from_dict(RECIPE), dataset, tmp_path / "run", resume=True, report=lambda line: None)
    assert "70 fresh examples an epoch" in finished[1].to_text()
    expected = weights_of(finished[0])
    for name, values in weights_of(tmp_path / "run").items():
        assert values.tobytes() == expected[name].tobytes(), name


def make(dataset, **training):
    manifest = load_manifest(dataset)
    sections = ModelRecipe.from_dict({"training": {**RECIPE["training"], **training}})
    codec = fit_codec_to_dataset(manifest)
    return make_source(sections.training, codec, data_directory=dataset, manifest=manifest), codec, manifest


def test_stream_of_a_dataset_gives_what_its_files_do_not_hold_out(dataset):
    source, codec, manifest = make(dataset)
    test = load_tokens(dataset, "test", codec, manifest=manifest)
    held_out = {frozenset(text.split(" + ")) for text in codec.decode_questions(test.questions)}
    given = set()
    for batch in source.batches(first_epoch=0, first_batch=0).take(60 * NUM_STEPS):
        given.update(codec.decode_questions(batch["question"].numpy()))
    assert not {frozenset(text.split(" + ")) for text in given} & held_out
    # What an evaluation on unseen equations takes for seen is what the stream gives.
    unseen = unseen_equations(manifest.recipe, from_stream=True)
    texts = {text for columns in unseen.blocks() for text in columns.question.to_texts()}
    assert not texts & given
    assert len(texts) + len(given) == 13 * 13


def list_examples(codec, stream, num_batches):
    """The question and the weight of each example of some batches."""
    return [
        [*zip(codec.decode_questions(batch["question"]), batch["weight"].tolist(), strict=True)]
        for batch in stream.take(num_batches).as_numpy_iterator()
    ]


@pytest.mark.parametrize("stride", [pytest.param(1, marks=pytest.mark.slow), 5])
def test_stage_of_a_stream_gives_its_examples_alone_from_any_step_on(dataset, stride):
    source, codec, _ = make(dataset)
    (stage,) = ModelRecipe.from_dict({"training": RECIPE["training"]}).training.curriculum
    selected = source.select(stage, 0)
    size = selected.num_batches
    assert 16 * size <= selected.num_examples <= 70
    whole = list_examples(codec, selected.batches(first_epoch=0, first_batch=0), 3 * size)
    given = {question for batch in whole for question, _ in batch}
    assert all(max(map(len, question.split(" + "))) == 1 for question in given)
    # A kind weighs the same in a stage as it does in all.
    weights = dict(
        example for batch in list_examples(codec, source.batches(first_epoch=0, first_batch=0), 99) for example in batch
    )
    assert all(weights[question] == weight for batch in whole for question, weight in batch if question in weights)
    for step in range(0, 3 * size, stride):
        epoch, batch = divmod(step, size)
        found = list_examples(codec, selected.batches(first_epoch=epoch, first_batch=batch), 3)
        assert found[: 3 * size - step] == whole[step : step + 3]


def test_stage_of_a_stream_without_a_full_batch_is_refused_by_name(dataset):
    source, _, _ = make(dataset)
    stages = [{"epochs": 1, "digits": {"min": 3}}]
    (stage,) = ModelRecipe.from_dict({"training": {"curriculum": stages}}).training.curriculum
    message = (
        "`training.curriculum.2` (digits from 3) has 0 examples, less than one batch of 16: widen the stage or lower "
        "`training.batch_size`"
    )
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        source.select(stage, 2)


def test_an_epoch_has_as_many_examples_as_the_split_unless_told_otherwise(dataset):
    assert make(dataset, epoch_examples=None)[0].num_examples == 50
    assert make(dataset, source="shards", epoch_examples=None)[0].num_examples == 50
    assert make(dataset, epoch_examples=1000)[0].num_batches == 62


def test_dataset_that_holds_out_who_knows_what_is_refused(dataset, tmp_path):
    manifest = dataclasses.replace(load_manifest(dataset), fingerprint="of another version")
    sections = ModelRecipe.from_dict({"training": RECIPE["training"]})
    with pytest.raises(UserError, match=r"`source: fresh` of `training` needs a dataset of this version of eqstream"):
        make_source(sections.training, fit_codec_to_dataset(manifest), data_directory=dataset, manifest=manifest)


def test_shards_have_no_epoch_examples():
    line = r"^`training`: `epoch_examples` needs `source: fresh` or a `mixture`: an epoch of shards is all$"
    with pytest.raises(UserError, match=line):
        ModelRecipe.from_dict({"training": {"epoch_examples": 10}})
    with pytest.raises(UserError, match="`epoch_examples` must be"):
        ModelRecipe.from_dict({"training": {"source": "fresh", "epoch_examples": 0}})


def test_batch_larger_than_an_epoch_is_refused(dataset):
    with pytest.raises(UserError, match="an epoch of 70 examples has no full batch of 71"):
        make(dataset, batch_size=71)


def test_run_remembers_its_source(begun):
    recipe = json.loads((begun[0] / "run.json").read_text())["recipe"]
    assert recipe["training"]["source"] == "fresh"


@pytest.mark.parametrize("is_repaired", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_damaged_shard_ends_a_training_in_one_line_and_the_repaired_one_lets_it_go_on(dataset, tmp_path, is_repaired):
    data, run = tmp_path / "data", tmp_path / "run"
    shutil.copytree(dataset, data)
    training = {"epochs": 1, "batch_size": 16, "validation_examples": 20, "samples": 0}
    recipe = Recipe.from_dict({**RECIPE, "training": training})
    (shard,) = data.glob("*/train-00000-of-00001.parquet")
    contents = shard.read_bytes()
    shard.write_bytes(contents[:100] + bytes([contents[100] ^ 1]) + contents[101:])
    message = r"^shard train-00000-of-00001, record 0: what .* holds there is not what the manifest says"
    with pytest.raises(UserError, match=message):
        train(recipe, data, run, report=lambda line: None)
    if is_repaired:
        shard.write_bytes(contents)
        assert train(recipe, data, run, resume=True, report=lambda line: None).num_epochs == 1


@pytest.mark.parametrize("padding", ["left", pytest.param("right", marks=pytest.mark.slow)])
def test_batches_lose_columns_that_hold_only_pads_if_the_model_reads_none(padding):
    texts = make_texts("+0123456789", 41, 21, operands={"min": 0, "max": 10**20 - 1}, spacing=False)
    codec = texts.codec(padding=padding, reverse_answer=True)
    questions = codec.encode_questions(["123+45", "99999+1"]).astype(np.int32)
    answers = codec.encode_answers(["168", "100000"]).astype(np.int32)

    def shapes_of(recipe, *, mask_pads=True):
        model = make_model(recipe, codec, seed=0)
        batch = {"question": questions, "answer": answers}
        inputs, target, weights = next(
            iter(with_targets(tf.data.Dataset.from_tensors(batch), model, mask_pads=mask_pads))
        )
        kept = inputs["question"].numpy()
        assert np.array_equal(
            kept, questions[:, -kept.shape[1] :] if padding == "left" else questions[:, : kept.shape[1]]
        )
        assert np.array_equal(inputs["answer"], target)
        return kept.shape, target.shape, weights.shape

    transformer = TransformerRecipe(width=4, heads=2, feed_forward=4)
    assert shapes_of(transformer) == ((2, 8), (2, 8), (2, 8))
    assert shapes_of(transformer, mask_pads=False) == ((2, 8), (2, 22), (2, 22))
    # Those that are written out step by step have all steps.
    for recipe in (RepeatVectorRecipe(mask_padding=True), FeedbackRecipe(), AttentionRecipe()):
        assert shapes_of(recipe) == ((2, 41), (2, 22), (2, 22))
