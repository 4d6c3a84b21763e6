"""Trains the model of a recipe on a dataset, from the shards to the best weights."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from eqstream.data.loading.codec import Codec
from eqstream.data.loading.token_table import TokenTable, load_manifest
from eqstream.data.permutation import derive_seed
from eqstream.data.recipe import Recipe
from eqstream.seq2seq.config.architectures import DEFAULT_KIND
from eqstream.seq2seq.config.sections import ModelRecipe, TrainingRecipe
from eqstream.seq2seq.models.base import EquationModel
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
    EpochRecorder,
    StateKeeper,
    TrainingInterruptedError,
    check_tensorboard,
    make_event_writer,
)
from eqstream.seq2seq.training.interrupts import deferred_interrupts
from eqstream.seq2seq.training.progress import Progress
from eqstream.seq2seq.training.state import TrainingProgress, build_metrics, restore_state, save_model, save_state
from eqstream.seq2seq.training.validation import ValidationSample, load_validation_sample

__all__ = ["TrainingInterruptedError", "TrainingReport", "train"]

Report = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class TrainingReport:
    """What came of a training.

    Attributes:
        run_directory: where everything is.
        num_epochs: epochs trained.
        num_parameters: of the model.
        num_examples: that it was trained on in each epoch.
        source: `shards` if each epoch has the same ones, `fresh` if not.
        best_epoch: counted from 1; its weights are kept.
        metrics: of that epoch.
    """

    run_directory: Path
    num_epochs: int
    num_parameters: int
    num_examples: int
    source: str
    best_epoch: int
    metrics: dict[str, float]

    def to_text(self) -> str:
        """Returns two lines for a person."""
        examples = f"{self.num_examples:,} " + ("examples" if self.source == "shards" else "fresh examples an epoch")
        return (
            f"trained {self.num_parameters:,} parameters on {examples}, {self.num_epochs} epochs; "
            f"best is epoch {self.best_epoch} with exact match {self.metrics['val_exact_match']:.3%} on the validation "
            f"sample\n{self.run_directory} holds the model"
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Task:
    """All that a training needs, checked and in memory.

    Attributes:
        run: where it goes.
        description: of the run, for `run.json`.
        codec: between text and tokens.
        sections: of the recipe.
        roles: of the dataset's splits.
        stages: with the batches.
        sample: to choose the best epoch on.
        is_resumed: whether the run was begun before.
    """

    run: RunDirectory
    description: dict[str, Any]
    codec: Codec
    sections: ModelRecipe
    roles: SplitRoles
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


def train(
    recipe: Recipe,
    data_directory: str | Path,
    run_directory: str | Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    report: Report = print,
    display: Progress | None = None,
) -> TrainingReport:
    """Trains and returns what came of it; the run's directory then holds the best model.

    Deterministic in (recipe, data) on one machine, whether interrupted and resumed or not. The state of Python's global
    random generator and Keras' global precision are the same afterwards as before; Ctrl-C is handled meanwhile.

    Args:
        recipe: its sections `codec`, `model` and `training` say what to do; its space must be that of the dataset.
        data_directory: a finished dataset.
        run_directory: a new or empty directory, or with `resume` the one of an interrupted training.
        resume: whether to go on with what `run_directory` holds.
        overwrite: whether a run that is there may be replaced.
        report: called with each line.
        display: shows how far it is; None shows nothing.

    Raises:
        UserError: the recipe, the dataset or the directory is not as it must be.
        TrainingInterruptedError: the user pressed Ctrl-C; the state is saved.
    """
    task = _prepare(recipe, data_directory, RunDirectory(run_directory), resume=resume, report=report)
    if not resume:
        task.run.create(overwrite=overwrite)
    model = _make_model(task)
    progress = restore_state(task.run.state_npz, model) if task.run.state_npz.is_file() else TrainingProgress()
    if task.is_over(progress) and task.run.read_description()["is_finished"]:
        report(f"{task.run.path} is finished; nothing to do")
        return _make_report(task, model, progress)
    _open_run(task, model, progress, report)
    try:
        _fit(model, task, progress, display or Progress(), report)
    except TrainingInterruptedError:
        save_model(task.run.last_keras, model)
        raise
    save_model(task.run.last_keras, model)
    task.run.write_description({**task.run.read_description(), "is_finished": True})
    return _make_report(task, model, progress)


def _prepare(recipe: Recipe, data_directory: str | Path, run: RunDirectory, *, resume: bool, report: Report) -> _Task:
    """Checks everything and reads the data; writes nothing."""
    if "kind" not in recipe.sections["model"]:
        recipe = with_kind(recipe, run.read_recipe().sections["model"]["kind"] if resume else DEFAULT_KIND)
        kind = recipe.sections["model"]["kind"]
        report(f"the recipe names no model: a {kind} is trained, which is not tuned for this space")
    sections = ModelRecipe.from_recipe(recipe)
    training = sections.training
    manifest = load_manifest(data_directory)
    check_same_space(recipe, manifest)
    codec = Codec.for_dataset(manifest, sections.codec)
    if resume:
        check_resumable(run, recipe, codec, manifest)
        roles = roles_of_run(run.read_description(), manifest.recipe.splits, training)
        _report_schedule(run, training, report)
    else:
        roles = choose_roles(manifest.recipe.splits, training)
    if training.tensorboard:
        check_tensorboard()
    sample = load_validation_sample(training, roles.validation, codec, data_directory=data_directory, manifest=manifest)
    return _Task(
        run=run,
        description=describe_run(recipe, data_directory, manifest, roles.validation),
        codec=codec,
        sections=sections,
        roles=roles,
        stages=make_stages(training, make_source(training, codec, data_directory, manifest)),
        sample=sample,
        is_resumed=resume,
    )


def _report_schedule(run: RunDirectory, training: TrainingRecipe, report: Report) -> None:
    change = describe_new_schedule(ModelRecipe.from_dict(run.read_recipe().sections).training, training)
    if change is not None:
        report(change)


def _describe_roles(roles: SplitRoles, num_examples: int) -> str:
    chosen_on = "equations of no split" if roles.validation is None else f"of `{roles.validation}`"
    evaluated_on = "every unseen equation" if roles.test is None else f"`{roles.test}`"
    return f"validation: {num_examples:,} {chosen_on} (the best epoch is chosen on it); report: {evaluated_on}"


def _make_model(task: _Task) -> EquationModel:
    """Returns the compiled model, with all its variables."""
    training = task.training
    seed = derive_seed(training.seed, "training") % 2**32
    model = make_model(task.sections.model, task.codec, seed=seed, precision=training.precision)
    model.compile(
        optimizer=make_optimizer(training.optimizer, sum(stage.num_steps for stage in task.stages)),
        loss=model.make_loss(),
        metrics=model.make_metrics(mask_pads=training.mask_loss),
        jit_compile=training.jit_compile,
    )
    model.optimizer.build(model.trainable_variables)
    build_metrics(model)
    return model


def _open_run(task: _Task, model: EquationModel, progress: TrainingProgress, report: Report) -> None:
    """Writes what the run is about, and its first state; says what is trained."""
    run, description = task.run, task.description
    if task.is_resumed:
        before = run.read_description()["versions"]
        changes = describe_other_versions(before, description["versions"])
        if changes is not None:
            report(changes)
        description = {**description, "versions": before}
    run.write_description(description)
    # Again, as the training may have been killed before all of this was there.
    run.write_codec(task.codec)
    if run.state_npz.is_file():
        report(f"going on at epoch {progress.epoch + 1}, step {progress.step}")
    else:
        save_state(run.state_npz, model, progress)
    *parts, everything = task.stages
    report(
        f"{task.sections.model.kind}: {model.count_params():,} parameters, "
        f"{everything.source.num_examples:,} examples, {everything.source.num_batches} steps an epoch"
    )
    for stage in parts:
        report(
            f"epochs {stage.first_epoch + 1} to {stage.end_epoch}: {stage.name}, "
            f"{stage.source.num_examples:,} examples, {stage.source.num_batches} steps an epoch"
        )
    report(_describe_roles(task.roles, len(task.sample)))


def _fit(model: EquationModel, task: _Task, progress: TrainingProgress, display: Progress, report: Report) -> None:
    """Trains until no epoch is left, or the user stops it."""
    training = task.training
    num_steps = [task.num_steps_of(epoch) for epoch in range(training.epochs)]

    def say(line: str) -> None:
        display.write(line, report)

    with deferred_interrupts(say) as interruption:
        callbacks = _make_callbacks(task, progress, display, say, interruption)
        display.begin(num_steps, sum(num_steps[: progress.epoch]) + progress.step)
        try:
            while not task.is_over(progress):
                _fit_epochs(model, task, progress, callbacks)
        finally:
            display.end()


def _make_callbacks(
    task: _Task, progress: TrainingProgress, display: Progress, report: Report, interruption: Event
) -> list[keras.callbacks.Callback]:
    training = task.training
    sample = ValidationSample(task.sample, task.codec, num_shown=training.samples, jit_compile=training.jit_compile)
    recorder = EpochRecorder(
        training, sample, progress, task.run, first_stopping_epoch=task.stages[-1].first_epoch, report=report
    )
    keeper = StateKeeper(
        progress,
        task.run,
        num_steps_of=task.num_steps_of,
        save_steps=training.save_steps,
        interruption=interruption,
        display=display,
    )
    return [recorder, *([make_event_writer(task.run)] if training.tensorboard else []), keeper]


def _fit_epochs(
    model: EquationModel, task: _Task, progress: TrainingProgress, callbacks: list[keras.callbacks.Callback]
) -> None:
    """Finishes the epoch under way, if there is one, else trains all that are left of its stage."""
    training, stage = task.training, task.stage_at(progress.epoch)
    is_begun = progress.step > 0
    _set_steps_per_execution(model, _divisor(stage.source.num_batches, training.steps_per_execution))
    stream = stage.source.batches(first_epoch=progress.epoch, first_batch=progress.step)
    if is_begun:
        callbacks = [_MetricsRestorer(model), *callbacks]
    model.fit(
        with_targets(stream, model, mask_pads=training.mask_loss),
        validation_data=with_targets(_single_batch(task.sample), model, mask_pads=training.mask_loss),
        steps_per_epoch=stage.source.num_batches - progress.step,
        initial_epoch=progress.epoch,
        epochs=progress.epoch + 1 if is_begun else stage.end_epoch,
        callbacks=callbacks,
        shuffle=False,
        verbose=0,
    )


def _divisor(number: int, limit: int) -> int:
    """Returns the largest divisor up to `limit`: no call may run over the end of an epoch."""
    return max(each for each in range(1, min(number, limit) + 1) if number % each == 0)


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


def _make_report(task: _Task, model: EquationModel, progress: TrainingProgress) -> TrainingReport:
    best = progress.best_epoch or 0
    return TrainingReport(
        run_directory=task.run.path,
        num_epochs=progress.epoch,
        num_parameters=model.count_params(),
        num_examples=task.source.num_examples,
        source=task.training.source,
        best_epoch=best + 1,
        metrics={name: value for name, value in progress.rows[best].items() if name != "epoch"},
    )
