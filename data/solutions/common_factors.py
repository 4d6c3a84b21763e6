"""By what both sides of a fraction are divided in a step."""

from math import isqrt

import numpy as np

# Primes are tried up to here, as in `eqstream.data.reference.step_rules`.
_LARGEST = 1000


def smallest_factors(numbers: np.ndarray) -> np.ndarray:
    """Returns the smallest prime factor of each number, or the number itself if all are above 1000.

    Args:
        numbers: above 1, int64 (n,).

    >>> smallest_factors(np.array([42, 35, 1009 * 1013])).tolist()
    [2, 5, 1022117]
    """
    result = numbers.copy()
    open_rows = np.arange(len(numbers))
    for prime in _PRIMES:
        is_divided = numbers[open_rows] % prime == 0
        result[open_rows[is_divided]] = prime
        open_rows = open_rows[~is_divided]
        if not len(open_rows):
            break
    return result


_PRIMES = [number for number in range(2, _LARGEST) if all(number % factor for factor in range(2, isqrt(number) + 1))]
