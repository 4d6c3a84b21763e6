"""What happens between the steps of `fit`.

`EpochRecorder` ends an epoch, `StateKeeper` saves the state with which the next one begins. Between the two in the list
of callbacks is the place for others that must not miss an epoch, such as TensorBoard's.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from threading import Event
from typing import Any

import keras

from eqstream.data.errors import TrainingInterruptedError, UserError
from eqstream.seq2seq.analysis.share_text import share_text
from eqstream.seq2seq.config.sections import EarlyStoppingRecipe, TrainingRecipe
from eqstream.seq2seq.runs.run_directory import RunDirectory, format_csv, write_atomically
from eqstream.seq2seq.training.display import Display
from eqstream.seq2seq.training.state import TrainingProgress, save_model, save_state
from eqstream.seq2seq.training.validation import ValidationSample

# The lower the better for these, the higher for all others.
_FALLING = ("loss", "val_loss", "val_rmse")


class EpochRecorder(keras.callbacks.Callback):
    """Ends each epoch: answers the sample, keeps the best model, writes the logs, reports, stops early.

    `val_exact_match` is added to the epoch's logs, for callbacks that follow.

    Args:
        recipe: of the training.
        sample: on which the best epoch is chosen.
        progress: gets a row of metrics for each epoch.
        run: where log, samples and the best model go.
        first_stopping_epoch: from 0; epochs before, while a curriculum shows a part alone, are no reason to stop.
        report: called with each line.
    """

    def __init__(
        self,
        recipe: TrainingRecipe,
        sample: ValidationSample,
        progress: TrainingProgress,
        *,
        run: RunDirectory,
        first_stopping_epoch: int,
        report: Callable[[str], None],
    ) -> None:
        super().__init__()
        self._recipe, self._sample, self._progress, self._run = recipe, sample, progress, run
        self._first_stopping_epoch, self._report = first_stopping_epoch, report
        self._started = self._cpu_started = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Starts the clocks of the epoch."""
        self._started, self._cpu_started = time.perf_counter(), time.process_time()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Does all that the class says, in that order."""
        logs = {} if logs is None else logs
        progress, run = self._progress, self._run
        logs["val_exact_match"], shown = self._sample.answer(self.model)
        progress.rows.append(self._make_row(epoch, logs))
        is_best = progress.best_epoch is None or _is_better(progress.rows[epoch], progress.rows[progress.best_epoch])
        if is_best:
            progress.best_epoch = epoch
            save_model(run.model_keras, self.model)
        write_atomically(run.log_csv, format_csv(progress.rows))
        run.write_samples(epoch, shown)
        self._report(describe_epoch(progress.rows[epoch], self._recipe.epochs, is_best=is_best))
        reason = self._find_reason_to_stop()
        if reason is not None or epoch + 1 == self._recipe.epochs:
            for line in shown:
                self._report(f"  {line}")
        if reason is not None:
            progress.is_stopped = self.model.stop_training = True
            self._report(f"training ends early: {reason}")

    def _make_row(self, epoch: int, logs: Mapping[str, Any]) -> dict[str, Any]:
        metrics = {name: float(value) for name, value in logs.items()}
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        seconds = {
            "seconds": round(time.perf_counter() - self._started, 3),
            "cpu_seconds": round(time.process_time() - self._cpu_started, 3),
        }
        return {"epoch": epoch + 1, **metrics, "learning_rate": rate, **seconds}

    def _find_reason_to_stop(self) -> str | None:
        recipe = self._recipe.early_stopping
        rows = self._progress.rows[self._first_stopping_epoch :]
        return None if recipe is None or not rows else find_reason_to_stop(recipe, rows)


def _is_better(row: Mapping[str, Any], best: Mapping[str, Any]) -> bool:
    """Returns whether an epoch has more right answers than the best one, or as many and a lower loss."""
    return (row["val_exact_match"], -row["val_loss"]) > (best["val_exact_match"], -best["val_loss"])


def describe_epoch(row: Mapping[str, Any], num_epochs: int, *, is_best: bool) -> str:
    """Returns a line on an epoch: the loss of its training, then figures of the validation sample after it."""
    parts = [f"epoch {row['epoch']:>{len(str(num_epochs))}}/{num_epochs}", f"loss {row['loss']:.3g}"]
    parts.append(f"val loss {row['val_loss']:.3g}")
    if "val_rmse" in row:
        parts.append(f"val RMSE {row['val_rmse']:.3g}")
    else:
        parts.append(f"val tokens {share_text(row['val_token_accuracy'], decimals=1)}")
    parts.append(f"val exact match {share_text(row['val_exact_match'], decimals=1)}")
    return "  ".join([*parts, "best"] if is_best else parts)


def find_reason_to_stop(recipe: EarlyStoppingRecipe, rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Returns why the training should end after the last of the epochs, None if it should not.

    Args:
        recipe: says when.
        rows: metrics of each epoch that counts, at least one.
    """
    sign = -1 if recipe.monitor in _FALLING else 1
    values = [sign * row[recipe.monitor] for row in rows]
    if recipe.target is not None and values[-1] >= sign * recipe.target:
        return f"{recipe.monitor} has reached {recipe.target}"
    reference, num_epochs_without_gain = values[0], 0
    for value in values[1:]:
        is_gain = value - reference > recipe.min_delta
        reference, num_epochs_without_gain = (value, 0) if is_gain else (reference, num_epochs_without_gain + 1)
    if num_epochs_without_gain < recipe.patience:
        return None
    epochs = "epoch" if recipe.patience == 1 else "epochs"
    return f"{recipe.monitor} has not improved for {recipe.patience} {epochs}"


class StateKeeper(keras.callbacks.Callback):
    """Counts steps, saves the state, and stops between two steps when the user asks for it.

    Args:
        progress: counts epochs and steps.
        run: its `state.npz` is written.
        num_steps_of: number of an epoch, from 0, to its steps.
        save_steps: saves after so many steps; None saves at the end of each epoch alone.
        interruption: is set when the user wants to stop.
        display: is shown each step.
    """

    def __init__(
        self,
        progress: TrainingProgress,
        run: RunDirectory,
        *,
        num_steps_of: Callable[[int], int],
        save_steps: int | None,
        interruption: Event,
        display: Display,
    ) -> None:
        super().__init__()
        self._progress, self._run, self._num_steps_of, self._save_steps = progress, run, num_steps_of, save_steps
        self._interruption, self._display = interruption, display
        self._num_since_save = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Stops before the epoch if the user wants that; the state is saved already."""
        self._leave_if_interrupted()
        self._show()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Counts the steps of one call of the training function."""
        num_steps = self.model.steps_per_execution
        self._progress.step += num_steps
        self._num_since_save += num_steps
        self._show()
        if self._progress.step >= self._num_steps_of(self._progress.epoch):
            # The epoch still has to be validated: a state between the two would have no step to go on with.
            return
        if self._interruption.is_set() or (self._save_steps is not None and self._num_since_save >= self._save_steps):
            self._save()
        self._leave_if_interrupted()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Saves the state with which the next epoch begins."""
        self._progress.epoch, self._progress.step = epoch + 1, 0
        self._save()

    def _show(self) -> None:
        epoch, step = self._progress.epoch, self._progress.step
        self._display.show(epoch, step, self._num_steps_of(epoch))

    def _save(self) -> None:
        save_state(self._run.state_npz, self.model, self._progress)
        self._num_since_save = 0

    def _leave_if_interrupted(self) -> None:
        if self._interruption.is_set():
            place = f"epoch {self._progress.epoch + 1}, step {self._progress.step}"
            raise TrainingInterruptedError(f"training interrupted at {place}, its state is saved")


def check_tensorboard() -> None:
    """Raises `UserError` unless the package that writes event files is installed."""
    if find_spec("tensorboard") is None:
        raise UserError(
            "`training.tensorboard` needs the package tensorboard: install it by `pip install tensorboard`, "
            "or train without it, the figures are in log.csv too"
        )


def make_event_writer(run: RunDirectory) -> keras.callbacks.Callback:
    """Returns a callback that writes the metrics of each epoch for TensorBoard.

    An epoch that is trained again after a crash is written again, with the same values at the same step.
    """
    return keras.callbacks.TensorBoard(log_dir=str(run.tensorboard), write_graph=False, update_freq="epoch")
