"""Equations one at a time: the tree, its text, its exact value. Slow, obviously right, and free of numpy.

Everything that is produced in bulk elsewhere is checked against this module, so it shares no code with it. The
tree and its text come from `eqstream.data.reference.parsing`.
"""

from fractions import Fraction
from itertools import product

from eqstream.data.reference.parsing import (
    Number,
    Operation,
    Rational,
    Tree,
    decimal_places,
    decimal_text,
    render,
)

COMMUTATIVE = "+*"


class InexactDivisionError(ArithmeticError):
    """A quotient that is off the operands' grid where the recipe asks for `exact` division."""


def list_operands(tree: Tree) -> list[Rational]:
    """Returns the operands in reading order.

    >>> from eqstream.data.reference.parsing import parse
    >>> list_operands(parse("31 + 87 * -2"))
    [31, 87, -2]
    """
    if isinstance(tree, Number):
        return [tree.value]
    return list_operands(tree.left) + list_operands(tree.right)


def list_operators(tree: Tree) -> str:
    """Returns the operators in reading order.

    >>> from eqstream.data.reference.parsing import parse
    >>> list_operators(parse("(1 + 2) * 3 - -4"))
    '+*-'
    """
    if isinstance(tree, Number):
        return ""
    return list_operators(tree.left) + tree.operator + list_operators(tree.right)


def count_digits(tree: Tree) -> int:
    """Returns the digits of the integer part of the longest operand; 0 has one.

    >>> from eqstream.data.reference.parsing import parse
    >>> count_digits(parse("-120.5 + 99")), count_digits(parse("0 * 0.25"))
    (3, 1)
    """
    return max(len(str(abs(int(value)))) for value in list_operands(tree))


def has_brackets(tree: Tree) -> bool:
    """Returns whether the tree's text needs a bracket.

    >>> from eqstream.data.reference.parsing import parse
    >>> has_brackets(parse("(1 * 2) + 3")), has_brackets(parse("1 + (2 + 3)"))
    (False, True)
    """
    return "(" in render(tree)


def evaluate(tree: Tree, division: str = "exact", decimals: int = 0) -> Rational:
    """Returns the exact value; rounding to `places` happens in `answer_text` alone.

    Args:
        tree: The equation.
        division: `exact` (each quotient must be a multiple of 10**-`decimals`), `quotient` (the floor at each
            node), `decimal` or `fraction` (exact rationals).
        decimals: The number of decimals of the operands' grid; matters for `exact` alone.

    Raises:
        ZeroDivisionError: A divisor is zero.
        InexactDivisionError: A quotient is off the grid under `exact`. Both say: not in any space.

    >>> from eqstream.data.reference.parsing import parse
    >>> evaluate(parse("(131 + 83) * 7 - 744 / 31"))
    1474
    >>> evaluate(parse("-7 / 2"), "quotient"), evaluate(parse("7 / 2 / 3"), "fraction")
    (-4, Fraction(7, 6))
    """
    if isinstance(tree, Number):
        return tree.value
    operator, left_tree, right_tree = tree
    left = evaluate(left_tree, division, decimals)
    right = evaluate(right_tree, division, decimals)
    if operator == "+":
        return left + right
    if operator == "-":
        return left - right
    if operator == "*":
        return left * right
    return _divide(left, right, division=division, decimals=decimals)


def _divide(dividend: Rational, divisor: Rational, *, division: str, decimals: int) -> Rational:
    if divisor == 0:
        raise ZeroDivisionError(f"{dividend} is divided by zero")
    if division == "quotient":
        return dividend // divisor
    quotient = Fraction(dividend, divisor)
    if division == "exact" and 10**decimals % quotient.denominator != 0:
        raise InexactDivisionError(f"{dividend} / {divisor} {too_fine(decimals)}")
    return quotient.numerator if quotient.denominator == 1 else quotient


def too_fine(decimals: int) -> str:
    """Returns what is said of a number that is no multiple of 10**-`decimals`."""
    if decimals == 0:
        return "is not a whole number"
    return f"has more than {decimals} decimal{'s' if decimals > 1 else ''}"


def answer_text(value: Rational, division: str = "exact", places: int = 0) -> str:
    """Returns the answer as it is written for a value that `evaluate` gave.

    Args:
        value: The exact value.
        division: `decimal` rounds half-even to `places`, `fraction` writes lowest terms, all else is exact.
        places: Digits after the point; matters for `decimal` alone.

    Raises:
        ValueError: `value` has no finite decimal form under `exact` or `quotient`.

    >>> answer_text(Fraction(7, 3), "fraction"), answer_text(Fraction(6, 3), "fraction")
    ('7/3', '2')
    >>> answer_text(Fraction(1, 8), "decimal", 2), answer_text(Fraction(-1, 300), "decimal", 2)
    ('0.12', '0')
    """
    if division == "fraction":
        return str(value)
    return decimal_text(round(Fraction(value), places) if division == "decimal" else value)


def count_carries(tree: Tree, division: str = "exact") -> int:
    """Returns the carries and borrows of schoolbook base 10 in all `+` and `-` nodes together.

    A node adds magnitudes where both values count with the same sign, and takes the smaller from the larger
    otherwise. A carry into a new leading digit counts. Nodes above a `decimal` or `fraction` division count 0:
    their values have no grid of decimals to be written on.

    Raises:
        ZeroDivisionError: A divisor is zero.
        InexactDivisionError: A value under `exact` has no finite decimal form.

    >>> from eqstream.data.reference.parsing import parse
    >>> count_carries(parse("999 + 1")), count_carries(parse("100 - 1")), count_carries(parse("1 - 100"))
    (3, 2, 2)
    >>> count_carries(parse("5 - -7")), count_carries(parse("0.5 + 0.75"))
    (1, 1)
    """
    return _carries_and_value(tree, division)[0]


def _carries_and_value(tree: Tree, division: str) -> tuple[int, Rational | None]:
    """Returns the carries below `tree` and its value, which is None off any grid of decimals."""
    if isinstance(tree, Number):
        return 0, tree.value
    operator, left_tree, right_tree = tree
    left_carries, left = _carries_and_value(left_tree, division)
    right_carries, right = _carries_and_value(right_tree, division)
    carries = left_carries + right_carries
    if left is None or right is None or (operator == "/" and division in ("decimal", "fraction")):
        return carries, None
    if operator == "*":
        return carries, left * right
    if operator == "/":
        return carries, left // right if division == "quotient" else Fraction(left, right)
    if operator == "-":
        right = -right
    return carries + _count_node_carries(left, right), left + right


def _count_node_carries(first: Rational, second: Rational) -> int:
    if not (isinstance(first, int) and isinstance(second, int)):
        places = max(_require_places(first), _require_places(second))
        first, second = first * 10**places, second * 10**places
    larger, smaller = sorted((abs(int(first)), abs(int(second))), reverse=True)
    return _count_additions(larger, smaller) if (first < 0) == (second < 0) else _count_borrows(larger, smaller)


def _require_places(value: Rational) -> int:
    places = decimal_places(value)
    if places is None:
        raise InexactDivisionError(f"{value} has no finite decimal form")
    return places


def _count_additions(first: int, second: int) -> int:
    count = carry = 0
    while first or second:
        carry = int(first % 10 + second % 10 + carry >= 10)
        count += carry
        first //= 10
        second //= 10
    return count


def _count_borrows(larger: int, smaller: int) -> int:
    count = borrow = 0
    while larger:
        borrow = int(larger % 10 - smaller % 10 - borrow < 0)
        count += borrow
        larger //= 10
        smaller //= 10
    return count


def canonical_key(tree: Tree) -> str:
    """Returns a text that two trees share exactly when they are commuted twins.

    It is the fully bracketed text of one of the twins: the children of `+` and `*` in the order of their texts. Which
    one it is has no meaning of its own, and need not be the member that a dataset keeps.

    >>> from eqstream.data.reference.parsing import parse
    >>> canonical_key(parse("31 + 87 * 5"))
    '((5*87)+31)'
    """
    if isinstance(tree, Number):
        return decimal_text(tree.value)
    operator, left_tree, right_tree = tree
    left, right = canonical_key(left_tree), canonical_key(right_tree)
    if right < left and operator in COMMUTATIVE:
        left, right = right, left
    return f"({left}{operator}{right})"


def twins(tree: Tree) -> frozenset[Tree]:
    """Returns all trees equal to `tree` up to swapping the children of `+` and `*`, itself among them.

    >>> from eqstream.data.reference.parsing import parse
    >>> sorted(render(twin) for twin in twins(parse("1 + 2 * 3")))
    ['1 + 2 * 3', '1 + 3 * 2', '2 * 3 + 1', '3 * 2 + 1']
    """
    if isinstance(tree, Number):
        return frozenset([tree])
    operator = tree.operator
    pairs = list(product(twins(tree.left), twins(tree.right)))
    members = [Operation(operator, left, right) for left, right in pairs]
    if operator in COMMUTATIVE:
        members += [Operation(operator, right, left) for left, right in pairs]
    return frozenset(members)
