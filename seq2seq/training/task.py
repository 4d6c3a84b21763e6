"""All that a training needs, checked before anything is written."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eqstream.data.dataset.manifest_file import load_manifest
from eqstream.data.loading.codec import Codec
from eqstream.data.loading.parts import Part, make_codec
from eqstream.data.loading.token_table import TokenTable
from eqstream.data.recipe import Recipe
from eqstream.seq2seq.config.architectures import DEFAULT_KIND
from eqstream.seq2seq.config.sections import ModelRecipe, TrainingRecipe
from eqstream.seq2seq.runs.compatibility import check_resumable, check_same_space, describe_new_schedule
from eqstream.seq2seq.runs.run_directory import RunDirectory, describe_run, with_kind
from eqstream.seq2seq.runs.split_roles import SplitRoles, choose_roles, roles_of_run
from eqstream.seq2seq.training.batches import Stage, TrainingSource, make_stages
from eqstream.seq2seq.training.callbacks import check_tensorboard
from eqstream.seq2seq.training.parts import check_roles, describe_parts, load_parts, own_part
from eqstream.seq2seq.training.sources import mix_parts
from eqstream.seq2seq.training.state import TrainingProgress
from eqstream.seq2seq.training.validation import load_validation_sample


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingTask:
    """All that a training needs, checked and in memory.

    Attributes:
        run: where it goes.
        description: of the run, for `run.json`.
        codec: between text and tokens.
        sections: of the recipe.
        roles: of the dataset's splits.
        parts: what the examples are taken from.
        stages: with the batches.
        sample: to choose the best epoch on.
        is_resumed: whether the run was begun before.
    """

    run: RunDirectory
    description: dict[str, Any]
    codec: Codec
    sections: ModelRecipe
    roles: SplitRoles
    parts: tuple[Part, ...]
    stages: tuple[Stage, ...]
    sample: TokenTable
    is_resumed: bool

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
    if "kind" not in recipe.sections["model"]:
        recipe = with_kind(recipe, run.read_recipe().sections["model"]["kind"] if resume else DEFAULT_KIND)
        kind = recipe.sections["model"]["kind"]
        report(f"the recipe names no model: a {kind} is trained, which is not tuned for this space")
    sections = ModelRecipe.from_recipe(recipe)
    training = sections.training
    manifest = load_manifest(data_directory)
    check_same_space(recipe, manifest)
    parts = load_parts(training, data_directory, manifest)
    own = own_part(training, data_directory, manifest)
    codec = make_codec([own, *parts], sections.codec)
    for part in parts:
        sections.check_space(part.recipe.space)
    mixture = describe_parts(parts) if training.mixture else ()
    if resume:
        check_resumable(run, recipe, codec=codec, manifest=manifest, mixture=mixture)
        roles = roles_of_run(run.read_description(), manifest.recipe.splits, training)
        _report_schedule(run, training, report)
    else:
        roles = choose_roles(manifest.recipe.splits, training)
    if training.mixture:
        check_roles(parts, manifest, roles)
    if training.tensorboard:
        check_tensorboard()
    sample = load_validation_sample(training, roles.validation, codec, data_directory=data_directory, manifest=manifest)
    return TrainingTask(
        run=run,
        description=describe_run(recipe, data_directory, manifest, validation_split=roles.validation, mixture=mixture),
        codec=codec,
        sections=sections,
        roles=roles,
        parts=parts,
        stages=make_stages(training, mix_parts(training, codec, parts=parts, own=own)),
        sample=sample,
        is_resumed=resume,
    )


def _report_schedule(run: RunDirectory, training: TrainingRecipe, report: Callable[[str], None]) -> None:
    change = describe_new_schedule(ModelRecipe.from_dict(run.read_recipe().sections).training, training)
    if change is not None:
        report(change)
