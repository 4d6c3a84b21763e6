"""Equations to rows of a table, as tokens or as texts."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from eqstream.data.dataset.manifest_maker import describe_space
from eqstream.data.dataset.manifest_parts import SpaceFacts
from eqstream.data.errors import UserError
from eqstream.data.formats.columns import NUMBER_COLUMNS, EquationColumns
from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.loading.codec import Codec
from eqstream.data.loading.token_table import TokenTable
from eqstream.data.recipe import Recipe

Extra = Mapping[str, Callable[[EquationColumns], np.ndarray]]


class ExampleEncoder:
    """How equations become rows of a table: as the tokens of a codec, or as texts with zeros behind them.

    Args:
        codec: from text to tokens; None leaves questions and answers as they are.
        facts: the bounds on texts.
        extra: more numbers, by name, each computed from equations.

    Attributes:
        num_bytes: that an example takes in a table.
    """

    def __init__(
        self,
        codec: Codec | None,
        facts: SpaceFacts,
        *,
        extra: Extra | None = None,
    ) -> None:
        self._codec, self._extra = codec, extra or {}
        self._numbers = (*NUMBER_COLUMNS, *self._extra)
        self._question_width = facts.max_question_length if codec is None else codec.question_width
        self._answer_width = facts.max_answer_length if codec is None else codec.answer_width
        self.num_bytes = self._question_width + self._answer_width + 4 * len(self._numbers)

    @classmethod
    def for_recipe(cls, recipe: Recipe, codec: Codec | None = None, *, extra: Extra | None = None) -> "ExampleEncoder":
        """Returns the encoder for the equations of a recipe."""
        return cls(codec, describe_space(recipe), extra=extra)

    @property
    def is_text(self) -> bool:
        """Whether questions and answers are texts."""
        return self._codec is None

    @property
    def widths(self) -> dict[str, int]:
        """Columns of `question` and `answer`."""
        return {"question": self._question_width, "answer": self._answer_width}

    def needed_numbers(self, names: Sequence[str]) -> Sequence[str]:
        """Returns which numbers of equations a table with these numbers is filled from."""
        return names if self._extra.keys().isdisjoint(names) else NUMBER_COLUMNS

    def reserve(self, num_examples: int, numbers: Sequence[str] | None = None) -> TokenTable:
        """Returns a table to be filled, with all numbers or these alone.

        Raises:
            UserError: there is not enough memory.
        """
        try:
            return TokenTable(
                np.empty((num_examples, self._question_width), np.uint8),
                np.empty((num_examples, self._answer_width), np.uint8),
                {name: np.empty(num_examples, np.int32) for name in (self._numbers if numbers is None else numbers)},
            )
        except (MemoryError, ValueError) as error:
            # numpy refuses what is too large for any address with a ValueError.
            raise UserError(
                f"{num_examples:,} examples do not fit into memory: they take {num_examples * self.num_bytes:,} bytes; "
                "read them in smaller batches"
            ) from error

    def fill(self, table: TokenTable, rows: slice | np.ndarray, columns: EquationColumns) -> None:
        """Writes equations into as many rows of a table.

        Raises:
            UserError: a text is longer than the space's or has other characters.
        """
        if self._codec is None:
            table.questions[rows] = _pad(columns.question, "question", self._question_width)
            table.answers[rows] = _pad(columns.answer, "answer", self._answer_width)
        else:
            table.questions[rows] = self._codec.encode_questions(columns.question)
            table.answers[rows] = self._codec.encode_answers(columns.answer)
        for name, values in table.numbers.items():
            values[rows] = self._extra[name](columns) if name in self._extra else columns.numbers[name]


def _pad(texts: ByteRows, name: str, width: int) -> np.ndarray:
    longest = int(texts.lengths.max(initial=0))
    if longest > width:
        text = texts.text(int(texts.lengths.argmax()))
        raise UserError(f"{name} `{text}` has {longest} characters, at most {width} fit")
    return texts.padded(width)
