"""Sections narrowed to patterns of their operands, and what a condition says of such patterns."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from eqstream.data.recipe_values import OPERATORS
from eqstream.data.space.patterns import Pattern, is_small
from eqstream.data.space.sections import Section
from eqstream.data.space.shapes import ShapeSubset
from eqstream.data.split_recipe import Where


def pattern_of(where: Where) -> Pattern | None:
    """Returns the pattern of all equations that meet a condition, and of others; None if there is none."""
    pattern = Pattern(is_equal=True if where.equal_operands else None)
    if where.longest_carry_chain is not None:
        pattern = Pattern.of_range("longest_carry_chain", where.longest_carry_chain).combine(pattern) or _NOTHING
    elif where.zero_borrows is not None:
        pattern = Pattern.of_range("zero_borrows", where.zero_borrows).combine(pattern) or _NOTHING
    return None if pattern == Pattern() else pattern


_NOTHING = Pattern(key="longest_carry_chain", high=-1)


def can_narrow(section: Section, pattern: Pattern) -> bool:
    """Returns whether `narrow` knows the operands of a section that a pattern means."""
    if pattern.key is None and section.pattern is None:
        return section.shapes.num_terms == 2 or pattern.is_equal is True
    return section.shapes.num_terms == 2 and all(map(is_small, section.boxes))


def narrow(section: Section, pattern: Pattern) -> Iterator[Section]:
    """Yields sections with all equations of a section that a pattern means; see `can_narrow`.

    No box of the section has a shape of its own.
    """
    if section.pattern is not None:
        pattern = section.pattern.combine(pattern) or _NOTHING
    if section.shapes.num_terms == 1:
        return
    if pattern.key is None:
        yield from _drop_empty(dataclasses.replace(section, pattern=pattern))
        return
    for place in section.subset.places(np.arange(section.subset.count)).tolist():
        operator = OPERATORS[section.shapes.columns(np.array([place])).operators[1, 0]]
        # Products and quotients have no carries.
        if operator in "+-" or pattern.takes_none:
            own = pattern if operator in "+-" else Pattern(is_equal=pattern.is_equal)
            subset = ShapeSubset(section.shapes, np.array([place]))
            yield from _drop_empty(Section(subset, section.boxes, pattern=None if own == Pattern() else own))


def _drop_empty(section: Section) -> Iterator[Section]:
    """Yields a section without the boxes that have no equation, if any has one."""
    boxes = tuple(box for box, size in zip(section.boxes, section.box_sizes, strict=True) if size)
    if boxes:
        yield dataclasses.replace(section, boxes=boxes)
