"""How many steps the solutions of a split's equations have, exactly or from a sample."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from eqstream.data.dataset.shard_writer import ShardWriter
from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.splits.plan import ShardTask
from eqstream.data.splits.shard_steps import ShardSteps
from eqstream.pipelines.estimation.samples import Draw
from eqstream.pipelines.runtime.wording import count_of

# Of all splits whose steps are counted: solving so many takes less than a second.
MOST_COUNTED = 50_000
# Of all splits: listing so many, to know which lines are left out, takes about a second.
MOST_LISTED = 1_000_000
# Standard errors from the mean in which 95 of 100 samples lie.
_DEVIATIONS = 1.96


class StepEstimate(NamedTuple):
    """How many steps a split would have.

    Attributes:
        num_steps: how many.
        margin: by how much that is wrong at most, in 95 of 100 samples; 0 if it is exact.
        is_exact: whether it is.
    """

    num_steps: int
    margin: int
    is_exact: bool

    def to_text(self) -> str:
        """Returns the estimate as text."""
        if self.is_exact:
            return count_of(self.num_steps, "step")
        return f"about {count_of(self.num_steps, 'step')} (± {self.margin:,})"


class StepEstimator:
    """Counts steps where there are few, and else estimates their number; deterministic.

    Args:
        writer: of the recipe.
        sizes: equations of each split.
    """

    def __init__(self, writer: ShardWriter, sizes: Sequence[int]) -> None:
        self._steps, self._total = writer.steps, sum(sizes)
        self._num_to_count = MOST_COUNTED

    def count(self, split: str, num_equations: int, *, tasks: Iterable[ShardTask], draw: Draw) -> StepEstimate | None:
        """Returns the steps of a split; None where examples are equations.

        Args:
            split: its name.
            num_equations: how many it has.
            tasks: its shards; read only where they are few.
            draw: a sample of its equations.
        """
        if self._steps is None:
            return None
        can_list = self._total <= MOST_LISTED
        if can_list and num_equations <= self._num_to_count and (listed := list(tasks)):
            self._num_to_count -= num_equations
            return StepEstimate(sum(self._steps.count(task).num_steps for task in listed), 0, True)
        name = split if can_list else ""
        return _estimate(self._steps, name, num_equations=num_equations, drawn=draw.blocks)


def _estimate(steps: ShardSteps, split: str, *, num_equations: int, drawn: list[EquationBlock]) -> StepEstimate:
    counts = np.concatenate([np.zeros(0, np.int64), *(steps.count_each(block, split) for block in drawn)])
    if not len(counts):
        return StepEstimate(0, 0, False)
    margin = _DEVIATIONS * float(counts.std()) / math.sqrt(len(counts)) * num_equations
    return StepEstimate(round(float(counts.mean()) * num_equations), math.ceil(margin), False)
