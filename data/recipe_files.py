"""Recipes in YAML files: those that come with eqstream, and a user's own."""

import difflib
import os
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

from eqstream.data.configuration import apply_override, parse_yaml
from eqstream.data.errors import UserError
from eqstream.data.local_files import describe_kind
from eqstream.data.recipe import MODEL_SECTIONS, Recipe


def shipped_recipes() -> dict[str, Path]:
    """Returns the recipes that come with eqstream, name to file, sorted by name."""
    folder = Path(str(resources.files("eqstream.data") / "recipes"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_recipe(
    source: str | Path | None, overrides: Iterable[str] = (), *, dataset_recipe: Recipe | None = None
) -> Recipe:
    """Returns the recipe of a YAML file, or the shipped one of that name.

    Args:
        source: the path of a YAML file, or the name of a shipped recipe; None for an empty recipe.
        overrides: changes as ``dotted.key=value``, the value in YAML, applied in order.
        dataset_recipe: has all that is about the dataset, for a recipe that is about a model alone.

    Raises:
        UserError: there is no such recipe, or it breaks a rule.
    """
    mapping = {} if source is None else _read_mapping(find_recipe(source))
    if dataset_recipe is not None and mapping.keys() <= set(MODEL_SECTIONS):
        mapping |= {key: value for key, value in dataset_recipe.to_dict().items() if key not in MODEL_SECTIONS}
    for override in overrides:
        apply_override(mapping, override)
    return Recipe.from_dict(mapping)


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"recipe {path} cannot be read: {error}") from error
    return parse_yaml(text, f"recipe {path}")


def find_recipe(source: str | Path) -> Path:
    """Returns the file of a recipe, which is given by its path or as the name of a shipped one.

    Raises:
        UserError: there is none.
    """
    shipped = shipped_recipes()
    if str(source) in shipped and not Path(source).is_file():
        return shipped[str(source)]
    if os.path.lexists(source) and not os.path.isfile(source):
        raise UserError(f"{source} is {describe_kind(source)}, and a recipe is a YAML file")
    if not Path(source).is_file():
        raise UserError(f"there is no recipe file or shipped recipe `{source}`{_hint(str(source), shipped)}")
    return Path(source)


def _hint(source: str, names: Iterable[str]) -> str:
    if "/" in source or source.endswith((".yaml", ".yml")):
        return ""
    close = difflib.get_close_matches(source, names, n=1)
    return f"; did you mean `{close[0]}`?" if close else "; `eqstream recipes` lists those that come with it"
