"""How many equations each split would have: exact where few candidates have to be counted, else estimated."""

import bisect
import functools
import itertools
import math
import operator
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from eqstream.data.recipe_values import exact
from eqstream.data.space.conditions import Selection, selection_of
from eqstream.data.split_recipe import SplitRecipe
from eqstream.data.splits.counting import CountingTask, count_tasks
from eqstream.data.splits.counting_policy import count_here, next_tasks
from eqstream.data.splits.equation_counts import EquationCounts
from eqstream.data.splits.plan import PlannedSplit, divide_sources
from eqstream.data.splits.segments import Segment
from eqstream.pipelines.estimation.work import count_sampled, work_per_position, work_per_task

# Work that is done to make sizes exact, in positions of sums of two numbers.
MOST_WORK = 1 << 22
MOST_SOURCES = 16
# Segments of all splits together from which samples are drawn, and of one of them.
_MOST_SEGMENTS, _FEWEST_SEGMENTS = 48, 4
# Of more sources some stand for all.
MOST_PROBED = 64
# So many equations, of positions that were looked at, tell how many a source has about; fewer positions tell nothing.
_ENOUGH_KEPT = 32
_FEWEST_POSITIONS = 64
# A source of so many times what is wanted of it, and of all others, is a large one: how large does not matter.
_LARGE = 4


class CountingWork(NamedTuple):
    """What a build counts: so many positions, in so many tasks."""

    num_positions: int = 0
    num_tasks: int = 0


def count_if_cheap(counts: EquationCounts) -> tuple[tuple[PlannedSplit, ...] | None, CountingWork]:
    """Returns the splits, or None if too much would have to be counted for them, and what a build counts.

    Raises:
        UserError: the recipe asks for the impossible, as far as that shows.
    """
    done, work = CountingWork(), 0.0
    while tasks := next_tasks(counts):
        for task in tasks:
            enumeration = counts.by_source[task.source].enumeration
            work += task.num_positions * work_per_position(counts.sources.space, enumeration)
        num_positions = sum(task.num_positions for task in tasks)
        done = CountingWork(done.num_positions + num_positions, done.num_tasks + len(tasks))
        if counts.sources.is_sampled or work + done.num_tasks * work_per_task(counts.sources.space) > MOST_WORK:
            return None, done
        count_here(counts, tasks)
    return None if counts.sources.is_sampled else divide_sources(counts), done


def has_plenty(counts: EquationCounts) -> bool:
    """Returns whether all splits say how much they take, and that is far less than is known to be there."""
    for selected in counts.sources.by_selection.values():
        wanted = [split.count for split in selected.splits]
        available = sum(counts.by_source[number].num_available for number in selected.numbers)
        if None in wanted or _LARGE * sum(count or 0 for count in wanted) > available:
            return False
    return True


def spread(items: Sequence) -> list:
    """Returns at most `MOST_SOURCES` of the items, evenly spread."""
    step = max(len(items) / MOST_SOURCES, 1)
    return [items[math.floor(place * step)] for place in range(min(len(items), MOST_SOURCES))]


def thin_out(segments: Sequence[Segment], *, num_splits: int = 1) -> list[Segment]:
    """Returns at most `MOST_SOURCES` of the segments, with counts for which they stand in for all; deterministic.

    They are those of equations that are evenly spread over all, so a kind of equations keeps about its share, in
    however many segments it comes. Where there are many splits, each has fewer, down to `_FEWEST_SEGMENTS`.
    """
    chosen = _choose([segment.count for segment in segments], num_splits=num_splits)
    return [segments[place]._replace(count=count) for place, count in chosen]


def _choose(counts: Sequence[int], *, num_splits: int) -> list[tuple[int, int]]:
    """Returns the places of the segments that `thin_out` leaves, given the counts of all, and their new counts."""
    most = max(min(MOST_SOURCES, _MOST_SEGMENTS // num_splits), _FEWEST_SEGMENTS)
    if len(counts) <= most:
        return list(enumerate(counts))
    ends = list(itertools.accumulate(counts))
    middles = [ends[-1] * (2 * place + 1) // (2 * most) for place in range(most)]
    chosen = Counter(bisect.bisect_right(ends, middle) for middle in middles)
    return [(place, -(-ends[-1] * number // most)) for place, number in sorted(chosen.items())]


class SizeEstimator:
    """Looks at the first positions of sources, for what was not counted; deterministic.

    Args:
        counts: what was counted so far.
    """

    def __init__(self, counts: EquationCounts) -> None:
        self._splits = counts.sources.recipe.splits
        self._counts = counts
        self._probed: dict[int, tuple[int, int]] = {}
        self._divide = functools.cache(self._divide_selection)
        self._selected = counts.sources.by_selection

    @functools.cached_property
    def sizes(self) -> dict[str, int]:
        """About how many equations each split has; `rest` without what classes cut by ends will cost."""
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

    def sources(self, split: SplitRecipe) -> Sequence[int]:
        """Returns the numbers of the sources that a split takes from."""
        return self._selected[selection_of(split)].numbers

    def capacity(self, source: int) -> int:
        """Returns about how many equations a source has."""
        own = self._counts.by_source[source]
        if own.total is not None:
            return own.total
        [(num_kept, num_positions)] = self._probe([source])
        return own.enumeration.size * num_kept // max(num_positions, 1) or own.estimate

    def _capacities(self, numbers: Sequence[int]) -> list[int]:
        """Returns about how many equations each of some sources has; of very many, as from a look at some of them."""
        enumerations = {number: self._counts.by_source[number].enumeration for number in numbers}
        open_numbers = [number for number in numbers if self._counts.by_source[number].total is None]
        is_many = len(open_numbers) > MOST_PROBED
        pooled = [number for number in open_numbers if is_many or enumerations[number].is_canonical]
        num_kept, num_seen = (sum(each) for each in zip((0, 1), *self._probe(spread(pooled)), strict=True))
        capacities = {number: enumerations[number].size * num_kept // num_seen for number in pooled}
        return [capacities[number] if number in capacities else self.capacity(number) for number in numbers]

    def quotas(self, split: SplitRecipe) -> dict[int, int]:
        """Returns about how many equations of a split come from each source, by the rules of the plan."""
        return self._divide(selection_of(split))[split.name]

    def _divide_selection(self, selection: Selection) -> dict[str, dict[int, int]]:
        """Returns the quotas of all splits of a selection, one after the other: what one takes, the next cannot."""
        selected = self._selected[selection]
        splits, numbers = selected.splits, selected.numbers
        capacities = self._capacities(numbers)
        stated = sum(self.sizes[split.name] for split in splits if not split.rest)
        left = filled = selected.levels.fill(min(stated, sum(capacities)), capacities)
        split_to_quotas: dict[str, dict[int, int]] = {}
        for split in splits:
            quotas = left
            if split.rest:
                quotas = list(map(operator.sub, capacities, filled))
            elif any(left):
                quotas = selected.levels.divide(min(self.sizes[split.name], sum(left)), left)
                left = list(map(operator.sub, left, quotas))
            split_to_quotas[split.name] = dict(zip(numbers, quotas, strict=True))
        return split_to_quotas

    def knows_quotas(self, split: SplitRecipe) -> bool:
        """Returns whether what each source gives depends neither on an estimate nor on where splits cut classes off."""
        numbers = self.sources(split)
        owns = [self._counts.by_source[number] for number in numbers]
        is_cut = any(own.enumeration.has_larger_classes for own in owns)
        is_later = split.rest or split != self._sharers(split)[0]
        if len(numbers) == 1:
            return True
        is_known = not self._counts.sources.is_sampled and all(own.total is not None for own in owns)
        return is_known and not (is_cut and is_later)

    def segments(self, split: SplitRecipe, quotas: Mapping[int, int]) -> list[Segment]:
        """Returns the beginnings of some sources, of which each split that shares them gets another part."""
        sharers = self._sharers(split)
        place = sharers.index(split)
        taken = [(source, count) for source, count in quotas.items() if count]
        segments = []
        for chosen, stood_for in _choose([count for _, count in taken], num_splits=len(self._splits)):
            source, count = taken[chosen]
            enumeration = self._counts.by_source[source].enumeration
            first, num_positions = 0, count_sampled(self._counts.sources.space, enumeration)
            if enumeration.listed is not None:
                first = place * enumeration.listed.find_spare(count) // len(sharers)
            position = place * num_positions // len(sharers)
            segments.append(Segment(source, first=first, count=stood_for, position=position, before=0))
        return segments

    def _sharers(self, split: SplitRecipe) -> Sequence[SplitRecipe]:
        """Returns the splits, this one among them, that take from the same sources."""
        return self._selected[selection_of(split)].splits

    def _total(self, split: SplitRecipe) -> int:
        """Returns about how many equations there are for a split and its sharers together."""
        sources = self.sources(split)
        known = [self._counts.by_source[source].total for source in sources]
        open_sources = [source for source, total in zip(sources, known, strict=True) if total is None]
        probes = self._probe(spread(open_sources))
        num_kept, num_seen = (sum(numbers) for numbers in zip((0, 0), *probes, strict=True))
        num_candidates = sum(self._counts.by_source[source].enumeration.size for source in open_sources)
        return sum(total for total in known if total is not None) + num_candidates * num_kept // max(num_seen, 1)

    def _probe(self, sources: Sequence[int]) -> list[tuple[int, int]]:
        """Returns how many equations the first positions of each source keep, and how many positions these are.

        They are fewer where the first of them tell that the source is large.
        """
        for source in sources:
            own = self._counts.by_source[source]
            self._probed.setdefault(source, (own.num_found, own.num_positions_counted))
        while tasks := [task for source in sources if (task := self._next_probe(source)) is not None]:
            for result in count_tasks(self._counts.sources, tasks):
                num_kept, _ = self._probed[result.source]
                self._probed[result.source] = num_kept + sum(result.counts), result.stop
        return [self._probed[source] for source in sources]

    def _next_probe(self, source: int) -> CountingTask | None:
        """Returns what to look at next of a source, None if that is enough."""
        enumeration, (num_kept, done) = self._counts.by_source[source].enumeration, self._probed[source]
        most = count_sampled(self._counts.sources.space, enumeration)
        is_large = enumeration.size * num_kept > _LARGE * self._wanted(source) * done
        if done >= most or (num_kept >= _ENOUGH_KEPT and is_large):
            return None
        return CountingTask(source, done, min(max(_FEWEST_POSITIONS, 4 * done), most))

    def _wanted(self, source: int) -> float:
        """Returns how many equations the splits of a source want of it and of others, infinity for all."""
        splits = self._selected[self._counts.sources.sources[source].selection].splits
        return sum(math.inf if split.count is None else split.count for split in splits)
