"""The commands that work on datasets: recipes, preview, build, verify, describe."""

import contextlib
import logging
import shutil
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from eqstream.commands.errors import BAD_DATA_STATUS, kept_when_interrupted
from eqstream.commands.options import (
    complete_recipe,
    dataset_argument,
    force_option,
    format_option,
    load_recipe,
    overwrite_option,
    recipe_argument,
    set_option,
    workers_option,
)
from eqstream.commands.output import is_quiet, is_verbose, json_option, output_options, show, show_json

if TYPE_CHECKING:
    from eqstream.data.recipe import Recipe
    from eqstream.pipelines.building.result import BuildResult

# How the names of recipes begin, and what these are.
_RECIPE_GROUPS = {
    "prior-": "Published experiments, repeated",
    "proposed-": "What the published experiments propose",
}
_NO_MODEL = "-"


@click.command(
    short_help="List the recipes that come with eqstream, or print one.",
    epilog="""\b
Examples:
  eqstream recipes
  eqstream recipes addition-3digit > my.yaml     a file to start from""",
)
@click.argument("name", required=False, shell_complete=complete_recipe)
@json_option
@output_options
def recipes(name: str | None, as_json: bool) -> None:
    """List the recipes that come with eqstream with the models that they train, or print the one of that NAME.

    As JSON, a recipe that is printed has all its keys.
    """
    from eqstream.data.recipe_files import find_recipe, shipped_recipes

    if name is None:
        models = {each: load_recipe(each) for each in sorted(shipped_recipes())}
        if as_json:
            show_json({each: _summarize(recipe) for each, recipe in models.items()})
        else:
            show(_list_recipes(models))
        return
    recipe = load_recipe(name)
    if as_json:
        show_json(recipe.to_dict())
    else:
        click.echo(find_recipe(name).read_text(encoding="utf-8").rstrip("\n"))


def _summarize(recipe: "Recipe") -> dict[str, str | None]:
    return {"description": recipe.description, "model": recipe.sections["model"].get("kind")}


def _list_recipes(name_to_recipe: "dict[str, Recipe]") -> str:
    """Returns each recipe's name, model and description, which goes on below itself where a line is too long."""
    rows = {name: _summarize(recipe) for name, recipe in name_to_recipe.items()}
    columns = [max(map(len, rows)), max(len(row["model"] or _NO_MODEL) for row in rows.values())]
    width = shutil.get_terminal_size().columns
    blocks = []
    prefixes = tuple(_RECIPE_GROUPS)
    groups = {"Equation spaces and models of them": [name for name in rows if not name.startswith(prefixes)]}
    groups |= {title: [name for name in rows if name.startswith(prefix)] for prefix, title in _RECIPE_GROUPS.items()}
    for title, names in groups.items():
        lines = [f"{title}:"]
        for name in names:
            start = f"  {name:<{columns[0]}}  {rows[name]['model'] or _NO_MODEL:<{columns[1]}}  "
            text = start + (rows[name]["description"] or "")
            lines.append(textwrap.fill(text, width, subsequent_indent=" " * len(start), break_on_hyphens=False))
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


@click.command(
    short_help="Show what a build would give; writes nothing.",
    epilog="""\b
Examples:
  eqstream preview addition-3digit
  eqstream preview my.yaml --set space.operands.max=9999 --json""",
)
@recipe_argument
@set_option
@format_option
@json_option
@output_options
def preview(recipe: str, overrides: tuple[str, ...], formats: str | None, as_json: bool) -> None:
    """Show what a build of RECIPE, a YAML file or the name of a shipped one, would give.

    These are sizes, samples, bytes and time. Writes nothing.
    """
    from eqstream.pipelines.preview import preview as preview_recipe

    loaded = load_recipe(recipe, overrides, formats)
    _check_model_sections(loaded)
    result = preview_recipe(loaded)
    if as_json:
        show_json(asdict(result))
    else:
        show(result.to_text())


@click.command(
    short_help="Build the dataset of a recipe.",
    epilog="""\b
Examples:
  eqstream build addition-3digit --out out/sums --workers 2
  eqstream build my.yaml --out gs://bucket/sums -- --runner=DataflowRunner --project=...""",
)
@recipe_argument
@click.option("--out", "directory", required=True, metavar="DIR", type=click.Path(), help="The dataset's directory.")
@set_option
@format_option
@workers_option
@click.option("--only", metavar="SHARD", help="Write one shard alone, such as train-00003.")
@overwrite_option
@force_option
@json_option
@output_options
@click.argument("beam_options", nargs=-1, type=click.UNPROCESSED, metavar="[-- BEAM OPTIONS]")
def build(
    recipe: str,
    directory: str,
    overrides: tuple[str, ...],
    formats: str | None,
    workers: int,
    only: str | None,
    overwrite: bool,
    force: bool,
    as_json: bool,
    beam_options: tuple[str, ...],
) -> None:
    """Build the dataset of RECIPE, a YAML file or the name of a shipped one.

    An interrupted build goes on when the same command is run again. Arguments after -- go to Beam.
    """
    if beam_options and not beam_options[0].startswith("-"):
        raise click.UsageError(f"Got unexpected extra argument ({beam_options[0]}).")
    loaded = load_recipe(recipe, overrides, formats)
    _check_model_sections(loaded)
    result = build_dataset(
        loaded,
        directory,
        workers=workers,
        beam_options=beam_options,
        only=only,
        overwrite=overwrite,
        force=force,
    )
    if as_json:
        show_json(asdict(result))
    else:
        show(result.to_text())


def _check_model_sections(recipe: "Recipe") -> None:
    """Refuses a recipe that could not be trained by, before a dataset is built for it."""
    from eqstream.seq2seq.config.sections import ModelRecipe

    ModelRecipe.from_recipe(recipe)


def build_dataset(
    recipe: "Recipe",
    directory: str,
    *,
    workers: int = 1,
    beam_options: tuple[str, ...] = (),
    only: str | None = None,
    overwrite: bool = False,
    force: bool = False,
) -> "BuildResult":
    """Builds with a bar on standard error, and says on Ctrl-C that the same command goes on."""
    from eqstream.building import build as build_quietly
    from eqstream.pipelines.runtime.beam_import import without_needless_packages

    _let_beam_log(bool(beam_options))
    # Runners of others may need what Beam's own does not.
    beam_import = contextlib.nullcontext() if beam_options else without_needless_packages()
    with beam_import, kept_when_interrupted(directory):
        return build_quietly(
            recipe,
            directory,
            workers=workers,
            pipeline_options=beam_options,
            only=only,
            overwrite=overwrite,
            force=force,
            progress=not is_quiet(),
        )


@click.command(
    short_help="Prove a dataset from its files alone.",
    epilog="""\b
Example:
  eqstream verify out/sums --workers 2
The exit status is 1 where something is wrong.""",
)
@dataset_argument
@workers_option
@click.option("--quick", is_flag=True, help="Compare sizes, checksums and counts alone.")
@json_option
@output_options
def verify(directory: str, workers: int, quick: bool, as_json: bool) -> int:
    """Prove from the files alone that the dataset in DIR is what its manifest says.

    One that is interrupted goes on when the same command is run again. What it has found so far, with 20 bytes for
    each record, lies below ~/.cache/eqstream/verify, or $XDG_CACHE_HOME, until it ends.
    """
    from eqstream.building import verify as verify_dataset
    from eqstream.pipelines.runtime.beam_import import without_needless_packages

    _let_beam_log(False)
    with without_needless_packages(), kept_when_interrupted(directory):
        result = verify_dataset(directory, workers=workers, quick=quick, progress=not is_quiet())
    if as_json:
        show_json(result.to_dict())
    else:
        show(result.to_text())
    return 0 if result.is_valid else BAD_DATA_STATUS


@click.command(
    short_help="Show counts, histograms and samples of a dataset.",
    epilog="""\b
Example:
  eqstream describe out/sums --json""",
)
@dataset_argument
@click.option("--split", "splits", multiple=True, metavar="NAME", help="Describe this split alone; may be repeated.")
@json_option
@output_options
def describe(directory: str, splits: tuple[str, ...], as_json: bool) -> None:
    """Show counts, histograms and samples of the dataset in DIR."""
    from eqstream.building import describe as describe_dataset
    from eqstream.pipelines.runtime.beam_import import without_needless_packages

    with without_needless_packages():
        description = describe_dataset(directory, splits=splits)
    if as_json:
        show_json(description.to_dict())
    else:
        show(description.to_text())


def _let_beam_log(is_wanted: bool) -> None:
    """Lets Beam log on request, and if it was given options: who runs a cluster wants to read what it says."""
    if is_wanted or is_verbose():
        logging.basicConfig(level=logging.INFO)
