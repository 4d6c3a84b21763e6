"""The equations of a shard, in the order of the plan."""

import dataclasses
import itertools
from collections.abc import Iterator

from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.splits.apportionment import assign_slots
from eqstream.data.splits.candidates import BLOCK_SIZE
from eqstream.data.splits.interleaving import interleave
from eqstream.data.splits.joint_segments import find_kept, list_joint, read_together
from eqstream.data.splits.plan import ShardTask
from eqstream.data.splits.prepared_sources import PreparedSources
from eqstream.data.splits.segments import Segment


class ShardEquations:
    """Finds the equations of the shards of one recipe.

    Args:
        sources: of the recipe.
    """

    def __init__(self, sources: PreparedSources) -> None:
        self._sources = sources

    def blocks(self, task: ShardTask) -> Iterator[EquationBlock]:
        """Yields the equations of a shard in their order, in blocks of at most some 100,000."""
        if not task.quotas:
            for segment in task.segments:
                yield from self._segment(segment)
            return
        parts = {segment.part: self._segment(segment) for segment in task.segments}
        for segments in list_joint(self._sources, task.segments):
            pairs = zip(segments, read_together(self._sources, segments), strict=True)
            parts |= {segment.part: iter([block]) for segment, block in pairs}
        end = task.first_ordinal + task.num_equations
        edges = itertools.pairwise([*range(task.first_ordinal, end, BLOCK_SIZE), end])
        turns = (
            assign_slots(task.quotas, seed=task.slot_seed, start=start, count=stop - start) for start, stop in edges
        )
        yield from interleave(parts, turns)

    def first(self, task: ShardTask, number: int) -> EquationBlock:
        """Returns the first equations of a shard that is not empty, at most so many."""
        if task.quotas:
            number = min(task.num_equations, number)
            turns = assign_slots(task.quotas, seed=task.slot_seed, start=task.first_ordinal, count=number).tolist()
            segments = tuple(segment for segment in task.segments if segment.part in {*turns})
            return next(self.blocks(dataclasses.replace(task, num_equations=number, segments=segments)))
        segment = next(segment for segment in task.segments if segment.count)
        return next(self._segment(segment, limit=number))

    def _segment(self, segment: Segment, *, limit: int | None = None) -> Iterator[EquationBlock]:
        kept = find_kept(segment) if segment.kept else None
        return self._sources.enumeration(segment.source).equations(
            segment.first, segment.count, position=segment.position, before=segment.before, kept=kept, limit=limit
        )
