"""Counting tasks: numbers of equations in blocks of positions, counted by any worker in any order."""

import dataclasses
import itertools
from dataclasses import dataclass
from typing import Any

from eqstream.data.splits.prepared_sources import PreparedSources


@dataclass(frozen=True)
class CountingTask:
    """Count blocks `first_block` to `first_block + num_blocks - 1` of a source."""

    source: int
    first_block: int
    num_blocks: int

    def to_dict(self) -> dict[str, Any]:
        """Returns the task as JSON types."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, mapping: dict[str, Any]) -> "CountingTask":
        """Returns the task that `to_dict` wrote."""
        return cls(**mapping)


@dataclass(frozen=True)
class CountingResult:
    """The number of equations in each block of a task."""

    source: int
    first_block: int
    counts: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns the result as JSON types."""
        return {"source": self.source, "first_block": self.first_block, "counts": list(self.counts)}

    @classmethod
    def from_dict(cls, mapping: dict[str, Any]) -> "CountingResult":
        """Returns the result that `to_dict` wrote."""
        return cls(mapping["source"], mapping["first_block"], tuple(mapping["counts"]))


def count_task(sources: PreparedSources, task: CountingTask) -> CountingResult:
    """Returns what a task finds; a pure function of the recipe and the task."""
    enumeration = sources.enumeration(task.source)
    blocks = range(task.first_block, task.first_block + task.num_blocks + 1)
    edges = [min(block * enumeration.count_size, enumeration.size) for block in blocks]
    counts = tuple(enumeration.count(start, stop) for start, stop in itertools.pairwise(edges))
    return CountingResult(task.source, task.first_block, counts)
