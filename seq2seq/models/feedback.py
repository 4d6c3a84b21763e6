"""Sequence to sequence in its first form: a decoder that goes on from the encoder's state, fed with its own output."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import ops

from eqstream.data.loading.token_alphabet import PAD
from eqstream.seq2seq.config.architectures import FeedbackRecipe
from eqstream.seq2seq.layers.character_embedding import CharacterEmbedding
from eqstream.seq2seq.models.autoregression import AutoregressiveModel
from eqstream.seq2seq.models.base import shift_right

# Output and cell of an LSTM, (batch, width) each.
State = list[tf.Tensor]


class Memory(NamedTuple):
    """What attention needs of a question.

    Attributes:
        outputs: of the encoder, (batch, question_width, width).
        mask: bool (batch, question_width), False for tokens to look away from; None for none.
    """

    outputs: tf.Tensor
    mask: tf.Tensor | None


@keras.saving.register_keras_serializable(package="eqstream")
class FeedbackModel(AutoregressiveModel):
    """LSTM encoder, LSTM decoder of the same depth that starts from its states ("Sequence to Sequence", 2014).

    The decoder reads the token before: the right one in training (teacher forcing), its own in use. With
    `bidirectional` both directions' states are joined, so the decoder is twice as wide.
    """

    recipe_class = FeedbackRecipe

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        recipe, num_tokens = self.architecture, self.codec.num_tokens
        self.width = recipe.width * (2 if recipe.bidirectional else 1)
        self.embedding = CharacterEmbedding(
            num_tokens, recipe.embedding_width if recipe.embedding == "learned" else None, name="embedding"
        )
        self.encoder = [self._make_encoder(f"encoder_{level + 1}") for level in range(recipe.depth)]
        self.decoder = [_make_lstm(self.width, f"decoder_{level + 1}") for level in range(recipe.depth)]
        self.dropout = keras.layers.Dropout(recipe.dropout, name="dropout")
        self.normalization = (
            keras.layers.BatchNormalization(name="normalization") if recipe.batch_normalization else None
        )
        self.logits = keras.layers.Dense(num_tokens, name="logits")

    def _make_encoder(self, name: str) -> keras.layers.Layer:
        lstm = _make_lstm(self.architecture.width, name)
        return keras.layers.Bidirectional(lstm, name=name) if self.architecture.bidirectional else lstm

    @property
    def ignores_padding(self) -> bool:
        """See `EquationModel.ignores_padding`."""
        # Backwards and written out, Keras' LSTM clears the outputs of other tokens than of pads.
        return self.architecture.mask_padding and not self.architecture.bidirectional

    def build(self, input_shape: object = None) -> None:
        """Creates the weights."""
        self.embedding.build((None, None))
        first_width = self.embedding.width or self.codec.num_tokens
        for layers, length in ((self.encoder, self.codec.question_width), (self.decoder, self.codec.answer_width)):
            for level, layer in enumerate(layers):
                layer.build((None, length, self.width if level else first_width))
        for layer in filter(None, (self.dropout, self.normalization, self.logits)):
            layer.build((None, None, self.width))
        self.built = True

    def encode(self, question: tf.Tensor, training: bool | None = None) -> tuple[Memory, list[State]]:
        """Returns what the decoder needs of the question, int (batch, question_width), and its first states."""
        mask = question != PAD if self.architecture.mask_padding else None
        outputs, states = self.embedding(question), []
        for layer in self.encoder:
            outputs, *parts = layer(outputs, mask=mask, training=training)
            outputs = self.dropout(outputs, training=training)
            # Forward output and cell, then, if there is one, backward output and cell.
            states.append([ops.concatenate(parts[first::2], axis=-1) for first in (0, 1)])
        return Memory(outputs, mask), states

    def decode(
        self, previous: tf.Tensor, memory: Memory, states: list[State], training: bool | None = None
    ) -> tuple[tf.Tensor, list[State]]:
        """Returns the logits of consecutive steps, (batch, num_steps, num_tokens), and the states after the last.

        Args:
            previous: int (batch, num_steps), the token before each step.
            memory: from `encode`.
            states: from `encode`, or of the step before.
            training: whether dropout is active.
        """
        outputs, after = self._run_decoder(previous, states, training)
        outputs = self.look_back(outputs, memory)[0]
        if self.normalization is not None:
            outputs = self.normalization(outputs, training=training)
        return self.logits(outputs), after

    def _run_decoder(
        self, previous: tf.Tensor, states: list[State], training: bool | None = None
    ) -> tuple[tf.Tensor, list[State]]:
        outputs, after = self.embedding(previous), []
        for layer, state in zip(self.decoder, states, strict=True):
            outputs, *state = layer(outputs, initial_state=state, training=training)
            outputs = self.dropout(outputs, training=training)
            after.append(state)
        return outputs, after

    def look_back(self, outputs: tf.Tensor, memory: Memory) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Returns the decoder's outputs, (batch, num_steps, width), with what is gathered from the question: nothing.

        The second value is the share of each token of the question, (batch, num_steps, question_width), or None.
        """
        del memory
        return outputs, None

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool | None = None) -> tf.Tensor:
        """See `EquationModel.call`."""
        memory, states = self.encode(inputs["question"], training=training)
        return self.decode(shift_right(inputs["answer"]), memory, states, training=training)[0]

    def read_question(self, question: tf.Tensor) -> tuple[Memory, list[State]]:
        """See `AutoregressiveModel.read_question`."""
        return self.encode(question)

    def write_step(
        self, step: tf.Tensor, written: tf.Tensor, memory: Memory, state: list[State]
    ) -> tuple[tf.Tensor, list[State]]:
        """See `AutoregressiveModel.write_step`."""
        return self.decode(ops.take(written, ops.reshape(step, (1,)), axis=1), memory, state)

    def inspect(self, question: tf.Tensor, answer: tf.Tensor) -> dict[str, tf.Tensor]:
        """See `EquationModel.inspect`."""
        memory, states = self.encode(question)
        outputs, _ = self._run_decoder(shift_right(answer), states)
        _, shares = self.look_back(outputs, memory)
        found = {"activations": memory.outputs}
        return found if shares is None else {**found, "attention": shares}


def _make_lstm(width: int, name: str) -> keras.layers.Layer:
    # Sequences of equations are short: written out step by step they run faster than in a loop.
    return keras.layers.LSTM(width, return_sequences=True, return_state=True, unroll=True, name=name)
