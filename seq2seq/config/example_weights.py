"""How much each training example counts: more, the fewer there are of its kind.

Imports no TensorFlow.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from eqstream.data.errors import UserError
from eqstream.data.loading.codec import Codec

# Name of the column that says which of `ExampleWeights.values` an example has.
WEIGHT_GROUP = "weight_group"
# What is left of a question's text when only the lengths of its numbers and its form matter.
_FORM = str.maketrans("123456789-*/", "000000000+++")


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
    """The weights of a split's examples, few different ones.

    Attributes:
        groups: int32 (num_examples,): which of `values` an example has.
        values: float32 (num_groups,); their mean over all examples is 1.
    """

    groups: np.ndarray
    values: np.ndarray


def weigh_examples(
    recipe: WeightsRecipe, questions: np.ndarray, numbers: Mapping[str, np.ndarray], codec: Codec
) -> ExampleWeights:
    """Returns the weights of the examples of a split.

    Args:
        recipe: what they depend on.
        questions: tokens, (num_examples, question_width).
        numbers: `terms`, `digits` and `carries`, (num_examples,) each.
        codec: of the tokens.
    """
    keys = _read_forms(questions, codec) if recipe.by == "lengths" else numbers[recipe.by]
    _, groups, counts = np.unique(keys, return_inverse=True, return_counts=True)
    shares = counts.astype(np.float64) ** -recipe.balance
    values = shares * (counts.sum() / (shares * counts).sum())
    return ExampleWeights(groups.reshape(-1).astype(np.int32), values.astype(np.float32))


def _read_forms(questions: np.ndarray, codec: Codec) -> np.ndarray:
    """Returns each question as text with 0 for every digit and + for every operator: ``00 + 000``."""
    texts = "\n".join(codec.decode_questions(questions))
    return np.array(texts.translate(_FORM).split("\n"))
