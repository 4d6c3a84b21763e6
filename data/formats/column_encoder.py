"""Blocks of equations to the columns of `eqstream.data.formats.columns`."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from eqstream.data.formats.columns import EquationColumns
from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.formats.string_tables import Piece, total_lengths, write_joined
from eqstream.data.formats.text_encoder import TextEncoder
from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.space.prepared_space import PreparedSpace


class EncodedBlock(NamedTuple):
    """The columns of a block of n equations.

    Attributes:
        texts: the pieces of each text column, in reading order.
        numbers: int64 (n,) for each column of numbers.
    """

    texts: dict[str, list[Piece]]
    numbers: dict[str, np.ndarray]

    def lengths(self, name: str) -> np.ndarray:
        """Returns the characters of each text of a column, int32 (n,)."""
        return total_lengths(self.texts[name])


class ColumnBounds(Protocol):
    """Bounds of columns.

    Attributes:
        most_characters: of each text column an upper bound.
        largest: of each column of numbers an upper bound.
    """

    most_characters: dict[str, int]
    largest: dict[str, int]


class ColumnEncoder:
    """Computes the columns of blocks of equations of one space.

    Attributes:
        text: the encoder of their text.
        most_characters: of each text column an upper bound, which some space reaches.
        largest: of each column of numbers an upper bound.
    """

    def __init__(self, space: PreparedSpace) -> None:
        self.text = TextEncoder(space)
        self._space = space
        self.most_characters = {"question": self.text.max_question_length, "answer": self.text.max_answer_length}
        most_terms, most_digits = space.shapes.max_terms, space.operand_digits
        # Each addition can carry at every digit of its longer side, and into a new one.
        most_carries = (most_terms - 1) * (self.text.max_answer_length + most_digits + 1)
        self.largest = {"terms": most_terms, "digits": most_digits, "carries": most_carries}

    def encode(self, block: EquationBlock) -> EncodedBlock:
        """Returns the columns as the writers of shards take them."""
        texts = {"question": self.text.questions(block), "answer": self.text.answers(block)}
        return EncodedBlock(texts, self.numbers(block))

    def numbers(self, block: EquationBlock) -> dict[str, np.ndarray]:
        """Returns the columns of numbers, int64 (n,) each."""
        terms = self._space.terms_of(block.shapes).astype(np.int64)
        return {"terms": terms, "digits": block.digits, "carries": block.carries}

    def to_columns(self, block: EquationBlock) -> EquationColumns:
        """Returns what a reader of the shards gets of a block, row by row its equations."""
        encoded = self.encode(block)
        texts = {name: _rows(pieces) for name, pieces in encoded.texts.items()}
        return EquationColumns(**texts, numbers=encoded.numbers)


def _rows(pieces: Sequence[Piece]) -> ByteRows:
    return ByteRows.from_offsets(*write_joined(pieces))
