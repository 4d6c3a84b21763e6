"""The steps of a training, from where it stands to its end."""

from collections.abc import Callable
from threading import Event

import keras
import numpy as np
import tensorflow as tf

from eqstream.data.loading.token_table import TokenTable
from eqstream.seq2seq.models.base import EquationModel
from eqstream.seq2seq.training.batches import with_targets
from eqstream.seq2seq.training.callbacks import EpochRecorder, StateKeeper, make_event_writer
from eqstream.seq2seq.training.display import Display
from eqstream.seq2seq.training.interrupts import deferred_interrupts
from eqstream.seq2seq.training.state import TrainingProgress
from eqstream.seq2seq.training.task import TrainingTask
from eqstream.seq2seq.training.validation import ValidationSample


def fit(
    model: EquationModel,
    task: TrainingTask,
    progress: TrainingProgress,
    *,
    display: Display,
    report: Callable[[str], None],
) -> None:
    """Trains until no epoch is left.

    Args:
        model: compiled; has its last weights afterwards.
        task: what to train on.
        progress: where the training stands; is kept up to date.
        display: shows how far it is.
        report: called with each line.

    Raises:
        TrainingInterruptedError: the user pressed Ctrl-C; the state is saved.
        UserError: a shard is missing or damaged; the state is that of the last time it was saved.
    """
    training = task.training
    num_steps = [task.num_steps_of(epoch) for epoch in range(training.epochs)]

    def say(line: str) -> None:
        display.write(line, report)

    with deferred_interrupts(say) as interruption:
        callbacks = _make_callbacks(task, progress, display=display, report=say, interruption=interruption)
        display.begin(num_steps, sum(num_steps[: progress.epoch]) + progress.step)
        try:
            while not task.is_over(progress):
                _fit_epochs(model, task, progress, callbacks=callbacks)
        finally:
            display.end()


def _make_callbacks(
    task: TrainingTask,
    progress: TrainingProgress,
    *,
    display: Display,
    report: Callable[[str], None],
    interruption: Event,
) -> list[keras.callbacks.Callback]:
    training = task.training
    sample = ValidationSample(
        task.sample,
        task.codec,
        num_shown=training.samples,
        jit_compile=training.jit_compile,
        spaces=[source.recipe.space for source in task.sources],
    )
    recorder = EpochRecorder(
        training,
        sample,
        progress,
        run=task.run,
        first_stopping_epoch=task.stages[-1].first_epoch,
        report=report,
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
    model: EquationModel, task: TrainingTask, progress: TrainingProgress, *, callbacks: list[keras.callbacks.Callback]
) -> None:
    """Finishes the epoch under way, if there is one, else trains all that are left of its stage."""
    training, stage = task.training, task.stage_at(progress.epoch)
    is_begun = progress.step > 0
    _set_steps_per_execution(model, _divisor(stage.source.num_batches, training.steps_per_execution))
    stream = stage.source.batches(first_epoch=progress.epoch, first_batch=progress.step)
    if is_begun:
        callbacks = [_MetricsRestorer(model), *callbacks]
    try:
        model.fit(
            with_targets(stream, model, mask_pads=training.mask_loss),
            validation_data=with_targets(_single_batch(task.taught_sample), model, mask_pads=training.mask_loss),
            steps_per_epoch=stage.source.num_batches - progress.step,
            initial_epoch=progress.epoch,
            epochs=progress.epoch + 1 if is_begun else stage.end_epoch,
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        )
    except tf.errors.OpError as error:
        if stage.source.failure is None:
            raise
        raise stage.source.failure from error


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
