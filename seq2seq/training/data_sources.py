"""Which splits, of one or several datasets, a training takes its examples from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eqstream.data.configuration import drop_nothing, to_mapping
from eqstream.data.dataset.manifest import Manifest
from eqstream.data.dataset.manifest_file import load_manifest
from eqstream.data.errors import UserError
from eqstream.data.loading.codec import Codec
from eqstream.data.loading.data_source import DatasetFiles, DataSource, check_spaces, make_codec
from eqstream.data.recipe import Recipe
from eqstream.data.recipe_files import load_recipe
from eqstream.data.storage import normalize
from eqstream.seq2seq.config.mixture import MixtureSource
from eqstream.seq2seq.config.sections import ModelRecipe, TrainingRecipe
from eqstream.seq2seq.runs.compatibility import check_same_space
from eqstream.seq2seq.runs.split_roles import SplitRoles


def open_sources(
    recipe: Recipe, sections: ModelRecipe, data_directory: str | Path, manifest: Manifest
) -> tuple[tuple[DataSource, ...], DataSource, Codec]:
    """Returns what a training takes its examples from, the dataset's own training split, and a codec for both.

    Reads manifests and recipes alone: what is wrong with them comes to light before TensorFlow is loaded.

    Args:
        recipe: of the training.
        sections: those of the recipe that are about models.
        data_directory: the dataset that the training is given.
        manifest: its manifest.

    Raises:
        UserError: the recipe and the datasets do not fit together.
    """
    check_same_space(recipe, manifest)
    sections.check_examples(manifest.recipe)
    sources = load_sources(sections.training, data_directory, manifest)
    own = own_source(sections.training, data_directory, manifest)
    codec = make_codec([own, *sources], sections.codec)
    for source in sources:
        sections.check_space(source.recipe.space)
    sections.training.check_detours(source.recipe.space for source in sources if source.is_fresh)
    if sections.codec.steps:
        _refuse_equations(sources)
        _refuse_two_kinds_of_fractions(sources)
    return sources, own, codec


def _refuse_equations(sources: Sequence[DataSource]) -> None:
    """Refuses files of equations where steps are to be learned."""
    for source in sources:
        if not source.is_fresh and source.recipe.steps is None:
            raise UserError(f"{source.key}: `codec.steps` needs `source: fresh` there, or a dataset with `steps: true`")


def _refuse_two_kinds_of_fractions(sources: Sequence[DataSource]) -> None:
    """Refuses sources whose solutions bring the same fraction into lowest terms in other steps than the first one's."""
    fractions = [source for source in sources if "/" in source.recipe.space.operators]
    for source in fractions:
        if source.recipe.space.factors_fractions != fractions[0].recipe.space.factors_fractions:
            raise UserError(
                f"{source.key}: fractions of at most two terms have other steps than those of more, as "
                f"{fractions[0].key} has: leave one of them out"
            )


def load_sources(training: TrainingRecipe, data_directory: str | Path, manifest: Manifest) -> tuple[DataSource, ...]:
    """Returns what a training takes its examples from.

    Args:
        training: says what.
        data_directory: the dataset that the training is given.
        manifest: its manifest.

    Raises:
        UserError: there is no such dataset or split, or two datasets do not mean the same by ``/``.
    """
    if not training.mixture:
        return (_load_source("training", MixtureSource(), training, directory=data_directory, manifest=manifest),)
    sources = tuple(
        _load_source(f"training.mixture.{number}", entry, training, directory=data_directory, manifest=manifest)
        for number, entry in enumerate(training.mixture)
    )
    check_spaces(sources, own_source(training, data_directory, manifest))
    return sources


def own_source(training: TrainingRecipe, data_directory: str | Path, manifest: Manifest) -> DataSource:
    """Returns the training split of the dataset that a training is given, whether or not a mixture has it."""
    files = DatasetFiles(data_directory, manifest)
    return _make_source("the dataset that the training is given", MixtureSource(), training, files)


def _load_source(
    key: str, entry: MixtureSource, training: TrainingRecipe, *, directory: str | Path, manifest: Manifest
) -> DataSource:
    try:
        if entry.recipe is None:
            own = load_manifest(entry.data) if entry.data else manifest
            return _make_source(f"`{key}`", entry, training, DatasetFiles(entry.data or directory, own))
        if training.weights is not None:
            raise UserError("`training.weights` counts the examples of a dataset: give `data` in the place of `recipe`")
        split = entry.split or training.train_split
        return DataSource.of_recipe(f"`{key}`", load_recipe(entry.recipe), split, knots=entry.knots, where=entry.where)
    except UserError as error:
        raise UserError(f"`{key}`: {error}") from error


def _make_source(key: str, entry: MixtureSource, training: TrainingRecipe, files: DatasetFiles) -> DataSource:
    is_fresh = (entry.source or training.source) == "fresh"
    split = entry.split or training.train_split
    return DataSource.of_files(key, files, split, knots=entry.knots, is_fresh=is_fresh, where=entry.where)


def check_roles(sources: Sequence[DataSource], manifest: Manifest, roles: SplitRoles) -> None:
    """Refuses to train on what the model is chosen or evaluated on.

    Args:
        sources: of a mixture.
        manifest: of the dataset that the training is given.
        roles: of its splits.
    """
    for source in sources:
        if source.fingerprint == manifest.fingerprint and source.split in (roles.validation, roles.test):
            use = "the best epoch is chosen" if source.split == roles.validation else "the model is evaluated"
            raise UserError(f"{source.key}: {use} on `{source.split}`, it cannot be trained on")
    if roles.validation is None:
        raise UserError(
            "a `training.mixture` needs a split to choose the best epoch on: equations of no split may be in another "
            "dataset; name one by `training.validation_split`"
        )


def describe_sources(sources: Sequence[DataSource]) -> list[dict[str, Any]]:
    """Returns what `run.json` says of the sources of a mixture."""
    return [
        {
            "data_directory": None if source.files is None else normalize(source.files.directory),
            "data_fingerprint": source.fingerprint,
            "data_name": f"{source.recipe.name} {source.recipe.version}",
            "split": source.split,
            "source": "fresh" if source.is_fresh else "shards",
            **({} if source.where is None else {"where": drop_nothing(to_mapping(source.where))}),
            "space": source.recipe.to_dict()["space"],
        }
        for source in sources
    ]
