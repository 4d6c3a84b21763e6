"""What a step of a worked solution makes of one operation between two numbers."""

from fractions import Fraction
from math import gcd

from eqstream.data.reference.evaluation import InexactDivisionError
from eqstream.data.reference.parsing import Number, Operation, Rational, Tree, decimal_places

# Whole quotients of a dividend nearer to 0 than this are known without a division, where fractions are cancelled.
_KNOWN = 100
# Common factors are looked for up to here; where all are larger, both sides are divided by their product at once.
_LARGEST_FACTOR = 1000


def rewrite(operator: str, left: Rational, right: Rational, *, division: str) -> "Tree | None":
    """Returns what takes the place of an operation: its value, a simpler operation, or a part plus a rest.

    None where it stays: a fraction, if `division` is `decimal` (then not in lowest terms) or `fraction`.

    Raises: as `eqstream.data.reference.solution.next_line`.
    """
    if operator == "+":
        return make_number(left + right)
    if operator == "-":
        return make_number(left - right)
    if operator == "*":
        return _multiply(left, right)
    return _divide(left, right, division)


def _multiply(left: Rational, right: Rational) -> Tree:
    if has_one_digit(left) or has_one_digit(right):
        return make_number(left * right)
    if right < 0:
        return _operation("*", -left, -right)
    part = leading_part(right)
    return Operation("+", make_number(left * part), _operation("*", left, right - part))


def _divide(dividend: Rational, divisor: Rational, division: str) -> "Tree | None":
    if divisor == 0:
        raise ZeroDivisionError(f"{dividend} is divided by zero")
    quotient = Fraction(dividend) / divisor
    if division == "exact" and decimal_places(quotient) is None:
        raise InexactDivisionError(f"{dividend} / {divisor} has no finite decimal form")
    places = max(decimal_places(side) or 0 for side in ((dividend, divisor) if division == "fraction" else (divisor,)))
    if places:
        return _operation("/", dividend * 10**places, divisor * 10**places)
    if divisor < 0:
        return _operation("/", -dividend, -divisor)
    if division == "quotient" and (divisor == 1 or abs(quotient) < 1):
        return Number(dividend // divisor)
    if dividend == 0 or divisor == 1 or abs(dividend) == divisor:
        return make_number(quotient)
    if division == "fraction" and quotient.denominator > 1:
        return _cancel(int(dividend), int(divisor))
    if division == "fraction" and abs(dividend) < _KNOWN:
        return make_number(quotient)
    return None if division == "decimal" else split_quotient(dividend, divisor)


def split_quotient(dividend: Rational, divisor: Rational) -> Operation:
    """Returns the sum of a digit of the quotient, in its place, and the quotient of what is left.

    The divisor is whole and above 1, the dividend is not 0.
    """
    part = _estimate(dividend, int(divisor))
    rest = Operation("-", make_number(dividend), _operation("*", divisor, part))
    return Operation("+", make_number(part), Operation("/", rest, make_number(divisor)))


def _cancel(dividend: int, divisor: int) -> Operation | None:
    """Returns the quotient of both sides divided by their smallest common prime, None in lowest terms.

    >>> from eqstream.data.reference.parsing import render
    >>> render(_cancel(84, 126)), _cancel(2, 3)
    ('84 / 2 / (126 / 2)', None)
    """
    common = gcd(dividend, divisor)
    if common == 1:
        return None
    factor = next((factor for factor in range(2, _LARGEST_FACTOR) if common % factor == 0), common)
    return Operation("/", _operation("/", dividend, factor), _operation("/", divisor, factor))


def _estimate(dividend: Rational, divisor: int) -> Rational:
    """Returns a first digit of the quotient, in its place: never larger than the true one, often the true one.

    It is that of dividing by the divisor's first two digits, raised by one, which takes no more than a look.

    >>> _estimate(84138, 37), _estimate(-148, 37), _estimate(4602, 599), _estimate(60, 59)
    (2000, -3, 7, 1)
    """
    raised = divisor
    if divisor >= 10:
        place = first_place(divisor) // 10
        raised = (divisor // place + 1) * place
    smallest = min(1, first_place(Fraction(dividend) / divisor))
    estimate = Fraction(abs(dividend)) / raised
    part = leading_part(estimate) if estimate >= smallest else smallest
    return part if dividend > 0 else -part


def has_one_digit(value: Rational) -> bool:
    """Returns whether no more than one digit of a number is not 0."""
    return value == 0 or leading_part(value) == value


def leading_part(value: Rational) -> Rational:
    """Returns a number with all digits but the first one set to 0.

    >>> leading_part(-5678), str(leading_part(Fraction("0.034")))
    (-5000, '3/100')
    """
    place = first_place(value)
    part = _simplify(abs(value) // place * place)
    return part if value > 0 else -part


def first_place(value: Rational) -> Rational:
    """Returns the place of the first digit that is not 0: the largest power of ten that is not above the magnitude."""
    magnitude = abs(Fraction(value))
    place = Fraction(10) ** (len(str(magnitude.numerator)) - len(str(magnitude.denominator)))
    return _simplify(place if place <= magnitude else place / 10)


def _operation(operator: str, left: Rational, right: Rational) -> Operation:
    return Operation(operator, make_number(left), make_number(right))


def make_number(value: Rational) -> Number:
    """Returns a number that is an `int` if it is whole."""
    return Number(_simplify(value))


def _simplify(value: Rational) -> Rational:
    return value.numerator if value.denominator == 1 else value
