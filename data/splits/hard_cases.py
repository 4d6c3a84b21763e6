"""The kinds of equations by what is hard about their digits; see `eqstream.data.sampling`.

They are told exactly, so that each kind is counted and enumerated without a look at any other equation.
"""

import dataclasses
from collections.abc import Iterator
from typing import cast

from eqstream.data.errors import UserError
from eqstream.data.recipe_values import Range
from eqstream.data.sampling import Balance
from eqstream.data.space.pattern_sections import can_narrow, narrow
from eqstream.data.space.patterns import Pattern, PatternKey
from eqstream.data.space.plain_operands import can_split, split_by_repetition
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.space.sections import Section

_COUNTED = ("longest_carry_chain", "zero_borrows")


def split_hard_cases(
    sampling: Balance, space: PreparedSpace, section: Section
) -> Iterator[tuple[dict[str, str], Section]]:
    """Yields the kind of each key of hard cases that `sampling` balances, and what of a section is of these kinds.

    Raises:
        UserError: the section has equations of other than two terms, or too many parts.
    """
    for repeated, part in _split_by_repetition(sampling, space, section):
        for values, pattern in _list_patterns(sampling, part):
            if pattern == Pattern():
                yield {**repeated, **values}, part
                continue
            if section.shapes.num_terms != 2:
                keys = " and ".join(f"`{key}`" for key in values)
                raise UserError(f"`sampling.balance` by {keys} needs equations of two terms: set `space.terms: 2`")
            if not can_narrow(part, pattern):
                raise UserError(
                    f"`sampling.balance` by {' and '.join(f'`{key}`' for key in (*repeated, *values))} finds too many "
                    "parts of the operands; leave one out, or use shorter operands"
                )
            yield from (({**repeated, **values}, each) for each in narrow(part, pattern))


def _split_by_repetition(
    sampling: Balance, space: PreparedSpace, section: Section
) -> Iterator[tuple[dict[str, str], Section]]:
    if "repeated_digits" not in sampling.balance:
        yield {}, section
        return
    for count in range(section.shapes.num_terms + 1):
        wanted = Range(min=count, max=count)
        if not can_split(section.boxes[0], wanted):
            raise UserError(
                f"`sampling.balance` by `repeated_digits` finds too many parts of {section.shapes.num_terms} operands; "
                "leave it out, or use fewer terms"
            )
        boxes = tuple(part for box in section.boxes for part in split_by_repetition(box, wanted, space.scale))
        if boxes:
            yield {"repeated_digits": f"{count:02}"}, dataclasses.replace(section, boxes=boxes)


def _list_patterns(sampling: Balance, section: Section) -> Iterator[tuple[dict[str, str], Pattern]]:
    """Yields the kind of each key that a pattern tells, and the pattern."""
    key = cast(PatternKey | None, next((each for each in _COUNTED if each in sampling.balance), None))
    counts = [Pattern()]
    if key is not None:
        # No chain is longer than the operands.
        longest = max(len(str(domain.bound)) for box in section.boxes for domain in box)
        counts = [Pattern(key=key, low=count, high=count) for count in range(longest + 1)]
    for pattern in counts:
        values = {key: f"{pattern.low:03}"} if key else {}
        if "equal_operands" not in sampling.balance:
            yield values, pattern
            continue
        for is_equal in (False, True):
            yield (
                {**values, "equal_operands": "equal" if is_equal else "unequal"},
                dataclasses.replace(pattern, is_equal=is_equal),
            )
