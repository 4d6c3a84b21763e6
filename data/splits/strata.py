"""Sources of every sampling mode: one for each selection, or, for balanced sampling, one for each stratum of it.

A stratum is a shape with a number of digits for each operand, together with the strata of its twins: classes must not
be torn apart. Its weight is how many combinations of shape and lengths it unites.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe
from eqstream.data.space.conditions import (
    Selection,
    are_disjoint,
    boxes_of,
    length_domain,
    selection_of,
)
from eqstream.data.space.equation_space import Box
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.splits.feasibility import Feasibility
from eqstream.data.splits.twin_classes import TwinFinder

MAX_STRATA = 20_000

# Number of a shape and digits of each operand.
_Combination = tuple[int, tuple[int, ...]]


@dataclass(frozen=True)
class Source:
    """Candidates that are enumerated together, and what is kept of them.

    Attributes:
        selection: what is kept of them.
        others: what must not be kept.
        boxes: the candidates; none where nothing of them would be kept.
        weight: how many combinations of operand lengths it unites; 1 if sampling is uniform.
        scope: names the enumeration, for its seed.
    """

    selection: Selection
    others: tuple[Selection, ...]
    boxes: tuple[Box, ...]
    weight: int
    scope: str


def list_selections(recipe: Recipe) -> tuple[Selection, ...]:
    """Returns the distinct selections of the splits, in the order of their first split.

    Raises:
        UserError: two splits with different selections could share an equation, or a condition could take one member of
            a class and not another.
    """
    splits = {}
    for split in recipe.splits:
        if recipe.commuted == "together" and split.where is not None and split.where.brackets is not None:
            raise UserError(
                f"split `{split.name}`: `where.brackets` needs `commuted: drop` or `commuted: ignore`; commuted twins "
                "may differ in brackets, and `commuted: together` keeps them in one split"
            )
        splits.setdefault(selection_of(split), split.name)
    for (first, name), (second, other) in itertools.combinations(splits.items(), 2):
        if first.is_everything or second.is_everything or are_disjoint(first, second, recipe.space):
            continue
        raise UserError(
            f"splits `{name}` and `{other}` could share an equation; give them the same `where` and `hash`, or ones "
            "that exclude each other in one key (such as `contains: [527]` and `excludes: [527]`)"
        )
    return tuple(splits)


def list_sources(recipe: Recipe, space: PreparedSpace, twins: TwinFinder) -> tuple[Source, ...]:
    """Returns all sources of a recipe, those of one selection side by side; a source is known by its place here.

    Raises:
        UserError: two splits could share an equation, or there are too many strata.
    """
    selections = list_selections(recipe)
    sources = []
    for selection in selections:
        others = tuple(other for other in selections if selection.is_everything and not other.is_everything)
        boxes = tuple(boxes_of(selection.where, space))
        feasibility = Feasibility(space, selection, others)

        def without_vain(boxes: tuple[Box, ...], feasibility: Feasibility = feasibility) -> tuple[Box, ...]:
            # All or none: the place of every equation depends on all boxes.
            return () if all(map(feasibility.keeps_nothing, boxes)) else boxes

        if recipe.sampling == "uniform":
            sources.append(Source(selection, others, without_vain(boxes), 1, selection.describe()))
            continue
        for (shape, lengths), combinations in _list_strata(space, twins, boxes):
            weight = 1 if recipe.commuted == "drop" else len(combinations)
            scope = f"{selection.describe()}, shape {shape}, lengths {lengths}"
            parts = without_vain(tuple(itertools.chain(*combinations.values())))
            sources.append(Source(selection, others, parts, weight, scope))
    return tuple(sources)


def _list_strata(
    space: PreparedSpace, twins: TwinFinder, boxes: Sequence[Box]
) -> list[tuple[_Combination, dict[_Combination, list[Box]]]]:
    """Returns each stratum, known by its first combination, with the boxes of all its combinations; in their order."""
    strata: dict[_Combination, dict[_Combination, list[Box]]] = {}
    for box in boxes:
        for lengths, part in _split_by_lengths(space, box):
            first = _first_of_twins(box.shape, lengths, twins)
            strata.setdefault(first, {}).setdefault((box.shape, lengths), []).append(part)
            if len(strata) > MAX_STRATA:
                raise UserError(
                    f"`sampling: balanced` finds over {MAX_STRATA:,} combinations of shape and operand lengths; "
                    "use fewer terms or shorter operands, or `sampling: uniform`"
                )
    return sorted(strata.items())


def _split_by_lengths(space: PreparedSpace, box: Box) -> Iterator[tuple[tuple[int, ...], Box]]:
    for lengths in itertools.product(range(1, space.operand_digits + 1), repeat=len(box.domains)):
        domains = tuple(
            domain.intersect(length_domain(length, length, space.scale))
            for domain, length in zip(box.domains, lengths, strict=True)
        )
        part = Box(box.shape, domains)
        if part.size:
            yield lengths, part


def _first_of_twins(shape: int, lengths: tuple[int, ...], twins: TwinFinder) -> _Combination:
    """Returns the first, in order, of the combinations of shape and lengths that twins of this one have."""
    return min(
        (member.shape, tuple(lengths[source] for source in member.variant.operand_order))
        for member in twins.twins(shape)
    )
