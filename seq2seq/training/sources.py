"""The source of a training's batches, put together from its parts."""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eqstream.data.dataset.manifest import Manifest
from eqstream.data.errors import UserError
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.loading.codec import Codec
from eqstream.data.loading.example_encoder import ExampleEncoder
from eqstream.data.loading.example_source import ExampleSource
from eqstream.data.loading.mixed_source import MixedSource
from eqstream.data.loading.mixture import MixtureSchedule
from eqstream.data.loading.part_examples import FreshExamples, ShardExamples
from eqstream.data.loading.parts import Part, find_held_out
from eqstream.data.loading.split_source import MEMORY_BUDGET
from eqstream.data.permutation import derive_seed
from eqstream.data.streams.shared_equations import HeldOut
from eqstream.seq2seq.config.curriculum import StageRecipe
from eqstream.seq2seq.config.example_weights import (
    WEIGHT_GROUP,
    ExampleWeights,
    WeightsRecipe,
    count_kinds,
    weigh_kinds,
)
from eqstream.seq2seq.config.sections import TrainingRecipe
from eqstream.seq2seq.training.batches import TrainingSource
from eqstream.seq2seq.training.parts import load_parts, own_part


def make_source(
    recipe: TrainingRecipe, codec: Codec, *, data_directory: str | Path, manifest: Manifest
) -> TrainingSource:
    """Returns the source of the batches that a recipe asks for; see `mix_parts`."""
    parts = load_parts(recipe, data_directory, manifest)
    return mix_parts(recipe, codec, parts=parts, own=own_part(recipe, data_directory, manifest))


def mix_parts(recipe: TrainingRecipe, codec: Codec, *, parts: Sequence[Part], own: Part) -> TrainingSource:
    """Returns the source of the batches of a training.

    Args:
        recipe: of the training.
        codec: from text to tokens.
        parts: what the examples are taken from.
        own: the training split of the dataset that the training is given; see `own_part`.

    Raises:
        UserError: an epoch has too few examples for a batch, a shard is damaged, or it cannot be known what a dataset
            holds out.
    """
    weights = None if recipe.weights is None else [_count_weights(recipe, recipe.weights, part) for part in parts]
    held_out = find_held_out(parts, others=[own], also_trained=[own.split])
    examples = _list_examples(recipe, codec, parts, weights, held_out)

    def narrow(stage: StageRecipe | None) -> ExampleSource:
        where = None if stage is None else stage.to_where()
        sources = [each.open(where) for each in examples]
        return _mix(recipe, parts, sources, own) if recipe.mixture else sources[0]

    return TrainingSource(
        narrow(None),
        recipe.batch_size,
        narrow,
        weights=None if weights is None else np.concatenate([each.values for each in weights]),
        num_left_out=[each.num_left_out for each in examples],
    )


def _list_examples(
    recipe: TrainingRecipe,
    codec: Codec,
    parts: Sequence[Part],
    weights: Sequence[ExampleWeights] | None,
    held_out: Sequence[HeldOut | None],
) -> list[FreshExamples | ShardExamples]:
    """Returns the examples of each part; those of a mixture have orders of their own."""
    found: list[FreshExamples | ShardExamples] = []
    num_groups = 0
    for number, (part, left_out) in enumerate(zip(parts, held_out, strict=True)):
        codec.check_space(part.recipe.space, part.facts)
        extra = None
        if weights is not None:
            extra = {WEIGHT_GROUP: functools.partial(_find_groups, weights[number], num_groups)}
            num_groups += len(weights[number].values)
        encoder = ExampleEncoder(codec, part.facts, extra=extra)
        seed = derive_seed(recipe.seed, "mixture", number) if recipe.mixture else recipe.seed
        if part.is_fresh:
            size = None if recipe.mixture else recipe.epoch_examples
            found.append(FreshExamples(part, encoder, seed=seed, epoch_examples=size, held_out=left_out))
            continue
        found.append(
            ShardExamples(
                part,
                encoder,
                seed=seed,
                memory_budget=MEMORY_BUDGET // len(parts),
                storage=recipe.storage,
                stages=[stage.to_where() for stage in recipe.curriculum],
                held_out=left_out,
            )
        )
    return found


def _find_groups(weights: ExampleWeights, first: int, columns: EquationColumns) -> np.ndarray:
    return weights.groups(columns) + np.int32(first)


def _mix(recipe: TrainingRecipe, parts: Sequence[Part], sources: Sequence[ExampleSource], own: Part) -> MixedSource:
    """Returns the mixture of some sources, one for each part."""
    for part, source in zip(parts, sources, strict=True):
        if not source.num_examples:
            raise UserError(f"{part.key} has no example that no other dataset holds out")
    num_examples = recipe.epoch_examples or _manifest_of(own).split(own.split).num_equations
    if num_examples < recipe.batch_size:
        raise UserError(
            f"an epoch of {num_examples:,} examples has no full batch of {recipe.batch_size:,}: raise "
            "`training.epoch_examples`, or lower `training.batch_size`"
        )
    schedule = MixtureSchedule(tuple(part.knots for part in parts), recipe.batch_size, recipe.seed)
    return MixedSource(schedule, sources, num_examples // recipe.batch_size)


def _count_weights(recipe: TrainingRecipe, weights: WeightsRecipe, part: Part) -> ExampleWeights:
    blocks = part.read(recipe.storage)
    return weigh_kinds(weights, count_kinds(weights, _manifest_of(part).split(part.split).histograms, blocks))


def _manifest_of(part: Part) -> Manifest:
    assert part.files is not None
    return part.files.manifest
