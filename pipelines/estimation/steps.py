"""How many steps the solutions of a split's equations have, exactly or from a sample."""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from eqstream.data.dataset.shard_writer import ShardWriter
from eqstream.data.space.equation_block import join_blocks
from eqstream.data.space.held_out_classes import HeldOut
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.splits.plan import ShardTask
from eqstream.data.splits.shared_equations import hash_equations
from eqstream.pipelines.estimation.samples import MOST_ENCODED, Draw
from eqstream.pipelines.estimation.shares import Shares
from eqstream.pipelines.estimation.solutions import Solutions
from eqstream.pipelines.runtime.wording import count_of

# Of all splits whose steps are counted, and equations of all splits among which it is looked up which lines are
# equations of other splits: each takes less than a tenth of a second.
MOST_COUNTED = 4_000
MOST_LISTED = 20_000
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
        space: of the recipe.
        sizes: equations of each split.
        draws: a sample of each.
        solutions: of the samples; None where examples are equations.
    """

    def __init__(
        self,
        writer: ShardWriter,
        space: PreparedSpace,
        *,
        sizes: Mapping[str, int],
        draws: Mapping[str, Draw],
        solutions: Solutions | None,
    ) -> None:
        self._steps, self._space, self._sizes, self._draws = writer.steps, space, sizes, draws
        self._solutions = solutions
        self._can_list = sum(sizes.values()) <= MOST_LISTED
        self._num_to_count = MOST_COUNTED

    def count(self, split: str, shares: Shares, *, tasks: Iterable[ShardTask]) -> StepEstimate | None:
        """Returns the steps of a split; None where examples are equations.

        Args:
            split: its name.
            shares: of its equations.
            tasks: its shards; read only where they are few.
        """
        if self._steps is None:
            return None
        num_equations = self._sizes[split]
        if self._can_list and num_equations <= self._num_to_count and (listed := list(tasks)):
            self._num_to_count -= num_equations
            return StepEstimate(sum(self._steps.count(task).num_steps for task in listed), 0, True)
        if self._can_list:
            return self._estimate(split, shares, self._steps.hold_out(split), 1)
        return self._estimate(split, shares, *self._hold_out_some(split))

    def _hold_out_some(self, split: str) -> tuple[HeldOut, float]:
        """Returns some equations of all splits but one, and which share of theirs they are."""
        others = {name: self._draws[name].take(MOST_ENCODED) for name, size in self._sizes.items() if name != split}
        drawn = {name: block for name, block in others.items() if block is not None}
        shares = [len(block) / self._sizes[name] for name, block in drawn.items()]
        share = min([1.0, *shares])
        hashes = [np.zeros(0, np.uint64)]
        for name, block in drawn.items():
            rows = np.arange(round(share * self._sizes[name])) * len(block)
            hashes.append(hash_equations(block, self._space)[rows // max(len(rows), 1)])
        return HeldOut(np.concatenate(hashes)), share

    def _estimate(self, split: str, shares: Shares, held_out: HeldOut, share: float) -> StepEstimate:
        """Returns the steps of a split, estimated from a sample.

        Args:
            split: its name.
            shares: of its equations.
            held_out: equations of other splits.
            share: which share of them all these are.
        """
        assert self._steps is not None
        assert self._solutions is not None
        solved = self._solutions.of(split) if share else []
        if not solved:
            return StepEstimate(0, 0, False)
        drawn = join_blocks([own.block for own in solved])
        found = [self._steps.count_each(own.steps, len(own.block), held_out) for own in solved]
        counts, num_left_out = np.concatenate([each for each, _ in found]), sum(number for _, number in found)
        num_terms, _ = self._space.terms_and_operators.of(drawn.shapes)
        mean, deviation = _weigh(counts, num_terms, shares.terms, classes=hash_equations(drawn, self._space))
        # Of all equations of other splits as many times more lines are left out as of these.
        left_out = num_left_out / len(drawn) * (1 / share - 1)
        # The sample has few kinds of equations, and lines are not left out of all of them alike.
        margin_of_left_out = max(left_out, _DEVIATIONS / len(drawn) * (1 / share - 1))
        margin = math.hypot(_DEVIATIONS * deviation, margin_of_left_out)
        num_steps, margin = (each * self._sizes[split] for each in (max(mean - left_out, 0), margin))
        return StepEstimate(round(num_steps), math.ceil(margin), False)


def _weigh(
    numbers: np.ndarray, num_terms: np.ndarray, shares: Mapping[int, float], *, classes: np.ndarray
) -> tuple[float, float]:
    """Returns the mean of some numbers, estimated from those of a sample, and its standard error.

    Args:
        numbers: of the sample, (n,).
        num_terms: number of terms of each, (n,).
        shares: number of terms to how many of all equations have it.
        classes: the class of twins of each, (n,): those of a class are drawn together.
    """
    counts = np.bincount(num_terms)
    totals = np.array([shares.get(terms, 0.0) for terms in range(len(counts))]) * (counts > 0)
    weights = (totals / totals.sum() / np.maximum(counts, 1)).take(num_terms)
    means = np.bincount(num_terms, numbers) / np.maximum(counts, 1)
    _, places = np.unique(classes, return_inverse=True)
    errors = np.bincount(places, weights * (numbers - means.take(num_terms)))
    return float((weights * numbers).sum()), math.sqrt((errors**2).sum())
