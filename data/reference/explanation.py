"""What is wrong with a line of a worked solution that a model wrote, as a sentence for people."""

from eqstream.data.errors import UserError
from eqstream.data.reference.evaluation import evaluate
from eqstream.data.reference.parsing import (
    MAX_DIGITS,
    Number,
    Operation,
    Rational,
    Tree,
    decimal_places,
    decimal_text,
    parse_strict,
    render,
)
from eqstream.data.reference.solution import line_text, next_line


def explain(tree: Tree, line: str, *, division: str = "exact", places: int = 0, spacing: bool = True) -> str | None:
    """Returns why `line` is not the line after `tree`, in words that follow its text and a colon; None where it is.

    Args:
        tree: The line before.
        line: What was written after it.
        division: As of `next_line`.
        places: As of `next_line`.
        spacing: Whether spaces stand around operators.

    >>> from eqstream.data.reference.parsing import parse
    >>> explain(parse("80 + (4602 - 4130) / 59"), "80 + 482 / 59")
    'its value is 5202/59, not 88: 4602 - 4130 is 472, the line has 482'
    >>> explain(parse("1 + 2 + 3"), "1 + 5")
    'its value is right, but this is not the next step: 1 + 2 + 3 becomes 3 + 3, the line has 1 + 5'
    """
    try:
        step = next_line(tree, division, places)
        if line == line_text(step, division, spacing):
            return None
        values = _value(tree, division), _value(step, division)
    except ArithmeticError as error:
        return f"the line before it has no answer: {error}"
    try:
        found = _read(line, step, division=division, spacing=spacing)
        found_value = _value(found, division)
    except UserError as error:
        return str(error)
    except ZeroDivisionError:
        return "it has no value: it divides by zero"
    judgement = "its value is right, but this is not the next step"
    # They differ where the step rounds; to leave that out is no mistake in the value.
    if found_value not in values:
        judgement = f"its value is {_value_text(found_value, division)}, not {_value_text(values[1], division)}"
    before, after, there = _narrow(tree, step, found)
    verb = "stays" if before == after else "is" if isinstance(after, Number) else "becomes"
    becomes = "" if before == after else f" {line_text(after, division, spacing)}"
    has = line if there is found else render(there, spacing)
    return f"{judgement}: {render(before, spacing)} {verb}{becomes}, the line has {has}"


def _read(line: str, step: Tree, *, division: str, spacing: bool) -> Tree:
    # The answer of a `fraction` is written without spaces.
    is_answer = division == "fraction" and isinstance(step, Number)
    return parse_strict(line, spacing and not (is_answer and "/" in line and " " not in line))


def _value(tree: Tree, division: str) -> Rational:
    # A wrong line may divide inexactly where the space does not; it has a value all the same.
    return evaluate(tree, "quotient" if division == "quotient" else "fraction")


def _value_text(value: Rational, division: str) -> str:
    if max(abs(value.numerator), value.denominator) >= 10**MAX_DIGITS:
        return f"a number of more than {MAX_DIGITS} digits"
    return str(value) if division == "fraction" or decimal_places(value) is None else decimal_text(value)


def _narrow(before: Tree, after: Tree, found: Tree) -> tuple[Tree, Tree, Tree]:
    """Returns the smallest part that tells where a line went wrong: before the step, after it, and as the line has it.

    The first two are the same where the line has changed what stays as it is.
    """
    while isinstance(before, Operation) and isinstance(after, Operation) and isinstance(found, Operation):
        is_same_operator = before.operator == after.operator == found.operator
        if not is_same_operator or (before.left != after.left and before.right != after.right):
            break
        if after.left == found.left:
            before, after, found = before.right, after.right, found.right
        elif after.right == found.right:
            before, after, found = before.left, after.left, found.left
        else:
            break
    return before, after, found
