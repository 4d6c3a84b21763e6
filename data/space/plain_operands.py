"""Operands that are rare in every sample, however hard they are: all alike, or written with one digit alone."""

import math
from collections.abc import Iterator

import numpy as np

from eqstream.data.recipe_values import Range, exact
from eqstream.data.space.domains import Box, Domain

# A box is not parted into more than so many.
_MOST_PARTS = 1 << 8


def are_equal(operands: np.ndarray) -> np.ndarray:
    """Returns which equations have two or more operands, all equal; operands are (num_terms, n), the result (n,)."""
    result = np.full(operands.shape[1], len(operands) > 1)
    for operand in operands[1:]:
        result &= (operand == operands[0]).astype(bool)
    return result


def count_repeated(operands: np.ndarray, scale: int) -> np.ndarray:
    """Returns how many operands of each equation have two or more digits that are all the same, int64 (n,).

    Digits are those that are written: those of ``5.5`` are the same, those of ``0.55`` are not.

    Args:
        operands: grid steps, (num_terms, n).
        scale: grid steps in 1.
    """
    values = np.array([low for low, _ in list_repeated(_largest(operands), scale).intervals], dtype=operands.dtype)
    if not len(values):
        return np.zeros_like(operands[0], dtype=np.int64)
    places = np.minimum(np.searchsorted(values, operands), len(values) - 1)
    return (values[places] == operands).sum(axis=0).astype(np.int64)


def _largest(operands: np.ndarray) -> int:
    return int(max(abs(operands.min(initial=0)), abs(operands.max(initial=0))))


def list_repeated(bound: int, scale: int) -> Domain:
    """Returns the numbers of either sign, in grid steps up to `bound`, whose two or more digits are all the same."""
    values: set[int] = set()
    for length in range(2, len(str(bound)) + 1):
        ones = 10**length // 9
        # A unit is 1 or a decimal of the grid; the first digit always stands before the point.
        units = (scale // 10**decimals for decimals in range(min(length, len(str(scale)))))
        values.update(digit * ones * unit for unit in units for digit in range(1, 10) if digit * ones * unit <= bound)
    return Domain(tuple((sign * value, sign * value) for sign in (-1, 1) for value in sorted(values)[::sign]))


def can_split(box: Box, wanted: Range) -> bool:
    """Returns whether the parts that `split_by_repetition` finds hold nothing else."""
    low, high = _read_counts(box, wanted)
    return sum(math.comb(len(box), count) for count in range(low, high + 1)) <= _MOST_PARTS


def split_by_repetition(box: Box, wanted: Range, scale: int) -> Iterator[Box]:
    """Yields disjoint parts of a box that hold all its equations with so many operands of `list_repeated`.

    Where they would be too many (see `can_split`), it is the whole box.
    """
    if not can_split(box, wanted):
        yield box
        return
    repeated = list_repeated(max(domain.bound for domain in box), scale)
    yield from _choose(box, repeated, *_read_counts(box, wanted))


def _read_counts(box: Box, wanted: Range) -> tuple[int, int]:
    low = 0 if wanted.min is None else max(math.ceil(exact(wanted.min)), 0)
    return low, len(box) if wanted.max is None else min(math.floor(exact(wanted.max)), len(box))


def _choose(box: Box, repeated: Domain, low: int, high: int) -> Iterator[Box]:
    """Yields disjoint parts of a box in which `low` to `high` operands are repeated."""
    if low > len(box) or high < 0:
        return
    if low <= 0 and high >= len(box):
        yield box
        return
    with_one = box[0].intersect(repeated)
    if with_one.size:
        yield from ((with_one, *rest) for rest in _choose(box[1:], repeated, low - 1, high - 1))
    without = box[0].without(repeated)
    if without.size:
        yield from ((without, *rest) for rest in _choose(box[1:], repeated, low, high))
