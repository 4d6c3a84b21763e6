"""Tokens to whole numbers and back, inside the graph: what a model of numbers reads and writes.

Values are float32, exact up to 2**24.
"""

import math

import tensorflow as tf
from keras import ops

from eqstream.data.loading.token_alphabet import END, NUM_RESERVED, PAD

# Beyond, a rounded number would not fit int32.
_MAX_DIGITS = 9


def read_numbers(tokens: tf.Tensor, alphabet: str, *, num_numbers: int, is_reversed: bool = False) -> tf.Tensor:
    """Returns the whole numbers of texts in the order they are read, float32 (batch, num_numbers); 0 for missing ones.

    A minus belongs to a number if a digit follows it at once and none comes before it.

    Args:
        tokens: int (batch, length), of questions or answers.
        alphabet: the codec's.
        num_numbers: how many to read.
        is_reversed: whether the tokens are those of the text read backwards.
    """
    tokens = ops.cast(ops.flip(tokens, axis=1) if is_reversed else tokens, "int32")
    zeros = ops.zeros_like(tokens, dtype="float32")
    digits, is_digit = zeros, zeros
    for value in range(10):
        is_value = ops.cast(tokens == _find(alphabet, str(value)), "float32")
        digits, is_digit = digits + value * is_value, is_digit + is_value
    follows_digit, precedes_digit = _shift(is_digit, 1), _shift(is_digit, -1)
    number = ops.cumsum(is_digit * (1 - follows_digit), axis=1)
    # (batch, length, num_numbers): whether a token is a digit of that number, and how many of its digits follow.
    belongs = ops.cast(number[:, :, None] == ops.arange(1, num_numbers + 1, dtype="float32"), "float32")
    belongs = belongs * is_digit[:, :, None]
    place = ops.sum(belongs, axis=1, keepdims=True) - ops.cumsum(belongs, axis=1)
    sizes = ops.sum(digits[:, :, None] * belongs * ops.power(10.0, place), axis=1)
    is_minus = ops.cast(tokens == _find(alphabet, "-"), "float32") * precedes_digit * (1 - follows_digit)
    starts = _shift(is_minus, 1)[:, :, None] * belongs
    return sizes * (1 - 2 * ops.max(starts, axis=1))


def write_numbers(numbers: tf.Tensor, alphabet: str, *, width: int, is_reversed: bool = False) -> tf.Tensor:
    """Returns the answers that say the nearest whole numbers, int32 (batch, width): digits, the end, pads.

    What is too long is cut to the largest number that fits; without a minus in the alphabet, what is negative to 0.

    Args:
        numbers: float (batch,).
        alphabet: the codec's.
        width: tokens of an answer, its end included.
        is_reversed: whether the last digit comes first.
    """
    num_digits = min(width - 1, _MAX_DIGITS)
    highest = _at_most(10**num_digits - 1)
    lowest = -_at_most(10 ** (num_digits - 1) - 1) if "-" in alphabet else 0.0
    rounded = ops.cast(ops.clip(ops.round(ops.cast(numbers, "float32")), lowest, highest), "int32")
    sizes, is_negative = ops.abs(rounded)[:, None], ops.cast(rounded < 0, "int32")[:, None]
    powers = ops.convert_to_tensor([10**place for place in range(num_digits)], dtype="int32")
    length = 1 + ops.sum(ops.cast(sizes >= powers[1:], "int32"), axis=1, keepdims=True)
    position = ops.arange(width, dtype="int32")[None, :]
    place = position if is_reversed else length + is_negative - 1 - position
    by_place = (sizes // powers) % 10  # (batch, num_digits), the unit first
    digit = ops.take_along_axis(by_place, ops.clip(place, 0, num_digits - 1), axis=1)
    ids = ops.convert_to_tensor([_find(alphabet, str(value)) for value in range(10)], dtype="int32")
    tokens = ops.take(ids, digit, axis=0)
    minus_position = length if is_reversed else ops.zeros_like(length)
    is_minus = ops.logical_and(position == minus_position, is_negative > 0)
    tokens = ops.where(is_minus, _find(alphabet, "-"), tokens)
    tokens = ops.where(position == length + is_negative, END, tokens)
    return ops.where(position > length + is_negative, PAD, tokens)


def _find(alphabet: str, character: str) -> int:
    """Returns the token of a character; -1, which no token is, for one that the alphabet lacks."""
    position = alphabet.find(character)
    return NUM_RESERVED + position if position >= 0 else -1


def _shift(values: tf.Tensor, distance: int) -> tf.Tensor:
    """Returns values (batch, length) moved along by one, 0 where nothing comes from."""
    padding = [[0, 0], [1, 0]] if distance > 0 else [[0, 0], [0, 1]]
    part = values[:, :-1] if distance > 0 else values[:, 1:]
    return ops.pad(part, padding)


def _at_most(value: int) -> float:
    """Returns the largest float32 of at most `value`: eight nines are none, and must not be rounded up."""
    mantissa, exponent = math.frexp(value)
    return math.ldexp(math.floor(math.ldexp(mantissa, 24)), exponent - 24)
