"""What every model that writes an answer character by character has in common."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from eqstream.data.configuration import from_mapping, to_mapping
from eqstream.data.loading.codec import Codec
from eqstream.data.loading.token_alphabet import PAD, START
from eqstream.seq2seq.models.metrics import CharacterAccuracy, TokenAccuracy, token_loss, token_weights

_BATCH_SIZE = 1024


class EquationModel(keras.Model):
    """A model from question tokens to answer tokens.

    To ask it, use `generate` with texts, or `predict` with tokens: both decode greedily. Calling the model, as `fit`
    and `evaluate` do, is teacher forced: each character of the answer is predicted from the right ones before it.

    A subclass defines `call` (teacher forced) and `greedy_logits`. What it is trained on it says itself: the target
    made of an answer, loss and metrics; here the answer's tokens. It is rebuilt from two plain mappings, so that a
    saved model needs neither code nor pickles to load.

    Args:
        codec: `Codec.to_dict()` of the text it reads and writes.
        architecture: its recipe as a mapping, of the type `recipe_class`.
    """

    recipe_class: type
    # Whether it answers with numbers, of which `estimate` says what they were before they were rounded.
    writes_numbers = False
    # Whether it can be trained on batches whose width is known only when they come; layers that are written out step by
    # step cannot.
    takes_any_width = False

    def __init__(self, *, codec: dict, architecture: dict, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.codec = Codec.from_dict(codec)
        self.architecture = from_mapping(self.recipe_class, architecture, "architecture")

    @property
    def ignores_padding(self) -> bool:
        """Whether a question has the same answer whatever the number of its pads, so that most need not be read."""
        return False

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool | None = None) -> tf.Tensor:
        """Returns logits, float (batch, answer_width, num_tokens), for each token of the answer, teacher forced.

        Args:
            inputs: `question`, int32 (batch, question_width), and `answer`, int32 (batch, answer_width); the logits
                of a position depend on the answer's tokens before it alone.
            training: whether dropout is active.
        """
        raise NotImplementedError

    def greedy_logits(self, question: tf.Tensor, barred: tf.Tensor | None = None) -> tf.Tensor:
        """Returns logits, float (batch, answer_width, num_tokens), of greedy decoding from the question alone.

        What follows the end token is not to be read.

        Args:
            question: int32 (batch, question_width).
            barred: int32 (batch, answer_width), for each step a token that is passed over there, see `bar`, whose
                logits are returned as they are; None for none.
        """
        raise NotImplementedError

    def estimate(self, question: tf.Tensor) -> tf.Tensor:
        """Returns the answers before they are rounded, float32 (batch,), of a model that `writes_numbers`."""
        raise NotImplementedError

    def predict_step(self, data: Any) -> tf.Tensor:
        """Returns the tokens of the answers, int32 (batch, answer_width), greedy; what `predict` calls for each batch.

        Args:
            data: question tokens, int (batch, question_width), or a mapping that has them as `question`.
        """
        inputs, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        question = inputs["question"] if isinstance(inputs, Mapping) else inputs
        return ops.cast(ops.argmax(self.greedy_logits(ops.cast(question, "int32")), axis=-1), "int32")

    def generate(self, questions: Sequence[str]) -> list[str]:
        """Returns the answers to natural questions, greedy; a `?` in one stands for what is no character or no end.

        For ``["31 + 87"]`` a model that has learned sums returns ``["118"]``.

        Raises:
            UserError: a question is too long, or has a character that the model does not know.
        """
        tokens = self.codec.encode_questions(questions)
        # Not through `predict`, which would compile for seconds: most callers have a few questions.
        batches = [tokens[start : start + _BATCH_SIZE] for start in range(0, len(tokens), _BATCH_SIZE)]
        answers = [ops.convert_to_numpy(self.predict_step((batch,))) for batch in batches]
        return [text for tokens in answers for text in self.codec.decode_predictions(tokens)]

    def make_target(self, answer: tf.Tensor) -> tf.Tensor:
        """Returns what `call` is trained to return, here the tokens themselves, from int32 (batch, answer_width)."""
        return answer

    def make_weights(self, answer: tf.Tensor, *, mask_pads: bool) -> tf.Tensor:
        """Returns the loss weights, float32 of the shape of the target, from answers, int32 (batch, answer_width)."""
        return token_weights(answer, mask_pads=mask_pads)

    def make_loss(self) -> keras.losses.Loss:
        """Returns the loss between target and output."""
        return token_loss()

    def make_metrics(self, *, mask_pads: bool) -> list[keras.metrics.Metric]:
        """Returns new metrics of target and output; where pads are trained, also the published one that counts them."""
        return [TokenAccuracy()] if mask_pads else [TokenAccuracy(), CharacterAccuracy()]

    def inspect(self, question: tf.Tensor, answer: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns what can be seen inside the model while it writes `answer`; nothing if there is nothing to see.

        Args:
            question: int32 (batch, question_width).
            answer: int32 (batch, answer_width), what the model has answered.

        Returns:
            `activations`, float (batch, question_width, width): the encoder's output at each token. `attention`, float
            (batch, answer_width, question_width): the share of each token of the question in each step.
        """
        del question, answer
        return {}

    def get_config(self) -> dict:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "codec": self.codec.to_dict(),
            "architecture": to_mapping(self.architecture),
        }

    @classmethod
    def from_config(cls, config: dict) -> "EquationModel":
        """Returns the model that `get_config` describes; its layers compute as precisely as they did."""
        with dtype_policy(keras.dtype_policies.get(config.get("dtype"))):
            return super().from_config(config)

    def get_build_config(self) -> dict:
        """Returns what `build_from_config` needs: all sizes are known from the codec."""
        return {"input_shape": None}

    def build_from_config(self, config: dict) -> None:
        """Creates the weights of a model that is being loaded."""
        self.build(None)


def bar(logits: tf.Tensor, barred: tf.Tensor | None) -> tf.Tensor:
    """Returns logits, (batch, num_steps, num_tokens), those of barred tokens minus infinity.

    Args:
        logits: of some steps.
        barred: int32 (batch, num_steps), a token for each step, a pad for none; None for none at all.
    """
    if barred is None:
        return logits
    is_barred = ops.logical_and(ops.arange(ops.shape(logits)[-1]) == barred[:, :, None], barred[:, :, None] != PAD)
    return ops.where(is_barred, ops.cast(-math.inf, logits.dtype), logits)


def shift_right(answer: tf.Tensor) -> tf.Tensor:
    """Returns the decoder's input, int32 (batch, answer_width): the start token, then all but the last token."""
    return ops.concatenate([ops.full_like(answer[:, :1], START), answer[:, :-1]], axis=1)


@contextmanager
def dtype_policy(policy: str | keras.DTypePolicy) -> Iterator[None]:
    """Makes `policy` that of every layer created inside; what was the policy before is so again afterwards."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
