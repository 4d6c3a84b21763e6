"""Trainings on several datasets: what comes when, what must never come, and how they go on after a kill."""

import contextlib
import csv
import dataclasses
import json
import re
import time

import numpy as np
import pytest
import yaml

from eqstream.data.dataset.manifest_file import load_manifest
from eqstream.data.dataset.shard_reader import read_split
from eqstream.data.errors import UserError
from eqstream.data.loading.data_source import DatasetFiles, find_held_out, make_codec
from eqstream.data.recipe import Recipe
from eqstream.pipelines.build import build
from eqstream.seq2seq import evaluate as evaluate_module
from eqstream.seq2seq.analysis.examples import choose_examples
from eqstream.seq2seq.config.sections import ModelRecipe
from eqstream.seq2seq.evaluate import evaluate
from eqstream.seq2seq.predict import Predictor
from eqstream.seq2seq.runs.run_directory import RunDirectory
from eqstream.seq2seq.runs.split_roles import choose_roles
from eqstream.seq2seq.runs.trained_model import load_trained_model
from eqstream.seq2seq.train import train
from eqstream.seq2seq.training import training_source
from eqstream.seq2seq.training.data_sources import check_roles, load_sources
from eqstream.seq2seq.training.training_source import make_source
from tests.killed_training import killed_after
from tests.loaded_models import load_models_once
from tests.seq2seq.training.test_resume import begin, kill

SPLITS = [{"name": "train", "count": 80}, {"name": "validation", "count": 20}, {"name": "test", "rest": True}]
SUMS = {"name": "sums", "space": {"operands": {"min": 0, "max": 12}}, "splits": SPLITS}
# Two of three sums of these are sums of the other dataset, too.
BOTH = {
    "name": "both",
    "space": {"operands": {"min": 0, "max": 15}, "operators": "+-"},
    "splits": [{"name": "train", "count": 300}, {"name": "test", "count": 60}],
}
MODEL = {"kind": "repeat-vector", "encoder_width": 6, "decoder_width": 7, "dropout": 0.2}
TRAINING = {
    "epochs": 3,
    "batch_size": 16,
    "epoch_examples": 70,
    "validation_examples": 20,
    "samples": 0,
    "save_steps": 1,
    "curriculum": [{"epochs": 1, "carries": {"max": 0}}],
    "weights": {"by": "lengths", "balance": 0.5},
}
NUM_STEPS = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for recipe in (SUMS, BOTH):
        build(Recipe.from_dict(recipe), folder / recipe["name"])
    return folder


def mixture_of(folder):
    return [
        {"weight": [[0, 3], [8, 1]]},
        {"data": str(folder / "both")},
        {"data": str(folder / "both"), "source": "fresh", "weight": [[2, 0], [6, "0.5"]]},
    ]


def recipe_with(folder, **training):
    return Recipe.from_dict(
        {**SUMS, "model": MODEL, "training": {**TRAINING, "mixture": mixture_of(folder), **training}}
    )


def open_mixture(folder, **training):
    """Returns the source, the codec and the curriculum."""
    manifest = load_manifest(folder / "sums")
    sections = ModelRecipe.from_recipe(recipe_with(folder, **training))
    sources = load_sources(sections.training, folder / "sums", manifest)
    codec = make_codec(sources, sections.codec)
    source = make_source(sections.training, codec, data_directory=folder / "sums", manifest=manifest)
    return source, codec, sections.training.curriculum


def list_batches(source, codec, first, count):
    stream = source.batches(first_epoch=first // source.num_batches, first_batch=first % source.num_batches)
    return [
        [*zip(codec.decode_questions(batch["question"]), batch["weight"].tolist(), strict=True)]
        for batch in stream.take(count).as_numpy_iterator()
    ]


def questions_of(folder, name, split):
    manifest = load_manifest(folder / name)
    return {text for block in read_split(folder / name, manifest, split) for text in block.question.to_texts()}


def key_of(question):
    first, operator, second = question.split(" ")
    return frozenset((first, second)) if operator == "+" else question


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 13])
def test_every_batch_can_be_the_first_in_every_stage(folder, step):
    source, codec, curriculum = open_mixture(folder)
    assert source.num_batches == NUM_STEPS
    for each in (source, source.select(curriculum[0], 0)):
        whole = list_batches(each, codec, 0, 12)
        for first in range(0, 12, step):
            assert list_batches(each, codec, first, 2)[: 12 - first] == whole[first : first + 2]


def test_nothing_comes_that_a_dataset_holds_out_and_all_else_does(folder):
    source, codec, _ = open_mixture(folder)
    held_out = {
        key_of(question)
        for name, split in (("sums", "validation"), ("sums", "test"), ("both", "test"))
        for question in questions_of(folder, name, split)
    }
    given = [question for batch in list_batches(source, codec, 0, 400) for question, _ in batch]
    assert not held_out & {key_of(question) for question in given}
    trained = questions_of(folder, "sums", "train") | questions_of(folder, "both", "train")
    expected = {question for question in trained if key_of(question) not in held_out}
    assert expected <= set(given)
    assert any(question not in trained for question in given)
    left_out = [
        sum(key_of(question) in held_out for question in questions_of(folder, name, "train"))
        for name in ("sums", "both")
    ]
    assert all(left_out)
    assert source.num_left_out == (*left_out, None)


def test_a_split_is_held_out_though_one_of_its_name_in_another_dataset_is_trained_on(folder):
    mixture = [{}, {"data": str(folder / "both"), "split": "test"}]
    source, codec, _ = open_mixture(folder, mixture=mixture, weights=None)
    held_out = {
        key_of(question) for split in ("validation", "test") for question in questions_of(folder, "sums", split)
    }
    trained = questions_of(folder, "sums", "train") | questions_of(folder, "both", "test")
    expected = {question for question in trained if key_of(question) not in held_out}
    assert set(list_questions(source, codec, 400)) == expected < trained
    assert source.num_left_out is not None
    assert source.num_left_out[0] == 0


def test_stage_takes_its_examples_from_every_source(folder):
    source, codec, curriculum = open_mixture(folder)
    batches = list_batches(source.select(curriculum[0], 0), codec, 0, 3 * NUM_STEPS)
    given = {question for batch in batches for question, _ in batch}
    assert {question.split(" ")[1] for question in given} == {"+", "-"}
    sums = [tuple(map(int, question.split(" + "))) for question in given if "+" in question]
    assert all(a % 10 + b % 10 < 10 for a, b in sums)


def test_stage_that_a_source_has_nothing_of_is_refused(folder):
    curriculum = [{"epochs": 1, "carries": {"min": 2}}]
    source, _, stages = open_mixture(folder, curriculum=curriculum)
    message = (
        "`training.curriculum.0` (carries from 2): `training.mixture.0` has no example that no other split or dataset "
        "holds out"
    )
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        source.select(stages[0], 0)


def test_stream_is_narrowed_to_hard_cases_in_every_stage(folder):
    mixture = [{"source": "fresh", "where": {"longest_carry_chain": {"min": 1}, "digits": {"min": 2}}}]
    curriculum = [{"epochs": 1, "digits": {"max": 2}}, {"epochs": 1, "terms": 2}]
    source, codec, stages = open_mixture(folder, mixture=mixture, weights=None, curriculum=curriculum)
    held_out = {
        key_of(question) for split in ("validation", "test") for question in questions_of(folder, "sums", split)
    }
    sums = [(f"{one} + {other}", one % 10 + other % 10) for one in range(13) for other in range(13)]
    hard = {text for text, last in sums if last > 9 and len(text) > 5}
    expected = {text for text in hard if key_of(text) not in held_out}
    assert expected
    for each in (source, *(source.select(stage, 0) for stage in stages)):
        assert set(list_questions(each, codec, 8)) == expected


def list_questions(source, codec, count):
    """Returns the questions of the first batches."""
    batches = source.batches(first_epoch=0, first_batch=0).take(count).as_numpy_iterator()
    return [question for batch in batches for question in codec.decode_questions(batch["question"])]


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (
            {"where": {"terms": 2}},
            "`training.mixture.0`: `where` needs `source: fresh`: the files of a split are read as they are",
        ),
        (
            {"source": "fresh", "where": {"digits": 3}},
            "`training.mixture.0` has no example that meets its `where` and that no other split or dataset holds out",
        ),
        (
            {"source": "fresh", "where": {"quotient_digits": 0}},
            "`training.mixture.0`: `where.quotient_digits` needs whole operands, the operator `/`, and "
            "`space.division` as `exact` or `quotient`",
        ),
    ],
)
def test_condition_that_a_source_cannot_meet_is_refused(folder, part, message):
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        open_mixture(folder, mixture=[part], weights=None, curriculum=[])


def test_epoch_without_a_full_batch_is_refused(folder):
    message = (
        "an epoch of 15 examples has no full batch of 16: raise `training.epoch_examples`, or lower "
        "`training.batch_size`"
    )
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        open_mixture(folder, epoch_examples=15)


def weights_of(run):
    with np.load(RunDirectory(run).state_npz) as state:
        return {name: state[name].tobytes() for name in state.files if name != "progress"}


@pytest.fixture(scope="module")
def finished(folder, tmp_path_factory):
    run, lines = tmp_path_factory.mktemp("runs") / "whole", []
    report = train(recipe_with(folder), folder / "sums", run, report=lines.append)
    with pytest.MonkeyPatch.context() as patch:
        load_models_once(patch, run, evaluate_module)
        yield run, report, lines


def test_training_says_what_it_is_made_of(folder, finished):
    _, report, lines = finished
    assert "64 examples of a mixture an epoch" in report.to_text()
    source, _, _ = open_mixture(folder)
    counts = source.num_left_out
    assert lines[2:5] == [
        f"mixture: `train` of {folder / 'sums'}, without {counts[0]} equations that another dataset holds out",
        f"mixture: `train` of {folder / 'both'}, without {counts[1]} equations that another dataset holds out",
        f"mixture: a fresh stream of `train` of {folder / 'both'}",
    ]


# The training that `test_resume.py` kills goes on within an epoch, and every batch of a mixture can be the first.
@pytest.mark.slow
@pytest.mark.parametrize("num_steps", [2, NUM_STEPS + 3])
def test_training_killed_after_any_step_ends_with_the_same_weights(folder, finished, tmp_path, num_steps):
    with killed_after(num_steps):
        train(recipe_with(folder), folder / "sums", tmp_path / "run", report=lambda line: None)
    train(recipe_with(folder), folder / "sums", tmp_path / "run", resume=True, report=lambda line: None)
    assert weights_of(tmp_path / "run") == weights_of(finished[0])


def steps_done(run):
    """The steps of the last state that was saved."""
    path = RunDirectory(run).state_npz
    if not path.is_file():
        return 0
    with np.load(path) as state:
        progress = json.loads(str(state["progress"]))
    return progress["epoch"] * NUM_STEPS + progress["step"]


@pytest.mark.slow
def test_training_that_sigkill_ends_at_many_steps_ends_with_the_same_weights(folder, finished, tmp_path):
    recipe, run = tmp_path / "recipe.yaml", tmp_path / "run"
    recipe.write_text(yaml.safe_dump(recipe_with(folder).to_dict()))
    for step in range(2, TRAINING["epochs"] * NUM_STEPS, 3):
        process = begin(recipe, folder / "sums", run, *(["--resume"] if run.exists() else []))
        while steps_done(run) < step:
            assert process.poll() is None
            time.sleep(0.01)
        kill(process)
    train(recipe_with(folder), folder / "sums", run, resume=True, report=lambda line: None)
    assert weights_of(run) == weights_of(finished[0])


def test_model_is_evaluated_and_asked_on_both_datasets(folder, finished):
    run = finished[0]
    assert evaluate(run).split == "test"
    other = evaluate(run, data_directory=folder / "both", split="test")
    assert other.num_examples == 60
    trained = load_trained_model(run)
    for name, split, about in (
        ("both", "test", "`test`"),
        ("both", "train", "`train`, which the model was TRAINED on"),
        ("sums", "train", "`train`, which the model was TRAINED on"),
        ("sums", "validation", "`validation`, on which the best epoch was chosen"),
    ):
        manifest = load_manifest(folder / name)
        assert choose_examples(trained, folder / name, manifest, split=split, unseen=False).about == about
    predictor = Predictor.load(run)
    assert [each.expected for each in predictor.predict(["3 + 4", "15 - 7"])] == ["7", "8"]
    message = "none of the spaces contains `16 + 1`: operand 16 is not from 0 to 12; operand 16 is not from 0 to 15"
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        predictor("16 + 1")


def test_unseen_equations_of_a_mixture_are_not_known(finished):
    message = (
        "what is unseen is not known of a model that was trained on a mixture: an equation of no split may have come "
        "from another source; evaluate it on the splits, whose equations never do (`--split all` takes each)"
    )
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        evaluate(finished[0], unseen=True)


def test_run_goes_on_wherever_its_datasets_are_but_not_with_others(folder, finished, tmp_path):
    (tmp_path / "moved").symlink_to(folder / "both")
    mixture = [
        {**source, "data": str(tmp_path / "moved")} if "data" in source else source for source in mixture_of(folder)
    ]
    lines = []
    train(recipe_with(folder, mixture=mixture), folder / "sums", finished[0], resume=True, report=lines.append)
    assert lines[-1].endswith("is finished; nothing to do (`--overwrite` begins anew)")
    build(Recipe.from_dict({**BOTH, "seed": 1}), tmp_path / "other")
    mixture[1] = {"data": str(tmp_path / "other")}
    message = f"{finished[0]} was trained on other data (both 1.0.0): it cannot be resumed"
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        train(recipe_with(folder, mixture=mixture), folder / "sums", finished[0], resume=True, report=print)


def test_run_remembers_its_mixture(folder, finished):
    sources = json.loads((finished[0] / "run.json").read_text())["mixture"]
    assert [(source["data_name"], source["split"], source["source"]) for source in sources] == [
        ("sums 1.0.0", "train", "shards"),
        ("both 1.0.0", "train", "shards"),
        ("both 1.0.0", "train", "fresh"),
    ]
    rows = list(csv.DictReader((finished[0] / "log.csv").read_text().splitlines()))
    assert len(rows) == TRAINING["epochs"]


def load(folder, *mixture, name="sums", **training):
    manifest = load_manifest(folder / name)
    sections = ModelRecipe.from_dict({"training": {**TRAINING, "mixture": list(mixture), **training}})
    return load_sources(sections.training, folder / name, manifest), manifest, sections


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"split": "trian"}, "`training.mixture.0`: the dataset has no split `trian`; did you mean `train`?"),
        ({"split": "test"}, "`training.mixture.0`: the model is evaluated on `test`, it cannot be trained on"),
        (
            {"split": "validation"},
            "`training.mixture.0`: the best epoch is chosen on `validation`, it cannot be trained on",
        ),
    ],
)
def test_wrong_sources_are_refused(folder, tmp_path, entry, message):
    recipe = recipe_with(folder, mixture=[entry])
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        train(recipe, folder / "sums", tmp_path / "run", report=print)
    assert not (tmp_path / "run").exists()


class DeadError(BaseException):
    """Nothing catches it: what comes after never happens."""


@pytest.mark.parametrize("is_trained", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_recipe_may_take_the_place_of_a_dataset(folder, tmp_path, is_trained):
    mixture = [{"weight": 2}, {"recipe": str(tmp_path / "both.yaml")}]
    (tmp_path / "both.yaml").write_text(yaml.safe_dump(BOTH))
    lines = []

    def note(line):
        lines.append(line)
        if line.startswith("validation: ") and not is_trained:
            raise DeadError

    recipe = recipe_with(folder, mixture=mixture, weights=None, curriculum=[], epochs=1)
    with contextlib.suppress(DeadError):
        train(recipe, folder / "sums", tmp_path / "run", report=note)
    assert lines[2] == "mixture: a fresh stream of `train` of recipe both"
    if is_trained:
        assert evaluate(tmp_path / "run", data_directory=folder / "both", split="test").num_examples == 60
        train(recipe, folder / "sums", tmp_path / "run", resume=True, report=lines.append)
        assert lines[-1].endswith("is finished; nothing to do (`--overwrite` begins anew)")
    (tmp_path / "both.yaml").write_text(yaml.safe_dump({**BOTH, "seed": 7}))
    message = f"{tmp_path / 'run'} was trained on other data (both 1.0.0): it cannot be resumed"
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        train(recipe, folder / "sums", tmp_path / "run", resume=True, report=print)


@pytest.mark.parametrize(
    ("entry", "options", "message"),
    [
        (
            {"split": "trian"},
            {"weights": None},
            "`training.mixture.0`: the recipe has no split `trian`; did you mean `train`?",
        ),
        (
            {},
            {},
            "`training.mixture.0`: `training.weights` counts the examples of a dataset: give `data` in the place of "
            "`recipe`",
        ),
    ],
)
def test_recipe_that_cannot_take_the_place_is_refused(folder, entry, options, message):
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        load(folder, {"recipe": "addition-10", **entry}, **options)


def test_place_without_a_dataset_is_refused(folder, tmp_path):
    with pytest.raises(UserError, match=f"^`training.mixture.0`: .*{re.escape(str(tmp_path))}"):
        load(folder, {"data": str(tmp_path)})


def test_split_to_choose_the_best_epoch_on_must_be_there(folder, tmp_path):
    build(Recipe.from_dict({**SUMS, "splits": [{"name": "train", "count": 80}]}), tmp_path / "alone")
    sources, manifest, sections = load(tmp_path, {"data": str(folder / "both")}, name="alone")
    message = (
        "a `training.mixture` needs a split to choose the best epoch on: equations of no split may be in another "
        "dataset; name one by `training.validation_split`"
    )
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        check_roles(sources, manifest, choose_roles(manifest.recipe.splits, sections.training))


def test_datasets_must_mean_the_same_by_division(tmp_path):
    for division in ("quotient", "decimal"):
        space = {"operands": {"min": 1, "max": 9}, "operators": "/", "division": division}
        build(
            Recipe.from_dict({**SUMS, "space": space, "splits": [{"name": "train", "rest": True}]}), tmp_path / division
        )
    message = (
        "`training.mixture.0`: `/` means decimal with 2 places there, and quotient in the dataset that the training is "
        "given: a question could have two answers"
    )
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        load(tmp_path, {"data": str(tmp_path / "decimal")}, name="quotient")
    sources, _, _ = load(tmp_path, {}, {"data": str(tmp_path / "quotient"), "source": "fresh"}, name="quotient")
    assert find_held_out(sources) == [None, None]


def test_sources_of_a_mixture_must_mean_the_same_by_division_where_the_dataset_has_none(folder, tmp_path):
    entries = []
    for division in ("quotient", "decimal"):
        space = {"operands": {"min": 1, "max": 9}, "operators": "/", "division": division}
        build(
            Recipe.from_dict({**SUMS, "space": space, "splits": [{"name": "train", "rest": True}]}), tmp_path / division
        )
        entries.append({"data": str(tmp_path / division)})
    message = "`training.mixture.1`: `/` means decimal with 2 places there, and quotient in `training.mixture.0`: a "
    with pytest.raises(UserError, match=f"^{re.escape(message)}"):
        load(folder, *entries)


@pytest.mark.parametrize(("decimals", "is_refused"), [(0, False), (1, True)])
def test_exact_quotients_go_with_floored_ones_of_whole_numbers(tmp_path, decimals, is_refused):
    space = {"operands": {"min": 1, "max": 9}, "operators": "/", "division": "quotient"}
    build(Recipe.from_dict({**SUMS, "space": space, "splits": [{"name": "train", "rest": True}]}), tmp_path / "floor")
    operands = {"min": 1, "max": 9, "decimals": decimals}
    exact = {**SUMS, "space": {**space, "operands": operands, "division": "exact"}}
    build(Recipe.from_dict({**exact, "splits": [{"name": "train", "rest": True}]}), tmp_path / "exact")
    refused = pytest.raises(UserError, match="means exact there, and quotient")
    with refused if is_refused else contextlib.nullcontext():
        sources, _, _ = load(tmp_path, {}, {"data": str(tmp_path / "exact")}, name="floor")
        assert len(sources) == 2


def test_dataset_that_holds_out_who_knows_what_is_refused(folder):
    sources, _, _ = load(folder, {}, {"data": str(folder / "both")})
    foreign = dataclasses.replace(sources[1].files.manifest, fingerprint="of another version")
    sources = (sources[0], dataclasses.replace(sources[1], files=DatasetFiles(folder / "both", foreign)))
    message = (
        "a mixture with `training.mixture.1` needs a dataset of this version of eqstream, to know what it holds "
        "out; build both 1.0.0 anew"
    )
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        find_held_out(sources)


def test_sources_larger_than_memory_give_the_same_batches(folder, monkeypatch):
    source, codec, _ = open_mixture(folder)
    whole = list_batches(source, codec, 0, 12)
    monkeypatch.setattr(training_source, "MEMORY_BUDGET", 0)
    source, codec, _ = open_mixture(folder)
    assert list_batches(source, codec, 0, 12) == whole
