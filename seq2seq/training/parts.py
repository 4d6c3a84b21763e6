"""Which splits, of one or several datasets, a training takes its examples from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eqstream.data.configuration import nearest
from eqstream.data.dataset.manifest import Manifest
from eqstream.data.dataset.manifest_file import load_manifest
from eqstream.data.dataset.manifest_maker import describe_space
from eqstream.data.errors import UserError
from eqstream.data.loading.parts import DatasetFiles, Part, check_spaces
from eqstream.data.recipe import Recipe
from eqstream.data.recipe_files import load_recipe
from eqstream.data.storage import normalize
from eqstream.seq2seq.config.mixture import MixturePart
from eqstream.seq2seq.config.sections import TrainingRecipe
from eqstream.seq2seq.runs.split_roles import SplitRoles


def load_parts(training: TrainingRecipe, data_directory: str | Path, manifest: Manifest) -> tuple[Part, ...]:
    """Returns what a training takes its examples from.

    Args:
        training: says what.
        data_directory: the dataset that the training is given.
        manifest: its manifest.

    Raises:
        UserError: there is no such dataset or split, or two datasets do not mean the same by ``/``.
    """
    if not training.mixture:
        return (_load_part("training", MixturePart(), training, data_directory, manifest),)
    parts = tuple(
        _load_part(f"training.mixture.{number}", part, training, data_directory, manifest)
        for number, part in enumerate(training.mixture)
    )
    check_spaces(parts, own_part(training, data_directory, manifest))
    return parts


def own_part(training: TrainingRecipe, data_directory: str | Path, manifest: Manifest) -> Part:
    """Returns the training split of the dataset that a training is given, whether or not a mixture has it."""
    return _make_part("the dataset that the training is given", MixturePart(), training, data_directory, manifest)


def _load_part(
    key: str, part: MixturePart, training: TrainingRecipe, data_directory: str | Path, manifest: Manifest
) -> Part:
    try:
        if part.recipe is not None:
            return _make_stream(f"`{key}`", part, training, load_recipe(part.recipe))
        own = load_manifest(part.data) if part.data else manifest
        own.split(part.split or training.train_split)
    except UserError as error:
        raise UserError(f"`{key}`: {error}") from error
    return _make_part(f"`{key}`", part, training, part.data or data_directory, own)


def _make_stream(key: str, part: MixturePart, training: TrainingRecipe, recipe: Recipe) -> Part:
    split, names = part.split or training.train_split, [each.name for each in recipe.splits]
    if split not in names:
        raise UserError(f"the recipe has no split `{split}`{nearest(split, names)}")
    if training.weights is not None:
        raise UserError("`training.weights` counts the examples of a dataset: give `data` in the place of `recipe`")
    return Part(key=key, recipe=recipe, facts=describe_space(recipe), split=split, knots=part.knots)


def _make_part(
    key: str, part: MixturePart, training: TrainingRecipe, directory: str | Path, manifest: Manifest
) -> Part:
    return Part(
        key=key,
        recipe=manifest.recipe,
        facts=manifest.space,
        split=part.split or training.train_split,
        knots=part.knots,
        files=DatasetFiles(directory, manifest),
        is_fresh=(part.source or training.source) == "fresh",
    )


def check_roles(parts: Sequence[Part], manifest: Manifest, roles: SplitRoles) -> None:
    """Refuses to train on what the model is chosen or evaluated on.

    Args:
        parts: of a mixture.
        manifest: of the dataset that the training is given.
        roles: of its splits.
    """
    for part in parts:
        if part.fingerprint == manifest.fingerprint and part.split in (roles.validation, roles.test):
            use = "the best epoch is chosen" if part.split == roles.validation else "the model is evaluated"
            raise UserError(f"{part.key}: {use} on `{part.split}`, it cannot be trained on")
    if roles.validation is None:
        raise UserError(
            "a `training.mixture` needs a split to choose the best epoch on: equations of no split may be in another "
            "dataset; name one by `training.validation_split`"
        )


def describe_parts(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """Returns what `run.json` says of the parts of a mixture."""
    return [
        {
            "data_directory": None if part.files is None else normalize(part.files.directory),
            "data_fingerprint": part.fingerprint,
            "data_name": f"{part.recipe.name} {part.recipe.version}",
            "split": part.split,
            "source": "fresh" if part.is_fresh else "shards",
            "space": part.recipe.to_dict()["space"],
        }
        for part in parts
    ]
