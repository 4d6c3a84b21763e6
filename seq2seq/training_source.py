"""Where the batches of a training come from: a dataset's shards, or an endless stream of fresh equations."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import tensorflow as tf

from data.codec import Codec
from data.errors import UserError
from data.loader import TokenTable, batches, load_tokens
from data.loader_fresh import FreshBatches
from data.recipe import Recipe
from data.sampler import EpochSampler
from seq2seq.recipe import TrainingRecipe


class TrainingSource(Protocol):
    """Batches without end, of which every one can be the first.

    Attributes:
        num_examples: in an epoch.
        num_batches: in an epoch.
    """

    num_examples: int
    num_batches: int

    def batches(self, *, first_epoch: int, first_batch: int) -> tf.data.Dataset:
        """Returns the batches from that one on; see the table of `data.loader` for their form."""
        ...


class ShardBatches:
    """A split read into memory, every epoch in another order."""

    def __init__(self, table: TokenTable, sampler: EpochSampler) -> None:
        self._table, self._sampler = table, sampler
        self.num_examples, self.num_batches = len(table), sampler.num_batches

    def batches(self, *, first_epoch: int, first_batch: int) -> tf.data.Dataset:
        """Returns the batches from that one on, without end."""
        return batches(self._table, self._sampler, first_epoch=first_epoch, first_batch=first_batch, num_epochs=None)


def make_source(
    recipe: TrainingRecipe, codec: Codec, data_directory: str | Path, manifest: Mapping[str, Any]
) -> TrainingSource:
    """Returns the source of the batches that a recipe asks for.

    Raises:
        UserError: the split has too few examples for a batch, a shard is damaged, or a stream cannot know what the
            dataset holds out.
    """
    if recipe.source == "fresh":
        return _make_stream(recipe, codec, manifest)
    table = load_tokens(data_directory, recipe.train_split, codec, manifest=manifest, storage=recipe.storage)
    if recipe.batch_size > len(table):
        raise UserError(f"`training.batch_size` is {recipe.batch_size}, the split has only {len(table)} examples")
    sampler = EpochSampler(num_examples=len(table), batch_size=recipe.batch_size, seed=recipe.seed)
    return ShardBatches(table, sampler)


def _make_stream(recipe: TrainingRecipe, codec: Codec, manifest: Mapping[str, Any]) -> FreshBatches:
    # The dataset's recipe, not the training's, says what is held out: it is planned anew, and must come out the same.
    data_recipe = Recipe.from_dict(manifest["recipe"])
    if data_recipe.fingerprint() != manifest["fingerprint"]:
        raise UserError(
            "`training.source: fresh` needs a dataset of this version of eqstream, to know what it holds out; "
            "build it anew, or use `source: shards`"
        )
    return FreshBatches(
        data_recipe,
        codec,
        batch_size=recipe.batch_size,
        split=recipe.train_split,
        epoch_examples=recipe.epoch_examples,
        seed=recipe.seed,
    )
