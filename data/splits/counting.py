"""Counting tasks: numbers of equations at some positions, counted by any worker in any order."""

import base64
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eqstream.data.permutation import index_dtype
from eqstream.data.splits.class_filter import ClassFilter
from eqstream.data.splits.enumeration import Enumeration
from eqstream.data.splits.joint_candidates import JointCandidates, can_join
from eqstream.data.splits.prepared_sources import PreparedSources

# There may be many classes: of large blocks it takes too much memory to note how many members each has.
_MOST_NOTED = 1 << 9
# Tasks of so many positions are counted together: to count larger ones alone takes no longer.
_MOST_JOINED = 1 << 10
# Bounds the memory for this.
_POSITIONS_AT_ONCE = 1 << 14


@dataclass(frozen=True)
class CountingTask:
    """Count the positions `start` to `stop - 1` of a source.

    Both are multiples of the block size, or of 8 where it is noted where classes are kept, or the end.
    """

    source: int
    start: int
    stop: int

    @property
    def num_positions(self) -> int:
        """How many positions there are."""
        return self.stop - self.start

    def to_dict(self) -> dict[str, Any]:
        """Returns the task as JSON types."""
        return dict(vars(self))

    @classmethod
    def from_dict(cls, mapping: dict[str, Any]) -> "CountingTask":
        """Returns the task that `to_dict` wrote."""
        return cls(**mapping)


@dataclass(frozen=True)
class CountingResult:
    """What was found at the positions of a task.

    Attributes:
        source: as in the task.
        start: likewise.
        stop: likewise.
        counts: the number of equations in each block that the positions lie in, as far as they do.
        kept: a bit for each position, whether a class is kept there, the first one the highest of a byte; those of each
            block begin with a byte. Nothing where that is not noted.
        members: a byte for each kept class, in order: which power of two its members are. Nothing where that is not
            noted.
    """

    source: int
    start: int
    stop: int
    counts: tuple[int, ...]
    kept: bytes = b""
    members: bytes = b""

    def to_dict(self) -> dict[str, Any]:
        """Returns the result as JSON types."""
        texts = {name: base64.b64encode(value).decode() for name, value in vars(self).items() if type(value) is bytes}
        return vars(self) | {"counts": list(self.counts)} | texts

    @classmethod
    def from_dict(cls, mapping: dict[str, Any]) -> "CountingResult":
        """Returns the result that `to_dict` wrote."""
        return cls(
            source=mapping["source"],
            start=mapping["start"],
            stop=mapping["stop"],
            counts=tuple(mapping["counts"]),
            kept=base64.b64decode(mapping["kept"]),
            members=base64.b64decode(mapping["members"]),
        )


def count_tasks(sources: PreparedSources, tasks: Iterable[CountingTask]) -> Iterator[CountingResult]:
    """Yields what each task finds, in any order: of many small ones together."""
    small: dict[ClassFilter, list[CountingTask]] = {}
    num_positions: Counter[ClassFilter] = Counter()
    for task in tasks:
        enumeration = sources.enumeration(task.source)
        if not enumeration.notes_kept or task.num_positions > _MOST_JOINED or not can_join(enumeration.candidates):
            yield count_task(sources, task)
            continue
        kept = enumeration.candidates.filter
        small.setdefault(kept, []).append(task)
        num_positions[kept] += task.num_positions
        if num_positions[kept] > _POSITIONS_AT_ONCE:
            yield from _count_together(sources, small.pop(kept))
            del num_positions[kept]
    for alike in small.values():
        yield from _count_together(sources, alike)


def _count_together(sources: PreparedSources, tasks: Sequence[CountingTask]) -> Iterator[CountingResult]:
    enumerations = [sources.enumeration(task.source) for task in tasks]
    ranges = [np.arange(task.start, task.stop, dtype=index_dtype(task.stop)) for task in tasks]
    members = np.repeat(np.arange(len(tasks)), [task.num_positions for task in tasks])
    joint = JointCandidates([enumeration.candidates for enumeration in enumerations])
    counts = joint.kept_at(members, np.concatenate(ranges)).counts
    edges = np.cumsum([task.num_positions for task in tasks])[:-1]
    for task, enumeration, own in zip(tasks, enumerations, np.split(counts, edges), strict=True):
        yield _note(enumeration, task, own)


def count_task(sources: PreparedSources, task: CountingTask) -> CountingResult:
    """Returns what a task finds; a pure function of the recipe and the task."""
    enumeration = sources.enumeration(task.source)
    if not enumeration.notes_kept:
        return CountingResult(**vars(task), counts=tuple(enumeration.count_blocks(task.start, task.stop)))
    return _note(enumeration, task, enumeration.counts_at(task.start, task.stop))


def _note(enumeration: Enumeration, task: CountingTask, counts: np.ndarray) -> CountingResult:
    """Returns the result of a task, given the number of equations at each of its positions, int64 (n,)."""
    size = enumeration.block_size
    edges = np.arange(task.start // size * size, task.stop, size) - task.start
    edges[0] = 0
    members = b""
    if min(size, len(counts)) <= _MOST_NOTED and enumeration.has_larger_classes:
        # Powers of two are 1 followed by zeros.
        members = np.bitwise_count(counts[counts > 0] - 1).astype(np.uint8).tobytes()
    return CountingResult(
        **vars(task),
        counts=tuple(np.add.reduceat(counts, edges).tolist()),
        kept=np.packbits(counts > 0).tobytes(),
        members=members,
    )
