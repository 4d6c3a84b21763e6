"""All that a training needs, checked before anything is written."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eqstream.data.dataset.manifest import Manifest
from eqstream.data.dataset.manifest_file import load_manifest
from eqstream.data.loading.codec import Codec
from eqstream.data.loading.data_source import DataSource
from eqstream.data.loading.token_table import TokenTable
from eqstream.data.recipe import Recipe
from eqstream.data.space_recipe import SpaceRecipe
from eqstream.seq2seq.config.architectures import DEFAULT_KIND
from eqstream.seq2seq.config.sections import ModelRecipe, TrainingRecipe
from eqstream.seq2seq.runs.compatibility import check_resumable, describe_new_schedule
from eqstream.seq2seq.runs.run_directory import RunDirectory, describe_run, with_kind
from eqstream.seq2seq.runs.split_roles import SplitRoles, choose_roles, roles_of_run
from eqstream.seq2seq.runs.starting_point import StartingPoint, load_starting_point
from eqstream.seq2seq.training.batches import Stage, TrainingSource, make_stages
from eqstream.seq2seq.training.callbacks import check_tensorboard
from eqstream.seq2seq.training.data_sources import check_roles, describe_sources, open_sources
from eqstream.seq2seq.training.state import TrainingProgress
from eqstream.seq2seq.training.training_source import mix_sources
from eqstream.seq2seq.training.validation import load_validation_sample, to_steps


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingTask:
    """All that a training needs, checked and in memory.

    Attributes:
        run: where it goes.
        description: of the run, for `run.json`.
        codec: between text and tokens.
        sections: of the recipe.
        roles: of the dataset's splits.
        sources: what the examples are taken from.
        stages: with the batches.
        sample: to choose the best epoch on.
        space: of the sample's equations.
        start: the run whose weights it begins with; None for random ones, and for a run that goes on.
        is_resumed: whether the run was begun before.
    """

    run: RunDirectory
    description: dict[str, Any]
    codec: Codec
    sections: ModelRecipe
    roles: SplitRoles
    sources: tuple[DataSource, ...]
    stages: tuple[Stage, ...]
    sample: TokenTable
    space: SpaceRecipe
    start: StartingPoint | None
    is_resumed: bool

    @functools.cached_property
    def taught_sample(self) -> TokenTable:
        """The sample as training shows it: as it is, or steps of its solutions."""
        return to_steps(self.sample, self.codec, self.space) if self.codec.options.steps else self.sample

    @property
    def training(self) -> TrainingRecipe:
        """The recipe's section."""
        return self.sections.training

    @property
    def source(self) -> TrainingSource:
        """That of all examples."""
        return self.stages[-1].source

    def stage_at(self, epoch: int) -> Stage:
        """Returns the stage of an epoch, from 0; those after the last one are of its stage too."""
        return next((stage for stage in self.stages if epoch < stage.end_epoch), self.stages[-1])

    def num_steps_of(self, epoch: int) -> int:
        """Returns the number of steps of an epoch, from 0."""
        return self.stage_at(epoch).source.num_batches

    def is_over(self, progress: TrainingProgress) -> bool:
        """Returns whether no epoch is left."""
        return progress.is_stopped or progress.epoch >= self.training.epochs


def prepare(
    recipe: Recipe, data_directory: str | Path, run: RunDirectory, *, resume: bool, report: Callable[[str], None]
) -> TrainingTask:
    """Returns the task after all checks, with the data read; writes nothing.

    Raises:
        UserError: the recipe or the dataset is not as it must be, they don't fit together, or `run` cannot be resumed.
    """
    recipe = _choose_kind(recipe, run, resume=resume, report=report)
    sections = ModelRecipe.from_recipe(recipe)
    training = sections.training
    manifest = load_manifest(data_directory)
    sources, own, codec = open_sources(recipe, sections, data_directory, manifest)
    mixture = describe_sources(sources) if training.mixture else ()
    if resume:
        check_resumable(run, recipe, codec=codec, manifest=manifest, mixture=mixture)
    roles = _choose_roles(run, manifest, training, resume=resume)
    if resume:
        _report_schedule(run, training, report)
    start, started_from = _find_start(run, manifest, training, resume=resume)
    if training.mixture:
        check_roles(sources, manifest, roles)
    if training.tensorboard:
        check_tensorboard()
    sample = load_validation_sample(training, roles.validation, codec, data_directory=data_directory, manifest=manifest)
    description = describe_run(
        recipe,
        data_directory,
        manifest,
        validation_split=roles.validation,
        mixture=mixture,
        started_from=started_from,
    )
    return TrainingTask(
        run=run,
        description=description,
        codec=codec,
        sections=sections,
        roles=roles,
        sources=sources,
        stages=make_stages(training, mix_sources(training, codec, sources=sources, own=own)),
        sample=sample,
        space=manifest.recipe.space,
        start=start,
        is_resumed=resume,
    )


def _choose_kind(recipe: Recipe, run: RunDirectory, *, resume: bool, report: Callable[[str], None]) -> Recipe:
    """Returns a recipe that names the kind of its model: that of the run, if it goes on, where it names none."""
    if "kind" in recipe.sections["model"]:
        return recipe
    kind = run.read_recipe().sections["model"]["kind"] if resume else DEFAULT_KIND
    recipe = with_kind(recipe, kind)
    report(f"the recipe names no model: a {kind} is trained, which is not tuned for this space")
    return recipe


def _choose_roles(run: RunDirectory, manifest: Manifest, training: TrainingRecipe, *, resume: bool) -> SplitRoles:
    splits = manifest.recipe.splits
    return roles_of_run(run.read_description(), splits, training) if resume else choose_roles(splits, training)


def _find_start(
    run: RunDirectory, manifest: Manifest, training: TrainingRecipe, *, resume: bool
) -> tuple[StartingPoint | None, Any]:
    """Returns the run whose weights this one begins with, None if there is none, and what the run's files say of it."""
    # A state has the weights, wherever they came from.
    start = None if resume and run.state_npz.is_file() else load_starting_point(training, manifest, run)
    if start is not None:
        return start, start.description
    return None, run.read_description().get("started_from") if resume else None


def _report_schedule(run: RunDirectory, training: TrainingRecipe, report: Callable[[str], None]) -> None:
    change = describe_new_schedule(ModelRecipe.from_dict(run.read_recipe().sections).training, training)
    if change is not None:
        report(change)
