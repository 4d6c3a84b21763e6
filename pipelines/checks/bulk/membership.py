"""Which equations of a block are in the recipe's space, and which meet the conditions of a split.

Only facts that are known count: where they are not, what is returned means nothing.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

import numpy as np

from eqstream.data.recipe_values import ExactNumber, Range, exact
from eqstream.data.space_recipe import SpaceRecipe
from eqstream.data.split_recipe import SplitRecipe, Where
from eqstream.pipelines.checks.bulk.facts import Facts
from eqstream.pipelines.checks.bulk.ratios import Ratios, negate
from eqstream.pipelines.checks.bulk.tokens import OPERATORS
from eqstream.pipelines.checks.bulk.written_digits import are_repeated

_LARGEST = np.iinfo(np.int64).max


def are_in_space(facts: Facts, space: SpaceRecipe) -> np.ndarray:
    """Returns which equations are of the space, bool (n,)."""
    is_in = _lie_in(facts.terms, Range(min=space.terms.min, max=space.terms.max))
    is_in &= _have_only(facts, space.operators)
    if not space.brackets:
        is_in &= ~facts.has_brackets
    is_operand = _operands_lie_in(facts, Range(min=space.operands.min, max=space.operands.max))
    is_in &= ~_any_operand(facts, ~is_operand | (facts.tokens.places > space.operands.decimals))
    return is_in & _answers_lie_in(facts.answers, space.answer)


def are_selected(facts: Facts, split: SplitRecipe) -> np.ndarray:
    """Returns which equations meet the `where` and the `hash` of a split, bool (n,).

    The facts have what is written in each operation if the `where` asks for that.
    """
    is_selected = np.ones(len(facts.terms), bool)
    for is_met in _list_tests(facts, split):
        is_selected &= is_met
    return is_selected


def _list_tests(facts: Facts, split: SplitRecipe) -> Iterator[np.ndarray]:
    if split.hash is not None:
        yield _hashes_lie_in(facts.values.hashes, split.hash)
    where = split.where
    if where is None:
        return
    yield from _list_range_tests(facts, where)
    if where.contains is not None:
        yield _any_operand(facts, _operands_are_among(facts, where.contains))
    if where.excludes is not None:
        yield ~_any_operand(facts, _operands_are_among(facts, where.excludes))
    if where.operators is not None:
        yield _have_only(facts, where.operators)
    if where.brackets is not None:
        yield facts.has_brackets == where.brackets
    yield from _list_tests_of_digits(facts, where)


def _list_tests_of_digits(facts: Facts, where: Where) -> Iterator[np.ndarray]:
    if where.equal_operands is not None:
        steps, places = facts.tokens.steps, facts.tokens.places
        first = facts.tokens.first_number[:-1][facts.row_of_number]
        is_other = _any_operand(facts, (steps != steps[first]) | (places != places[first]))
        yield (~is_other & (facts.terms > 1)) == where.equal_operands
    if where.repeated_digits is not None:
        is_such = are_repeated(facts.tokens.steps, facts.tokens.places)
        yield _lie_in(np.bincount(facts.row_of_number[is_such], minlength=len(facts.terms)), where.repeated_digits)
    chains, zeros, digits = facts.values.written
    if where.longest_carry_chain is not None:
        yield _lie_in(chains, where.longest_carry_chain)
    if where.zero_borrows is not None:
        yield _lie_in(zeros, where.zero_borrows)
    if where.quotient_digits is not None:
        yield digits & sum(1 << digit for digit in set(where.quotient_digits)) != 0


def _list_range_tests(facts: Facts, where: Where) -> Iterator[np.ndarray]:
    for values, bounds in (
        (facts.terms, where.terms),
        (facts.digits, where.digits),
        (facts.values.carries, where.carries),
    ):
        if bounds is not None:
            yield _lie_in(values, bounds)
    if where.operands is not None:
        yield ~_any_operand(facts, ~_operands_lie_in(facts, where.operands))
    if where.answer is not None:
        yield _answers_lie_in(facts.answers, where.answer)


def _have_only(facts: Facts, operators: str) -> np.ndarray:
    others = sum(1 << kind for operator, kind in OPERATORS.items() if operator not in operators)
    return facts.operators & np.uint8(others) == 0


def _any_operand(facts: Facts, is_such: np.ndarray) -> np.ndarray:
    """Returns which equations have such an operand, bool (n,); `is_such` is of all operands, bool (num_numbers,)."""
    result = np.zeros(len(facts.terms), bool)
    if is_such.any():
        result[facts.row_of_number[is_such]] = True
    return result


def _operands_lie_in(facts: Facts, bounds: Range) -> np.ndarray:
    """Returns which operands lie in a range, bool (num_numbers,)."""
    steps, places = facts.tokens.steps, facts.tokens.places
    if not places.any():
        return _lie_in(steps, bounds)
    result = np.zeros(len(steps), bool)
    for each in np.unique(places).tolist():
        is_this = places == each
        result[is_this] = _lie_in(steps[is_this], bounds, 10**each)
    return result


def _operands_are_among(facts: Facts, values: Iterable[ExactNumber]) -> np.ndarray:
    """Returns which operands are one of the values, bool (num_numbers,)."""
    steps, places = facts.tokens.steps, facts.tokens.places
    result = np.zeros(len(steps), bool)
    for value in map(exact, values):
        # Operands are in their shortest form, and so is a value: the first number of places that makes it whole.
        needed = next((place for place in range(19) if 10**place % value.denominator == 0), None)
        if needed is not None and abs(value * 10**needed) <= _LARGEST:
            result |= (steps == int(value * 10**needed)) & (places == needed)
    return result


def _lie_in(values: np.ndarray, bounds: Range, scale: int = 1) -> np.ndarray:
    """Returns which whole numbers, divided by `scale`, lie in a range, bool (n,)."""
    low = -_LARGEST if bounds.min is None else math.ceil(exact(bounds.min) * scale)
    high = _LARGEST if bounds.max is None else math.floor(exact(bounds.max) * scale)
    if low > _LARGEST or high < -_LARGEST:
        return np.zeros(len(values), bool)
    return (values >= max(low, -_LARGEST)) & (values <= min(high, _LARGEST))


def _answers_lie_in(answers: Ratios, bounds: Range) -> np.ndarray:
    is_in = np.ones(len(answers.num), bool)
    if bounds.min is not None:
        is_in &= _are_at_least(answers, exact(bounds.min))
    if bounds.max is not None:
        is_in &= _are_at_least(negate(answers), -exact(bounds.max))
    return is_in


def _are_at_least(values: Ratios, bound: Fraction) -> np.ndarray:
    whole = math.floor(bound)
    if abs(whole) > _LARGEST:
        return np.full(len(values.num), whole < 0)
    floors, rests = (values.num, None) if values.are_whole else np.divmod(values.num, values.den)
    rest = bound - whole
    if rest == 0:
        return floors >= whole
    result = floors > whole
    if rests is not None:
        # Python's integers, for the few whose whole part decides nothing.
        close = np.flatnonzero(floors == whole)
        parts, dens = rests[close].astype(object), values.den[close].astype(object)
        result[close] = (parts * rest.denominator >= rest.numerator * dens).astype(bool)
    return result


def _hashes_lie_in(hashes: np.ndarray, buckets: Sequence[float]) -> np.ndarray:
    low, high = (math.ceil(exact(edge) * 2**64) for edge in buckets)
    is_in = hashes >= np.uint64(low)
    return is_in if high == 2**64 else is_in & (hashes < np.uint64(high))
