"""The kinds of equations that `sampling.balance` takes equally many of: few, however many shapes and lengths there are.

Commuted twins are of one kind: they have the same number of terms, the same operators equally often, trees that differ
in the order of sides alone, the same operands, and the same carries.
"""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from eqstream.data.errors import UserError
from eqstream.data.recipe_values import OPERATORS
from eqstream.data.sampling import Balance
from eqstream.data.space.conditions import length_domain
from eqstream.data.space.domains import Box, Domain, count_operands
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.space.sections import Section
from eqstream.data.space.shapes import ShapeSubset
from eqstream.data.splits.hard_cases import split_hard_cases
from eqstream.data.splits.twin_classes import TwinFinder

MAX_KINDS = 20_000

_Kind = tuple[str, ...]


def list_kinds(
    sampling: Balance, space: PreparedSpace, twins: TwinFinder, sections: Sequence[Section]
) -> list[tuple[_Kind, tuple[Section, ...]]]:
    """Returns each kind, named by its value of every key of `sampling`, with its sections; in their order.

    Raises:
        UserError: there are too many kinds, or too many shapes to tell their operators or trees apart.
    """
    kinds: dict[_Kind, list[Section]] = {}
    for section in sections:
        terms = f"{section.shapes.num_terms:02}"
        for operators, tree, subset in _split_shapes(sampling, space, twins, section):
            for digits, boxes in _split_boxes(sampling, space, section):
                part = dataclasses.replace(section, subset=subset, boxes=boxes)
                for hard, narrowed in split_hard_cases(sampling, space, part):
                    values = {"terms": terms, "operators": operators, "tree": tree, "digits": digits, **hard}
                    kind = tuple(values[key] for key in sampling.balance)
                    kinds.setdefault(kind, []).append(narrowed)
                    if len(kinds) > MAX_KINDS:
                        raise UserError(
                            f"`sampling.balance` finds over {MAX_KINDS:,} kinds of equations; leave `tree` out, or use "
                            "fewer terms"
                        )
    return [
        (tuple(str(int(value)) if value.isdigit() else value for value in kind), tuple(parts))
        for kind, parts in sorted(kinds.items())
    ]


def _split_shapes(
    sampling: Balance, space: PreparedSpace, twins: TwinFinder, section: Section
) -> Iterator[tuple[str, str, ShapeSubset]]:
    """Yields (operators, tree, shapes) for each kind of shapes in a section; empty texts where none are asked for."""
    asked = [key for key in ("operators", "tree") if key in sampling.balance]
    if not asked:
        yield "", "", section.subset
        return
    shapes = section.shapes
    if not shapes.is_listed:
        keys = " and ".join(f"`{key}`" for key in asked)
        raise UserError(
            f"`sampling.balance` names {keys}, and there are {shapes.count:,} shapes of {shapes.num_terms} terms, too "
            "many to tell them apart; leave that out, or lower `space.terms.max`"
        )
    places = section.subset.places(np.arange(section.subset.count))
    # A row for each shape: how often it has each operator, and the first shape of its twins.
    features = np.zeros((len(places), len(OPERATORS) + 1), dtype=np.int64)
    if "operators" in asked:
        operators = shapes.columns(places).operators[1:]
        for code in range(len(OPERATORS)):
            features[:, code] = np.broadcast_to((operators == code).sum(axis=0), len(places))
    if "tree" in asked:
        labels = np.zeros((shapes.num_terms, len(places)), dtype=np.int64)
        features[:, -1] = space.shapes.numbers(shapes, twins.find_first(shapes, places, labels)[0])
    names, inverse = np.unique(features, axis=0, return_inverse=True)
    for number, (*counts, tree) in enumerate(names.tolist()):
        text = "".join(operator * count for operator, count in zip(OPERATORS, counts, strict=True))
        yield text, f"{tree:05}", ShapeSubset(shapes, places[inverse.ravel() == number])


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
