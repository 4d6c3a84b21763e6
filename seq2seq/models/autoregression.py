"""What the models have in common whose every character depends on those that they wrote before it."""

from typing import Any

import tensorflow as tf
from keras import ops

from eqstream.data.loading.token_alphabet import END, START
from eqstream.seq2seq.models.base import EquationModel, bar


class AutoregressiveModel(EquationModel):
    """A model that reads a question once, then writes its answer step by step.

    A subclass defines `call`, `read_question` and `write_step`.
    """

    def read_question(self, question: tf.Tensor) -> tuple[Any, Any]:
        """Returns what all steps need of the question, int32 (batch, question_width), and the state of the first one.

        The state is made of tensors whose shapes no step changes.
        """
        raise NotImplementedError

    def write_step(self, step: tf.Tensor, written: tf.Tensor, memory: Any, state: Any) -> tuple[tf.Tensor, Any]:
        """Returns the logits of a step, (batch, 1, num_tokens), and the state of the next one.

        Args:
            step: its number, from 0.
            written: int32 (batch, answer_width), the token before each step; what follows that of `step` is not known.
            memory: from `read_question`.
            state: from `read_question`, or of the step before.
        """
        raise NotImplementedError

    def greedy_logits(self, question: tf.Tensor, barred: tf.Tensor | None = None) -> tf.Tensor:
        """See `EquationModel.greedy_logits`; once all answers of the batch have ended, the rest is zeros.

        No step computes again what an earlier one has computed. A full pass over the same tokens gives the same logits
        but for rounding, as it sums in another order.
        """
        width, num_tokens, num_answers = self.codec.answer_width, self.codec.num_tokens, ops.shape(question)[0]
        memory, state = self.read_question(question)

        def goes_on(step: tf.Tensor, is_ended: tf.Tensor, *_: Any) -> tf.Tensor:
            return ops.logical_and(step < width, ops.logical_not(ops.all(is_ended)))

        def write(step: tf.Tensor, is_ended: tf.Tensor, written: tf.Tensor, logits: tf.Tensor, state: Any) -> tuple:
            new, state = self.write_step(step, written[:, :width], memory, state)
            passed_over = None if barred is None else ops.take(barred, ops.reshape(step, (1,)), axis=1)
            token = ops.cast(ops.argmax(bar(new, passed_over), axis=-1), "int32")
            is_ended = ops.logical_or(is_ended, token[:, 0] == END)
            written = ops.slice_update(written, (0, step + 1), token)
            return step + 1, is_ended, written, ops.slice_update(logits, (0, step, 0), new), state

        # One more column than the steps read, for the token of the last step.
        written = ops.concatenate(
            [ops.full((num_answers, 1), START, "int32"), ops.zeros((num_answers, width), "int32")], axis=1
        )
        logits = ops.zeros((num_answers, width, num_tokens), self.compute_dtype)
        start = (ops.zeros((), "int32"), ops.zeros((num_answers,), "bool"), written, logits, state)
        return ops.while_loop(goes_on, write, start)[3]
