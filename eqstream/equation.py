"""One equation, as a reader of a dataset gets it."""

from collections.abc import Iterator
from typing import NamedTuple

from eqstream.data.formats.columns import NUMBER_COLUMNS, EquationColumns


class Equation(NamedTuple):
    """An equation and what is counted of it.

    >>> equation = Equation("31 + 87", "118", terms=2, digits=2, carries=1)
    >>> print(equation)
    31 + 87 = 118
    >>> question, answer, *_ = equation

    Attributes:
        question: its left side, such as ``31 + 87``.
        answer: its right side, such as ``118``.
        terms: number of operands.
        digits: digits before the decimal point of the longest operand.
        carries: carries and borrows of its additions and subtractions, as done by hand.
    """

    question: str
    answer: str
    terms: int
    digits: int
    carries: int

    def __str__(self) -> str:
        return f"{self.question} = {self.answer}"


def list_equations(columns: EquationColumns) -> Iterator[Equation]:
    """Yields the equations of columns in their order."""
    numbers = (columns.numbers[name].tolist() for name in NUMBER_COLUMNS)
    return map(Equation, columns.question.to_texts(), columns.answer.to_texts(), *numbers)
