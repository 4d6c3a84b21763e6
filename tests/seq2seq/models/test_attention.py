"""What the attention model looks at."""

import keras
import numpy as np
import pytest

from eqstream.data.loading.token_alphabet import NUM_RESERVED, PAD
from eqstream.seq2seq.config.architectures import AttentionRecipe, RepeatVectorRecipe, TransformerRecipe
from eqstream.seq2seq.models.registry import make_model
from tests.recipes import ADDITION

QUESTIONS = ["3 + 4", "120 + 7", "999 + 999", "0 + 0"]
ANSWERS = ["7", "127", "1998", "0"]
ARCHITECTURES = {
    "attention": AttentionRecipe(width=8, heads=2),
    "attention both ways": AttentionRecipe(width=8, bidirectional=True),
    "repeat-vector": RepeatVectorRecipe(encoder_width=8, bidirectional=True, mask_padding=True),
    "transformer": TransformerRecipe(width=8, heads=2, feed_forward=8, decoder_depth=2),
}


def make(architecture, padding="right", seed=3):
    keras.utils.set_random_seed(seed)
    recipe = ARCHITECTURES[architecture] if isinstance(architecture, str) else architecture
    model = make_model(recipe, ADDITION.codec(padding=padding))
    generator = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        if len(weight.shape) > 1:
            weight.assign(generator.normal(0, 0.8, weight.shape))
    return model


def tokens_of(model):
    codec = model.codec
    return codec.encode_questions(QUESTIONS).astype(np.int32), codec.encode_answers(ANSWERS).astype(np.int32)


def inspect(model, question, answer):
    return {name: keras.ops.convert_to_numpy(value) for name, value in model.inspect(question, answer).items()}


every_model = pytest.mark.parametrize(
    "architecture", [pytest.param("attention", marks=pytest.mark.slow), "attention both ways", "transformer"]
)


@pytest.mark.parametrize(
    ("architecture", "padding"),
    [
        *(("attention both ways", "right"), ("transformer", "left")),
        *(
            pytest.param(architecture, padding, marks=pytest.mark.slow)
            for architecture, padding in (
                ("attention", "left"),
                ("attention", "right"),
                ("attention both ways", "left"),
                ("transformer", "right"),
            )
        ),
    ],
)
def test_the_shares_of_the_tokens_sum_to_one_and_pads_have_none(architecture, padding):
    model = make(architecture, padding)
    question, answer = tokens_of(model)
    shares = inspect(model, question, answer)["attention"]
    assert shares.shape == (4, model.codec.answer_width, model.codec.question_width)
    np.testing.assert_allclose(shares.sum(axis=2), 1, atol=1e-5)
    assert not shares.swapaxes(1, 2)[question == PAD].any()
    assert np.ptp(shares, axis=1).max() > 0.01


@every_model
def test_a_step_looks_back_before_it_knows_its_own_token(architecture):
    model = make(architecture)
    question, answer = tokens_of(model)
    steps = range(model.codec.answer_width)
    # All in one batch, the first ones as they are.
    changed = np.concatenate([answer] * (1 + len(steps)))
    for step in steps:
        changed[len(answer) * (1 + step) :][: len(answer), step:] = NUM_RESERVED
    shares = inspect(model, np.concatenate([question] * (1 + len(steps))), changed)["attention"]
    before, *after = np.split(shares, 1 + len(steps))
    for step in steps:
        np.testing.assert_allclose(after[step][:, : step + 1], before[:, : step + 1], atol=1e-5)


@pytest.mark.parametrize(
    "architecture",
    [
        *("attention both ways", "transformer"),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("attention", "repeat-vector")),
    ],
)
def test_activations_have_a_row_for_each_token_of_the_question(architecture):
    model = make(architecture)
    activations = inspect(model, *tokens_of(model))["activations"]
    assert activations.shape[:2] == (4, model.codec.question_width)
    # The second question is the longest before its padding, and no two of its tokens leave the same trace.
    assert len(np.unique(activations[1, :5].round(4), axis=0)) == 5
    assert np.isfinite(activations).all()


def test_without_what_is_gathered_the_answer_is_another_one():
    model = make("attention")
    question, _ = tokens_of(model)
    before = keras.ops.convert_to_numpy(model.greedy_logits(question))
    model.attention.output_projection.kernel.assign(keras.ops.zeros((8, 8)))
    assert not np.allclose(before, model.greedy_logits(question), atol=1e-2)


def test_unmasked_padding_is_looked_at():
    model = make(AttentionRecipe(width=8, mask_padding=False))
    question, answer = tokens_of(model)
    shares = inspect(model, question, answer)["attention"]
    assert (shares.swapaxes(1, 2)[question == PAD] > 0).all()
