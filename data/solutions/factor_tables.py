"""The sides of fractions on the way to lowest terms: all that there are of numbers up to a bound, as texts and hashes.

A side is a product, `2 * 2 * 21`, or what is left of one whose value is being computed, `460 + 23 * 9`. Those of one
number follow each other: it is split, smallest prime factors first, until all factors are prime, and multiplied out
again. So a line is known by two places in one list.
"""

from collections.abc import Iterator
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from eqstream.data.formats.string_tables import PieceTable
from eqstream.data.solutions.forms import find_forms
from eqstream.data.solutions.lines import END
from eqstream.data.space.class_hash import hash_nodes
from eqstream.data.space.shapes import OPERAND, PLUS, TIMES

# What stands before the factors of a number, by row of the tables.
_PREFIXES: tuple[list[int], ...] = ([], [1], [-1])


class _Side(NamedTuple):
    """A number, or None, plus a product."""

    summand: int | None
    factors: list[int]

    @property
    def text(self) -> str:
        product = " * ".join(map(str, self.factors))
        return product if self.summand is None else f"{self.summand} + {product}"

    @property
    def tokens(self) -> list[int | str]:
        """In postfix order."""
        first, *others = self.factors
        product = [first, *(token for factor in others for token in (factor, "*"))]
        return product if self.summand is None else [self.summand, *product, "+"]


class FactorTables:
    """The sides that numbers from 1 to `largest` have, behind no sign, behind `1 *` and behind `-1 *`.

    Args:
        largest: the largest number, at most 999.
        spacing: whether spaces stand around operators.

    Attributes:
        starts: where the sides of each number begin, int64 (3, largest + 1).
        fulls: where all its factors are prime, likewise.
        ends: where it is multiplied out, likewise.
        num_factors: prime factors of each number, int64 (largest + 1,).
        products: of its first prime factors, int64 (largest + 1, most + 1); column 0 is 1.
        pieces: the texts: of nothing; of sides above the line; below it; without it; of answers' denominators.
        above: the piece of the first side above the line, and so on.
        below: likewise.
        alone: likewise.
        answered: the piece of the answers' denominator 0.
    """

    def __init__(self, largest: int, *, spacing: bool) -> None:
        factors: list[list[int]] = [[], *(list(_find_primes(number)) for number in range(1, largest + 1))]
        self._sides: list[_Side] = []
        self.starts, self.fulls, self.ends = (np.zeros((3, largest + 1), np.int64) for _ in range(3))
        for row, prefix in enumerate(_PREFIXES):
            for number in range(1, largest + 1):
                self._add(row, prefix, factors[number])
        self.num_factors = np.array([len(primes) for primes in factors])
        self.products = np.ones((largest + 1, int(self.num_factors.max()) + 1), np.int64)
        for number, primes in enumerate(factors):
            self.products[number, 1 : len(primes) + 1] = list(accumulate(primes, int.__mul__))
        self.above = 1
        self.below, self.alone, self.answered = (self.above + count * len(self._sides) for count in (1, 2, 3))
        texts = ["", *self._list_texts(), *(f"/{number}" for number in range(largest + 1))]
        self.pieces = PieceTable([(text if spacing else text.replace(" ", "")).encode() for text in texts])

    @cached_property
    def hashes(self) -> np.ndarray:
        """The hash of each side, as part of a line, uint64 (sides,)."""
        tokens = [side.tokens for side in self._sides]
        shape = (len(tokens), max(map(len, tokens)) + 1)
        kinds, numbers = np.full(shape, END, np.uint8), np.zeros(shape, np.int64)
        kind_of = {"*": TIMES, "+": PLUS}
        for row, side in enumerate(tokens):
            kinds[row, : len(side)] = [kind_of[token] if isinstance(token, str) else OPERAND for token in side]
            numbers[row, : len(side)] = [0 if isinstance(token, str) else token for token in side]
        forms = find_forms(kinds)
        result = np.zeros(len(tokens), np.uint64)
        for group in forms.groups:
            for place, form in enumerate(group.forms.tolist()):
                rows = np.flatnonzero(forms.numbers == form)
                operands = numbers[rows][kinds[rows] == OPERAND].reshape(-1, group.num_terms).T
                columns = group.columns.take(np.full(len(rows), place))
                result[rows] = hash_nodes(columns, operands, decimals=0, salt="")
        return result

    def _add(self, row: int, prefix: list[int], primes: list[int]) -> None:
        """Adds the sides of the number with these prime factors."""
        number = int(np.prod(primes, dtype=np.int64))
        self.starts[row, number] = len(self._sides)
        if number == 1:
            self._sides.append(_Side(None, prefix or [1]))
            self.fulls[row, 1] = self.ends[row, 1] = self.starts[row, 1]
            return
        for count in range(len(primes)):
            number_left = int(np.prod(primes[count:], dtype=np.int64))
            self._sides.append(_Side(None, [*prefix, *primes[:count], number_left]))
        self.fulls[row, number] = len(self._sides) - 1
        self._sides += _multiply_out([*prefix, *primes])
        self.ends[row, number] = len(self._sides) - 1

    def _list_texts(self) -> Iterator[str]:
        texts = [side.text for side in self._sides]
        has_sum = [side.summand is not None for side in self._sides]
        yield from (f"({text})" if is_sum else text for text, is_sum in zip(texts, has_sum, strict=True))
        yield from (f" / ({text})" if " " in text else f" / {text}" for text in texts)
        yield from texts


def _find_primes(number: int) -> Iterator[int]:
    """Yields the prime factors, the smallest first."""
    prime = 2
    while number > 1:
        if number % prime:
            prime += 1
        else:
            yield prime
            number //= prime


def _multiply_out(factors: list[int]) -> Iterator[_Side]:
    """Yields the sides that come after a product, a product of two factors a step."""
    while len(factors) > 1:
        left, right, *others = factors
        digit = _leading_part(right)
        if right != digit and abs(left) != _leading_part(abs(left)):
            # The value has at most three digits: both factors have two, and no other one is left.
            assert not others
            yield _Side(left * digit, [left, right - digit])
            yield _Side(left * digit, [left * (right - digit)])
        factors = [left * right, *others]
        yield _Side(None, factors)


def _leading_part(number: int) -> int:
    place = 10 ** (len(str(number)) - 1)
    return number // place * place
