"""The columns of a dataset: the one table that writers, readers and descriptions of records go by.

What else a new column needs is listed in docs/architecture.md, under "Where does a change go?".
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.recipe import Recipe


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        name: its name.
        type: of its values; texts are ASCII, numbers are not below 0.
        meaning: what it holds, in Markdown.
    """

    name: str
    type: Literal["string", "int64"]
    meaning: str


# In the order in which people want to see them.
COLUMNS = (
    Column("question", "string", "the equation's left side, such as `31 + 87`"),
    Column("answer", "string", "its exact value, in the shortest form, such as `118`"),
    Column("terms", "int64", "number of operands"),
    Column("digits", "int64", "digits of the integer part of the longest operand"),
    Column("carries", "int64", "carries and borrows of written addition and subtraction"),
)
# Of datasets whose examples are steps; types and order are the same.
_STEP_MEANINGS = {
    "question": "a line of the worked solution of an equation, such as `214 - 744 * 33`",
    "answer": "the next line, of the same value, such as `214 - 22320 - 744 * 3`",
    "terms": "number of operands of the equation that is solved",
    "digits": "digits of the integer part of its longest operand",
    "carries": "carries and borrows of its written addition and subtraction",
}
COLUMN_TYPES: dict[str, str] = {column.name: column.type for column in COLUMNS}
# As they stand in a record: `tf.train.Example` sorts its features by name.
STORED_COLUMNS = tuple(sorted(COLUMNS, key=lambda column: column.name))
TEXT_COLUMNS = tuple(column.name for column in COLUMNS if column.type == "string")
NUMBER_COLUMNS = tuple(column.name for column in COLUMNS if column.type == "int64")


def list_columns(recipe: Recipe) -> tuple[Column, ...]:
    """Returns the columns of the datasets of a recipe, in the order in which people want to see them."""
    if recipe.steps is None:
        return COLUMNS
    return tuple(replace(column, meaning=_STEP_MEANINGS[column.name]) for column in COLUMNS)


@dataclass(frozen=True, eq=False)
class EquationColumns:
    """Equations, column by column.

    Attributes:
        question: natural text.
        answer: natural text.
        numbers: any integers (num_records,) for each of `NUMBER_COLUMNS`, or for those alone that were asked for.
    """

    question: ByteRows
    answer: ByteRows
    numbers: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.question)

    def take(self, rows: slice) -> "EquationColumns":
        """Returns the equations of a slice, as views."""
        texts = {name: getattr(self, name).take(rows) for name in TEXT_COLUMNS}
        return EquationColumns(**texts, numbers={name: values[rows] for name, values in self.numbers.items()})

    @classmethod
    def join(cls, parts: "Sequence[EquationColumns]") -> "EquationColumns":
        """Returns the equations of all parts, which have the same numbers, one part behind the other."""
        if len(parts) == 1:
            return parts[0]
        names = parts[0].numbers if parts else NUMBER_COLUMNS
        empty = np.zeros(0, np.int64)
        numbers = {name: np.concatenate([empty, *(part.numbers[name] for part in parts)]) for name in names}
        texts = {name: ByteRows.join([getattr(part, name) for part in parts]) for name in TEXT_COLUMNS}
        return cls(**texts, numbers=numbers)

    @classmethod
    def merge(
        cls, parts: "Sequence[tuple[np.ndarray, EquationColumns]]", num_equations: int, names: Sequence[str]
    ) -> "EquationColumns":
        """Returns equations given as parts, each with the rows of its own, int64 (n,); a later part counts.

        `names` are those of the numbers wanted, which each part must have.
        """
        numbers = {name: np.zeros(num_equations, np.int64) for name in names}
        for rows, part in parts:
            for name, values in numbers.items():
                values[rows] = part.numbers[name]
        texts = {
            name: ByteRows.merge([(rows, getattr(part, name)) for rows, part in parts], num_equations)
            for name in TEXT_COLUMNS
        }
        return cls(**texts, numbers=numbers)
