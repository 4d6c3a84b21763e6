"""Where the batches of a training come from: a dataset's shards, or an endless stream of fresh equations.

| key of a batch | shape, dtype |
| --- | --- |
| `question`, `answer` | see `eqstream.data.loading.tensor_batches` |
| `weight`, if the recipe has `weights` | float32 (batch,) |
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from eqstream.data.errors import UserError
from eqstream.data.loading.batch_plan import BatchPlan
from eqstream.data.loading.example_source import ALL, ExampleSource
from eqstream.data.loading.tensor_batches import make_endless_batches
from eqstream.data.loading.token_alphabet import PAD
from eqstream.data.loading.token_table import TokenTable
from eqstream.seq2seq.config.curriculum import StageRecipe, check_stage
from eqstream.seq2seq.config.example_weights import (
    WEIGHT_GROUP,
)
from eqstream.seq2seq.config.sections import TrainingRecipe
from eqstream.seq2seq.models.base import EquationModel

# Enough that a step never waits, unless all of them do.
_BATCHES_AHEAD = 16
# Widths of questions and of answers are multiples of this, as far as their longest leaves room.
_WIDTH_STEP = 8


class TrainingSource:
    """Batches without end, of which every one can be the first; a smaller last one of an epoch is left out.

    Args:
        examples: what they are taken from.
        batch_size: examples of a batch.
        narrow: returns the examples of a stage alone.
        weights: of each value that the column `weight_group` of the examples has; None without that column.
        num_left_out: for each source how many examples are left out, as another dataset holds them out; None where that
            is not counted.

    Attributes:
        num_examples: in an epoch.
        num_batches: in an epoch.
        num_left_out: as given.
        failure: what ended the batches, if anything did. TensorFlow makes an error of its own of it.

    Raises:
        UserError: an epoch has no full batch.
    """

    def __init__(
        self,
        examples: ExampleSource,
        batch_size: int,
        narrow: Callable[[StageRecipe], ExampleSource],
        *,
        weights: np.ndarray | None = None,
        num_left_out: Sequence[int | None] = (),
    ) -> None:
        self._plan = BatchPlan(num_examples=examples.num_examples, batch_size=batch_size, drop_remainder=True)
        self._examples, self._narrow, self._weights = examples, narrow, weights
        self.num_examples, self.num_batches = examples.num_examples, self._plan.num_batches
        self.num_left_out = tuple(num_left_out)
        self.failure: UserError | None = None
        # Of the tables that are read.
        self.encoder = examples.encoder

    def select(self, stage: StageRecipe, position: int) -> "TrainingSource":
        """Returns the source of the examples of a stage alone, the one at that place of the curriculum.

        Raises:
            UserError: it has no full batch.
        """
        try:
            examples = self._narrow(stage)
        except UserError as error:
            raise UserError(f"`training.curriculum.{position}` ({stage.to_text()}): {error}") from error
        check_stage(stage, position=position, num_examples=examples.num_examples, batch_size=self._plan.batch_size)
        return TrainingSource(examples, self._plan.batch_size, self._narrow, weights=self._weights)

    def batches(self, *, first_epoch: int, first_batch: int) -> tf.data.Dataset:
        """Returns the batches from that one on; see the table of the module for their form."""
        columns = () if self._weights is None else (WEIGHT_GROUP,)
        first = first_epoch * self.num_batches + first_batch
        return _weigh(make_endless_batches(self, self._plan, first, columns=columns), self._weights)

    def read(
        self, runs: Iterable[np.ndarray], *, columns: Sequence[str] = (), reader: tuple[int, int] = ALL
    ) -> Iterator[TokenTable]:
        """Yields the examples at each array of positions; see `eqstream.data.loading.example_source`."""
        self.failure = None
        try:
            yield from self._examples.read(runs, columns=columns, reader=reader)
        except UserError as error:
            self.failure = error
            raise


def _weigh(stream: tf.data.Dataset, weights: np.ndarray | None) -> tf.data.Dataset:
    """Returns batches with a column `weight` in the place of `weight_group`, if there are weights."""
    if weights is None:
        return stream
    values = tf.constant(weights)

    @tf.autograph.experimental.do_not_convert
    def weigh(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        group = batch.pop(WEIGHT_GROUP)
        return {**batch, "weight": tf.gather(values, group)}

    return stream.map(weigh)


@dataclass(frozen=True, eq=False)
class Stage:
    """Epochs that have the same source.

    Attributes:
        name: for a person.
        first_epoch: from 0.
        end_epoch: the one after the last.
        source: of their batches.
    """

    name: str
    first_epoch: int
    end_epoch: int
    source: TrainingSource

    @property
    def num_steps(self) -> int:
        """Steps of all its epochs."""
        return (self.end_epoch - self.first_epoch) * self.source.num_batches


def make_stages(recipe: TrainingRecipe, source: TrainingSource) -> tuple[Stage, ...]:
    """Returns the stages of a training in their order, the last one with all examples.

    Raises:
        UserError: a stage of the curriculum has no full batch.
    """
    stages, epoch = [], 0
    for position, stage in enumerate(recipe.curriculum):
        stages.append(Stage(stage.to_text(), epoch, epoch + stage.epochs, source.select(stage, position)))
        epoch += stage.epochs
    return (*stages, Stage("all", epoch, recipe.epochs, source))


def with_targets(dataset: tf.data.Dataset, model: EquationModel, *, mask_pads: bool) -> tf.data.Dataset:
    """Returns what `fit` takes of batches: ({question, answer}, what the model makes of the answer, weights float32).

    The loss of a batch is the mean by these weights. Some batches are prepared while a step runs.
    """
    options = model.codec.options

    # Nothing in it depends on values, and converting it would leave files in the system's temporary directory.
    @tf.autograph.experimental.do_not_convert
    def prepare(batch: dict[str, tf.Tensor]) -> tuple:
        if options.steps:
            batch = _narrow_lines(batch)
        elif model.takes_any_width and model.ignores_padding:
            batch = _narrow(batch, pads_left=options.padding == "left", mask_pads=mask_pads)
        answer = batch["answer"]
        weights = model.make_weights(answer, mask_pads=mask_pads)
        if "weight" in batch:
            weights *= batch.pop("weight")[:, None]
        return batch, model.make_target(answer), weights

    return dataset.map(prepare).prefetch(_BATCHES_AHEAD)


def _narrow(batch: dict[str, tf.Tensor], *, pads_left: bool, mask_pads: bool) -> dict[str, tf.Tensor]:
    """Returns a batch without most columns that hold nothing but pads; those of answers stay if they are trained."""
    question, answer = batch["question"], batch["answer"]
    width = _needed_width(question)
    question = question[:, -width:] if pads_left else question[:, :width]
    return {**batch, "question": question, "answer": answer[:, : _needed_width(answer)] if mask_pads else answer}


def _narrow_lines(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Returns a batch of lines without most columns of pads; both have one width, as each pair has to be compiled."""
    width = _needed_width(tf.concat([batch["question"], batch["answer"][:, :-1]], axis=0))
    return {**batch, "question": batch["question"][:, :width], "answer": batch["answer"][:, : width + 1]}


def _needed_width(tokens: tf.Tensor) -> tf.Tensor:
    """Returns the length of the longest row, rounded up to few different widths, each of which has to be compiled."""
    longest = tf.reduce_max(tf.reduce_sum(tf.cast(tokens != PAD, tf.int32), axis=1))
    return tf.minimum(-(-longest // _WIDTH_STEP) * _WIDTH_STEP, tf.shape(tokens)[1])
