"""What README and docs name is there, what is there to be named is named, and what they show works."""

import dataclasses
import re
from pathlib import Path

import pytest
import yaml

from eqstream import cli
from eqstream.data.recipe import Recipe
from eqstream.data.recipe_files import load_recipe, shipped_recipes
from eqstream.pipelines.preview import preview
from eqstream.seq2seq.config.sections import ModelRecipe
from eqstream.seq2seq.runs.askable_spaces import covers
from eqstream.seq2seq.runs.shipped_models import list_shipped_models

ROOT = Path(__file__).parents[1]
README = ROOT.joinpath("README.md").read_text(encoding="utf-8")
FIGURES = ROOT.joinpath("docs", "figures.md").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


def test_every_experiment_has_a_row_and_every_row_a_recipe():
    rows = set(re.findall(r"^\| `((?:prior|proposed)-[\w-]+)`", FIGURES, re.MULTILINE))
    assert rows == {name for name in shipped_recipes() if name.startswith(("prior-", "proposed-"))}


def test_every_experiment_is_judged_on_a_split_that_no_epoch_was_chosen_on():
    for name in shipped_recipes():
        if name.startswith(("prior-", "proposed-")):
            recipe = load_recipe(name)
            training = ModelRecipe.from_recipe(recipe).training
            roles = [training.train_split, training.validation_split, training.test_split]
            assert len(set(roles)) == 3, name
            assert set(roles) <= {split.name for split in recipe.splits}, name


def list_solved() -> dict[str, str]:
    """The recipes of README's table, each with what it says of their model."""
    table = README[README.index("## Recipes and what solves them") :]
    rows = re.findall(r"^\| (`.*?`) \| (.*?) \|", table, re.MULTILINE)
    return {name: model for names, model in rows for name in re.findall(r"`(.*?)`", names)}


def test_every_recipe_has_a_model_that_solves_it_in_the_readme():
    experiments = ("prior-", "proposed-")
    assert sorted(list_solved()) == sorted(
        [name for name in shipped_recipes() if not name.startswith(experiments)] + ["prior-…", "proposed-…"]
    )


def test_every_recipe_has_a_model_of_its_own_or_one_that_comes_with_eqstream_and_can_be_asked_it():
    shipped = {model.name: model for model in list_shipped_models()}
    solved = {name: model for name, model in list_solved().items() if not name.endswith("…")}
    for name in shipped_recipes():
        recipe, text = load_recipe(name), solved.get(name, "its own")
        if teacher := re.match(r"that of `(.*)`$", text):
            # Its equations are a source of the other's training.
            mixture = ModelRecipe.from_recipe(load_recipe(teacher[1])).training.mixture
            assert any(source.recipe == name for source in mixture), name
            continue
        other = re.match(r"\*\*`(.*)`\*\*$", text)
        assert ("kind" in recipe.sections["model"]) == (other is None or other[1] == name), name
        if "**" in text:
            spaces = shipped[other[1] if other else name].spaces
            assert any(covers(space, recipe.space) for space in spaces), name
    assert {name for name, text in solved.items() if text.startswith("**its") or name in text} == set(shipped)


def test_no_figure_is_of_equations_that_the_epoch_was_chosen_on():
    assert "†" not in FIGURES


def test_commands_are_those_that_there_are():
    assert set(re.findall(r"^eqstream (\w+)", README, re.MULTILINE)) == set(cli.commands.commands)


def test_recipes_that_are_shown_are_recipes():
    space, model = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    shown = Recipe.from_dict(yaml.safe_load(space))
    assert not {shown.name} & set(shipped_recipes())
    # Who copies it must be able to build it in seconds.
    assert sum(preview(shown).format_to_bytes.values()) < 100e6
    # The second goes on where the first ends: both are one file.
    sections = ModelRecipe.from_recipe(Recipe.from_dict(yaml.safe_load(space + model)))
    shipped = ModelRecipe.from_recipe(load_recipe("addition-3digit"))
    assert dataclasses.replace(sections.model, number_embedding=False) == shipped.model
    assert sections.codec == shipped.codec
    assert (sections.training.epochs, sections.training.batch_size) == (
        shipped.training.epochs,
        shipped.training.batch_size,
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_nothing_is_left_to_be_filled_in(page):
    text = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if not link.startswith("http")]
    assert [link for link in links if not (page.parent / link).exists()] == []
    assert not re.search(r"@[A-Z]+@", text)


def test_files_that_the_architecture_page_names_are_there():
    page = ROOT.joinpath("docs", "architecture.md").read_text(encoding="utf-8")
    table = page[page.index("## Where does a change go?") : page.index("## Words")]
    named = {name for name in re.findall(r"`([\w/]+(?:\.py|/))`", table) if "/" in name}
    assert len(named) >= 10
    assert [name for name in named if not (ROOT / name).exists()] == []
