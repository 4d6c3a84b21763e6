"""Counts of what a shard holds, by length, sign, digits, carries, operators and terms; they add up over shards."""

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from eqstream.data.configuration import describe_type
from eqstream.data.errors import UserError
from eqstream.data.recipe import OPERATORS
from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.space.prepared_space import PreparedSpace

Histograms = dict[str, dict[str, int]]
# In the order in which people want to see them.
HISTOGRAMS = ("terms", "operators", "digits", "carries", "question_length", "answer_length", "answer_sign")
SIGNS = ("negative", "zero", "positive")


class HistogramCounter:
    """Gathers the histograms of blocks of equations.

    `operators` counts the equations in which an operator occurs at least once; all others count each equation once.
    """

    def __init__(self, space: PreparedSpace) -> None:
        self._space = space
        self._operator_sets = np.zeros(1 << len(OPERATORS), dtype=np.int64)
        self._counts: dict[str, Counter[int]] = {
            name: Counter()
            for name in ("answer_length", "question_length", "digits", "carries", "answer_sign", "terms")
        }

    def add(self, block: EquationBlock, question_lengths: np.ndarray, answer_lengths: np.ndarray) -> None:
        """Counts a block; the lengths (n,) are in characters."""
        terms, operator_sets = self._space.terms_and_operators.of(block.shapes)
        self._operator_sets += np.bincount(operator_sets, minlength=len(self._operator_sets))
        # A sum of comparisons is -1, 0 or 1 for numbers of any size.
        signs = (block.numerators > 0).astype(np.int64) - (block.numerators < 0).astype(np.int64) + 1
        columns = {
            "answer_length": answer_lengths,
            "question_length": question_lengths,
            "digits": block.digits,
            "carries": block.carries,
            "answer_sign": signs,
            "terms": terms,
        }
        for name, column in columns.items():
            counts = np.bincount(column)
            self._counts[name].update({int(value): int(counts[value]) for value in np.flatnonzero(counts)})

    def histograms(self) -> Histograms:
        """Returns all histograms; values in rising order, those that never occur left out, but for signs."""
        result = {
            name: {str(value): count for value, count in sorted(counts.items())}
            for name, counts in self._counts.items()
            if name != "answer_sign"
        }
        result["answer_sign"] = {name: self._counts["answer_sign"][place] for place, name in enumerate(SIGNS)}
        sets = np.arange(len(self._operator_sets))
        counts = [int(self._operator_sets[sets >> place & 1 == 1].sum()) for place in range(len(OPERATORS))]
        result["operators"] = {operator: count for operator, count in zip(OPERATORS, counts, strict=True) if count}
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
