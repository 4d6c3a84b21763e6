"""What the README names is there, and what is there to be named is named."""

import re
from pathlib import Path

import yaml

from eqstream import cli
from eqstream.data.recipe import Recipe, load_recipe, shipped_recipes
from eqstream.seq2seq.config.sections import ModelRecipe

README = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")


def test_every_experiment_has_a_row_and_every_row_a_recipe():
    rows = set(re.findall(r"^\| `((?:prior|proposed)-[\w-]+)`", README, re.MULTILINE))
    assert rows == {name for name in shipped_recipes() if name.startswith(("prior-", "proposed-"))}


def test_commands_are_those_that_there_are():
    assert set(re.findall(r"^eqstream (\w+)", README, re.MULTILINE)) == set(cli.commands.commands)


def test_recipes_that_are_shown_are_recipes():
    space, model = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    shown = Recipe.from_dict(yaml.safe_load(space))
    assert shown.name == "mixed-4"
    sections = ModelRecipe.from_dict(yaml.safe_load(model))
    shipped = ModelRecipe.from_recipe(load_recipe("addition-3digit"))
    assert sections.model == shipped.model
    assert sections.codec == shipped.codec
    assert (sections.training.epochs, sections.training.batch_size) == (
        shipped.training.epochs,
        shipped.training.batch_size,
    )


def test_nothing_is_left_to_be_filled_in():
    assert not re.search(r"\b[A-Z]+_[A-Z_]*[A-Z]\b", README)
