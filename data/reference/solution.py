"""Worked solutions one line at a time: slow, obviously right, and the oracle of those that are written in bulk.

A worked solution is a chain of lines. Each line is an equation of the same value as the one before, one small step
further, until a number is left: the answer. docs/solutions.md explains the rules.
"""

from collections.abc import Iterator
from fractions import Fraction

from eqstream.data.reference.evaluation import answer_text
from eqstream.data.reference.factored_fractions import close, drop_sign, factor
from eqstream.data.reference.fraction_rules import combine
from eqstream.data.reference.parsing import Number, Operation, Rational, Tree, decimal_places, render
from eqstream.data.reference.step_rules import make_number, rewrite, split_quotient


def solution(tree: Tree, division: str = "exact", places: int = 0, *, factored: bool = False) -> list[Tree]:
    """Returns all lines: the equation itself first, a number, its answer, last.

    Args:
        tree: the equation.
        division: as of `next_line`.
        places: as of `next_line`.
        factored: as of `next_line`.

    Raises: as `next_line`.

    >>> from eqstream.data.reference.parsing import parse
    >>> for line in solution(parse("131 + 83 - 744 * 33")):
    ...     print(line_text(line))
    131 + 83 - 744 * 33
    214 - 744 * 33
    214 - 22320 - 744 * 3
    -22106 - 744 * 3
    -22106 - 2232
    -24338
    """
    return list(iterate_lines(tree, division, places, factored=factored))


def iterate_lines(tree: Tree, division: str = "exact", places: int = 0, *, factored: bool = False) -> Iterator[Tree]:
    """Yields the lines of `solution` one after the other."""
    yield tree
    while (following := next_line(tree, division, places, factored=factored)) != tree:
        yield following
        tree = following


def line_text(line: Tree, division: str = "exact", spacing: bool = True) -> str:
    """Returns the text of a line; a number that is a `fraction` has numerator and denominator, without spaces.

    >>> line_text(Operation("/", Number(2), Number(3)), "fraction"), line_text(Number(Fraction(2, 3)), "fraction")
    ('2 / 3', '2/3')
    """
    if isinstance(line, Number):
        return answer_text(line.value, "fraction" if division == "fraction" else "exact")
    return render(line, spacing)


def next_line(tree: Tree, division: str = "exact", places: int = 0, *, factored: bool = False) -> Tree:
    """Returns the line after `tree`, which differs by one step; an answer has none and comes back as it is.

    The step is made at the first operation, from the left, that it can be made at. Nothing else changes, but for a sum
    or difference that this operation is the right side of: what is split off goes to its left side.

    Args:
        tree: The line.
        division: `exact` (any quotient with a finite decimal form), `quotient` (the floor of each), `decimal` or
            `fraction`.
        places: Digits after the point of an answer; matters for `decimal` alone.
        factored: Whether both sides of a fraction are split into prime factors; for `fraction` alone, where
            `SpaceRecipe.factors_fractions`.

    Raises:
        ZeroDivisionError: The step divides by zero.
        InexactDivisionError: The step divides exactly, but the quotient has no finite decimal form.

    >>> from eqstream.data.reference.parsing import parse
    >>> render(next_line(parse("84138 / 37"))), render(next_line(parse("9 - 84138 / 37")))
    ('2000 + (84138 - 37 * 2000) / 37', '9 - 2000 - (84138 - 37 * 2000) / 37')
    """
    if isinstance(tree, Number):
        return _round(tree.value, places) if division == "decimal" else tree
    if division == "decimal" and (line := _divide_to_places(tree, places)):
        return line
    if factored:
        if found := factor(tree):
            return found[0]
        tree = drop_sign(tree)
    if division == "fraction" and (terms := _terms(tree, division)):
        return Number(Fraction(*terms))
    line = _step(tree, division)
    if isinstance(line, Number) and answer_text(line.value, division, places) != render(line):
        return Operation("/", line, Number(1))
    return close(line) if factored else line


def _step(tree: Operation, division: str) -> Tree:
    operator, left, right = tree
    if isinstance(left, Operation) and not _terms(left, division):
        return Operation(operator, _step(left, division), right)
    if isinstance(right, Operation) and not _terms(right, division):
        step = _step(right, division)
        is_between_numbers = isinstance(right.left, Number) and isinstance(right.right, Number)
        return _join(operator, left, step) if is_between_numbers else Operation(operator, left, step)
    if isinstance(left, Number) and isinstance(right, Number):
        step = rewrite(operator, left.value, right.value, division=division)
        assert step is not None
        return step
    return combine(operator, left, right)


def _join(operator: str, left: Tree, right: Tree) -> Operation:
    """Returns the operation; if both are sums or differences, what the right side begins with goes to the left one."""
    if operator in "+-" and isinstance(left, Number) and isinstance(right, Operation) and right.operator == "+":
        return Operation(operator, Operation(operator, left, right.left), right.right)
    return Operation(operator, left, right)


def _terms(tree: Tree, division: str) -> tuple[Rational, Rational] | None:
    """Returns numerator and denominator of a fraction that is left as it is until it is combined, else None."""
    if division not in ("decimal", "fraction") or isinstance(tree, Number) or tree.operator != "/":
        return None
    if not (isinstance(tree.left, Number) and isinstance(tree.right, Number)):
        return None
    terms = tree.left.value, tree.right.value
    return terms if rewrite("/", *terms, division=division) is None else None


def _divide_to_places(tree: Operation, places: int) -> "Tree | None":
    """Returns the line after a fraction that is all there is, or all but a number it is added to; else None."""
    operator, left, right = tree
    if operator == "/" and isinstance(left, Number) and right == Number(1):
        return _round(left.value, places)
    if operator in "+-" and isinstance(left, Number) and (terms := _terms(right, "decimal")):
        total, quotient = Fraction(left.value), Fraction(*terms)
        finest = max(places + 1, decimal_places(total) or 0)
        if abs(quotient) < Fraction(1, 10**finest):
            return _round(total - quotient if operator == "-" else total + quotient, places)
        return _join(operator, left, split_quotient(*terms))
    if terms := _terms(tree, "decimal"):
        is_small = abs(Fraction(*terms)) < Fraction(1, 10 ** (places + 1))
        return Number(0) if is_small else split_quotient(*terms)
    return None


def _round(value: Rational, places: int) -> Number:
    return make_number(round(Fraction(value), places))
