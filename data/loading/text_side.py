"""How questions, or answers, are written for a model, and how they are read again: the same characters, rearranged."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from eqstream.data.errors import UserError
from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.loading.text_transforms import add_spaces, add_zeros, fill_up, strip_spaces, strip_zeros
from eqstream.data.loading.token_alphabet import TokenAlphabet

Texts = Sequence[str] | Sequence[bytes] | np.ndarray | ByteRows


@dataclass(frozen=True, kw_only=True)
class TextSide:
    """One side of the equations of a space.

    Attributes:
        name: `question` or `answer`, for errors.
        alphabet: the characters that may be written.
        max_length: characters of the longest natural text.
        width: characters of the longest written text.
        drops_spaces: whether natural texts have spaces that are not written.
        num_digits: to which numbers are filled up with leading zeros; 0 for none.
        is_reversed: whether the last character is written first.
        is_filled: whether spaces come before a short text, so that all are `width` long.
    """

    name: str
    alphabet: str
    max_length: int
    width: int
    drops_spaces: bool
    num_digits: int
    is_reversed: bool
    is_filled: bool = False

    def encode(self, texts: Texts) -> ByteRows:
        """Returns the tokens of natural texts, as they are written; of none more than `width`.

        Raises:
            UserError: a text is empty, too long or has a character that the alphabet lacks; names text and position.
        """
        natural = texts if isinstance(texts, ByteRows) else ByteRows.from_texts(texts)
        self._check_lengths(natural)
        written = self._tokens.encode(self.rearrange(natural))
        # What is not in the alphabet has become a pad; counting all cells is faster than looking at those inside.
        if np.count_nonzero(written.matrix) < written.lengths.sum():
            self._refuse_character(natural)
        if written.lengths.max(initial=0) > self.width:
            row = int(written.lengths.argmax())
            length = written.lengths[row]
            raise UserError(f"{self.name} `{natural.text(row)}` takes {length} tokens, at most {self.width} fit")
        return written

    def fits(self, text: str) -> bool:
        """Returns whether a natural text can be encoded."""
        natural = ByteRows.from_texts([text])
        is_known = set(text) <= set(self.alphabet + " " * self.drops_spaces)
        return is_known and 0 < len(text) <= self.max_length and int(self.rearrange(natural).lengths[0]) <= self.width

    def rearrange(self, natural: ByteRows) -> ByteRows:
        """Returns natural texts as they are written, unchecked."""
        rows = natural
        if self.drops_spaces:
            rows = rows.without(" ")
        if self.num_digits:
            rows = add_zeros(rows, self.num_digits)
        if self.is_filled:
            rows = fill_up(rows, self.width)
        return rows.reverse() if self.is_reversed else rows

    def read(self, written: ByteRows) -> ByteRows:
        """Returns the natural texts of written ones; the inverse of `rearrange`."""
        rows = written.reverse() if self.is_reversed else written
        if self.is_filled:
            rows = strip_spaces(rows)
        if self.num_digits:
            rows = strip_zeros(rows)
        return add_spaces(rows) if self.drops_spaces else rows

    @cached_property
    def _tokens(self) -> TokenAlphabet:
        return TokenAlphabet(self.alphabet)

    def _check_lengths(self, rows: ByteRows) -> None:
        if rows.lengths.max(initial=0) > self.max_length:
            row = int(np.argmax(rows.lengths > self.max_length))
            raise UserError(
                f"{self.name} `{rows.text(row)}` has {rows.lengths[row]} characters, at most {self.max_length} fit"
            )
        if len(rows) and rows.lengths.min() < 1:
            raise UserError(f"{self.name} {int(rows.lengths.argmin()) + 1} is empty")

    def _refuse_character(self, rows: ByteRows) -> None:
        known = np.frombuffer((self.alphabet + " " * self.drops_spaces).encode(), np.uint8)
        row, column = np.argwhere(~np.isin(rows.matrix, known) & rows.is_inside())[0]
        raise UserError(
            f"{self.name} `{rows.text(row)}` has {chr(rows.matrix[row, column])!r} at position {column + 1}, "
            f"which is none of the characters {self.alphabet!r}"
        )
