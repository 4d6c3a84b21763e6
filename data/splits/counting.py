"""Counting tasks: numbers of equations in blocks of positions, counted by any worker in any order."""

import base64
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
        return dict(vars(self))

    @classmethod
    def from_dict(cls, mapping: dict[str, Any]) -> "CountingTask":
        """Returns the task that `to_dict` wrote."""
        return cls(**mapping)


@dataclass(frozen=True)
class CountingResult:
    """The number of equations in each block of a task.

    `kept` has a bit for each position, whether a class is kept there: some bytes for each block, in order; nothing
    where that is not noted.
    """

    source: int
    first_block: int
    counts: tuple[int, ...]
    kept: bytes = b""

    def to_dict(self) -> dict[str, Any]:
        """Returns the result as JSON types."""
        kept = base64.b64encode(self.kept).decode()
        return {"source": self.source, "first_block": self.first_block, "counts": list(self.counts), "kept": kept}

    @classmethod
    def from_dict(cls, mapping: dict[str, Any]) -> "CountingResult":
        """Returns the result that `to_dict` wrote."""
        kept = base64.b64decode(mapping["kept"])
        return cls(mapping["source"], mapping["first_block"], tuple(mapping["counts"]), kept)


def count_task(sources: PreparedSources, task: CountingTask) -> CountingResult:
    """Returns what a task finds; a pure function of the recipe and the task."""
    counts, kept = sources.enumeration(task.source).count_blocks(task.first_block, task.num_blocks)
    return CountingResult(task.source, task.first_block, tuple(counts), kept)
