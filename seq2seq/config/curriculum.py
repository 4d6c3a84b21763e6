"""Easy examples first: which examples of the training split an epoch is about.

Imports no TensorFlow.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from eqstream.data.configuration import check_positive
from eqstream.data.errors import UserError
from eqstream.data.recipe_values import Range
from eqstream.data.split_recipe import Where

_COLUMNS = ("terms", "digits", "carries")


@dataclass(frozen=True, kw_only=True)
class StageRecipe:
    """So many epochs of the examples that keep every range that is given.

    `digits` counts those before the decimal point of the longest operand, `carries` the carries and borrows of written
    arithmetic, `terms` the operands.
    """

    epochs: int
    terms: Range | None = None
    digits: Range | None = None
    carries: Range | None = None

    def __post_init__(self) -> None:
        check_positive(self, "epochs")
        if not self._ranges:
            raise UserError("a stage must have a range of `digits`, `terms` or `carries`; all examples come after")

    @property
    def _ranges(self) -> dict[str, Range]:
        return {name: getattr(self, name) for name in _COLUMNS if getattr(self, name) is not None}

    def to_where(self) -> Where:
        """Returns the ranges as a condition on equations."""
        return Where(terms=self.terms, digits=self.digits, carries=self.carries)

    def to_text(self) -> str:
        """Returns the ranges for a person: ``digits up to 2, 3 terms``."""
        return ", ".join(_describe(name, bounds) for name, bounds in self._ranges.items())


def check_curriculum(stages: Sequence[StageRecipe], num_epochs: int) -> None:
    """Refuses stages that leave no epoch for all examples."""
    total = sum(stage.epochs for stage in stages)
    if stages and total >= num_epochs:
        raise UserError(
            f"`curriculum` takes {total} epochs, of `epochs: {num_epochs}` none is left for all examples; "
            "raise `epochs` or shorten the stages"
        )


def check_stage(stage: StageRecipe, *, position: int, num_examples: int, batch_size: int) -> None:
    """Refuses a stage that has no full batch.

    Args:
        stage: of a curriculum.
        position: its place there, from 0.
        num_examples: how many examples it has.
        batch_size: examples of a batch.
    """
    if num_examples < batch_size:
        raise UserError(
            f"`training.curriculum.{position}` ({stage.to_text()}) has {num_examples} examples, less than one "
            f"batch of {batch_size}: widen the stage or lower `training.batch_size`"
        )


def _describe(name: str, bounds: Range) -> str:
    if bounds.min == bounds.max:
        return f"{bounds.min} {name}"
    ends = [f"{word} {end}" for word, end in (("from", bounds.min), ("up to", bounds.max)) if end is not None]
    return " ".join([name, *ends])
