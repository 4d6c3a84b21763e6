"""Encoder-decoder transformer that is told each digit's place within its number, and which number."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import ops

from eqstream.data.loading.token_alphabet import PAD, START
from eqstream.seq2seq.config.architectures import TransformerRecipe
from eqstream.seq2seq.layers.character_embedding import CharacterEmbedding
from eqstream.seq2seq.layers.digit_places import NUM_OFFSETS, DigitPlaces
from eqstream.seq2seq.layers.transformer_blocks import DecodedStates, DecoderBlock, EncoderBlock, KeysAndValues
from eqstream.seq2seq.models.base import EquationModel, shift_right


class Memory(NamedTuple):
    """What the decoder needs of a question.

    Attributes:
        projections: keys and values for each of its blocks.
        visible: which tokens are no pads, bool (batch, 1, 1, question_width).
        places: of the tokens, int32 (batch, question_width); see `DigitPlaces`.
    """

    projections: Sequence[KeysAndValues]
    visible: tf.Tensor
    places: tf.Tensor


class DecodedSteps(NamedTuple):
    """What the decoder makes of consecutive steps.

    Attributes:
        logits: (batch, num_steps, num_tokens).
        past: for each block the keys and values of all steps up to the last, to hand in with the next ones.
        shares: how much the last block looked at each token of the question, (batch, heads, num_steps, question_width).
    """

    logits: tf.Tensor
    past: Sequence[KeysAndValues]
    shares: tf.Tensor


@keras.saving.register_keras_serializable(package="eqstream")
class TransformerModel(EquationModel):
    """Transformer with digit-place and number embeddings computed from the text.

    Digit places are those of "Transformers Can Do Arithmetic with the Right Embeddings" (2024). When the answer
    is written from its last digit, the position in the answer is a place too and shares the embedding.

    With `places: relative` digits have no place of their own: each head of attention has a learned bias for how many
    places lie between two digits, the relative positions of T5 (2020) counted in places instead of characters. One
    rule then serves units, tens and hundreds, which takes far fewer examples to learn.
    """

    recipe_class = TransformerRecipe

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        recipe, codec = self.architecture, self.codec
        self.is_relative = recipe.places == "relative"
        sizes = {
            "width": recipe.width,
            "heads": recipe.heads,
            "feed_forward": recipe.feed_forward,
            "dropout": recipe.dropout,
            "num_offsets": NUM_OFFSETS if self.is_relative else 0,
        }
        length = max(codec.question_width, codec.answer_width)
        self.places = DigitPlaces(codec.alphabet, length, codec.options.reverse_question, name="places")
        self.character = CharacterEmbedding(codec.num_tokens, recipe.width, name="character")
        self.place = CharacterEmbedding(self.places.num_places, recipe.width, name="place")
        self.number = self.step = None
        if recipe.number_embedding:
            self.number = CharacterEmbedding(self.places.num_numbers, recipe.width, name="number")
        # Written from its last digit, an answer has its steps in the table of places: step 0 is the unit.
        if not codec.options.reverse_answer:
            self.step = CharacterEmbedding(length + 1, recipe.width, name="step")
        self.encoder = [EncoderBlock(**sizes, name=f"encoder_{level + 1}") for level in range(recipe.encoder_depth)]
        self.decoder = [DecoderBlock(**sizes, name=f"decoder_{level + 1}") for level in range(recipe.decoder_depth)]
        self.encoder_norm = keras.layers.LayerNormalization(name="encoder_norm")
        self.decoder_norm = keras.layers.LayerNormalization(name="decoder_norm")
        self.logits = keras.layers.Dense(codec.num_tokens, name="logits")

    def build(self, input_shape: object = None) -> None:
        """Creates the weights."""
        for layer in filter(None, (self.places, self.character, self.place, self.number, self.step)):
            layer.build((None, None))
        for layer in (*self.encoder, *self.decoder, self.encoder_norm, self.decoder_norm, self.logits):
            layer.build((None, None, self.architecture.width))
        self.built = True

    def encode(self, question: tf.Tensor, training: bool | None = None) -> Memory:
        """Returns what the decoder needs of the question, int32 (batch, question_width)."""
        states, visible, places = self._run_encoder(question, training)
        return Memory([block.cross_attention.project(states) for block in self.decoder], visible, places)

    def _run_encoder(self, question: tf.Tensor, training: bool | None = None) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns the states (batch, question_width, width), which tokens are no pads, and the places of all."""
        places, numbers = self.places(question)
        visible = (question != PAD)[:, None, None, :]
        shown = self.places.hide_digits(places) if self.is_relative else places
        states = self.character(question) + self.place(shown)
        states = states if self.number is None else states + self.number(numbers)
        offsets = self.places.offsets(places, places) if self.is_relative else None
        for block in self.encoder:
            states = block(states, visible=visible, offsets=offsets, training=training)
        return self.encoder_norm(states), visible, places

    def decode(
        self,
        previous: tf.Tensor,
        memory: Memory,
        *,
        first_step: int = 0,
        past: Sequence[KeysAndValues] | None = None,
        training: bool | None = None,
    ) -> DecodedSteps:
        """Returns consecutive steps.

        Args:
            previous: int32 (batch, num_steps), the token before each step.
            memory: from `encode`.
            first_step: number of the first of these steps.
            past: of the steps before; None at the first step of all.
            training: whether dropout is active.
        """
        num_steps = ops.shape(previous)[1]
        states = self._embed_steps(self.character(previous), first_step)
        offsets = self._step_offsets(first_step, num_steps, memory.places) if self.is_relative else (None, None)
        blocks: list[DecodedStates] = []
        for level, block in enumerate(self.decoder):
            before = None if past is None else past[level]
            keys_and_values = memory.projections[level]
            blocks.append(
                block(states, keys_and_values, visible=memory.visible, past=before, offsets=offsets, training=training)
            )
            states = blocks[-1].states
        logits = self.logits(self.decoder_norm(states))
        return DecodedSteps(logits, [each.cache for each in blocks], blocks[-1].shares)

    def _embed_steps(self, states: tf.Tensor, first_step: int) -> tf.Tensor:
        steps = ops.arange(first_step, first_step + ops.shape(states)[1])[None, :]
        if self.step is not None:
            return states + self.step(steps)
        return states if self.is_relative else states + self.place(steps + 1)

    def _step_offsets(self, first_step: int, num_steps: int, places: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the offsets of these steps to all steps up to the last, and to the question."""
        last = ops.arange(1, first_step + num_steps + 1)[None, :]
        current = last[:, first_step:]
        return self.places.offsets(current, last), self.places.offsets(current, places)

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool | None = None) -> tf.Tensor:
        """See `EquationModel.call`."""
        memory = self.encode(inputs["question"], training=training)
        return self.decode(shift_right(inputs["answer"]), memory, training=training).logits

    def greedy_logits(self, question: tf.Tensor) -> tf.Tensor:
        """See `EquationModel.greedy_logits`; the keys and values of earlier steps are kept, not computed again."""
        memory = self.encode(question)
        previous, past, logits = ops.full_like(question[:, :1], START), None, []
        for step in range(self.codec.answer_width):
            step_logits, past, _ = self.decode(previous, memory, first_step=step, past=past)
            logits.append(step_logits)
            previous = ops.cast(ops.argmax(step_logits, axis=-1), question.dtype)
        return ops.concatenate(logits, axis=1)

    def inspect(self, question: tf.Tensor, answer: tf.Tensor) -> dict[str, tf.Tensor]:
        """See `EquationModel.inspect`; the shares are those of the last block, the mean over its heads."""
        shares = self.decode(shift_right(answer), self.encode(question)).shares
        states, _, _ = self._run_encoder(question)
        return {"activations": states, "attention": ops.mean(shares, axis=1)}
