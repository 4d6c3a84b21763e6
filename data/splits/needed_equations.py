"""How many equations of each source must be known before splits can be planned.

What splits take of their sources is computed as if there were all that may be, and no class cut off by a split's end,
wherever that was not counted yet. What comes out is either known already, or what to count next.
"""

from collections.abc import Iterator

from eqstream.data.splits.allocation import PossiblePool, find_ends
from eqstream.data.splits.equation_counts import EquationCounts, SourceCounts
from eqstream.data.splits.prepared_sources import SelectedSources


def is_exhausted(counts: SourceCounts, hopeless: int) -> bool:
    """Returns whether counting on would find nothing more, or next to surely nothing at all.

    Args:
        counts: of a source.
        hopeless: number of positions without an equation after which a source is taken to have none.
    """
    return counts.is_complete or (not counts.num_found and counts.num_positions_counted >= hopeless)


def find_needed(counts: EquationCounts, hopeless: int) -> list[int | None]:
    """Returns how many equations the splits need of each source, None if they may take all.

    Args:
        counts: of all tasks so far.
        hopeless: see `is_exhausted`.
    """
    needed: list[int | None] = [None] * len(counts.by_source)
    for selected in _list_selections(counts):
        owns = [counts.by_source[number] for number in selected.numbers]
        pool = PossiblePool(selected.levels, owns, [is_exhausted(own, hopeless) for own in owns])
        ends = find_ends(pool, selected.splits)
        if ends is None:
            ends = [own.most for own in owns]
        elif len(owns) > 1:
            # What others give depends on whether a source has more than its share.
            ends = [end + (own.total is None) for end, own in zip(ends, owns, strict=True)]
        for number, end in zip(selected.numbers, ends, strict=True):
            needed[number] = end
    return needed


def find_needed_for_estimates(counts: EquationCounts, hopeless: int) -> list[int | None]:
    """Returns how many equations of each source are counted to estimate how many there are; see `find_needed`.

    The order of endless streams depends on these estimates, and so on how many are counted: more than a plan needs.
    """
    needed = find_needed(counts, hopeless)
    for selected in _list_selections(counts):
        numbers, splits = selected.numbers, selected.splits
        if len(numbers) == 1:
            continue
        owns = [counts.by_source[number] for number in numbers]
        sources = [counts.sources.sources[number] for number in numbers]
        has_ended = [is_exhausted(own, hopeless) for own in owns]
        total = sum(split.count or 0 for split in splits)
        capacities = [own.num_available if ended else total for own, ended in zip(owns, has_ended, strict=True)]
        quotas = [total] * len(numbers)
        if sum(capacities) > total:
            quotas = selected.levels.fill(total, capacities)
        # Members of a class that is cut by a split's end are left out: at most all but one of the largest. Sources
        # that have no more than their quota leave it to the others to make up for that.
        most_cut = (len(splits) + 1) * max(own.enumeration.largest_class for own in owns)
        open_weight = sum(source.weight for source, ended in zip(sources, has_ended, strict=True) if not ended)
        for number, own, source, quota in zip(numbers, owns, sources, quotas, strict=True):
            share = -(-most_cut * sum(has_ended) * source.weight // max(open_weight, 1))
            needed[number] = quota + (len(splits) + 1) * own.enumeration.largest_class + share
    return needed


def _list_selections(counts: EquationCounts) -> Iterator[SelectedSources]:
    """Yields the sources of each selection whose splits all have a `count`."""
    for selected in counts.sources.by_selection.values():
        if selected.numbers and all(split.count is not None for split in selected.splits):
            yield selected
