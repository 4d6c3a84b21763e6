"""Recipes by name, by path, or as they are."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from eqstream.data import recipe_files
from eqstream.data.arguments import check_list, check_path
from eqstream.data.configuration import describe_type
from eqstream.data.errors import UserError
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
    check_list("overrides", overrides)
    if isinstance(overrides, Mapping):
        overrides = [f"{key}={_to_yaml(value)}" for key, value in overrides.items()]
    return recipe_files.load_recipe(check_path("source", source, "the path or the name of a recipe"), overrides)


def as_recipe(recipe: Recipe | str | Path) -> Recipe:
    """Returns the recipe, loaded if it is a path or a name.

    Raises:
        UserError: there is no such recipe, or it breaks a rule.
    """
    return (
        recipe
        if isinstance(recipe, Recipe)
        else load_recipe(check_path("recipe", recipe, "a recipe, its path or its name"))
    )


def _to_yaml(value: Any) -> str:
    plain = json.loads(json.dumps(value, default=_to_plain))
    # YAML would take a float as JSON writes it, such as 1e-05, for a text.
    return yaml.safe_dump(plain, default_flow_style=True, sort_keys=False).removesuffix("...\n").strip()


def _to_plain(value: Any) -> Any:
    """Returns the number of Python that a number of numpy stands for."""
    if isinstance(value, np.generic):
        return value.item()
    raise UserError(f"a recipe holds texts, numbers, true, false, lists and mappings, got {describe_type(value)}")
