"""Blocks of equations to columns of natural text and numbers, without a file in between."""

from collections.abc import Sequence

import numpy as np

from eqstream.data.dataset.shard_reader import EquationColumns
from eqstream.data.dataset.shard_writer import make_text_encoder
from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.formats.string_tables import Piece, write_joined
from eqstream.data.recipe import Recipe
from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.space.shapes import Shape


class ColumnEncoder:
    """Turns blocks of equations of one recipe into what a reader of its shards gets.

    Args:
        recipe: the recipe.
        shapes: the shapes of its space.
    """

    def __init__(self, recipe: Recipe, shapes: Sequence[Shape]) -> None:
        self._text = make_text_encoder(recipe, shapes)
        self._terms = np.array([shape.num_terms for shape in shapes], dtype=np.int64)

    def encode(self, block: EquationBlock) -> EquationColumns:
        """Returns the columns of a block, row by row its equations."""
        numbers = {"terms": self._terms[block.shapes], "digits": block.digits, "carries": block.carries}
        return EquationColumns(_rows(self._text.questions(block)), _rows(self._text.answers(block)), numbers)


def _rows(pieces: Sequence[Piece]) -> ByteRows:
    return ByteRows.from_offsets(*write_joined(pieces))
