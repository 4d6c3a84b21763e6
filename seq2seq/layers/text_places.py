"""Where each character of a text of several numbers stands, counted from the text's end as it is written."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import ops

from eqstream.data.loading.token_alphabet import NUM_RESERVED, PAD, START


class Spots(NamedTuple):
    """Where characters stand, int32 (batch, length) each; see `TextPlaces`.

    Attributes:
        places: within their runs.
        runs: the numbers of their runs.
        depths: how many brackets they are in, of which they may be the first or last character themselves.
    """

    places: tf.Tensor
    runs: tf.Tensor
    depths: tf.Tensor


@keras.saving.register_keras_serializable(package="eqstream")
class TextPlaces(keras.layers.Layer):
    """Says for two characters how many places, numbers and levels of brackets lie between them.

    A text is read from its end and falls into runs: of characters that belong to a number, which have odd numbers, and
    of all others, which have even ones. ``(12-7)*345`` is 5, 4, 3 (run 1), `*`, `)` (run 2), 7 (run 3), `-` (run 4),
    2, 1 (run 5) and `(` (run 6). Places count the characters of a run from 1; where a text ends without a number, its
    run 0 counts from 2, as the end comes first. In a question the decimal point is place 0, the tenth -1. What is being
    written has no point yet where its first decimals are written: they count from 1, and the point begins anew.

    Args:
        alphabet: the codec's alphabet.
        is_reversed: whether questions are given as they are read, from the end; what is written always is.
        place_reach: places further apart than this count as equally far.
        number_reach: numbers further apart than this count as equally far.
        bracket_reach: characters that are in so many more brackets than another count as equally deep; 0 if levels of
            brackets do not count.
    """

    def __init__(
        self,
        alphabet: str,
        *,
        is_reversed: bool,
        place_reach: int,
        number_reach: int,
        bracket_reach: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.alphabet, self.is_reversed = alphabet, is_reversed
        self.place_reach, self.number_reach, self.bracket_reach = place_reach, number_reach, bracket_reach
        # From one number to the next it is two runs.
        self._run_reach = 2 * number_reach
        self.num_offsets = (2 * place_reach + 1) * (2 * self._run_reach + 1)
        self.num_levels = 2 * bracket_reach + 1

    def build(self, input_shape: object = None) -> None:
        """Creates nothing: the layer has no weights."""
        self.built = True

    def locate_question(self, question: tf.Tensor) -> Spots:
        """Returns where the tokens of questions stand, int32 (batch, question_width); where pads do, means nothing."""
        tokens = question if self.is_reversed else ops.flip(question, axis=1)
        tokens = ops.concatenate([ops.full_like(tokens[:, :1], START), tokens], axis=1)
        places, runs, depths = self._locate(tokens)
        if "." in self.alphabet:
            places = self._count_from_the_point(tokens, places, runs)
        spots = [each[:, 1:] for each in (places, runs, depths)]
        return Spots(*spots) if self.is_reversed else Spots(*(ops.flip(each, axis=1) for each in spots))

    def locate_steps(self, written: tf.Tensor) -> Spots:
        """Returns where a digit would stand that is written in each step, from what is written before.

        Args:
            written: int32 (batch, answer_width), the token before each step, the start first; a step's spot depends on
                those up to its own.
        """
        places, runs, depths = self._locate(written)
        is_numeral = self._is_one_of(written, "0123456789.")
        # Behind the second of two signs in a row it is place 0, so that a step knows how many there are.
        places, runs = ops.where(is_numeral, places + 1, 2 - places), ops.where(is_numeral, runs, runs + 1)
        return Spots(places, runs, depths - ops.cast(self._is_one_of(written, "("), "int32"))

    def offsets(self, targets: Spots, sources: Spots) -> tf.Tensor:
        """Returns the differences as one number, (batch, num_targets, num_sources).

        That is the pair of those in places and runs, 0 to `num_offsets` - 1, times `num_levels`, plus that in depths.

        Args:
            targets: (batch or 1, num_targets).
            sources: (batch or 1, num_sources).
        """
        above = _difference(targets.places, sources.places, self.place_reach)
        ahead = _difference(targets.runs, sources.runs, self._run_reach)
        deeper = _difference(targets.depths, sources.depths, self.bracket_reach)
        return (above * (2 * self._run_reach + 1) + ahead) * self.num_levels + deeper

    def _locate(self, tokens: tf.Tensor) -> Spots:
        """Returns where tokens stand that are read from the end of a text and begin with the start token."""
        is_numeral, is_real = self._is_one_of(tokens, "0123456789."), tokens != PAD
        count = ops.cumsum(ops.cast(is_real, "int32"), axis=1)
        changes = ops.logical_and(is_real[:, 1:], is_numeral[:, 1:] != is_numeral[:, :-1])
        changes = ops.pad(ops.cast(changes, "int32"), [[0, 0], [1, 0]])
        # How many characters come before the first one that is counted.
        before = ops.where(self._is_one_of(tokens, "."), count, changes * (count - 1))
        opens, closes = (ops.cast(self._is_one_of(tokens, each), "int32") for each in "()")
        # Read from the end, a bracket begins with the one that closes it.
        depths = ops.cumsum(closes - opens, axis=1) + opens
        return Spots(count - _latest(before), ops.cumsum(changes, axis=1), depths)

    def _count_from_the_point(self, tokens: tf.Tensor, places: tf.Tensor, runs: tf.Tensor) -> tf.Tensor:
        """Returns the places, with those of decimals as what they are: -1 for the tenth, -2 for the hundredth."""
        order = ops.arange(ops.shape(tokens)[1])
        follows = ops.logical_and(order[None, :] > order[:, None], self._is_one_of(tokens, ".")[:, None, :])
        follows = ops.logical_and(follows, runs[:, None, :] == runs[:, :, None])
        distance = ops.max(ops.where(follows, order[None, :] - order[:, None], 0), axis=2)
        return ops.where(distance > 0, -distance, places)

    def _is_one_of(self, tokens: tf.Tensor, characters: str) -> tf.Tensor:
        found = ops.zeros_like(tokens, dtype="bool")
        for position, each in enumerate(self.alphabet):
            if each in characters:
                found = ops.logical_or(found, tokens == NUM_RESERVED + position)
        return found

    def get_config(self) -> dict:
        """Returns the arguments of the constructor."""
        own = {"alphabet": self.alphabet, "is_reversed": self.is_reversed}
        reaches = {"place_reach": self.place_reach, "number_reach": self.number_reach}
        return {**super().get_config(), **own, **reaches, "bracket_reach": self.bracket_reach}


def _difference(targets: tf.Tensor, sources: tf.Tensor, reach: int) -> tf.Tensor:
    """Returns sources minus targets, cut to `reach` on both sides, plus `reach`."""
    return ops.clip(sources[:, None, :] - targets[:, :, None], -reach, reach) + reach


def _latest(values: tf.Tensor) -> tf.Tensor:
    """Returns the largest value up to each position, of values from 0 on, (batch, length)."""
    order = ops.arange(ops.shape(values)[1])
    return ops.max(ops.where(order[None, :] <= order[:, None], values[:, None, :], 0), axis=2)
