"""Equations that a split might have taken and that no split has."""

from collections.abc import Iterator

from eqstream.data.formats.column_encoder import ColumnEncoder
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.recipe import Recipe
from eqstream.data.space.conditions import selection_of
from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.splits.strata import SourceLevels, find_split_of_twins
from eqstream.data.streams.held_out import SourceRanges, find_ranges

# Few equations are wanted, of each of perhaps many sources.
_POSITIONS_AT_ONCE = 1 << 12


def spare_equations(recipe: Recipe, split: str, limit: int) -> list[EquationColumns]:
    """Returns up to `limit` equations of the selection of `split` that are in no split, nor is a commuted twin of them.

    They follow the distribution of the split: drawn without replacement from what its `where` and `hash` select, with
    `sampling: balanced` evenly over the combinations of operand lengths. Deterministic; empty if the splits leave
    nothing over.

    Raises:
        UserError: there is no such split, or the splits cannot be planned.
    """
    selections = {each.name: selection_of(each) for each in recipe.splits}
    if any(each.rest and selections[each.name] == selections.get(split) for each in recipe.splits):
        return []
    if find_split_of_twins(recipe) is not None:
        # Datasets of such recipes were built by earlier versions; how they were planned is not known any more.
        return []
    found = find_ranges(recipe, split)
    capacities = [_count_spare(source) for source in found.sources]
    quotas = SourceLevels([each.source for each in found.sources]).fill(min(limit, sum(capacities)), capacities)
    columns = ColumnEncoder(found.space)
    return [
        columns.to_columns(block)
        for source, quota in zip(found.sources, quotas, strict=True)
        for block in _take(source, quota)
    ]


def _count_spare(source: SourceRanges) -> int:
    """Returns the number of spare equations of a source, an estimate where it wasn't counted to its end."""
    own = 0 if source.own is None else source.own.num_equations
    return max(source.num_free_equations - own, 0)


def _take(source: SourceRanges, count: int) -> Iterator[EquationBlock]:
    """Yields the first `count` spare equations of a source, fewer if there are no more."""
    for start, stop in _spare_positions(source):
        for positions in source.enumeration.position_blocks(start, stop, _POSITIONS_AT_ONCE):
            if count <= 0:
                return
            block = source.enumeration.equations_at(positions, int(positions[0]))
            if block is not None:
                yield block.take(slice(0, count))
                count -= len(block)


def _spare_positions(source: SourceRanges) -> Iterator[tuple[int, int]]:
    """Yields (start, stop) of the positions of a source that no split has, rising."""
    own = source.own
    for start, stop in source.free():
        if own is None or stop <= own.start or own.stop <= start:
            yield start, stop
            continue
        # A split's positions are never parted by those of another one.
        yield from ((low, high) for low, high in ((start, own.start), (own.stop, stop)) if low < high)
