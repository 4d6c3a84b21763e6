"""Worked solutions one line at a time: slow, obviously right, and the oracle of those that are written in bulk.

A worked solution is a chain of lines. Each line is an equation of the same value as the one before, one small step
further, until a number is left: the answer. docs/solutions.md explains the rules.
"""

from collections.abc import Iterator
from fractions import Fraction

from eqstream.data.errors import UserError
from eqstream.data.reference.evaluation import InexactDivisionError
from eqstream.data.reference.parsing import Number, Operation, Rational, Tree, decimal_places


def solution(tree: Tree, division: str = "exact") -> list[Tree]:
    """Returns all lines: the equation itself first, a number, its answer, last.

    Raises: as `next_line`.

    >>> from eqstream.data.reference.parsing import parse, render
    >>> for line in solution(parse("131 + 83 - 744 * 33")):
    ...     print(render(line))
    131 + 83 - 744 * 33
    214 - 744 * 33
    214 - 22320 - 744 * 3
    -22106 - 744 * 3
    -22106 - 2232
    -24338
    """
    return list(iterate_lines(tree, division))


def iterate_lines(tree: Tree, division: str = "exact") -> Iterator[Tree]:
    """Yields the lines of `solution` one after the other."""
    yield tree
    while isinstance(tree, Operation):
        tree = next_line(tree, division)
        yield tree


def next_line(tree: Tree, division: str = "exact") -> Tree:
    """Returns the line after `tree`, which differs by one step; a number has none and comes back as it is.

    The step is made at the first operation between two numbers, from the left. Nothing else changes, but for a sum or
    difference that this operation is the right side of: what is split off goes to its left side.

    Args:
        tree: The line.
        division: `exact` (any quotient with a finite decimal form) or `quotient` (the floor of each).

    Raises:
        ZeroDivisionError: The step divides by zero.
        InexactDivisionError: The step divides exactly, but the quotient has no finite decimal form.
        UserError: There are no rules for this `division`.

    >>> from eqstream.data.reference.parsing import parse, render
    >>> render(next_line(parse("5 * 84138 / 37")))
    '420690 / 37'
    >>> render(next_line(parse("84138 / 37"))), render(next_line(parse("9 - 84138 / 37")))
    ('2000 + (84138 - 37 * 2000) / 37', '9 - 2000 - (84138 - 37 * 2000) / 37')
    """
    if division not in ("exact", "quotient"):
        raise UserError(f"worked solutions need `division: exact` or `division: quotient`, got `{division}`")
    if isinstance(tree, Number):
        return tree
    operator, left, right = tree
    if isinstance(left, Operation):
        return Operation(operator, next_line(left, division), right)
    if isinstance(right, Operation):
        return _rewrite_right_side(operator, left, right, division)
    return _rewrite(operator, left.value, right.value, division)


def _rewrite_right_side(operator: str, left: Number, right: Operation, division: str) -> Operation:
    step = next_line(right, division)
    is_between_numbers = isinstance(right.left, Number) and isinstance(right.right, Number)
    if operator in "+-" and is_between_numbers and isinstance(step, Operation) and step.operator == "+":
        return Operation(operator, Operation(operator, left, step.left), step.right)
    return Operation(operator, left, step)


def _rewrite(operator: str, left: Rational, right: Rational, division: str) -> Tree:
    """Returns what takes the place of an operation: its value, a simpler operation, or a part plus a rest."""
    if operator == "+":
        return _number(left + right)
    if operator == "-":
        return _number(left - right)
    if operator == "*":
        return _multiply(left, right)
    return _divide(left, right, division)


def _multiply(left: Rational, right: Rational) -> Tree:
    if _has_one_digit(left) or _has_one_digit(right):
        return _number(left * right)
    if right < 0:
        return _operation("*", -left, -right)
    part = _leading_part(right)
    return Operation("+", _number(left * part), _operation("*", left, right - part))


def _divide(dividend: Rational, divisor: Rational, division: str) -> Tree:
    if divisor == 0:
        raise ZeroDivisionError(f"{dividend} is divided by zero")
    quotient = Fraction(dividend) / divisor
    if division == "exact" and decimal_places(quotient) is None:
        raise InexactDivisionError(f"{dividend} / {divisor} has no finite decimal form")
    if divisor.denominator != 1:
        scale = 10 ** (decimal_places(divisor) or 0)
        return _operation("/", dividend * scale, divisor * scale)
    if divisor < 0:
        return _operation("/", -dividend, -divisor)
    if dividend == 0 or divisor == 1 or abs(dividend) == divisor or (division == "quotient" and abs(quotient) < 1):
        return _number(quotient.__floor__() if division == "quotient" else quotient)
    part = _estimate(dividend, int(divisor))
    rest = Operation("-", _number(dividend), _operation("*", divisor, part))
    return Operation("+", _number(part), Operation("/", rest, _number(divisor)))


def _estimate(dividend: Rational, divisor: int) -> Rational:
    """Returns a first digit of the quotient, in its place: never larger than the true one, often the true one.

    It is that of dividing by the divisor's first two digits, raised by one, which takes no more than a look.

    >>> _estimate(84138, 37), _estimate(-148, 37), _estimate(4602, 599), _estimate(60, 59)
    (2000, -3, 7, 1)
    """
    raised = divisor
    if divisor >= 10:
        place = _place(divisor) // 10
        raised = (divisor // place + 1) * place
    smallest = min(1, _place(Fraction(dividend) / divisor))
    estimate = Fraction(abs(dividend)) / raised
    part = _leading_part(estimate) if estimate >= smallest else smallest
    return part if dividend > 0 else -part


def _has_one_digit(value: Rational) -> bool:
    """Returns whether no more than one digit of a number is not 0."""
    return value == 0 or _leading_part(value) == value


def _leading_part(value: Rational) -> Rational:
    """Returns a number with all digits but the first one set to 0.

    >>> _leading_part(-5678), str(_leading_part(Fraction("0.034")))
    (-5000, '3/100')
    """
    place = _place(value)
    part = _simplify(abs(value) // place * place)
    return part if value > 0 else -part


def _place(value: Rational) -> Rational:
    """Returns the place of the first digit that is not 0: the largest power of ten that is not above the magnitude."""
    magnitude = abs(Fraction(value))
    place = Fraction(10) ** (len(str(magnitude.numerator)) - len(str(magnitude.denominator)))
    return _simplify(place if place <= magnitude else place / 10)


def _operation(operator: str, left: Rational, right: Rational) -> Operation:
    return Operation(operator, _number(left), _number(right))


def _number(value: Rational) -> Number:
    return Number(_simplify(value))


def _simplify(value: Rational) -> Rational:
    return value.numerator if value.denominator == 1 else value
