"""The feedback model beside an LSTM written out in numpy."""

import keras
import numpy as np
import pytest

from eqstream.data.errors import UserError
from eqstream.data.loading.token_alphabet import PAD, START
from eqstream.seq2seq.config.architectures import FeedbackRecipe
from eqstream.seq2seq.config.sections import ModelRecipe
from eqstream.seq2seq.models.registry import make_model
from tests.recipes import ADDITION

QUESTIONS = ["3 + 4", "120 + 7", "999 + 999", "0 + 0"]


def make(padding="right", seed=3, **options):
    keras.utils.set_random_seed(seed)
    codec = ADDITION.codec(padding=padding)
    model = make_model(FeedbackRecipe(**{"width": 7, **options}), codec)
    generator = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        if len(weight.shape) > 1:
            weight.assign(generator.normal(0, 0.8, weight.shape))
    return model


def encode(model):
    return model.codec.encode_questions(QUESTIONS).astype(np.int32)


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def lstm_step(layer, vector, state):
    kernel, recurrent, bias = (weight.astype(np.float64) for weight in layer.get_weights())
    output, cell = state
    entry, forget, candidate, leave = np.split(vector @ kernel + output @ recurrent + bias, 4)
    cell = sigmoid(forget) * cell + sigmoid(entry) * np.tanh(candidate)
    return sigmoid(leave) * np.tanh(cell), cell


def slow_greedy(model, question):
    """Logits of one question, token by token, pads skipped."""
    one_hot = np.eye(model.codec.num_tokens)
    states = [(np.zeros(layer.units), np.zeros(layer.units)) for layer in model.encoder]
    kernel, bias = model.logits.get_weights()

    def step(layers, token):
        vector = one_hot[token]
        for level, layer in enumerate(layers):
            states[level] = lstm_step(layer, vector, states[level])
            vector = states[level][0]
        return vector @ kernel + bias

    for token in question[question != PAD]:
        step(model.encoder, token)
    token, logits = START, []
    for _ in range(model.codec.answer_width):
        logits.append(step(model.decoder, token))
        token = int(logits[-1].argmax())
    return np.array(logits)


@pytest.mark.parametrize("depth", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_greedy_decoding_is_an_lstm_that_goes_on_from_the_encoders_state(depth):
    model = make(depth=depth)
    questions = encode(model)
    expected = np.array([slow_greedy(model, question) for question in questions])
    np.testing.assert_allclose(model.greedy_logits(questions), expected, atol=1e-4)


@pytest.mark.parametrize("bidirectional", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_masked_padding_changes_nothing_wherever_it_is(bidirectional):
    right = make(bidirectional=bidirectional)
    left = make(padding="left", bidirectional=bidirectional)
    assert not np.array_equal(encode(right), encode(left))
    np.testing.assert_allclose(right.greedy_logits(encode(right)), left.greedy_logits(encode(left)), atol=1e-5)
    seeing = make(bidirectional=bidirectional, mask_padding=False)
    assert not np.allclose(right.greedy_logits(encode(right)), seeing.greedy_logits(encode(seeing)), atol=1e-3)


def test_teacher_forcing_reads_the_right_answer_and_greedy_decoding_its_own():
    model = make()
    questions = encode(model)
    answers = model.codec.encode_answers(["7", "127", "1998", "0"]).astype(np.int32)
    forced = keras.ops.convert_to_numpy(model({"question": questions, "answer": answers}))
    greedy = keras.ops.convert_to_numpy(model.greedy_logits(questions))
    np.testing.assert_allclose(forced[:, 0], greedy[:, 0], atol=1e-5)
    assert not np.allclose(forced[:, 1:], greedy[:, 1:], atol=1e-3)


def test_a_saved_model_of_both_directions_loads_in_safe_mode_and_answers_the_same(tmp_path):
    model = make(bidirectional=True, depth=2, batch_normalization=True, embedding="learned", dropout=0.1)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    assert loaded.get_config() == model.get_config()
    assert np.array_equal(loaded.greedy_logits(encode(model)), model.greedy_logits(encode(model)))


def test_the_encoders_outputs_can_be_seen():
    model = make(bidirectional=True)
    questions = encode(model)
    seen = model.inspect(questions, model.codec.encode_answers(["7"] * 4).astype(np.int32))
    assert set(seen) == {"activations"}
    assert seen["activations"].shape == (4, model.codec.question_width, 14)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"kind": "feedback", "width": 0}, "`width` must be above 0"),
        ({"kind": "feedback", "heads": 2}, r"unknown key `model\.heads`"),
        ({"kind": "attention", "width": 10, "heads": 3}, "`width` must be a multiple of `heads`, got 10 and 3"),
    ],
)
def test_mistakes_in_the_recipe_are_named(section, message):
    with pytest.raises(UserError, match=message):
        ModelRecipe.from_dict({"model": section})
