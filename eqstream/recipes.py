"""Recipes by name, by path, or as they are."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from eqstream.data import recipe_files
from eqstream.data.recipe import Recipe


def load_recipe(source: str | Path, overrides: Mapping[str, Any] | Iterable[str] = ()) -> Recipe:
    """Returns the recipe of a YAML file, or the one of that name that comes with eqstream.

    >>> recipe = load_recipe("addition-3digit", {"seed": 1, "space.operands.max": 99})
    >>> recipe.seed, recipe.space.operands.max
    (1, 99)

    Args:
        source: the path of a YAML file, or the name of a recipe; ``eqstream recipes`` lists them.
        overrides: changes, applied in order: dotted key to value, or texts ``dotted.key=value`` with the value in YAML.

    Raises:
        UserError: there is no such recipe, or it breaks a rule.
    """
    if isinstance(overrides, Mapping):
        overrides = [f"{key}={json.dumps(value)}" for key, value in overrides.items()]
    return recipe_files.load_recipe(source, overrides)


def as_recipe(recipe: Recipe | str | Path) -> Recipe:
    """Returns the recipe, loaded if it is a path or a name.

    Raises:
        UserError: there is no such recipe, or it breaks a rule.
    """
    return recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
