"""Natural text of equations to tokens and back, in bulk and strictly; the tokens are those of `token_alphabet`.

A question is ``(num_texts, question_width)``, an answer ``(num_texts, answer_width)`` and includes its end token.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from eqstream.data.configuration import from_mapping
from eqstream.data.errors import UserError
from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.loading.codec_options import CodecOptions
from eqstream.data.loading.text_side import Texts, TextSide
from eqstream.data.loading.token_alphabet import END, LAST_ID, PAD, UNKNOWN, TokenAlphabet

# Raised by any change in how a text becomes tokens; saved with each codec.
CODEC_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Codec:
    """Both directions between natural text and tokens for one space of equations.

    Attributes:
        alphabet: the characters that have a token.
        spacing: whether natural questions have spaces around their operators.
        max_question_length: characters of the longest natural question.
        max_answer_length: characters of the longest natural answer.
        question_digits: digits before the decimal point of the longest operand.
        question_width: tokens of an encoded question, its end token included if it has one.
        answer_width: tokens of an encoded answer, its end token included.
        options: the choices of the recipe.
    """

    alphabet: str
    spacing: bool
    max_question_length: int
    max_answer_length: int
    question_digits: int
    question_width: int
    answer_width: int
    options: CodecOptions = CodecOptions()  # noqa: RUF009  (nobody can change it)
    version: int = CODEC_VERSION

    def __post_init__(self) -> None:
        if self.version > CODEC_VERSION:
            raise UserError(f"this codec has version {self.version}, known are up to {CODEC_VERSION}: update eqstream")
        if not self.alphabet or len(set(self.alphabet)) < len(self.alphabet) or not self.alphabet.isascii():
            raise UserError(f"`alphabet` must be ASCII characters, each once, got {self.alphabet!r}")
        if min(self.max_question_length, self.max_answer_length, self.question_width, self.answer_width - 1) < 1:
            raise UserError("the lengths of a codec must be at least 1")

    @property
    def num_tokens(self) -> int:
        """Number of different tokens: the size of a model's vocabulary."""
        return self._tokens.num_tokens

    def encode_questions(self, texts: Texts) -> np.ndarray:
        """Returns tokens, uint8 (num_texts, question_width), of natural questions.

        Raises:
            UserError: a text is empty, too long or has a character that the alphabet lacks; names text and position.
        """
        tokens = self.questions.encode(texts)
        if self.options.end_question:
            tokens = _close(tokens)
        return tokens.padded(self.question_width, on_left=self.options.padding == "left")

    def fits_question(self, text: str) -> bool:
        """Returns whether `encode_questions` takes a natural question."""
        return self.questions.fits(text)

    def encode_answers(self, texts: Texts) -> np.ndarray:
        """Returns tokens, uint8 (num_texts, answer_width), of natural answers, each closed by the end token.

        Raises:
            UserError: a text is empty, too long or has a character that the alphabet lacks.
        """
        rows = self.answers.encode(texts)
        tokens = rows.padded(self.answer_width)
        tokens[np.arange(len(rows)), rows.lengths] = END
        return tokens

    def decode_questions(self, tokens: np.ndarray) -> list[str]:
        """Returns the natural questions; the inverse of `encode_questions`.

        Raises:
            UserError: a row is not what `encode_questions` returns; names the row.
        """
        tokens = _check_tokens(tokens, self.question_width)
        is_character = tokens != PAD
        rows = ByteRows(tokens, is_character.sum(axis=1))
        if self.options.padding == "left":
            rows = ByteRows(tokens, np.full(len(tokens), self.question_width)).keep(is_character)
        if self.options.end_question:
            rows = ByteRows(rows.matrix, np.maximum(rows.lengths - 1, 0))
        written = self._tokens.decode(rows)
        _refuse_rows((written.matrix == UNKNOWN).any(axis=1), "question")
        texts = self.questions.read(written).to_texts()
        # Encoding again is the whole definition of a well-formed row: no pad inside, an end where one belongs.
        _refuse_rows((self.encode_questions(texts) != tokens).any(axis=1), "question")
        return texts

    def decode_answers(self, tokens: np.ndarray) -> list[str]:
        """Returns the natural answers; the inverse of `encode_answers`.

        Raises:
            UserError: a row is not what `encode_answers` returns; names the row.
        """
        texts = self.decode_predictions(tokens)
        _refuse_rows(np.array(["?" in text or not text for text in texts], bool), "answer")
        _refuse_rows((self.encode_answers(texts) != tokens).any(axis=1), "answer")
        return texts

    def decode_predictions(self, tokens: np.ndarray) -> list[str]:
        """Returns what a model's tokens, integers (num_texts, answer_width), say: the text up to the end token.

        A `?` stands for a pad or start token before the end, and comes last if the end is missing, if a number has
        other than its full digits with zero padding, or if the text is not filled up with spaces where it has to be;
        so what is malformed never equals an answer.
        """
        tokens = _check_tokens(tokens, self.answer_width)
        is_end = tokens == END
        has_end = is_end.any(axis=1)
        lengths = np.where(has_end, is_end.argmax(axis=1), tokens.shape[1])
        inside = np.where(np.arange(tokens.shape[1]) < lengths[:, None], tokens, PAD)
        written = self._tokens.decode(ByteRows(inside, lengths))
        natural = self.answers.read(written)
        is_malformed = ~has_end
        if self.options.zero_padding or self.options.answer_padding == "left":
            is_malformed |= ~_are_equal(self.answers.rearrange(natural), written)
        matrix = np.pad(natural.matrix, ((0, 0), (0, 1)))
        malformed = np.flatnonzero(is_malformed)
        matrix[malformed, natural.lengths[malformed]] = UNKNOWN
        return ByteRows(matrix, natural.lengths + is_malformed).to_texts()

    def describe_tokens(self, tokens: np.ndarray) -> list[str]:
        """Returns a sign for each token of one answer, integers (length,), up to the end: the characters, then `∎`."""
        return self._tokens.signs(tokens)

    def to_dict(self) -> dict[str, Any]:
        """Returns the codec as JSON types; `from_dict` reads it back unchanged."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> "Codec":
        """Returns the codec that `to_dict` wrote.

        Raises:
            UserError: a key is unknown, missing or wrong, or the version is newer.
        """
        return from_mapping(cls, mapping)

    def save(self, path: str | Path) -> None:
        """Writes the codec as JSON."""
        Path(path).write_text(json.dumps(self.to_dict(), indent=2, sort_keys=True) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> "Codec":
        """Returns the codec that `save` wrote.

        Raises:
            UserError: the file is missing or is no codec.
        """
        try:
            return cls.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise UserError(f"codec {path} cannot be read: {error}") from error

    @cached_property
    def _tokens(self) -> TokenAlphabet:
        return TokenAlphabet(self.alphabet)

    @cached_property
    def questions(self) -> TextSide:
        """How questions are written."""
        return TextSide(
            name="question",
            alphabet=self.alphabet,
            max_length=self.max_question_length,
            width=self.question_width - self.options.end_question,
            drops_spaces=self.spacing and self.options.spaces == "drop",
            num_digits=self.question_digits if self.options.zero_padding else 0,
            is_reversed=self.options.reverse_question,
        )

    @cached_property
    def answers(self) -> TextSide:
        """How answers are written."""
        return TextSide(
            name="answer",
            alphabet=self.alphabet,
            max_length=self.max_answer_length,
            width=self.answer_width - 1,
            drops_spaces=self.spacing and self.options.steps,
            num_digits=self.max_answer_length if self.options.zero_padding else 0,
            is_reversed=self.options.reverse_answer,
            is_filled=self.options.answer_padding == "left",
        )


def _close(rows: ByteRows) -> ByteRows:
    """Returns the tokens of texts with an end token behind each."""
    matrix = rows.padded(rows.matrix.shape[1] + 1)
    matrix[np.arange(len(rows)), rows.lengths] = END
    return ByteRows(matrix, rows.lengths + 1)


def _are_equal(one: ByteRows, other: ByteRows) -> np.ndarray:
    """Returns which texts are equal, bool (num_texts,)."""
    width = max(one.matrix.shape[1], other.matrix.shape[1])
    return (one.padded(width) == other.padded(width)).all(axis=1)


def _check_tokens(tokens: np.ndarray, width: int) -> np.ndarray:
    tokens = np.asarray(tokens)
    if tokens.ndim != 2 or tokens.shape[1] != width:
        raise UserError(f"tokens must have the shape (number of texts, {width}), got {tokens.shape}")
    if tokens.size and not 0 <= tokens.min() <= tokens.max() <= LAST_ID:
        raise UserError(f"tokens must be from 0 to {LAST_ID}, got {tokens.min()} to {tokens.max()}")
    return tokens.astype(np.uint8)


def _refuse_rows(is_wrong: np.ndarray, name: str) -> None:
    if is_wrong.any():
        raise UserError(f"row {int(is_wrong.argmax())} of the tokens is not an encoded {name}")
