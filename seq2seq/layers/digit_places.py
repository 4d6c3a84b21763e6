"""Where each character stands, counted the way numbers are read: from the decimal point, number by number."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from eqstream.data.loading.token_alphabet import NUM_RESERVED, PAD

# Places further apart than this count as equally far.
REACH = 4
NUM_OFFSETS = 2 * REACH + 2


@keras.saving.register_keras_serializable(package="eqstream")
class DigitPlaces(keras.layers.Layer):
    """Returns place and number of each token, int32 (batch, length) each, from tokens (batch, length).

    Places are numbered so that one table of `num_places` vectors serves all of them:

    | place | token |
    | --- | --- |
    | 0 | pad |
    | 1 … length | a digit before the decimal point; 1 is the unit |
    | length + 1 | a decimal point |
    | length + 2 … 2 length | a digit after the decimal point; the first is the tenth |
    | 2 length + 1 … 3 length | the n-th of the characters in a row that are no digits |

    The number is 0 before the first number of the question, 1 from its first digit on, and so on. Place and number
    together tell every token of a question from all others, whatever the padding.

    Args:
        alphabet: the codec's alphabet.
        length: tokens of a question, or more: the size of each of the three ranges.
        is_reversed: whether the tokens are those of the text read backwards.
    """

    def __init__(self, alphabet: str, length: int, is_reversed: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alphabet, self.length, self.is_reversed = alphabet, length, is_reversed
        self.num_places = 3 * length + 1
        self.num_numbers = (length + 1) // 2 + 1

    def build(self, input_shape: object = None) -> None:
        """Creates nothing: the layer has no weights."""
        self.built = True

    def call(self, tokens: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See the class."""
        tokens = ops.flip(tokens, axis=1) if self.is_reversed else tokens
        places, numbers = self._locate(ops.cast(tokens, "int32"))
        return (ops.flip(places, axis=1), ops.flip(numbers, axis=1)) if self.is_reversed else (places, numbers)

    def _locate(self, tokens: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        is_digit, is_point = self._is_one_of(tokens, "0123456789"), self._is_one_of(tokens, ".")
        # A run is digits in a row, or other characters in a row; runs are numbered by counting where they begin.
        changes = ops.cast(is_digit[:, 1:] != is_digit[:, :-1], "int32")
        runs = ops.pad(ops.cumsum(changes, axis=1), [[0, 0], [1, 0]])
        same_run = ops.cast(runs[:, :, None] == runs[:, None, :], "int32")  # (batch, length, length)
        order = ops.arange(ops.shape(tokens)[1])
        is_real = ops.cast(tokens != PAD, "int32")[:, None, :]
        num_before = ops.sum(same_run * ops.cast(order[None, :] < order[:, None], "int32") * is_real, axis=2)
        num_after = ops.sum(same_run * ops.cast(order[None, :] > order[:, None], "int32") * is_real, axis=2)
        # Digits are behind the point if the run before them ends with one.
        follows_point = ops.pad(is_point[:, :-1], [[0, 0], [1, 0]])
        is_run_start = num_before == 0
        starts_fraction = ops.cast(ops.logical_and(follows_point, is_run_start), "int32")
        is_fraction = ops.sum(same_run * starts_fraction[:, None, :], axis=2) > 0
        digit_place = ops.where(is_fraction, self.length + 2 + num_before, 1 + num_after)
        sign_place = ops.where(is_point, self.length + 1, 2 * self.length + 1 + num_before)
        places = ops.where(is_digit, digit_place, sign_place)
        starts_number = ops.logical_and(ops.logical_and(is_digit, is_run_start), ops.logical_not(is_fraction))
        numbers = ops.cumsum(ops.cast(starts_number, "int32"), axis=1)
        return ops.where(tokens == PAD, 0, places), ops.where(tokens == PAD, 0, numbers)

    def offsets(self, targets: tf.Tensor, sources: tf.Tensor) -> tf.Tensor:
        """Returns how far apart two tokens' digits are, int32 (batch, num_targets, num_sources), from their places.

        0 says that one of the two is no digit. Any other offset is `REACH` + 1 plus the number of places by which the
        source's digit stands above the target's, cut to -`REACH` … `REACH`: from the tens, the unit is at `REACH`.

        Args:
            targets: places, int32 (batch or 1, num_targets).
            sources: places, int32 (batch or 1, num_sources).
        """
        above = self._heights(sources)[:, None, :] - self._heights(targets)[:, :, None]
        are_digits = ops.logical_and(self._are_digits(sources)[:, None, :], self._are_digits(targets)[:, :, None])
        return ops.where(are_digits, ops.clip(above, -REACH, REACH) + REACH + 1, 0)

    def near(self, targets: tf.Tensor, sources: tf.Tensor, reach: int) -> tf.Tensor:
        """Returns which sources are no digits, or within `reach` places of a target's digit.

        Args:
            targets: places, int32 (batch or 1, num_targets).
            sources: places, int32 (batch or 1, num_sources).
            reach: number of places.

        Returns:
            bool (batch or 1, num_targets, num_sources). A target that is no digit is near none.
        """
        apart = ops.abs(self._heights(sources)[:, None, :] - self._heights(targets)[:, :, None])
        are_digits = ops.logical_and(self._are_digits(sources)[:, None, :], self._are_digits(targets)[:, :, None])
        is_sign = ops.logical_not(self._are_digits(sources))[:, None, :]
        return ops.logical_or(is_sign, ops.logical_and(are_digits, apart <= reach))

    def hide_digits(self, places: tf.Tensor) -> tf.Tensor:
        """Returns the places with 0 for all digits: what is left tells brackets, signs and operators apart."""
        return ops.where(self._are_digits(places), 0, places)

    def _heights(self, places: tf.Tensor) -> tf.Tensor:
        """Returns places counted without a gap at the decimal point: the unit 1, the tenth 0, the hundredth -1."""
        return ops.where(places <= self.length, places, self.length + 2 - places)

    def _are_digits(self, places: tf.Tensor) -> tf.Tensor:
        is_whole = ops.logical_and(places >= 1, places <= self.length)
        return ops.logical_or(is_whole, ops.logical_and(places >= self.length + 2, places <= 2 * self.length))

    def _is_one_of(self, tokens: tf.Tensor, characters: str) -> tf.Tensor:
        ids = [NUM_RESERVED + position for position, each in enumerate(self.alphabet) if each in characters]
        found = ops.zeros_like(tokens, dtype="bool")
        for each in ids:
            found = ops.logical_or(found, tokens == each)
        return found

    def get_config(self) -> dict:
        """Returns the arguments of the constructor."""
        own = {"alphabet": self.alphabet, "length": self.length, "is_reversed": self.is_reversed}
        return {**super().get_config(), **own}
