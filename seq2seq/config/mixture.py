"""Several sources to train on, and how much of each; imports no TensorFlow."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, Literal

from eqstream.data.configuration import is_number
from eqstream.data.errors import UserError
from eqstream.data.loading.mixture_schedule import Knots, check_knots, check_weights
from eqstream.data.recipe_values import ExactNumber, exact
from eqstream.data.split_recipe import Where


@dataclass(frozen=True, kw_only=True)
class MixtureSource:
    """One source of a mixture.

    `data` is the directory of a dataset, by default the one that the training is given; `recipe` names a recipe, whose
    equations come fresh, without files. `split` and `source` are by default those of the training. `where` narrows a
    fresh stream, besides what the split's own condition does. `weight` says how many examples come from it, as against
    the weights of the others; a list such as ``[[0, 1], [10000, 0.2]]`` gives it at some steps, between which it
    changes evenly.
    """

    form: ClassVar[str] = "a mapping such as {data: out/other, weight: 2}"

    data: str | None = None
    recipe: str | None = None
    split: str | None = None
    source: Literal["shards", "fresh"] | None = None
    where: Where | None = None
    weight: tuple[tuple[ExactNumber, ...], ...] = ((0, 1),)

    @classmethod
    def expand(cls, value: Any) -> Any:
        """Returns the mapping with a list of steps for a weight that is one number."""
        if isinstance(value, Mapping) and is_number(value.get("weight")):
            return {**value, "weight": [[0, value["weight"]]]}
        return value

    def __post_init__(self) -> None:
        if self.recipe is not None and self.data is not None:
            raise UserError("a source has `data` or `recipe`, got both")
        if self.recipe is not None and self.source == "shards":
            raise UserError("`source: shards` needs a dataset: a `recipe` has no files")
        if self.where is not None and self.source == "shards":
            raise UserError("`where` needs `source: fresh`: the files of a split are read as they are")
        for knot in self.weight:
            if len(knot) != 2 or not isinstance(knot[0], int):
                raise UserError(
                    "`weight` must be a number or a list of steps, each with the weight there, such as "
                    f"[[0, 1], [10000, 0.2]], got {list(knot)} in it"
                )
        check_knots(self.knots)

    @property
    def knots(self) -> Knots:
        """Steps, rising, with the weight at each."""
        return [(int(step), Fraction(exact(weight))) for step, weight in self.weight]


def check_mixture(sources: tuple[MixtureSource, ...]) -> None:
    """Refuses a mixture in which at some step no source has a weight."""
    if sources:
        check_weights([source.knots for source in sources])
