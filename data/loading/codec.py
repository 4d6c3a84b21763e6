"""Natural text of equations to tokens and back, in bulk and strictly; the tokens are those of `token_alphabet`.

A question is ``(num_texts, question_width)``, an answer ``(num_texts, answer_width)`` and includes its end token.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from eqstream.data.configuration import check_positive, check_types, from_mapping
from eqstream.data.dataset.manifest import Manifest, SpaceFacts
from eqstream.data.dataset.manifest_maker import describe_space
from eqstream.data.errors import UserError
from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.loading.codec_sizes import count_digits, count_question_tokens
from eqstream.data.loading.text_side import Texts, TextSide
from eqstream.data.loading.token_alphabet import END, LAST_ID, PAD, UNKNOWN, TokenAlphabet
from eqstream.data.recipe import Recipe
from eqstream.data.solutions.line_bounds import LINE_CHARACTERS
from eqstream.data.space_recipe import SpaceRecipe

# Raised by any change in how a text becomes tokens; saved with each codec.
CODEC_VERSION = 1
_STEPS_NEEDED = "the dataset's examples are steps of worked solutions: set `codec.steps: true`"


@dataclass(frozen=True, kw_only=True)
class CodecOptions:
    """What a recipe's section `codec` may say.

    `padding` is the side of a question's pad tokens. `answer_padding` is `right` for pads behind the end of a short
    answer, `left` for spaces before it, so that all answers are equally long. With `end_question` an end token closes
    a question, as it does every answer. `spaces` says whether a question's spaces become tokens; with `zero_padding`
    each number gets leading zeros up to the longest operand's or answer's digits.

    With `steps` the texts are lines of worked solutions: a model answers a line with the next one, and is asked again
    until a number is left. No line may have more than `line_length` characters, spaces not counted.
    """

    padding: Literal["left", "right"] = "right"
    answer_padding: Literal["left", "right"] = "right"
    end_question: bool = False
    zero_padding: bool = False
    reverse_question: bool = False
    reverse_answer: bool = False
    spaces: Literal["keep", "drop"] = "drop"
    steps: bool = False
    line_length: int = 64

    def __post_init__(self) -> None:
        check_types(self)
        check_positive(self, "line_length")
        is_padded = self.zero_padding or "left" in (self.padding, self.answer_padding)
        if self.steps and (is_padded or self.end_question or self.spaces == "keep"):
            raise UserError(
                "`steps` does not go with `zero_padding`, `end_question`, `spaces: keep`, `padding: left` or "
                "`answer_padding: left`"
            )


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
    def for_recipe(cls, recipe: Recipe, options: CodecOptions | None = None) -> "Codec":
        """Returns the codec for the equations of a recipe, the same as that of its dataset; see `for_space`."""
        return cls.for_space(recipe.space, describe_space(recipe), options)

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
        return cls.for_spaces([(space, facts)], options)

    @classmethod
    def for_spaces(
        cls, spaces: Sequence[tuple[SpaceRecipe, SpaceFacts]], options: CodecOptions | None = None
    ) -> "Codec":
        """Returns the codec for the equations of several spaces: it has all their characters, and room for the longest.

        Args:
            spaces: the spaces, at least one, each with the bounds on its text.
            options: what the recipe says of the codec.

        Raises:
            UserError: zero padding is asked for where answers are fractions, some spaces are written with spaces
                and others without, or examples are steps and the options are not for lines.
        """
        options = _choose_options(max(facts.line_length or 0 for _, facts in spaces), options)
        spacing = spaces[0][0].spacing
        if any(space.spacing != spacing for space, _ in spaces):
            raise UserError("one codec cannot write some equations with spaces and others without: see `space.spacing`")
        if options.steps:
            return cls._for_lines(spaces, options)
        drops_spaces = options.spaces == "drop" and spacing
        alphabet = {each for _, facts in spaces for each in facts.alphabet} - ({" "} if drops_spaces else set())
        alphabet |= {" "} if options.answer_padding == "left" else set()
        answer_width = max_answer_length = max(facts.max_answer_length for _, facts in spaces)
        if options.zero_padding:
            if any(space.division == "fraction" and "/" in space.operators for space, _ in spaces):
                raise UserError("`codec.zero_padding` does not go with `space.division: fraction`")
            alphabet |= {"0"}
            # A sign or a decimal part comes on top of the leading zeros.
            answer_width += 1 if alphabet.isdisjoint(".") else answer_width
        digits = max(count_digits(space.operands) for space, _ in spaces)
        widths = [
            count_question_tokens(
                space,
                facts.max_question_length,
                fill_up_to=digits if options.zero_padding else 1,
                drops_spaces=drops_spaces,
            )
            for space, facts in spaces
        ]
        return cls(
            alphabet="".join(sorted(alphabet)),
            spacing=spacing,
            max_question_length=max(facts.max_question_length for _, facts in spaces),
            max_answer_length=max_answer_length,
            question_digits=digits,
            question_width=max(widths) + options.end_question,
            answer_width=answer_width + 1,
            options=options,
        )

    @classmethod
    def _for_lines(cls, spaces: Sequence[tuple[SpaceRecipe, SpaceFacts]], options: CodecOptions) -> "Codec":
        """Returns the codec for lines of worked solutions; which characters they have depends on no space."""
        spacing, length = spaces[0][0].spacing, options.line_length
        with_spaces = 3 * length if spacing else length
        codec = cls(
            alphabet=LINE_CHARACTERS,
            spacing=spacing,
            max_question_length=with_spaces,
            max_answer_length=with_spaces,
            question_digits=1,
            question_width=length,
            answer_width=length + 1,
            options=options,
        )
        for space, facts in spaces:
            longest = facts.line_length or count_question_tokens(
                space, facts.max_question_length, fill_up_to=1, drops_spaces=spacing
            )
            if longest > length:
                raise UserError(
                    f"questions have up to {longest} characters, and `codec.line_length` is {length}: raise it"
                )
        return codec

    @property
    def num_tokens(self) -> int:
        """Number of different tokens: the size of a model's vocabulary."""
        return self._tokens.num_tokens

    def encode_questions(self, texts: Texts) -> np.ndarray:
        """Returns tokens, uint8 (num_texts, question_width), of natural questions.

        Raises:
            UserError: a text is empty, too long or has a character that the alphabet lacks; names text and position.
        """
        tokens = self._questions.encode(texts)
        if self.options.end_question:
            tokens = _close(tokens)
        return tokens.padded(self.question_width, on_left=self.options.padding == "left")

    def encode_answers(self, texts: Texts) -> np.ndarray:
        """Returns tokens, uint8 (num_texts, answer_width), of natural answers, each closed by the end token.

        Raises:
            UserError: a text is empty, too long or has a character that the alphabet lacks.
        """
        rows = self._answers.encode(texts)
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
        texts = self._questions.read(written).to_texts()
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
        natural = self._answers.read(written)
        is_malformed = ~has_end
        if self.options.zero_padding or self.options.answer_padding == "left":
            is_malformed |= ~_are_equal(self._answers.rearrange(natural), written)
        matrix = np.pad(natural.matrix, ((0, 0), (0, 1)))
        malformed = np.flatnonzero(is_malformed)
        matrix[malformed, natural.lengths[malformed]] = UNKNOWN
        return ByteRows(matrix, natural.lengths + is_malformed).to_texts()

    def describe_tokens(self, tokens: np.ndarray) -> list[str]:
        """Returns a sign for each token of one answer, integers (length,), up to the end: the characters, then `∎`."""
        return self._tokens.signs(tokens)

    def check_dataset(self, manifest: Manifest) -> None:
        """Refuses a dataset whose texts this codec cannot encode; see `check_space`."""
        self.check_space(manifest.recipe.space, manifest.space)

    def check_space(self, space: SpaceRecipe, facts: SpaceFacts) -> None:
        """Refuses a space whose texts this codec cannot encode.

        Raises:
            UserError: with the reason.
        """
        if facts.line_length and not self.options.steps:
            raise UserError(_STEPS_NEEDED)
        if facts.line_length and facts.line_length > self.question_width:
            raise UserError(
                f"the model takes lines of up to {self.question_width} characters, the dataset has {facts.line_length}"
            )
        missing = sorted(set(facts.alphabet) - set(self.alphabet) - ({" "} if self._questions.drops_spaces else set()))
        if missing:
            raise UserError(f"the model does not know the dataset's characters {' '.join(map(repr, missing))}")
        if space.spacing != self.spacing:
            ours, theirs = ("with" if each else "without" for each in (self.spacing, space.spacing))
            raise UserError(f"the model was trained on questions {ours} spaces, the dataset's are {theirs}")
        for side, theirs in ((self._questions, facts.max_question_length), (self._answers, facts.max_answer_length)):
            if theirs > side.max_length:
                raise UserError(
                    f"the model takes {side.name}s of up to {side.max_length} characters, the dataset has {theirs}"
                )

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
    def _questions(self) -> TextSide:
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
    def _answers(self) -> TextSide:
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


def _choose_options(line_length: int, options: CodecOptions | None) -> CodecOptions:
    if line_length and options is not None and not options.steps:
        raise UserError(_STEPS_NEEDED)
    return options or CodecOptions(steps=line_length > 0, line_length=line_length or CodecOptions.line_length)
