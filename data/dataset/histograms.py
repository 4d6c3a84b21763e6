"""Counts of what a shard holds, by length, sign, digits, carries, operators and terms; they add up over shards."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from eqstream.data.configuration import describe_type
from eqstream.data.errors import UserError
from eqstream.data.recipe_values import OPERATORS
from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.space.prepared_space import PreparedSpace

Histograms = dict[str, dict[str, int]]
# In the order in which people want to see them.
HISTOGRAMS = ("terms", "operators", "digits", "carries", "question_length", "answer_length", "answer_sign")
# More keys than this would leave the fast caches.
_LARGEST_KEY = 1 << 12
SIGNS = ("negative", "zero", "positive")


class HistogramCounter:
    """Gathers the histograms of blocks of equations.

    `operators` counts the equations in which an operator occurs at least once; all others count each equation once.
    """

    def __init__(self, space: PreparedSpace) -> None:
        self._space = space
        # Of `operators` the sets are counted: a bit for each place in ``+-*/``.
        self._counts: dict[str, Counter[int]] = {name: Counter() for name in HISTOGRAMS}

    def add(self, block: EquationBlock, question_lengths: np.ndarray, answer_lengths: np.ndarray) -> None:
        """Counts a block, of at least one equation; the lengths (n,) are in characters."""
        terms, operator_sets = self._space.terms_and_operators.of(block.shapes)
        columns = {
            "operators": operator_sets,
            "terms": terms,
            "answer_length": answer_lengths,
            "question_length": question_lengths,
            "digits": block.digits,
            "carries": block.carries,
            "answer_sign": np.sign(block.numerators).astype(np.int8) + np.int8(1),
        }
        for name, counts in _count_values(columns).items():
            self._counts[name].update(counts)

    def histograms(self) -> Histograms:
        """Returns all histograms; values in rising order, those that never occur left out, but for signs."""
        result = {
            name: {str(value): count for value, count in sorted(counts.items())}
            for name, counts in self._counts.items()
            if name not in ("answer_sign", "operators")
        }
        result["answer_sign"] = {name: self._counts["answer_sign"][place] for place, name in enumerate(SIGNS)}
        sets = self._counts["operators"].items()
        counts = {
            operator: sum(count for bits, count in sets if bits >> place & 1)
            for place, operator in enumerate(OPERATORS)
        }
        result["operators"] = {operator: count for operator, count in counts.items() if count}
        return result


def _count_values(columns: Mapping[str, np.ndarray]) -> dict[str, dict[int, int]]:
    """Returns how often each value occurs in each column of whole numbers, (n,), at least one.

    Columns with one value are not looked at row by row; others are counted together, as the digits of one number, as
    long as the numbers stay small.
    """
    result: dict[str, dict[int, int]] = {}
    bounds: dict[str, tuple[int, int]] = {}
    for name, column in columns.items():
        low, high = int(column.min()), int(column.max())
        if low == high:
            result[name] = {low: len(column)}
            continue
        if bounds and math.prod(size for _, size in bounds.values()) * (high - low + 1) > _LARGEST_KEY:
            result |= _count_together(columns, bounds)
            bounds = {}
        bounds[name] = low, high - low + 1
    return result | _count_together(columns, bounds)


def _count_together(
    columns: Mapping[str, np.ndarray], bounds: Mapping[str, tuple[int, int]]
) -> dict[str, dict[int, int]]:
    """Returns what `_count_values` does of columns with a smallest value and a number of values."""
    if not bounds:
        return {}
    keys, least = np.int32(0), 0
    for name, (low, size) in bounds.items():
        keys = keys * np.int32(size) + columns[name].astype(np.int32, copy=False)
        least = least * size + low
    sizes = [size for _, size in bounds.values()]
    counts = np.bincount(keys - np.int32(least), minlength=math.prod(sizes)).reshape(sizes)
    result: dict[str, dict[int, int]] = {}
    for axis, (name, (low, _)) in enumerate(bounds.items()):
        totals = counts.sum(axis=tuple({*range(len(sizes))} - {axis}))
        result[name] = {low + place: int(totals[place]) for place in np.flatnonzero(totals).tolist()}
    return result


def add_histograms(parts: Iterable[Mapping[str, Mapping[str, int]]]) -> Histograms:
    """Returns the sum of histograms, values in order."""
    total: dict[str, Counter[str]] = {}
    for part in parts:
        for name, counts in part.items():
            total.setdefault(name, Counter()).update(counts)
    return sort_histograms(total)


def sort_histograms(histograms: Mapping[str, Mapping[str, int]]) -> Histograms:
    """Returns the histograms in the order of `HISTOGRAMS`, and others behind them, their values in order."""
    names = [
        *(name for name in HISTOGRAMS if name in histograms),
        *(name for name in histograms if name not in HISTOGRAMS),
    ]
    return {name: {value: histograms[name][value] for value in sorted(histograms[name], key=_order)} for name in names}


def check_histograms(histograms: Histograms) -> None:
    """Does nothing if all histograms are there and count values that equations can have.

    Raises:
        UserError: with the key that is missing or wrong.
    """
    for name in HISTOGRAMS:
        if name not in histograms:
            raise UserError(f"`histograms.{name}` is missing")
    for name, counts in histograms.items():
        for value, count in counts.items():
            if not value.isdecimal() and value not in (*SIGNS, *OPERATORS):
                raise UserError(f"`histograms.{name}` counts an unknown value, {value!r}")
            if count < 0:
                raise UserError(f"`histograms.{name}.{value}` must not be below 0, got {describe_type(count)}")


def _order(value: str) -> tuple[int, str]:
    if value.isdigit():
        return int(value), ""
    known = (*SIGNS, *OPERATORS)
    return (known.index(value) if value in known else len(known)), value
