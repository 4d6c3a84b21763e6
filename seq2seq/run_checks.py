"""Whether a training may begin, or go on, with the recipe, the data and the run that it was given."""

from collections.abc import Mapping
from typing import Any

from data.codec import Codec
from data.errors import UserError
from data.recipe import Recipe
from seq2seq.recipe import ModelRecipe
from seq2seq.run_directory import RunDirectory


def check_same_space(recipe: Recipe, manifest: Mapping[str, Any]) -> None:
    """Refuses a dataset whose equations are not those that the recipe is about."""
    ours, theirs = recipe.to_dict()["space"], manifest["recipe"]["space"]
    for key in ours:
        if ours[key] != theirs.get(key):
            raise UserError(
                f"the dataset is of another space than the recipe: `space.{key}` is {theirs.get(key)} in the dataset "
                f"and {ours[key]} in the recipe"
            )


def check_resumable(run: RunDirectory, recipe: Recipe, codec: Codec, manifest: Mapping[str, Any]) -> None:
    """Refuses to go on with a run of other data, of another recipe (but for the number of epochs) or another codec."""
    description = run.read_description()
    if description["data_fingerprint"] != manifest["fingerprint"]:
        raise UserError(f"{run.path} was trained on other data ({description['data_name']}): it cannot be resumed")
    before, now = (ModelRecipe.from_dict(each.sections).to_dict() for each in (run.read_recipe(), recipe))
    # A longer training with the rest unchanged is the usual reason to come back.
    before["training"]["epochs"] = now["training"]["epochs"]
    for section, values in now.items():
        for key, value in values.items():
            if before[section].get(key) != value:
                raise UserError(
                    f"`{section}.{key}` was {before[section].get(key)} when {run.path} was begun and is {value} now: "
                    "a run is resumed with its own recipe"
                )
    if run.codec_json.is_file() and run.read_codec() != codec:
        raise UserError(f"{run.path} has another codec than its recipe gives for this dataset")


def describe_other_versions(before: Mapping[str, str], now: Mapping[str, str]) -> str | None:
    """Returns a line that says which tools have changed since a run was begun; None if none has.

    The weights of a training are promised bit for bit with the same tools alone.
    """
    changes = [
        f"{name} {version}, now {now[name]}"
        for name, version in sorted(before.items())
        if now.get(name, version) != version
    ]
    return f"begun with {'; '.join(changes)}: the weights may differ from an uninterrupted run's" if changes else None
