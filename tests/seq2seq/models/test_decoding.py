"""Greedy decoding of many questions: what is written first is the most probable, and nothing is computed in vain."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from eqstream.data.loading.token_alphabet import END, NUM_RESERVED, PAD
from eqstream.seq2seq.config.architectures import AttentionRecipe, FeedbackRecipe, RepeatVectorRecipe, TransformerRecipe
from eqstream.seq2seq.models import decoding
from eqstream.seq2seq.models.decoding import GreedyDecoder
from eqstream.seq2seq.models.registry import make_model
from tests.recipes import make_texts

# Long enough for two widths, of which each is as short as they get here.
LONG = make_texts(
    "+-*0123456789",
    16,
    3,
    operands={"min": 0, "max": 999},
    operators="+-*",
    terms={"min": 2, "max": 8},
    spacing=False,
)
ARCHITECTURES = {
    "transformer": TransformerRecipe(width=12, heads=3, feed_forward=20, decoder_depth=2),
    "transformer relative": TransformerRecipe(width=12, heads=3, feed_forward=20, places="relative"),
    "transformer window": TransformerRecipe(width=12, heads=3, feed_forward=20, places="relative", place_window=2),
    "transformer pairs": TransformerRecipe(width=12, heads=3, feed_forward=20, places="pairs"),
    "attention": AttentionRecipe(width=8, heads=2),
    "feedback": FeedbackRecipe(width=8, depth=2),
    "repeat-vector": RepeatVectorRecipe(encoder_width=8, decoder_width=8, mask_padding=True),
}
# A recurrent one, and a transformer with all its parts.
QUICK = [("transformer pairs", "left"), ("attention", "right")]


@pytest.fixture(autouse=True)
def _short_widths(monkeypatch):
    monkeypatch.setattr(decoding, "_LEAST_WIDTH", 8)


def make(architecture, seed=3, **options):
    recipe = ARCHITECTURES.get(architecture, architecture)
    model = make_model(recipe, LONG.codec(reverse_answer=True, **options), seed=seed)
    generator = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        if len(weight.shape) > 1:
            weight.assign(generator.normal(0, 0.7, weight.shape))
    return model


def make_questions(codec, lengths, seed=4):
    generator = np.random.default_rng(seed)
    rows = np.zeros((len(lengths), codec.question_width), np.uint8)
    for row, length in zip(rows, lengths, strict=True):
        place = slice(codec.question_width - length, None) if codec.options.padding == "left" else slice(length)
        row[place] = generator.integers(NUM_RESERVED, codec.num_tokens, length)
    return rows


def decode_plainly(model, questions, barred=None):
    """A full pass over the full width for every step, with whatever follows the end cut off."""
    answers = np.zeros((len(questions), model.codec.answer_width), np.int32)
    tokens = np.arange(model.codec.num_tokens)
    # Traced once: all the steps of a recurrent layer would take seconds in every pass.
    full_pass = tf.function(lambda inputs: model(inputs, training=False), autograph=False)
    for step in range(answers.shape[1]):
        inputs = {"question": tf.constant(questions, tf.int32), "answer": tf.constant(answers)}
        logits = full_pass(inputs).numpy()[:, step]
        if barred is not None:
            logits[(tokens == barred[:, [step]]) & (tokens != PAD)] = -np.inf
        answers[:, step] = logits.argmax(axis=-1)
    return np.where(np.cumsum(answers == END, axis=1) - (answers == END) > 0, PAD, answers)


@pytest.mark.parametrize(
    ("architecture", "padding"),
    [
        pytest.param(architecture, padding, marks=() if (architecture, padding) in QUICK else pytest.mark.slow)
        for architecture in ARCHITECTURES
        for padding in ("left", "right")
    ],
)
def test_batches_of_mixed_lengths_are_answered_as_by_full_passes(architecture, padding):
    model = make(architecture, padding=padding)
    questions = make_questions(model.codec, [15, 2, 16, 8, 9, 1, 4, 8, 1, 14])
    widths = []
    greedy_logits = model.greedy_logits

    def watched(question, barred=None):
        widths.append(question.shape[1])
        return greedy_logits(question, barred)

    model.greedy_logits = watched
    decoded = GreedyDecoder(model, batch_size=4, jit_compile=False).decode(questions)
    # The four shortest are in one batch; the two others share a graph.
    assert widths == [8, 16]
    assert np.array_equal(decoded.tokens, decode_plainly(model, questions))
    assert len(np.unique(decoded.tokens, axis=0)) > 2


@pytest.mark.parametrize("architecture", ["transformer", "attention", "repeat-vector"])
def test_barred_tokens_are_passed_over_and_others_follow(architecture):
    model = make(architecture)
    questions = make_questions(model.codec, [16, 3, 9, 16])
    decoder = GreedyDecoder(model, batch_size=3, jit_compile=False)
    free = decoder.decode(questions)
    # Each answer at another step; the last one at none, and one where it would not write that token.
    barred = np.zeros_like(free.tokens)
    barred[[0, 1], [0, 1]] = free.tokens[[0, 1], [0, 1]]
    barred[2, 0] = free.tokens[2, 0] - 1
    decoded = decoder.decode(questions, barred=barred)
    assert np.array_equal(decoded.tokens, decode_plainly(model, questions, barred))
    assert np.array_equal(decoded.tokens[2:], free.tokens[2:])
    for row, step in enumerate([0, 1]):
        assert np.array_equal(decoded.tokens[row, :step], free.tokens[row, :step])
        assert decoded.tokens[row, step] != free.tokens[row, step]
        # The probability is that among all tokens, so with that of the barred one it is 1 at most.
        assert decoded.probabilities[row, step] <= free.probabilities[row, step]
        assert decoded.probabilities[row, step] + free.probabilities[row, step] <= 1 + 1e-6
    np.testing.assert_allclose(decoded.log_probabilities, np.log(decoded.probabilities).sum(axis=1), rtol=1e-5)


SEES_PADS = [{"mask_padding": False}, {"bidirectional": True}]


@pytest.mark.parametrize("options", SEES_PADS)
def test_a_model_that_sees_pads_has_one_width(options):
    model = make_model(AttentionRecipe(width=4, **options), LONG.codec(), seed=0)
    assert GreedyDecoder(model)._widths == [16]
    assert GreedyDecoder(make_model(AttentionRecipe(width=4), LONG.codec(), seed=0))._widths == [8, 16]


@pytest.mark.slow
@pytest.mark.parametrize("options", SEES_PADS)
def test_a_model_that_sees_pads_is_given_all_of_them(options):
    model = make(AttentionRecipe(width=4, **options))
    questions = make_questions(model.codec, [3, 5, 8])
    decoded = GreedyDecoder(model, batch_size=3, jit_compile=False).decode(questions)
    assert np.array_equal(decoded.tokens, decode_plainly(model, questions))


@pytest.mark.parametrize("architecture", ["transformer", "attention"])
def test_no_step_follows_the_end_of_the_last_answer(architecture):
    model = make(architecture)
    model.logits.kernel.assign(model.logits.kernel * 0)
    model.logits.bias.assign(np.eye(model.codec.num_tokens)[END])
    question = keras.ops.convert_to_tensor(make_questions(model.codec, [3, 16]), "int32")
    logits = keras.ops.convert_to_numpy(model.greedy_logits(question))
    assert (logits[:, 0].argmax(axis=-1) == END).all()
    assert not logits[:, 1:].any()


def test_of_equally_probable_characters_the_first_token_is_written():
    codec = LONG.codec()
    shares = np.isin(np.arange(codec.num_tokens), [5, 7]).astype(np.float32)
    model = SimpleNamespace(
        codec=codec,
        ignores_padding=True,
        greedy_logits=lambda question, _: tf.tile(shares[None, None], [question.shape[0], codec.answer_width, 1]),
    )
    decoded = GreedyDecoder(model, batch_size=2, jit_compile=False).decode(make_questions(codec, [3, 16]))
    assert (decoded.tokens == 5).all()


@pytest.mark.slow
def test_of_equally_probable_characters_a_transformer_writes_the_first_token():
    model = make("transformer")
    model.logits.kernel.assign(model.logits.kernel * 0)
    model.logits.bias.assign(np.isin(np.arange(model.codec.num_tokens), [5, 7]))
    decoded = GreedyDecoder(model, batch_size=2, jit_compile=False).decode(make_questions(model.codec, [3, 16]))
    assert (decoded.tokens == 5).all()
