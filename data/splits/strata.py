"""What is walked: one source for each selection, or, for balanced sampling, one for each stratum of it.

A stratum is a shape with a number of digits for each operand, together with the strata of its twins: classes must not
be torn apart. Its weight is how many combinations of shape and lengths it unites.
"""

import itertools
from collections.abc import Iterator
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
from eqstream.data.space.equation_space import Box, EquationSpace
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.space.shapes import Shape
from eqstream.data.splits.enumeration import Walk

MAX_STRATA = 20_000


@dataclass(frozen=True)
class Source:
    """One walk's worth of candidates.

    Attributes:
        selection: what is kept of them.
        others: what must not be kept.
        boxes: the candidates.
        weight: how many combinations of operand lengths it unites; 1 if sampling is uniform.
        scope: names the walk, for its seed.
    """

    selection: Selection
    others: tuple[Selection, ...]
    boxes: tuple[Box, ...]
    weight: int
    scope: str

    def walk(self, recipe: Recipe, space: PreparedSpace) -> Walk:
        """Returns the walk through the source."""
        return Walk(recipe, space, EquationSpace(space.shapes, self.boxes), self.selection, self.others, self.scope)


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


def list_sources(recipe: Recipe, space: PreparedSpace) -> list[Source]:
    """Returns all sources of a recipe, those of one selection side by side; a source is known by its place here.

    Raises:
        UserError: two splits could share an equation, or there are too many strata.
    """
    selections = list_selections(recipe)
    sources = []
    for selection in selections:
        others = tuple(other for other in selections if selection.is_everything and not other.is_everything)
        boxes = tuple(boxes_of(selection.where, space))
        if recipe.sampling == "uniform":
            sources.append(Source(selection, others, boxes, 1, selection.describe()))
        else:
            sources += _list_strata(recipe, space, selection, others, boxes)
    return sources


def _list_strata(
    recipe: Recipe,
    space: PreparedSpace,
    selection: Selection,
    others: tuple[Selection, ...],
    boxes: tuple[Box, ...],
) -> Iterator[Source]:
    shapes = space.shapes
    numbers = {shape.tree: number for number, shape in enumerate(shapes)}
    strata: dict[tuple, dict[tuple, list[Box]]] = {}
    for box in boxes:
        for lengths, part in _split_by_lengths(space, box):
            combination = (box.shape, lengths)
            key = combination
            if recipe.commuted != "ignore":
                key = _representative(shapes[box.shape], lengths, numbers)
            strata.setdefault(key, {}).setdefault(combination, []).append(part)
            if len(strata) > MAX_STRATA:
                raise UserError(
                    f"`sampling: balanced` finds over {MAX_STRATA} combinations of shape and operand lengths; "
                    "use fewer terms or shorter operands, or `sampling: uniform`"
                )
    for (shape, lengths), combinations in sorted(strata.items()):
        weight = 1 if recipe.commuted == "drop" else len(combinations)
        scope = f"{selection.describe()}, shape {shape}, lengths {lengths}"
        yield Source(selection, others, tuple(itertools.chain(*combinations.values())), weight, scope)


def _split_by_lengths(space: PreparedSpace, box: Box) -> Iterator[tuple[tuple[int, ...], Box]]:
    for lengths in itertools.product(range(1, space.operand_digits + 1), repeat=len(box.domains)):
        domains = tuple(
            domain.intersect(length_domain(length, length, space.scale))
            for domain, length in zip(box.domains, lengths, strict=True)
        )
        part = Box(box.shape, domains)
        if part.size:
            yield lengths, part


def _representative(shape: Shape, lengths: tuple[int, ...], numbers: dict) -> tuple[int, tuple[int, ...]]:
    """Returns the first, in order, of the combinations of shape and lengths that twins of this one have."""
    return min(
        (numbers[variant.tree], tuple(lengths[source] for source in variant.operand_order))
        for variant in shape.variants()
    )
