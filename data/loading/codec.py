"""Natural text of equations to tokens and back, in bulk and strictly.

Tokens are uint8. Three ids are reserved, the characters of the alphabet follow in its order:

| id | token |
| --- | --- |
| 0 | pad: before or after a question, after the end of an answer |
| 1 | start: what a decoder has emitted before its first character; never part of an encoded answer |
| 2 | end: after the last character of an answer |
| 3 … | the characters of `Codec.alphabet` |

A question is ``(num_texts, question_width)``, an answer ``(num_texts, answer_width)`` and includes its end token.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from eqstream.data.configuration import from_mapping
from eqstream.data.dataset.manifest import Manifest, SpaceFacts
from eqstream.data.errors import UserError
from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.loading.text_transforms import add_spaces, add_zeros, strip_zeros
from eqstream.data.recipe import Operands, SpaceRecipe

PAD, START, END = 0, 1, 2
NUM_RESERVED = 3
# Raised by any change in how a text becomes tokens; saved with each codec.
CODEC_VERSION = 1
_LAST_ID = 255
_WRONG = ord("?")

Texts = Sequence[str] | Sequence[bytes] | np.ndarray | ByteRows


@dataclass(frozen=True, kw_only=True)
class CodecOptions:
    """What a recipe's section `codec` may say.

    `padding` is the side of a question's pad tokens; `spaces` says whether a question's spaces become tokens;
    with `zero_padding` each number gets leading zeros up to the longest operand's or answer's digits.
    """

    padding: Literal["left", "right"] = "right"
    zero_padding: bool = False
    reverse_question: bool = False
    reverse_answer: bool = False
    spaces: Literal["keep", "drop"] = "drop"


@dataclass(frozen=True, kw_only=True)
class Codec:
    """Both directions between natural text and tokens for one space of equations.

    Attributes:
        alphabet: the characters that have a token.
        spacing: whether natural questions have spaces around their operators.
        max_question_length: characters of the longest natural question.
        max_answer_length: characters of the longest natural answer.
        question_digits: digits before the decimal point of the longest operand.
        question_width: tokens of an encoded question.
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
    options: CodecOptions = CodecOptions()
    version: int = CODEC_VERSION

    def __post_init__(self) -> None:
        if self.version > CODEC_VERSION:
            raise UserError(f"this codec has version {self.version}, known are up to {CODEC_VERSION}: update eqstream")
        if not self.alphabet or len(set(self.alphabet)) < len(self.alphabet) or not self.alphabet.isascii():
            raise UserError(f"`alphabet` must be ASCII characters, each once, got {self.alphabet!r}")
        if min(self.max_question_length, self.max_answer_length, self.question_width, self.answer_width - 1) < 1:
            raise UserError("the lengths of a codec must be at least 1")

    @classmethod
    def for_dataset(cls, manifest: Manifest, options: CodecOptions | None = None) -> "Codec":
        """Returns the codec for the equations of a dataset; see `for_space`."""
        return cls.for_space(manifest.recipe.space, manifest.space, options)

    @classmethod
    def for_space(cls, space: SpaceRecipe, facts: SpaceFacts, options: CodecOptions | None = None) -> "Codec":
        """Returns the codec for the equations of a space.

        Args:
            space: the space.
            facts: bounds on its text.
            options: what the recipe says of the codec.

        Raises:
            UserError: zero padding is asked for where answers are fractions.
        """
        options = options or CodecOptions()
        alphabet = set(facts.alphabet)
        operands, num_terms = space.operands, space.terms.max
        digits = max(len(str(abs(operands.min))), len(str(abs(operands.max))))
        drops_spaces = options.spaces == "drop" and space.spacing
        longest = _longest_operand(operands, digits if options.zero_padding else 1)
        # The longest question has the most terms. The bound of `facts` takes each of them for the longest number with a
        # sign, if there are signs, and all decimals; what is left are operators, brackets and spaces.
        bound = digits + (operands.min < 0) + (operands.decimals + 1 if operands.decimals else 0)
        question_width = facts.max_question_length + (longest - bound) * num_terms
        question_width -= 2 * (num_terms - 1) * drops_spaces
        answer_width = facts.max_answer_length
        if drops_spaces:
            alphabet -= {" "}
        if options.zero_padding:
            if space.division == "fraction" and "/" in space.operators:
                raise UserError("`codec.zero_padding` does not go with `space.division: fraction`")
            alphabet |= {"0"}
            # A sign or a decimal part comes on top of the leading zeros.
            answer_width += 1 if alphabet.isdisjoint(".") else answer_width
        return cls(
            alphabet="".join(sorted(alphabet)),
            spacing=space.spacing,
            max_question_length=facts.max_question_length,
            max_answer_length=facts.max_answer_length,
            question_digits=digits,
            question_width=question_width,
            answer_width=answer_width + 1,
            options=options,
        )

    @property
    def num_tokens(self) -> int:
        """Number of different tokens: the size of a model's vocabulary."""
        return NUM_RESERVED + len(self.alphabet)

    def encode_questions(self, texts: Texts) -> np.ndarray:
        """Returns tokens, uint8 (num_texts, question_width), of natural questions.

        Raises:
            UserError: a text is too long or has a character that the alphabet lacks; names text and position.
        """
        rows = self._to_rows(texts, self.max_question_length, "question")
        if self._drops_spaces:
            rows = rows.keep(rows.matrix != ord(" "))
        if self.options.zero_padding:
            rows = add_zeros(rows, self.question_digits)
        _check_width(rows, self.question_width, "question")
        if self.options.reverse_question:
            rows = rows.reverse()
        return self._to_tokens(rows).padded(self.question_width, on_left=self.options.padding == "left")

    def encode_answers(self, texts: Texts) -> np.ndarray:
        """Returns tokens, uint8 (num_texts, answer_width), of natural answers, each closed by the end token.

        Raises:
            UserError: a text is empty, too long or has a character that the alphabet lacks.
        """
        rows = self._to_rows(texts, self.max_answer_length, "answer")
        if self.options.zero_padding:
            rows = add_zeros(rows, self.max_answer_length)
        _check_width(rows, self.answer_width - 1, "answer")
        if self.options.reverse_answer:
            rows = rows.reverse()
        tokens = self._to_tokens(rows).padded(self.answer_width)
        tokens[np.arange(len(rows)), rows.lengths] = END
        return tokens

    def decode_questions(self, tokens: np.ndarray) -> list[str]:
        """Returns the natural questions; the inverse of `encode_questions`.

        Raises:
            UserError: a row is not what `encode_questions` returns; names the row.
        """
        tokens = _check_tokens(tokens, self.question_width)
        lengths = (tokens != PAD).sum(axis=1)
        is_left = self.options.padding == "left"
        matrix = ByteRows(tokens, lengths)
        if is_left:
            matrix = ByteRows(tokens, np.full(len(tokens), self.question_width)).keep(tokens != PAD)
        rows = self._to_characters(matrix)
        _refuse_rows((rows.matrix == _WRONG).any(axis=1), "question")
        if self.options.reverse_question:
            rows = rows.reverse()
        if self.options.zero_padding:
            rows = strip_zeros(rows)
        if self._drops_spaces:
            rows = add_spaces(rows)
        texts = rows.to_texts()
        # Encoding again is the whole definition of a well-formed row: no pad inside, nothing after the end.
        _refuse_rows((self.encode_questions(texts) != tokens).any(axis=1), "question")
        return texts

    def decode_answers(self, tokens: np.ndarray) -> list[str]:
        """Returns the natural answers; the inverse of `encode_answers`.

        Raises:
            UserError: a row is not what `encode_answers` returns; names the row.
        """
        texts = self.decode_predictions(tokens)
        is_wrong = np.array(["?" in text or not text for text in texts], bool)
        _refuse_rows(is_wrong, "answer")
        _refuse_rows((self.encode_answers(texts) != tokens).any(axis=1), "answer")
        return texts

    def decode_predictions(self, tokens: np.ndarray) -> list[str]:
        """Returns what a model's tokens, integers (num_texts, answer_width), say: the text up to the end token.

        A `?` stands for a pad or start token before the end, and comes last if the end is missing or, with zero
        padding, a number has other than its full digits; so what is malformed never equals an answer.
        """
        tokens = _check_tokens(tokens, self.answer_width)
        is_end = tokens == END
        has_end = is_end.any(axis=1)
        lengths = np.where(has_end, is_end.argmax(axis=1), tokens.shape[1])
        inside = np.where(np.arange(tokens.shape[1]) < lengths[:, None], tokens, PAD)
        rows = self._to_characters(ByteRows(inside, lengths))
        if self.options.reverse_answer:
            rows = rows.reverse()
        is_malformed = ~has_end
        if self.options.zero_padding:
            full, rows = rows, strip_zeros(rows)
            is_malformed |= ~_are_equal(add_zeros(rows, self.max_answer_length), full)
        matrix = np.pad(rows.matrix, ((0, 0), (0, 1)))
        malformed = np.flatnonzero(is_malformed)
        matrix[malformed, rows.lengths[malformed]] = _WRONG
        return ByteRows(matrix, rows.lengths + is_malformed).to_texts()

    def describe_tokens(self, tokens: np.ndarray) -> list[str]:
        """Returns a sign for each token of one answer, integers (length,), up to the end: the characters, then `∎`."""
        signs = {PAD: "□", START: "▷", END: "∎"} | dict(enumerate(self.alphabet, NUM_RESERVED))
        texts = [signs.get(int(token), "?") for token in tokens]
        return texts[: texts.index("∎") + 1] if "∎" in texts else texts

    def check_dataset(self, manifest: Manifest) -> None:
        """Refuses a dataset whose texts this codec cannot encode; see `check_space`."""
        self.check_space(manifest.recipe.space, manifest.space)

    def check_space(self, space: SpaceRecipe, facts: SpaceFacts) -> None:
        """Refuses a space whose texts this codec cannot encode.

        Raises:
            UserError: with the reason.
        """
        missing = sorted(set(facts.alphabet) - set(self.alphabet) - ({" "} if self._drops_spaces else set()))
        if missing:
            raise UserError(f"the model does not know the dataset's characters {' '.join(map(repr, missing))}")
        if space.spacing != self.spacing:
            ours, theirs = ("with" if each else "without" for each in (self.spacing, space.spacing))
            raise UserError(f"the model was trained on questions {ours} spaces, the dataset's are {theirs}")
        for noun in ("question", "answer"):
            ours, theirs = (getattr(each, f"max_{noun}_length") for each in (self, facts))
            if theirs > ours:
                raise UserError(f"the model takes {noun}s of up to {ours} characters, the dataset has {theirs}")

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

    @property
    def _drops_spaces(self) -> bool:
        return self.spacing and self.options.spaces == "drop"

    def _to_rows(self, texts: Texts, max_length: int, noun: str) -> ByteRows:
        rows = texts if isinstance(texts, ByteRows) else ByteRows.from_texts(texts)
        _check_width(rows, max_length, noun)
        if len(rows) and rows.lengths.min() < 1:
            raise UserError(f"{noun} {int(rows.lengths.argmin()) + 1} is empty")
        known = self.alphabet + " " if self._drops_spaces and noun == "question" else self.alphabet
        is_known = rows.translate(_make_table(dict.fromkeys(known, 1)))
        # The zeros behind a text are unknown, too; counting all cells is faster than looking at those inside.
        if np.count_nonzero(is_known) < rows.lengths.sum():
            row, column = np.argwhere((is_known == 0) & rows.is_inside())[0]
            character = chr(rows.matrix[row, column])
            raise UserError(
                f"{noun} `{rows.text(row)}` has {character!r} at position {column + 1}, "
                f"which is none of the characters {self.alphabet!r}"
            )
        return rows

    def _to_tokens(self, rows: ByteRows) -> ByteRows:
        ids = dict(zip(self.alphabet, range(NUM_RESERVED, self.num_tokens), strict=True))
        return ByteRows(rows.translate(_make_table(ids)), rows.lengths)

    def _to_characters(self, tokens: ByteRows) -> ByteRows:
        table = np.full(256, _WRONG, np.uint8)
        table[NUM_RESERVED : self.num_tokens] = np.frombuffer(self.alphabet.encode(), np.uint8)
        return ByteRows(np.where(tokens.is_inside(), table[tokens.matrix], 0).astype(np.uint8), tokens.lengths)


def _make_table(values: Mapping[str, int]) -> bytes:
    """Returns the 256 bytes that `ByteRows.translate` takes; characters without a value become zeros."""
    table = bytearray(256)
    for character, value in values.items():
        table[ord(character)] = value
    return bytes(table)


def _longest_operand(operands: Operands, digits: int) -> int:
    """Returns the characters of the longest operand, when each is filled up to `digits` before the point.

    >>> _longest_operand(Operands(min=-5, max=120), 1)
    3
    >>> _longest_operand(Operands(min=-5, max=100, decimals=1), 3)
    6
    """
    low, high, decimals = operands.min, operands.max, operands.decimals
    numbers = [(low, 0), (high, 0)]
    if decimals and low < high:
        # The ends are whole; the numbers with all decimals nearest to them have a whole part that is one smaller.
        numbers += [(side, decimals + 1) for side in (low, high) if side]
    longest = 0
    for number, length_of_decimals in numbers:
        whole = abs(number) - (length_of_decimals > 0)
        longest = max(longest, (number < 0) + max(len(str(whole)), digits) + length_of_decimals)
    return longest


def _are_equal(one: ByteRows, other: ByteRows) -> np.ndarray:
    """Returns which texts are equal, bool (num_texts,)."""
    width = max(one.matrix.shape[1], other.matrix.shape[1])
    return (one.padded(width) == other.padded(width)).all(axis=1)


def _check_width(rows: ByteRows, width: int, noun: str) -> None:
    if rows.lengths.max(initial=0) > width:
        row = int(np.argmax(rows.lengths > width))
        raise UserError(f"{noun} `{rows.text(row)}` has {rows.lengths[row]} characters, at most {width} fit")


def _check_tokens(tokens: np.ndarray, width: int) -> np.ndarray:
    tokens = np.asarray(tokens)
    if tokens.ndim != 2 or tokens.shape[1] != width:
        raise UserError(f"tokens must have the shape (number of texts, {width}), got {tokens.shape}")
    if tokens.size and not 0 <= tokens.min() <= tokens.max() <= _LAST_ID:
        raise UserError(f"tokens must be from 0 to {_LAST_ID}, got {tokens.min()} to {tokens.max()}")
    return tokens.astype(np.uint8)


def _refuse_rows(is_wrong: np.ndarray, noun: str) -> None:
    if is_wrong.any():
        raise UserError(f"row {int(is_wrong.argmax())} of the tokens is not an encoded {noun}")
