"""Equations of a recipe without end and without files."""

import itertools
from collections.abc import Iterator
from pathlib import Path

from eqstream.data.formats.column_encoder import ColumnEncoder
from eqstream.data.recipe import Recipe
from eqstream.data.streams.equation_stream import EquationStream
from eqstream.equation import Equation, list_equations
from eqstream.recipes import as_recipe


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
    checked = as_recipe(recipe)
    stream = EquationStream(checked, split, seed=seed)
    columns = ColumnEncoder(stream.space)
    blocks = (block for epoch in itertools.count() for block in stream.equations(epoch))
    return itertools.chain.from_iterable(list_equations(columns.to_columns(block)) for block in blocks)
