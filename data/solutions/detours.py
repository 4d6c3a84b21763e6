"""Solutions that go on from a digit of a quotient that is too large, as a model's own do where it takes such a digit.

A digit one too large leaves a line of the right value, `100 + (84 - 7 * 20) / 7` for example, from which the rules of
docs/solutions.md come to the same answer, but through a remainder below 0, which the solutions of the rules alone do
not have. A model that has learned such lines mends its own mistakes of this kind. (Training on the states that a
learner's own mistakes lead to is the idea of DAgger, arXiv 1011.0686.)

Each is the digit of the rules raised by one. That digit may be one too small; raised, it is then the right one, as are
some 5 in 100 in quotients of up to six digits.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from eqstream.data.permutation import Permutation
from eqstream.data.solutions.decimal_numbers import Decimals, leading_places
from eqstream.data.solutions.lines import END, Lines
from eqstream.data.space.shapes import MINUS, OPERAND, OVER, PLUS, TIMES

_SIZE = 1 << 62
# More than a solution has lines.
_MOST_LINES = 1 << 16
# How far around its `*` the line looks where a digit was split off.
_REACH = 5


@dataclass(frozen=True)
class Detours:
    """Says after which lines of endlessly many solutions a digit is taken that is too large.

    Args:
        share: of the lines, from 0 to `MAX_DETOURS`.
        seed: other seeds choose other lines.
    """

    share: float
    seed: int

    @cached_property
    def _order(self) -> Permutation:
        return Permutation(_SIZE, self.seed)

    def choose(self, equations: np.ndarray, number: int) -> np.ndarray:
        """Returns for which equations the line of this number is one of them, bool (n,).

        Args:
            equations: their positions in the endless sequence, int64 (n,).
            number: how many lines come before the line.
        """
        drawn = self._order.forward((equations * _MOST_LINES + number) % _SIZE)
        return drawn < self.share * _SIZE


def raise_digits(lines: Lines) -> tuple[np.ndarray, Lines]:
    """Returns lines in which a digit of a quotient was split off, with that digit one larger.

    Args:
        lines: n lines, any ones.

    Returns:
        The rows of these lines, int64 (m,), ascending, and the m changed lines, of the same values. No 9 is raised.
    """
    rows, places = _find_digits(lines)
    digits = _numbers_at(lines, rows, places[0])
    units = leading_places(np.abs(digits.steps))
    is_raised = np.abs(digits.steps) < 9 * units
    raised = Decimals(digits.steps + np.where(digits.steps < 0, -units, units), digits.places)
    kept = np.flatnonzero(is_raised)
    result = lines.take(rows[kept])
    starts = np.arange(len(kept)) * result.kinds.shape[1]
    for own in places:
        result.put_numbers(starts + own[kept], raised.take(kept))
    return rows[kept], result


def _find_digits(lines: Lines) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Returns the rows of `v + (x - y * v) / y`, or of the same joined to a number, and the places of both `v`."""
    kinds = np.pad(lines.kinds, ((0, 0), (_REACH, _REACH)), constant_values=END)

    def at(offset: int) -> np.ndarray:
        """Returns the kinds so many tokens behind each token."""
        return kinds[:, _REACH + offset : _REACH + offset + lines.kinds.shape[1]]

    # In postfix order `v x y v * - y / +`, or behind a number `v ± x y v * - y / ±`.
    is_digit = (at(0) == TIMES) & (at(1) == MINUS) & (at(3) == OVER)
    for offset in (-3, -2, -1, 2):
        is_digit &= at(offset) == OPERAND
    is_first = (at(-4) == OPERAND) & (at(4) == PLUS)
    is_joined = (at(-5) == OPERAND) & (at(-4) <= MINUS) & (at(4) == at(-4))
    rows, places = np.nonzero(is_digit & (is_first | is_joined))
    outer = places - np.where(is_first[rows, places], 4, 5)
    is_same = _are_equal(lines, rows, outer, places - 1) & _are_equal(lines, rows, places - 2, places + 2)
    rows, first = np.unique(rows[is_same], return_index=True)
    return rows, (outer[is_same][first], places[is_same][first] - 1)


def _numbers_at(lines: Lines, rows: np.ndarray, places: np.ndarray) -> Decimals:
    return lines.numbers_at(rows * lines.kinds.shape[1] + places)


def _are_equal(lines: Lines, rows: np.ndarray, places: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns whether two numbers of each row are the same, bool (n,)."""
    left, right = _numbers_at(lines, rows, places), _numbers_at(lines, rows, others)
    are_equal = left.steps == right.steps
    if left.places is not None and right.places is not None:
        are_equal &= left.places == right.places
    return are_equal
