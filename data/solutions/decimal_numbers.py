"""Decimal numbers in bulk, each in its shortest form: whole steps, and how many of their digits stand behind the point.

Steps have at most 62 bits, those of intermediate results included: whoever computes has to know it.
"""

from dataclasses import dataclass

import numpy as np

POWERS = 10 ** np.arange(19, dtype=np.int64)


@dataclass(frozen=True)
class Decimals:
    """n decimal numbers.

    Attributes:
        steps: int64 (n,).
        places: how many of each one's digits stand behind the point, int64 (n,): as few as possible; None where all
            numbers of a space are whole.
    """

    steps: np.ndarray
    places: np.ndarray | None

    def take(self, rows: np.ndarray) -> "Decimals":
        """Returns the numbers at `rows`."""
        return Decimals(self.steps.take(rows), None if self.places is None else self.places.take(rows))

    def put(self, rows: np.ndarray, others: "Decimals") -> None:
        """Sets the numbers at `rows` to others."""
        self.steps[rows] = others.steps
        if self.places is not None:
            self.places[rows] = others.places

    def copy(self) -> "Decimals":
        """Returns the same numbers."""
        return Decimals(self.steps.copy(), None if self.places is None else self.places.copy())

    def flip(self, is_flipped: np.ndarray) -> "Decimals":
        """Returns the numbers with the sign changed where that is wanted, bool (n,)."""
        return Decimals(np.where(is_flipped, -self.steps, self.steps), self.places)

    def negative(self) -> "Decimals":
        """Returns the numbers with the other sign."""
        return Decimals(-self.steps, self.places)

    def at(self, places: np.ndarray | np.int64) -> np.ndarray:
        """Returns the steps if so many digits stand behind the point, integers (n,) or one, not fewer than do."""
        return self.steps if self.places is None else self.steps * POWERS.take(places - self.places)

    def lead(self) -> "Decimals":
        """Returns the first digit of each number, with its place and sign."""
        return shorten(leading_digits(self.steps), self.places)


def shorten(steps: np.ndarray, places: np.ndarray | None) -> Decimals:
    """Returns numbers in their shortest form."""
    if places is None:
        return Decimals(steps, None)
    steps, places = steps.copy(), places.copy()
    rows = np.flatnonzero(places)
    while len(rows):
        above = steps[rows] // 10
        is_round = above * 10 == steps[rows]
        rows = rows[is_round]
        steps[rows] = above[is_round]
        places[rows] -= 1
        rows = rows[places[rows] > 0]
    return Decimals(steps, places)


def choose(is_first: np.ndarray, first: Decimals, second: Decimals) -> Decimals:
    """Returns the first number where `is_first`, bool (n,), is true, else the second one."""
    places = None
    if first.places is not None and second.places is not None:
        places = np.where(is_first, first.places, second.places)
    return Decimals(np.where(is_first, first.steps, second.steps), places)


def add(left: Decimals, right: Decimals) -> Decimals:
    """Returns the sums."""
    if left.places is None or right.places is None:
        return Decimals(left.steps + right.steps, None)
    places = np.maximum(left.places, right.places)
    return shorten(left.at(places) + right.at(places), places)


def multiply(left: Decimals, right: Decimals) -> Decimals:
    """Returns the products."""
    if left.places is None or right.places is None:
        return Decimals(left.steps * right.steps, None)
    return shorten(left.steps * right.steps, left.places + right.places)


def leading_digits(numbers: np.ndarray) -> np.ndarray:
    """Returns the first digit of each whole number, with its place and sign; int64 (n,).

    >>> leading_digits(np.array([5678, -34, 0])).tolist()
    [5000, -30, 0]
    """
    magnitudes = np.abs(numbers)
    places = leading_places(magnitudes)
    return np.sign(numbers) * (magnitudes // places * places)


def leading_places(magnitudes: np.ndarray) -> np.ndarray:
    """Returns the largest power of ten that is not above each whole number, int64 (n,); 1 for 0."""
    return POWERS.take(np.maximum(np.searchsorted(POWERS, magnitudes, side="right") - 1, 0))
