"""What happens between the steps of `fit`; all of it keeps its memory in one `TrainingProgress`.

The order matters: `ExactMatchJudge` adds its metric to the epoch's logs, the others read them, `StateKeeper`
saves last.
"""

import time
from collections.abc import Callable

import keras
import numpy as np

from eqstream.data.errors import UserError
from eqstream.data.loading.codec import Codec
from eqstream.data.loading.shard_batches import TokenTable
from eqstream.seq2seq.config.sections import EarlyStoppingRecipe
from eqstream.seq2seq.metrics import exact_matches
from eqstream.seq2seq.models.decoding import GreedyDecoder
from eqstream.seq2seq.runs.run_directory import RunDirectory, format_csv, write_atomically
from eqstream.seq2seq.training.state import TrainingProgress, save_model, save_state

Report = Callable[[str], None]
# The lower the better for these, the higher for all others.
_FALLING = ("loss", "val_loss", "val_rmse")


class TrainingInterruptedError(UserError):
    """The user stopped the training; its state is saved."""


class ExactMatchJudge(keras.callbacks.Callback):
    """Adds `val_exact_match`, greedy on a fixed sample, to each epoch's logs and shows a few answers."""

    def __init__(
        self, sample: TokenTable, codec: Codec, *, num_shown: int, jit_compile: bool, run: RunDirectory
    ) -> None:
        super().__init__()
        self._sample, self._codec, self._run = sample, codec, run
        self._num_shown, self._jit_compile = min(num_shown, len(sample)), jit_compile
        self._decoder: GreedyDecoder | None = None
        self.shown: list[str] = []

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Decodes the sample."""
        if self._decoder is None:
            self._decoder = GreedyDecoder(
                self.model, batch_size=min(len(self._sample), 4096), jit_compile=self._jit_compile
            )
        answers = self._decoder.decode(self._sample.questions).tokens
        if logs is not None:
            logs["val_exact_match"] = float(exact_matches(answers, self._sample.answers).mean())
        self.shown = self._describe(answers)

    def _describe(self, answers: np.ndarray) -> list[str]:
        few = slice(0, self._num_shown)
        questions = self._codec.decode_questions(self._sample.questions[few])
        expected = self._codec.decode_answers(self._sample.answers[few])
        given = self._codec.decode_predictions(answers[few])
        return [
            f"☑ {question} = {answer}" if answer == truth else f"☒ {question} = {answer}  (expected {truth})"
            for question, answer, truth in zip(questions, given, expected, strict=True)
        ]


class EpochReporter(keras.callbacks.Callback):
    """Keeps `log.csv` and `samples.txt`, and reports one line per epoch and the sample answers."""

    def __init__(self, progress: TrainingProgress, judge: ExactMatchJudge, run: RunDirectory, report: Report) -> None:
        super().__init__()
        self._progress, self._judge, self._run, self._report = progress, judge, run, report
        self._started = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Starts the clock of the epoch."""
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Writes and reports the epoch."""
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        seconds = round(time.perf_counter() - self._started, 3)
        self._progress.rows.append({"epoch": epoch + 1, **metrics, "learning_rate": rate, "seconds": seconds})
        write_atomically(self._run.log_csv, format_csv(self._progress.rows))
        self._run.write_samples(epoch, self._judge.shown)
        self._report(
            f"epoch {epoch + 1:>3}  loss {metrics['loss']:.5f}  {_describe_metrics(metrics)}  "
            f"exact match {metrics['val_exact_match']:.3%}  {seconds:.1f} s"
        )
        for line in self._judge.shown:
            self._report(f"  {line}")


def _describe_metrics(metrics: dict[str, float]) -> str:
    if "val_rmse" in metrics:
        return f"RMSE {metrics['val_rmse']:.4g}"
    return f"token accuracy {metrics['val_token_accuracy']:.4%}"


class BestKeeper(keras.callbacks.Callback):
    """Saves the model whenever the monitored metric is better than ever, or as good with a lower loss."""

    def __init__(self, progress: TrainingProgress, run: RunDirectory, monitor: str) -> None:
        super().__init__()
        self._progress, self._run, self._monitor = progress, run, monitor

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Saves, if there is a reason to."""
        rows, best = self._progress.rows, self._progress.best_epoch
        if best is not None and not self._is_better(rows[epoch], rows[best]):
            return
        self._progress.best_epoch, self._progress.best_value = epoch, rows[epoch][self._monitor]
        save_model(self._run.model_keras, self.model)

    def _is_better(self, row: dict, best: dict) -> bool:
        value, reference = row[self._monitor], best[self._monitor]
        if value == reference:
            return row["val_loss"] < best["val_loss"]
        return (value < reference) == (self._monitor in _FALLING)


class EarlyStopper(keras.callbacks.Callback):
    """Ends the training as the recipe says.

    Args:
        progress: shared with the other callbacks.
        recipe: what it says.
        first_epoch: from 0; what comes before, while a curriculum shows a part alone, does not count.
        report: called with the reason.
    """

    def __init__(
        self, progress: TrainingProgress, recipe: EarlyStoppingRecipe, *, first_epoch: int, report: Report
    ) -> None:
        super().__init__()
        self._progress, self._recipe, self._first_epoch, self._report = progress, recipe, first_epoch, report

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Counts the epochs without gain."""
        if epoch < self._first_epoch:
            return
        recipe, progress = self._recipe, self._progress
        sign = -1 if recipe.monitor in _FALLING else 1
        value = progress.rows[epoch][recipe.monitor]
        reference = progress.reference_value
        if reference is None or sign * (value - reference) > recipe.min_delta:
            progress.reference_value, progress.num_epochs_without_gain = value, 0
        else:
            progress.num_epochs_without_gain += 1
        if recipe.target is not None and sign * (value - recipe.target) >= 0:
            self._stop(f"{recipe.monitor} has reached {recipe.target}")
        elif progress.num_epochs_without_gain >= recipe.patience:
            self._stop(f"{recipe.monitor} has not improved for {recipe.patience} epochs")

    def _stop(self, reason: str) -> None:
        self._progress.is_stopped = True
        self.model.stop_training = True
        self._report(f"training ends early: {reason}")


class StateKeeper(keras.callbacks.Callback):
    """Counts steps, saves the state, and stops between two steps when the user asks for it.

    Args:
        progress: shared with the other callbacks.
        run: its `state.npz` is written.
        num_steps_of: number of an epoch, from 0, to its steps.
        save_steps: saves after so many steps; None saves at the end of each epoch alone.
    """

    def __init__(
        self,
        progress: TrainingProgress,
        run: RunDirectory,
        num_steps_of: Callable[[int], int],
        save_steps: int | None,
    ) -> None:
        super().__init__()
        self._progress, self._run, self._num_steps_of, self._save_steps = progress, run, num_steps_of, save_steps
        self._num_since_save = 0
        self.is_interrupted = False

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Counts the steps of one call of the training function."""
        num_steps = self.model.steps_per_execution
        self._progress.step += num_steps
        self._num_since_save += num_steps
        if self._progress.step >= self._num_steps_of(self._progress.epoch):
            # The epoch still has to be judged: a state between the two would have no step to go on with.
            return
        if self.is_interrupted or (self._save_steps is not None and self._num_since_save >= self._save_steps):
            self._save()
        self._leave_if_interrupted()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Saves the state with which the next epoch begins."""
        self._progress.epoch, self._progress.step = epoch + 1, 0
        self._save()
        self._leave_if_interrupted()

    def _save(self) -> None:
        save_state(self._run.state_npz, self.model, self._progress)
        self._num_since_save = 0

    def _leave_if_interrupted(self) -> None:
        if self.is_interrupted:
            place = f"epoch {self._progress.epoch + 1}, step {self._progress.step}"
            raise TrainingInterruptedError(f"training interrupted at {place}, its state is saved")
