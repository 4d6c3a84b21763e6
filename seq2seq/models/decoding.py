"""Greedy decoding of many questions."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from eqstream.data.loading.token_alphabet import END, PAD
from eqstream.seq2seq.models.base import EquationModel


@dataclass(frozen=True, eq=False)
class DecodedAnswers:
    """What a model answers.

    Attributes:
        tokens: uint8 (num_questions, answer_width), each row padded after its end token.
        probabilities: float32 (num_questions, answer_width), of each emitted token; 1 for the pads after the end.
    """

    tokens: np.ndarray
    probabilities: np.ndarray


class GreedyDecoder:
    """Answers questions with the most probable character at each step.

    Deterministic in the weights and `batch_size`. Weights that change between calls are seen.

    Args:
        model: with its weights created.
        batch_size: questions decoded at once; the last, smaller batch is filled up, so one graph serves all.
        jit_compile: whether the graph goes through XLA: seconds to begin with, then about twice the speed.
    """

    def __init__(self, model: EquationModel, *, batch_size: int = 4096, jit_compile: bool = True) -> None:
        self._batch_size = batch_size
        self._question_width = model.codec.question_width
        self._answer_width = model.codec.answer_width

        def step(question: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            logits = keras.ops.cast(model.greedy_logits(question), "float32")
            probabilities = keras.ops.softmax(logits, axis=-1)
            return keras.ops.argmax(logits, axis=-1), keras.ops.max(probabilities, axis=-1)

        signature = [tf.TensorSpec((batch_size, model.codec.question_width), tf.int32)]
        # Nothing in it depends on values, and converting it would leave files in the system's temporary directory.
        self._step = tf.function(step, input_signature=signature, jit_compile=jit_compile, autograph=False)

    def decode(self, questions: np.ndarray, on_batch: Callable[[int], None] | None = None) -> DecodedAnswers:
        """Returns the answers to encoded questions, uint8 (num_questions, question_width).

        Args:
            questions: tokens.
            on_batch: called with the number of questions of each batch when it is done.
        """
        tokens = np.zeros((len(questions), self._answer_width), np.uint8)
        probabilities = np.ones((len(questions), self._answer_width), np.float32)
        for start in range(0, len(questions), self._batch_size):
            part = questions[start : start + self._batch_size]
            batch = np.zeros((self._batch_size, self._question_width), np.int32)
            batch[: len(part)] = part
            emitted, shares = self._step(tf.constant(batch))
            tokens[start : start + len(part)] = emitted.numpy()[: len(part)]
            probabilities[start : start + len(part)] = shares.numpy()[: len(part)]
            if on_batch is not None:
                on_batch(len(part))
        is_after_end = np.cumsum(tokens == END, axis=1) - (tokens == END) > 0
        tokens[is_after_end] = PAD
        probabilities[is_after_end] = 1.0
        return DecodedAnswers(tokens, probabilities)


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
