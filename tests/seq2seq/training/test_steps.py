import contextlib
import csv
import json
from collections import Counter

import numpy as np
import pytest

from eqstream import open_dataset
from eqstream.data.dataset.manifest_file import load_manifest
from eqstream.data.errors import UserError
from eqstream.data.loading.codec_fit import fit_codec_to_dataset
from eqstream.data.recipe import Recipe
from eqstream.data.reference.evaluation import canonical_key
from eqstream.data.reference.evaluation import evaluate as evaluate_tree
from eqstream.data.reference.explanation import judge_line
from eqstream.data.reference.parsing import parse
from eqstream.pipelines.build import build
from eqstream.seq2seq import evaluate as evaluate_module
from eqstream.seq2seq.config.sections import ModelRecipe
from eqstream.seq2seq.evaluate import evaluate
from eqstream.seq2seq.predict import Predictor
from eqstream.seq2seq.runs.trained_model import load_trained_model
from eqstream.seq2seq.train import train
from eqstream.seq2seq.training.data_sources import open_sources
from eqstream.seq2seq.training.training_source import make_source, mix_sources
from eqstream.seq2seq.training.validation import load_validation_sample
from tests.brute_force import make_recipe, pick
from tests.loaded_models import load_models_once
from tests.untrained_run import make_untrained_run

SPACE = {"operands": {"min": 0, "max": 30}, "operators": "+*", "terms": {"min": 2, "max": 3}}
SPLITS = [{"name": "train", "count": 300}, {"name": "test", "count": 40}]
SPLITS_OF_FRACTIONS = [{"name": "train", "count": 60}, {"name": "test", "count": 20}]
CODEC = {"steps": True, "line_length": 16, "reverse_question": True, "reverse_answer": True}
MODEL = {"kind": "transformer", "width": 8, "heads": 1, "feed_forward": 8, "places": "pairs"}
MIXTURE = {"mixture": [{"weight": 3}, {"recipe": "addition-10"}]}
TRAINING = {"source": "fresh", "epochs": 1, "epoch_examples": 128, "batch_size": 16, "validation_examples": 16}


class DeadError(BaseException):
    """Nothing catches it: what comes after never happens."""


def die(line):
    raise DeadError(line)


@pytest.fixture(scope="module", params=[False, pytest.param(True, marks=pytest.mark.slow)], ids=["begun", "trained"])
def run(request, tmp_path_factory):
    """The directory of a model that was trained on steps, a little, or not at all: its training ended as it began."""
    directory = tmp_path_factory.mktemp("steps")
    recipe = make_recipe(SPACE, SPLITS, codec=CODEC, model=MODEL, training=TRAINING | MIXTURE)
    build(recipe, directory / "data")
    if request.param:
        train(recipe, directory / "data", directory / "run", report=lambda _: None)
    else:
        with pytest.raises(DeadError):
            train(recipe, directory / "data", directory / "begun", report=die)
        alone = make_recipe(SPACE, SPLITS, codec=CODEC, model=MODEL, training=TRAINING)
        make_untrained_run(alone, directory / "data", directory / "run")
    with pytest.MonkeyPatch.context() as patch:
        load_models_once(patch, directory, evaluate_module)
        yield directory / "run"


def test_a_model_is_trained_on_steps_and_judged_by_the_last_lines(run):
    wrong_file = run.parent / "wrong.csv"
    report = evaluate(run, report=lambda _: None, wrong_file=wrong_file)
    assert report.num_examples == 40
    assert report.split == "test"
    assert report.solutions is not None
    assert sum(report.solutions.ends.values()) == 40
    assert sum(each.num_lines for each in report.solutions.first_wrong) == report.num_wrong > 30
    with wrong_file.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == report.num_wrong
    for row in rows:
        judged = judge_line(row["line_before"], row["first_wrong_line"])
        assert (judged.step, judged.expected, judged.fault) == (row["step"], row["expected_line"], row["fault"])
    (saved,) = (json.loads(path.read_text()) for path in (run / "reports").glob("*.json"))
    assert saved["solutions"]["lines"]["num_lines"] == report.solutions.lines.num_lines
    assert saved["worst"][0]["wrong_line"]["fault"]
    tables = {row.split(",")[0] for row in report.to_csv().splitlines()}
    assert {"line", "first wrong line"} <= tables
    assert "first wrong line of a solution" in str(report)


def test_a_prediction_has_the_lines_and_what_is_wrong_with_them(run):
    predictor = Predictor.load(run)
    # More terms than any that it was trained on.
    (prediction,) = predictor.predict(["1+2+3*4+5"])
    assert prediction.question == "1 + 2 + 3 * 4 + 5"
    assert prediction.expected == "20"
    assert prediction.predicted == prediction.solution[-1].line
    place = prediction.first_wrong_step
    assert place is not None, "it has seen eight batches at most"
    _, question, *lines = prediction.to_text(steps=True).splitlines()
    assert question == "      1 + 2 + 3 * 4 + 5"
    wrong = prediction.solution[place]
    assert lines.pop(place) == f"    ☒ {wrong.line}  ({wrong.fault})"
    assert all(line.startswith("    = ") for line in lines)
    assert json.dumps(prediction.to_dict(steps=True)["steps"])


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"model": {"kind": "feedback"}}, "`codec.steps` needs `model.kind: transformer` with `model.places: pairs`"),
        (
            {"model": {"kind": "transformer"}},
            "`codec.steps` needs `model.kind: transformer` with `model.places: pairs`",
        ),
        ({"training": {}}, "`codec.steps` needs `training.source: fresh`, or a dataset with `steps: true`"),
        (
            {"training": {"source": "fresh", "weights": {"by": "terms"}}},
            "`codec.steps` does not go with `training.weights`, which weigh whole equations",
        ),
        ({"codec": {"steps": True, "zero_padding": True}}, None),
        ({"codec": {"steps": True, "line_length": 0}}, "`codec`: `line_length` must be above 0, got 0"),
    ],
)
def test_what_does_not_go_with_steps_is_refused(change, line):
    recipe = make_recipe(SPACE, SPLITS, **{"codec": CODEC, "model": MODEL, "training": TRAINING, **change})
    line = line or (
        "`codec`: `steps` does not go with `zero_padding`, `end_question`, `spaces: keep`, `padding: left` or "
        "`answer_padding: left`"
    )
    with pytest.raises(UserError) as raised:
        ModelRecipe.from_recipe(recipe)
    assert str(raised.value) == line


def read_lines(space, directory, **training):
    """The lines that a training of a dataset of this space is asked in its first epoch."""
    sections = ModelRecipe.from_dict({"codec": CODEC, "model": MODEL, "training": TRAINING | training})
    if not directory.exists():
        build(make_recipe(space, SPLITS), directory)
    manifest = load_manifest(directory)
    codec = fit_codec_to_dataset(manifest, sections.codec)
    source = make_source(sections.training, codec, data_directory=directory, manifest=manifest)
    (table,) = source._examples.read([np.arange(source.num_examples)])
    return codec.decode_questions(table.questions)


def test_a_training_with_detours_is_asked_lines_that_no_solution_has(tmp_path):
    space = {"operands": {"min": 1, "max": 900}, "operators": "/", "division": "quotient"}
    asked = [read_lines(space, tmp_path / "data", detours=share) for share in (0, 0.5)]
    assert [any("+ -" in line for line in lines) for lines in asked] == [False, True]


def test_detours_without_quotients_are_refused(tmp_path):
    line = "`training.detours` needs quotients, and no fresh equation has a `/`: leave it out"
    detours = TRAINING | {"detours": 0.1}
    with pytest.raises(UserError) as raised:
        ModelRecipe.from_recipe(make_recipe(SPACE, SPLITS, codec=CODEC, model=MODEL, training=detours))
    assert str(raised.value) == line
    build(make_recipe(SPACE, SPLITS), tmp_path)
    for name, is_refused in (("addition-10", True), ("division-exact", False)):
        training = detours | {"mixture": [{}, {"recipe": name}]}
        recipe = make_recipe(SPACE, SPLITS, codec=CODEC, model=MODEL, training=training)
        with pytest.raises(UserError, match=f"^{line}$") if is_refused else contextlib.nullcontext():
            open_sources(recipe, ModelRecipe.from_recipe(recipe), tmp_path, load_manifest(tmp_path))


def test_a_source_of_steps_that_other_splits_leave_nothing_of_is_refused(tmp_path):
    splits = [*SPLITS, {"name": "long", "rest": True, "where": {"terms": 3}}]
    source = {"where": {"terms": 3}}
    recipe = make_recipe(SPACE, splits, codec=CODEC, model=MODEL, training=TRAINING | {"mixture": [{}, source]})
    build(recipe, tmp_path / "data")
    with pytest.raises(UserError) as raised:
        train(recipe, tmp_path / "data", tmp_path / "run", report=lambda _: None)
    assert str(raised.value) == (
        "`training.mixture.1` has no example that meets its `where` and that no other split or dataset holds out"
    )


def test_a_source_with_other_steps_for_the_same_fraction_is_refused(tmp_path):
    space = {"operands": {"min": 0, "max": 9}, "operators": "/", "division": "fraction"}
    for name, terms in (("short", 2), ("long", 3)):
        build(make_recipe(space | {"terms": terms}, SPLITS_OF_FRACTIONS), tmp_path / name)
    sources = [{}, {"data": str(tmp_path / "long"), "source": "fresh"}]
    training = TRAINING | {"mixture": sources, "validation_split": "test"}
    recipe = make_recipe(space, SPLITS_OF_FRACTIONS, codec=CODEC, model=MODEL, training=training)
    with pytest.raises(UserError) as raised:
        train(recipe, tmp_path / "short", tmp_path / "run", report=lambda _: None)
    assert str(raised.value) == (
        "`training.mixture.1`: fractions of at most two terms have other steps than those of more, as "
        "`training.mixture.0` has: leave one of them out"
    )


def test_a_model_of_prime_factors_is_judged_by_their_rules(tmp_path):
    space = {"operands": {"min": 0, "max": 9}, "operators": "/", "division": "fraction"}
    recipe = make_recipe(space, SPLITS_OF_FRACTIONS, codec=CODEC, model=MODEL, training=TRAINING)
    build(recipe, tmp_path / "data")
    make_untrained_run(recipe, tmp_path / "data", tmp_path / "run")
    assert load_trained_model(tmp_path / "run").factored


@pytest.fixture(scope="module")
def step_data(tmp_path_factory):
    """A dataset whose examples are steps, and a recipe that trains on its files."""
    directory = tmp_path_factory.mktemp("records") / "data"
    training = {"epochs": 1, "batch_size": 16, "validation_examples": 16}
    recipe = make_recipe(SPACE, SPLITS, steps={"line_length": 12}, codec=CODEC, model=MODEL, training=training)
    build(recipe, directory)
    return recipe, directory


def test_batches_are_the_steps_of_the_files_and_the_sample_is_of_whole_equations(step_data):
    recipe, directory = step_data
    sections, manifest = ModelRecipe.from_recipe(recipe), load_manifest(directory)
    codec = fit_codec_to_dataset(manifest, sections.codec)
    source = make_source(sections.training, codec, data_directory=directory, manifest=manifest)
    assert source.num_examples == manifest.splits["train"].num_steps
    (table,) = source._examples.read([np.arange(source.num_examples)])
    rows = list(open_dataset(directory).equations("train"))
    assert codec.decode_questions(table.questions) == [row.question for row in rows]
    assert codec.decode_answers(table.answers) == [row.answer for row in rows]
    sample = load_validation_sample(sections.training, "test", codec, data_directory=directory, manifest=manifest)
    questions = codec.decode_questions(sample.questions)
    assert questions == pick(Recipe.from_dict({**recipe.to_dict(), "steps": None}))["test"][:16]
    assert codec.decode_answers(sample.answers) == [str(eval_sum(question)) for question in questions]


def open_steps(directory, mixture, codec=CODEC, **training):
    """The steps that a training of the dataset is given, and what makes texts of them."""
    manifest = load_manifest(directory)
    training = TRAINING | {"source": "shards", "mixture": mixture} | training
    model = MODEL if codec == CODEC else {"kind": "feedback"}
    recipe = make_recipe(SPACE, SPLITS, codec=codec, model=model, training=training)
    sections = ModelRecipe.from_recipe(recipe)
    sources, own, codec = open_sources(recipe, sections, directory, manifest)
    return mix_sources(sections.training, codec, sources=sources, own=own), codec


def read_steps(source, codec, first, last):
    (table,) = source._examples.read([np.arange(first, last)])
    return [*zip(codec.decode_questions(table.questions), codec.decode_answers(table.answers), strict=True)]


@pytest.fixture(scope="module")
def other_data(tmp_path_factory):
    """The recipe of another dataset of steps, some of whose equations are lines of the first one's, and its place."""
    directory = tmp_path_factory.mktemp("other") / "data"
    splits = [{"name": "test", "count": 300}, {"name": "train", "count": 100}]
    space = {"operands": {"min": 0, "max": 40}, "operators": "+"}
    recipe = make_recipe(space, splits, steps={"line_length": 12})
    build(recipe, directory)
    return recipe, directory


def test_steps_of_files_come_each_once_in_an_epoch_of_them_and_any_may_be_the_first(step_data):
    _, directory = step_data
    rows = [(row.question, row.answer) for row in open_dataset(directory).equations("train")]
    size = len(rows) // 16 * 16
    source, codec = open_steps(directory, [{}], epoch_examples=size)
    given = read_steps(source, codec, 0, 2 * size)
    assert Counter(given[:size]) <= Counter(rows)
    assert set(given) == set(rows)
    assert given[:size] != given[size:]
    longest = [max(len(line.replace(" ", "")) for line in pair) for pair in given[:size]]
    assert np.median([max(group) - min(group) for group in np.reshape(longest, (-1, 16)).tolist()]) <= 1
    again, _ = open_steps(directory, [{}], epoch_examples=size)
    assert read_steps(again, codec, size - 20, 2 * size) == given[size - 20 :]


def test_files_of_steps_share_a_mixture_without_lines_that_another_dataset_holds_out(step_data, other_data):
    _, directory = step_data
    _, place = other_data
    held_out = set()
    for recipe, _ in (step_data, other_data):
        tests = pick(Recipe.from_dict({**recipe.to_dict(), "steps": None}))["test"]
        held_out |= {canonical_key(parse(question)) for question in tests}
    mixture = [{}, {"data": str(place)}, {"data": str(place), "source": "fresh"}]
    source, codec = open_steps(directory, mixture, epoch_examples=4800)
    given = set(read_steps(source, codec, 0, 4800))
    rows = [
        {(row.question, row.answer) for row in open_dataset(path).equations("train")} for path in (directory, place)
    ]

    def is_held_out(pair):
        return not held_out.isdisjoint(canonical_key(parse(line)) for line in pair)

    for question, answer in given:
        assert eval_sum(question) == eval_sum(answer)
        assert not is_held_out((question, answer))
    left_out = set(filter(is_held_out, rows[0]))
    assert len(left_out) > 10
    assert not any(map(is_held_out, rows[1] - rows[0]))
    assert given >= rows[1] | (rows[0] - left_out)
    # A step may come from several equations, and then be several records.
    assert source.num_left_out is not None
    assert source.num_left_out[0] >= len(left_out)
    assert source.num_left_out[1:] == (0, None)


@pytest.mark.parametrize("kind", ["shards", "fresh"])
def test_no_line_is_in_a_split_though_another_dataset_trains_on_its_own_of_that_name(other_data, kind, tmp_path):
    _, place = other_data
    own = make_recipe(SPACE, [SPLITS[0], {"name": "test", "count": 400, "where": {"terms": 2}}])
    build(own, tmp_path)
    held_out = {canonical_key(parse(question)) for question in pick(own)["test"]}
    mixture = [{"source": "fresh"}, {"data": str(place), "split": "test", "source": kind}]
    source, codec = open_steps(tmp_path, mixture, epoch_examples=1600)
    lines = {line for pair in read_steps(source, codec, 0, 1600) for line in pair}
    assert held_out.isdisjoint(canonical_key(parse(line)) for line in lines)


def test_files_of_equations_are_no_source_of_steps_nor_the_other_way_round(step_data, tmp_path):
    _, directory = step_data
    build(make_recipe(SPACE, SPLITS), tmp_path)
    for path, other, codec, line in (
        (
            directory,
            tmp_path,
            CODEC,
            "`training.mixture.1`: `codec.steps` needs `source: fresh` there, or a dataset with `steps: true`",
        ),
        (tmp_path, directory, {}, "the dataset's examples are steps of worked solutions: set `codec.steps: true`"),
    ):
        with pytest.raises(UserError) as raised:
            open_steps(path, [{}, {"data": str(other)}], codec)
        assert str(raised.value) == line


def eval_sum(question):
    return evaluate_tree(parse(question), "exact")


def test_equations_of_no_split_are_no_validation(step_data):
    recipe, directory = step_data
    sections, manifest = ModelRecipe.from_recipe(recipe), load_manifest(directory)
    codec = fit_codec_to_dataset(manifest, sections.codec)
    with pytest.raises(UserError) as raised:
        load_validation_sample(sections.training, None, codec, data_directory=directory, manifest=manifest)
    assert str(raised.value) == (
        "no split to choose the best epoch on: `test` is held out by `where`, and equations of no split may be lines "
        "of solutions; add a split with the `where` of `train` to the recipe and build it anew, or name one by "
        "`training.validation_split`"
    )


def test_a_dataset_of_steps_needs_a_codec_of_lines(step_data, tmp_path):
    recipe, directory = step_data
    whole = make_recipe(SPACE, SPLITS, codec={"reverse_answer": True}, model=MODEL)
    with pytest.raises(UserError) as raised:
        train(whole, directory, tmp_path / "run", report=lambda _: None)
    assert str(raised.value) == "`steps` of the dataset needs `codec.steps: true`: its examples are lines of solutions"
    short = Recipe.from_dict({**recipe.to_dict(), "codec": {**CODEC, "line_length": 10}})
    with pytest.raises(UserError) as raised:
        train(short, directory, tmp_path / "run", report=lambda _: None)
    assert str(raised.value) == "questions have up to 12 characters, and `codec.line_length` is 10: raise it"


@pytest.mark.slow
def test_a_model_trained_on_files_of_steps_is_judged_on_whole_equations(step_data, tmp_path):
    recipe, directory = step_data
    train(recipe, directory, tmp_path / "run", report=lambda _: None)
    report = evaluate(tmp_path / "run", report=lambda _: None)
    assert (report.num_examples, report.split) == (40, "test")
    assert evaluate(tmp_path / "run", unseen=True, report=lambda _: None).num_examples == 40
