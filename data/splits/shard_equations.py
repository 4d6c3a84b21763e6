"""The equations of a shard, in the order of the plan."""

import base64
import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np

from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.splits.apportionment import assign_slots
from eqstream.data.splits.candidates import BLOCK_SIZE
from eqstream.data.splits.interleaving import interleave
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
        end = task.first_ordinal + task.num_equations
        edges = itertools.pairwise([*range(task.first_ordinal, end, BLOCK_SIZE), end])
        turns = (
            assign_slots(task.quotas, seed=task.slot_seed, start=start, count=stop - start) for start, stop in edges
        )
        yield from interleave(parts, turns)

    def first(self, task: ShardTask, number: int) -> EquationBlock:
        """Returns the first equations of a shard that is not empty, at most so many."""
        if task.quotas:
            return next(self.blocks(dataclasses.replace(task, num_equations=min(task.num_equations, number))))
        segment = next(segment for segment in task.segments if segment.count)
        return next(self._segment(segment, limit=number))

    def _segment(self, segment: Segment, *, limit: int | None = None) -> Iterator[EquationBlock]:
        kept = None
        if segment.kept:
            kept = np.unpackbits(np.frombuffer(base64.b64decode(segment.kept), dtype=np.uint8)).astype(bool)
        return self._sources.enumeration(segment.source).equations(
            segment.first, segment.count, position=segment.position, before=segment.before, kept=kept, limit=limit
        )
