"""How many equations each split would have: exact where few candidates have to be counted, else estimated."""

import functools
import math
from collections.abc import Sequence

import numpy as np

from eqstream.data.recipe import SplitRecipe
from eqstream.data.recipe_values import exact
from eqstream.data.space.conditions import selection_of
from eqstream.data.splits.counting import CountingTask
from eqstream.data.splits.counting_policy import count_here, next_tasks
from eqstream.data.splits.enumeration import BLOCK_SIZE_OF_HUGE_SPACE, Enumeration
from eqstream.data.splits.equation_counts import EquationCounts
from eqstream.data.splits.plan import Part, PlannedSplit, Segment, divide_sources

# Work that is done to make sizes exact, in positions of sums of two numbers.
MOST_WORK = 1 << 24
# What a position costs more, as measured: by division, whose quotients are checked, and by numbers beyond 63 bits.
DIVISION_WORK = 8
HUGE_WORK = 128
MOST_SOURCES = 16


def count_if_cheap(counts: EquationCounts) -> tuple[tuple[PlannedSplit, ...] | None, int]:
    """Returns the splits, or None if too much would have to be counted for them, and how many positions a build counts.

    Raises:
        UserError: the recipe asks for the impossible, as far as that shows.
    """
    num_positions = work = 0
    while tasks := next_tasks(counts):
        for task in tasks:
            enumeration = counts.by_source[task.source].enumeration
            num_positions += _num_positions(enumeration, task)
            work += _num_positions(enumeration, task) * _work_per_position(counts, enumeration)
        if work > MOST_WORK:
            return None, num_positions
        count_here(counts, tasks)
    return divide_sources(counts), num_positions


def _num_positions(enumeration: Enumeration, task: CountingTask) -> int:
    start = task.first_block * enumeration.block_size
    return min(start + task.num_blocks * enumeration.block_size, enumeration.size) - start


def _work_per_position(counts: EquationCounts, enumeration: Enumeration) -> float:
    space = counts.sources.space
    # Longer equations have more operands, and more twins to compare them with.
    work = max(1.0, (space.recipe.terms.max - 2) ** 3 / 4)
    work *= DIVISION_WORK if space.has_division else 1
    return work * (HUGE_WORK if enumeration.block_size <= BLOCK_SIZE_OF_HUGE_SPACE else 1)


def spread(items: Sequence) -> list:
    """Returns at most `MOST_SOURCES` of the items, evenly spread."""
    step = max(len(items) / MOST_SOURCES, 1)
    return [items[math.floor(place * step)] for place in range(min(len(items), MOST_SOURCES))]


class SizeEstimator:
    """Looks at the first block of sources, for what was not counted; deterministic.

    Args:
        counts: what was counted so far.
    """

    def __init__(self, counts: EquationCounts) -> None:
        self._splits = counts.sources.recipe.splits
        self._counts = counts
        self._probe = functools.cache(self._count_first_block)

    def sizes(self) -> dict[str, int]:
        """Returns about how many equations each split has; `rest` without what classes cut by ends will cost."""
        sizes: dict[str, int] = {}
        for split in sorted(self._splits, key=lambda split: split.rest):
            if split.count is not None:
                sizes[split.name] = split.count
            elif split.fraction is not None:
                sizes[split.name] = math.floor(exact(split.fraction) * self._total(split))
            else:
                others = [sizes[other.name] for other in self._sharers(split) if not other.rest]
                sizes[split.name] = max(self._total(split) - sum(others), 0)
        return {split.name: sizes[split.name] for split in self._splits}

    def sources(self, split: SplitRecipe) -> list[int]:
        """Returns the numbers of the sources that a split takes from."""
        selection = selection_of(split)
        return [number for number, source in enumerate(self._counts.sources.sources) if source.selection == selection]

    def capacity(self, source: int) -> int:
        """Returns about how many equations a source has."""
        own = self._counts.by_source[source]
        if own.total is not None:
            return own.total
        num_kept, num_positions = self._probe(source)
        return own.enumeration.size * num_kept // max(num_positions, 1)

    def segments(self, split: SplitRecipe) -> list[Segment]:
        """Returns the beginnings of some sources, of which each split that shares them gets another part."""
        sharers = self._sharers(split)
        place = sharers.index(split)
        segments = []
        for source in spread(self.sources(split)):
            share = self._probe(source)[0] // len(sharers)
            segments.append(Segment(source, first=place * share, count=share, position=0, before=0))
        return [segment for segment in segments if segment.count]

    def _sharers(self, split: SplitRecipe) -> list[SplitRecipe]:
        """Returns the splits, this one among them, that take from the same sources."""
        return [other for other in self._splits if selection_of(other) == selection_of(split)]

    def _total(self, split: SplitRecipe) -> int:
        """Returns about how many equations there are for a split and its sharers together."""
        sources = self.sources(split)
        known = [self._counts.by_source[source].total for source in sources]
        open_sources = [source for source, total in zip(sources, known, strict=True) if total is None]
        probes = [self._probe(source) for source in spread(open_sources)]
        num_kept, num_seen = (sum(numbers) for numbers in zip((0, 0), *probes, strict=True))
        num_candidates = sum(self._counts.by_source[source].enumeration.size for source in open_sources)
        return sum(total for total in known if total is not None) + num_candidates * num_kept // max(num_seen, 1)

    def _count_first_block(self, source: int) -> tuple[int, int]:
        """Returns how many equations the first block of a source keeps, and how many positions it has."""
        enumeration = self._counts.by_source[source].enumeration
        num_positions = min(enumeration.block_size, enumeration.size)
        return enumeration.count(0, num_positions), num_positions


def count_classes(counts: EquationCounts, parts: Sequence[Part]) -> int:
    """Returns how many classes of twins have an equation in a split, by counting all blocks that it reaches over."""
    num_classes = 0
    for part in parts:
        own, end = counts.by_source[part.source], part.first + part.count
        position, before = own.locate(part.first)
        for positions in own.enumeration.position_blocks(position, own.enumeration.size, own.enumeration.block_size):
            kept = own.enumeration.kept_at(positions)
            starts = before + kept.starts
            before += kept.num_equations
            ends = np.append(starts[1:], before)
            num_classes += int(((ends > part.first) & (starts < end)).sum())
            if before >= end:
                break
    return num_classes
