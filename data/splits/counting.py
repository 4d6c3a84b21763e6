"""How many equations each source has, and where in its walk: counted in parallel, no more than the splits need.

Counting is needed to find the position at which an ordinal stands; nothing is counted where every equation is a class
of its own and all are kept, since position and ordinal are then one. A source from which splits take fixed counts alone
is walked only until it has delivered them.
"""

import bisect
import dataclasses
import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe
from eqstream.data.space.conditions import selection_of
from eqstream.data.space.prepared_space import prepare_space
from eqstream.data.splits.apportionment import fill_evenly
from eqstream.data.splits.enumeration import Walk
from eqstream.data.splits.strata import Source, list_sources

_BLOCKS_PER_TASK = 16
# Beyond these many positions counting everything would take days.
_MOST_POSITIONS = 1 << 38
# So many positions without a single equation mean that the condition is as good as impossible.
_HOPELESS_POSITIONS = 1 << 26


@dataclass(frozen=True)
class CountingTask:
    """Count blocks `first_block` to `first_block + num_blocks - 1` of a source."""

    source: int
    first_block: int
    num_blocks: int

    def to_dict(self) -> dict:
        """Returns the task as JSON types."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, mapping: dict) -> "CountingTask":
        """Returns the task that `to_dict` wrote."""
        return cls(**mapping)


@dataclass(frozen=True)
class CountingResult:
    """The number of equations in each block of a task."""

    source: int
    first_block: int
    counts: tuple[int, ...]

    def to_dict(self) -> dict:
        """Returns the result as JSON types."""
        return {"source": self.source, "first_block": self.first_block, "counts": list(self.counts)}

    @classmethod
    def from_dict(cls, mapping: dict) -> "CountingResult":
        """Returns the result that `to_dict` wrote."""
        return cls(mapping["source"], mapping["first_block"], tuple(mapping["counts"]))


class Counter:
    """Counts tasks of one recipe; make it once a process, as the sources take a while to list."""

    def __init__(self, recipe: Recipe) -> None:
        space = prepare_space(recipe.space)
        self._walks = [source.walk(recipe, space) for source in list_sources(recipe, space)]

    def count(self, task: CountingTask) -> CountingResult:
        """Returns what one counting task finds; a pure function of the recipe and the task."""
        return _count(self._walks[task.source], task)


def _count(walk: Walk, task: CountingTask) -> CountingResult:
    edges = [min((task.first_block + block) * walk.count_block, walk.size) for block in range(task.num_blocks + 1)]
    counts = tuple(walk.count(start, stop) for start, stop in itertools.pairwise(edges))
    return CountingResult(task.source, task.first_block, counts)


class Census:
    """What has been counted so far, and what is to be counted next.

    Use: while ``tasks := census.next_tasks()``, count them in any order and ``census.add`` the results.

    Args:
        recipe: the recipe.

    Raises:
        UserError: two splits could share an equation, the space is empty or its shapes are too many.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.space = prepare_space(recipe.space)
        self.sources: list[Source] = list_sources(recipe, self.space)
        self.walks = [source.walk(recipe, self.space) for source in self.sources]
        self._counts: list[dict[int, int]] = [{} for _ in self.sources]
        # For each source the numbers of equations up to the end of each block, made when it is first asked for.
        self._ends: dict[int, list[int]] = {}

    def next_tasks(self) -> list[CountingTask]:
        """Returns what must be counted before the splits can be planned; nothing if that is known.

        Raises:
            UserError: what the splits ask for would take too long to count.
        """
        tasks = []
        for number, needed in enumerate(self._equations_needed()):
            done, wanted = len(self._counts[number]), self._blocks_wanted(number, needed)
            for first in range(done, wanted, _BLOCKS_PER_TASK):
                tasks.append(CountingTask(number, first, min(_BLOCKS_PER_TASK, wanted - first)))
        return tasks

    def add(self, results: Iterable[CountingResult]) -> None:
        """Takes in results, in any order."""
        for result in results:
            for offset, number in enumerate(result.counts):
                self._counts[result.source][result.first_block + offset] = number
            self._ends.pop(result.source, None)

    def count(self, tasks: Iterable[CountingTask]) -> None:
        """Counts tasks in this process and takes in the results."""
        self.add(_count(self.walks[task.source], task) for task in tasks)

    def run(self) -> "Census":
        """Counts all that is needed in this process and returns itself."""
        while tasks := self.next_tasks():
            self.count(tasks)
        return self

    def is_identity(self, source: int) -> bool:
        """Returns whether ordinal and position are one in a source."""
        return self.walks[source].keeps_everything and self.recipe.commuted == "ignore"

    def total(self, source: int) -> int | None:
        """Returns the number of equations of a source, or None if that isn't known yet."""
        walk = self.walks[source]
        if walk.keeps_everything:
            return walk.size
        if len(self._counts[source]) == self._num_blocks(source):
            return sum(self._counts[source].values())
        return None

    def available(self, source: int) -> int:
        """Returns how many equations of a source are known to exist."""
        total = self.total(source)
        return sum(self._counts[source].values()) if total is None else total

    def estimate(self, source: int) -> int:
        """Returns the number of equations of a source, estimated from the positions counted if it isn't known yet."""
        total, counts = self.total(source), self._counts[source]
        if total is not None or not counts:
            return total or 0
        walk = self.walks[source]
        return sum(counts.values()) * walk.size // (len(counts) * walk.count_block)

    def num_counted(self) -> int:
        """Returns the number of positions that were counted."""
        pairs = zip(self._counts, self.walks, strict=True)
        return sum(min(len(counts) * walk.count_block, walk.size) for counts, walk in pairs)

    def locate(self, source: int, ordinal: int) -> tuple[int, int]:
        """Returns a position at or before that of the equation `ordinal`, and how many equations come before it.

        Raises:
            ValueError: that part of the walk was not counted.
        """
        walk = self.walks[source]
        if self.is_identity(source):
            position = ordinal // walk.block * walk.block
            return position, position
        ends = self._list_ends(source)
        block = bisect.bisect_right(ends, ordinal)
        if block == len(ends):
            raise ValueError(
                f"ordinal {ordinal} of source {source} was not counted, only {ends[-1] if ends else 0} were"
            )
        return block * walk.count_block, ends[block - 1] if block else 0

    def _list_ends(self, source: int) -> list[int]:
        if source not in self._ends:
            counts = self._counts[source]
            self._ends[source] = list(itertools.accumulate(counts[block] for block in range(len(counts))))
        return self._ends[source]

    def next_class(self, source: int, ordinal: int) -> int:
        """Returns the first ordinal, at or after `ordinal`, at which a class of twins begins."""
        walk = self.walks[source]
        if ordinal == 0 or self.recipe.commuted != "together" or ordinal >= self.available(source):
            return ordinal
        position, before = self.locate(source, ordinal)
        while position < walk.size:
            stop = min(position + walk.block, walk.size)
            starts = walk.class_starts(position, stop) + before
            later = starts[starts >= ordinal]
            if len(later):
                return int(later[0])
            before += walk.count(position, stop)
            position = stop
        return before

    def _num_blocks(self, source: int) -> int:
        return -(-self.walks[source].size // self.walks[source].count_block)

    def _is_exhausted(self, source: int) -> bool:
        """Returns whether counting on would find nothing more, or next to surely nothing at all."""
        done, found = len(self._counts[source]), any(self._counts[source].values())
        is_hopeless = not found and done * self.walks[source].count_block >= _HOPELESS_POSITIONS
        return done == self._num_blocks(source) or is_hopeless

    def _blocks_wanted(self, source: int, needed: int | None) -> int:
        """Returns how many blocks of a source to count, those that are counted included."""
        walk, counts = self.walks[source], self._counts[source]
        done, found = len(counts), sum(counts.values())
        if self.is_identity(source):
            return 0
        if needed is None:
            if walk.size > _MOST_POSITIONS:
                raise UserError(
                    f"`rest` and `fraction` need every equation to be counted, and there are {walk.size:,} candidates; "
                    "use `count`, or narrow the `space` or the `where`"
                )
            return self._num_blocks(source)
        if found >= needed or self._is_exhausted(source):
            return done
        if found:
            wanted = -(-needed * done // found)
            self._refuse_the_endless(source, needed, wanted)
        else:
            # Most spaces keep about one equation for each position; rare ones are approached by doubling.
            wanted = max(2 * done, -(-needed // walk.count_block))
        # A little more than expected costs less than another round.
        wanted += wanted // 16 + (self.recipe.sampling == "uniform")
        return min(max(wanted, done + 1), 64 * max(done, 64), self._num_blocks(source))

    def _refuse_the_endless(self, source: int, needed: int, wanted: int) -> None:
        walk, done, found = self.walks[source], len(self._counts[source]), sum(self._counts[source].values())
        is_known = done * walk.count_block >= _HOPELESS_POSITIONS
        if is_known and min(wanted * walk.count_block, walk.size) > _MOST_POSITIONS:
            raise UserError(
                f"so many equations of {self.sources[source].selection.to_text()} would take days to find: there are "
                f"{found:,} among the first {done * walk.count_block:,} of {walk.size:,} candidates; ask for fewer, or "
                "narrow the `space`"
            )

    def _equations_needed(self) -> list[int | None]:
        """Returns how many equations the splits can take from each source at most, None if they may take all."""
        needed: list[int | None] = [None] * len(self.sources)
        for selection in dict.fromkeys(source.selection for source in self.sources):
            numbers = [number for number, source in enumerate(self.sources) if source.selection == selection]
            counts = [split.count for split in self.recipe.splits if selection_of(split) == selection]
            stated = [count for count in counts if count is not None]
            if len(stated) < len(counts):
                continue
            quotas = self._quotas_so_far(numbers, sum(stated))
            # Members of a class that is cut by a split's end are left out: at most all but one of the largest. Sources
            # that have no more than their quota leave it to the others to make up for that.
            lost = (len(counts) + 1) * self.largest_class
            open_weight = sum(self.sources[number].weight for number in numbers if not self._is_exhausted(number))
            num_exhausted = sum(self._is_exhausted(number) for number in numbers)
            for number, quota in zip(numbers, quotas, strict=True):
                share = -(-lost * num_exhausted * self.sources[number].weight // max(open_weight, 1))
                needed[number] = quota + lost + share
        return needed

    def _quotas_so_far(self, numbers: list[int], total: int) -> list[int]:
        """Returns what each source must deliver, if those that are not yet exhausted have as much as it takes."""
        capacities = [self.available(number) if self._is_exhausted(number) else total for number in numbers]
        if len(numbers) == 1 or sum(capacities) <= total:
            return [total] * len(numbers)
        return fill_evenly(total, capacities, [self.sources[number].weight for number in numbers])

    @property
    def largest_class(self) -> int:
        """The most members that a class can have."""
        if self.recipe.commuted != "together":
            return 1
        return 1 << max(len(shape.swaps) for shape in self.space.shapes)
