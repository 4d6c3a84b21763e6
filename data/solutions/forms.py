"""The forms of lines: their different rows of kinds of tokens, of which there are few.

What depends on the form of a line alone, such as its brackets, is found once for each form.
"""

from dataclasses import dataclass

import numpy as np

from eqstream.data.space.shapes import OPERAND, ShapeColumns
from eqstream.data.space.trees import Steps

# Kinds are digits to the base of 6: so many make a number of 63 bits, and so many more one below 2 ** 32.
_NUM_KINDS, _FIRST_DIGITS, _MORE_DIGITS = OPERAND + 2, 24, 12


@dataclass(frozen=True)
class FormGroup:
    """The forms with one number of terms.

    Attributes:
        num_terms: number of operands.
        forms: numbers of the forms, rising, int64 (m,).
        columns: their shapes.
    """

    num_terms: int
    forms: np.ndarray
    columns: ShapeColumns


@dataclass(frozen=True)
class Forms:
    """The forms of n lines.

    Attributes:
        count: how many there are.
        numbers: the form of each line, int64 (n,), in [0, count).
        num_terms: number of operands of each line, int64 (n,).
        groups: all forms, by rising number of terms.
    """

    count: int
    numbers: np.ndarray
    num_terms: np.ndarray
    groups: tuple[FormGroup, ...]


def find_forms(kinds: np.ndarray) -> Forms:
    """Returns the forms of lines whose kinds of tokens are uint8 (n, width)."""
    rows, numbers = _number_rows(kinds)
    kinds = kinds[rows]
    num_terms = (kinds == OPERAND).sum(axis=1)
    groups: list[FormGroup] = []
    for size in np.unique(num_terms).tolist():
        forms = np.flatnonzero(num_terms == size)
        groups.append(FormGroup(size, forms, _read_postfix(kinds[forms, : 2 * size - 1])))
    return Forms(len(rows), numbers, num_terms.take(numbers), tuple(groups))


def _number_rows(kinds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns a row of each form, and the number of each row's form."""
    codes = np.zeros(len(kinds), dtype=np.int64)
    rows = codes[:0]
    start, count = 0, _FIRST_DIGITS
    while start < kinds.shape[1]:
        digits = kinds[:, start : start + count]
        num_digits: int = digits.shape[1]
        codes = codes * _NUM_KINDS**num_digits + digits @ _NUM_KINDS ** np.arange(num_digits)
        rows, codes = np.unique(codes, return_index=True, return_inverse=True)[1:]
        start, count = start + count, _MORE_DIGITS
    return rows, codes


def _read_postfix(kinds: np.ndarray) -> ShapeColumns:
    """Returns the shapes of lines with equally many tokens, given their kinds, uint8 (n, 2 * num_terms - 1)."""
    num_rows: int = len(kinds)
    num_terms: int = (kinds.shape[1] + 1) // 2
    rows = np.arange(num_rows)
    operators = np.full((num_terms, num_rows), OPERAND, dtype=np.uint8)
    steps = Steps(*(np.zeros((num_terms - 1, num_rows), dtype=np.uint8) for _ in range(3)))
    # The first leaf of each side that waits for its operator, the latest side last.
    waiting = np.zeros((num_terms, num_rows), dtype=np.int64)
    num_waiting, num_leaves = np.zeros(num_rows, dtype=np.int64), np.zeros(num_rows, dtype=np.int64)
    for place, column in enumerate(kinds.T):
        is_leaf = column == OPERAND
        own = rows[is_leaf]
        waiting[num_waiting[own], own] = num_leaves[own]
        own = rows[~is_leaf]
        start, middle = (waiting[num_waiting[own] - back, own] for back in (2, 1))
        step = place - num_leaves[own]
        steps.starts[step, own], steps.middles[step, own], steps.ends[step, own] = start, middle, num_leaves[own]
        operators[middle, own] = column[own]
        num_waiting += np.where(is_leaf, 1, -1)
        num_leaves += is_leaf
    return ShapeColumns(operators, steps)
