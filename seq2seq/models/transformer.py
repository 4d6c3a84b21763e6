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
from eqstream.seq2seq.layers.text_places import Spots, TextPlaces
from eqstream.seq2seq.layers.transformer_blocks import DecodedStates, DecoderBlock, EncoderBlock, KeysAndValues
from eqstream.seq2seq.models.autoregression import AutoregressiveModel
from eqstream.seq2seq.models.base import shift_right


class Memory(NamedTuple):
    """What the decoder needs of a question.

    Attributes:
        projections: keys and values for each of its blocks.
        visible: which tokens are no pads, bool (batch, 1, 1, question_width).
        spots: where the tokens stand, as `TextPlaces` says it, or `DigitPlaces`, whose numbers are in place of runs.
        shift: int32 (batch, 1), what is added to all places of an example; None for nothing.
    """

    projections: Sequence[KeysAndValues]
    visible: tf.Tensor
    spots: Spots
    shift: tf.Tensor | None


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
    rule then serves units, tens and hundreds, which takes far fewer examples to learn. With `places: pairs` there is a
    bias for each pair of differences, in places and in numbers, in what is written as in the question.
    """

    recipe_class = TransformerRecipe
    takes_any_width = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        recipe, codec = self.architecture, self.codec
        self.is_relative = recipe.places == "relative"
        length = max(codec.question_width, codec.answer_width)
        self.places = DigitPlaces(codec.alphabet, length, codec.options.reverse_question, name="places")
        self.pairs = self._make_pairs() if recipe.places == "pairs" else None
        self.character = CharacterEmbedding(codec.num_tokens, recipe.width, name="character")
        self.place = self.number = self.step = self.shifts = None
        if self.pairs is None:
            self.place = CharacterEmbedding(self.places.num_places, recipe.width, name="place")
            if recipe.number_embedding:
                self.number = CharacterEmbedding(self.places.num_numbers, recipe.width, name="number")
        # Written from its last digit, an answer has its steps in the table of places: step 0 is the unit.
        if not codec.options.reverse_answer:
            self.step = CharacterEmbedding(length + 1, recipe.width, name="step")
        sizes = self._block_sizes()
        self.encoder = [EncoderBlock(**sizes, name=f"encoder_{level + 1}") for level in range(recipe.encoder_depth)]
        self.decoder = [DecoderBlock(**sizes, name=f"decoder_{level + 1}") for level in range(recipe.decoder_depth)]
        self.encoder_norm = keras.layers.LayerNormalization(name="encoder_norm")
        self.decoder_norm = keras.layers.LayerNormalization(name="decoder_norm")
        self.logits = keras.layers.Dense(codec.num_tokens, name="logits")
        if recipe.place_offset:
            # Its state is a variable, as that of dropout is, so a training that is resumed draws what it would have.
            self.shifts = keras.random.SeedGenerator()

    def _make_pairs(self) -> TextPlaces:
        recipe, options = self.architecture, self.codec.options
        return TextPlaces(
            self.codec.alphabet,
            is_reversed=options.reverse_question,
            place_reach=recipe.place_reach,
            number_reach=recipe.number_reach,
            bracket_reach=recipe.bracket_reach,
            name="pairs",
        )

    def _block_sizes(self) -> dict[str, Any]:
        recipe = self.architecture
        num_offsets = {"absolute": 0, "relative": NUM_OFFSETS}
        return {
            "width": recipe.width,
            "heads": recipe.heads,
            "feed_forward": recipe.feed_forward,
            "dropout": recipe.dropout,
            "num_offsets": num_offsets[recipe.places] if self.pairs is None else self.pairs.num_offsets,
            "num_levels": 1 if self.pairs is None else self.pairs.num_levels,
        }

    @property
    def ignores_padding(self) -> bool:
        """See `EquationModel.ignores_padding`: no token looks at a pad, and no place counts one."""
        return True

    def build(self, input_shape: object = None) -> None:
        """Creates the weights."""
        for layer in filter(None, (self.places, self.pairs, self.character, self.place, self.number, self.step)):
            layer.build((None, None))
        for layer in (*self.encoder, *self.decoder, self.encoder_norm, self.decoder_norm, self.logits):
            layer.build((None, None, self.architecture.width))
        self.built = True

    def encode(self, question: tf.Tensor, training: bool | None = None, answer: tf.Tensor | None = None) -> Memory:
        """Returns what the decoder needs of the question, int32 (batch, question_width).

        Args:
            question: tokens.
            training: whether dropout is active.
            answer: int32 (batch, answer_width), if places are to be moved by a random number: as far as it leaves room.
        """
        shift = None if answer is None else self._draw_shift(question, answer)
        states, visible, spots = self._run_encoder(question, training, shift)
        return Memory([block.cross_attention.project(states) for block in self.decoder], visible, spots, shift)

    def _draw_shift(self, question: tf.Tensor, answer: tf.Tensor) -> tf.Tensor:
        """Returns what is added to the places of each example, int32 (batch, 1)."""
        places, _ = self.places(question)
        longest = ops.max(ops.where(places <= self.places.length, places, 0), axis=1, keepdims=True)
        longest = ops.maximum(longest, ops.sum(ops.cast(answer != PAD, "int32"), axis=1, keepdims=True))
        most = ops.minimum(self.architecture.place_offset, self.places.length - longest)
        drawn = keras.random.uniform(ops.shape(most), seed=self.shifts, dtype="float32")
        return ops.cast(drawn * ops.cast(most + 1, "float32"), "int32")

    def _run_encoder(
        self, question: tf.Tensor, training: bool | None = None, shift: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor, Spots]:
        """Returns the states (batch, question_width, width), which tokens are no pads, and where all stand."""
        visible = (question != PAD)[:, None, None, :]
        spots = self._locate_question(question)
        states = self._embed_question(question, spots, shift)
        offsets = self._offsets(spots, spots)
        near = self._and_near(visible, spots, spots)
        for block in self.encoder:
            states = block(states, visible=near, offsets=offsets, training=training)
        return self.encoder_norm(states), visible, spots

    def _embed_question(self, question: tf.Tensor, spots: Spots, shift: tf.Tensor | None) -> tf.Tensor:
        states = self.character(question)
        if self.place is not None:
            shown = self.places.hide_digits(spots.places) if self.is_relative else self._move(spots.places, shift)
            states = states + self.place(shown)
        return states if self.number is None else states + self.number(spots.runs)

    def _move(self, places: tf.Tensor, shift: tf.Tensor | None) -> tf.Tensor:
        """Returns places with those before the decimal point moved up, at most to the last."""
        if shift is None:
            return places
        length = self.places.length
        is_whole = ops.logical_and(places >= 1, places <= length)
        return ops.where(is_whole, ops.minimum(places + shift, length), places)

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
        steps = ops.arange(ops.shape(written)[1])[None, :]
        current, previous = (steps, written) if step is None else (ops.reshape(step, (1, 1)), _column(written, step))
        states = self._embed_steps(self.character(previous), current, memory.shift)
        sources = self._locate_steps(written)
        targets = sources if step is None else Spots(*(_column(each, step) for each in sources))
        offsets = self._offsets(targets, sources), self._offsets(targets, memory.spots)
        visible = self._and_near(memory.visible, targets, memory.spots)
        past_visible = self._and_near(None, targets, sources)
        blocks: list[DecodedStates] = []
        for level, block in enumerate(self.decoder):
            blocks.append(
                block(
                    states,
                    memory.projections[level],
                    visible=visible,
                    near=past_visible,
                    past=None if past is None else past[level],
                    first=0 if step is None else step,
                    offsets=offsets,
                    training=training,
                )
            )
            states = blocks[-1].states
        logits = self.logits(self.decoder_norm(states))
        return DecodedSteps(logits, [each.cache for each in blocks], blocks[-1].shares)

    def _embed_steps(self, states: tf.Tensor, steps: tf.Tensor, shift: tf.Tensor | None) -> tf.Tensor:
        if self.step is not None:
            return states + self.step(steps)
        if self.place is None or self.is_relative:
            return states
        return states + self.place(self._move(steps + 1, shift))

    def _locate_question(self, question: tf.Tensor) -> Spots:
        if self.pairs is not None:
            return self.pairs.locate_question(question)
        places, numbers = self.places(question)
        return Spots(places, numbers, ops.zeros_like(places))

    def _locate_steps(self, written: tf.Tensor) -> Spots:
        if self.pairs is not None:
            return self.pairs.locate_steps(written)
        # Step 0 writes the unit, which is place 1.
        steps = ops.arange(1, ops.shape(written)[1] + 1)[None, :]
        return Spots(steps, ops.ones_like(steps), ops.zeros_like(steps))

    def _offsets(self, targets: Spots, sources: Spots) -> tf.Tensor | None:
        if self.pairs is not None:
            return self.pairs.offsets(targets, sources)
        return self.places.offsets(targets.places, sources.places) if self.is_relative else None

    def _and_near(self, visible: tf.Tensor | None, targets: Spots, sources: Spots) -> tf.Tensor | None:
        """Returns what is visible and near enough, bool (batch, 1, num_targets, num_sources)."""
        window = self.architecture.place_window
        if not window:
            return visible
        near = self.places.near(targets.places, sources.places, window)[:, None]
        return near if visible is None else ops.logical_and(visible, near)

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool | None = None) -> tf.Tensor:
        """See `EquationModel.call`."""
        moves = training and self.shifts is not None
        memory = self.encode(inputs["question"], training=training, answer=inputs["answer"] if moves else None)
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
