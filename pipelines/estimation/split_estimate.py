"""What a build would give for each split: as planned where that takes little counting, else estimated."""

from collections.abc import Mapping
from dataclasses import dataclass

from eqstream.data.dataset.shard_writer import ShardWriter
from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.splits.equation_counts import EquationCounts
from eqstream.data.splits.plan import PlannedSplit, plan_shards
from eqstream.pipelines.estimation.classes import count_if_small
from eqstream.pipelines.estimation.samples import NUM_SHOWN, Draw, Sample, encode_samples, show_equations
from eqstream.pipelines.estimation.shares import ShareEstimator, Shares
from eqstream.pipelines.estimation.sizes import SizeEstimator, thin_out
from eqstream.pipelines.estimation.solutions import Solutions
from eqstream.pipelines.estimation.steps import StepEstimate, StepEstimator


@dataclass(frozen=True, kw_only=True)
class SplitEstimate:
    """One split.

    Attributes:
        name: of the split.
        num_equations: how many it would have.
        is_exact: whether that is exact.
        shares: of its equations by number of terms and by operators.
        num_classes: number of classes of commuted twins; None where every class has at most two equations, or where too
            much would have to be counted for it.
        samples: some `question = answer` of it, the first ones where that is known.
        steps: how many steps it would have; None where examples are equations.
    """

    name: str
    num_equations: int
    is_exact: bool
    shares: Shares
    num_classes: int | None
    samples: tuple[str, ...]
    steps: StepEstimate | None = None


def describe_planned(
    counts: EquationCounts, planned: tuple[PlannedSplit, ...], writer: ShardWriter
) -> tuple[tuple[SplitEstimate, ...], list[Sample]]:
    """Returns the splits of a plan, and a sample of each, from their first shards."""
    sizes = {split.name: split.num_equations for split in planned}
    tasks = [next(plan_shards(counts, split)) for split in planned]
    draws = {
        split.name: Draw(
            counts,
            thin_out(task.segments, num_splits=len(planned)),
            num_splits=len(planned),
        )
        for split, task in zip(planned, tasks, strict=True)
    }
    splits, shares = [], ShareEstimator(counts.sources)
    solutions = _solutions_of(writer, draws, sizes)
    steps = StepEstimator(writer, counts.sources.space, sizes=sizes, draws=draws, solutions=solutions)
    shown: list[EquationBlock] = []
    for split, task in zip(planned, tasks, strict=True):
        shown = [writer.equations.first(task, NUM_SHOWN)]
        own_shares = shares.estimate({part.source: part.count for part in split.parts})
        splits.append(
            SplitEstimate(
                name=split.name,
                num_equations=split.num_equations,
                is_exact=True,
                shares=own_shares,
                num_classes=count_if_small(counts, split),
                samples=show_equations(writer, shown),
                steps=steps.count(split.name, own_shares, tasks=plan_shards(counts, split)),
            )
        )
    return tuple(splits), encode_samples(
        counts.sources.recipe, writer, draws, sizes=sizes, shown=shown, solutions=solutions
    )


def estimate_splits(counts: EquationCounts, writer: ShardWriter) -> tuple[tuple[SplitEstimate, ...], list[Sample]]:
    """Returns the splits and a sample of each, estimated from the beginnings of their sources."""
    estimator, shares = SizeEstimator(counts), ShareEstimator(counts.sources)
    sizes, splits = estimator.sizes, []
    quotas = {split.name: estimator.quotas(split) for split in counts.sources.recipe.splits}
    draws = {
        split.name: Draw(
            counts,
            estimator.segments(split, quotas[split.name]),
            num_splits=len(sizes),
        )
        for split in counts.sources.recipe.splits
    }
    solutions = _solutions_of(writer, draws, sizes)
    steps = StepEstimator(writer, counts.sources.space, sizes=sizes, draws=draws, solutions=solutions)
    for split in counts.sources.recipe.splits:
        own_shares = shares.estimate(quotas[split.name], is_exact=estimator.knows_quotas(split))
        splits.append(
            SplitEstimate(
                name=split.name,
                num_equations=sizes[split.name],
                is_exact=split.count is not None,
                shares=own_shares,
                num_classes=None,
                samples=show_equations(writer, draws[split.name].blocks),
                steps=steps.count(split.name, own_shares, tasks=()),
            )
        )
    shown = next((draw.blocks for draw in draws.values() if draw.blocks), [])
    return tuple(splits), encode_samples(
        counts.sources.recipe, writer, draws, sizes=sizes, shown=shown, solutions=solutions
    )


def _solutions_of(writer: ShardWriter, draws: Mapping[str, Draw], sizes: Mapping[str, int]) -> Solutions | None:
    """Returns the solutions of the samples of all splits; None where examples are equations."""
    if writer.steps is None:
        return None
    return Solutions(writer.steps, lambda split, number: draws[split].take(number), sizes)
