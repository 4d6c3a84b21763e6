import functools
import itertools
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from eqstream.data.loading.codec_fit import fit_codec
from eqstream.data.loading.codec_options import CodecOptions
from eqstream.data.loading.token_alphabet import END, NUM_RESERVED, PAD
from eqstream.seq2seq.config.architectures import AttentionRecipe, FeedbackRecipe, RepeatVectorRecipe, TransformerRecipe
from eqstream.seq2seq.layers.digit_places import NUM_OFFSETS, REACH, DigitPlaces
from eqstream.seq2seq.models.decoding import GreedyDecoder
from eqstream.seq2seq.models.metrics import TokenAccuracy, exact_matches, token_loss, token_weights
from eqstream.seq2seq.models.registry import MODELS, make_model
from eqstream.seq2seq.models.regression import RegressionModel
from tests.covering import slow_but
from tests.recipes import make_texts

MIXED = make_texts(
    " ()*+-./0123456789",
    17,
    4,
    operands={"min": -99, "max": 99, "decimals": 1},
    operators="+-*/",
    terms={"min": 2, "max": 3},
    division="decimal",
)
QUESTIONS = ["3 + 4", "12 - -7", "(1.5 + 2) * 98", "0 - 0", "99 * 99", "-0.5 + -31.5"]
ANSWERS = ["7", "19", "343", "0", "9801", "-32"]

# As small as questions get: for tests that trace or compile, where each token takes time.
SMALL = make_texts("+-0123456789", 5, 2, operands={"min": 0, "max": 9}, operators="+-")
SMALL_QUESTIONS = ["3 + 4", "2 - 7", "9 + 9", "0 - 0", "7 + 2", "8 - 1"]
SMALL_ANSWERS = ["7", "-5", "18", "0", "9", "7"]

ARCHITECTURES = {
    "repeat-vector": RepeatVectorRecipe(encoder_width=24, decoder_width=20),
    "repeat-vector deep": RepeatVectorRecipe(
        encoder_width=6,
        decoder_width=8,
        encoder_depth=2,
        decoder_depth=2,
        bidirectional=True,
        dropout=0.2,
        batch_normalization=True,
        embedding="learned",
        embedding_width=5,
        mask_padding=True,
    ),
    "transformer": TransformerRecipe(width=16, heads=2, feed_forward=24),
    "transformer deep": TransformerRecipe(
        width=12, heads=3, feed_forward=20, encoder_depth=2, decoder_depth=2, dropout=0.1
    ),
    "transformer relative": TransformerRecipe(width=12, heads=3, feed_forward=20, places="relative"),
    "feedback deep": FeedbackRecipe(width=16, depth=2),
    "attention": AttentionRecipe(
        width=12,
        heads=2,
        dropout=0.1,
        batch_normalization=True,
        embedding="learned",
        embedding_width=5,
    ),
    "transformer pairs": TransformerRecipe(
        width=12, heads=3, feed_forward=20, places="pairs", number_reach=2, bracket_reach=1
    ),
}
CODECS = {
    "plain": CodecOptions(),
    "reversed": CodecOptions(
        padding="left",
        answer_padding="left",
        end_question=True,
        reverse_question=True,
        reverse_answer=True,
        spaces="keep",
    ),
}


def make(architecture="transformer", codec="plain"):
    keras.utils.set_random_seed(1)
    return make_model(ARCHITECTURES[architecture], fit_codec([(MIXED.space, MIXED.facts)], CODECS[codec]))


@functools.cache
def make_scrambled(architecture, codec="plain"):
    """A model that no test changes."""
    return scrambled(make(architecture, codec))


def make_small(architecture="transformer"):
    keras.utils.set_random_seed(1)
    return make_model(ARCHITECTURES[architecture], SMALL.codec(reverse_answer=True))


def scrambled(model, seed=5):
    """Large random weights: fresh ones give nearly equal logits, in which differences hide."""
    generator = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        if len(weight.shape) > 1:
            weight.assign(generator.normal(0, 0.7, weight.shape))
    return model


@functools.cache
def make_small_scrambled(architecture):
    """A small model of which no test changes a weight that can be trained."""
    return scrambled(make_small(architecture))


def inputs_of(model, questions=QUESTIONS, answers=ANSWERS):
    question = model.codec.encode_questions(questions).astype(np.int32)
    return {"question": question, "answer": model.codec.encode_answers(answers).astype(np.int32)}


# They have every layer that the others have; the others are slow.
RICHEST = ["repeat-vector deep", "transformer deep", "feedback deep", "attention", "transformer pairs"]
every_model = pytest.mark.parametrize(
    "architecture",
    [pytest.param(name, marks=() if name in RICHEST else pytest.mark.slow) for name in ARCHITECTURES],
)


def every_model_and_codec(*quick):
    """All but some pairs are slow."""
    pairs = itertools.product(ARCHITECTURES, CODECS)
    return pytest.mark.parametrize(
        ("architecture", "codec"),
        [pytest.param(*pair, marks=() if pair in quick else pytest.mark.slow) for pair in pairs],
    )


def test_every_kind_that_writes_characters_has_a_model_here():
    kinds = {kind for kind, model in MODELS.items() if not issubclass(model, RegressionModel)}
    assert {recipe.kind for recipe in ARCHITECTURES.values()} == kinds


# `test_decoding.py` has the others.
@every_model_and_codec(("repeat-vector deep", "plain"), ("transformer deep", "reversed"), ("feedback deep", "plain"))
def test_cached_decoding_equals_the_full_forward_pass_and_has_a_row_for_each_token_of_the_answer(architecture, codec):
    model = make_scrambled(architecture, codec)
    question = inputs_of(model)["question"]
    generated = keras.ops.convert_to_numpy(model.greedy_logits(question))
    assert generated.shape == (len(QUESTIONS), model.codec.answer_width, model.codec.num_tokens)
    answer = generated.argmax(axis=-1).astype(np.int32)
    forced = keras.ops.convert_to_numpy(model({"question": question, "answer": answer}, training=False))
    assert forced.shape == generated.shape
    assert len(np.unique(answer, axis=0)) > 1
    is_written = np.cumsum(answer == END, axis=1) - (answer == END) == 0
    np.testing.assert_allclose(generated[is_written], forced[is_written], rtol=1e-4, atol=2e-5)


# A position that saw later ones would decode otherwise than the full pass, which other tests show of the other models.
@pytest.mark.parametrize("architecture", slow_but([*ARCHITECTURES], "transformer pairs"))
def test_a_position_does_not_see_its_own_or_later_tokens_of_the_answer(architecture):
    model = make_small_scrambled(architecture)
    inputs = inputs_of(model, SMALL_QUESTIONS, SMALL_ANSWERS)
    before = keras.ops.convert_to_numpy(model(inputs, training=False))
    positions = range(model.codec.answer_width)
    changed = np.stack([inputs["answer"]] * len(positions))
    for position in positions:
        changed[position, :, position:] = NUM_RESERVED
    questions = np.concatenate([inputs["question"]] * len(positions))
    answers = changed.reshape(len(questions), -1)
    after = keras.ops.convert_to_numpy(model({"question": questions, "answer": answers}, training=False))
    for position, logits in zip(positions, after.reshape(len(positions), *before.shape), strict=True):
        np.testing.assert_allclose(logits[:, : position + 1], before[:, : position + 1], atol=1e-5)


# `test_feedback.py` and `test_precision.py` have others.
@every_model_and_codec(("repeat-vector deep", "plain"), ("transformer deep", "reversed"))
def test_a_saved_model_loads_in_safe_mode_and_answers_the_same(architecture, codec, tmp_path):
    model = make_scrambled(architecture, codec)
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.models.load_model(path, compile=False, safe_mode=True)
    assert type(loaded) is type(model)
    assert loaded.get_config() == model.get_config()
    assert loaded.codec == model.codec
    for one, other in zip(loaded.weights, model.weights, strict=True):
        assert one.path.split("/")[1:] == other.path.split("/")[1:]
        assert np.array_equal(keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other))
    inputs = inputs_of(model)
    assert np.array_equal(loaded(inputs, training=False), model(inputs, training=False))


@every_model
def test_every_weight_learns(architecture):
    model = make_small_scrambled(architecture)
    inputs = inputs_of(model, SMALL_QUESTIONS, SMALL_ANSWERS)
    with tf.GradientTape() as tape:
        loss = token_loss()(
            inputs["answer"], model(inputs, training=True), token_weights(inputs["answer"], mask_pads=True)
        )
    gradients = tape.gradient(loss, model.trainable_weights)
    for weight, gradient in zip(model.trainable_weights, gradients, strict=True):
        assert gradient is not None, weight.path
        assert np.isfinite(keras.ops.convert_to_numpy(gradient)).all(), weight.path


# Others are trained wherever a run is evaluated.
@pytest.mark.slow
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_tiny_task_is_learned_by_heart(architecture):
    model = make_small(architecture)
    inputs = {
        "question": model.codec.encode_questions(SMALL_QUESTIONS).astype(np.int32),
        "answer": model.codec.encode_answers(SMALL_ANSWERS).astype(np.int32),
    }
    weights = token_weights(inputs["answer"], mask_pads=True)

    # A compiled `fit` with an optimizer of Keras takes four times as long to trace.
    @tf.function(autograph=False)
    def step(rate):
        with tf.GradientTape() as tape:
            loss = token_loss()(inputs["answer"], model(inputs, training=True), weights)
        for variable, gradient in zip(
            model.trainable_variables, tape.gradient(loss, model.trainable_variables), strict=True
        ):
            variable.assign_sub(rate * tf.sign(gradient))

    for rate in np.linspace(0.01, 0, 300, dtype=np.float32):
        step(tf.constant(rate))
    assert model.generate(SMALL_QUESTIONS) == SMALL_ANSWERS


@pytest.mark.parametrize("pad_vector", ["own", "zeros"])
@pytest.mark.parametrize("embedding", ["one-hot", "learned"])
def test_pads_are_vectors_of_zeros_if_the_recipe_says_so(pad_vector, embedding):
    recipe = RepeatVectorRecipe(encoder_width=4, decoder_width=4, embedding=embedding, pad_vector=pad_vector)
    model = scrambled(make_model(recipe, SMALL.codec()))
    question = SMALL.codec().encode_questions(["3 + 4", "7"]).astype(np.int32)
    before = keras.ops.convert_to_numpy(model.greedy_logits(question))
    # What the encoder makes of a pad: a row of the learned table, or of the weights that a one-hot vector meets.
    weight = model.embedding.table if embedding == "learned" else model.encoder[0].cell.kernel
    change = np.zeros(weight.shape, np.float32)
    change[PAD] = 1
    weight.assign_add(change)
    after = keras.ops.convert_to_numpy(model.greedy_logits(question))
    assert np.array_equal(before[0], after[0])
    assert np.array_equal(before[1], after[1]) == (pad_vector == "zeros")


@pytest.mark.parametrize(
    "architecture",
    [
        # `test_decoding.py` gives it padding of two widths.
        pytest.param(name, marks=pytest.mark.slow)
        for name in ("transformer", "transformer deep", "transformer relative", "transformer pairs")
    ],
)
def test_the_transformer_does_not_depend_on_padding(architecture):
    model = make_scrambled(architecture)
    question = inputs_of(model)["question"]
    shifted = np.array([np.roll(row, (row == PAD).sum()) for row in question])
    assert not np.array_equal(question, shifted)
    np.testing.assert_allclose(model.greedy_logits(question), model.greedy_logits(shifted), atol=5e-5)


# Places of digits.


def slow_places(text, length):
    """Place and number of each character, by regular expressions."""
    places, numbers = [0] * len(text), [0] * len(text)
    for match in re.finditer(r"[0-9]+|[^0-9]+", text):
        start, end = match.span()
        follows_point = start > 0 and text[start - 1] == "."
        for position in range(start, end):
            if text[position] == ".":
                places[position] = length + 1
            elif not match[0][0].isdigit():
                places[position] = 2 * length + 1 + position - start
            elif follows_point:
                places[position] = length + 2 + position - start
            else:
                places[position] = end - position
    for number, match in enumerate(re.finditer(r"[0-9]+(\.[0-9]+)?", text)):
        numbers[match.start() :] = [number + 1] * (len(text) - match.start())
    return places, numbers


@pytest.mark.parametrize("padding", ["left", "right"])
@pytest.mark.parametrize("is_reversed", [False, True])
@pytest.mark.parametrize("spaces", ["keep", "drop"])
def test_places_and_numbers_are_counted_as_numbers_are_read(padding, is_reversed, spaces):
    codec = MIXED.codec(padding=padding, reverse_question=is_reversed, spaces=spaces)
    layer = DigitPlaces(codec.alphabet, codec.question_width, is_reversed)
    tokens = codec.encode_questions(QUESTIONS)
    places, numbers = (np.asarray(each) for each in layer(tokens))
    for row, question in enumerate(QUESTIONS):
        text = question if spaces == "keep" else question.replace(" ", "")
        for found, expected in zip((places, numbers), slow_places(text, codec.question_width), strict=True):
            real = found[row][tokens[row] != PAD].tolist()
            assert (real[::-1] if is_reversed else real) == expected
            assert not found[row][tokens[row] == PAD].any()


def test_place_and_number_tell_all_tokens_of_a_question_apart():
    codec = MIXED.codec()
    layer = DigitPlaces(codec.alphabet, codec.question_width)
    tokens = codec.encode_questions(["(1.5 - -2) * (3)", "-10.1 - (-9.9)"])
    places, numbers = (np.asarray(each) for each in layer(tokens))
    for row in range(2):
        real = tokens[row] != PAD
        assert len(set(zip(places[row][real], numbers[row][real], strict=True))) == real.sum()
    assert places.max() < layer.num_places
    assert numbers.max() < layer.num_numbers


def test_offsets_count_places_across_the_decimal_point_and_no_further_than_they_reach():
    codec = MIXED.codec()
    layer = DigitPlaces(codec.alphabet, codec.question_width)
    text = "(1234567.89)"
    places = layer(np.array([[NUM_RESERVED + codec.alphabet.index(each) for each in text] + [PAD]]))[0]
    offsets = np.asarray(layer.offsets(places, places))[0]
    heights = {position: 7 - position + (position > 8) for position in range(len(text)) if text[position].isdigit()}
    for target in range(len(text) + 1):
        for source in range(len(text) + 1):
            is_pair = target in heights and source in heights
            above = heights[source] - heights[target] if is_pair else 0
            expected = REACH + 1 + min(max(above, -REACH), REACH) if is_pair else 0
            assert offsets[target, source] == expected, (target, source)
    assert offsets.max() == NUM_OFFSETS - 1


def sums_model(place_window=0, **options):
    texts = make_texts("+0123456789", 13, 7, operands={"min": 0, "max": 10**6 - 1}, spacing=False)
    codec = texts.codec(**options)
    keras.utils.set_random_seed(4)
    architecture = TransformerRecipe(
        width=12, heads=3, feed_forward=20, places="relative", number_embedding=False, place_window=place_window
    )
    return scrambled(make_model(architecture, codec))


def test_relative_places_compute_every_place_alike():
    # Zeros around a group of digits that moves two places up: far from the ends nothing else may change.
    model = sums_model(zero_padding=True, reverse_answer=True)
    codec = model.codec

    def logits_of(question, answer):
        inputs = {"question": codec.encode_questions([question]), "answer": codec.encode_answers([answer])}
        return np.asarray(model({name: value.astype(np.int32) for name, value in inputs.items()}, training=False))[0]

    # The decoder's own memory of the steps before differs in length; without it only the places' rule is left.
    model.decoder[0].attention.output_projection.kernel.assign(np.zeros((12, 12), np.float32))
    model.encoder[0].attention.output_projection.kernel.assign(np.zeros((12, 12), np.float32))
    near = np.abs(np.arange(NUM_OFFSETS) - REACH - 1) <= 1
    bias = np.where(near[:, None], model.decoder[0].cross_attention.offset_bias.numpy(), -1e3)
    model.decoder[0].cross_attention.offset_bias.assign(bias)
    low, high = logits_of("560+270", "830"), logits_of("56000+27000", "83000")
    np.testing.assert_allclose(high[3:5], low[1:3], atol=1e-4)
    assert np.abs(high[3] - high[4]).max() > 1e-2


def test_what_is_near_are_signs_and_for_a_digit_the_digits_within_reach():
    codec = MIXED.codec()
    layer = DigitPlaces(codec.alphabet, codec.question_width)
    text = "-1234567.89*45"
    places = layer(np.array([[NUM_RESERVED + codec.alphabet.index(each) for each in text]]))[0]
    near = np.asarray(layer.near(places, places, 2))[0]
    heights = {place: 7 - place + (place > 8) for place in range(1, 11) if place != 8} | {12: 1, 13: 0}
    for target in range(len(text)):
        for source in range(len(text)):
            is_pair = target in heights and source in heights
            is_near = is_pair and abs(heights[source] - heights[target]) <= 2
            assert near[target, source] == (is_near or source not in heights), (target, source)


def test_with_a_window_no_digit_of_an_answer_depends_on_far_digits():
    model = sums_model(reverse_answer=True, place_window=1)
    codec = model.codec

    def logits_of(question, answer):
        inputs = {"question": codec.encode_questions([question]), "answer": codec.encode_answers([answer])}
        return np.asarray(model({name: value.astype(np.int32) for name, value in inputs.items()}, training=False))[0]

    one, other = logits_of("111111+222222", "333333"), logits_of("511111+222222", "733333")
    # The encoder carries the sixth digit to the fifth place, the decoder's look at the question to the fourth.
    np.testing.assert_allclose(one[:3], other[:3], atol=1e-5)
    assert np.abs(one[3:6] - other[3:6]).max(axis=1).min() > 1e-3
    one, other = logits_of("111111+222222", "333333"), logits_of("111115+222222", "333337")
    # Step 1 sees the digit that was written last, and the one after it sees step 1: nothing reaches further.
    np.testing.assert_allclose(one[3:], other[3:], atol=1e-5)


def test_without_number_embedding_the_order_of_the_operands_does_not_matter():
    model = sums_model(reverse_answer=True)
    questions = model.codec.encode_questions(["123+98765", "98765+123", "123+98766"])
    inputs = {"question": questions.astype(np.int32), "answer": np.repeat(model.codec.encode_answers(["98888"]), 3, 0)}
    one, other, third = np.asarray(model(inputs, training=False))
    np.testing.assert_allclose(one, other, atol=1e-4)
    assert np.abs(one - third).max() > 1e-2


# Metrics and decoding.


def one_hot_logits(tokens, num_tokens=16):
    return np.eye(num_tokens, dtype=np.float32)[tokens] * 9


def test_token_accuracy_counts_characters_and_the_end_but_no_pads():
    expected = np.array([[5, 6, END, PAD, PAD], [5, END, PAD, PAD, PAD]])
    predicted = np.array([[5, 7, END, 9, 9], [5, END, PAD, PAD, PAD]])
    metric = TokenAccuracy()
    metric.update_state(expected[:1], one_hot_logits(predicted[:1]))
    metric.update_state(expected[1:], one_hot_logits(predicted[1:]))
    assert float(metric.result()) == pytest.approx(4 / 5)


def test_exact_match_wants_every_character_and_the_end():
    expected = np.array([[5, 6, END, PAD]] * 5)
    predicted = np.array([[5, 6, END, PAD], [5, 6, END, 9], [5, 6, 7, END], [5, END, PAD, PAD], [5, 6, PAD, END]])
    assert exact_matches(predicted, expected).tolist() == [True, True, False, False, False]
    with pytest.raises(ValueError, match="without an end token"):
        exact_matches(predicted, np.full((5, 4), 5))
    with pytest.raises(ValueError, match="must have one shape"):
        exact_matches(predicted, expected[:, :3])


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["repeat-vector", "transformer"])
def test_decoding_does_not_depend_on_the_batch_or_the_compiler(architecture):
    model = scrambled(make_small(architecture))
    questions = model.codec.encode_questions(SMALL_QUESTIONS)
    whole = GreedyDecoder(model, batch_size=6, jit_compile=False).decode(questions)
    counts = []
    parts = GreedyDecoder(model, batch_size=4, jit_compile=False).decode(questions, counts.append)
    compiled = GreedyDecoder(model, batch_size=4, jit_compile=True).decode(questions)
    assert counts == [4, 2]
    for other in (parts, compiled):
        assert np.array_equal(whole.tokens, other.tokens)
        np.testing.assert_allclose(whole.probabilities, other.probabilities, atol=1e-5)


@pytest.mark.parametrize(
    "architecture",
    ["repeat-vector", *(pytest.param(name, marks=pytest.mark.slow) for name in ("attention", "transformer relative"))],
)
def test_texts_are_answered_and_tokens_predicted_as_greedy_decoding_does(architecture):
    model = scrambled(make_small(architecture))
    questions = model.codec.encode_questions(SMALL_QUESTIONS)
    decoded = GreedyDecoder(model, batch_size=6, jit_compile=False).decode(questions).tokens
    assert model.generate(SMALL_QUESTIONS) == model.codec.decode_predictions(decoded)
    assert model.generate([]) == []
    predicted = model.predict(questions, batch_size=6, verbose=0)
    assert model.codec.decode_predictions(predicted) == model.codec.decode_predictions(decoded)
    with_answers = {"question": questions, "answer": questions}
    assert np.array_equal(model.predict(with_answers, batch_size=6, verbose=0), predicted)


def test_nothing_follows_the_end_token():
    model = scrambled(make_small("repeat-vector"), seed=3)
    questions = model.codec.encode_questions(SMALL_QUESTIONS)
    decoded = GreedyDecoder(model, batch_size=8, jit_compile=False).decode(questions)
    ended = (decoded.tokens[:, :-1] == END).any(axis=1)
    assert ended.any()
    for tokens, probabilities in zip(decoded.tokens[ended].tolist(), decoded.probabilities[ended], strict=True):
        after = tokens.index(END) + 1
        assert not any(tokens[after:])
        assert (probabilities[after:] == 1).all()
