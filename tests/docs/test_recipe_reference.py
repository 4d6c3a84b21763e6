"""The recipe reference is that of the code as it stands."""

import importlib.util
import json
from pathlib import Path

import pytest

from eqstream.data.recipe_files import shipped_recipes

DOCS = Path(__file__).parents[2] / "docs"
CURE = "run `python docs/make_recipe_reference.py`"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_recipe_reference", DOCS / "make_recipe_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_and_the_schema_are_up_to_date(script):
    assert (DOCS / "recipe.md").read_text(encoding="utf-8") == script.render(), CURE
    assert (DOCS / "recipe.schema.json").read_text(encoding="utf-8") == script.render_schema(), CURE


def allows(schema: dict, value) -> bool:
    """Whether a schema, as far as ours go, allows a value."""
    if "anyOf" in schema:
        return any(allows(each, value) for each in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"] and not isinstance(value, bool)
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "null": type(None)}
    names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    classes = tuple(kind for name in names for kind in ((int, float) if name == "number" else (kinds[name],)))
    if not isinstance(value, classes) or (isinstance(value, bool) and bool not in classes):
        return False
    if isinstance(value, list):
        return all(allows(schema["items"], each) for each in value) if "items" in schema else True
    if isinstance(value, dict) and "properties" in schema:
        is_complete = all(name in value for name in schema.get("required", ()))
        return is_complete and all(
            name in schema["properties"] and allows(schema["properties"][name], each) for name, each in value.items()
        )
    return True


def test_the_schema_allows_every_shipped_recipe(script):
    import yaml

    schema = json.loads((DOCS / "recipe.schema.json").read_text(encoding="utf-8"))
    for name, path in shipped_recipes().items():
        assert allows(schema, yaml.safe_load(path.read_text(encoding="utf-8"))), name
    recipe = {"name": "sums", "space": {"operands": {"min": 0, "max": 9}}, "splits": [{"name": "train", "count": 5}]}
    assert allows(schema, recipe)
    assert not allows(schema, {**recipe, "sead": 1})
    assert not allows(schema, {**recipe, "seed": "1"})
    assert not allows(schema, {"name": "sums"})
