"""Counts of what a shard holds, by length, sign, digits, carries, operators and terms; they add up over shards."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

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
        """Counts a block; the lengths (n,) are in characters."""
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
            self._counts[name].update({int(value): int(counts[value]) for value in np.flatnonzero(counts)})

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


def _count_values(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns how often each value occurs in each column, int64 (largest value + 1,).

    Columns are counted together, as the digits of one number, as long as the numbers stay small.
    """
    result: dict[str, np.ndarray] = {}
    names: list[str] = []
    sizes: list[int] = []
    for name, column in columns.items():
        size = int(column.max(initial=0)) + 1
        if names and math.prod(sizes) * size > _LARGEST_KEY:
            result |= _count_together({each: columns[each] for each in names}, sizes)
            names, sizes = [], []
        names.append(name)
        sizes.append(size)
    return result | _count_together({each: columns[each] for each in names}, sizes)


def _count_together(columns: Mapping[str, np.ndarray], sizes: Sequence[int]) -> dict[str, np.ndarray]:
    keys = np.int32(0)
    for column, size in zip(columns.values(), sizes, strict=True):
        keys = keys * np.int32(size) + column.astype(np.int32, copy=False)
    counts = np.bincount(keys, minlength=math.prod(sizes)).reshape(sizes)
    axes = range(len(sizes))
    return {name: counts.sum(axis=tuple({*axes} - {axis})) for axis, name in zip(axes, columns, strict=True)}


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
