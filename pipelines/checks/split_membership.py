"""Where the recipe lets one equation stand."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe
from eqstream.data.recipe_values import Range, exact
from eqstream.data.reference.hash_bucket import hash_bucket
from eqstream.data.reference.membership import Facts, check_membership, read_facts
from eqstream.data.reference.parsing import Rational
from eqstream.data.reference.written_digits import count_repeated, find_written_digits, has_equal_operands
from eqstream.data.space_recipe import SpaceRecipe
from eqstream.data.split_recipe import SplitRecipe, Where


class Claims(NamedTuple):
    """Whose conditions an equation of a split must meet, `own`, None where it has none; and whose not, `rivals`."""

    own: SplitRecipe | None
    rivals: tuple[SplitRecipe, ...]


def list_claims(recipe: Recipe, split: str) -> Claims:
    """Returns what an equation must meet, and what it must not, to stand in the split of that name."""
    selective = {each.name: each for each in recipe.splits if each.where is not None or each.hash is not None}
    # Splits with conditions exclude each other; one without takes what no other selects.
    return Claims(selective[split], ()) if split in selective else Claims(None, tuple(selective.values()))


class SplitMembership:
    """Says whether a split may hold an equation, and computes what is true of it.

    Args:
        recipe: of the dataset.
        split: the name of the split that the equations are found in.
    """

    def __init__(self, recipe: Recipe, split: str) -> None:
        self._space = recipe.space
        claims = list_claims(recipe, split)
        self._own = [(each.name, _compile_selection(each, recipe)) for each in [claims.own] if each]
        self._rivals = [(each.name, _compile_selection(each, recipe)) for each in claims.rivals]

    def check(self, question: str) -> Facts:
        """Returns the facts of an equation that may stand in the split.

        Raises:
            UserError: `question` is no equation, not its one text, or not a member of the space or of the split.
        """
        facts = read_facts(question, self._space)
        check_membership(facts, self._space)
        for name, is_selected in self._own:
            if not is_selected(facts):
                raise UserError(f"`{question}` does not meet the conditions of split `{name}`")
        for name, is_selected in self._rivals:
            if is_selected(facts):
                raise UserError(f"`{question}` meets the conditions of split `{name}` and belongs there")
        return facts


def _compile_selection(split: SplitRecipe, recipe: Recipe) -> Callable[[Facts], bool]:
    """Returns the test of a split's `where` and `hash`."""
    tests = []
    if split.where is not None:
        tests += [*_list_tests(split.where), *_list_tests_of_digits(split.where, recipe.space)]
    if split.hash is not None:
        low, high = map(exact, split.hash)
        tests.append(lambda facts: low <= hash_bucket(facts.tree, recipe.hash_salt) < high)
    return lambda facts: all(test(facts) for test in tests)


def _compile_range(bounds: Range | None) -> Callable[[Rational], bool]:
    return (lambda _value: True) if bounds is None else bounds.contains


def _list_tests(where: Where) -> Iterable[Callable[[Facts], bool]]:
    is_terms, is_digits, is_operand = map(_compile_range, (where.terms, where.digits, where.operands))
    is_carries, is_answer = map(_compile_range, (where.carries, where.answer))
    yield lambda facts: is_terms(facts.terms) and is_digits(facts.digits) and is_carries(facts.carries)
    yield lambda facts: is_answer(facts.answer_value) and all(map(is_operand, facts.operands))
    if where.contains is not None:
        contained = frozenset(map(exact, where.contains))
        yield lambda facts: not contained.isdisjoint(facts.operands)
    if where.excludes is not None:
        excluded = frozenset(map(exact, where.excludes))
        yield lambda facts: excluded.isdisjoint(facts.operands)
    if where.operators is not None:
        operators = frozenset(where.operators)
        yield lambda facts: operators.issuperset(facts.operators)
    if where.brackets is not None:
        yield lambda facts: ("(" in facts.question) == where.brackets


def _list_tests_of_digits(where: Where, space: SpaceRecipe) -> Iterable[Callable[[Facts], bool]]:
    if where.equal_operands is not None:
        yield lambda facts: has_equal_operands(facts.tree) == where.equal_operands
    if where.repeated_digits is not None:
        is_number = _compile_range(where.repeated_digits)
        yield lambda facts: is_number(count_repeated(facts.tree))
    if where.asks_written_digits:
        is_chain, is_zeros = map(_compile_range, (where.longest_carry_chain, where.zero_borrows))
        division = space.division if "/" in space.operators else "exact"

        def meets(facts: Facts) -> bool:
            written = find_written_digits(facts.tree, division, space.operands.decimals)
            has_digit = where.quotient_digits is None or not written.quotient_digits.isdisjoint(where.quotient_digits)
            return has_digit and is_chain(written.longest_carry_chain) and is_zeros(written.zero_borrows)

        yield meets
