"""Equations of a recipe without end and without files."""

import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from eqstream.data.arguments import check_batching, check_whole
from eqstream.data.errors import UserError
from eqstream.data.formats.column_encoder import ColumnEncoder
from eqstream.data.formats.columns import NUMBER_COLUMNS
from eqstream.data.loading.batch_plan import BatchPlan
from eqstream.data.loading.codec import Codec
from eqstream.data.loading.codec_fit import check_codec_argument, fit_codec_to_recipe
from eqstream.data.loading.example_encoder import ExampleEncoder
from eqstream.data.loading.fresh_source import FreshSource
from eqstream.data.loading.mixture_schedule import MixtureSchedule
from eqstream.data.loading.steps_source import SolvedStream, StepsSource
from eqstream.data.recipe import Recipe
from eqstream.data.space.held_out_classes import HeldOut
from eqstream.data.splits.shared_equations import hold_out
from eqstream.data.streams.equation_stream import EquationStream
from eqstream.equation import Equation, list_equations
from eqstream.recipes import as_recipe
from eqstream.tensorflow_startup import load_tensorflow

if TYPE_CHECKING:
    import tensorflow as tf


def equations(recipe: Recipe | str | Path, split: str = "train", *, seed: int = 0) -> Iterator[Equation]:
    """Yields equations of a recipe's split without end, in a shuffled order that depends on recipe and seed alone.

    What other splits hold never comes, nor what is equal to it but for the order of operands (see the recipe's
    `commuted`). Once the split may give nothing new, all of it comes again in another order.

    >>> from itertools import islice
    >>> for equation in islice(equations("addition-10"), 2):
    ...     print(equation)
    6 + 3 = 9
    1 + 9 = 10

    Args:
        recipe: a recipe, the path of one, or the name of one that comes with eqstream.
        split: whose equations.
        seed: of the order.

    Raises:
        UserError: there is no such recipe or split, or the splits cannot be planned.
    """
    check_whole(seed=seed)
    checked = as_recipe(recipe)
    stream = EquationStream(checked, split, seed=seed)
    columns = ColumnEncoder(stream.space)
    blocks = (block for epoch in itertools.count() for block in stream.equations(epoch))
    return itertools.chain.from_iterable(list_equations(columns.to_columns(block)) for block in blocks)


@overload
def stream(
    recipe: Recipe | str | Path,
    split: str = "train",
    *,
    batch_size: int,
    seed: int = 0,
    reader: tuple[int, int] = (0, 1),
    first_batch: int = 0,
    codec: Codec | None = None,
    as_text: bool = False,
    as_dict: Literal[False] = False,
) -> "tf.data.Dataset[tuple[tf.Tensor, tf.Tensor]]": ...


@overload
def stream(
    recipe: Recipe | str | Path,
    split: str = "train",
    *,
    batch_size: int,
    seed: int = 0,
    reader: tuple[int, int] = (0, 1),
    first_batch: int = 0,
    codec: Codec | None = None,
    as_text: bool = False,
    as_dict: Literal[True],
) -> "tf.data.Dataset[dict[str, tf.Tensor]]": ...


def stream(
    recipe: Recipe | str | Path,
    split: str = "train",
    *,
    batch_size: int,
    seed: int = 0,
    reader: tuple[int, int] = (0, 1),
    first_batch: int = 0,
    codec: Codec | None = None,
    as_text: bool = False,
    as_dict: bool = False,
) -> "tf.data.Dataset[Any]":
    """Returns the equations of `equations` in batches (question, answer), without end and of static shape.

    They are those that `Dataset.batches` gives of a dataset; `fit` of a Keras model needs `steps_per_epoch` with them.
    Of a recipe with `steps` they are the steps of the equations' worked solutions, those of a batch about equally long.

    >>> batches = stream("addition-10", batch_size=32)
    >>> [tuple(tensor.shape) for question_and_answer in batches.take(1) for tensor in question_and_answer]
    [(32, 5), (32, 3)]

    Args:
        recipe: a recipe, the path of one, or the name of one that comes with eqstream.
        split: whose equations.
        batch_size: examples in a batch, for all readers together; at most as many as the split has.
        seed: of the order.
        reader: (i, n) for reader i, from 0, of n that share every batch.
        first_batch: the number of batches before the first one that is given.
        codec: from text to tokens; by default that of `Dataset.codec()`.
        as_text: whether questions and answers are strings (batch,) instead of tokens.
        as_dict: whether a batch is a dict with `terms`, `digits` and `carries`, int32 (batch,), besides `question` and
            `answer`.

    Raises:
        UserError: there is no such recipe or split, the splits cannot be planned, or the split has no full batch.
    """
    wanted = check_batching(batch_size=batch_size, seed=seed, first_batch=first_batch, reader=reader)
    check_codec_argument(as_text=as_text, codec=codec)
    load_tensorflow(with_keras=False)
    from eqstream.data.loading.tensor_batches import make_endless_batches, to_pairs

    checked = as_recipe(recipe)
    codec = None if as_text else codec or fit_codec_to_recipe(checked)
    encoder = ExampleEncoder.for_recipe(checked, codec)
    if checked.steps is None:
        source = FreshSource(EquationStream(checked, split, seed=wanted.seed), encoder)
    elif as_dict:
        raise UserError("`as_dict` needs a recipe without `steps`: fresh steps come without numbers")
    else:
        source = _solve(checked, encoder, split, batch_size=wanted.batch_size, seed=wanted.seed)
    plan = BatchPlan(
        num_examples=source.num_examples, batch_size=wanted.batch_size, drop_remainder=True, reader=wanted.reader
    )
    batches = make_endless_batches(source, plan, wanted.first_batch, columns=NUMBER_COLUMNS if as_dict else ())
    return batches if as_dict else to_pairs(batches)


def _solve(recipe: Recipe, encoder: ExampleEncoder, split: str, *, batch_size: int, seed: int) -> StepsSource:
    """Returns the steps of a split's stream, without lines that another split holds."""
    others = [each.name for each in recipe.splits if each.name != split]
    solved = SolvedStream(EquationStream(recipe, split, seed=seed), encoder, HeldOut(hold_out(recipe, others)))
    return StepsSource([solved], MixtureSchedule((((0, Fraction(1)),),), batch_size, seed), solved.size)
