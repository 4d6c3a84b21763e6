"""Sources of every sampling mode: one for each selection, or, for balanced sampling, one for each stratum of it.

A stratum is a shape with a number of digits for each operand, together with the strata of its twins, since the
members of a class share a split. Its weight is how many combinations of shape and lengths it unites.
"""

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe
from eqstream.data.sampling import Balance
from eqstream.data.space.conditions import (
    Selection,
    are_disjoint,
    length_domain,
    sections_of,
    selection_of,
)
from eqstream.data.space.domains import Box, Domain
from eqstream.data.space.patterns import Pattern
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.space.sections import Section
from eqstream.data.space.shapes import ShapeSubset, TermShapes
from eqstream.data.splits.apportionment import Levels
from eqstream.data.splits.feasibility import Feasibility
from eqstream.data.splits.kinds import list_kinds
from eqstream.data.splits.twin_classes import TwinFinder

MAX_STRATA = 20_000
# By what `balanced` balances where there would be more.
_KEYS_OF_MANY = ("terms", "operators", "tree", "digits")

# Number of a shape and digits of each operand.
_Combination = tuple[int, tuple[int, ...]]
# For each operand of a box its possible lengths, and the values of that length.
_LengthsOfBox = list[list[tuple[int, Domain]]]
# Combinations whose twins are found together.
_ROWS_AT_ONCE = 1 << 14


@dataclass(frozen=True, kw_only=True)
class Source:
    """Candidates that are enumerated together, and what is kept of them.

    Attributes:
        selection: what is kept of them.
        others: what must not be kept.
        sections: the candidates; none where nothing of them would be kept.
        weight: how many combinations of operand lengths it unites; 1 unless sampling is `balanced`.
        scope: names the enumeration, for its seed.
        levels: name and weight of the kinds of equations that it belongs to, from the outermost on; see `Balance`.
        is_united: whether trees may be taken together; see `eqstream.data.splits.kinds`.
    """

    selection: Selection
    others: tuple[Selection, ...]
    sections: tuple[Section, ...]
    weight: int
    scope: str
    levels: tuple[tuple[str, int], ...] = ()
    is_united: bool = False


def find_split_of_twins(recipe: Recipe) -> str | None:
    """Returns the name of a split whose condition takes some twins and not others, which `together` cannot plan."""
    if recipe.commuted == "together":
        for split in recipe.splits:
            if split.where is not None and split.where.brackets is not None:
                return split.name
    return None


def list_selections(recipe: Recipe) -> tuple[Selection, ...]:
    """Returns the distinct selections of the splits, in the order of their first split.

    Raises:
        UserError: two splits with different selections could share an equation, or a condition could take one member of
            a class and not another.
    """
    if (name := find_split_of_twins(recipe)) is not None:
        raise UserError(
            f"split `{name}`: `where.brackets` needs `commuted: drop` or `commuted: ignore`; commuted twins may differ "
            "in brackets, and `commuted: together` keeps them in one split"
        )
    splits: dict[Selection, str] = {}
    for split in recipe.splits:
        splits.setdefault(selection_of(split), split.name)
    for (first, name), (second, other) in itertools.combinations(splits.items(), 2):
        if first.is_everything or second.is_everything or are_disjoint(first, second, recipe.space):
            continue
        raise UserError(
            f"splits `{name}` and `{other}` could share an equation; give them the same `where` and `hash`, or ones "
            "that exclude each other in one key (such as `contains: [527]` and `excludes: [527]`)"
        )
    return tuple(splits)


class SourceLevels:
    """Divides equations among the sources of a selection, time and again.

    Args:
        sources: of one selection.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        weights = [source.weight for source in sources]
        self._levels = Levels(weights, [source.levels for source in sources])
        # Where trees are united, the kinds of each level get their share as a whole: they may be far more than there is
        # to share.
        is_united = any(source.is_united for source in sources)
        self._shares = self._levels if is_united else Levels(weights, [()] * len(sources))

    def fill(self, total: int, capacities: Sequence[int]) -> list[int]:
        """Returns how many equations each source gives, if all give `total` and each what it has at most."""
        return self._levels.fill(total, capacities)

    def divide(self, total: int, quotas: Sequence[int]) -> list[int]:
        """Returns how much of `total` comes from each source, in proportion to their quotas."""
        return self._shares.divide(total, quotas)


def list_sources(recipe: Recipe, space: PreparedSpace, twins: TwinFinder) -> tuple[Source, ...]:
    """Returns all sources of a recipe, those of one selection side by side; a source is known by its place here.

    Raises:
        UserError: two splits could share an equation, or there are too many strata.
    """
    selections = list_selections(recipe)
    sections = [sections_of(selection.where, space) for selection in selections]
    sources: list[Source] = []
    for selection, strata in zip(selections, _divide(recipe, space, twins, sections), strict=True):
        others = tuple(other for other in selections if selection.is_everything and not other.is_everything)
        feasibility, name = Feasibility(space, selection, others), selection.describe()
        for stratum in strata:
            # All or none: the place of every equation depends on all sections.
            is_vain = all(map(feasibility.keeps_nothing, stratum.sections))
            sources.append(
                Source(
                    selection=selection,
                    others=others,
                    sections=() if is_vain else stratum.sections,
                    weight=stratum.weight,
                    scope=", ".join([name, *stratum.scope]),
                    levels=stratum.levels,
                    is_united=stratum.is_united,
                )
            )
    return tuple(sources)


class _Stratum(NamedTuple):
    """What becomes a source: its sections, and what `Source` says of weight, scope and levels."""

    sections: tuple[Section, ...]
    weight: int = 1
    scope: tuple[str, ...] = ()
    levels: tuple[tuple[str, int], ...] = ()
    is_united: bool = False


def _divide(
    recipe: Recipe, space: PreparedSpace, twins: TwinFinder, selected: Sequence[tuple[Section, ...]]
) -> list[list[_Stratum]]:
    """Returns the strata of the sections of each selection by the recipe's way of sampling; `uniform` makes one."""
    sampling = recipe.sampling
    if sampling == "uniform":
        return [[_Stratum(sections)] for sections in selected]
    if sampling == "balanced":
        try:
            return [_combine(recipe, space, twins, sections) for sections in selected]
        except _TooManyStrataError:
            kinds = Balance(balance=_KEYS_OF_MANY)
            return [_divide_by_kinds(kinds, space, twins, sections, unites_trees=True) for sections in selected]
    return [_divide_by_kinds(sampling, space, twins, sections, unites_trees=False) for sections in selected]


def _divide_by_kinds(
    sampling: Balance, space: PreparedSpace, twins: TwinFinder, sections: tuple[Section, ...], *, unites_trees: bool
) -> list[_Stratum]:
    strata: list[_Stratum] = []
    weigh = functools.cache(sampling.weight)
    for kind in list_kinds(sampling, space, twins, sections, unites_trees=unites_trees):
        levels = [
            (name, weigh(key, name) * (kind.num_trees if key == "tree" else 1))
            for key, name in zip(sampling.balance, kind.names, strict=True)
        ]
        scope = (f"balance {', '.join(kind.names)}",)
        strata.append(_Stratum(kind.sections, scope=scope, levels=tuple(levels), is_united=kind.is_united))
    return strata


def _combine(recipe: Recipe, space: PreparedSpace, twins: TwinFinder, sections: tuple[Section, ...]) -> list[_Stratum]:
    """Returns a stratum for all combinations of shape and operand lengths that twins unite."""
    strata: list[_Stratum] = []
    for (shape, lengths), combinations in _list_strata(space, twins, sections):
        weight = 1 if recipe.commuted == "drop" else len(combinations)
        parts = list(itertools.chain(*combinations.values()))
        strata.append(_Stratum((_unite(parts),), weight, (f"shape {shape}", f"lengths {lengths}")))
    return strata


class _Part(NamedTuple):
    """The operands of certain lengths in a box of a shape, the shape given by its place; see `Section.pattern`."""

    shapes: TermShapes
    place: int
    box: Box
    pattern: Pattern | None


def _unite(parts: Sequence[_Part]) -> Section:
    """Returns the equations of some parts, all with equally many terms and one pattern."""
    subset, places = ShapeSubset(parts[0].shapes), np.array([part.place for part in parts])
    return Section(subset, tuple(part.box for part in parts), places, parts[0].pattern)


def _list_strata(
    space: PreparedSpace, twins: TwinFinder, sections: Sequence[Section]
) -> list[tuple[_Combination, dict[_Combination, list[_Part]]]]:
    """Returns each stratum, known by its first combination, with the parts of all its combinations; in their order."""
    strata: dict[_Combination, dict[_Combination, list[_Part]]] = {}
    boxes_of_sections = [[_split_by_lengths(space, box) for box in section.boxes] for section in sections]
    for section, boxes in zip(sections, boxes_of_sections, strict=True):
        # A stratum has no more combinations than a class has twins.
        _refuse_more(section.num_shapes * max(map(_count_combinations, boxes)) // twins.most_twins)
    for section, boxes in zip(sections, boxes_of_sections, strict=True):
        for first, combination, part in _list_parts(space, twins, section, boxes):
            strata.setdefault(first, {}).setdefault(combination, []).append(part)
            _refuse_more(len(strata))
    return sorted(strata.items())


class _TooManyStrataError(ValueError):
    """There are more than `MAX_STRATA`."""


def _refuse_more(num_strata: int) -> None:
    if num_strata > MAX_STRATA:
        raise _TooManyStrataError


def _split_by_lengths(space: PreparedSpace, box: Box) -> _LengthsOfBox:
    """Returns the lengths that each operand can have in a box, with the values of that length."""
    options: _LengthsOfBox = []
    for domain in box:
        lengths = range(1, space.operand_digits + 1)
        parts = ((length, domain.intersect(length_domain(length, length, space.scale))) for length in lengths)
        options.append([(length, part) for length, part in parts if part.size])
    return options


def _count_combinations(options: _LengthsOfBox) -> int:
    return math.prod(map(len, options))


def _list_parts(
    space: PreparedSpace, twins: TwinFinder, section: Section, boxes: Sequence[_LengthsOfBox]
) -> Iterator[tuple[_Combination, _Combination, _Part]]:
    """Yields the parts of a section by shape, then box, then lengths: first combination of its stratum, its own, part.

    Args:
        space: the space.
        twins: finds the twins of combinations.
        section: of the space.
        boxes: the lengths of operands in each box of it.
    """
    shapes = section.shapes
    at_once = max(_ROWS_AT_ONCE // max(map(_count_combinations, boxes)), 1)
    for start in range(0, section.num_shapes, at_once):
        places = section.subset.places(np.arange(start, min(start + at_once, section.num_shapes)))
        firsts = [_first_of_twins(space, twins, shapes=shapes, places=places, options=options) for options in boxes]
        for row, number in enumerate(space.shapes.numbers(shapes, places).tolist()):
            for options, first in zip(boxes, firsts, strict=True):
                count = _count_combinations(options)
                own = itertools.product(*options)
                for choice, known in zip(own, first[row * count : (row + 1) * count], strict=True):
                    lengths, domains = zip(*choice, strict=True)
                    yield known, (number, lengths), _Part(shapes, int(places[row]), domains, section.pattern)


def _first_of_twins(
    space: PreparedSpace, twins: TwinFinder, *, shapes: TermShapes, places: np.ndarray, options: _LengthsOfBox
) -> list[_Combination]:
    """Returns, for each shape and then each combination of lengths, the first combination that twins of it have.

    Args:
        space: the space.
        twins: finds the twins.
        shapes: the shapes with so many terms.
        places: those of them that are wanted, (n,).
        options: the lengths.
    """
    lengths = np.array(list(itertools.product(*([length for length, _ in choices] for choices in options)))).T
    rows, columns = (grid.ravel() for grid in np.indices((len(places), lengths.shape[1])))
    firsts, lengths = twins.find_first(shapes, places[rows], lengths[:, columns])
    numbers = space.shapes.numbers(shapes, firsts).tolist()
    combinations: list[list[int]] = lengths.T.tolist()
    return list(zip(numbers, map(tuple, combinations), strict=True))
