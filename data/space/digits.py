"""Counts on the decimal digits of blocks of whole numbers: digit sums, lengths, carries.

All functions work elementwise on arrays (n,) of dtype int64 or of Python integers (object), and are exact.
"""

import functools

import numpy as np

# A table of so many sums of digits, of 16 bits each, stays in the cache.
_CHUNK = 100_000


@functools.cache
def _sums_of_chunk() -> np.ndarray:
    numbers = np.arange(_CHUNK)
    return np.stack([numbers // 10**place % 10 for place in range(5)]).sum(axis=0).astype(np.int16)


def digit_sum(values: np.ndarray, bound: int) -> np.ndarray:
    """Returns the sum of decimal digits of each value in [0, bound]."""
    if values.dtype == object:
        return np.array([sum(map(int, str(value))) for value in values], dtype=np.int64)
    table = _sums_of_chunk()
    if bound < _CHUNK:
        return table.take(values)
    total = np.zeros(len(values), dtype=np.int64)
    while bound:
        rest = values // _CHUNK
        total += table.take(values - rest * _CHUNK)
        values, bound = rest, bound // _CHUNK
    return total


def digit_count(values: np.ndarray) -> np.ndarray:
    """Returns the number of decimal digits of each value >= 0; 0 has one."""
    if values.dtype == object:
        return np.array([len(str(value)) for value in values], dtype=np.int64)
    count = np.ones(len(values), dtype=np.int64)
    largest = values.max(initial=0)
    for exponent in range(1, 19):
        if largest < 10**exponent:
            break
        count += values >= 10**exponent
    return count


def count_carries(left: np.ndarray, right: np.ndarray, result: np.ndarray) -> np.ndarray:
    """Returns the carries of adding, or borrows of subtracting, magnitudes as one writes it down.

    With equal effective signs the magnitudes are added and each digit that overflows counts once; otherwise the smaller
    is subtracted from the larger and each digit that borrows counts once. Both follow from digit sums, since a carry
    replaces ten units by one (Legendre's formula; Kummer 1852).

    Args:
        left: first operands, whole numbers.
        right: second operands, on the same grid.
        result: their sums or differences.

    >>> count_carries(np.array([999, 100]), np.array([1, 1]), np.array([1000, 101])).tolist()
    [3, 0]
    >>> count_carries(np.array([100]), np.array([1]), np.array([99])).tolist()
    [2]
    """
    left, right, result = abs(left), abs(right), abs(result)
    # Whichever of the three is the sum of the other two has lost nine for each carry.
    largest = np.maximum(np.maximum(left, right), result)
    bound = int(largest.max(initial=0))
    sums = [digit_sum(values, bound) for values in (left, right, result)]
    total = sums[0] + sums[1] + sums[2]
    is_result, is_left = result == largest, left == largest
    loss = np.where(is_result.astype(bool), sums[2], np.where(is_left.astype(bool), sums[0], sums[1]))
    return (total - 2 * loss) // 9
