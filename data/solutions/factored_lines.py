"""Which lines are fractions whose sides are split, and which fractions are answers, in spaces with two terms.

There a fraction that a step leaves by itself is the answer, or is written behind `1 *` or `-1 *` if it is not in lowest
terms.
"""

from typing import NamedTuple

import numpy as np

from eqstream.data.solutions.factored_fractions import LARGEST_SPLIT
from eqstream.data.solutions.fractions import rewrite_fractions
from eqstream.data.solutions.lines import END, Lines, merge_lines, replace_lines
from eqstream.data.space.shapes import OPERAND, OVER, TIMES

_FRACTION = [OPERAND, OPERAND, OVER, END]
_SIGNED = [OPERAND, OPERAND, TIMES, OPERAND, OVER, END]


class FactoredLines(NamedTuple):
    """Lines, and what they are.

    Attributes:
        lines: n lines; those that are split mean nothing.
        is_answer: which are fractions, or whole quotients, that are answers, bool (n,).
        is_split: which are a fraction whose sides are split from here on, bool (n,).
        prefix: what such a fraction is written behind: 0 for nothing, 1 for `1 *`, -1 for `-1 *`, int64 (n,).
        above: its numerator without the sign, int64 (n,).
        below: its denominator without the sign, int64 (n,).
    """

    lines: Lines
    is_answer: np.ndarray
    is_split: np.ndarray
    prefix: np.ndarray
    above: np.ndarray
    below: np.ndarray

    def take(self, rows: np.ndarray) -> "FactoredLines":
        """Returns those at `rows`."""
        lines, *columns = self
        return FactoredLines(lines.take(rows), *(column.take(rows) for column in columns))


def follow(lines: Lines, *, are_questions: bool) -> FactoredLines:
    """Returns the next line of each line, as it is written; a question that is split without a prefix has none.

    Args:
        lines: n lines, none of which is split.
        are_questions: whether they are; a fraction of two numbers is else one that is too large to be split.
    """
    if not are_questions:
        return _rewrite(lines)
    begun, is_own = _begin(lines)
    rows, others = np.flatnonzero(is_own), np.flatnonzero(~is_own)
    if not len(others):
        return begun
    parts = [(rows, begun.take(rows)), (others, _rewrite(lines.take(others)))]
    columns = [_merge([(own, getattr(part, name)) for own, part in parts]) for name in FactoredLines._fields[1:]]
    return FactoredLines(merge_lines([(own, part.lines) for own, part in parts]), *columns)


def _begin(lines: Lines) -> tuple[FactoredLines, np.ndarray]:
    """Returns what follows questions that are fractions whose sides are not too large, and which are, bool (n,)."""
    is_fraction, above, below = _read_fractions(lines)
    sizes, sizes_below = np.abs(above), np.abs(below)
    is_own = is_fraction & (np.maximum(sizes, sizes_below) <= LARGEST_SPLIT)
    is_value = (above == 0) | (sizes == sizes_below) | (sizes_below == 1)
    is_prime = _IS_PRIME.take(sizes * is_own) & _IS_PRIME.take(sizes_below * is_own)
    is_answer = is_own & (is_value | (sizes == 1) | is_prime)
    signs = np.where((above < 0) == (below < 0), 1, -1)
    written = _write_answers(lines, np.flatnonzero(is_answer), above * np.sign(below), sizes_below)
    prefix = np.where((above < 0) | (below < 0), signs, 0)
    return FactoredLines(written, is_answer, is_own & ~is_answer, prefix, sizes, sizes_below), is_own


def _rewrite(lines: Lines) -> FactoredLines:
    following = rewrite_fractions(_drop_signs(lines))
    is_fraction, above, below = _read_fractions(following)
    is_closed = is_fraction & (below > 0)
    sizes = np.abs(above)
    is_answer = is_closed & ((np.gcd(above, below) == 1) | (above == 0) | (sizes == below))
    is_open = is_closed & ~is_answer
    is_split = is_open & (np.maximum(sizes, below) <= LARGEST_SPLIT)
    prefix = np.where(above < 0, -1, 1)
    written = _write_answers(following, np.flatnonzero(is_answer), above, below)
    rows = np.flatnonzero(is_open & ~is_split)
    if len(rows):
        written = replace_lines(written, rows, _write_signed(prefix[rows], sizes[rows], below[rows]))
    return FactoredLines(written, is_answer, is_split, prefix, sizes, below)


def _merge(parts: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    result = np.empty(sum(len(rows) for rows, _ in parts), parts[0][1].dtype)
    for rows, values in parts:
        result[rows] = values
    return result


def _read_fractions(lines: Lines) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns which lines are a number divided by a number, bool (n,), and both numbers, int64 (n,)."""
    width = lines.kinds.shape[1]
    if width < len(_FRACTION):
        nothing = np.zeros(len(lines), np.int64)
        return nothing.astype(bool), nothing, nothing
    is_fraction = (lines.kinds[:, : len(_FRACTION)] == np.array(_FRACTION, np.uint8)).all(axis=1)
    return is_fraction, lines.steps[:, 0] * is_fraction, lines.steps[:, 1] * is_fraction


def _write_answers(lines: Lines, rows: np.ndarray, above: np.ndarray, below: np.ndarray) -> Lines:
    """Returns lines with quotients, of those at `rows`, as they are answered: fractions in lowest terms, or whole."""
    kinds, steps = lines.kinds.copy(), lines.steps.copy()
    above, below = above[rows], below[rows]
    common = np.gcd(above, below)
    steps[rows, 0], steps[rows, 1] = above // common, below // common
    whole = rows[below == common]
    kinds[whole, 1:] = END
    return Lines(kinds, steps)


def _write_signed(signs: np.ndarray, above: np.ndarray, below: np.ndarray) -> Lines:
    """Returns the lines `1 * above / below`, or `-1 * above / below`."""
    nothing = np.zeros_like(signs)
    kinds = np.tile(np.array(_SIGNED, np.uint8), (len(signs), 1))
    return Lines(kinds, np.stack([signs, above, nothing, below, nothing, nothing], axis=1))


def _drop_signs(lines: Lines) -> Lines:
    """Returns lines without the `1 *` or `-1 *` that stands before a fraction of two numbers."""
    count = len(_SIGNED)
    if lines.kinds.shape[1] < count:
        return lines
    is_signed = (lines.kinds[:, :count] == np.array(_SIGNED, np.uint8)).all(axis=1) & (np.abs(lines.steps[:, 0]) == 1)
    rows = np.flatnonzero(is_signed)
    if not len(rows):
        return lines
    sides = lines.steps[rows, 0] * lines.steps[rows, 1], lines.steps[rows, 3]
    kinds = np.tile(np.array(_FRACTION, np.uint8), (len(rows), 1))
    nothing = np.zeros_like(rows)
    return replace_lines(lines, rows, Lines(kinds, np.stack([*sides, nothing, nothing], axis=1)))


_IS_PRIME = np.array([n > 1 and all(n % factor for factor in range(2, n)) for n in range(LARGEST_SPLIT + 1)])
