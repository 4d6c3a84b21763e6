"""Trains the model of a recipe on a dataset, from the shards to the best weights."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from eqstream.data.dataset.manifest import Manifest
from eqstream.data.loading.codec import Codec
from eqstream.data.loading.shard_batches import TokenTable, load_manifest
from eqstream.data.permutation import derive_seed
from eqstream.data.recipe import Recipe
from eqstream.seq2seq.config.architectures import DEFAULT_KIND
from eqstream.seq2seq.config.sections import ModelRecipe, TrainingRecipe
from eqstream.seq2seq.models.base import EquationModel
from eqstream.seq2seq.models.precision import dtype_policy
from eqstream.seq2seq.models.registry import make_model
from eqstream.seq2seq.optimizers import make_optimizer
from eqstream.seq2seq.runs.compatibility import (
    check_resumable,
    check_same_space,
    describe_new_schedule,
    describe_other_versions,
)
from eqstream.seq2seq.runs.run_directory import RunDirectory, describe_run, with_kind
from eqstream.seq2seq.runs.split_roles import SplitRoles, choose_roles, roles_of_run
from eqstream.seq2seq.training.batches import Stage, TrainingSource, make_source, make_stages, with_targets
from eqstream.seq2seq.training.callbacks import (
    BestKeeper,
    EarlyStopper,
    EpochReporter,
    ExactMatchJudge,
    StateKeeper,
    TrainingInterruptedError,
)
from eqstream.seq2seq.training.event_files import check_tensorboard, make_event_writer
from eqstream.seq2seq.training.interrupts import interrupts_noted_by
from eqstream.seq2seq.training.report import TrainingReport
from eqstream.seq2seq.training.state import TrainingProgress, build_metrics, restore_state, save_model, save_state
from eqstream.seq2seq.training.validation import load_validation_sample

__all__ = ["TrainingInterruptedError", "TrainingReport", "train"]


@dataclass(frozen=True, eq=False)
class _Task:
    """All that a training needs, ready in memory."""

    recipe: TrainingRecipe
    codec: Codec
    stages: tuple[Stage, ...]
    sample: TokenTable
    roles: SplitRoles

    @property
    def source(self) -> TrainingSource:
        """That of all examples."""
        return self.stages[-1].source

    def stage_at(self, epoch: int) -> Stage:
        """Returns the stage of an epoch, from 0; those after the last one are of its stage too."""
        return next((stage for stage in self.stages if epoch < stage.end_epoch), self.stages[-1])


def train(
    recipe: Recipe,
    data_directory: str | Path,
    run_directory: str | Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    report: Callable[[str], None] = print,
) -> TrainingReport:
    """Trains and returns what came of it; the run's directory then holds the best model.

    Deterministic in (recipe, data) on one machine, whether interrupted and resumed or not.

    Args:
        recipe: its sections `codec`, `model` and `training` say what to do; its space must be that of the dataset.
        data_directory: a finished dataset.
        run_directory: a new or empty directory, or with `resume` the one of an interrupted training.
        resume: whether to go on with what `run_directory` holds.
        overwrite: whether a run that is there may be replaced.
        report: called with each line of progress.

    Raises:
        UserError: the recipe, the dataset or the directory is not as it must be.
        TrainingInterruptedError: the user pressed Ctrl-C; the state is saved.
    """
    run = RunDirectory(run_directory)
    names_model = "kind" in recipe.sections["model"]
    if not names_model:
        recipe = with_kind(recipe, run.read_recipe().sections["model"]["kind"] if resume else DEFAULT_KIND)
    sections = ModelRecipe.from_recipe(recipe)
    manifest = load_manifest(data_directory)
    check_same_space(recipe, manifest)
    codec = Codec.for_dataset(manifest, sections.codec)
    if resume:
        check_resumable(run, recipe, codec, manifest)
        change = describe_new_schedule(ModelRecipe.from_dict(run.read_recipe().sections).training, sections.training)
        if change is not None:
            report(change)
    if sections.training.tensorboard:
        check_tensorboard()
    splits = manifest.recipe.splits
    if resume:
        roles = roles_of_run(run.read_description(), splits, sections.training)
    else:
        roles = choose_roles(splits, sections.training)
    task = _prepare(sections.training, roles, codec, data_directory, manifest)
    if not resume:
        run.create(overwrite=overwrite)
    _write_papers(run, describe_run(recipe, data_directory, manifest, roles.validation), codec, report)
    keras.utils.set_random_seed(derive_seed(sections.training.seed, "training") % 2**32)
    with dtype_policy(sections.training.precision):
        model = make_model(sections.model, codec)
    _compile(model, task)
    progress = TrainingProgress()
    if run.state_npz.is_file():
        progress = restore_state(run.state_npz, model)
        ended = " (early stopping has ended it)" if progress.is_stopped else ""
        report(f"going on at epoch {progress.epoch + 1}, step {progress.step}{ended}")
    else:
        save_state(run.state_npz, model, progress)
    if not names_model:
        report(f"the recipe names no model: a {sections.model.kind} is trained, which is not tuned for this space")
    _report_task(sections.model.kind, model, task, report)
    try:
        _fit(model, task, progress, run, report)
    except TrainingInterruptedError:
        save_model(run.last_keras, model)
        raise
    save_model(run.last_keras, model)
    run.write_description({**run.read_description(), "is_finished": True})
    return _make_report(run, model, task, progress)


def _write_papers(run: RunDirectory, description: dict[str, Any], codec: Codec, report: Callable[[str], None]) -> None:
    """Writes what the run is about; when it is resumed too, as it may have been killed before all of it was there."""
    if run.exists:
        before = run.read_description()["versions"]
        changes = describe_other_versions(before, description["versions"])
        if changes is not None:
            report(changes)
        description = {**description, "versions": before}
    run.write_description(description)
    run.write_codec(codec)


def _report_task(kind: str, model: EquationModel, task: _Task, report: Callable[[str], None]) -> None:
    source = task.source
    report(
        f"{kind}: {model.count_params():,} parameters, {source.num_examples:,} examples, "
        f"{source.num_batches} steps an epoch"
    )
    for stage in task.stages[:-1]:
        report(
            f"epochs {stage.first_epoch + 1} to {stage.end_epoch}: {stage.name}, "
            f"{stage.source.num_examples:,} examples, {stage.source.num_batches} steps an epoch"
        )
    roles = task.roles
    chosen_on = "equations of no split" if roles.validation is None else f"of `{roles.validation}`"
    evaluated_on = "every unseen equation" if roles.test is None else f"`{roles.test}`"
    report(f"validation: {len(task.sample):,} {chosen_on} (the best epoch is chosen on it); report: {evaluated_on}")


def _prepare(
    recipe: TrainingRecipe, roles: SplitRoles, codec: Codec, data_directory: str | Path, manifest: Manifest
) -> _Task:
    sample = load_validation_sample(recipe, roles.validation, codec, data_directory=data_directory, manifest=manifest)
    stages = make_stages(recipe, make_source(recipe, codec, data_directory, manifest))
    return _Task(recipe, codec, stages, sample, roles)


def _compile(model: EquationModel, task: _Task) -> None:
    recipe = task.recipe
    model.compile(
        optimizer=make_optimizer(recipe.optimizer, sum(stage.num_steps for stage in task.stages)),
        loss=model.make_loss(),
        metrics=model.make_metrics(mask_pads=recipe.mask_loss),
        jit_compile=recipe.jit_compile,
    )
    model.optimizer.build(model.trainable_variables)
    build_metrics(model)


def _divisor(number: int, limit: int) -> int:
    """Returns the largest divisor up to `limit`: no call may run over the end of an epoch."""
    return max(each for each in range(1, min(number, limit) + 1) if number % each == 0)


def _fit(
    model: EquationModel, task: _Task, progress: TrainingProgress, run: RunDirectory, report: Callable[[str], None]
) -> None:
    recipe = task.recipe
    judge = ExactMatchJudge(task.sample, task.codec, num_shown=recipe.samples, jit_compile=recipe.jit_compile, run=run)
    keeper = StateKeeper(progress, run, lambda epoch: task.stage_at(epoch).source.num_batches, recipe.save_steps)
    callbacks = [judge, EpochReporter(progress, judge, run, report), BestKeeper(progress, run, "val_exact_match")]
    if recipe.tensorboard:
        callbacks.append(make_event_writer(run))
    if recipe.early_stopping is not None:
        first_epoch = task.stages[-1].first_epoch
        callbacks.append(EarlyStopper(progress, recipe.early_stopping, first_epoch=first_epoch, report=report))
    callbacks.append(keeper)
    with interrupts_noted_by(keeper):
        while progress.epoch < recipe.epochs and not progress.is_stopped:
            _fit_epochs(model, task, progress, callbacks)


def _fit_epochs(
    model: EquationModel, task: _Task, progress: TrainingProgress, callbacks: list[keras.callbacks.Callback]
) -> None:
    """Finishes the epoch under way, if there is one, else trains all that are left of its stage."""
    recipe, stage = task.recipe, task.stage_at(progress.epoch)
    is_begun = progress.step > 0
    _set_steps_per_execution(model, _divisor(stage.source.num_batches, recipe.steps_per_execution))
    stream = stage.source.batches(first_epoch=progress.epoch, first_batch=progress.step)
    if is_begun:
        callbacks = [_MetricsRestorer(model), *callbacks]
    model.fit(
        with_targets(stream, model, mask_pads=recipe.mask_loss),
        validation_data=with_targets(_single_batch(task.sample), model, mask_pads=recipe.mask_loss),
        steps_per_epoch=stage.source.num_batches - progress.step,
        initial_epoch=progress.epoch,
        epochs=progress.epoch + 1 if is_begun else stage.end_epoch,
        callbacks=callbacks,
        shuffle=False,
        verbose=0,
    )


def _set_steps_per_execution(model: EquationModel, number: int) -> None:
    if model.steps_per_execution != number:
        model.steps_per_execution = number
        # The number is written into both functions when they are made.
        model.make_train_function(force=True)
        model.make_test_function(force=True)


class _MetricsRestorer(keras.callbacks.Callback):
    """Gives the epoch under way the metrics of its steps before the interruption, which `fit` has reset."""

    def __init__(self, model: EquationModel) -> None:
        super().__init__()
        self._values = [keras.ops.convert_to_numpy(variable) for variable in model.metrics_variables]

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Puts the values back."""
        for variable, value in zip(self.model.metrics_variables, self._values, strict=True):
            variable.assign(value)


def _single_batch(table: TokenTable) -> tf.data.Dataset:
    batch = {"question": table.questions.astype(np.int32), "answer": table.answers.astype(np.int32)}
    return tf.data.Dataset.from_tensors(batch)


def _make_report(run: RunDirectory, model: EquationModel, task: _Task, progress: TrainingProgress) -> TrainingReport:
    best = progress.best_epoch or 0
    return TrainingReport(
        run_directory=run.path,
        num_epochs=progress.epoch,
        num_parameters=model.count_params(),
        num_examples=task.source.num_examples,
        source=task.recipe.source,
        best_epoch=best + 1,
        metrics={name: value for name, value in progress.rows[best].items() if name != "epoch"},
    )
