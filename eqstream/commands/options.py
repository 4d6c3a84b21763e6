"""Arguments and options that several commands have, and how the shell completes them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from eqstream.data.limits import MAX_ORDERS

if TYPE_CHECKING:
    from eqstream.data.dataset.manifest import Manifest
    from eqstream.data.recipe import Recipe

_Command = TypeVar("_Command", bound=Callable[..., object])


def complete_recipe(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[object]:
    """Returns the names of shipped recipes that begin so, and lets the shell add files."""
    from click.shell_completion import CompletionItem

    from eqstream.data.recipe_files import shipped_recipes

    names = [CompletionItem(name) for name in shipped_recipes() if name.startswith(incomplete)]
    return [*names] if names else [CompletionItem(incomplete, type="file")]


def _complete_split(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Returns the splits of the dataset at hand that begin so: that of --data, or the one that RUN was trained on."""
    try:
        data = context.params.get("data")
        if data is None:
            # An option that still lacks its value keeps click from telling which argument is which.
            run = context.params.get("run") or context.args[0]
            description = json.loads((Path(run) / "run.json").read_text(encoding="utf-8"))
            data = description["data_directory"]
        recipe = json.loads((Path(data) / "manifest.json").read_text(encoding="utf-8"))["recipe"]
        return [split["name"] for split in recipe["splits"] if split["name"].startswith(incomplete)]
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return []


recipe_argument = click.argument("recipe", shell_complete=complete_recipe)
run_argument = click.argument("run", metavar="RUN", type=click.Path())
dataset_argument = click.argument("directory", metavar="DIR", type=click.Path())
set_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change one key: space.operands.max=99."
)
format_option = click.option("--format", "formats", metavar="FORMATS", help="tfrecord, parquet or tfrecord,parquet.")
workers_option = click.option(
    "--workers", default=1, show_default=True, help="Processes to work in, this one included."
)
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace what an earlier run wrote there.")
force_option = click.option("--force", is_flag=True, help="Build even if it does not fit on the disk.")
orders_option = click.option(
    "--orders",
    default=1,
    show_default=True,
    type=click.IntRange(min=1, max=MAX_ORDERS),
    help="Ask each question in so many of its orders, such as 2 + 3 * 4 and 4 * 3 + 2, and take the likeliest answer.",
)
other_data_option = click.option(
    "--data", metavar="DIR", type=click.Path(), help="Another dataset than the one that the model was trained on."
)


def load_training_recipe(recipe: str | None, data: str, overrides: tuple[str, ...]) -> "tuple[Recipe, Manifest]":
    """Returns the recipe of a training, and the manifest in `data`, which says what the recipe does not say of it."""
    from eqstream.data.dataset.manifest_file import load_manifest
    from eqstream.data.recipe_files import load_recipe as load

    manifest = load_manifest(data)
    return load(recipe, overrides, dataset_recipe=manifest.recipe), manifest


def split_option(help_text: str) -> Callable[[_Command], _Command]:
    """Returns the option --split."""
    return click.option("--split", help=help_text, shell_complete=_complete_split)


def load_recipe(recipe: str, overrides: tuple[str, ...] = (), formats: str | None = None) -> "Recipe":
    """Returns the recipe with the changes of --set and --format."""
    from eqstream.data.recipe_files import load_recipe as load

    return load(recipe, overrides if formats is None else [*overrides, f"storage.formats=[{formats}]"])
