"""Numbers of up to 124 bits as pairs of native words: several times as fast as Python integers."""

from dataclasses import dataclass

import numpy as np

_HALF = np.uint64(32)
_WORD = (1 << 64) - 1
# Remainders below twice this, and the negative ones, fit into int64.
_LARGEST_DIVISOR = 1 << 61
# A quotient this small is at most one off where it is computed with 53 bits.
_LARGEST_QUOTIENT = 1 << 49


@dataclass(frozen=True, eq=False)
class WideNumbers:
    """Numbers from 0 to 2 ** 124 - 1.

    Attributes:
        high: their upper 64 bits, uint64 (n,).
        low: their lower 64 bits, uint64 (n,).
    """

    high: np.ndarray
    low: np.ndarray

    @classmethod
    def of_digits(cls, left: np.ndarray, right: np.ndarray, radix: int) -> "WideNumbers":
        """Returns ``left * radix + right`` of digits below the radix, uint64 (n,) each, for radices up to 2 ** 62."""
        low = left * np.uint64(radix) + right
        # The sum has wrapped where it is below what was added.
        return cls(multiply_high(left, radix) + (low < right), low)

    def __len__(self) -> int:
        return len(self.low)

    def to_integers(self) -> np.ndarray:
        """Returns them as Python integers (n,)."""
        return (self.high.astype(object) << 64) + self.low.astype(object)

    def to_numbers(self, size: int) -> np.ndarray:
        """Returns them, all below `size`, as int64 if these fit, as Python integers else; (n,)."""
        return self.low.astype(np.int64) if size <= 1 << 62 else self.to_integers()

    def take(self, rows: np.ndarray) -> "WideNumbers":
        """Returns those at `rows`."""
        return WideNumbers(self.high.take(rows), self.low.take(rows))

    def are_at_least(self, number: int) -> np.ndarray:
        """Returns whether each is as large as a number below 2 ** 128, bool (n,)."""
        high, low = np.uint64(number >> 64), np.uint64(number & _WORD)
        return (self.high > high) | (self.high == high) & (self.low >= low)

    def subtract(self, number: int) -> "WideNumbers":
        """Returns how much larger than a number they are; none is smaller."""
        high, low = np.uint64(number >> 64), np.uint64(number & _WORD)
        return WideNumbers(self.high - high - (self.low < low), self.low - low)

    def divide(self, divisor: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns quotients and remainders, (n,) each: int64, or Python integers where the numbers are too large."""
        largest = (int(self.high.max(initial=0)) << 64) + int(self.low.max(initial=0))
        if largest < (1 << 63) - 1:
            # A larger divisor gives the same.
            values, divisor = self.low.astype(np.int64), min(divisor, largest + 1)
            quotients = values // divisor
            return quotients, values - quotients * divisor
        # Of all numbers, whichever has the largest words.
        largest += 1 << 64
        if divisor > _LARGEST_DIVISOR or largest // divisor >= _LARGEST_QUOTIENT:
            values = self.to_integers()
            quotients = values // divisor
            return quotients, values - quotients * divisor
        # At most one off, and so the remainder, of which the lower word tells all, is at most one divisor off.
        quotients = ((self.high.astype(np.float64) * 2.0**64 + self.low) / divisor).astype(np.int64)
        remainders = (self.low - quotients.view(np.uint64) * np.uint64(divisor)).view(np.int64)
        missing = (remainders >= divisor).astype(np.int64) - (remainders < 0)
        return quotients + missing, remainders - missing * divisor


def multiply_high(values: np.ndarray, factor: int | np.ndarray) -> np.ndarray:
    """Returns the upper half of the 128 bits of each product of a uint64 (n,) and a number below 2 ** 64."""
    low_half = np.uint64(0xFFFFFFFF)
    high, low = values >> _HALF, values & low_half
    factor_high, factor_low = np.uint64(factor >> 32), np.uint64(factor & 0xFFFFFFFF)
    first, second = high * factor_low, low * factor_high
    carried = (low * factor_low >> _HALF) + (first & low_half) + (second & low_half)
    return high * factor_high + (first >> _HALF) + (second >> _HALF) + (carried >> _HALF)
