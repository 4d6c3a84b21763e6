"""Blocks of equations to columns of natural text and numbers, without a file in between."""

from collections.abc import Sequence

import numpy as np

from eqstream.data.dataset.shard_reader import EquationColumns
from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.formats.string_tables import Piece, write_joined
from eqstream.data.formats.text_encoder import TextEncoder
from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.space.prepared_space import PreparedSpace


class ColumnEncoder:
    """Turns blocks of equations of one space into what a reader of its shards gets."""

    def __init__(self, space: PreparedSpace) -> None:
        self._text = TextEncoder(space)
        self._terms = np.array([shape.num_terms for shape in space.shapes], dtype=np.int64)

    def encode(self, block: EquationBlock) -> EquationColumns:
        """Returns the columns of a block, row by row its equations."""
        numbers = {"terms": self._terms[block.shapes], "digits": block.digits, "carries": block.carries}
        return EquationColumns(_rows(self._text.questions(block)), _rows(self._text.answers(block)), numbers)


def _rows(pieces: Sequence[Piece]) -> ByteRows:
    return ByteRows.from_offsets(*write_joined(pieces))
