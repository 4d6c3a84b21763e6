"""Encoder-decoder transformer that is told each digit's place within its number, and which number."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import ops

from eqstream.data.loading.token_alphabet import PAD
from eqstream.seq2seq.config.architectures import TransformerRecipe
from eqstream.seq2seq.layers.character_embedding import CharacterEmbedding
from eqstream.seq2seq.layers.digit_places import NUM_OFFSETS, DigitPlaces
from eqstream.seq2seq.layers.transformer_blocks import DecodedStates, DecoderBlock, EncoderBlock, KeysAndValues
from eqstream.seq2seq.models.autoregression import AutoregressiveModel
from eqstream.seq2seq.models.base import shift_right


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
    """What the decoder makes of all steps, or of one.

    Attributes:
        logits: (batch, num_steps, num_tokens).
        past: for each block the keys and values of all steps up to the last of these, to hand in with the next one.
        shares: how much the last block looked at each token of the question, (batch, heads, num_steps, question_width).
    """

    logits: tf.Tensor
    past: Sequence[KeysAndValues]
    shares: tf.Tensor


@keras.saving.register_keras_serializable(package="eqstream")
class TransformerModel(AutoregressiveModel):
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

    @property
    def ignores_padding(self) -> bool:
        """See `EquationModel.ignores_padding`: no token looks at a pad, and no place counts one."""
        return True

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
        offsets = self._offsets(places, places)
        for block in self.encoder:
            states = block(states, visible=visible, offsets=offsets, training=training)
        return self.encoder_norm(states), visible, places

    def decode(
        self,
        written: tf.Tensor,
        memory: Memory,
        *,
        step: tf.Tensor | None = None,
        past: Sequence[KeysAndValues] | None = None,
        training: bool | None = None,
    ) -> DecodedSteps:
        """Returns all steps, or one.

        Args:
            written: int32 (batch, answer_width), the token before each step; a step depends on none after its own.
            memory: from `encode`.
            step: the number of the only step that is asked for, a scalar; None for all.
            past: keys and values of all steps, of which those before `step` are known; None with all steps.
            training: whether dropout is active.
        """
        steps = ops.arange(self.codec.answer_width)[None, :]
        current, previous = (steps, written) if step is None else (ops.reshape(step, (1, 1)), _column(written, step))
        states = self._embed_steps(self.character(previous), current)
        # Step 0 writes the unit, which is place 1.
        offsets = self._offsets(current + 1, steps + 1), self._offsets(current + 1, memory.places)
        blocks: list[DecodedStates] = []
        for level, block in enumerate(self.decoder):
            blocks.append(
                block(
                    states,
                    memory.projections[level],
                    visible=memory.visible,
                    past=None if past is None else past[level],
                    first=0 if step is None else step,
                    offsets=offsets,
                    training=training,
                )
            )
            states = blocks[-1].states
        logits = self.logits(self.decoder_norm(states))
        return DecodedSteps(logits, [each.cache for each in blocks], blocks[-1].shares)

    def _embed_steps(self, states: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
        if self.step is not None:
            return states + self.step(steps)
        return states if self.is_relative else states + self.place(steps + 1)

    def _offsets(self, targets: tf.Tensor, sources: tf.Tensor) -> tf.Tensor | None:
        return self.places.offsets(targets, sources) if self.is_relative else None

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool | None = None) -> tf.Tensor:
        """See `EquationModel.call`."""
        memory = self.encode(inputs["question"], training=training)
        return self.decode(shift_right(inputs["answer"]), memory, training=training).logits

    def read_question(self, question: tf.Tensor) -> tuple[Memory, Sequence[KeysAndValues]]:
        """See `AutoregressiveModel.read_question`; the state is room for the keys and values of all steps."""
        recipe = self.architecture
        shape = (ops.shape(question)[0], recipe.heads, self.codec.answer_width, recipe.width // recipe.heads)
        room = [(ops.zeros(shape, self.compute_dtype), ops.zeros(shape, self.compute_dtype)) for _ in self.decoder]
        return self.encode(question), room

    def write_step(
        self, step: tf.Tensor, written: tf.Tensor, memory: Memory, state: Sequence[KeysAndValues]
    ) -> tuple[tf.Tensor, Sequence[KeysAndValues]]:
        """See `AutoregressiveModel.write_step`."""
        decoded = self.decode(written, memory, step=step, past=state)
        return decoded.logits, decoded.past

    def inspect(self, question: tf.Tensor, answer: tf.Tensor) -> dict[str, tf.Tensor]:
        """See `EquationModel.inspect`; the shares are those of the last block, the mean over its heads."""
        shares = self.decode(shift_right(answer), self.encode(question)).shares
        states, _, _ = self._run_encoder(question)
        return {"activations": states, "attention": ops.mean(shares, axis=1)}


def _column(values: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
    """Returns one column, (batch, 1), of (batch, length)."""
    return ops.take(values, ops.reshape(number, (1,)), axis=1)
