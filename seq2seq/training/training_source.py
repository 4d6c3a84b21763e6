"""The source of a training's batches, put together from the sources that its recipe names."""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eqstream.data.dataset.manifest import Manifest
from eqstream.data.errors import UserError
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.loading.codec import Codec
from eqstream.data.loading.codec_fit import check_codec
from eqstream.data.loading.data_source import DataSource, find_all_held_out, find_held_out, refuse_the_empty
from eqstream.data.loading.example_encoder import ExampleEncoder
from eqstream.data.loading.example_source import ExampleSource
from eqstream.data.loading.mixed_source import MixedSource
from eqstream.data.loading.mixture_schedule import MixtureSchedule
from eqstream.data.loading.source_examples import FreshExamples, ShardExamples
from eqstream.data.loading.split_source import MEMORY_BUDGET
from eqstream.data.loading.steps_source import FiledSteps, SolvedStream, StepsSource
from eqstream.data.permutation import derive_seed
from eqstream.data.space.held_out_classes import HeldOut
from eqstream.data.split_recipe import Where
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
from eqstream.seq2seq.training.data_sources import load_sources, own_source


def make_source(
    recipe: TrainingRecipe, codec: Codec, *, data_directory: str | Path, manifest: Manifest
) -> TrainingSource:
    """Returns the source of the batches that a recipe asks for; see `mix_sources`."""
    sources = load_sources(recipe, data_directory, manifest)
    return mix_sources(recipe, codec, sources=sources, own=own_source(recipe, data_directory, manifest))


def mix_sources(
    recipe: TrainingRecipe, codec: Codec, *, sources: Sequence[DataSource], own: DataSource
) -> TrainingSource:
    """Returns the source of the batches of a training.

    Args:
        recipe: of the training.
        codec: from text to tokens.
        sources: what the examples are taken from.
        own: the training split of the dataset that the training is given; see `own_source`.

    Raises:
        UserError: an epoch has too few examples for a batch, a shard is damaged, or it cannot be known what a dataset
            holds out.
    """
    weights = None if recipe.weights is None else [_count_weights(recipe, recipe.weights, source) for source in sources]
    is_solved = codec.options.steps and (bool(recipe.mixture) or all(source.is_fresh for source in sources))
    held_out = _find_held_out(sources, own, is_solved=is_solved)
    examples = _list_examples(recipe, codec, sources, weights=weights, held_out=held_out)

    def narrow(stage: StageRecipe | None) -> ExampleSource:
        where = None if stage is None else stage.to_where()
        if is_solved:
            streams = [_open_steps(each, where, recipe.detours) for each in examples]
            return _solve(recipe, sources, streams, own=own)
        opened = [each.open(where) for each in examples]
        return _mix(recipe, sources, opened, own=own) if recipe.mixture else opened[0]

    return TrainingSource(
        narrow(None),
        recipe.batch_size,
        narrow,
        weights=None if weights is None else np.concatenate([each.values for each in weights]),
        num_left_out=[each.num_left_out for each in examples],
    )


def _find_held_out(sources: Sequence[DataSource], own: DataSource, *, is_solved: bool) -> Sequence[HeldOut | None]:
    """Returns what must not come from each source: equations, or with `is_solved` lines of steps."""
    held_out: Sequence[HeldOut | None] = [None] * len(sources)
    if not is_solved or not all(source.is_fresh for source in sources):
        held_out = find_held_out(sources, others=[own], also_trained=[own.split])
    if not is_solved or not any(source.is_fresh for source in sources):
        return held_out
    # The files of a dataset have no line that it holds out itself; solutions of fresh equations may.
    everything = find_all_held_out(sources, own=own)
    return [everything if source.is_fresh else each for source, each in zip(sources, held_out, strict=True)]


def _list_examples(
    recipe: TrainingRecipe,
    codec: Codec,
    sources: Sequence[DataSource],
    *,
    weights: Sequence[ExampleWeights] | None,
    held_out: Sequence[HeldOut | None],
) -> list[FreshExamples | ShardExamples]:
    """Returns the examples of each source; those of a mixture have orders of their own."""
    found: list[FreshExamples | ShardExamples] = []
    num_groups = 0
    for number, (source, left_out) in enumerate(zip(sources, held_out, strict=True)):
        check_codec(codec, source.recipe.space, source.facts)
        extra = None
        if weights is not None:
            extra = {WEIGHT_GROUP: functools.partial(_find_groups, weights[number], num_groups)}
            num_groups += len(weights[number].values)
        encoder = ExampleEncoder(codec, source.facts, extra=extra)
        seed = derive_seed(recipe.seed, "mixture", number) if recipe.mixture else recipe.seed
        if source.is_fresh:
            size = None if recipe.mixture else recipe.epoch_examples
            found.append(FreshExamples(source, encoder, seed=seed, epoch_examples=size, held_out=left_out))
            continue
        found.append(
            ShardExamples(
                source,
                encoder,
                seed=seed,
                memory_budget=MEMORY_BUDGET // len(sources),
                storage=recipe.storage,
                stages=[stage.to_where() for stage in recipe.curriculum],
                held_out=left_out,
            )
        )
    return found


def _find_groups(weights: ExampleWeights, first: int, columns: EquationColumns) -> np.ndarray:
    return weights.groups(columns) + np.int32(first)


def _mix(
    recipe: TrainingRecipe, sources: Sequence[DataSource], opened: Sequence[ExampleSource], *, own: DataSource
) -> MixedSource:
    """Returns the mixture of the examples of some sources, in their order."""
    refuse_the_empty(sources, [examples.num_examples for examples in opened])
    return MixedSource(_make_schedule(recipe, sources), opened, _count_batches(recipe, own))


def _open_steps(
    examples: FreshExamples | ShardExamples, where: Where | None, detours: float
) -> SolvedStream | FiledSteps:
    """Returns the steps of what meets a condition, None for all; only fresh solutions have detours."""
    if isinstance(examples, FreshExamples):
        return examples.open_solved(where, detours=detours)
    return FiledSteps(examples.open(where))


def _solve(
    recipe: TrainingRecipe,
    sources: Sequence[DataSource],
    streams: Sequence[SolvedStream | FiledSteps],
    *,
    own: DataSource,
) -> StepsSource:
    """Returns the steps of the solutions of some sources, in their order."""
    refuse_the_empty(sources, [stream.size for stream in streams])
    num_examples = recipe.batch_size * _count_batches(recipe, own)
    return StepsSource(streams, _make_schedule(recipe, sources), num_examples)


def _make_schedule(recipe: TrainingRecipe, sources: Sequence[DataSource]) -> MixtureSchedule:
    return MixtureSchedule(tuple(source.knots for source in sources), recipe.batch_size, recipe.seed)


def _count_batches(recipe: TrainingRecipe, own: DataSource) -> int:
    """Returns the batches of an epoch of streams or of a mixture, which no number of records says."""
    num_examples = recipe.epoch_examples or _manifest_of(own).split(own.split).num_records
    if num_examples < recipe.batch_size:
        raise UserError(
            f"an epoch of {num_examples:,} examples has no full batch of {recipe.batch_size:,}: raise "
            "`training.epoch_examples`, or lower `training.batch_size`"
        )
    return num_examples // recipe.batch_size


def _count_weights(recipe: TrainingRecipe, weights: WeightsRecipe, source: DataSource) -> ExampleWeights:
    blocks = source.read(recipe.storage)
    return weigh_kinds(weights, count_kinds(weights, _manifest_of(source).split(source.split).histograms, blocks))


def _manifest_of(source: DataSource) -> Manifest:
    assert source.files is not None
    return source.files.manifest
