"""Where the batches of a training come from: a dataset's shards, or an endless stream of fresh equations.

| key of a batch | shape, dtype |
| --- | --- |
| `question`, `answer` | see `eqstream.data.loading.shard_batches` |
| `weight`, if the recipe has `weights` | float32 (batch,) |
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import tensorflow as tf

from eqstream.data.dataset.manifest import Manifest
from eqstream.data.dataset.shard_reader import read_split
from eqstream.data.errors import UserError
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.loading.codec import Codec
from eqstream.data.loading.fresh_batches import FreshBatches
from eqstream.data.loading.sampler import EpochSampler
from eqstream.data.loading.shard_batches import batches
from eqstream.data.loading.token_table import TokenTable, load_tokens
from eqstream.data.recipe import Recipe
from eqstream.seq2seq.config.curriculum import StageRecipe, check_stage
from eqstream.seq2seq.config.example_weights import WEIGHT_GROUP, ExampleWeights, count_kinds, weigh_kinds
from eqstream.seq2seq.config.sections import TrainingRecipe
from eqstream.seq2seq.models.base import EquationModel

# Enough that a step never waits, unless all of them do.
_BATCHES_AHEAD = 16


class TrainingSource(Protocol):
    """Batches without end, of which every one can be the first.

    Attributes:
        num_examples: in an epoch.
        num_batches: in an epoch.
    """

    num_examples: int
    num_batches: int

    def batches(self, *, first_epoch: int, first_batch: int) -> tf.data.Dataset:
        """Returns the batches from that one on; see the table of the module for their form."""
        ...

    def select(self, stage: StageRecipe, position: int) -> "TrainingSource":
        """Returns the source of the examples of a stage alone, the one at that place of the curriculum.

        Raises:
            UserError: it has no full batch.
        """
        ...


class ShardBatches:
    """A split read into memory, every epoch in another order.

    Args:
        table: the examples.
        sampler: of as many.
        weights: of the values that the column `weight_group` has; None without that column.
    """

    def __init__(self, table: TokenTable, sampler: EpochSampler, weights: ExampleWeights | None = None) -> None:
        self._table, self._sampler, self._weights = table, sampler, weights
        self.num_examples, self.num_batches = len(table), sampler.num_batches

    def select(self, stage: StageRecipe, position: int) -> "ShardBatches":
        """Returns the source of the examples of a stage alone."""
        indices = stage.select(self._table.numbers)
        check_stage(stage, position, len(indices), self._sampler.batch_size)
        return ShardBatches(self._table.take(indices), replace(self._sampler, num_examples=len(indices)), self._weights)

    def batches(self, *, first_epoch: int, first_batch: int) -> tf.data.Dataset:
        """Returns the batches from that one on, without end."""
        columns = () if self._weights is None else (WEIGHT_GROUP,)
        stream = batches(
            self._table,
            self._sampler,
            first_epoch=first_epoch,
            first_batch=first_batch,
            num_epochs=None,
            columns=columns,
        )
        return _weigh(stream, self._weights)


class StreamBatches:
    """An endless stream of fresh equations.

    Args:
        recipe: of the training.
        data_recipe: of the dataset, which says what is held out.
        codec: from text to tokens.
        weights: of the equations; None if all are alike.
        stage: what the equations must meet; None for all.
    """

    def __init__(
        self,
        recipe: TrainingRecipe,
        data_recipe: Recipe,
        codec: Codec,
        *,
        weights: ExampleWeights | None = None,
        stage: StageRecipe | None = None,
    ) -> None:
        self._recipe, self._data_recipe, self._codec, self._weights = recipe, data_recipe, codec, weights
        self._batches = FreshBatches(
            data_recipe,
            codec,
            batch_size=recipe.batch_size,
            split=recipe.train_split,
            epoch_examples=recipe.epoch_examples,
            seed=recipe.seed,
            where=None if stage is None else stage.to_where(),
            extra=None if weights is None else {WEIGHT_GROUP: weights.groups},
        )
        self.num_examples, self.num_batches = self._batches.num_examples, self._batches.num_batches

    def select(self, stage: StageRecipe, position: int) -> "StreamBatches":
        """Returns the stream of the equations of a stage alone."""
        try:
            return StreamBatches(self._recipe, self._data_recipe, self._codec, weights=self._weights, stage=stage)
        except UserError as error:
            raise UserError(f"`training.curriculum.{position}` ({stage.to_text()}): {error}") from error

    def batches(self, *, first_epoch: int, first_batch: int) -> tf.data.Dataset:
        """Returns the batches from that one on, without end."""
        columns = () if self._weights is None else (WEIGHT_GROUP,)
        stream = self._batches.batches(first_epoch=first_epoch, first_batch=first_batch, columns=columns)
        return _weigh(stream, self._weights)


def _weigh(stream: tf.data.Dataset, weights: ExampleWeights | None) -> tf.data.Dataset:
    """Returns batches with a column `weight` in the place of `weight_group`, if there are weights."""
    if weights is None:
        return stream
    values = tf.constant(weights.values)

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


def make_source(
    recipe: TrainingRecipe, codec: Codec, *, data_directory: str | Path, manifest: Manifest
) -> TrainingSource:
    """Returns the source of the batches that a recipe asks for.

    Raises:
        UserError: the split has too few examples for a batch, a shard is damaged, or a stream cannot know what the
            dataset holds out.
    """
    weights = _count_weights(recipe, data_directory, manifest)
    if recipe.source == "fresh":
        return _make_stream(recipe, codec, manifest, weights)
    table = load_tokens(data_directory, recipe.train_split, codec, manifest=manifest, storage=recipe.storage)
    if recipe.batch_size > len(table):
        raise UserError(f"`training.batch_size` is {recipe.batch_size}, the split has only {len(table)} examples")
    sampler = EpochSampler(num_examples=len(table), batch_size=recipe.batch_size, seed=recipe.seed)
    if weights is not None:
        groups = weights.groups(_to_columns(table, codec))
        table = TokenTable(table.questions, table.answers, {**table.numbers, WEIGHT_GROUP: groups})
    return ShardBatches(table, sampler, weights)


def _count_weights(recipe: TrainingRecipe, data_directory: str | Path, manifest: Manifest) -> ExampleWeights | None:
    if recipe.weights is None:
        return None
    blocks = read_split(data_directory, manifest, recipe.train_split, storage=recipe.storage)
    histograms = manifest.split(recipe.train_split).histograms
    return weigh_kinds(recipe.weights, count_kinds(recipe.weights, histograms, blocks))


def _to_columns(table: TokenTable, codec: Codec) -> EquationColumns:
    texts = codec.decode_questions(table.questions), codec.decode_answers(table.answers)
    return EquationColumns(*map(ByteRows.from_texts, texts), numbers=table.numbers)


def with_targets(dataset: tf.data.Dataset, model: EquationModel, *, mask_pads: bool) -> tf.data.Dataset:
    """Returns what `fit` takes of batches: ({question, answer}, what the model makes of the answer, weights float32).

    The loss of a batch is the mean by these weights. Some batches are prepared while a step runs.
    """

    # Nothing in it depends on values, and converting it would leave files in the system's temporary directory.
    @tf.autograph.experimental.do_not_convert
    def prepare(batch: dict[str, tf.Tensor]) -> tuple:
        answer = batch["answer"]
        weights = model.make_weights(answer, mask_pads=mask_pads)
        if "weight" in batch:
            weights *= batch.pop("weight")[:, None]
        return batch, model.make_target(answer), weights

    return dataset.map(prepare).prefetch(_BATCHES_AHEAD)


def _make_stream(
    recipe: TrainingRecipe, codec: Codec, manifest: Manifest, weights: ExampleWeights | None
) -> StreamBatches:
    # The dataset's recipe, not the training's, says what is held out: it is planned anew, and must come out the same.
    data_recipe = manifest.recipe
    if data_recipe.fingerprint() != manifest.fingerprint:
        raise UserError(
            "`training.source: fresh` needs a dataset of this version of eqstream, to know what it holds out; "
            "build it anew, or use `source: shards`"
        )
    return StreamBatches(recipe, data_recipe, codec, weights=weights)
