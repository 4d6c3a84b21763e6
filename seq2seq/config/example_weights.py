"""How much each training example counts: more, the fewer there are of its kind.

Imports no TensorFlow.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from eqstream.data.dataset.histograms import Histograms
from eqstream.data.errors import UserError
from eqstream.data.formats.columns import EquationColumns

# Name of the column that says which of `ExampleWeights.values` an example has.
WEIGHT_GROUP = "weight_group"
# What is left of a question's text when only the lengths of its numbers and its form matter.
_FORM = bytes.maketrans(b"123456789-*/", b"000000000+++")


@dataclass(frozen=True, kw_only=True)
class WeightsRecipe:
    """An example's share in the loss: one over the number of examples of its kind, to the power of `balance`.

    0 gives all examples the same weight, 1 all kinds together. `by` says what makes a kind: the number of `terms`,
    `digits` of the longest operand, `carries`, or the `lengths` of all operands in their order.
    """

    by: Literal["terms", "digits", "carries", "lengths"]
    balance: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.balance <= 1:
            raise UserError(f"`balance` must be from 0 to 1, got {self.balance}")


@dataclass(frozen=True, eq=False)
class ExampleWeights:
    """The weight of each kind of examples, by how many of a kind a split has.

    Attributes:
        by: what makes a kind; see `WeightsRecipe`.
        kinds: all kinds of the split, rising: int64 (num_kinds,), or forms of questions as byte strings.
        values: float32 (num_kinds + 1,); their mean over the examples of the split is 1. The last one is for kinds
            that the split lacks: that of a single example.
    """

    by: str
    kinds: np.ndarray
    values: np.ndarray

    def groups(self, columns: EquationColumns) -> np.ndarray:
        """Returns which of `values` each example has, int32 (num_examples,)."""
        found = _list_kinds(self.by, columns)
        places = np.minimum(np.searchsorted(self.kinds, found), len(self.kinds) - 1)
        return np.where(self.kinds[places] == found, places, len(self.kinds)).astype(np.int32)


def weigh_kinds(recipe: WeightsRecipe, counts: Mapping[int, int] | Mapping[bytes, int]) -> ExampleWeights:
    """Returns the weights of the examples of a split, given how many it has of each kind, at least one."""
    kinds = np.array(sorted(counts))
    numbers = np.array([count for _, count in sorted(counts.items())], np.int64)
    shares = numbers.astype(np.float64) ** -recipe.balance
    scale = numbers.sum() / (shares * numbers).sum()
    return ExampleWeights(recipe.by, kinds, (np.append(shares, 1.0) * scale).astype(np.float32))


def count_kinds(
    recipe: WeightsRecipe, histograms: Histograms, blocks: Iterable[EquationColumns]
) -> Mapping[int, int] | Mapping[bytes, int]:
    """Returns how many examples a split has of each kind.

    Args:
        recipe: what makes a kind.
        histograms: of the split; have the counts of all kinds but `lengths`.
        blocks: all of the split; looked at for `lengths` alone.
    """
    if recipe.by != "lengths":
        return {int(value): count for value, count in histograms[recipe.by].items()}
    counts: Counter[bytes] = Counter()
    for columns in blocks:
        kinds, numbers = np.unique(_list_kinds(recipe.by, columns), return_counts=True)
        counts.update(dict(zip(kinds.tolist(), numbers.tolist(), strict=True)))
    return counts


def _list_kinds(by: str, columns: EquationColumns) -> np.ndarray:
    """Returns the kind of each example: a number, or its question with 0 for every digit and + for every operator."""
    if by != "lengths":
        return columns.numbers[by]
    form = columns.question.translate(_FORM)
    return np.ascontiguousarray(form).view(f"S{form.shape[1]}").reshape(-1)
