"""Texts of equations cut into numbers, operators and brackets, for a whole block of records at once.

All texts of a block are one run of bytes, and every step is a pass over that run. A text is understood where it can
only be what `eqstream.data.reference.parsing.render` writes, but for brackets that are not needed, which show when the
equation is evaluated. What is not understood may still be an equation: the reference decides.

| kind | stands for |
| --- | --- |
| `NUMBER` | a number with its sign, such as `-0.25` |
| `+ - * /` (`PLUS`, `MINUS`, `TIMES`, `OVER`) | an operator between two operands |
| `OPEN`, `CLOSE` | a bracket |
| `END` | the end of a record's text |
"""

import functools
from dataclasses import dataclass

import numpy as np

from eqstream.pipelines.checks.bulk.columns import Texts

END, NUMBER, PLUS, MINUS, TIMES, OVER, OPEN, CLOSE = range(8)
OPERATORS = {"+": PLUS, "-": MINUS, "*": TIMES, "/": OVER}
# A longer number might not fit in 63 bits.
MAX_DIGITS = 18

# Classes of bytes beside the kinds of tokens; a digit begins or goes on with a NUMBER.
_POINT, _SPACE, _OTHER = 8, 9, 10
_BYTE_TO_CLASS = dict(zip(b"+-*/(). ", (PLUS, MINUS, TIMES, OVER, OPEN, CLOSE, _POINT, _SPACE), strict=True))


@dataclass(frozen=True, eq=False)
class Tokens:
    """The tokens of n texts.

    Attributes:
        kinds: of all tokens, each text's followed by an `END`, uint8 (num_tokens + n,).
        first: the place of each text's first token in `kinds`, int64 (n,).
        counts: how many tokens each text has, without `END`, int64 (n,).
        first_number: the place of each text's first number in the arrays below, with the end, int64 (n + 1,).
        steps: the digits of each number as a whole number with its sign, int64 (num_numbers,).
        places: how many of the digits stand behind the point, int64 (num_numbers,).
        whole_digits: how many stand before it, int64 (num_numbers,).
        is_understood: whether nothing but brackets could be wrong with a text, bool (n,).
    """

    kinds: np.ndarray
    first: np.ndarray
    counts: np.ndarray
    first_number: np.ndarray
    steps: np.ndarray
    places: np.ndarray
    whole_digits: np.ndarray
    is_understood: np.ndarray

    def kind_texts(self) -> Texts:
        """Returns the kinds of each text's tokens as a text of its own, which says how the equation is built."""
        return Texts(self.kinds, np.append(self.first, len(self.kinds)))

    @property
    def num_numbers(self) -> np.ndarray:
        """How many numbers each text has, int64 (n,)."""
        return np.diff(self.first_number)


def read_tokens(texts: Texts, *, spacing: bool) -> Tokens:
    """Returns the tokens of texts.

    Args:
        texts: n texts.
        spacing: whether one space stands on each side of an operator; no other spaces are understood.
    """
    classes, before, behind = _classify(texts)
    is_digit = classes == NUMBER
    # A minus that a digit follows is a sign where a number may begin.
    could_begin = (before == END) | (before == OPEN) | (before == _SPACE if spacing else _is_operator(before))
    is_sign = (classes == MINUS) & (behind == NUMBER) & could_begin
    is_binary = _is_operator(classes) & ~is_sign
    # Every digit belongs to a number of its own text, even in texts that are not understood.
    goes_on = before == NUMBER
    is_inner_point = (classes == _POINT) & goes_on & (behind == NUMBER)
    goes_on[1:] |= is_sign[:-1] | is_inner_point[:-1]
    begins = is_sign | (is_digit & ~goes_on)
    is_token = begins | is_binary | (classes == OPEN) | (classes == CLOSE)
    positions = np.flatnonzero(is_token)
    is_good = _check_bytes(texts, classes=classes, before=before, behind=behind, is_binary=is_binary, spacing=spacing)
    kinds = np.where(begins, np.uint8(NUMBER), classes)[positions]
    return _assemble(
        texts, positions, kinds=kinds, is_digit=is_digit, points=np.flatnonzero(is_inner_point), is_good=is_good
    )


def _classify(texts: Texts) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the class of each byte, and of the one before and behind it, `END` where the text begins or ends."""
    classes = _class_of_byte()[texts.data]
    before, behind = np.empty_like(classes), np.empty_like(classes)
    before[1:], behind[:-1] = classes[:-1], classes[1:]
    has_bytes = texts.offsets[1:] > texts.offsets[:-1]
    before[texts.offsets[:-1][has_bytes]] = END
    behind[texts.offsets[1:][has_bytes] - 1] = END
    return classes, before, behind


@functools.cache
def _class_of_byte() -> np.ndarray:
    return np.array(
        [NUMBER if byte in b"0123456789" else _BYTE_TO_CLASS.get(byte, _OTHER) for byte in range(256)], np.uint8
    )


@functools.cache
def _may_follow() -> np.ndarray:
    """Returns whether a token of one kind may stand before one of another, bool (8, 8)."""
    table = np.zeros((8, 8), bool)
    table[np.ix_([END, PLUS, MINUS, TIMES, OVER, OPEN], [NUMBER, OPEN])] = True
    table[np.ix_([NUMBER, CLOSE], [PLUS, MINUS, TIMES, OVER, CLOSE, END])] = True
    return table


def _is_operator(classes: np.ndarray) -> np.ndarray:
    return (classes >= PLUS) & (classes <= OVER)


def _check_bytes(
    texts: Texts,
    *,
    classes: np.ndarray,
    before: np.ndarray,
    behind: np.ndarray,
    is_binary: np.ndarray,
    spacing: bool,
) -> np.ndarray:
    """Returns whether spaces and points of each text stand where they may, and no other character does, bool (n,)."""
    is_space = classes == _SPACE
    is_wrong = classes == _OTHER
    if spacing:
        is_wrong |= is_binary & ((before != _SPACE) | (behind != _SPACE))
        # With one on each side of every operator, and two for each, there is no other space; operators that share one
        # stand in a wrong order.
        is_good = np.ones(texts.num_texts, bool)
        if np.count_nonzero(is_space) != 2 * np.count_nonzero(is_binary):
            excess = is_space.astype(np.int8) - 2 * is_binary.astype(np.int8)
            is_good = _sum_by_text(excess, texts) == 0
    else:
        is_wrong |= is_space
        is_good = np.ones(texts.num_texts, bool)
    is_point = classes == _POINT
    if is_point.any():
        is_wrong |= is_point & ((before != NUMBER) | (behind != NUMBER))
    if is_wrong.any():
        is_good[np.searchsorted(texts.offsets, np.flatnonzero(is_wrong), side="right") - 1] = False
    return is_good


def _sum_by_text(values: np.ndarray, texts: Texts) -> np.ndarray:
    sums = np.zeros(len(values) + 1, np.int64)
    np.cumsum(values, out=sums[1:])
    return np.diff(sums[texts.offsets])


def _assemble(
    texts: Texts,
    positions: np.ndarray,
    *,
    kinds: np.ndarray,
    is_digit: np.ndarray,
    points: np.ndarray,
    is_good: np.ndarray,
) -> Tokens:
    num_texts = texts.num_texts
    edges = np.searchsorted(positions, texts.offsets)
    counts = np.diff(edges)
    first = edges[:-1] + np.arange(num_texts)
    row_of_token = np.repeat(np.arange(num_texts), counts)
    with_ends = np.full(len(kinds) + num_texts, END, np.uint8)
    with_ends[np.arange(len(kinds)) + row_of_token] = kinds
    is_number = kinds == NUMBER
    row_of_number = row_of_token[is_number]
    steps, places, whole_digits, is_number_good = _read_numbers(
        texts.data, positions[is_number], is_digit=is_digit, points=points
    )
    is_good[row_of_number[~is_number_good]] = False
    _check_order(with_ends, first, is_good)
    return Tokens(
        kinds=with_ends,
        first=first,
        counts=counts,
        first_number=np.searchsorted(row_of_number, np.arange(num_texts + 1)),
        steps=steps,
        places=places,
        whole_digits=whole_digits,
        is_understood=is_good,
    )


def _read_numbers(
    data: np.ndarray, starts: np.ndarray, *, is_digit: np.ndarray, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns steps, places, digits before the point, and whether the number is short and in its shortest form."""
    ranks = np.cumsum(is_digit, dtype=np.int32)
    digits = data[is_digit] - np.uint8(ord("0"))
    first = ranks[starts] - is_digit[starts]
    num_digits = np.diff(first, append=len(digits))
    is_negative = ~is_digit[starts]
    is_good = (num_digits > 0) & (num_digits <= MAX_DIGITS)
    whole_digits = num_digits.copy()
    if len(points):
        number = np.searchsorted(starts, points, side="right") - 1
        whole_digits[number] = ranks[points] - first[number]
        is_good &= np.bincount(number, minlength=len(starts)) < 2
        has_point = whole_digits < num_digits
        is_good[has_point] &= digits[(first + num_digits - 1)[has_point]] != 0
    if not len(digits):
        return np.zeros(len(starts), np.int64), np.zeros_like(num_digits), whole_digits, is_good & False
    steps = np.zeros(len(starts), np.int64)
    for place in range(min(int(num_digits.max(initial=0)), MAX_DIGITS)):
        following = digits[np.minimum(first + place, len(digits) - 1)]
        steps = np.where(num_digits > place, steps * 10 + following, steps)
    is_good &= (whole_digits == 1) | (digits[np.minimum(first, len(digits) - 1)] != 0)
    is_good &= ~(is_negative & (steps == 0))
    return np.where(is_negative, -steps, steps), num_digits - whole_digits, whole_digits, is_good


def _check_order(kinds: np.ndarray, first: np.ndarray, is_good: np.ndarray) -> None:
    """Takes from `is_good` the texts whose tokens don't follow each other as in an equation, bool (n,)."""
    before = np.empty_like(kinds)
    before[0], before[1:] = END, kinds[:-1]
    is_wrong = ~_may_follow()[before, kinds]
    if (kinds >= OPEN).any():
        depth = np.cumsum((kinds == OPEN).astype(np.int64) - (kinds == CLOSE))
        # The depth of a text begins where the text before it left off.
        ends = np.append(first[1:], len(kinds)) - 1
        base = np.concatenate([[0], depth[ends[:-1]]])
        is_good &= (depth[ends] == base) & (np.minimum.reduceat(depth, first) >= base)
    if is_wrong.any():
        is_good[np.searchsorted(first, np.flatnonzero(is_wrong), side="right") - 1] = False
