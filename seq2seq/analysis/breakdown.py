"""Right answers counted by what their equations have in common."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from eqstream.data.dataset.histograms import SIGNS
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.loading.text_transforms import digits_from_here, is_number_start, is_operator
from eqstream.data.recipe_values import OPERATORS
from eqstream.data.space_recipe import SpaceRecipe

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
        bare = without_spaces(block.question)
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
    runs, starts = digits_from_here(bare.matrix).astype(np.int64), is_number_start(bare.matrix)
    rows, last = np.arange(len(bare)), starts.shape[1] - 1 - starts[:, ::-1].argmax(axis=1)
    return runs[rows, starts.argmax(axis=1)], runs[rows, last]


@dataclass(frozen=True, kw_only=True, eq=False)
class OperandPairs:
    """The questions of two operands among many.

    Attributes:
        rows: their places, int64 (num_pairs,).
        operands: float64 (num_pairs, 2).
        lengths: digits before the point of each operand, int64 (num_pairs, 2).
        operators: characters (num_pairs,).
    """

    rows: np.ndarray
    operands: np.ndarray
    lengths: np.ndarray
    operators: np.ndarray


def find_pairs(questions: ByteRows) -> OperandPairs:
    """Returns what the questions of two operands ask for.

    >>> pairs = find_pairs(ByteRows.from_texts(["31 + 8.5", "1 + 2 + 3", "-7 - -100"]))
    >>> pairs.rows.tolist(), pairs.operands.tolist(), pairs.operators.tolist()
    ([0, 2], [[31.0, 8.5], [-7.0, -100.0]], ['+', '-'])
    """
    bare = without_spaces(questions)
    found = is_operator(bare.matrix)
    rows = np.flatnonzero(found.sum(axis=1) == 1)
    pairs, places = ByteRows(bare.matrix[rows], bare.lengths[rows]), found[rows].argmax(axis=1)
    columns = np.arange(bare.matrix.shape[1])
    sides = [pairs.keep(columns < places[:, None]), pairs.keep(columns > places[:, None])]
    return OperandPairs(
        rows=rows,
        operands=np.array([side.to_texts() for side in sides], np.str_).astype(np.float64).T,
        lengths=np.stack(operand_lengths(pairs), axis=1) if len(rows) else np.zeros((0, 2), np.int64),
        operators=pairs.matrix[np.arange(len(rows)), places].view("S1").astype(np.str_),
    )


def without_spaces(questions: ByteRows) -> ByteRows:
    """Returns the texts without their spaces."""
    return questions.keep(questions.matrix != ord(" "))


def operators_used(bare: ByteRows) -> np.ndarray:
    """Returns which operators occur, int64 (num_questions,): bit `i` stands for ``+-*/``'s character `i`.

    >>> operators_used(ByteRows.from_texts(["-3+-4", "3--4*5", "7"])).tolist()
    [1, 6, 0]

    Args:
        bare: questions without spaces.
    """
    found = np.where(is_operator(bare.matrix), bare.matrix, 0)
    bits = np.zeros(len(bare), np.int64)
    for place, operator in enumerate(OPERATORS):
        bits |= (found == ord(operator)).any(axis=1).astype(np.int64) << place
    return bits


def _signs(answers: ByteRows) -> np.ndarray:
    first = answers.matrix[:, 0]
    is_zero = (first == ord("0")) & (answers.lengths == 1)
    return np.where(first == ord("-"), SIGNS.index("negative"), np.where(is_zero, SIGNS.index("zero"), 2))


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
