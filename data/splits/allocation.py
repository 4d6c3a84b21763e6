"""What each split of one selection takes from its sources, one split after the other.

A split whose size ends in the middle of a class of twins cuts the class off: the members behind its end belong to no
split, and the next split begins with a whole class.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import add, sub
from typing import NoReturn

from eqstream.data.errors import UserError
from eqstream.data.recipe_values import exact
from eqstream.data.split_recipe import SplitRecipe
from eqstream.data.splits.equation_counts import SourceCounts
from eqstream.data.splits.strata import SourceLevels


@dataclass(frozen=True)
class Pool:
    """The sources of one selection, as what divides equations among them, and their counts."""

    levels: SourceLevels
    counts: Sequence[SourceCounts]

    @property
    def available(self) -> list[int]:
        """Number of equations that each source is known to have."""
        return [counts.num_available for counts in self.counts]

    def next_classes(self, ordinals: Sequence[int]) -> list[int]:
        """Returns for each source the first ordinal at which a class begins, at or after the one given."""
        return [counts.next_class(ordinal) for counts, ordinal in zip(self.counts, ordinals, strict=True)]


@dataclass(frozen=True)
class PossiblePool(Pool):
    """The sources with all that they may have: what was not counted yet is there, and no class is cut off.

    Attributes:
        is_exhausted: whether each source has nothing but what was found of it.
    """

    is_exhausted: Sequence[bool]

    @property
    def available(self) -> list[int]:
        """Number of equations that each source has at most."""
        pairs = zip(self.counts, self.is_exhausted, strict=True)
        return [own.num_available if known else own.most for own, known in pairs]


@dataclass(frozen=True)
class Allocation:
    """What a split takes: of each source `numbers[i]` equations from the ordinal `firsts[i]` on.

    `num_cut_off_before` counts the equations between it and the split before.
    """

    split: SplitRecipe
    firsts: Sequence[int]
    numbers: Sequence[int]
    num_cut_off_before: int

    @property
    def ends(self) -> list[int]:
        """For each source the last ordinal, plus 1."""
        return list(map(add, self.firsts, self.numbers))


def allocate(pool: Pool, splits: Sequence[SplitRecipe]) -> list[Allocation]:
    """Returns what each split takes; deterministic.

    Args:
        pool: the sources.
        splits: all splits that take from them, in the order in which they do; one that takes the rest comes last.

    Raises:
        UserError: a size is impossible (the message has the largest possible one), or a split would be empty.
    """
    total = sum(pool.available)
    sizes = [_stated_size(split, total) for split in splits]
    allocations, left = _take_turns(pool, splits, sizes)
    if len(allocations) < len(splits):
        _refuse(pool, splits, sizes, place=len(allocations), left=left)
    return allocations


def find_ends(pool: Pool, splits: Sequence[SplitRecipe]) -> list[int] | None:
    """Returns behind which ordinal of each source the last split ends; None if there is too little for all splits.

    Args:
        pool: the sources.
        splits: as `allocate` takes them; all with a `count`.
    """
    allocations, _ = _take_turns(pool, splits, [split.count for split in splits])
    return allocations[-1].ends if len(allocations) == len(splits) else None


def _stated_size(split: SplitRecipe, total: int) -> int | None:
    return split.count if split.fraction is None else math.floor(exact(split.fraction) * total)


def _take_turns(pool: Pool, splits: Sequence[SplitRecipe], sizes: Sequence[int | None]) -> tuple[list[Allocation], int]:
    """Returns what the splits take up to one that asks for too much, and how many equations are left then.

    Args:
        pool: the sources.
        splits: the first splits.
        sizes: those of all splits; None takes what is left.
    """
    available = pool.available
    total, stated = sum(available), sum(size for size in sizes if size is not None)
    quotas = pool.levels.fill(min(stated, total), available)
    ends = [0] * len(available)
    allocations: list[Allocation] = []
    for split, size in zip(splits, sizes, strict=False):
        firsts = pool.next_classes(ends)
        left = list(map(sub, available, firsts))
        if size is not None and split.fraction is not None and stated <= total:
            # Fractions that add up to 1 are short of what is cut off.
            size = min(size, sum(left))
        if size is not None and size > sum(left):
            return allocations, sum(left)
        numbers = left
        if size is not None:
            quotas = _make_up(quotas, left, pool.levels)
            numbers = pool.levels.divide(size, quotas)
            quotas = list(map(sub, quotas, numbers))
        if not sum(numbers):
            raise UserError(f"split `{split.name}` would be empty: {_explain_empty(split, total)}")
        allocations.append(Allocation(split, firsts, numbers, sum(firsts) - sum(ends)))
        ends = allocations[-1].ends
    return allocations, 0


def _make_up(quotas: Sequence[int], left: Sequence[int], levels: SourceLevels) -> list[int]:
    """Returns the quotas with what some sources can no longer deliver, for what was cut off, moved to others.

    Args:
        quotas: what each source is to deliver.
        left: how many equations each still has.
        levels: of the sources.
    """
    possible = list(map(min, quotas, left))
    if possible == quotas:
        return possible
    room = list(map(sub, left, possible))
    return list(map(add, possible, levels.fill(min(sum(quotas) - sum(possible), sum(room)), room)))


def _explain_empty(split: SplitRecipe, total: int) -> str:
    if split.fraction is not None and exact(split.fraction) * total < 1:
        return f"its `fraction` {split.fraction} of {total} equations is less than one"
    return "the splits before it take all equations"


def _refuse(
    pool: Pool, splits: Sequence[SplitRecipe], sizes: Sequence[int | None], *, place: int, left: int
) -> NoReturn:
    """Raises the error that says what is possible for the split at `place`, which asks for too much.

    With another size all splits of several sources are cut elsewhere and cut other classes off, so it must be tried.
    """
    possible, is_possible = left, False
    while possible and not is_possible:
        tried = [*sizes[:place], possible, *sizes[place + 1 :]]
        allocations, lower = _take_turns(pool, splits[: place + 1], tried)
        is_possible = len(allocations) > place
        if not is_possible:
            possible = min(lower, possible - 1) if len(allocations) == place else possible - 1
    raise UserError(
        f"split `{splits[place].name}` asks for {sizes[place]:,} equations, but only {left:,} are left; "
        f"the largest possible count is {possible:,}"
    )
