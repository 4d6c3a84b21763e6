"""A seeded bijection of ``[0, size)``: a shuffle that needs no memory.

A generalised Feistel network on the index written as two digits, ``left * radix + right`` with radices near the square
root of the size, so that few values fall outside ``[0, size)``; those walk the cycle until they fall inside (Black and
Rogaway, "Ciphers with Arbitrary Finite Domains", 2002). Rounds add a keyed hash of one digit to the other.
"""

import functools
import hashlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from eqstream.data.wide_numbers import WideNumbers, multiply_high

ROUNDS = 6
# Small digits mix less in a round, and are cheap anyway.
ROUNDS_OF_SMALL_SIZES = 16
_SMALL_SIZE = 1 << 16
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_FINISHER = np.uint64(0xD1B54A32D192ED03)
_HALF = np.uint64(32)
_WORD = (1 << 64) - 1
# Numbers of two digits this small have 32 bits.
_LARGEST_SHORT_RADIX = (1 << 16) - 1
# Bytes of a column of numbers that are computed together: a block of short numbers, as each call of numpy takes as long
# as hundreds of them.
_CHUNK_BYTES = 1 << 18
# Of Python integers, each of which is an object of its own, fewer are computed together.
_OBJECTS_AT_ONCE = 3 << 12
LARGEST_WIDE_SIZE = 1 << 124
# From two digits of numbers to two others.
_WideStep = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def derive_seed(seed: int, *scope: str | int) -> int:
    """Returns a 64-bit seed for the use that `scope` names; other scopes give unrelated seeds."""
    text = "\0".join([str(seed), *(str(part) for part in scope)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def index_dtype(size: int) -> type[Any]:
    """Returns the type of a place in a set of `size` elements: `numpy.int64`, or `object` beyond 62 bits."""
    return np.int64 if size <= 1 << 62 else object


def draw_bits(start: int, count: int, seed: int) -> np.ndarray:
    """Returns 32 pseudo-random bits for each of the numbers start..start+count-1, uint64 (count,)."""
    numbers = np.arange(count, dtype=np.uint64) + np.uint64(start & _WORD)
    return _mix_bits(numbers, seed)


def draw_bits_of(numbers: np.ndarray, seed: int | np.ndarray) -> np.ndarray:
    """Returns what `draw_bits` does for each of some numbers, int64 or Python integers (n,).

    Args:
        numbers: the numbers.
        seed: one for all, or one for each, uint64 (n,).
    """
    return _mix_bits((numbers & _WORD if numbers.dtype == object else numbers).astype(np.uint64), seed)


def _mix_bits(numbers: np.ndarray, key: int | np.ndarray) -> np.ndarray:
    """Returns a keyed hash of each number, uint64 below 2 ** 32."""
    mixed = (numbers ^ np.uint64(key)) * _MULTIPLIER
    mixed ^= mixed >> _HALF
    mixed *= _FINISHER
    mixed >>= _HALF
    return mixed


@functools.lru_cache(maxsize=64)
def _list_hashes(key: int, num_digits: int, radix: int) -> np.ndarray:
    """Returns the hash in [0, radix) of each digit in [0, num_digits), uint32 (num_digits,)."""
    return scale_hashes(np.arange(num_digits, dtype=np.uint64), key, radix).astype(np.uint32)


def scale_hashes(digit: np.ndarray, key: int | np.ndarray, radix: int | np.ndarray) -> np.ndarray:
    """Returns a hash of each digit in [0, radix), uint64 (n,), for radices up to 2 ** 32."""
    mixed = _mix_bits(digit.astype(np.uint64, copy=False), key)
    mixed *= np.uint64(radix)
    mixed >>= _HALF
    return mixed


class Permutation:
    """The bijection of ``[0, size)`` that belongs to a seed.

    `forward` maps positions to indices and `inverse` maps back, both elementwise on arrays of any length and shape
    (n,), of dtype int64, or of Python integers (dtype object) for sizes beyond 62 bits. Deterministic in
    (size, seed) on every machine.

    >>> Permutation(10, seed=1).inverse(Permutation(10, seed=1).forward(np.arange(10))).tolist()
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """

    def __init__(self, size: int, seed: int) -> None:
        if size < 1:
            raise ValueError(f"`size` must be at least 1, got {size}")
        self.size = size
        self.radix = max(1, math.isqrt(size - 1) + 1)
        self.left_radix = -(-size // self.radix)
        rounds = ROUNDS_OF_SMALL_SIZES if size <= _SMALL_SIZE else ROUNDS
        self.keys = [derive_seed(seed, "round", number) for number in range(rounds)]
        self._is_native = index_dtype(size) is np.int64
        # Digits are native numbers, and so are sums of two, for all but the largest sizes.
        self._has_native_digits = self.radix <= 1 << 62
        self._dtype = object if not self._is_native else np.uint32 if self.radix <= _LARGEST_SHORT_RADIX else np.uint64

    def forward(self, positions: np.ndarray) -> np.ndarray:
        """Returns the index at each position."""
        return self._cycle_walk(positions, self._encrypt)

    def inverse(self, indices: np.ndarray) -> np.ndarray:
        """Returns the position of each index."""
        return self._cycle_walk(indices, self._decrypt)

    def _cycle_walk(self, values: np.ndarray, step: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        values = np.asarray(values)
        if len(values) and not (values.min() >= 0 and values.max() < self.size):
            raise ValueError(f"values must lie in [0, {self.size}), got {values.min()} to {values.max()}")
        result = np.empty(len(values), dtype=self._dtype)
        size = _CHUNK_BYTES // result.itemsize if self._is_native else _OBJECTS_AT_ONCE
        for start in range(0, len(values), size):
            result[start : start + size] = step(values[start : start + size].astype(self._dtype))
        outside = np.flatnonzero(result >= self.size)
        while len(outside):
            result[outside] = step(result[outside])
            outside = outside[np.asarray(result[outside] >= self.size, dtype=bool)]
        return result.astype(np.int64) if self._is_native else result

    def _encrypt(self, values: np.ndarray) -> np.ndarray:
        left, right = self._split(values)
        for number, key in enumerate(self.keys):
            if number % 2 == 0:
                left = self._add(left, self._mix(right, key, self.left_radix), self.left_radix)
            else:
                right = self._add(right, self._mix(left, key, self.radix), self.radix)
        return self._join(left, right)

    def _decrypt(self, values: np.ndarray) -> np.ndarray:
        left, right = self._split(values)
        for number, key in reversed(list(enumerate(self.keys))):
            if number % 2 == 0:
                left = self._subtract(left, self._mix(right, key, self.left_radix), self.left_radix)
            else:
                right = self._subtract(right, self._mix(left, key, self.radix), self.radix)
        return self._join(left, right)

    def _split(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        left = values // self.radix
        right = values - left * self.radix
        if self._is_native or not self._has_native_digits:
            return left, right
        return left.astype(np.uint64), right.astype(np.uint64)

    def _join(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        if self._is_native:
            return left * left.dtype.type(self.radix) + right
        return left.astype(object) * self.radix + right.astype(object)

    def _add(self, digit: np.ndarray, addend: np.ndarray, radix: int) -> np.ndarray:
        """Returns the sums modulo a radix; neither array holds what it did before."""
        if not self._has_native_digits:
            return (digit + addend) % radix
        addend += digit
        # Without a wrap the subtraction runs below zero, that is, to a huge unsigned number.
        np.subtract(addend, digit.dtype.type(radix), out=digit)
        return np.minimum(addend, digit, out=digit)

    def _subtract(self, digit: np.ndarray, subtrahend: np.ndarray, radix: int) -> np.ndarray:
        """Returns the differences modulo a radix; neither array holds what it did before."""
        if not self._has_native_digits:
            return (digit - subtrahend) % radix
        digit -= subtrahend
        np.add(digit, digit.dtype.type(radix), out=subtrahend)
        return np.minimum(digit, subtrahend, out=digit)

    def _mix(self, digit: np.ndarray, key: int, radix: int) -> np.ndarray:
        """Returns a hash of each digit in [0, radix)."""
        if not self._is_native:
            return (_digest if self._has_native_digits else _digest_any)(digit, key, radix)
        # The digits of both sides are below the larger radix. Few values do not pay for a table.
        if len(digit) < 2 * self.radix:
            return scale_hashes(digit, key, radix).astype(digit.dtype, copy=False)
        # None lies outside of the table, and not to look whether one does is faster.
        return _list_hashes(key, self.radix, radix).take(digit, mode="wrap")


class WidePermutation:
    """The bijection of ``[0, size)`` that belongs to a seed, for sizes up to 2 ** 124 and computed with native numbers.

    The network of `Permutation` with another hash: both digits have 64 bits. It shuffles spaces whose shapes are too
    many to list; others of these sizes have been shuffled with `Permutation` from the beginning.

    >>> sorted(WidePermutation(10, seed=1).forward(np.arange(10).astype(object)).tolist())
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """

    def __init__(self, size: int, seed: int) -> None:
        if not 1 <= size <= LARGEST_WIDE_SIZE:
            raise ValueError(f"`size` must be from 1 to {LARGEST_WIDE_SIZE}, got {size}")
        self.size = size
        self.radix = max(1, math.isqrt(size - 1) + 1)
        self.left_radix = -(-size // self.radix)
        # Indices of the last left digit may lie outside.
        self._last_left, self._end_right = divmod(size, self.radix)
        self.keys = [derive_seed(seed, "wide round", number) for number in range(ROUNDS)]

    def forward(self, positions: np.ndarray) -> np.ndarray:
        """Returns the index at each position, Python integers (n,)."""
        return self.forward_wide(positions).to_integers()

    def forward_wide(self, positions: np.ndarray) -> WideNumbers:
        """Returns the index at each position as two words."""
        return self._cycle_walk(positions, self._encrypt)

    def inverse(self, indices: np.ndarray) -> np.ndarray:
        """Returns the position of each index, Python integers (n,)."""
        return self._cycle_walk(indices, self._decrypt).to_integers()

    def _cycle_walk(self, values: np.ndarray, step: _WideStep) -> WideNumbers:
        values = np.asarray(values)
        if len(values) and not (values.min() >= 0 and values.max() < self.size):
            raise ValueError(f"values must lie in [0, {self.size}), got {values.min()} to {values.max()}")
        high, low = np.empty((2, len(values)), dtype=np.uint64)
        at_once = _OBJECTS_AT_ONCE if values.dtype == object else _CHUNK_BYTES // low.itemsize
        for start in range(0, len(values), at_once):
            walked = self._walk_some(values[start : start + at_once], step)
            high[start : start + at_once], low[start : start + at_once] = walked.high, walked.low
        return WideNumbers(high, low)

    def _walk_some(self, values: np.ndarray, step: _WideStep) -> WideNumbers:
        """Returns what `_cycle_walk` returns, of few values."""
        left = values // self.radix
        right = (values - left * self.radix).astype(np.uint64)
        left, right = step(left.astype(np.uint64), right)
        outside = self._find_outside(left, right)
        while len(outside):
            left[outside], right[outside] = step(left[outside], right[outside])
            outside = outside[self._find_outside(left[outside], right[outside])]
        return WideNumbers.of_digits(left, right, self.radix)

    def _find_outside(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        last = np.uint64(self._last_left)
        return np.flatnonzero((left > last) | (left == last) & (right >= np.uint64(self._end_right)))

    def _encrypt(self, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        for number, key in enumerate(self.keys):
            if number % 2 == 0:
                left = add_below(left, mix_below(right, key, self.left_radix), self.left_radix)
            else:
                right = add_below(right, mix_below(left, key, self.radix), self.radix)
        return left, right

    def _decrypt(self, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        for number, key in reversed(list(enumerate(self.keys))):
            if number % 2 == 0:
                left = _subtract_below(left, mix_below(right, key, self.left_radix), self.left_radix)
            else:
                right = _subtract_below(right, mix_below(left, key, self.radix), self.radix)
        return left, right


# A bijection of ``[0, size)``, from positions to indices and back.
Shuffle = Permutation | WidePermutation


def make_permutation(size: int, seed: int, *, is_wide: bool) -> Shuffle:
    """Returns a bijection of ``[0, size)``: a `WidePermutation` if it is to be one and the size allows it."""
    return WidePermutation(size, seed) if is_wide and size <= LARGEST_WIDE_SIZE else Permutation(size, seed)


def add_below(digit: np.ndarray, addend: np.ndarray, radix: int | np.ndarray) -> np.ndarray:
    """Returns the sums of digits modulo a radix, uint64 (n,); all that is given is below it."""
    total = digit + addend
    # Without a wrap the subtraction runs below zero, that is, to a huge unsigned number.
    return np.minimum(total, total - np.uint64(radix))


def _subtract_below(digit: np.ndarray, subtrahend: np.ndarray, radix: int) -> np.ndarray:
    difference = digit - subtrahend
    return np.minimum(difference, difference + np.uint64(radix))


def mix_below(digit: np.ndarray, key: int | np.ndarray, radix: int | np.ndarray) -> np.ndarray:
    """Returns a hash of each digit in [0, radix), for radices up to 2 ** 62."""
    mixed = (digit ^ np.uint64(key)) * _MULTIPLIER
    mixed ^= mixed >> _HALF
    mixed *= _FINISHER
    mixed ^= mixed >> _HALF
    mixed *= _MULTIPLIER
    return multiply_high(mixed, radix)


def _digest(digit: np.ndarray, key: int, radix: int) -> np.ndarray:
    """Returns what `_digest_any` does, for radices up to 2 ** 62, uint64 (n,)."""
    num_bytes = _num_digest_bytes(radix)
    form = np.dtype([("key", "<u8"), ("digit", "<u8"), ("zeros", f"V{num_bytes - 8}")])
    messages: np.ndarray = np.zeros(len(digit), dtype=form)
    messages["key"], messages["digit"] = key, digit
    shake = hashlib.shake_128
    items: list[bytes] = messages.view(f"V{8 + num_bytes}").tolist()
    digests = b"".join([shake(item).digest(num_bytes) for item in items])
    # As the upper bytes of numbers of 128 bits: the last eight, and those before them, at least four.
    words: np.ndarray = np.frombuffer(digests, dtype=np.dtype((np.void, num_bytes)))
    first, high = (words.getfield("<u8", offset).astype(np.uint64) for offset in (0, num_bytes - 8))
    low = first << np.uint64(8 * (16 - num_bytes))
    middle = high * np.uint64(radix)
    carried = middle + multiply_high(low, radix) < middle
    return multiply_high(high, radix) + carried


def _digest_any(digit: np.ndarray, key: int, radix: int) -> np.ndarray:
    """Returns a hash of each digit in [0, radix), for any radix, as Python integers (n,)."""
    num_bytes, salt, shake = _num_digest_bytes(radix), key.to_bytes(8, "little"), hashlib.shake_128
    messages = [salt + value.to_bytes(num_bytes, "little") for value in digit.tolist()]
    words = [int.from_bytes(shake(message).digest(num_bytes), "little") for message in messages]
    return np.array([word * radix >> 8 * num_bytes for word in words], dtype=object)


def _num_digest_bytes(radix: int) -> int:
    return (radix.bit_length() + 7) // 8 + 8
