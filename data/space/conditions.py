"""Which equations a split may take from: conditions, hash buckets, and the boxes that hold all candidates.

A selection's boxes hold every equation it selects and as few others as cheaply possible, so that even a rare condition
in a huge space (all operands below 1000 among operands up to 10 ** 6) is walked at full speed. What the boxes cannot
express is checked equation by equation; to be safe the whole condition is.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import yaml

from eqstream.data.configuration import drop_nothing, to_mapping
from eqstream.data.recipe_values import OPERATORS, ExactNumber, Range, exact
from eqstream.data.space.arithmetic import Answers
from eqstream.data.space.digits import digit_count
from eqstream.data.space.domains import Box, Domain, count_operands
from eqstream.data.space.literals import has_brackets
from eqstream.data.space.pattern_sections import can_narrow, narrow, pattern_of
from eqstream.data.space.plain_operands import are_equal, count_repeated, split_by_repetition
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.space.sections import Section
from eqstream.data.space.shapes import ShapeColumns, ShapeSubset, TermShapes
from eqstream.data.space.written_digits import WrittenDigits
from eqstream.data.space_recipe import SpaceRecipe
from eqstream.data.split_recipe import SplitRecipe, Where

_RANGES = (
    *("terms", "digits", "operands", "carries", "longest_carry_chain", "zero_borrows", "repeated_digits"),
    "answer",
)


@dataclasses.dataclass(frozen=True)
class Selection:
    """What one or more splits take from: equations that meet `where` and fall into the `hash` buckets."""

    where: Where | None
    hash: tuple[float, ...] | None

    @property
    def is_everything(self) -> bool:
        """Whether nothing narrows it but what other selections take."""
        return self.where is None and self.hash is None

    def to_text(self) -> str:
        """Returns the selection as a recipe would write it: ``where {digits: {max: 2}}, hash [0.0, 0.5]``."""
        parts: list[str] = []
        if self.where is not None:
            flow = yaml.safe_dump(
                drop_nothing(to_mapping(self.where)), default_flow_style=True, sort_keys=False, width=math.inf
            )
            parts.append(f"where {flow.strip()}")
        if self.hash is not None:
            parts.append(f"hash {list(self.hash)}")
        return ", ".join(parts) or "everything"

    def describe(self) -> str:
        """Returns a name that seeds are derived from; equal selections have equal names."""
        parts: list[str] = []
        if self.where is not None:
            given = {key: value for key, value in dataclasses.asdict(self.where).items() if value is not None}
            parts.append(f"where {given}")
        if self.hash is not None:
            parts.append(f"hash {list(self.hash)}")
        return ", ".join(parts) or "everything"


def selection_of(split: SplitRecipe) -> Selection:
    """Returns what a split takes from."""
    return Selection(split.where, split.hash)


def are_disjoint(first: Selection, second: Selection, space: SpaceRecipe) -> bool:
    """Returns whether the two are seen to share no equation of the space: True is a proof, False is not."""
    if first.hash and second.hash and (first.hash[1] <= second.hash[0] or second.hash[1] <= first.hash[0]):
        return True
    if first.where is None or second.where is None:
        return False
    wheres = first.where, second.where
    return (
        any(_exclude_by_range(getattr(first.where, key), getattr(second.where, key)) for key in _RANGES)
        or {where.brackets for where in wheres} == {True, False}
        or {where.equal_operands for where in wheres} == {True, False}
        or _exclude_by_operators(*wheres, space)
        or _excludes_contained(*wheres)
        or _excludes_contained(*reversed(wheres))
    )


def _exclude_by_range(first: Range | None, second: Range | None) -> bool:
    return first is not None and second is not None and not first.overlaps(second)


def _exclude_by_operators(first: Where, second: Where, space: SpaceRecipe) -> bool:
    if not first.operators or not second.operators or set(first.operators) & set(second.operators):
        return False
    # An equation of one term has no operator and would meet both.
    has_one_term = space.terms.min == 1 and all(
        where.terms is None or where.terms.contains(1) for where in (first, second)
    )
    return not has_one_term


def _excludes_contained(first: Where, second: Where) -> bool:
    """Returns whether none of the values of which `first` asks for one can stand in an equation that meets `second`."""
    if not first.contains:
        return False
    values = {exact(value) for value in first.contains} - {exact(value) for value in second.excludes or ()}
    if second.operands is not None:
        values = {value for value in values if second.operands.contains(value)}
    if second.digits is not None and second.digits.max is not None:
        # The longest operand is at least as long as the one that is asked for.
        most = exact(second.digits.max)
        values = {value for value in values if len(str(abs(math.trunc(value)))) <= most}
    return not values


def sections_of(where: Where | None, space: PreparedSpace) -> tuple[Section, ...]:
    """Returns disjoint sections that together hold every equation that meets `where`, by number of terms.

    Args:
        where: the condition.
        space: of the equations.
    """
    if where is None:
        return space.whole.sections
    sections: list[Section] = []
    for terms, shapes in space.shapes.by_terms.items():
        if where.terms is None or where.terms.contains(terms):
            subset = _choose_shapes(where, shapes)
            boxes = tuple(box for box in _split_domains(where, space, terms) if count_operands(box))
            if subset.count and boxes:
                sections += _narrow(where, Section(subset, boxes))
    return tuple(sections)


def _narrow(where: Where, section: Section) -> Iterable[Section]:
    pattern = pattern_of(where)
    return narrow(section, pattern) if pattern is not None and can_narrow(section, pattern) else [section]


def _choose_shapes(where: Where, shapes: TermShapes) -> ShapeSubset:
    if where.operators is None and where.brackets is None:
        return ShapeSubset(shapes)
    if shapes.is_listed:
        return ShapeSubset(shapes, np.flatnonzero(_fits_shapes(where, shapes.all_columns())))
    allowed = where.operators or shapes.operators
    return ShapeSubset(shapes, operators="".join(operator for operator in shapes.operators if operator in allowed))


def _fits_shapes(where: Where, columns: ShapeColumns) -> np.ndarray:
    """Returns whether each equation's shape, but for its number of terms, meets `where`; bool (n,)."""
    result = np.ones(columns.operators.shape[1], dtype=bool)
    if where.operators is not None:
        allowed = [OPERATORS.index(operator) for operator in where.operators]
        result &= np.isin(columns.operators[1:], allowed).all(axis=0)
    if where.brackets is not None:
        result &= has_brackets(columns) == where.brackets
    return result


def _split_domains(where: Where, space: PreparedSpace, num_terms: int) -> Iterator[Box]:
    scale, base = space.scale, space.operand_domain
    if where.operands is not None:
        base = base.intersect(_range_domain(where.operands, scale, base))
    if where.excludes is not None:
        base = base.without(_values_domain(where.excludes, scale))
    # No operand is longer than this; a bound beyond it may be too large a power of ten to write down.
    longest = len(str(base.bound // scale))
    if where.digits is not None and where.digits.max is not None and exact(where.digits.max) < longest:
        base = base.intersect(length_domain(1, int(exact(where.digits.max)), scale))
    needed: list[Domain] = []
    if where.contains is not None:
        needed.append(_values_domain(where.contains, scale))
    if where.digits is not None and where.digits.min is not None and exact(where.digits.min) > 1:
        needed.append(base.without(length_domain(1, min(int(exact(where.digits.min)) - 1, longest), scale)))
    for box in _require((base,) * num_terms, needed):
        if where.repeated_digits is None:
            yield box
        else:
            yield from split_by_repetition(box, where.repeated_digits, scale)


def _require(domains: Box, needed: list[Domain]) -> Iterator[Box]:
    """Yields disjoint boxes: the part of a box where each needed set has at least one operand in it."""
    if not needed:
        yield domains
        return
    for first in range(len(domains)):
        before = tuple(domain.without(needed[0]) for domain in domains[:first])
        there = domains[first].intersect(needed[0])
        yield from _require((*before, there, *domains[first + 1 :]), needed[1:])


def _range_domain(bounds: Range, scale: int, base: Domain) -> Domain:
    low = base.intervals[0][0] if bounds.min is None else math.ceil(exact(bounds.min) * scale)
    high = base.intervals[-1][1] if bounds.max is None else math.floor(exact(bounds.max) * scale)
    return Domain(((low, high),) if low <= high else ())


def _values_domain(values: Sequence[ExactNumber], scale: int) -> Domain:
    steps = sorted({exact(value) * scale for value in values})
    return Domain(tuple((int(step), int(step)) for step in steps if step.denominator == 1))


def length_domain(shortest: int, longest: int, scale: int) -> Domain:
    """Returns the numbers with `shortest` to `longest` digits before the point, of either sign, in grid steps."""
    if longest < max(shortest, 1):
        return Domain(())
    high = 10**longest * scale - 1
    if shortest <= 1:
        return Domain(((-high, high),))
    low = 10 ** (shortest - 1) * scale
    return Domain(((-high, -low), (low, high)))


def fits(
    where: Where, columns: ShapeColumns, *, operands: np.ndarray, answers: Answers | None, scale: int
) -> np.ndarray:
    """Returns whether each equation meets `where`, shape (n,); commuted twins can differ only in `brackets`.

    Args:
        where: the condition.
        columns: the shapes.
        operands: of shape (num_terms, n).
        answers: may be missing where the condition asks for neither answers nor carries; has `written` where it asks
            for that.
        scale: grid steps in 1.
    """
    if where.terms is not None and not where.terms.contains(columns.num_terms):
        return np.zeros(len(operands[0]), dtype=bool)
    result = _fits_shapes(where, columns)
    if where.digits is not None:
        result &= _in_range(longest_digits(operands, scale), 1, where.digits)
    if where.operands is not None:
        for operand in operands:
            result &= _in_range(operand, scale, where.operands)
    if where.contains is not None:
        result &= _holds_any(operands, where.contains, scale)
    if where.excludes is not None:
        result &= ~_holds_any(operands, where.excludes, scale)
    if where.carries is not None and answers is not None:
        result &= _in_range(answers.carries, 1, where.carries)
    if where.answer is not None and answers is not None:
        result &= in_answer_range(answers, where.answer)
    if where.equal_operands is not None:
        result &= are_equal(operands) == where.equal_operands
    if where.repeated_digits is not None:
        result &= _in_range(count_repeated(operands, scale), 1, where.repeated_digits)
    if answers is not None and answers.written is not None:
        result &= _fits_written(where, answers.written)
    return result


def _fits_written(where: Where, written: WrittenDigits) -> np.ndarray:
    """Returns whether what is hard about the digits of each equation meets `where`, shape (n,)."""
    result = np.ones(len(written.zero_borrows), dtype=bool)
    if where.longest_carry_chain is not None:
        result &= _in_range(written.longest_carry_chains, 1, where.longest_carry_chain)
    if where.zero_borrows is not None:
        result &= _in_range(written.zero_borrows, 1, where.zero_borrows)
    if where.quotient_digits is not None:
        result &= written.quotient_digits & sum(1 << digit for digit in set(where.quotient_digits)) != 0
    return result


def longest_digits(operands: np.ndarray, scale: int) -> np.ndarray:
    """Returns the number of digits before the point of each equation's longest operand, shape (n,)."""
    largest = abs(operands[0])
    for operand in operands[1:]:
        largest = np.maximum(largest, abs(operand))
    return digit_count(largest // scale if scale > 1 else largest)


def _in_range(steps: np.ndarray, scale: int, bounds: Range) -> np.ndarray:
    """Returns whether each number, in steps of 1 / scale, lies within bounds, shape (n,)."""
    inside = np.ones(len(steps), dtype=bool)
    if bounds.min is not None:
        inside &= (steps >= math.ceil(exact(bounds.min) * scale)).astype(bool)
    if bounds.max is not None:
        inside &= (steps <= math.floor(exact(bounds.max) * scale)).astype(bool)
    return inside


def _are_fractions_in_range(numerators: np.ndarray, denominators: np.ndarray, bounds: Range) -> np.ndarray:
    """Returns whether each fraction lies within bounds, shape (n,)."""
    numerators, denominators = numerators.astype(object), denominators.astype(object)
    inside = np.ones(len(numerators), dtype=bool)
    if bounds.min is not None:
        low = exact(bounds.min)
        inside &= (numerators * low.denominator >= denominators * low.numerator).astype(bool)
    if bounds.max is not None:
        high = exact(bounds.max)
        inside &= (numerators * high.denominator <= denominators * high.numerator).astype(bool)
    return inside


def _holds_any(operands: np.ndarray, values: Sequence[ExactNumber], scale: int) -> np.ndarray:
    found = np.zeros(len(operands[0]), dtype=bool)
    for (low, _), operand in itertools.product(_values_domain(values, scale).intervals, operands):
        found |= (operand == low).astype(bool)
    return found


def in_answer_range(answers: Answers, bounds: Range) -> np.ndarray:
    """Returns whether each answer lies within bounds, shape (n,)."""
    if answers.denominators is None:
        return _in_range(answers.numerators, answers.scale, bounds)
    return _are_fractions_in_range(answers.numerators, answers.denominators, bounds)
