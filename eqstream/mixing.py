"""Several datasets and streams in the same batches."""

import math
import numbers
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

from eqstream.data.arguments import check_batching, check_list, check_whole
from eqstream.data.configuration import describe_type, from_mapping
from eqstream.data.errors import UserError
from eqstream.data.formats.columns import NUMBER_COLUMNS
from eqstream.data.loading.batch_plan import BatchPlan
from eqstream.data.loading.codec import Codec
from eqstream.data.loading.codec_fit import check_codec, check_codec_argument
from eqstream.data.loading.data_source import (
    DatasetFiles,
    DataSource,
    check_spaces,
    find_held_out,
    make_codec,
    refuse_the_empty,
)
from eqstream.data.loading.example_encoder import ExampleEncoder
from eqstream.data.loading.example_source import ExampleSource
from eqstream.data.loading.mixed_source import MixedSource
from eqstream.data.loading.mixture_schedule import MixtureSchedule
from eqstream.data.loading.source_examples import FreshExamples, ShardExamples
from eqstream.data.loading.split_source import MEMORY_BUDGET
from eqstream.data.permutation import derive_seed
from eqstream.data.recipe import Recipe
from eqstream.data.space.held_out_classes import HeldOut
from eqstream.datasets import Dataset
from eqstream.recipes import as_recipe
from eqstream.seq2seq.config.mixture import MixtureSource
from eqstream.tensorflow_startup import load_tensorflow

if TYPE_CHECKING:
    import tensorflow as tf

Weight: TypeAlias = float | Sequence[tuple[int, float]]
Data: TypeAlias = Dataset | Recipe | str | Path
Source: TypeAlias = tuple[Data, str, Weight] | tuple[Data, str, Weight, Mapping[str, Any]]

# A mixture has no epochs of its own; so many batches are numbered at a time.
_NUM_BATCHES = 1 << 20
# Fewer at a time than of one source, of which small ones may have to go through many epochs for them.
_RUN_EXAMPLES = 1 << 12


@overload
def mix(
    sources: Sequence[Source],
    *,
    batch_size: int,
    seed: int = 0,
    reader: tuple[int, int] = (0, 1),
    first_batch: int = 0,
    memory_budget: int = MEMORY_BUDGET,
    codec: Codec | None = None,
    as_dict: Literal[False] = False,
) -> "tf.data.Dataset[tuple[tf.Tensor, tf.Tensor]]": ...


@overload
def mix(
    sources: Sequence[Source],
    *,
    batch_size: int,
    seed: int = 0,
    reader: tuple[int, int] = (0, 1),
    first_batch: int = 0,
    memory_budget: int = MEMORY_BUDGET,
    codec: Codec | None = None,
    as_dict: Literal[True],
) -> "tf.data.Dataset[dict[str, tf.Tensor]]": ...


def mix(
    sources: Sequence[Source],
    *,
    batch_size: int,
    seed: int = 0,
    reader: tuple[int, int] = (0, 1),
    first_batch: int = 0,
    memory_budget: int = MEMORY_BUDGET,
    codec: Codec | None = None,
    as_dict: bool = False,
) -> "tf.data.Dataset[Any]":
    """Returns batches (question, answer) without end, whose examples come from several sources by their weights.

    Each source goes through its own epochs. What one dataset holds out, which is all its splits of a name that no
    source has, never comes from another one, nor does a commuted twin of it.

    >>> import eqstream, tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     dataset = eqstream.open_dataset(eqstream.build("addition-10", directory).directory)
    ...     sources = [(dataset, "train", 2), ("division-exact", "train", [(0, 0), (1000, 1)])]
    ...     [tuple(question.shape) for question, answer in mix(sources, batch_size=32).take(1)]
    [(32, 7)]

    Args:
        sources: each a source, the name of its split and its weight. A dataset gives the files of the split; a recipe,
            the path of one, or the name of one that comes with eqstream gives the endless stream of `stream`. A weight
            is a number, or pairs of a batch, at least 0 and rising, and the weight there; in between it changes evenly,
            before the first pair and after the last one it stays. A fourth value narrows a stream, as `where` of a
            split in a recipe does: ``("mixed-4", "train", 1, {"terms": 2})``.
        batch_size: examples in a batch, for all readers together.
        seed: of the order.
        reader: (i, n) for reader i, from 0, of n that share every batch.
        first_batch: the number of batches before the first one that is given.
        memory_budget: bytes, for all sources together; see `Dataset.batches`.
        codec: from text to tokens; by default one that has room for the equations of all sources.
        as_dict: whether a batch is a dict with `terms`, `digits` and `carries`, int32 (batch,), besides `question` and
            `answer`.

    Raises:
        UserError: there is no such split or recipe, a weight or a condition is wrong, the sources do not fit together,
            or a dataset is of a version that held out other equations. A file that is missing or damaged ends the
            iteration as it does that of `Dataset.batches`.
    """
    check_list("sources", sources)
    wanted = check_batching(batch_size=batch_size, seed=seed, first_batch=first_batch, reader=reader)
    check_codec_argument(as_text=False, codec=codec)
    check_whole(0, memory_budget=memory_budget)
    load_tensorflow(with_keras=False)
    from eqstream.data.loading.tensor_batches import make_endless_batches, to_pairs

    data_sources = [_make_source(number, entry) for number, entry in enumerate(sources)]
    schedule = MixtureSchedule(tuple(source.knots for source in data_sources), wanted.batch_size, wanted.seed)
    check_spaces(data_sources[1:], data_sources[0])
    codec = codec or make_codec(data_sources)
    budget = memory_budget // len(data_sources)
    held_out = find_held_out(data_sources, also_trained=[source.split for source in data_sources])
    examples = [
        _open(source, codec, seed=derive_seed(wanted.seed, "mixture", number), held_out=left_out, memory_budget=budget)
        for number, (source, left_out) in enumerate(zip(data_sources, held_out, strict=True))
    ]
    refuse_the_empty(data_sources, [each.num_examples for each in examples])
    mixed = MixedSource(schedule, examples, _NUM_BATCHES)
    plan = BatchPlan(
        num_examples=mixed.num_examples,
        batch_size=wanted.batch_size,
        drop_remainder=True,
        reader=wanted.reader,
        run_examples=_RUN_EXAMPLES,
    )
    batches = make_endless_batches(mixed, plan, wanted.first_batch, columns=NUMBER_COLUMNS if as_dict else ())
    return batches if as_dict else to_pairs(batches)


def _make_source(number: int, entry: Source) -> DataSource:
    key = f"`sources[{number}]`"
    if not isinstance(entry, (tuple, list)) or len(entry) not in (3, 4):
        got = f"{len(entry)} values" if isinstance(entry, (tuple, list)) else describe_type(entry)
        raise UserError(f"{key} must be (source, split, weight) or (source, split, weight, where), got {got}")
    source, split, weight, *where = entry
    try:
        checked = from_mapping(MixtureSource, {"weight": _as_weight(weight), **({"where": where[0]} if where else {})})
        recipe = source.recipe if isinstance(source, Dataset) else _find_recipe(source)
        if recipe.steps is not None:
            raise UserError(
                "its examples are steps of worked solutions, which `mix` cannot tell from what others hold out; take "
                "`stream` or `batches` of it alone, or train with `codec.steps` and `training.mixture`"
            )
        if not isinstance(source, Dataset):
            return DataSource.of_recipe(key, recipe, split, knots=checked.knots, where=checked.where)
        if checked.where is not None:
            raise UserError(
                "`where` needs a stream: give the dataset's `recipe`; the files of a split are read as they are"
            )
        files = DatasetFiles(source.directory, source.manifest)
        return DataSource.of_files(key, files, split, knots=checked.knots, is_fresh=False)
    except UserError as error:
        raise UserError(f"{key}: {error}") from error


def _find_recipe(source: Recipe | str | Path) -> Recipe:
    try:
        return as_recipe(source)
    except UserError as error:
        # The name of a shipped recipe is one, even beside a directory of that name.
        if isinstance(source, (str, Path)) and Path(source).is_dir():
            cure = f"{source} is a directory: give `open_dataset` of it for a dataset, or a recipe's file"
            raise UserError(cure) from error
        raise


def _as_weight(weight: Any) -> Any:
    """Returns a weight as a recipe has it: one number of any kind as Python's own."""
    if not isinstance(weight, numbers.Real) or isinstance(weight, (bool, int)):
        return weight
    if not math.isfinite(weight):
        raise UserError(f"`weight` must be finite, got {weight}")
    return float(weight)


def _open(
    source: DataSource, codec: Codec, *, seed: int, held_out: HeldOut | None, memory_budget: int
) -> ExampleSource:
    check_codec(codec, source.recipe.space, source.facts)
    encoder = ExampleEncoder(codec, source.facts)
    if source.is_fresh:
        return FreshExamples(source, encoder, seed=seed, held_out=held_out).open()
    return ShardExamples(source, encoder, seed=seed, memory_budget=memory_budget, held_out=held_out).open()
