"""Texts that are there already as the pieces that the writers of shards take."""

import numpy as np

from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.formats.string_tables import Piece, PieceTable


class TextPieces:
    """Cuts texts into pieces of two characters.

    Args:
        characters: all that can occur.
    """

    def __init__(self, characters: str) -> None:
        self._base = len(characters) + 1
        # 0 stands for what is behind a text.
        self._codes = np.zeros(256, np.int32)
        self._codes[list(characters.encode())] = np.arange(1, self._base)
        single = ["", *characters]
        self._table = PieceTable([f"{first}{second}".encode() for first in single for second in single])

    def cut(self, texts: ByteRows) -> list[Piece]:
        """Returns the pieces of texts; those behind the end of a text are empty."""
        codes = self._codes.take(texts.padded(max(2, texts.matrix.shape[1] + texts.matrix.shape[1] % 2)))
        ids = codes[:, ::2] * np.int32(self._base) + codes[:, 1::2]
        return [Piece(self._table, np.ascontiguousarray(column)) for column in ids.T]
