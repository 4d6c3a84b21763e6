"""Sections of which a source keeps nothing, as far as that can be proven without a look at their equations."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from eqstream.data.recipe_values import OPERATORS, Range, exact
from eqstream.data.space.conditions import Selection, sections_of
from eqstream.data.space.domains import Box
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.space.sections import Section
from eqstream.data.space.shapes import ShapeColumns, TermShapes
from eqstream.data.space_recipe import SpaceRecipe
from eqstream.data.split_recipe import Where

# Conditions on whole numbers that every equation has, from 0 or 1 on.
_FROM_ZERO = ("carries", "longest_carry_chain", "zero_borrows", "repeated_digits")
_WHOLE_NUMBERS = ("terms", "digits", *_FROM_ZERO)
_UP_TO_CARRIES = ("carries", "longest_carry_chain", "zero_borrows")
# Boxes of a section that are looked at: nothing is proven of larger ones.
_MOST_LOOKED_AT = 1 << 12


class Feasibility:
    """Proves that a source keeps nothing of a section: True is a proof, False is not.

    Args:
        space: of the equations.
        selection: what the source keeps.
        others: selections whose equations it does not keep.
    """

    def __init__(self, space: PreparedSpace, selection: Selection, others: Sequence[Selection]) -> None:
        self._space = space
        self._where = selection.where
        self._narrows_values = bool(self._asked_carries) or any(bounds != Range() for bounds in self._answers)
        self._is_all_taken = _take_everything(others)
        self._taken = [
            section
            for other in others
            if other.where is not None and other.hash is None and _is_told_by_sections(other.where)
            for section in sections_of(other.where, space)
        ]

    def keeps_nothing(self, section: Section) -> bool:
        """Returns whether the source is known to keep no equation of the section."""
        if self._is_all_taken:
            return True
        if not (self._taken or self._narrows_values) or section.num_shapes * len(section.boxes) > _MOST_LOOKED_AT:
            return False
        return all(
            self._is_taken(section.shapes, place, box) or self._keeps_no_value(section.shapes, place, box)
            for place, box in section.list_boxes()
        )

    @property
    def _answers(self) -> list[Range]:
        """The ranges in which an answer must lie."""
        asked = [] if self._where is None or self._where.answer is None else [self._where.answer]
        return [self._space.recipe.answer, *asked]

    @property
    def _asked_carries(self) -> list[Range]:
        """The ranges of numbers of which no equation has more than it has carries."""
        asked = [] if self._where is None else [getattr(self._where, key) for key in _UP_TO_CARRIES]
        return [bounds for bounds in asked if bounds is not None]

    @property
    def _asks_borrows_of_sums(self) -> bool:
        """Whether zero borrows are asked for where nothing is ever taken away."""
        asked = None if self._where is None else self._where.zero_borrows
        has_no_difference = "-" not in self._space.recipe.operators and not self._space.has_negative_operands
        return has_no_difference and asked is not None and not _can_meet(asked, 0, 0)

    def _is_taken(self, shapes: TermShapes, place: int, box: Box) -> bool:
        return any(
            taken.shapes.num_terms == shapes.num_terms
            and taken.subset.numbers(np.array([place]))[0] >= 0
            and any(_is_within(box, other) for other in taken.boxes)
            for taken in self._taken
        )

    def _keeps_no_value(self, shapes: TermShapes, place: int, box: Box) -> bool:
        """Returns whether values or carries of a shape with these operands are known to be out of range."""
        if not self._narrows_values:
            return False
        bounds = _bound(shapes.columns(np.array([place])), box, self._space.recipe)
        if not all(_can_meet(asked, 0, bounds.max_carries) for asked in self._asked_carries):
            return True
        if self._asks_borrows_of_sums:
            return True
        rounds = self._space.has_division and self._space.recipe.division == "decimal"
        margin = Fraction(1, 10**self._space.recipe.places) if rounds else 0
        low = None if bounds.low is None else bounds.low - margin
        high = None if bounds.high is None else bounds.high + margin
        return not all(_can_meet(answer, low, high) for answer in self._answers)


@dataclass(frozen=True)
class _Bounds:
    """What is known of a tree's values.

    Attributes:
        low: the least value; None where it has no bound.
        high: the largest value; None where it has no bound.
        decimals: of all values; None where a quotient may have more.
        max_carries: the most carries and borrows on the way; None where they have no bound.
    """

    low: Fraction | None
    high: Fraction | None
    decimals: int | None
    max_carries: int | None


def _bound(columns: ShapeColumns, box: Box, space: SpaceRecipe) -> _Bounds:
    """Returns the bounds of the first shape of `columns` with these operands."""
    scale = 10**space.operands.decimals
    values = [
        _Bounds(
            Fraction(domain.intervals[0][0], scale),
            Fraction(domain.intervals[-1][1], scale),
            space.operands.decimals,
            0,
        )
        for domain in box
    ]
    starts: list[int] = columns.steps.starts[:, 0].tolist()
    middles: list[int] = columns.steps.middles[:, 0].tolist()
    for start, middle in zip(starts, middles, strict=True):
        operator = OPERATORS[columns.operators[middle, 0]]
        values[start] = _bound_node(operator, values[start], values[middle], space)
    return values[0]


def _bound_node(operator: str, left: _Bounds, right: _Bounds, space: SpaceRecipe) -> _Bounds:
    low, high = _bound_values(operator, left, right)
    decimals = _bound_decimals(operator, left, right, space)
    max_carries = None
    if left.max_carries is not None and right.max_carries is not None:
        max_carries = left.max_carries + right.max_carries
        if operator in "+-" and decimals is not None:
            digits = _bound_digits((left.low, left.high, right.low, right.high), decimals)
            max_carries = None if digits is None else max_carries + digits
    if operator == "/" and space.division == "quotient":
        low = None if low is None else Fraction(math.floor(low))
        high = None if high is None else Fraction(math.floor(high))
    return _Bounds(low, high, decimals, max_carries)


def _bound_decimals(operator: str, left: _Bounds, right: _Bounds, space: SpaceRecipe) -> int | None:
    if operator == "/":
        return {"exact": space.operands.decimals, "quotient": 0}.get(space.division)
    if left.decimals is None or right.decimals is None:
        return None
    return left.decimals + right.decimals if operator == "*" else max(left.decimals, right.decimals)


def _bound_digits(ends: Sequence[Fraction | None], decimals: int) -> int | None:
    """Returns how many digits numbers between these ends have at most; no more carry or borrow when two are added."""
    known = [abs(end) * 10**decimals for end in ends if end is not None]
    return max(len(str(math.floor(end))) for end in known) if len(known) == len(ends) else None


def _bound_values(operator: str, left: _Bounds, right: _Bounds) -> tuple[Fraction | None, Fraction | None]:
    if left.low is None or left.high is None or right.low is None or right.high is None:
        return None, None
    if operator == "+":
        return left.low + right.low, left.high + right.high
    if operator == "-":
        return left.low - right.high, left.high - right.low
    divisors = [right.low, right.high]
    if operator == "/":
        if right.low <= 0 <= right.high:
            return None, None
        divisors = [1 / end for end in divisors]
    ends = [one * other for one in (left.low, left.high) for other in divisors]
    return min(ends), max(ends)


def _can_meet(bounds: Range, low: Fraction | int | None, high: Fraction | int | None) -> bool:
    """Returns whether some number from `low` to `high`, None being no end, may lie in a range."""
    is_above = bounds.max is not None and low is not None and low > exact(bounds.max)
    is_below = bounds.min is not None and high is not None and high < exact(bounds.min)
    return not (is_above or is_below)


def _is_told_by_sections(where: Where) -> bool:
    """Returns whether the sections of a condition hold nothing but what it takes."""
    # They are those of two digits and more where 2.5 are asked for.
    least = None if where.digits is None else where.digits.min
    has_whole_digits = least is None or exact(least).denominator == 1
    searched = (where.carries, where.answer, where.equal_operands, where.repeated_digits)
    return all(each is None for each in searched) and not where.asks_written_digits and has_whole_digits


def _is_within(box: Box, other: Box) -> bool:
    pairs = zip(box, other, strict=True)
    return all(not inner.without(outer).intervals for inner, outer in pairs)


def _take_everything(others: Sequence[Selection]) -> bool:
    """Returns whether selections by a single key, such as `carries: 0` and `carries: {min: 1}`, leave nothing."""
    hashes = [(each.hash[0], each.hash[1]) for each in others if each.hash and each.where is None]
    if _cover(hashes, 0, 1, step=0):
        return True
    for key in _WHOLE_NUMBERS:
        ranges: list[tuple[float, float]] = []
        for where in (each.where for each in others if each.where is not None and each.hash is None):
            given = {name for name, value in vars(where).items() if value is not None}
            if given == {key}:
                bounds = getattr(where, key)
                low = 0 if bounds.min is None else math.ceil(exact(bounds.min))
                ranges.append((low, math.inf if bounds.max is None else math.floor(exact(bounds.max))))
        if _cover(ranges, 0 if key in _FROM_ZERO else 1, math.inf, step=1):
            return True
    return False


def _cover(ranges: list[tuple[float, float]], low: float, high: float, *, step: int) -> bool:
    """Returns whether ranges (first, last), the next of which may begin a step behind, reach from `low` to `high`."""
    for first, last in sorted(ranges):
        if first > low:
            return False
        low = max(low, last + step)
    return bool(ranges) and low >= high
