"""Trains the model of a recipe on a dataset, from the shards to the best weights."""

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from data.codec import Codec
from data.errors import UserError
from data.loader import TokenTable, load_manifest, load_tokens
from data.permutation import Permutation, derive_seed
from data.recipe import Recipe
from seq2seq.callbacks import (
    BestKeeper,
    EarlyStopper,
    EpochReporter,
    ExactMatchJudge,
    StateKeeper,
    TrainingInterruptedError,
)
from seq2seq.dataset_splits import choose_validation_split
from seq2seq.models.base import EquationModel
from seq2seq.models.registry import make_model
from seq2seq.optimizers import make_optimizer
from seq2seq.recipe import ModelRecipe, TrainingRecipe
from seq2seq.run_directory import RunDirectory, describe_run
from seq2seq.training_source import TrainingSource, make_source
from seq2seq.training_state import TrainingProgress, build_metrics, restore_state, save_state

__all__ = ["TrainingInterruptedError", "TrainingReport", "train"]


@dataclass(frozen=True, kw_only=True)
class TrainingReport:
    """What a training came to.

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
        """Returns one or two lines for a person."""
        examples = f"{self.num_examples:,} " + ("examples" if self.source == "shards" else "fresh examples an epoch")
        return (
            f"trained {self.num_parameters:,} parameters on {examples}, {self.num_epochs} epochs; "
            f"best is epoch {self.best_epoch} with exact match {self.metrics['val_exact_match']:.3%} on the validation "
            f"sample\n{self.run_directory} holds the model"
        )


@dataclass(frozen=True, eq=False)
class _Task:
    """All that a training needs, ready in memory."""

    recipe: TrainingRecipe
    codec: Codec
    source: TrainingSource
    sample: TokenTable


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
    sections = ModelRecipe.from_recipe(recipe)
    manifest = load_manifest(data_directory)
    _check_same_space(recipe, manifest)
    codec = Codec.for_dataset(manifest, sections.codec)
    run = RunDirectory(run_directory)
    if resume:
        _check_resumable(run, recipe, codec, manifest)
    task = _prepare(sections.training, codec, data_directory, manifest)
    if not resume:
        run.create(overwrite=overwrite)
        codec.save(run.codec_json)
        run.write_description(describe_run(recipe, data_directory, manifest))
    keras.utils.set_random_seed(derive_seed(sections.training.seed, "training") % 2**32)
    model = make_model(sections.model, codec)
    _compile(model, task)
    progress = TrainingProgress()
    if run.state_npz.is_file():
        progress = restore_state(run.state_npz, model)
        report(f"going on at epoch {progress.epoch + 1}, step {progress.step}")
    else:
        save_state(run.state_npz, model, progress)
    report(
        f"{sections.model.kind}: {model.count_params():,} parameters, {task.source.num_examples:,} examples, "
        f"{task.source.num_batches} steps an epoch"
    )
    _fit(model, task, progress, run, report)
    run.write_description({**run.read_description(), "is_finished": True})
    return _make_report(run, model, task, progress)


def _check_same_space(recipe: Recipe, manifest: Mapping[str, Any]) -> None:
    ours, theirs = recipe.to_dict()["space"], manifest["recipe"]["space"]
    for key in ours:
        if ours[key] != theirs.get(key):
            raise UserError(
                f"the dataset is of another space than the recipe: `space.{key}` is {theirs.get(key)} in the dataset "
                f"and {ours[key]} in the recipe"
            )


def _check_resumable(run: RunDirectory, recipe: Recipe, codec: Codec, manifest: Mapping[str, Any]) -> None:
    description = run.read_description()
    if description["data_fingerprint"] != manifest["fingerprint"]:
        raise UserError(f"{run.path} was trained on other data ({description['data_name']}): it cannot be resumed")
    before, now = run.read_recipe().sections, recipe.sections
    # A longer training with the rest unchanged is the usual reason to come back.
    for sections in (before, now):
        sections["training"] = {key: value for key, value in sections["training"].items() if key != "epochs"}
    before, now = (ModelRecipe.from_dict(sections).to_dict() for sections in (before, now))
    for section, values in now.items():
        for key, value in values.items():
            if before[section].get(key) != value:
                raise UserError(
                    f"`{section}.{key}` was {before[section].get(key)} when {run.path} was begun and is {value} now: "
                    "a run is resumed with its own recipe"
                )
    if run.read_codec() != codec:
        raise UserError(f"{run.path} has another codec than its recipe gives for this dataset")


def _prepare(recipe: TrainingRecipe, codec: Codec, data_directory: str | Path, manifest: Mapping[str, Any]) -> _Task:
    validation = choose_validation_split(manifest, recipe.validation_split, recipe.train_split)
    judged = load_tokens(data_directory, validation, codec, manifest=manifest, storage=recipe.storage)
    source = make_source(recipe, codec, data_directory, manifest)
    chosen = np.arange(min(recipe.validation_examples, len(judged)))
    sample = judged.take(Permutation(len(judged), derive_seed(recipe.seed, "validation")).forward(chosen))
    return _Task(recipe, codec, source, sample)


def _compile(model: EquationModel, task: _Task) -> None:
    recipe = task.recipe
    num_steps = task.source.num_batches * recipe.epochs
    model.compile(
        optimizer=make_optimizer(recipe.optimizer, num_steps),
        loss=model.make_loss(),
        metrics=model.make_metrics(mask_pads=recipe.mask_loss),
        jit_compile=recipe.jit_compile,
        steps_per_execution=_divisor(task.source.num_batches, recipe.steps_per_execution),
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
    keeper = StateKeeper(progress, run, task.source.num_batches, recipe.save_steps)
    callbacks = [judge, EpochReporter(progress, judge, run, report), BestKeeper(progress, run, "val_exact_match")]
    if recipe.early_stopping is not None:
        callbacks.append(EarlyStopper(progress, recipe.early_stopping, report))
    callbacks.append(keeper)
    with _interrupts_noted_by(keeper):
        while progress.epoch < recipe.epochs and not progress.is_stopped:
            _fit_epochs(model, task, progress, callbacks)


def _fit_epochs(
    model: EquationModel, task: _Task, progress: TrainingProgress, callbacks: list[keras.callbacks.Callback]
) -> None:
    """Finishes the epoch under way, if there is one, else trains all that are left."""
    recipe = task.recipe
    is_begun = progress.step > 0
    stream = task.source.batches(first_epoch=progress.epoch, first_batch=progress.step)
    if is_begun:
        callbacks = [_MetricsRestorer(model), *callbacks]
    model.fit(
        _weighted(stream, model, recipe),
        validation_data=_weighted(_single_batch(task.sample), model, recipe),
        steps_per_epoch=task.source.num_batches - progress.step,
        initial_epoch=progress.epoch,
        epochs=progress.epoch + 1 if is_begun else recipe.epochs,
        callbacks=callbacks,
        shuffle=False,
        verbose=0,
    )


class _MetricsRestorer(keras.callbacks.Callback):
    """Gives the epoch under way the metrics of its steps before the interruption, which `fit` has reset."""

    def __init__(self, model: EquationModel) -> None:
        super().__init__()
        self._values = [keras.ops.convert_to_numpy(variable) for variable in model.metrics_variables]

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Puts the values back."""
        for variable, value in zip(self.model.metrics_variables, self._values, strict=True):
            variable.assign(value)


def _weighted(dataset: tf.data.Dataset, model: EquationModel, recipe: TrainingRecipe) -> tf.data.Dataset:
    """Returns inputs, target and loss weights: ({question, answer}, what the model makes of the answer, float32)."""

    def prepare(batch: dict[str, tf.Tensor]) -> tuple:
        answer = batch["answer"]
        return batch, model.make_target(answer), model.make_weights(answer, mask_pads=recipe.mask_loss)

    return dataset.map(prepare)


def _single_batch(table: TokenTable) -> tf.data.Dataset:
    batch = {"question": table.questions.astype(np.int32), "answer": table.answers.astype(np.int32)}
    return tf.data.Dataset.from_tensors(batch)


@contextmanager
def _interrupts_noted_by(keeper: StateKeeper) -> Iterator[None]:
    """Turns Ctrl-C into a wish that `keeper` fulfils after the step; a second Ctrl-C is not held back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def note(signal_number: int, frame: object) -> None:
        if keeper.is_interrupted:
            raise KeyboardInterrupt
        keeper.is_interrupted = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


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
