"""Which positions of its walks a split has, and which ones other splits have.

A class of twins has one position. So whatever has a position of a split is that split's, with all its twins, and
stretches of positions tell what was trained on, or held out, in spaces too large to list anything.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from eqstream.data.configuration import nearest
from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe
from eqstream.data.space.conditions import selection_of
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.splits.counting import Census
from eqstream.data.splits.enumeration import Walk
from eqstream.data.splits.plan import Segment, SplitPlan, plan_splits


@dataclass(frozen=True)
class Stretch:
    """Positions `start` to `stop` - 1 of a walk, and the number of equations of all classes that have one of them."""

    start: int
    stop: int
    num_equations: int


@dataclass(frozen=True)
class Territory:
    """One walk that a split takes from.

    Attributes:
        walk: the walk.
        weight: how many combinations of operand lengths it unites; see `eqstream.data.splits.strata`.
        own: the split's own positions, None where it takes nothing.
        taken: those of the other splits, rising.
        num_equations: of the whole walk; where it wasn't counted to its end, as estimated from what was.
    """

    walk: Walk
    weight: int
    own: Stretch | None
    taken: tuple[Stretch, ...]
    num_equations: int

    @property
    def num_free_positions(self) -> int:
        """Number of positions that no other split has."""
        return self.walk.size - sum(stretch.stop - stretch.start for stretch in self.taken)

    @property
    def num_free_equations(self) -> int:
        """Number of equations at them; an estimate where `num_equations` is one."""
        return max(self.num_equations - sum(stretch.num_equations for stretch in self.taken), 0)

    def free(self) -> Iterator[tuple[int, int]]:
        """Yields (start, stop) of the positions that no other split has, rising."""
        start = 0
        for stretch in self.taken:
            if start < stretch.start:
                yield start, stretch.start
            start = stretch.stop
        if start < self.walk.size:
            yield start, self.walk.size


@dataclass(frozen=True)
class SplitTerritory:
    """All that a split takes from.

    Attributes:
        territories: the walks of its selection.
        num_equations: how many equations the split itself has.
        space: the space.
    """

    territories: tuple[Territory, ...]
    num_equations: int
    space: PreparedSpace


def find_territory(recipe: Recipe, split: str) -> SplitTerritory:
    """Returns what a split takes from, counted in this process as far as the splits need; deterministic.

    Raises:
        UserError: there is no such split, or the splits cannot be planned.
    """
    names = [each.name for each in recipe.splits]
    if split not in names:
        raise UserError(f"the recipe has no split `{split}`{nearest(split, names)}")
    census = Census(recipe).run()
    plan = plan_splits(recipe, census)
    selection = selection_of(recipe.splits[names.index(split)])
    rivals = [each.name for each in recipe.splits if selection_of(each) == selection]
    stretches = {name: _find_stretches(census, plan, name) for name in rivals}
    territories = []
    for number, source in enumerate(census.sources):
        if source.selection != selection:
            continue
        taken = [stretches[name][number] for name in rivals if name != split and number in stretches[name]]
        taken.sort(key=lambda stretch: stretch.start)
        own = stretches[split].get(number)
        walk = census.walks[number]
        territories.append(Territory(walk, source.weight, own, tuple(taken), census.estimate(number)))
    (num_equations,) = (count.num_equations for count in plan.splits if count.name == split)
    return SplitTerritory(tuple(territories), num_equations, census.space)


def _find_stretches(census: Census, plan: SplitPlan, split: str) -> dict[int, Stretch]:
    """Returns the positions of a split in each source that it takes something from."""
    segments: dict[int, list[Segment]] = {}
    for task in plan.shards:
        if task.split == split:
            for segment in task.segments:
                if segment.count:
                    segments.setdefault(segment.source, []).append(segment)
    return {source: _cover(census, source, found) for source, found in segments.items()}


def _cover(census: Census, source: int, segments: list[Segment]) -> Stretch:
    walk, first, last = census.walks[source], segments[0], segments[-1]
    start, _ = walk.find_class(first.first, first.position, first.ordinal)
    # The last class may be torn: the members behind the split's end are in no split, but their twins are in this one.
    last_ordinal = last.first + last.count - 1
    stop, end = walk.find_class(last_ordinal, *census.locate(source, last_ordinal))
    return Stretch(start, stop + 1, end - first.first)
