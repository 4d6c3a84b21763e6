"""Greedy decoding of many questions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf

from eqstream.data.loading.token_alphabet import END, PAD
from eqstream.seq2seq.models.base import EquationModel, bar

# What a step reads and writes stays in the caches of a processor.
BATCH_SIZE = 512
# Each width is a graph of its own, to be traced and compiled.
_MOST_WIDTHS = 4
_LEAST_WIDTH = 16


@dataclass(frozen=True, kw_only=True)
class Vote:
    """Which of its orders a question's answer is from.

    Attributes:
        asked: the question in the order whose answer it is, natural text.
        num_orders: in how many orders it was asked.
        num_agreeing: how many of them have this answer.
    """

    asked: str
    num_orders: int
    num_agreeing: int


@dataclass(frozen=True, eq=False)
class DecodedAnswers:
    """What a model answers.

    Attributes:
        tokens: uint8 (num_questions, answer_width), each row padded after its end token.
        probabilities: float32 (num_questions, answer_width), of each emitted token; 1 for the pads after the end.
        log_probabilities: float64 (num_questions,), natural logarithms of the probability of all that was emitted, on
            the way to the answer, too.
        solutions: of a model that answers line by line what was written: the question, as it was asked, and the lines
            behind it, natural text, the last one as far as it got; None of other models.
        reordered: of each solution the places of the lines that were not written, but are the ones before in the order
            that was asked, see `LineWriter`; None if there are none.
        votes: of questions that were asked in several orders which one this answer is from; None if none was.
    """

    tokens: np.ndarray
    probabilities: np.ndarray
    log_probabilities: np.ndarray
    solutions: list[list[str]] | None = None
    reordered: list[list[int]] | None = None
    votes: list[Vote] | None = None

    def take(self, places: Sequence[int]) -> "DecodedAnswers":
        """Returns the answers at some places, without votes."""
        return DecodedAnswers(
            self.tokens[places],
            self.probabilities[places],
            self.log_probabilities[places],
            solutions=None if self.solutions is None else [self.solutions[place] for place in places],
            reordered=None if self.reordered is None else [self.reordered[place] for place in places],
        )


def join_answers(parts: Sequence[DecodedAnswers]) -> DecodedAnswers:
    """Returns the answers of one part after the other, all by the same decoder; at least one part."""
    solutions = [part.solutions for part in parts if part.solutions is not None]
    reordered = [part.reordered for part in parts if part.reordered is not None]
    votes = [part.votes for part in parts if part.votes is not None]
    return DecodedAnswers(
        np.concatenate([part.tokens for part in parts]),
        np.concatenate([part.probabilities for part in parts]),
        np.concatenate([part.log_probabilities for part in parts]),
        solutions=[*chain.from_iterable(solutions)] if solutions else None,
        reordered=[*chain.from_iterable(reordered)] if reordered else None,
        votes=[*chain.from_iterable(votes)] if votes else None,
    )


class Decoder(Protocol):
    """What asks a model for its answers."""

    def decode(self, questions: np.ndarray, on_batch: Callable[[int], None] | None = None) -> DecodedAnswers:
        """Returns the answers to encoded questions, uint8 (num_questions, question_width).

        Args:
            questions: tokens.
            on_batch: called with a number of questions whenever so many more are answered.
        """
        ...


class GreedyDecoder:
    """Answers questions with the most probable character at each step; of equal ones, that of the lowest token.

    Deterministic in the weights, `batch_size` and the questions of a call. In other batches, or padded to another
    width, a probability may differ in its last digits, and so may an answer where two characters are as equally
    probable as that. Weights that change between calls are seen.

    Args:
        model: with its weights created.
        batch_size: questions decoded at once; the last, smaller batch is filled up. Questions of about one length are
            in one batch, which is as wide as its longest question needs, in at most `_MOST_WIDTHS` graphs.
        jit_compile: whether the graphs go through XLA: seconds to begin with, then about twice the speed.
    """

    def __init__(self, model: EquationModel, *, batch_size: int = BATCH_SIZE, jit_compile: bool = True) -> None:
        self._model, self._batch_size, self._jit_compile = model, batch_size, jit_compile
        self._pads_left = model.codec.options.padding == "left"
        self._widths = _choose_widths(model)
        self._graphs: dict[int, Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]] = {}

    def decode(
        self,
        questions: np.ndarray,
        on_batch: Callable[[int], None] | None = None,
        *,
        barred: np.ndarray | None = None,
    ) -> DecodedAnswers:
        """Returns the answers to encoded questions, uint8 (num_questions, question_width); see `Decoder`.

        Args:
            questions: tokens.
            on_batch: see `Decoder`.
            barred: uint8 (num_questions, answer_width), for each step a token that is passed over there; a pad, or
                None, for none. Probabilities are what they would be were it not.
        """
        if barred is None:
            barred = np.full((len(questions), self._model.codec.answer_width), PAD, np.uint8)
        tokens = np.zeros((len(questions), self._model.codec.answer_width), np.uint8)
        probabilities = np.ones((len(questions), self._model.codec.answer_width), np.float32)
        lengths = (questions != PAD).sum(axis=1)
        order = np.argsort(lengths, kind="stable")
        for start in range(0, len(questions), self._batch_size):
            rows = order[start : start + self._batch_size]
            # Filled up with the same questions again: no others could keep the batch busy for longer.
            filled = np.resize(rows, self._batch_size)
            batch = self._narrow(questions[filled], lengths[rows[-1]])
            graph = self._graph(batch.shape[1])
            emitted, shares = graph(tf.constant(batch, tf.int32), tf.constant(barred[filled], tf.int32))
            tokens[rows] = emitted.numpy()[: len(rows)]
            probabilities[rows] = shares.numpy()[: len(rows)]
            if on_batch is not None:
                on_batch(len(rows))
        is_after_end = np.cumsum(tokens == END, axis=1) - (tokens == END) > 0
        tokens[is_after_end] = PAD
        probabilities[is_after_end] = 1.0
        return DecodedAnswers(tokens, probabilities, log_probabilities=sum_logarithms(probabilities))

    def _answer(self, question: tf.Tensor, barred: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        logits = keras.ops.cast(self._model.greedy_logits(question, barred), "float32")
        tokens = keras.ops.argmax(bar(logits, barred), axis=-1)
        probabilities = keras.ops.softmax(logits, axis=-1)
        return tokens, keras.ops.take_along_axis(probabilities, tokens[:, :, None], axis=-1)[:, :, 0]

    def _graph(self, width: int) -> Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
        """Returns `_answer` for batches of a width, traced when it is first asked for."""
        if width not in self._graphs:
            widths = width, self._model.codec.answer_width
            signature = [tf.TensorSpec((self._batch_size, each), tf.int32) for each in widths]
            # Its loop is an operation already, and converting it would leave files in the system's temporary directory.
            graph = tf.function(self._answer, input_signature=signature, jit_compile=self._jit_compile, autograph=False)
            # Called as it is, a function of several shapes would be reported as one that is traced too often.
            self._graphs[width] = graph.get_concrete_function()
        return self._graphs[width]

    def _narrow(self, questions: np.ndarray, length: int) -> np.ndarray:
        """Returns the columns that questions of at most `length` tokens need, and as many pads as the width has."""
        width = next(width for width in self._widths if width >= length)
        return questions[:, -width:] if self._pads_left else questions[:, :width]


def sum_logarithms(probabilities: np.ndarray) -> np.ndarray:
    """Returns the logarithm of the product of each row of probabilities, float64 (num_questions,)."""
    return np.log(probabilities, dtype=np.float64).sum(axis=1)


def _choose_widths(model: EquationModel) -> list[int]:
    """Returns the widths that batches of questions may have, in rising order, the full one last."""
    full = model.codec.question_width
    count = max(1, min(full // _LEAST_WIDTH, _MOST_WIDTHS)) if model.ignores_padding else 1
    return [-(-full * number // count) for number in range(1, count)] + [full]


def estimate_answers(model: EquationModel, questions: np.ndarray, batch_size: int = 4096) -> np.ndarray:
    """Returns what a model answers before it is rounded, in units of the answer, float64 (num_questions,).

    Args:
        model: one that `writes_numbers`, with its weights created.
        questions: tokens, uint8 (num_questions, question_width).
        batch_size: questions at once.
    """
    parts = [
        keras.ops.convert_to_numpy(model.estimate(tf.constant(questions[start : start + batch_size], tf.int32)))
        for start in range(0, len(questions), batch_size)
    ]
    return np.concatenate(parts).astype(np.float64)
