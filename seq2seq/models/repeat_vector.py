"""The classic of Keras' addition example: one vector says it all, repeated for each character of the answer."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from eqstream.data.loading.token_alphabet import PAD
from eqstream.seq2seq.config.architectures import RepeatVectorRecipe
from eqstream.seq2seq.layers.character_embedding import CharacterEmbedding
from eqstream.seq2seq.models.base import EquationModel


@keras.saving.register_keras_serializable(package="eqstream")
class RepeatVectorModel(EquationModel):
    """LSTM encoder, its last output repeated, LSTM decoder, logits per character.

    No character of the answer depends on another but through the decoder's state: teacher forcing and greedy
    decoding are the same.
    """

    recipe_class = RepeatVectorRecipe

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        recipe = self.architecture
        width = recipe.embedding_width if recipe.embedding == "learned" else None
        self.embedding = CharacterEmbedding(self.codec.num_tokens, width, name="embedding")
        self.encoder = [
            self._make_lstm("encoder", level, recipe.encoder_width, return_sequences=level < recipe.encoder_depth - 1)
            for level in range(recipe.encoder_depth)
        ]
        self.repeat = keras.layers.RepeatVector(self.codec.answer_width, name="repeat")
        self.decoder = [
            self._make_lstm("decoder", level, recipe.decoder_width, return_sequences=True)
            for level in range(recipe.decoder_depth)
        ]
        self.dropout = keras.layers.Dropout(recipe.dropout, name="dropout")
        self.normalization = (
            keras.layers.BatchNormalization(name="normalization") if recipe.batch_normalization else None
        )
        self.logits = keras.layers.Dense(self.codec.num_tokens, name="logits")

    def _make_lstm(self, side: str, level: int, width: int, *, return_sequences: bool) -> keras.layers.Layer:
        name = f"{side}_{level + 1}"
        # Sequences of equations are short: written out step by step they run faster than in a loop.
        lstm = keras.layers.LSTM(width, return_sequences=return_sequences, unroll=True, name=name)
        return keras.layers.Bidirectional(lstm, name=name) if self.architecture.bidirectional else lstm

    @property
    def ignores_padding(self) -> bool:
        """See `EquationModel.ignores_padding`."""
        # Backwards and written out, Keras' LSTM clears the outputs of other tokens than of pads.
        return self.architecture.mask_padding and not self.architecture.bidirectional

    def build(self, input_shape: object = None) -> None:
        """Creates the weights."""
        recipe, sides = self.architecture, 2 if self.architecture.bidirectional else 1
        question_shape, answer_shape = (None, self.codec.question_width), (None, self.codec.answer_width)
        self.embedding.build(question_shape)
        width = self.embedding.width or self.codec.num_tokens
        for layer in self.encoder:
            layer.build((*question_shape, width))
            width = recipe.encoder_width * sides
        for layer in self.decoder:
            layer.build((*answer_shape, width))
            width = recipe.decoder_width * sides
        if self.normalization is not None:
            self.normalization.build((*answer_shape, width))
        self.dropout.build((*answer_shape, width))
        self.logits.build((*answer_shape, width))
        self.built = True

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool | None = None) -> tf.Tensor:
        """See `EquationModel.call`."""
        states = self.repeat(self._encode(inputs["question"], training))
        for layer in self.decoder:
            states = self.dropout(layer(states, training=training), training=training)
        if self.normalization is not None:
            states = self.normalization(states, training=training)
        return self.logits(states)

    def _encode(self, question: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        is_real = question != PAD
        mask = is_real if self.architecture.mask_padding else None
        states = self.embedding(question)
        if self.architecture.pad_vector == "zeros":
            states = states * ops.cast(is_real, states.dtype)[:, :, None]
        for layer in self.encoder:
            states = self.dropout(layer(states, mask=mask, training=training), training=training)
        return states

    def greedy_logits(self, question: tf.Tensor, barred: tf.Tensor | None = None) -> tf.Tensor:
        """See `EquationModel.greedy_logits`; no step depends on another one."""
        del barred
        return self({"question": question}, training=False)

    def inspect(self, question: tf.Tensor, answer: tf.Tensor) -> dict[str, tf.Tensor]:
        """See `EquationModel.inspect`: the vector that the encoder would hand on if the question ended at a token."""
        del answer
        vectors = [self._encode(question[:, : length + 1]) for length in range(self.codec.question_width)]
        return {"activations": ops.stack(vectors, axis=1)}
