"""The plan: which ordinals make each split, and which of them each shard.

Within a source, splits follow each other in the order of the recipe, `rest` last. A split that a class of twins would
straddle ends in the middle of the class if its count says so; the members that no longer fit belong to no split.

Balanced sampling gives each stratum a quota by filling all strata to the same level, as far as they reach; every split
takes its share of each stratum, and a seeded permutation of its own deals its equations out.
"""

import bisect
import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import add, sub
from typing import NoReturn

import numpy as np

from eqstream.data.errors import UserError
from eqstream.data.permutation import Permutation, derive_seed
from eqstream.data.recipe import Recipe, SplitRecipe, exact
from eqstream.data.space.conditions import Selection, selection_of
from eqstream.data.splits.apportionment import divide_proportionally, fill_evenly
from eqstream.data.splits.counting import Census

# Names have room for five digits, and more shards than this would take hours to plan.
MAX_SHARDS = 99_999
_SLOTS_AT_ONCE = 1 << 16


@dataclass(frozen=True, slots=True)
class Segment:
    """The equations `first` to `first + count - 1` of a source, and where to start walking towards them."""

    source: int
    first: int
    count: int
    position: int
    ordinal: int


@dataclass(frozen=True)
class ShardTask:
    """All that a worker needs, beside the recipe, to write one shard.

    `first_ordinal` counts within the split. With several segments, the permutation of `num_slots` numbers with
    `deal_seed` says whose equation comes next: see `deal`.
    """

    split: str
    shard_index: int
    num_shards: int
    first_ordinal: int
    num_equations: int
    segments: tuple[Segment, ...]
    num_slots: int = 0
    deal_seed: int = 0
    quotas: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The shard's name, such as ``train-00000-of-00002``."""
        return f"{self.split}-{self.shard_index:05d}-of-{self.num_shards:05d}"

    def to_dict(self) -> dict:
        """Returns the task as JSON types."""
        mapping = dataclasses.asdict(self)
        mapping["segments"] = [list(dataclasses.astuple(segment)) for segment in self.segments]
        return mapping | {"quotas": list(self.quotas)}

    @classmethod
    def from_dict(cls, mapping: dict) -> "ShardTask":
        """Returns the task that `to_dict` wrote."""
        segments = tuple(Segment(*segment) for segment in mapping["segments"])
        return cls(**{**mapping, "segments": segments, "quotas": tuple(mapping["quotas"])})


@dataclass(frozen=True)
class SplitCount:
    """The size of a split.

    `first_ordinal` is its start among the equations of its source (0 for balanced sampling, which has many sources);
    `num_left_out` counts equations that are in no split although a twin of theirs is: those between the split before
    and this one, and those behind the last split of a source. `num_cut_off_behind` says how many are the latter.
    """

    name: str
    num_equations: int
    first_ordinal: int
    num_left_out: int
    num_cut_off_behind: int = 0


@dataclass(frozen=True)
class SplitPlan:
    """All splits and shards of a dataset, in the order of the recipe."""

    splits: tuple[SplitCount, ...]
    shards: tuple[ShardTask, ...]
    num_equations: int


@dataclass(frozen=True)
class _Part:
    """A split's interval of one source."""

    source: int
    first: int
    count: int


def plan_splits(recipe: Recipe, census: Census) -> SplitPlan:
    """Returns the plan of a recipe; deterministic.

    Args:
        recipe: the recipe.
        census: a census that has nothing left to count.

    Raises:
        UserError: a count is impossible (the message has the largest possible one), or a split would be empty.
    """
    parts: dict[str, list[_Part]] = {}
    left_out: dict[str, int] = {}
    cut_off_behind: dict[str, int] = {}
    for selection in dict.fromkeys(selection_of(split) for split in recipe.splits):
        splits = [split for split in recipe.splits if selection_of(split) == selection]
        # The rest is what the others leave.
        splits.sort(key=lambda split: split.rest)
        sources = [number for number, source in enumerate(census.sources) if source.selection == selection]
        if not any(census.available(source) for source in sources):
            raise UserError(f"split `{splits[0].name}` would be empty: {_explain_nothing(selection)}")
        for split, found, missing in _Allocation(census, sources, splits).run():
            parts[split.name] = found
            left_out[split.name] = missing
        last = splits[-1].name
        cut_off_behind[last] = sum(_count_cut_off(census, part) for part in parts[last])
    counts = []
    shards: list[ShardTask] = []
    for split in recipe.splits:
        count = sum(part.count for part in parts[split.name])
        first = parts[split.name][0].first if recipe.sampling == "uniform" else 0
        behind = cut_off_behind.get(split.name, 0)
        counts.append(SplitCount(split.name, count, first, left_out[split.name] + behind, behind))
        shards += _plan_shards(recipe, census, split, [part for part in parts[split.name] if part.count])
    return SplitPlan(tuple(counts), tuple(shards), sum(count.num_equations for count in counts))


def _count_cut_off(census: Census, part: _Part) -> int:
    """Returns how many equations behind the end of a part have a twin before it."""
    end = part.first + part.count
    return census.next_class(part.source, end) - end


def _explain_nothing(selection: Selection) -> str:
    if selection.is_everything:
        return "the space has no valid equation, or none that no other split selects"
    return f"its {selection.to_text()} selects no equation of the space"


class _Allocation:
    """Deals the sources of one selection out to its splits, one split after the other."""

    def __init__(self, census: Census, sources: Sequence[int], splits: Sequence[SplitRecipe]) -> None:
        self._census = census
        self._sources = sources
        self._splits = splits
        self._available = [census.available(source) for source in sources]
        self._cursors = [0] * len(sources)
        self._total = sum(self._available)
        self._weights = [census.sources[source].weight for source in sources]

    def run(self) -> list[tuple[SplitRecipe, list[_Part], int]]:
        """Returns each split with its parts and the number of equations left out before it."""
        counts = [self._stated_count(split) for split in self._splits]
        result, left = self._deal_out(counts, len(counts))
        if len(result) < len(counts):
            self._refuse(counts, len(result), left)
        return result

    def _deal_out(
        self, counts: Sequence[int | None], num_splits: int
    ) -> tuple[list[tuple[SplitRecipe, list[_Part], int]], int]:
        """Returns the first splits, up to one that asks for too much, and how many equations are left then."""
        self._cursors = [0] * len(self._sources)
        stated = sum(count for count in counts if count is not None)
        quotas = fill_evenly(min(stated, self._total), self._available, self._weights)
        result = []
        for split, count in zip(self._splits[:num_splits], counts, strict=False):
            missing = self._skip_torn_classes()
            left = [available - cursor for available, cursor in zip(self._available, self._cursors, strict=True)]
            if count is not None and split.fraction is not None and stated <= self._total:
                # Fractions that add up to 1 are short of what torn classes cost.
                count = min(count, sum(left))
            if count is not None and count > sum(left):
                return result, sum(left)
            shares = left if count is None else self._shares(count, left, quotas)
            if not sum(shares):
                raise UserError(f"split `{split.name}` would be empty: {self._explain_empty(split)}")
            parts = [
                _Part(source, cursor, share)
                for source, cursor, share in zip(self._sources, self._cursors, shares, strict=True)
            ]
            self._cursors = [cursor + share for cursor, share in zip(self._cursors, shares, strict=True)]
            result.append((split, parts, missing))
        return result, 0

    def _refuse(self, counts: Sequence[int | None], place: int, left: int) -> NoReturn:
        """Raises the error that says what is possible for a split that asks for too much.

        With another count all splits of several sources are cut elsewhere and tear other classes, so it must be tried.
        """
        possible, is_possible = left, False
        while possible and not is_possible:
            result, lower = self._deal_out([*counts[:place], possible, *counts[place + 1 :]], place + 1)
            is_possible = len(result) > place
            if not is_possible:
                possible = min(lower, possible - 1) if len(result) == place else possible - 1
        raise UserError(
            f"split `{self._splits[place].name}` asks for {counts[place]:,} equations, but only {left:,} are left; "
            f"the largest possible count is {possible}"
        )

    def _stated_count(self, split: SplitRecipe) -> int | None:
        if split.fraction is not None:
            return math.floor(exact(split.fraction) * self._total)
        return split.count

    def _explain_empty(self, split: SplitRecipe) -> str:
        if split.fraction is not None and exact(split.fraction) * self._total < 1:
            return f"its `fraction` {split.fraction} of {self._total} equations is less than one"
        return "the splits before it take all equations"

    def _skip_torn_classes(self) -> int:
        """Moves each cursor to the next class that is whole; returns how many equations that leaves out."""
        cursors = zip(self._sources, self._cursors, strict=True)
        moved = [self._census.next_class(source, cursor) for source, cursor in cursors]
        missing = sum(moved) - sum(self._cursors)
        self._cursors = moved
        return missing

    def _shares(self, count: int, left: list[int], quotas: list[int]) -> list[int]:
        """Returns what a split of stated size takes from each source, and takes that off `quotas`.

        Args:
            count: its size, at most the sum of `left`.
            left: how many equations each source still has.
            quotas: how many of them are for this split and the stated ones behind it.
        """
        wanted = sum(quotas)
        quotas[:] = map(min, quotas, left)
        # What torn classes have cost one source, others make up for.
        room = [available - quota for available, quota in zip(left, quotas, strict=True)]
        added = fill_evenly(min(wanted - sum(quotas), sum(room)), room, self._weights)
        quotas[:] = map(add, quotas, added)
        shares = divide_proportionally(count, quotas) if count else [0] * len(quotas)
        quotas[:] = map(sub, quotas, shares)
        return shares


def _plan_shards(recipe: Recipe, census: Census, split: SplitRecipe, parts: Sequence[_Part]) -> list[ShardTask]:
    total = sum(part.count for part in parts)
    num_shards = -(-total // recipe.storage.shard_size)
    if num_shards > MAX_SHARDS:
        raise UserError(
            f"split `{split.name}` of {total} equations would have {num_shards} shards, at most {MAX_SHARDS} are "
            "supported; use a smaller `count`, or raise `storage.shard_size`"
        )
    # Shards of one split differ by at most one equation.
    edges = [total * shard // num_shards for shard in range(num_shards + 1)]
    deal_seed = derive_seed(recipe.seed, "deal", split.name)
    quotas = tuple(part.count for part in parts)
    is_dealt = len(parts) > 1
    next_ordinals = [part.first for part in parts]
    shards = []
    for index, numbers in enumerate(_numbers_by_shard(edges, deal_seed, quotas)):
        segments = []
        for place, number in numbers:
            source, first = parts[place].source, next_ordinals[place]
            segments.append(Segment(source, first, number, *census.locate(source, first)))
            next_ordinals[place] = first + number
        shards.append(
            ShardTask(
                split=split.name,
                shard_index=index,
                num_shards=num_shards,
                first_ordinal=edges[index],
                num_equations=edges[index + 1] - edges[index],
                segments=tuple(segments),
                num_slots=total if is_dealt else 0,
                deal_seed=deal_seed if is_dealt else 0,
                quotas=quotas if is_dealt else (),
            )
        )
    return shards


def _numbers_by_shard(edges: Sequence[int], seed: int, quotas: Sequence[int]) -> Iterator[list[tuple[int, int]]]:
    """Yields for each shard (part, number of its equations) of all parts that it takes from, by rising part.

    Args:
        edges: first slot of each shard, and their number.
        seed: see `deal`.
        quotas: see `deal`.
    """
    if len(quotas) == 1:
        yield from ([(0, stop - start)] for start, stop in itertools.pairwise(edges))
        return
    shard = 0
    while shard < len(edges) - 1:
        # Many small shards at once: a call for each would cost more than the slots.
        last = max(bisect.bisect_right(edges, edges[shard] + _SLOTS_AT_ONCE) - 1, shard + 1)
        turns = deal(edges[-1], seed, quotas, edges[shard], edges[last] - edges[shard])
        shards = np.repeat(np.arange(last - shard), np.diff(edges[shard : last + 1]))
        keys, numbers = np.unique(shards * len(quotas) + turns, return_counts=True)
        starts = np.searchsorted(keys, np.arange(last - shard + 1) * len(quotas)).tolist()
        pairs = list(zip((keys % len(quotas)).tolist(), numbers.tolist(), strict=True))
        yield from (pairs[start:stop] for start, stop in itertools.pairwise(starts))
        shard = last


def deal(num_slots: int, seed: int, quotas: Sequence[int], start: int, count: int) -> np.ndarray:
    """Returns which part each of the slots start..start+count-1 goes to, int64 (count,).

    Over all slots part `i` comes `quotas[i]` times.
    """
    permutation = Permutation(num_slots, seed)
    ends = np.cumsum(np.array(quotas, dtype=np.int64))
    pieces = [np.zeros(0, dtype=np.int64)]
    for low in range(start, start + count, _SLOTS_AT_ONCE):
        slots = np.arange(low, min(low + _SLOTS_AT_ONCE, start + count))
        pieces.append(np.searchsorted(ends, permutation.forward(slots), side="right"))
    return np.concatenate(pieces)
