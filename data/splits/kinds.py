"""The kinds of equations that `sampling.balance` takes equally many of: few, however many shapes and lengths there are.

Commuted twins are of one kind: they have the same number of terms, the same operators equally often, trees that differ
in the order of sides alone, the same operands, and the same carries.

Where trees are too many, those of equally many equations are taken for one kind, which weighs as much as all of them:
an equation that is drawn from it has each of these trees with the same probability.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from eqstream.data.errors import UserError
from eqstream.data.recipe_values import OPERATORS
from eqstream.data.sampling import HARD_CASES, Balance
from eqstream.data.space.conditions import length_domain
from eqstream.data.space.domains import Box, Domain, count_operands
from eqstream.data.space.operator_counts import OperatorShapes, list_operator_counts
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.space.sections import Section
from eqstream.data.space.shape_classes import ClassShapes, Family, ShapeClasses, find_classes
from eqstream.data.space.shapes import ShapeSubset, TermShapes
from eqstream.data.space.twins import classify_nodes, find_canonical_places
from eqstream.data.splits.hard_cases import split_hard_cases
from eqstream.data.splits.twin_classes import TwinFinder

MAX_KINDS = 20_000
# Shapes without brackets that are listed to tell their trees apart.
_MOST_SEQUENCES = 1 << 20


class Kind(NamedTuple):
    """A kind of equations.

    Attributes:
        names: its value of every key of `sampling`.
        sections: its candidates.
        num_trees: how many trees it unites.
        is_united: whether trees may have been united.
    """

    names: tuple[str, ...]
    sections: tuple[Section, ...]
    num_trees: int
    is_united: bool


class _Shapes(NamedTuple):
    """Shapes of one kind, named by operators and tree; empty texts where these are not asked for."""

    operators: str
    tree: str
    num_trees: int
    subset: ShapeSubset


def list_kinds(
    sampling: Balance, space: PreparedSpace, twins: TwinFinder, sections: Sequence[Section], *, unites_trees: bool
) -> list[Kind]:
    """Returns all kinds, in their order.

    Args:
        sampling: asks for them.
        space: the space.
        twins: finds the twins of its equations.
        sections: the candidates.
        unites_trees: whether trees are united also where they are few.

    Raises:
        UserError: there are too many kinds, or too many shapes to tell their trees apart.
    """
    asked = [key for key in ("operators", "tree") if key in sampling.balance]
    kinds, is_united = None, False
    if not unites_trees and (not asked or all(section.shapes.is_listed for section in sections)):
        kinds = _collect(sampling, space, sections, lambda section: _split_shapes(asked, space, twins, section))
    if kinds is None and (asked or unites_trees):
        is_united = True
        kinds = _collect(sampling, space, sections, lambda section: _unite_shapes(asked, space, twins, section))
    if kinds is None:
        raise UserError(
            f"`sampling.balance` finds over {MAX_KINDS:,} kinds of equations; leave out "
            f"{' or '.join(f'`{key}`' for key in sampling.balance if key != 'terms')}, or use fewer terms"
        )
    return [Kind(*kind, is_united) for kind in kinds]


def _collect(
    sampling: Balance,
    space: PreparedSpace,
    sections: Sequence[Section],
    split_shapes: Callable[[Section], Iterator[_Shapes]],
) -> list[tuple[tuple[str, ...], tuple[Section, ...], int]] | None:
    """Returns names, candidates and number of trees of all kinds, in their order; None if there are too many."""
    kinds: dict[tuple[str, ...], tuple[int, list[Section]]] = {}
    has_hard_cases = not {*HARD_CASES}.isdisjoint(sampling.balance)
    for section in sections:
        terms = f"{section.shapes.num_terms:02}"
        parts_of_digits = [
            (digits, dataclasses.replace(section, boxes=boxes))
            for digits, boxes in _split_boxes(sampling, space, section)
        ]
        for (operators, tree, num_trees, subset), (digits, part) in itertools.product(
            split_shapes(section), parts_of_digits
        ):
            values = {"terms": terms, "operators": operators, "tree": tree, "digits": digits}
            whole = part.with_shapes(subset)
            for hard, narrowed in split_hard_cases(sampling, space, whole) if has_hard_cases else [({}, whole)]:
                names = tuple(map((values | hard).__getitem__, sampling.balance))
                kinds.setdefault(names, (num_trees, []))[1].append(narrowed)
            if len(kinds) > MAX_KINDS:
                return None
    spell = functools.cache(_spell)
    return [(tuple(map(spell, names)), tuple(parts), num_trees) for names, (num_trees, parts) in sorted(kinds.items())]


def _spell(name: str) -> str:
    """Returns a name without the zeros that bring numbers into order."""
    return str(int(name)) if name.isdigit() else name


def _split_shapes(asked: Sequence[str], space: PreparedSpace, twins: TwinFinder, section: Section) -> Iterator[_Shapes]:
    """Yields the shapes of a section by all that is asked for."""
    if not asked:
        yield _Shapes("", "", 1, section.subset)
        return
    shapes = section.shapes
    places = section.subset.places(np.arange(section.subset.count))
    # A row for each shape: how often it has each operator, and the first shape of its twins.
    features = np.zeros((len(places), len(OPERATORS) + 1), dtype=np.int64)
    if "operators" in asked:
        features[:, :-1] = _count_operators(section, places)
    if "tree" in asked:
        labels = np.zeros((shapes.num_terms, len(places)), dtype=np.int64)
        features[:, -1] = space.shapes.numbers(shapes, twins.find_first(shapes, places, labels)[0])
    for (*counts, tree), rows in _group(features):
        yield _Shapes(_name(counts), f"{tree:05}", 1, _take(asked, shapes, places[rows], counts))


def _count_operators(section: Section, places: np.ndarray) -> np.ndarray:
    """Returns how often each of ``+-*/`` occurs in the shapes at these places (n,); int64 (n, 4)."""
    operators = section.shapes.columns(places).operators[1:]
    counts = [np.broadcast_to((operators == code).sum(axis=0), len(places)) for code in range(len(OPERATORS))]
    return np.stack(counts, axis=1)


def _group(features: np.ndarray) -> Iterator[tuple[list[int], np.ndarray]]:
    """Yields the different rows of features, int64 (n, m) from 0 on, in rising order, each with where it stands."""
    # As the digits of one number: numpy sorts numbers many times faster than rows.
    radices = features.max(axis=0, initial=0) + 1
    numbers = features @ np.cumprod([1, *radices[:0:-1]])[::-1]
    order = np.argsort(numbers, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1):
        if len(rows):
            yield features[rows[0]].tolist(), rows


def _take(asked: Sequence[str], shapes: TermShapes, chosen: np.ndarray, counts: Sequence[int]) -> ShapeSubset:
    """Returns shapes at places (n,), of which each has each of ``+-*/`` so often, if that is asked for."""
    by_operators = {sum(1 << code for code, count in enumerate(counts) if count): len(chosen)}
    return ShapeSubset(shapes, chosen, by_operators=by_operators if "operators" in asked else None)


def _name(counts: Sequence[int]) -> str:
    """Returns the operators that occur so often, such as ``++*``."""
    return "".join(operator * count for operator, count in zip(OPERATORS, counts, strict=True))


def _unite_shapes(asked: Sequence[str], space: PreparedSpace, twins: TwinFinder, section: Section) -> Iterator[_Shapes]:
    """Yields the shapes of a section by operators, if asked for, and those with equally many equations to each tree."""
    shapes, is_tree_asked, has_twins = section.shapes, "tree" in asked, twins.most_twins > 1
    can_list = is_tree_asked and has_twins and not shapes.brackets and shapes.count <= _MOST_SEQUENCES
    classes = find_classes(space.recipe.terms.max, shapes.operators) if has_twins and shapes.brackets else None
    if shapes.is_listed or can_list:
        yield from _unite_listed(asked, twins, section)
    elif classes is not None:
        yield from _unite_families(asked, classes, twins, section)
    elif is_tree_asked and has_twins:
        raise UserError(
            f"`sampling.balance` names `tree`, and there are {shapes.count:,} shapes of {shapes.num_terms} terms, too "
            "many to tell how many twins each has; leave `tree` out, or lower `space.terms.max`"
        )
    elif "operators" in asked:
        for counts in list_operator_counts(shapes.num_terms - 1, section.subset.operators):
            subset = OperatorShapes(shapes, counts)
            yield _Shapes(_name(counts), _name_trees(section) if is_tree_asked else "", subset.count, subset)
    else:
        yield _Shapes("", _name_trees(section), section.subset.count, section.subset)


def _name_trees(section: Section, number: int = 0) -> str:
    return f"trees of {section.shapes.num_terms:02} terms, {number:02}"


def _unite_listed(asked: Sequence[str], twins: TwinFinder, section: Section) -> Iterator[_Shapes]:
    shapes = section.shapes
    places = section.subset.places(np.arange(section.subset.count))
    features = np.zeros((len(places), len(OPERATORS) + 1), dtype=np.int64)
    if "operators" in asked:
        features[:, :-1] = _count_operators(section, places)
    trees = places
    if "tree" in asked and twins.most_twins > 1:
        trees = find_canonical_places(shapes, shapes.columns(places))
        nodes = classify_nodes(shapes.columns(trees), brackets=shapes.brackets)
        features[:, -1] = np.bitwise_count(nodes[2 if twins.commuted == "drop" else 1])
    for (*counts, kind), rows in _group(features):
        tree = _name_trees(section, kind) if "tree" in asked else ""
        yield _Shapes(_name(counts), tree, len(np.unique(trees[rows])), _take(asked, shapes, places[rows], counts))


def _unite_families(
    asked: Sequence[str], classes: ShapeClasses, twins: TwinFinder, section: Section
) -> Iterator[_Shapes]:
    shapes = section.shapes
    others = [OPERATORS.index(operator) for operator in shapes.operators if operator not in section.subset.operators]
    kinds: dict[tuple[tuple[int, ...], int], list[Family]] = {}
    for family in classes.families(shapes.num_terms):
        if not any(family.operators[code] for code in others):
            # Of twins that are all written, a tree has more the more of its nodes have sides to swap; of those of
            # which one is, it has fewer the more have sides that are alike.
            number = family.num_alike if twins.commuted == "drop" else family.num_swaps
            counts = family.operators if "operators" in asked else (0,) * len(OPERATORS)
            kinds.setdefault((counts, number if "tree" in asked else 0), []).append(family)
    for (counts, number), families in kinds.items():
        tree = _name_trees(section, number) if "tree" in asked else ""
        num_trees = sum(family.num_classes for family in families)
        yield _Shapes(_name(counts), tree, num_trees, ClassShapes(shapes, classes, families))


def _split_boxes(sampling: Balance, space: PreparedSpace, section: Section) -> Iterator[tuple[str, tuple[Box, ...]]]:
    """Yields (digits of the longest operand, boxes) of a section; one empty text where they are not asked for."""
    if "digits" not in sampling.balance:
        yield "", section.boxes
        return
    for digits in range(1, space.operand_digits + 1):
        parts = tuple(part for box in section.boxes for part in _list_of_length(box, digits, space.scale))
        if parts:
            yield f"{digits:03}", parts


def _list_of_length(box: Box, digits: int, scale: int) -> Iterator[Box]:
    """Yields the disjoint parts of a box in which the longest operands have so many digits."""
    shorter, equal, most = (
        length_domain(*lengths, scale) for lengths in ((1, digits - 1), (digits, digits), (1, digits))
    )
    for place in range(len(box)):
        # The operand at `place` is the first one of the longest.
        limits = [shorter] * place + [equal] + [most] * (len(box) - place - 1)
        part = tuple(map(Domain.intersect, box, limits))
        if count_operands(part):
            yield part
