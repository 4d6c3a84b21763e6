"""What is counted before splits can be planned: no more than they need.

A count finds the position at which an ordinal stands. Nothing is counted where every equation is a class of its own and
all are kept, since position and ordinal are then one. A source from which splits take fixed counts alone is counted
only until it has delivered them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe
from eqstream.data.splits.counting import CountingTask, count_tasks
from eqstream.data.splits.equation_counts import EquationCounts
from eqstream.data.splits.needed_equations import find_needed, find_needed_for_estimates, is_exhausted
from eqstream.data.splits.prepared_sources import PreparedSources

_BLOCKS_PER_TASK = 64
# Thousands of kinds of equations may have to be looked at, of which a split takes one equation each.
_LEAST_POSITIONS = 1 << 4
# Beyond these many positions counting everything would take days.
_MOST_POSITIONS = 1 << 38
# So many positions without a single equation mean that the condition is as good as impossible.
HOPELESS_POSITIONS = 1 << 26
# So many are worth a line to whoever waits: without a single equation, and with some of those that are wanted.
_RARE_POSITIONS = 1 << 20
_LONG_POSITIONS = 1 << 26
# One of so many candidates, or fewer.
_RARE_SHARE = 64


def count_for_plan(recipe: Recipe, *, block_size: int | None = None, for_estimates: bool = False) -> EquationCounts:
    """Returns the counts that the plan of a recipe needs, counted in this process; deterministic.

    Args:
        recipe: the recipe.
        block_size: see `PreparedSources`.
        for_estimates: see `next_tasks`.

    Raises:
        UserError: the sources cannot be prepared, or what the splits ask for would take too long to count.
    """
    counts = EquationCounts(PreparedSources(recipe, block_size=block_size))
    while tasks := next_tasks(counts, for_estimates=for_estimates):
        count_here(counts, tasks)
    return counts


def count_here(counts: EquationCounts, tasks: Iterable[CountingTask]) -> None:
    """Counts tasks in this process and adds the results."""
    counts.add(count_tasks(counts.sources, tasks))


def next_tasks(
    counts: EquationCounts, *, hopeless: int = HOPELESS_POSITIONS, for_estimates: bool = False
) -> list[CountingTask]:
    """Returns what must be counted before the splits can be planned; nothing if that is known.

    Use: while ``tasks := next_tasks(counts)``, count them in any order and ``counts.add`` the results.

    Args:
        counts: of all tasks so far.
        hopeless: number of positions without an equation after which a source is taken to have none.
        for_estimates: whether to count so much that the estimates of the numbers of equations are those of streams; see
            `find_needed_for_estimates`.

    Raises:
        UserError: what the splits ask for would take too long to count.
    """
    tasks: list[CountingTask] = []
    for number, needed in enumerate((find_needed_for_estimates if for_estimates else find_needed)(counts, hopeless)):
        own = counts.by_source[number]
        is_in_pieces = own.enumeration.notes_kept and not for_estimates
        unit = _LEAST_POSITIONS if is_in_pieces else own.enumeration.block_size
        wanted = _positions_wanted(counts, number, needed=needed, hopeless=hopeless, unit=unit)
        at_once = _BLOCKS_PER_TASK * own.enumeration.block_size
        for start in range(own.num_positions_counted, wanted, at_once):
            tasks.append(CountingTask(number, start, min(start + at_once, wanted)))
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
        text_to_numbers.setdefault(text, Counter())[task.source] += task.num_positions
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


def _positions_wanted(counts: EquationCounts, source: int, *, needed: int | None, hopeless: int, unit: int) -> int:
    """Returns how many positions of a source to count, counted ones included: a multiple of `unit`, or all."""
    own = counts.by_source[source]
    enumeration, done, found = own.enumeration, own.num_positions_counted, own.num_found
    if enumeration.is_identity or own.is_complete:
        return done
    if needed is None:
        if enumeration.size > _MOST_POSITIONS:
            raise UserError(
                "`rest` and `fraction` need every equation to be counted, and there are "
                f"{enumeration.size:,} candidates; use `count`, or narrow the `space` or the `where`"
            )
        return enumeration.size
    if found >= needed or is_exhausted(own, hopeless):
        return done
    if found:
        wanted = -(-needed * done // found)
        _refuse_the_endless(counts, source, wanted=wanted, hopeless=hopeless)
    else:
        # Most spaces keep about one equation for each position; rare ones are approached by doubling, or, where few
        # positions were looked at, in longer strides.
        wanted = max(
            (2 if done >= enumeration.block_size else 4) * done,
            needed * enumeration.size // max(enumeration.num_equations, 1),
        )
    wanted = -(-wanted // unit) * unit
    if found or not enumeration.is_huge:
        # A little more than expected costs less than another round.
        wanted += wanted // 16 // unit * unit + (unit if counts.sources.recipe.sampling == "uniform" else 0)
    # Of few positions twice as many take less time than another round does.
    least = done + max(unit, done // unit * unit if done < enumeration.block_size else 0)
    return min(max(wanted, least), 64 * max(done, 64 * enumeration.block_size), enumeration.size)


def _refuse_the_endless(counts: EquationCounts, source: int, *, wanted: int, hopeless: int) -> None:
    own = counts.by_source[source]
    size, num_looked_at = own.enumeration.size, own.num_positions_counted
    if num_looked_at >= hopeless and min(wanted, size) > _MOST_POSITIONS:
        raise UserError(
            f"so many equations of {counts.sources.sources[source].selection.to_text()} would take days to find: there "
            f"are {own.num_found:,} among the first {num_looked_at:,} of {size:,} candidates; ask for fewer, or narrow "
            "the `space`"
        )
