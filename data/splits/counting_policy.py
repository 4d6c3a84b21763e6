"""What is counted before splits can be planned: no more than they need.

A count finds the position at which an ordinal stands. Nothing is counted where every equation is a class of its own and
all are kept, since position and ordinal are then one. A source from which splits take fixed counts alone is counted
only until it has delivered them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe
from eqstream.data.space.conditions import selection_of
from eqstream.data.splits.counting import CountingTask, count_task
from eqstream.data.splits.equation_counts import EquationCounts, SourceCounts
from eqstream.data.splits.prepared_sources import PreparedSources
from eqstream.data.splits.strata import Source, fill_sources

_BLOCKS_PER_TASK = 64
# Beyond these many positions counting everything would take days.
_MOST_POSITIONS = 1 << 38
# So many positions without a single equation mean that the condition is as good as impossible.
HOPELESS_POSITIONS = 1 << 26
# So many are worth a line to whoever waits: without a single equation, and with some of those that are wanted.
_RARE_POSITIONS = 1 << 20
_LONG_POSITIONS = 1 << 26
# One of so many candidates, or fewer.
_RARE_SHARE = 64


def count_for_plan(recipe: Recipe, *, block_size: int | None = None) -> EquationCounts:
    """Returns the counts that the plan of a recipe needs, counted in this process; deterministic.

    Args:
        recipe: the recipe.
        block_size: see `PreparedSources`.

    Raises:
        UserError: the sources cannot be prepared, or what the splits ask for would take too long to count.
    """
    counts = EquationCounts(PreparedSources(recipe, block_size=block_size))
    while tasks := next_tasks(counts):
        count_here(counts, tasks)
    return counts


def count_here(counts: EquationCounts, tasks: Iterable[CountingTask]) -> None:
    """Counts tasks in this process and adds the results."""
    counts.add(count_task(counts.sources, task) for task in tasks)


def next_tasks(counts: EquationCounts, *, hopeless: int = HOPELESS_POSITIONS) -> list[CountingTask]:
    """Returns what must be counted before the splits can be planned; nothing if that is known.

    Use: while ``tasks := next_tasks(counts)``, count them in any order and ``counts.add`` the results.

    Args:
        counts: of all tasks so far.
        hopeless: number of positions without an equation after which a source is taken to have none.

    Raises:
        UserError: what the splits ask for would take too long to count.
    """
    tasks: list[CountingTask] = []
    for number, needed in enumerate(_equations_needed(counts, hopeless)):
        done = counts.by_source[number].num_blocks_counted
        wanted = _blocks_wanted(counts, number, needed=needed, hopeless=hopeless)
        for first in range(done, wanted, _BLOCKS_PER_TASK):
            tasks.append(CountingTask(number, first, min(_BLOCKS_PER_TASK, wanted - first)))
    return tasks


def list_rare(counts: EquationCounts, tasks: Sequence[CountingTask], reported: set[str]) -> Iterator[str]:
    """Yields a line for each selection whose equations take long to find, and adds it to `reported`.

    Args:
        counts: of all tasks so far.
        tasks: what is to be counted next.
        reported: the lines' beginnings so far; nothing is said twice.
    """
    yield from _list_long(counts, tasks, reported)
    for number in dict.fromkeys(task.source for task in tasks):
        own, selection = counts.by_source[number], counts.sources.sources[number].selection.to_text()
        if own.num_found or own.num_positions_counted < _RARE_POSITIONS or selection in reported:
            continue
        reported.add(selection)
        yield (
            f"no equation of {selection} among the first {own.num_positions_counted:,} candidates so far; "
            f"looking at up to {HOPELESS_POSITIONS:,}"
        )


def _list_long(counts: EquationCounts, tasks: Sequence[CountingTask], reported: set[str]) -> Iterator[str]:
    """Yields a line for each selection of which many candidates are to be looked at, as few of them are meant."""
    text_to_numbers: dict[str, Counter[int]] = {}
    for task in tasks:
        text = counts.sources.sources[task.source].selection.to_text()
        num_positions = task.num_blocks * counts.by_source[task.source].enumeration.block_size
        text_to_numbers.setdefault(text, Counter())[task.source] += num_positions
    for text, numbers in text_to_numbers.items():
        num_found, num_counted = (
            sum(getattr(counts.by_source[number], name) for number in numbers)
            for name in ("num_found", "num_positions_counted")
        )
        begin = f"equations of {text} are rare"
        is_rare = 0 < num_found * _RARE_SHARE <= num_counted
        if is_rare and numbers.total() >= _LONG_POSITIONS and begin not in reported:
            reported.add(begin)
            yield (
                f"{begin}: {num_found:,} among the first {num_counted:,} candidates; looking at {numbers.total():,} "
                "more, which may take minutes, and may not be the end of it"
            )


def _is_exhausted(counts: SourceCounts, hopeless: int) -> bool:
    """Returns whether counting on would find nothing more, or next to surely nothing at all."""
    is_hopeless = not counts.num_found and counts.num_blocks_counted * counts.enumeration.block_size >= hopeless
    return is_hopeless or counts.num_blocks_counted == counts.num_blocks


def _blocks_wanted(counts: EquationCounts, source: int, *, needed: int | None, hopeless: int) -> int:
    """Returns how many blocks of a source to count, those that are counted included."""
    own = counts.by_source[source]
    enumeration, done, found = own.enumeration, own.num_blocks_counted, own.num_found
    if enumeration.is_identity or done == own.num_blocks:
        return done
    if needed is None:
        if enumeration.size > _MOST_POSITIONS:
            raise UserError(
                "`rest` and `fraction` need every equation to be counted, and there are "
                f"{enumeration.size:,} candidates; use `count`, or narrow the `space` or the `where`"
            )
        return own.num_blocks
    if found >= needed or _is_exhausted(own, hopeless):
        return done
    if found:
        wanted = -(-needed * done // found)
        _refuse_the_endless(counts, source, wanted=wanted, hopeless=hopeless)
    else:
        # Most spaces keep about one equation for each position; rare ones are approached by doubling.
        num_positions = needed * enumeration.size // max(enumeration.num_equations, 1)
        wanted = max(2 * done, -(-num_positions // enumeration.block_size))
    if found or not enumeration.is_huge:
        # A little more than expected costs less than another round.
        wanted += wanted // 16 + (counts.sources.recipe.sampling == "uniform")
    return min(max(wanted, done + 1), 64 * max(done, 64), own.num_blocks)


def _refuse_the_endless(counts: EquationCounts, source: int, *, wanted: int, hopeless: int) -> None:
    own = counts.by_source[source]
    size, num_looked_at = own.enumeration.size, own.num_blocks_counted * own.enumeration.block_size
    if num_looked_at >= hopeless and min(wanted * own.enumeration.block_size, size) > _MOST_POSITIONS:
        raise UserError(
            f"so many equations of {counts.sources.sources[source].selection.to_text()} would take days to find: there "
            f"are {own.num_found:,} among the first {num_looked_at:,} of {size:,} candidates; ask for fewer, or narrow "
            "the `space`"
        )


def _equations_needed(counts: EquationCounts, hopeless: int) -> list[int | None]:
    """Returns how many equations the splits can take from each source at most, None if they may take all."""
    sources = counts.sources.sources
    needed: list[int | None] = [None] * len(sources)
    is_exhausted = [_is_exhausted(own, hopeless) for own in counts.by_source]
    for selection in dict.fromkeys(source.selection for source in sources):
        numbers = [number for number, source in enumerate(sources) if source.selection == selection]
        sizes = [split.count for split in counts.sources.recipe.splits if selection_of(split) == selection]
        stated = [size for size in sizes if size is not None]
        if len(stated) < len(sizes):
            continue
        total = sum(stated)
        if len(numbers) == 1:
            needed[numbers[0]] = _find_end(counts.by_source[numbers[0]], stated)
            continue
        capacities = [counts.by_source[number].num_available if is_exhausted[number] else total for number in numbers]
        quotas = _fill_so_far(total, capacities, [sources[number] for number in numbers])
        # Members of a class that is cut by a split's end are left out: at most all but one of the largest. Sources
        # that have no more than their quota leave it to the others to make up for that.
        largest_classes = [counts.by_source[number].enumeration.largest_class for number in numbers]
        lost = (len(sizes) + 1) * max(largest_classes)
        open_weight = sum(sources[number].weight for number in numbers if not is_exhausted[number])
        num_exhausted = sum(is_exhausted[number] for number in numbers)
        for number, quota, largest_class in zip(numbers, quotas, largest_classes, strict=True):
            share = -(-lost * num_exhausted * sources[number].weight // max(open_weight, 1))
            needed[number] = quota + (len(sizes) + 1) * largest_class + share
    return needed


def _find_end(counts: SourceCounts, sizes: list[int]) -> int:
    """Returns where splits of these sizes end in their only source, if nothing is cut off that is not counted yet.

    A class may have millions of members in a space of many terms: those that could be cut off would be far too many.
    """
    end = 0
    for size in sizes:
        is_known = end < counts.num_found
        end = (counts.next_class(end) if is_known else end) + size
    return end


def _fill_so_far(total: int, capacities: list[int], sources: list[Source]) -> list[int]:
    """Returns what each source must deliver, if those that are not yet exhausted have as much as it takes."""
    if len(capacities) == 1 or sum(capacities) <= total:
        return [total] * len(capacities)
    return fill_sources(total, capacities, sources)
