import re

import numpy as np
import pytest

from eqstream.data.configuration import from_mapping
from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe
from eqstream.data.split_recipe import Where
from eqstream.pipelines.build import build
from eqstream.seq2seq.config.curriculum import StageRecipe, check_stage
from eqstream.seq2seq.config.sections import ModelRecipe
from eqstream.seq2seq.train import train
from tests.recipes import SUMS

RECIPE = {
    **SUMS,
    "model": {"kind": "repeat-vector", "encoder_width": 6, "decoder_width": 7},
}


def recipe_with(**training):
    training = {"epochs": 4, "batch_size": 12, "validation_examples": 20, "samples": 0} | training
    return Recipe.from_dict({**RECIPE, "training": training})


def stages_of(*stages):
    return ModelRecipe.from_recipe(recipe_with(epochs=100, curriculum=list(stages))).training.curriculum


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    directory = tmp_path_factory.mktemp("data") / "sums"
    build(Recipe.from_dict(RECIPE), directory)
    return directory


@pytest.mark.parametrize(
    ("stage", "text"),
    [
        ({"digits": {"max": 2}}, "digits up to 2"),
        ({"digits": 1}, "1 digits"),
        ({"digits": {"min": 2}}, "digits from 2"),
        ({"digits": {"min": 2, "max": 3}, "terms": 2, "carries": {"max": 0}}, "2 terms, digits from 2 up to 3"),
        ({"carries": {"min": 9}}, "carries from 9"),
    ],
)
def test_a_stage_is_a_condition(stage, text):
    (read,) = stages_of({"epochs": 1, **stage})
    assert read.to_where() == from_mapping(Where, stage)
    assert read.to_text().startswith(text)


def test_a_stage_without_a_full_batch_is_refused_by_name():
    _, stage = stages_of({"epochs": 1, "digits": {"max": 3}}, {"epochs": 2, "digits": 2})
    message = (
        "`training.curriculum.1` (2 digits) has 1 examples, less than one batch of 2: widen the stage or lower "
        "`training.batch_size`"
    )
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        check_stage(stage, position=1, num_examples=1, batch_size=2)
    check_stage(stage, position=1, num_examples=2, batch_size=2)


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"curriculum": [{"epochs": 1}]}, r"a stage must have a range of `digits`, `terms` or `carries`"),
        ({"curriculum": [{"epochs": 0, "digits": 1}]}, "`epochs` must be above 0, got 0"),
        ({"curriculum": [{"digits": 1}]}, r"`training\.curriculum\.0\.epochs` is missing"),
        ({"curriculum": [{"epochs": 4, "digits": 1}]}, r"takes 4 epochs, of `epochs: 4` none is left"),
        ({"curriculum": [{"epochs": 1, "digit": 1}]}, r"unknown key `training\.curriculum\.0\.digit`"),
    ],
)
def test_mistakes_are_named(training, message):
    with pytest.raises(UserError, match=message):
        ModelRecipe.from_recipe(recipe_with(**training))


def test_a_stage_too_small_for_the_data_is_refused_and_nothing_written(dataset, tmp_path):
    recipe = recipe_with(batch_size=90, curriculum=[{"epochs": 1, "digits": 1}])
    with pytest.raises(
        UserError, match=r"`training\.curriculum\.0` \(1 digits\) has \d+ examples, less than one batch of 90"
    ):
        train(recipe, dataset, tmp_path / "run", report=print)
    assert not (tmp_path / "run").exists()


# The training that `training/test_resume.py` kills has steps of two sizes, too.
@pytest.mark.slow
@pytest.mark.parametrize("steps_per_execution", [1, 5])
def test_steps_are_counted_as_they_are_made_and_the_last_has_the_last_learning_rate(
    dataset, tmp_path, steps_per_execution
):
    optimizer = {"learning_rate": 0.5, "schedule": "linear", "final_share": 0.0}
    curriculum = [{"epochs": 2, "digits": 1}, {"epochs": 1, "carries": {"min": 1}}]
    lines = []
    recipe = recipe_with(curriculum=curriculum, optimizer=optimizer, steps_per_execution=steps_per_execution)
    train(recipe, dataset, tmp_path / "run", report=lines.append)
    assert lines[0].endswith("100 examples, 8 steps an epoch")
    sizes = [int(line.split(", ")[-2].split()[0]) for line in lines[1:3]]
    assert lines[1] == f"epochs 1 to 2: 1 digits, {sizes[0]} examples, {sizes[0] // 12} steps an epoch"
    assert lines[2] == f"epochs 3 to 3: carries from 1, {sizes[1]} examples, {sizes[1] // 12} steps an epoch"
    num_steps = [sizes[0] // 12] * 2 + [sizes[1] // 12, 8]
    rows = (tmp_path / "run" / "log.csv").read_text().splitlines()
    position = rows[0].split(",").index("learning_rate")
    rates = [float(row.split(",")[position]) for row in rows[1:]]
    # The rate after an epoch is that of the next step.
    shares = 1 - np.cumsum(num_steps) / sum(num_steps)
    assert rates == pytest.approx(0.5 * shares, abs=1e-6)
    assert rates[-1] == 0.0


# The training that `training/test_resume.py` kills is one of these, too.
@pytest.mark.slow
def test_early_stopping_does_not_count_while_a_part_alone_is_shown(dataset, tmp_path):
    stopping = {"monitor": "val_loss", "patience": 1, "target": 1000.0}
    recipe = recipe_with(curriculum=[{"epochs": 2, "digits": 1}], early_stopping=stopping)
    assert train(recipe, dataset, tmp_path / "run", report=lambda line: None).num_epochs == 3


def test_a_stage_comes_back_from_a_recipe_that_is_written_out():
    sections = ModelRecipe.from_recipe(recipe_with(curriculum=[{"epochs": 1, "digits": {"max": 2}}]))
    assert ModelRecipe.from_dict(sections.to_dict()) == sections
    assert isinstance(sections.training.curriculum[0], StageRecipe)
