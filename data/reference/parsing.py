"""The tree of an equation and its text, which determine each other; slow, and free of numpy.

The grammar is the usual left-associative one:

    sum      := product (("+" | "-") product)*
    product  := factor (("*" | "/") factor)*
    factor   := number | "(" sum ")"
    number   := "-"? digit+ ("." digit+)?

A minus sign exists only as part of a number, and only where a number may stand: `3 - -5`, `3--5`.
"""

import re
from fractions import Fraction
from typing import NamedTuple, NoReturn, TypeAlias

from eqstream.data.errors import UserError

Rational: TypeAlias = int | Fraction
Tree: TypeAlias = "Number | Operation"

MAX_TERMS = 400  # most functions on trees recurse and must stay clear of Python's recursion limit
MAX_DIGITS = 400  # of a number; Python refuses to turn very long texts into numbers
_PRECEDENCE = {"(": 0, ")": 1, "+": 2, "-": 2, "*": 3, "/": 3}
_OPERAND = re.compile(r" *(\(|-?[0-9]+(?:\.[0-9]+)?)").match
_NUMBERS = re.compile(r"[0-9]+(?:\.[0-9]+)?").findall
_OPERATOR = re.compile(r" *([-+*/)])").match


class Number(NamedTuple):
    """A leaf: an operand with a finite decimal, an `int` wherever it is whole."""

    value: Rational


class Operation(NamedTuple):
    """An inner node: one of `+ - * /` and its two operands."""

    operator: str
    left: Tree
    right: Tree


def parse(text: str) -> Tree:
    """Returns the tree of an equation's text.

    Any number of spaces may stand around numbers, operators and brackets; needless brackets and zeros are
    accepted (see `parse_strict`).

    >>> parse(" 31 + 87 ")
    Operation(operator='+', left=Number(value=31), right=Number(value=87))
    >>> render(parse("(1+2)+(3*4)--5"))
    '1 + 2 + 3 * 4 - -5'

    Raises:
        UserError: `text` is no equation; one line that names the position, counted from 1.
    """
    if len(text) > MAX_TERMS:
        _check_size(text)
    operands: list[Tree] = []
    pending: list[str] = []
    opened: list[int] = []
    position = 0
    while True:
        match = _OPERAND(text, position)
        if match is None:
            _refuse_operand(text, position)
        token = match[1]
        position = match.end()
        if token == "(":
            pending.append(token)
            opened.append(position)
            continue
        operands.append(Number(_read_number(token)))
        while match := _OPERATOR(text, position):
            token = match[1]
            position = match.end()
            _reduce(operands, pending, _PRECEDENCE[token])
            if token != ")":
                pending.append(token)
                break
            if not pending:
                _refuse(text, "the bracket closed", position - 1, "was never opened")
            pending.pop()
            opened.pop()
        else:
            if text[position:].strip(" "):
                _refuse_operator(text, position)
            if opened:
                _refuse(text, "the bracket opened", opened[-1] - 1, "is never closed")
            _reduce(operands, pending, 0)
            return operands[0]


def _check_size(text: str) -> None:
    numbers = _NUMBERS(text)
    if len(numbers) > MAX_TERMS:
        raise UserError(f"{_quote(text)} has more than {MAX_TERMS} terms")
    if max(map(len, numbers), default=0) > MAX_DIGITS:
        raise UserError(f"{_quote(text)} has a number of more than {MAX_DIGITS} digits")


def _reduce(operands: list[Tree], pending: list[str], precedence: int) -> None:
    while pending and _PRECEDENCE[pending[-1]] >= precedence:
        right = operands.pop()
        operands[-1] = Operation(pending.pop(), operands[-1], right)


def _read_number(token: str) -> Rational:
    whole, point, decimals = token.partition(".")
    if not point:
        return int(whole)
    value = Fraction(int(whole + decimals), 10 ** len(decimals))
    return value.numerator if value.denominator == 1 else value


def _refuse_operand(text: str, position: int) -> NoReturn:
    position += len(text[position:]) - len(text[position:].lstrip(" "))
    character = text[position : position + 1]
    if not text.strip(" "):
        raise UserError(f"{_quote(text)} is not an equation: it is empty")
    if not character or character in _PRECEDENCE:
        _refuse(text, "a number is missing", position)
    _refuse_character(text, position)


def _refuse_operator(text: str, position: int) -> NoReturn:
    position += len(text[position:]) - len(text[position:].lstrip(" "))
    if text[position] == "(" or text[position] in "0123456789":
        _refuse(text, "an operator is missing", position)
    _refuse_character(text, position)


def _refuse_character(text: str, position: int) -> NoReturn:
    if text[position] == ".":
        _refuse(text, "the point", position, "needs a digit on both sides")
    _refuse(text, f"unknown character {text[position]!r}", position)


def _refuse(text: str, what: str, position: int, why: str = "") -> NoReturn:
    raise UserError(f"{_quote(text)} is not an equation: {what} at position {position + 1} {why}".rstrip())


def _quote(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")


def parse_strict(text: str, spacing: bool = True) -> Tree:
    """Returns the tree of a text that is exactly what `render` prints for it.

    >>> parse_strict("3 - -5")
    Operation(operator='-', left=Number(value=3), right=Number(value=-5))

    Raises:
        UserError: `text` is no equation, or not the one text of its equation.
    """
    tree = parse(text)
    canonical_text = render(tree, spacing)
    if canonical_text != text:
        raise UserError(f"{_quote(text)} is not how this equation is written: expected {_quote(canonical_text)}")
    return tree


def render(tree: Tree, spacing: bool = True) -> str:
    """Returns the text with the fewest brackets that `parse` reads back as the same tree.

    >>> render(Operation("-", Number(1), Operation("-", Number(2), Number(-3))))
    '1 - (2 - -3)'
    >>> render(Operation("*", Operation("+", Number(1), Number(2)), Number(3)), spacing=False)
    '(1+2)*3'
    """
    if isinstance(tree, Number):
        return decimal_text(tree.value)
    operator, left, right = tree
    left_text = render(left, spacing)
    if isinstance(left, Operation) and _PRECEDENCE[left.operator] < _PRECEDENCE[operator]:
        left_text = f"({left_text})"
    right_text = render(right, spacing)
    if isinstance(right, Operation) and _PRECEDENCE[right.operator] <= _PRECEDENCE[operator]:
        right_text = f"({right_text})"
    return f"{left_text} {operator} {right_text}" if spacing else f"{left_text}{operator}{right_text}"


def decimal_text(value: Rational) -> str:
    """Returns the shortest decimal form of a value that has a finite one.

    >>> decimal_text(-7), decimal_text(Fraction(5, 2)), decimal_text(Fraction(-1, 400))
    ('-7', '2.5', '-0.0025')

    Raises:
        ValueError: `value` has no finite decimal form.
    """
    if isinstance(value, int):
        return str(value)
    places = decimal_places(value)
    if places is None:
        raise ValueError(f"`value` must have a finite decimal form, got {value}")
    if places == 0:
        return str(value)
    digits = str(abs(int(value * 10**places))).zfill(places + 1)
    return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"


def decimal_places(value: Rational) -> int | None:
    """Returns how many digits after the point `value` needs, or None where no number is enough.

    >>> decimal_places(12), decimal_places(Fraction(1, 8)), decimal_places(Fraction(1, 3))
    (0, 3, None)
    """
    rest = value.denominator
    if rest == 1:
        return 0
    twos = fives = 0
    while rest % 2 == 0:
        rest //= 2
        twos += 1
    while rest % 5 == 0:
        rest //= 5
        fives += 1
    return max(twos, fives) if rest == 1 else None
