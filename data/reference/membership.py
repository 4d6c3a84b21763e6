"""What is true of one equation, and whether a space contains it: computed from its text alone, one at a time."""

import re
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from eqstream.data.errors import UserError, shorten
from eqstream.data.recipe_values import Range
from eqstream.data.reference.evaluation import (
    answer_text,
    count_carries,
    count_digits,
    evaluate,
    list_operands,
    list_operators,
    too_fine,
)
from eqstream.data.reference.parsing import Rational, Tree, decimal_text, parse, parse_strict, render
from eqstream.data.space_recipe import SpaceRecipe, Terms

# What people and word processors write for the characters of the grammar; each stands for one, so positions stay.
_FULL_WIDTH = {chr(ord(character) + 0xFEE0): character for character in "0123456789+-*/().="}
_SPELLINGS = str.maketrans(
    _FULL_WIDTH
    | dict.fromkeys("\u00d7\u00b7\u22c5\u2217", "*")
    | {"\u00f7": "/"}
    | dict.fromkeys("\u2212\u2013", "-")
    | {"\u00a0": " "}
)
_END = re.compile(r"\s*=\s*$")


class Facts(NamedTuple):
    """One equation, computed; `answer_value` is the number that the text `answer` stands for."""

    question: str
    answer: str
    terms: int
    digits: int
    carries: int
    tree: Tree
    operands: list[Rational]
    operators: str
    answer_value: Rational


class NotInSpaceError(UserError):
    """An equation that a space does not contain, or none of several.

    Attributes:
        question: its text.
        reasons: why, each once.
    """

    def __init__(self, question: str, *reasons: str) -> None:
        super().__init__(question, *reasons)
        self.question = question
        self.reasons = reasons

    def __str__(self) -> str:
        """Returns it as one line."""
        refusal = "the space does not contain" if len(self.reasons) == 1 else "none of the spaces contains"
        return f"{refusal} `{shorten(self.question)}`: {'; '.join(self.reasons)}"


class KnownQuestion(NamedTuple):
    """A question as the space writes it, and its right answer."""

    question: str
    answer: str


def read_question(text: str, space: SpaceRecipe, *others: SpaceRecipe) -> KnownQuestion:
    """Returns the question that a person typed, in either spacing and spelling, as the space writes it.

    See `normalize_question` for the spellings. What the space does not contain may be of one of the others.

    Raises:
        NotInSpaceError: no space contains it; the reasons are those of the spaces with its operators, if there are any.
        UserError: `text` is no equation (with the position), or divides by zero.
    """
    refusals: list[tuple[SpaceRecipe, NotInSpaceError]] = []
    for each in (space, *others):
        try:
            return _read_question(text, each)
        except NotInSpaceError as error:
            refusals.append((each, error))
    operators = set(list_operators(parse(normalize_question(text))))
    able = [error for each, error in refusals if operators <= set(each.operators)] or [error for _, error in refusals]
    raise NotInSpaceError(able[0].question, *dict.fromkeys(reason for error in able for reason in error.reasons))


def is_contained(question: str, spaces: Iterable[SpaceRecipe]) -> bool:
    """Returns whether `read_question` reads a question of one of the spaces."""
    for space in spaces:
        try:
            _read_question(question, space)
        except UserError:
            continue
        return True
    return False


def _read_question(text: str, space: SpaceRecipe) -> KnownQuestion:
    tree = parse(normalize_question(text))
    facts = find_facts(tree, render(tree, space.spacing), space)
    check_membership(facts, space)
    return KnownQuestion(facts.question, facts.answer)


def normalize_question(text: str) -> str:
    """Returns a typed question in the characters of the grammar.

    Full-width characters become ordinary ones, a multiplication sign, centred dot or dot operator ``*``, a division
    sign ``/``, a minus sign or en dash ``-``, a no-break space a space; one ``=`` at the end is dropped.

    >>> normalize_question("12 \u00d7 3 \u2212 4 =")
    '12 * 3 - 4'
    """
    return _END.sub("", text.translate(_SPELLINGS))


def read_facts(question: str, space: SpaceRecipe) -> Facts:
    """Returns the facts of an equation written exactly as the space writes it, whether or not it contains it.

    Raises:
        UserError: `question` is no equation, not the one text of its equation, or has no answer in the space.
    """
    return find_facts(parse_strict(question, space.spacing), question, space)


def find_facts(tree: Tree, question: str, space: SpaceRecipe) -> Facts:
    """Returns the facts of an equation and its text.

    Raises:
        NotInSpaceError: it divides inexactly where the space divides exactly.
        UserError: it divides by zero, which no space does.
    """
    # Rounding and fractions are matters of spaces that divide; elsewhere every answer is a finite decimal.
    is_dividing = "/" in space.operators
    division = space.division if is_dividing else "exact"
    try:
        value = evaluate(tree, division, space.operands.decimals)
    except ZeroDivisionError as error:
        raise UserError(f"`{shorten(question)}` has no value: {error}") from error
    except ArithmeticError as error:
        reason = f"{error} (`space.division` is exact)" if is_dividing else _describe_operator("/", space)
        raise NotInSpaceError(question, reason) from error
    answer = answer_text(value, division, space.places)
    operators = list_operators(tree)
    return Facts(
        question=question,
        answer=answer,
        terms=len(operators) + 1,
        digits=count_digits(tree),
        carries=count_carries(tree, division),
        tree=tree,
        operands=list_operands(tree),
        operators=operators,
        # A bound holds for the answer that is written, after rounding.
        answer_value=Fraction(answer) if division == "decimal" else value,
    )


def check_membership(facts: Facts, space: SpaceRecipe) -> None:
    """Refuses an equation that the space does not contain.

    Raises:
        NotInSpaceError: says why.
    """
    question = facts.question
    if not space.terms.min <= facts.terms <= space.terms.max:
        terms = "1 term" if facts.terms == 1 else f"{facts.terms} terms"
        raise NotInSpaceError(question, f"it has {terms}, not {_describe_range(space.terms)}")
    for operator in facts.operators:
        if operator not in space.operators:
            raise NotInSpaceError(question, _describe_operator(operator, space))
    if "(" in question and not space.brackets:
        raise NotInSpaceError(question, "it has brackets")
    operands = Range(min=space.operands.min, max=space.operands.max)
    for operand in facts.operands:
        if not operands.contains(operand):
            raise NotInSpaceError(
                question, f"operand {_shorten(decimal_text(operand))} is not {_describe_range(operands)}"
            )
        if (operand * 10**space.operands.decimals) % 1:
            raise NotInSpaceError(
                question, f"operand {_shorten(decimal_text(operand))} {too_fine(space.operands.decimals)}"
            )
    if not space.answer.contains(facts.answer_value):
        raise NotInSpaceError(question, f"its answer {_shorten(facts.answer)} is not {_describe_range(space.answer)}")


def _describe_operator(operator: str, space: SpaceRecipe) -> str:
    return f"`{operator}` is none of the operators {' '.join(space.operators)}"


def _describe_range(limits: Range | Terms) -> str:
    low, high = (None if end is None else _shorten(str(end)) for end in (limits.min, limits.max))
    if low is None or high is None:
        return f"at least {low}" if high is None else f"at most {high}"
    return low if low == high else f"from {low} to {high}"


def _shorten(number: str) -> str:
    return shorten(number, max_length=30, unit="digits")
