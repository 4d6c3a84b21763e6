"""What is hard about one equation in writing, told digit by digit; see `eqstream.data.space.written_digits`."""

from fractions import Fraction
from typing import NamedTuple

from eqstream.data.reference.evaluation import evaluate, list_operands, list_operators
from eqstream.data.reference.parsing import Number, Rational, Tree, decimal_places, decimal_text


class WrittenDigits(NamedTuple):
    """Of one equation: places of its longest carry chain, its zero borrows, the digits of its quotients."""

    longest_carry_chain: int
    zero_borrows: int
    quotient_digits: frozenset[int]


def find_written_digits(tree: Tree, division: str = "exact", decimals: int = 0) -> WrittenDigits:
    """Returns what is hard about an equation that has an answer.

    Sums and differences above a `decimal` or `fraction` division count nothing, as they have no carries.

    Args:
        tree: the equation.
        division: see `evaluate`.
        decimals: see `evaluate`.

    >>> from eqstream.data.reference.parsing import parse
    >>> find_written_digits(parse("999 + 1"))[:2], find_written_digits(parse("1000 - 1"))[:2]
    ((3, 0), (3, 2))
    >>> sorted(find_written_digits(parse("6363 / 7")).quotient_digits)
    [0, 9]
    """
    if isinstance(tree, Number):
        return WrittenDigits(0, 0, frozenset())
    left, right = (find_written_digits(side, division, decimals) for side in (tree.left, tree.right))
    chain = max(left.longest_carry_chain, right.longest_carry_chain)
    zeros = left.zero_borrows + right.zero_borrows
    digits = left.quotient_digits | right.quotient_digits
    has_grid = division in ("exact", "quotient") or "/" not in list_operators(tree)
    if tree.operator in "+-" and has_grid:
        first, second = (evaluate(side, division, decimals) for side in (tree.left, tree.right))
        own_chain, own_zeros = _write_out(first, second if tree.operator == "+" else -second)
        return WrittenDigits(max(chain, own_chain), zeros + own_zeros, digits)
    if tree.operator == "/" and has_grid:
        text = decimal_text(abs(evaluate(tree, division, decimals)))
        digits |= {int(digit) for digit in text if digit != "."}
    return WrittenDigits(chain, zeros, digits)


def _write_out(first: Rational, second: Rational) -> tuple[int, int]:
    """Returns the longest chain of carries or borrows of a sum, and its zero borrows."""
    unit = 10 ** max(decimal_places(first) or 0, decimal_places(second) or 0)
    lower, upper = sorted((int(abs(first * unit)), int(abs(second * unit))))
    width = len(str(upper))
    pairs = list(zip(reversed(str(upper)), reversed(str(lower).zfill(width)), strict=True))
    is_sum = (first < 0) == (second < 0)
    longest = zeros = chain = 0
    for above, below in ((int(one), int(other)) for one, other in pairs):
        if not is_sum and above == 0 and chain:
            zeros += 1
        starts = above + below > 9 if is_sum else above < below
        goes_on = above + below == 9 if is_sum else above == below
        if starts:
            chain = 1
        elif goes_on and chain:
            chain += 1
        else:
            chain = 0
        longest = max(longest, chain)
    return longest, zeros


def has_equal_operands(tree: Tree) -> bool:
    """Returns whether there are two or more operands, all equal."""
    operands = list_operands(tree)
    return len(operands) > 1 and len(set(operands)) == 1


def count_repeated(tree: Tree) -> int:
    """Returns how many operands are written with two or more digits that are all the same.

    >>> from eqstream.data.reference.parsing import parse
    >>> count_repeated(parse("-77 + 7 + 5.5 + 0.55 + 110"))
    2
    """
    digits = [decimal_text(abs(Fraction(value))).replace(".", "") for value in list_operands(tree)]
    return sum(len(text) > 1 and len(set(text)) == 1 for text in digits)
