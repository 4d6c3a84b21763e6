"""What is hard about the digits of numbers, told apart from `eqstream.data.space.written_digits`, which it checks."""

import numpy as np

_TEN = np.uint64(10)
_POWERS = np.array([10**exponent for exponent in range(20)], dtype=np.uint64)


def measure_carries(first: np.ndarray, second: np.ndarray, is_sum: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the longest chain of carries or borrows of each operation, and its zero borrows; int64 (n,) each.

    A place carries if what both numbers have up to it adds up to the next power of ten, and borrows if the larger
    number has less there. It does so by itself if that holds for its two digits alone.

    Args:
        first: magnitudes, int64 (n,).
        second: likewise.
        is_sum: whether they are added; else the smaller is taken from the larger.
    """
    upper, lower = (choose(first, second).astype(np.uint64) for choose in (np.maximum, np.minimum))
    longest, zeros, chain = (np.zeros(len(first), np.int64) for _ in range(3))
    for place in range(len(str(upper.max(initial=0)))):
        above, below = (each // _POWERS[place] % _TEN for each in (upper, lower))
        up_to_above, up_to_below = (each % _POWERS[place + 1] for each in (upper, lower))
        carries = (is_sum & (up_to_above + up_to_below >= _POWERS[place + 1])) | (~is_sum & (up_to_above < up_to_below))
        by_itself = (is_sum & (above + below >= _TEN)) | (~is_sum & (above < below))
        zeros += ~is_sum & (above == 0) & (chain > 0)
        chain = np.where(carries, np.where(by_itself, 1, chain + 1), 0)
        longest = np.maximum(longest, chain)
    return longest, zeros


def find_digits(numbers: np.ndarray) -> np.ndarray:
    """Returns a bit for each digit with which the magnitude of a whole number is written, int64 (n,)."""
    magnitudes = np.abs(numbers).astype(np.uint64)
    result = np.left_shift(1, (magnitudes % _TEN).astype(np.int64))
    for power in _POWERS[1 : len(str(magnitudes.max(initial=0)))]:
        bits = np.left_shift(1, (magnitudes // power % _TEN).astype(np.int64))
        result |= np.where(magnitudes >= power, bits, 0)
    return result


def are_repeated(steps: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Returns which numbers are written with two or more digits that are all the same, bool (n,).

    Args:
        steps: of the numbers in their shortest form, without the point, int64 (n,).
        places: how many digits stand behind the point.
    """
    magnitudes = np.abs(steps).astype(np.uint64)
    lengths = np.searchsorted(_POWERS, magnitudes, side="right")
    ones = np.array([0, *(int("1" * length) for length in range(1, 20))], dtype=np.uint64)[lengths]
    return (lengths > 1) & (lengths > places) & (magnitudes == magnitudes % _TEN * ones)
