"""What a split may take from, narrowed by one more condition, without what other splits and datasets hold.

The condition has boxes of its own, so few equations among many are enumerated as fast as all of them are. Their order
and places are other than those of the whole: what is held out is known by its place in the space.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from eqstream.data.errors import UserError
from eqstream.data.permutation import index_dtype
from eqstream.data.recipe import Recipe
from eqstream.data.recipe_values import OPERATORS, ExactNumber, Range, exact
from eqstream.data.space.class_hash import class_hash
from eqstream.data.space.conditions import Selection, selection_of
from eqstream.data.space.held_out_classes import HeldOut
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.space.section_union import SectionUnion
from eqstream.data.split_recipe import SplitRecipe, Where
from eqstream.data.splits.candidates import BLOCK_SIZE
from eqstream.data.splits.class_filter import ClassFilter
from eqstream.data.splits.enumeration import Enumeration
from eqstream.data.splits.few_candidates import ListedCandidates, find_worthwhile
from eqstream.data.splits.strata import list_sources
from eqstream.data.splits.twin_classes import TwinClasses, TwinFinder
from eqstream.data.streams.held_out import PositionRange, SourceRanges, SplitRanges, find_ranges

# Eight bytes for each.
_MOST_HELD_OUT = 1 << 26
# Positions that are looked at to estimate the number of equations at all of them: more until so many are found.
_FIRST_LOOK, _LAST_LOOK = 1 << 20, 1 << 26
# Of each of many sources: their first looks are one all together.
_LEAST_LOOK = 1 << 14
_ENOUGH_FOUND = 1000
_ENDS = ((max, "min"), (min, "max"))
# No equation meets it.
_NOTHING = Where(terms=Range(max=0))
# Says of classes which of them it is about, bool (n,).
_Test = Callable[[TwinClasses], np.ndarray]


def narrow_ranges(
    recipe: Recipe,
    split: str,
    where: Where | None = None,
    *,
    held_out: HeldOut | None = None,
    block_size: int | None = None,
) -> SplitRanges:
    """Returns what of a split's sources meets a condition and is in no other split; all of it is free.

    Args:
        recipe: the recipe.
        split: the name of the split.
        where: what must hold besides the condition of the split.
        held_out: what is left out besides the equations of other splits.
        block_size: see `PreparedSources`.

    Raises:
        UserError: there is no such split, the splits cannot be planned, or the other splits hold too much to be kept in
            mind.
    """
    found = find_ranges(recipe, split, block_size=block_size)
    own = next(each for each in recipe.splits if each.name == split)
    others = _list_others(recipe, own)
    if where is not None:
        where.check_space(recipe.space)
        own = dataclasses.replace(own, where=where if own.where is None else intersect(own.where, where))
    alone = SplitRecipe(name=split, rest=True, where=own.where, hash=own.hash)
    twins = TwinFinder(found.space, recipe.commuted)
    is_omitted = _join([_find_taken(found), _find_held_out(held_out, found.space.decimals)])
    ranges: list[SourceRanges] = []
    sources = list_sources(dataclasses.replace(recipe, splits=(alone,)), found.space, twins)
    first_look = max(_FIRST_LOOK // max(len(sources), 1), _LEAST_LOOK)
    for source in sources:
        boxes = SectionUnion(source.sections)
        enumeration = Enumeration(
            found.space,
            boxes,
            twins,
            ClassFilter(found.space, source.selection, others, hash_salt=recipe.hash_salt, is_omitted=is_omitted),
            seed=recipe.seed,
            scope=source.scope,
            block_size=block_size or BLOCK_SIZE,
            list_few=functools.partial(_list_few, source.selection.where, found.space, boxes),
        )
        if enumeration.size:
            num_equations = _estimate(enumeration, first_look)
            ranges.append(
                SourceRanges(enumeration=enumeration, source=source, own=None, taken=(), num_equations=num_equations)
            )
    return SplitRanges(tuple(ranges), found.num_equations, found.space)


def _list_few(where: Where | None, space: PreparedSpace, boxes: SectionUnion) -> ListedCandidates | None:
    few = find_worthwhile(where, space, boxes)
    return None if few is None else few.list()


def _list_others(recipe: Recipe, own: SplitRecipe) -> tuple[Selection, ...]:
    """Returns the selections that a split leaves to others."""
    if not selection_of(own).is_everything:
        return ()
    others = dict.fromkeys(selection_of(other) for other in recipe.splits)
    return tuple(other for other in others if not other.is_everything)


def _join(tests: Iterable[_Test | None]) -> _Test | None:
    """Returns what says of classes whether some test does."""
    known = [test for test in tests if test is not None]
    return (lambda classes: np.logical_or.reduce([test(classes) for test in known])) if known else None


def _find_held_out(held_out: HeldOut | None, decimals: int) -> _Test | None:
    """Returns what says of classes whether they are held out, bool (n,); None if none is."""
    if held_out is None:
        return None

    def is_held_out(classes: TwinClasses) -> np.ndarray:
        return held_out.contains(class_hash(classes.columns, classes.operands, decimals=decimals, salt=""))

    return is_held_out


def _find_taken(found: SplitRanges) -> _Test | None:
    """Returns what says of classes whether another split has them, bool (n,); None if no other split has any."""
    space = found.space.whole
    num_held_out = sum(_count_positions(source.enumeration, each) for source in found.sources for each in source.taken)
    if not num_held_out:
        return None
    if num_held_out > _MOST_HELD_OUT:
        raise UserError(
            f"other splits hold {num_held_out:,} candidates, at most {_MOST_HELD_OUT:,} can be told from the rest of a "
            "condition; make them smaller, or train on shards"
        )
    parts = [_rank(space, classes) for classes in _list_taken(found)]
    taken = np.unique(np.concatenate([np.zeros(0, index_dtype(space.size)), *parts]))

    def is_taken(classes: TwinClasses) -> np.ndarray:
        ranks = _rank(space, classes)
        places = np.minimum(np.searchsorted(taken, ranks), len(taken) - 1)
        return np.asarray(taken[places] == ranks, dtype=bool)

    return is_taken if len(taken) else None


def _count_positions(enumeration: Enumeration, taken: PositionRange) -> int:
    """Returns how many positions of another split are to be kept in mind."""
    listed = enumeration.listed
    return taken.stop - taken.start if listed is None else len(listed.between(taken.start, taken.stop))


def _list_taken(found: SplitRanges) -> Iterable[TwinClasses]:
    for source in found.sources:
        for taken in source.taken:
            for positions in source.enumeration.position_blocks(taken.start, taken.stop):
                yield from source.enumeration.candidates.kept_at(positions).groups


def _rank(space: SectionUnion, classes: TwinClasses) -> np.ndarray:
    return space.rank(classes.shapes, classes.shape_places, classes.operands)


def _estimate(enumeration: Enumeration, first_look: int) -> int:
    """Returns the number of equations of an enumeration; exact where it has few positions or keeps all.

    It is estimated from the first positions, `first_look` of them or more.
    """
    size = enumeration.size
    if enumeration.keeps_all:
        return enumeration.num_equations
    if enumeration.listed is not None:
        return enumeration.listed.num_equations
    looked_at, num_found, stop = 0, 0, min(first_look, size)
    while looked_at < stop:
        num_found += enumeration.count(looked_at, stop)
        looked_at = stop
        if num_found < _ENOUGH_FOUND:
            stop = min(2 * stop, _LAST_LOOK, size)
    return num_found * size // looked_at


def intersect(first: Where, second: Where) -> Where:
    """Returns the condition that both hold.

    Raises:
        UserError: both have values of which one must occur, which no condition says of two lists.
    """
    found: dict[str, Any] = {}
    for field in dataclasses.fields(Where):
        mine, theirs = getattr(first, field.name), getattr(second, field.name)
        if mine is None or theirs is None or mine == theirs:
            found[field.name] = theirs if mine is None else mine
        elif isinstance(mine, Range):
            if not mine.overlaps(theirs):
                return _NOTHING
            found[field.name] = _intersect_ranges(mine, theirs)
        elif field.name == "excludes":
            found[field.name] = tuple(sorted({*mine, *theirs}, key=exact))
        elif field.name in ("contains", "quotient_digits"):
            raise UserError(
                f"`{field.name}` stands in the `where` of a split and in one that narrows it: leave one out"
            )
        elif field.name == "operators" and (shared := "".join(sorted({*mine} & {*theirs}, key=OPERATORS.index))):
            found[field.name] = shared
        else:
            return _NOTHING
    return Where(**found)


def _intersect_ranges(first: Range, second: Range) -> Range:
    low, high = (_best(choose, (getattr(first, end), getattr(second, end))) for choose, end in _ENDS)
    return Range(min=low, max=high)


def _best(choose: Callable[..., ExactNumber | None], ends: Iterable[ExactNumber | None]) -> ExactNumber | None:
    return choose((end for end in ends if end is not None), key=exact, default=None)
