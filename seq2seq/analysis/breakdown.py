"""Right answers counted by what their equations have in common."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from eqstream.data.dataset.histograms import SIGNS
from eqstream.data.dataset.shard_reader import EquationColumns
from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.recipe import OPERATORS, SpaceRecipe

# More than an operand can have digits: separates the two lengths in one number.
_LENGTHS_BASE = 1 << 10


@dataclass(frozen=True, kw_only=True)
class GroupCount:
    """Examples that share a value, and how many of them are right."""

    value: str
    num_examples: int
    num_right: int

    @property
    def exact_match(self) -> float:
        """Share of the examples that are right, from 0 to 1."""
        return self.num_right / self.num_examples


Tables = dict[str, tuple[GroupCount, ...]]


class TableTally:
    """Gathers the tables of blocks of examples.

    Each example is in one group of every table: `carries`, `lengths` (digits before the point of first and second
    operand) where all equations have two operands, else `digits` (of the longest one), `terms`, `operators` (which
    ones occur), `answer length` (in characters), `answer sign`.

    Args:
        space: the equations there are.
    """

    def __init__(self, space: SpaceRecipe) -> None:
        self._has_two_operands = space.terms.min == space.terms.max == 2
        self._examples: dict[str, Counter[int]] = {}
        self._right: dict[str, Counter[int]] = {}

    def add(self, block: EquationColumns, is_right: np.ndarray) -> None:
        """Counts a block; `is_right` is bool (num_examples,)."""
        for name, keys in self._keys(block).items():
            totals = np.bincount(keys)
            rights = np.bincount(keys[is_right], minlength=len(totals))
            values = np.flatnonzero(totals)
            for counters, counts in ((self._examples, totals), (self._right, rights)):
                counted = zip(values.tolist(), counts[values].tolist(), strict=True)
                counters.setdefault(name, Counter()).update(dict(counted))

    def _keys(self, block: EquationColumns) -> dict[str, np.ndarray]:
        """Returns the group of each example in each table, as integers (num_examples,) from 0."""
        bare = block.question.keep(block.question.matrix != ord(" "))
        keys = {"carries": block.numbers["carries"]}
        if self._has_two_operands:
            first, second = operand_lengths(bare)
            keys["lengths"] = first * _LENGTHS_BASE + second
        else:
            keys["digits"] = block.numbers["digits"]
        keys["terms"] = block.numbers["terms"]
        keys["operators"] = operators_used(bare)
        keys["answer length"] = block.answer.lengths
        keys["answer sign"] = _signs(block.answer)
        return keys

    def tables(self) -> Tables:
        """Returns the tables of more than one group, groups in rising order.

        A table of one group says nothing that the whole does not say; signs matter if there are negative answers.
        """
        tables = {}
        for name, totals in self._examples.items():
            is_telling = 0 in totals if name == "answer sign" else len(totals) > 1
            if is_telling:
                tables[name] = tuple(
                    GroupCount(value=_NAMES.get(name, str)(key), num_examples=total, num_right=self._right[name][key])
                    for key, total in sorted(totals.items())
                )
        return tables


def operand_lengths(bare: ByteRows) -> tuple[np.ndarray, np.ndarray]:
    """Returns the digits before the point of the first and of the last operand, int64 (num_questions,) each.

    >>> [lengths.tolist() for lengths in operand_lengths(ByteRows.from_texts(["-31+8.25", "7--100"]))]
    [[2, 1], [1, 3]]

    Args:
        bare: questions without spaces.
    """
    is_digit = _is_digit(bare.matrix)
    # The digits from each place to the end of their run.
    runs = np.zeros((len(bare), bare.matrix.shape[1] + 1), np.int64)
    for column in reversed(range(bare.matrix.shape[1])):
        runs[:, column] = np.where(is_digit[:, column], runs[:, column + 1] + 1, 0)
    behind = is_digit | (bare.matrix == ord("."))
    starts = is_digit & ~np.pad(behind, ((0, 0), (1, 0)))[:, :-1]
    rows = np.arange(len(bare))
    last = starts.shape[1] - 1 - starts[:, ::-1].argmax(axis=1)
    return runs[rows, starts.argmax(axis=1)], runs[rows, last]


def operators_used(bare: ByteRows) -> np.ndarray:
    """Returns which operators occur, int64 (num_questions,): bit `i` stands for ``+-*/``'s character `i`.

    >>> operators_used(ByteRows.from_texts(["-3+-4", "3--4*5", "7"])).tolist()
    [1, 6, 0]

    Args:
        bare: questions without spaces.
    """
    # A minus is a sign unless a number or a bracket ends before it.
    ends_before = np.pad(_is_digit(bare.matrix) | (bare.matrix == ord(")")), ((0, 0), (1, 0)))[:, :-1]
    bits = np.zeros(len(bare), np.int64)
    for place, operator in enumerate(OPERATORS):
        bits |= ((bare.matrix == ord(operator)) & ends_before).any(axis=1).astype(np.int64) << place
    return bits


def _signs(answers: ByteRows) -> np.ndarray:
    first = answers.matrix[:, 0]
    is_zero = (first == ord("0")) & (answers.lengths == 1)
    return np.where(first == ord("-"), SIGNS.index("negative"), np.where(is_zero, SIGNS.index("zero"), 2))


def _is_digit(matrix: np.ndarray) -> np.ndarray:
    return (matrix >= ord("0")) & (matrix <= ord("9"))


def _name_lengths(key: int) -> str:
    first, second = divmod(key, _LENGTHS_BASE)
    return f"{first} x {second}"


def _name_operators(key: int) -> str:
    return " ".join(operator for place, operator in enumerate(OPERATORS) if key >> place & 1) or "none"


_NAMES: dict[str, Callable[[int], str]] = {
    "lengths": _name_lengths,
    "operators": _name_operators,
    "answer sign": SIGNS.__getitem__,
}
