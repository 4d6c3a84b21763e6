"""Characters to tokens and back, many texts at once.

Tokens are uint8. Three ids are reserved, the characters of the alphabet follow in its order:

| id | token |
| --- | --- |
| 0 | pad: before or after a question, after the end of an answer |
| 1 | start: what a decoder has emitted before its first character; never part of an encoded answer |
| 2 | end: after the last character of an answer; of a question, too, if the codec closes questions |
| 3 … | the characters of the alphabet |
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from eqstream.data.formats.string_matrix import ByteRows

PAD, START, END = 0, 1, 2
NUM_RESERVED = 3
LAST_ID = 255
# Stands for what is no character, in texts that are made of tokens.
UNKNOWN = ord("?")
_RESERVED_SIGNS = {PAD: "□", START: "▷", END: "∎"}


@dataclass(frozen=True)
class TokenAlphabet:
    """The tokens of an alphabet of ASCII characters, each of them once."""

    characters: str

    @property
    def num_tokens(self) -> int:
        """Number of different tokens, the reserved ones included."""
        return NUM_RESERVED + len(self.characters)

    def encode(self, rows: ByteRows) -> ByteRows:
        """Returns the tokens of texts; a pad stands for each character that is not in the alphabet."""
        return ByteRows(rows.translate(self._table), rows.lengths)

    def decode(self, tokens: ByteRows) -> ByteRows:
        """Returns the texts of tokens; a `?` stands for each that is no character."""
        table = np.full(256, UNKNOWN, np.uint8)
        table[NUM_RESERVED : self.num_tokens] = np.frombuffer(self.characters.encode(), np.uint8)
        return ByteRows(np.where(tokens.is_inside(), table[tokens.matrix], 0).astype(np.uint8), tokens.lengths)

    @cached_property
    def _table(self) -> bytes:
        """The token of each byte."""
        table = bytearray(256)
        for token, character in enumerate(self.characters, NUM_RESERVED):
            table[ord(character)] = token
        return bytes(table)

    def signs(self, tokens: np.ndarray) -> list[str]:
        """Returns a sign for each token of a text, integers (length,), up to its end: the characters, then `∎`."""
        signs = _RESERVED_SIGNS | dict(enumerate(self.characters, NUM_RESERVED))
        texts = [signs.get(int(token), "?") for token in tokens]
        end = signs[END]
        return texts[: texts.index(end) + 1] if end in texts else texts
