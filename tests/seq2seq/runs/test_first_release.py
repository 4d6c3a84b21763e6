"""Datasets and runs of the first release, which `tests/fixtures/first-release.zip` holds, can still be used.

It built sums.yaml as TFRecord and trained it for two epochs (`repeat-vector`), and for one with
`model={kind: transformer, width: 4, heads: 2, feed_forward: 4, places: relative}`, `codec.reverse_answer=true`.
"""

import contextlib
import csv
import json
import zipfile
from pathlib import Path

import pytest

from eqstream.data.errors import UserError
from eqstream.data.recipe_files import load_recipe
from eqstream.seq2seq.config.architectures import RepeatVectorRecipe
from eqstream.seq2seq.evaluate import evaluate
from eqstream.seq2seq.models.repeat_vector import RepeatVectorModel
from eqstream.seq2seq.predict import Predictor
from eqstream.seq2seq.runs.trained_model import load_trained_model
from eqstream.seq2seq.train import train

FIXTURE = Path(__file__).parents[2] / "fixtures" / "first-release.zip"


@pytest.fixture
def release(tmp_path):
    with zipfile.ZipFile(FIXTURE) as archive:
        archive.extractall(tmp_path)
    return tmp_path


def silently(line):
    del line


def test_a_run_opens_with_the_model_that_was_the_default_then(release):
    trained = load_trained_model(release / "repeat-vector")
    assert type(trained.model) is RepeatVectorModel
    assert isinstance(trained.sections.model, RepeatVectorRecipe)
    assert trained.sections.model.encoder_width == trained.model.architecture.encoder_width == 4


def test_its_answers_are_the_same(release):
    predictions = Predictor.load(release / "transformer").predict(["9 + 1", "1+9", "4 + 6"])
    assert [each.predicted for each in predictions] == ["962?", "362?", "212?"]


def test_it_is_evaluated_on_what_no_epoch_was_chosen_on(release):
    report = evaluate(release / "repeat-vector", data_directory=release / "data")
    assert (report.about, report.num_examples) == ("`near`", 40)


class DeadError(BaseException):
    """Nothing catches it: what comes after never happens."""


@pytest.mark.parametrize("is_trained", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_it_is_trained_on_and_says_that_its_examples_come_in_another_order(release, is_trained):
    recipe, lines = load_recipe(release / "sums.yaml", ["training.epochs=3"]), []

    def note(line):
        lines.append(line)
        if line.startswith("validation: ") and not is_trained:
            raise DeadError

    with contextlib.suppress(DeadError):
        train(recipe, release / "data", release / "repeat-vector", resume=True, report=note)
    assert (
        "begun with a version of eqstream that gave the examples in another order: the weights are not those of an "
        "uninterrupted run" in lines
    )
    assert "validation: 10 of `far` (the best epoch is chosen on it); report: `near`" in lines
    if not is_trained:
        return
    rows = list(csv.DictReader((release / "repeat-vector" / "log.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert float(rows[2]["loss"]) == pytest.approx(2.620680332183838, rel=1e-5)
    assert float(rows[2]["val_loss"]) == pytest.approx(2.618190050125122, rel=1e-5)
    description = json.loads((release / "repeat-vector" / "run.json").read_text())
    assert (description["validation_split"], description["recipe"]["model"]["kind"]) == ("far", "repeat-vector")


def test_it_is_not_trained_on_with_another_model(release):
    recipe = load_recipe(release / "sums.yaml", ["model={kind: feedback, width: 4}"])
    run = release / "repeat-vector"
    with pytest.raises(
        UserError, match=r"^`model.kind` was repeat-vector when .* was begun and is feedback now: a run"
    ):
        train(recipe, release / "data", run, resume=True, report=silently)
