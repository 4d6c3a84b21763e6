"""Which positions of its sources a split has, and which ones other splits have.

A class of twins has one position. So whatever has a position of a split is that split's, with all its twins, and ranges
of positions tell what was trained on, or held out, in spaces too large to list anything.
"""

import bisect
import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from eqstream.data.configuration import nearest
from eqstream.data.errors import UserError
from eqstream.data.permutation import index_dtype
from eqstream.data.recipe import Recipe
from eqstream.data.space.conditions import selection_of
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.splits.candidates import BLOCK_SIZE
from eqstream.data.splits.counting_policy import count_for_plan
from eqstream.data.splits.enumeration import Enumeration
from eqstream.data.splits.equation_counts import SourceCounts
from eqstream.data.splits.plan import Part, divide_sources
from eqstream.data.splits.strata import Source


@dataclass(frozen=True)
class PositionRange:
    """Positions `start` to `stop` - 1 of a source, and the number of equations of all classes that have one of them."""

    start: int
    stop: int
    num_equations: int


@dataclass(frozen=True, kw_only=True)
class SourceRanges:
    """The positions of one source that a split takes from.

    Attributes:
        enumeration: of the source.
        source: the source.
        own: the split's own positions, None where it takes nothing.
        taken: those of the other splits, rising.
        num_equations: of the whole source; where it wasn't counted to its end, as estimated from what was.
    """

    enumeration: Enumeration
    source: Source
    own: PositionRange | None
    taken: tuple[PositionRange, ...]
    num_equations: int

    @property
    def num_free_positions(self) -> int:
        """Number of positions that no other split has; where all classes are listed, of those that have one."""
        if self._listed is not None:
            return len(self._listed)
        return self.enumeration.size - sum(each.stop - each.start for each in self.taken)

    @property
    def num_free_equations(self) -> int:
        """Number of equations at them; an estimate where `num_equations` is one."""
        return max(self.num_equations - sum(each.num_equations for each in self.taken), 0)

    def free(self) -> Iterator[tuple[int, int]]:
        """Yields (start, stop) of the positions that no other split has, rising."""
        start = 0
        for each in self.taken:
            if start < each.start:
                yield start, each.start
            start = each.stop
        if start < self.enumeration.size:
            yield start, self.enumeration.size

    def free_blocks(self, block_size: int = BLOCK_SIZE) -> Iterator[np.ndarray]:
        """Yields the positions that no other split has, rising, in arrays of at most `block_size`."""
        for start, stop in self.free():
            yield from self.enumeration.position_blocks(start, stop, block_size)

    def find_free(self, places: np.ndarray) -> np.ndarray:
        """Returns the positions of the free positions that are numbered `places` (n,), from 0 on."""
        if self._listed is not None:
            return self._listed[places.astype(np.int64)]
        positions = places.astype(index_dtype(self.enumeration.size), copy=False)
        for taken in self.taken:
            is_behind = np.asarray(positions >= taken.start, dtype=bool)
            positions = np.where(is_behind, positions + (taken.stop - taken.start), positions)
        return positions

    @functools.cached_property
    def _listed(self) -> np.ndarray | None:
        """The free positions, rising, (n,), where all classes are listed."""
        if self.enumeration.listed is None:
            return None
        positions = self.enumeration.listed.positions
        ends = [bisect.bisect_left(positions, end) for taken in self.taken for end in (taken.start, taken.stop)]
        return np.concatenate(np.split(positions, ends)[::2]) if ends else positions


@dataclass(frozen=True)
class SplitRanges:
    """All that a split takes from.

    Attributes:
        sources: those of its selection.
        num_equations: how many equations the split itself has.
        space: the space.
    """

    sources: tuple[SourceRanges, ...]
    num_equations: int
    space: PreparedSpace


def find_ranges(recipe: Recipe, split: str, *, block_size: int | None = None) -> SplitRanges:
    """Returns what a split takes from, counted in this process as far as the splits need; deterministic.

    Args:
        recipe: the recipe.
        split: the name of the split.
        block_size: see `PreparedSources`.

    Raises:
        UserError: there is no such split, or the splits cannot be planned.
    """
    names = [each.name for each in recipe.splits]
    if split not in names:
        raise UserError(f"the recipe has no split `{split}`{nearest(split, names)}")
    counts = count_for_plan(recipe, block_size=block_size, for_estimates=True)
    planned = divide_sources(counts)
    ranges: dict[int, dict[str, PositionRange]] = {}
    for each in planned:
        for part in each.parts:
            ranges.setdefault(part.source, {})[each.name] = _find_positions(counts.by_source[part.source], part)
    selection = selection_of(recipe.splits[names.index(split)])
    sources: list[SourceRanges] = []
    for number, source in enumerate(counts.sources.sources):
        if source.selection == selection:
            name_to_range = ranges.get(number, {})
            taken = [each for name, each in name_to_range.items() if name != split]
            sources.append(
                SourceRanges(
                    enumeration=counts.by_source[number].enumeration,
                    source=source,
                    own=name_to_range.get(split),
                    taken=tuple(sorted(taken, key=lambda each: each.start)),
                    num_equations=counts.by_source[number].estimate,
                )
            )
    num_equations = planned[names.index(split)].num_equations
    return SplitRanges(tuple(sources), num_equations, counts.sources.space)


def _find_positions(counts: SourceCounts, part: Part) -> PositionRange:
    """Returns the positions of all classes of which a split has some member."""

    def find_class(ordinal: int) -> tuple[int, int]:
        position, before = counts.locate(ordinal)
        return counts.enumeration.find_class(ordinal, position=position, before=before)

    start, _ = find_class(part.first)
    # The last class may be cut off: the members behind the split's end are in no split, but a twin is in this one.
    stop, end = find_class(part.first + part.count - 1)
    return PositionRange(start, stop + 1, end - part.first)
