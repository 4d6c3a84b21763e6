"""What is hard about written arithmetic, for blocks of numbers: chains of carries, borrows from zeros, digits.

A place of a sum carries by itself where its two digits make ten or more. That begins a chain, which runs on through
each next place whose digits make nine, since the carry that comes in goes out again: ``999 + 1`` has a chain of three
places, ``555 + 555`` three chains of one. A place of a difference borrows by itself where the larger number's digit is
below the other one, and a borrow runs on through places of equal digits. Where a borrow comes to a zero of the larger
number, that is a *zero borrow*: ``1000 - 1`` has two.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class WrittenDigits:
    """What is hard about the operations of equations, all of one equation together.

    Attributes:
        longest_carry_chains: places of the longest chain of carries or borrows, int64 (n,).
        zero_borrows: number of zero borrows, int64 (n,).
        quotient_digits: the digits of all quotients, int64 (n,): bit `d` stands for the digit `d`.
    """

    longest_carry_chains: np.ndarray
    zero_borrows: np.ndarray
    quotient_digits: np.ndarray

    @classmethod
    def of_nothing(cls, num_rows: int) -> "WrittenDigits":
        """Returns what holds of so many equations before the first operation."""
        return cls(*(np.zeros(num_rows, dtype=np.int64) for _ in range(3)))

    def take(self, rows: np.ndarray) -> "WrittenDigits":
        """Returns what holds of the equations at `rows`."""
        return WrittenDigits(self.longest_carry_chains[rows], self.zero_borrows[rows], self.quotient_digits[rows])

    def replace(self, rows: np.ndarray, others: "WrittenDigits") -> "WrittenDigits":
        """Returns a copy with `others` at `rows`, (m,)."""
        copy = self.take(np.arange(len(self.zero_borrows)))
        for name, column in vars(copy).items():
            column[rows] = getattr(others, name)
        return copy

    def note_sums(self, rows: np.ndarray | slice, left: np.ndarray, right: np.ndarray, result: np.ndarray) -> None:
        """Notes the sums or differences (m,) of whole numbers at `rows`; see `measure_carries`."""
        chains, zeros = measure_carries(left, right, result)
        self.longest_carry_chains[rows] = np.maximum(self.longest_carry_chains[rows], chains)
        self.zero_borrows[rows] += zeros

    def note_quotients(self, rows: np.ndarray | slice, quotients: np.ndarray) -> None:
        """Notes whole quotients (m,) at `rows`."""
        self.quotient_digits[rows] |= find_digits(quotients)


def measure_carries(left: np.ndarray, right: np.ndarray, result: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the longest chain of carries or borrows of each operation, and its zero borrows; int64 (n,) each.

    Args:
        left: first operands, whole numbers, int64 or Python's own.
        right: second operands, on the same grid.
        result: their sums or differences.

    >>> left, right = np.array([999, 555, 1000, 10203]), np.array([1, 555, -1, -304])
    >>> [column.tolist() for column in measure_carries(left, right, left + right)]
    [[3, 1, 3, 2], [0, 0, 2, 2]]
    """
    left, right = abs(left), abs(right)
    larger, smaller = np.maximum(left, right), np.minimum(left, right)
    # Where nothing is added or taken away, no digit carries either way.
    is_sum = (abs(result) >= larger).astype(bool)
    longest, run, zeros = (np.zeros(len(left), dtype=np.int64) for _ in range(3))
    while larger.any():
        (larger, upper), (smaller, lower) = (_split_last(each) for each in (larger, smaller))
        excess = np.where(is_sum, upper + lower - 9, lower - upper)
        zeros += ~is_sum & (upper == 0) & (run > 0)
        run = np.where(excess > 0, 1, np.where((excess == 0) & (run > 0), run + 1, 0))
        longest = np.maximum(longest, run)
    return longest, zeros


def find_digits(values: np.ndarray) -> np.ndarray:
    """Returns the set of decimal digits of each whole number, int64 (n,): bit `d` stands for the digit `d`.

    >>> find_digits(np.array([0, -909, 12])).tolist()
    [1, 513, 6]
    """
    rest, digits = _split_last(abs(values))
    result = np.left_shift(1, digits)
    while rest.any():
        is_longer = (rest > 0).astype(bool)
        rest, digits = _split_last(rest)
        result |= np.where(is_longer, np.left_shift(1, digits), 0)
    return result


def _split_last(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the numbers (n,) without their last digit, and that digit as int64."""
    rest = values // 10
    return rest, (values - 10 * rest).astype(np.int64)
