"""Blocks of equations to columns of natural text and numbers, without a file in between."""

from collections.abc import Sequence

import numpy as np

from data.byte_rows import ByteRows
from data.equations import EquationBlock
from data.pieces import Piece, write_joined
from data.recipe import Recipe
from data.records import EquationColumns
from data.shapes import Shape
from data.shards import make_text_encoder


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
