"""What a step makes of a fraction whose sides are split into prime factors: in spaces with two terms.

Which rule applies to a line is told by its own numbers: a side is being split while its last factor alone is
composite, and being multiplied out while its first one is. docs/solutions.md has the rules.
"""

from fractions import Fraction
from functools import reduce
from math import gcd, prod

from eqstream.data.reference.parsing import Number, Operation, Rational, Tree
from eqstream.data.reference.step_rules import make_number

# Sides with more digits than this has are not split.
_LARGEST = 999


def factor(line: Operation) -> tuple[Tree, str] | None:
    """Returns the line after one whose sides are numbers or products, and the kind of the step that leads there.

    None where other rules apply: what is to be multiplied out, too large or no fraction.

    >>> from eqstream.data.reference.parsing import parse, render
    >>> for text in ("12 / 90", "2 * 6 / 90", "2 * 2 * 3 / (2 * 3 * 15)", "2 * 2 * 3 / (2 * 3 * 3 * 5)"):
    ...     line, kind = factor(parse(text))
    ...     print(kind, render(line), sep=": ")
    prime factor: 2 * 6 / 90
    prime factor: 2 * 2 * 3 / 90
    prime factor: 2 * 2 * 3 / (2 * 3 * 3 * 5)
    common factor: 2 * 3 / (3 * 3 * 5)
    """
    above, below = _list_factors(line.left), _list_factors(line.right)
    if line.operator != "/" or not above or not below or max(abs(prod(above)), abs(prod(below))) > _LARGEST:
        return None
    if len(above) == len(below) == 1:
        return _begin(*above, *below)
    # A sign, or a 1, may stand before the other factors of the numerator.
    body = above[1:] if abs(above[0]) == 1 and len(above) > 1 else [abs(above[0]), *above[1:]]
    return _factor(above, body, below) if min(below) > 1 and (above == [1] or above == [-1] or min(body) > 1) else None


def close(line: Tree) -> Tree:
    """Returns a line as it is written: a fraction by itself as the answer, or behind `1 *` if not in lowest terms.

    So a fraction that a step leaves by itself is always the answer.

    >>> from eqstream.data.reference.parsing import parse, render
    >>> close(parse("-14 / 15")), render(close(parse("-42 / 45"))), render(close(parse("14 / (3 * 5)")))
    (Number(value=Fraction(-14, 15)), '-1 * 42 / 45', '14 / (3 * 5)')
    """
    match line:
        case Operation("/", Number(above), Number(below)) if above.denominator == below.denominator == 1 and below > 0:
            above, below = int(above), int(below)
            if gcd(above, below) == 1 or above == 0 or abs(above) == below:
                return make_number(Fraction(above, below))
            return _write_sign(above, below)
        case _:
            return line


def reopen(line: Tree) -> Tree:
    """Returns the fraction that `close` has written otherwise, and any other line as it is."""
    match line:
        case Number(value) if value.denominator > 1:
            return Operation("/", Number(value.numerator), Number(value.denominator))
        case Operation("/", Operation("*", Number(1 | -1 as sign), Number(above)), Number(below)):
            return Operation("/", Number(sign * above), Number(below))
        case _:
            return line


def drop_sign(line: Operation) -> Operation:
    """Returns a line without the `1 *` or `-1 *` before a fraction that is too large to be split; others stay.

    >>> from eqstream.data.reference.parsing import parse, render
    >>> render(drop_sign(parse("-1 * 4200 / 45"))), render(drop_sign(parse("-1 * 42 / 45")))
    ('-4200 / 45', '-1 * 42 / 45')
    """
    match reopen(line):
        case Operation("/", Number(above), Number(below)) as fraction if max(abs(above), abs(below)) > _LARGEST:
            return fraction
        case _:
            return line


def _begin(above: int, below: int) -> tuple[Tree, str] | None:
    """Returns the line after a fraction of two numbers, and the kind of the step."""
    if below == 0:
        return None
    if above == 0 or abs(above) == abs(below) or abs(below) == 1:
        return make_number(Fraction(above, below)), "quotient"
    if abs(above) == 1 or not (_is_composite(abs(above)) or _is_composite(abs(below))):
        return make_number(Fraction(above, below)), "lowest terms"
    if above < 0 or below < 0:
        return _write_sign(-above if below < 0 else above, abs(below)), "sign change"
    return _factor([above], [above], [below])


def _factor(above: list[int], body: list[int], below: list[int]) -> tuple[Tree, str] | None:
    """Returns the line after a fraction with these factors, and the kind of the step.

    Args:
        above: the factors of the numerator.
        body: the same without a sign.
        below: those of the denominator.
    """
    # One number above several factors has been multiplied out.
    is_split_above = not any(map(_is_composite, body)) or (len(above) == 1 and len(below) > 1)
    if not is_split_above and not any(map(_is_composite, body[:-1])):
        return _write(above[:-1] + _split(above[-1]), below), "prime factor"
    if any(map(_is_composite, body + below[:-1])):
        return None
    if _is_composite(below[-1]):
        return _write(above, below[:-1] + _split(below[-1])), "prime factor"
    common = set(body) & set(below)
    return (_cancel(above, below, min(common)), "common factor") if common else None


def _cancel(above: list[int], below: list[int], prime: int) -> Tree:
    sign = -1 if above[0] < 0 else 1
    above, below = [abs(factor) for factor in above], below.copy()
    above.remove(prime)
    below.remove(prime)
    above = above or [1]
    return _write([sign * above[0], *above[1:]], below)


def _write(above: list[int], below: list[int]) -> Tree:
    return close(Operation("/", _join(above), _join(below))) if below else _join(above)


def _join(factors: list[int]) -> Tree:
    """Returns the product of factors."""
    return reduce(lambda left, right: Operation("*", left, right), map(Number, factors))  # pyright: ignore[reportReturnType, reportArgumentType]


def _write_sign(above: int, below: int) -> Operation:
    return Operation("/", _join([1 if above > 0 else -1, abs(above)]), Number(below))


def _list_factors(tree: Tree) -> list[int] | None:
    """Returns the factors of a product of whole numbers, of which only the first may be below 0; else None."""
    factors: list[Rational] = []
    while isinstance(tree, Operation) and tree.operator == "*" and isinstance(tree.right, Number):
        factors.insert(0, tree.right.value)
        tree = tree.left
    if not isinstance(tree, Number):
        return None
    is_whole = all(factor.denominator == 1 for factor in (tree.value, *factors))
    return [int(tree.value), *map(int, factors)] if is_whole and min(factors, default=1) > 0 else None


def _split(number: int) -> list[int]:
    prime = _smallest_prime(number)
    return [prime, number // prime]


def _is_composite(number: int) -> bool:
    return number > 1 and _smallest_prime(number) < number


def _smallest_prime(number: int) -> int:
    return next(factor for factor in range(2, number + 1) if number % factor == 0)
