"""What is true of one equation: its columns recomputed from its text, and where the recipe lets it stand.

Nothing here comes from the code that writes shards: the text is parsed and evaluated by
`eqstream.data.reference.evaluation`.
"""

from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import NamedTuple

from eqstream.data.errors import UserError
from eqstream.data.recipe import Range, Recipe, SplitRecipe, Where, exact
from eqstream.data.reference.evaluation import (
    InexactDivisionError,
    Rational,
    Tree,
    answer_text,
    canonical_key,
    count_carries,
    count_digits,
    evaluate,
    list_operands,
    list_operators,
    parse_strict,
)
from eqstream.data.reference.hash_bucket import hash_bucket


class Facts(NamedTuple):
    """One equation, recomputed; `answer_value` is the number that the text `answer` stands for."""

    question: str
    answer: str
    terms: int
    digits: int
    carries: int
    tree: Tree
    operands: list[Rational]
    operators: str
    answer_value: Rational

    @property
    def class_key(self) -> str:
        """A text shared by commuted twins alone."""
        return canonical_key(self.tree)


class Judge:
    """Recomputes equations and says whether a split may hold them.

    Args:
        recipe: of the dataset.
        split: the name of the split that the equations are found in.
    """

    def __init__(self, recipe: Recipe, split: str) -> None:
        space = recipe.space
        # Rounding and fractions are matters of spaces that divide; elsewhere every answer is a finite decimal.
        self._division = space.division if "/" in space.operators else "exact"
        self._space = space
        self._operators = frozenset(space.operators)
        self._grid = 10**space.operands.decimals
        self._is_answer = _compile_range(space.answer)
        own = next(each for each in recipe.splits if each.name == split)
        selective = [each for each in recipe.splits if each.where is not None or each.hash is not None]
        self._own = (own.name, _compile_selection(own, recipe.hash_salt)) if own in selective else None
        others = [] if self._own else selective
        self._others = [(each.name, _compile_selection(each, recipe.hash_salt)) for each in others]

    def judge(self, question: str) -> Facts:
        """Returns the facts of an equation that may stand in the split.

        Raises:
            UserError: `question` is no equation, not its one text, or not a member of the space or of the split.
        """
        facts = self.recompute(question)
        self._check_space(facts)
        self._check_split(facts)
        return facts

    def recompute(self, question: str) -> Facts:
        """Returns the facts of any equation that has an answer.

        Raises:
            UserError: `question` is no equation, not its one text, or has no answer.
        """
        space = self._space
        tree = parse_strict(question, space.spacing)
        try:
            value = evaluate(tree, self._division, space.operands.decimals)
        except (ZeroDivisionError, InexactDivisionError) as error:
            raise UserError(f"`{question}` is not in the recipe's space: {error}") from error
        answer = answer_text(value, self._division, space.places)
        operators = list_operators(tree)
        return Facts(
            question=question,
            answer=answer,
            terms=len(operators) + 1,
            digits=count_digits(tree),
            carries=count_carries(tree, self._division),
            tree=tree,
            operands=list_operands(tree),
            operators=operators,
            answer_value=Fraction(answer) if self._division == "decimal" else value,
        )

    def _check_space(self, facts: Facts) -> None:
        space = self._space
        if not space.terms.min <= facts.terms <= space.terms.max:
            _refuse(facts, f"has {facts.terms} terms, not {space.terms.min} to {space.terms.max}")
        if not self._operators.issuperset(facts.operators):
            _refuse(facts, f"has an operator other than {space.operators}")
        if not space.brackets and "(" in facts.question:
            _refuse(facts, "has brackets")
        for operand in facts.operands:
            if not space.operands.min <= operand <= space.operands.max:
                _refuse(facts, f"has an operand outside {space.operands.min} to {space.operands.max}")
            if self._grid % operand.denominator:
                _refuse(facts, f"has an operand of more than {space.operands.decimals} decimals")
        if not self._is_answer(facts.answer_value):
            _refuse(facts, f"has an answer outside {space.answer.min} to {space.answer.max}")

    def _check_split(self, facts: Facts) -> None:
        if self._own:
            name, selects = self._own
            if not selects(facts):
                raise UserError(f"`{facts.question}` does not meet the conditions of split `{name}`")
        for name, selects in self._others:
            if selects(facts):
                raise UserError(f"`{facts.question}` meets the conditions of split `{name}` and belongs there")


def _refuse(facts: Facts, why: str) -> None:
    raise UserError(f"`{facts.question}` is not in the recipe's space: it {why}")


def _compile_range(bounds: Range | None) -> Callable[[Rational], bool]:
    if bounds is None or (bounds.min is None and bounds.max is None):
        return lambda value: True
    low = None if bounds.min is None else exact(bounds.min)
    high = None if bounds.max is None else exact(bounds.max)
    return lambda value: (low is None or low <= value) and (high is None or value <= high)


def _compile_selection(split: SplitRecipe, salt: str) -> Callable[[Facts], bool]:
    """Returns the test of a split's `where` and `hash`."""
    tests = list(_list_tests(split.where)) if split.where is not None else []
    if split.hash is not None:
        low, high = map(exact, split.hash)
        tests.append(lambda facts: low <= hash_bucket(facts.tree, salt) < high)
    return lambda facts: all(test(facts) for test in tests)


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
