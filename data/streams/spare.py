"""Equations that a split might have taken and that no split has."""

from collections.abc import Iterator

import numpy as np

from eqstream.data.formats.column_encoder import ColumnEncoder
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.permutation import index_dtype
from eqstream.data.recipe import Recipe
from eqstream.data.space.conditions import selection_of
from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.splits.apportionment import fill_evenly
from eqstream.data.streams.held_out import Territory, find_territory

# Few equations are wanted, of each of perhaps many walks.
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
    found = find_territory(recipe, split)
    capacities = [_count_spare(territory) for territory in found.territories]
    weights = [territory.weight for territory in found.territories]
    quotas = fill_evenly(min(limit, sum(capacities)), capacities, weights)
    columns = ColumnEncoder(found.space)
    return [
        columns.to_columns(block)
        for territory, quota in zip(found.territories, quotas, strict=True)
        for block in _take(territory, quota)
    ]


def _count_spare(territory: Territory) -> int:
    """Returns the number of spare equations of a walk, an estimate where the walk wasn't counted to its end."""
    own = 0 if territory.own is None else territory.own.num_equations
    return max(territory.num_free_equations - own, 0)


def _take(territory: Territory, count: int) -> Iterator[EquationBlock]:
    """Yields the first `count` spare equations of a walk, fewer if there are no more."""
    walk = territory.walk
    for start, stop in _spare_positions(territory):
        for low in range(start, stop, _POSITIONS_AT_ONCE):
            if count <= 0:
                return
            positions = np.arange(low, min(low + _POSITIONS_AT_ONCE, stop)).astype(index_dtype(walk.size), copy=False)
            block = walk.equations_at(positions, low)
            if block is not None:
                yield block.take(slice(0, count))
                count -= len(block)


def _spare_positions(territory: Territory) -> Iterator[tuple[int, int]]:
    """Yields (start, stop) of the positions of a walk that no split has, rising."""
    own = territory.own
    for start, stop in territory.free():
        if own is None or stop <= own.start or own.stop <= start:
            yield start, stop
            continue
        # A split's positions are never parted by those of another one.
        yield from ((low, high) for low, high in ((start, own.start), (own.stop, stop)) if low < high)
