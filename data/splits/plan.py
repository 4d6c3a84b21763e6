"""The plan: which ordinals make each split, and which of them each shard.

Within a source, splits follow each other in the order of the recipe, `rest` last. Balanced sampling gives each stratum
a quota by filling all strata to the same level, as far as they reach; every split takes its share of each stratum, and
a seeded permutation of its own assigns its places to their equations.
"""

import bisect
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from eqstream.data.collector import without_collector
from eqstream.data.errors import UserError
from eqstream.data.formats.blocks import Cut
from eqstream.data.permutation import derive_seed, index_dtype
from eqstream.data.space.conditions import Selection
from eqstream.data.splits.allocation import Pool, allocate
from eqstream.data.splits.apportionment import SLOTS_AT_ONCE, assign_slots
from eqstream.data.splits.equation_counts import EquationCounts
from eqstream.data.splits.segments import Part, Segment, SegmentFinder

# Names have room for five digits.
MAX_SHARDS = 99_999
# Of a split of one source; they are planned together.
_SHARDS_AT_ONCE = 1 << 10


@dataclass(frozen=True)
class ShardTask:
    """All that a worker needs, beside the recipe, to write one shard.

    `first_ordinal` counts within the split. A split of several sources has `quotas`, what it takes of each; then
    `assign_slots` with `slot_seed` says whose equation comes next. Where examples are steps of solutions, `num_steps`
    are in the shard once they were counted, from the split's step `first_step` on, without those that are left out.
    """

    split: str
    shard_index: int
    num_shards: int
    first_ordinal: int
    num_equations: int
    segments: Sequence[Segment]
    slot_seed: int = 0
    quotas: tuple[int, ...] = ()
    first_step: int = 0
    num_steps: int | None = None
    num_steps_left_out: int = 0

    @property
    def name(self) -> str:
        """The shard's name, such as ``train-00000-of-00002``."""
        return f"{self.split}-{self.shard_index:05d}-of-{self.num_shards:05d}"

    @property
    def records(self) -> Cut:
        """Which records of the split the shard has."""
        if self.num_steps is None:
            return Cut(self.first_ordinal, self.num_equations)
        return Cut(self.first_step, self.num_steps)

    def to_dict(self) -> dict[str, Any]:
        """Returns the task as JSON types."""
        return vars(self) | {"segments": [list(segment) for segment in self.segments], "quotas": list(self.quotas)}

    @classmethod
    def from_dict(cls, mapping: dict[str, Any]) -> "ShardTask":
        """Returns the task that `to_dict` wrote."""
        segments = tuple(Segment(*segment) for segment in mapping["segments"])
        fields: dict[str, Any] = {**mapping, "segments": segments, "quotas": tuple(mapping["quotas"])}
        return cls(**fields)


@dataclass(frozen=True, kw_only=True)
class PlannedSplit:
    """A split's size, and where its equations come from.

    Attributes:
        name: of the split.
        parts: its shares of the sources that it takes something from, in the order of these.
        first_ordinal: its start among the equations of its source; 0 for balanced sampling, which has many sources.
        num_cut_off_before: number of equations between the split before and this one, left out as twins of them are in
            that split.
        num_cut_off_behind: the same behind the last split of its sources; 0 for other splits.
    """

    name: str
    parts: tuple[Part, ...]
    first_ordinal: int
    num_cut_off_before: int
    num_cut_off_behind: int = 0

    @property
    def num_equations(self) -> int:
        """Number of equations in the split."""
        return sum(part.count for part in self.parts)

    @property
    def num_left_out(self) -> int:
        """Number of equations that are in no split although a twin of theirs is, as the manifest has it."""
        return self.num_cut_off_before + self.num_cut_off_behind


@dataclass(frozen=True)
class SplitPlan:
    """All splits and shards of a dataset, in the order of the recipe."""

    splits: tuple[PlannedSplit, ...]
    shards: tuple[ShardTask, ...]

    @property
    def num_equations(self) -> int:
        """Number of equations in all splits."""
        return sum(split.num_equations for split in self.splits)


def plan_splits(counts: EquationCounts) -> SplitPlan:
    """Returns the plan of a recipe; deterministic.

    Args:
        counts: all that the plan needs, so that nothing is left to be counted.

    Raises:
        UserError: a count is impossible (the message has the largest possible one), a split would be empty, or it has
            too many shards.
    """
    splits = divide_sources(counts)
    with without_collector():
        return SplitPlan(splits, tuple(shard for split in splits for shard in plan_shards(counts, split)))


def divide_sources(counts: EquationCounts) -> tuple[PlannedSplit, ...]:
    """Returns the splits of a recipe, in its order; see `plan_splits`.

    Raises:
        UserError: a count is impossible (the message has the largest possible one), or a split would be empty.
    """
    planned: dict[str, PlannedSplit] = {}
    for selection in counts.sources.by_selection:
        planned |= divide_selection(counts, selection)
    return tuple(planned[split.name] for split in counts.sources.recipe.splits)


def divide_selection(counts: EquationCounts, selection: Selection) -> dict[str, PlannedSplit]:
    """Returns the splits of one selection, by name; see `divide_sources`."""
    recipe, selected = counts.sources.recipe, counts.sources.by_selection[selection]
    # The rest is what the others leave.
    splits = sorted(selected.splits, key=lambda split: split.rest)
    pool = Pool(selected.levels, [counts.by_source[number] for number in selected.numbers])
    if not any(pool.available):
        raise UserError(f"split `{splits[0].name}` would be empty: {_explain_nothing(selection)}")
    allocations = allocate(pool, splits)
    ends = allocations[-1].ends
    num_behind = sum(pool.next_classes(ends)) - sum(ends)
    planned: dict[str, PlannedSplit] = {}
    for allocation in allocations:
        pairs = zip(selected.numbers, allocation.firsts, allocation.numbers, strict=True)
        planned[allocation.split.name] = PlannedSplit(
            name=allocation.split.name,
            parts=tuple(Part(source, first, count) for source, first, count in pairs if count),
            first_ordinal=allocation.firsts[0] if recipe.sampling == "uniform" else 0,
            num_cut_off_before=allocation.num_cut_off_before,
            num_cut_off_behind=num_behind if allocation is allocations[-1] else 0,
        )
    return planned


def _explain_nothing(selection: Selection) -> str:
    if selection.is_everything:
        return "the space has no valid equation, or none that no other split selects"
    return f"its {selection.to_text()} selects no equation of the space"


def plan_shards(counts: EquationCounts, split: PlannedSplit) -> Iterator[ShardTask]:
    """Yields the shards of a split, in their order.

    Raises:
        UserError: it has too many.
    """
    recipe, total = counts.sources.recipe, split.num_equations
    quotas = tuple(part.count for part in split.parts)
    num_shards = -(-total // recipe.storage.shard_size)
    if num_shards > MAX_SHARDS:
        raise UserError(
            f"split `{split.name}` of {total} equations would have {num_shards} shards, at most {MAX_SHARDS} are "
            "supported; use a smaller `count`, or raise `storage.shard_size`"
        )
    # Shards of one split differ by at most one equation.
    edges = [total * shard // num_shards for shard in range(num_shards + 1)]
    slot_seed = derive_seed(recipe.seed, "deal", split.name)
    finder = SegmentFinder(counts, split.parts)
    index = 0
    for num_together, shards, parts, numbers in _numbers_by_shard(edges, slot_seed, quotas):
        segments = finder.take(parts, numbers)
        stops = np.searchsorted(shards, np.arange(num_together + 1)).tolist()
        for start, stop in itertools.pairwise(stops):
            yield ShardTask(
                split=split.name,
                shard_index=index,
                num_shards=num_shards,
                first_ordinal=edges[index],
                num_equations=edges[index + 1] - edges[index],
                segments=segments[start:stop],
                slot_seed=slot_seed if len(quotas) > 1 else 0,
                quotas=quotas if len(quotas) > 1 else (),
            )
            index += 1


class _ShardNumbers(NamedTuple):
    """How many equations some shards take of each part, for all pairs of which it is more than none, in their order.

    Attributes:
        num_shards: how many there are together.
        shards: counted from the first of them, (n,).
        parts: (n,).
        numbers: of equations, (n,).
    """

    num_shards: int
    shards: np.ndarray
    parts: np.ndarray
    numbers: np.ndarray


def _numbers_by_shard(edges: Sequence[int], seed: int, quotas: Sequence[int]) -> Iterator[_ShardNumbers]:
    """Yields how many equations shards take of each part, for all shards in turn.

    Args:
        edges: first slot of each shard, and their number.
        seed: see `assign_slots`.
        quotas: see `assign_slots`.
    """
    shard, num_shards = 0, len(edges) - 1
    while shard < num_shards:
        if len(quotas) == 1:
            last = min(shard + _SHARDS_AT_ONCE, num_shards)
            shards = np.arange(last - shard)
            numbers = np.diff(np.array(edges[shard : last + 1], dtype=index_dtype(edges[last])))
            yield _ShardNumbers(last - shard, shards, np.zeros_like(shards), numbers)
        else:
            # Many small shards at once: a call for each would cost more than the slots.
            last = max(bisect.bisect_right(edges, edges[shard] + SLOTS_AT_ONCE) - 1, shard + 1)
            yield _count_slots(edges[shard : last + 1], seed, quotas)
        shard = last


def _count_slots(edges: Sequence[int], seed: int, quotas: Sequence[int]) -> _ShardNumbers:
    """Returns how many slots of one large shard, or of small ones, go to each part; see `_numbers_by_shard`."""
    num_shards = len(edges) - 1
    if num_shards == 1:
        numbers = np.zeros(len(quotas), dtype=np.int64)
        # A shard may have millions of slots.
        for start in range(edges[0], edges[1], SLOTS_AT_ONCE):
            count = min(SLOTS_AT_ONCE, edges[1] - start)
            turns = assign_slots(quotas, seed=seed, start=start, count=count)
            numbers += np.bincount(turns, minlength=len(quotas))
        parts = np.flatnonzero(numbers)
        return _ShardNumbers(1, np.zeros_like(parts), parts, numbers[parts])
    turns = assign_slots(quotas, seed=seed, start=edges[0], count=edges[-1] - edges[0])
    shards = np.repeat(np.arange(num_shards), np.diff(edges))
    keys, numbers = np.unique(shards * len(quotas) + turns, return_counts=True)
    return _ShardNumbers(num_shards, keys // len(quotas), keys % len(quotas), numbers)
