"""Is a question one that the model's space contains, and what is its answer?"""

import re
from fractions import Fraction
from typing import NamedTuple

from eqstream.data.errors import UserError
from eqstream.data.recipe import SpaceRecipe
from eqstream.data.reference.evaluation import answer_text, evaluate, has_brackets, list_operands, list_operators
from eqstream.data.reference.parsing import Tree, decimal_text, parse, render

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


class KnownQuestion(NamedTuple):
    """A question in the space's own natural text, and its right answer."""

    question: str
    answer: str


def read_question(text: str, space: SpaceRecipe) -> KnownQuestion:
    """Returns the question that a person typed, in either spacing and spelling, as the space writes it.

    See `normalize_question` for the spellings.

    Raises:
        UserError: `text` is no equation (with the position), or the space does not contain it (with the reason).
    """
    tree = parse(normalize_question(text))
    question = render(tree, space.spacing)
    _check_form(question, tree, space)
    _check_operands(question, tree, space)
    division = space.division if "/" in space.operators else "exact"
    try:
        value = evaluate(tree, division, space.operands.decimals)
    except ArithmeticError as error:
        raise _not_contained(question, str(error)) from error
    answer = answer_text(value, division, space.places)
    # A bound holds for the answer that is written, after rounding.
    if not space.answer.contains(Fraction(answer)):
        raise _not_contained(question, f"its answer {answer} is not {_describe_range(space.answer)}")
    return KnownQuestion(question, answer)


def normalize_question(text: str) -> str:
    """Returns a typed question in the characters of the grammar.

    Full-width characters become ordinary ones, a multiplication sign, centred dot or dot operator ``*``, a division
    sign ``/``, a minus sign or en dash ``-``, a no-break space a space; one ``=`` at the end is dropped.

    >>> normalize_question("12 \u00d7 3 \u2212 4 =")
    '12 * 3 - 4'
    """
    return _END.sub("", text.translate(_SPELLINGS))


def _check_form(question: str, tree: Tree, space: SpaceRecipe) -> None:
    num_terms = len(list_operands(tree))
    if not space.terms.min <= num_terms <= space.terms.max:
        terms = "1 term" if num_terms == 1 else f"{num_terms} terms"
        raise _not_contained(question, f"it has {terms}, not {_describe_range(space.terms)}")
    for operator in list_operators(tree):
        if operator not in space.operators:
            raise _not_contained(question, f"`{operator}` is none of the operators {' '.join(space.operators)}")
    if has_brackets(tree) and not space.brackets:
        raise _not_contained(question, "it has brackets")


def _check_operands(question: str, tree: Tree, space: SpaceRecipe) -> None:
    for operand in list_operands(tree):
        if not space.operands.min <= operand <= space.operands.max:
            reason = f"operand {decimal_text(operand)} is not {_describe_range(space.operands)}"
            raise _not_contained(question, reason)
        if (operand * 10**space.operands.decimals) % 1:
            raise _not_contained(question, f"operand {decimal_text(operand)} {_too_fine(space.operands.decimals)}")


def _too_fine(decimals: int) -> str:
    if decimals == 0:
        return "is not a whole number"
    return f"has more than {decimals} decimal{'s' if decimals > 1 else ''}"


def _describe_range(limits) -> str:
    low, high = limits.min, limits.max
    if low is None or high is None:
        return f"at least {low}" if high is None else f"at most {high}"
    return str(low) if low == high else f"from {low} to {high}"


def _not_contained(question: str, reason: str) -> UserError:
    return UserError(f"the space does not contain `{question}`: {reason}")
