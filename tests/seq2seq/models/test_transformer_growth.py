"""A transformer that begins as a smaller one."""

import numpy as np
import pytest

from eqstream.seq2seq.config.architectures import TransformerRecipe
from eqstream.seq2seq.models.registry import make_model
from eqstream.seq2seq.models.transformer_growth import GROWING, copy_into_larger
from tests.recipes import make_texts

TEXTS = make_texts(" ()*+-0123456789", 45, 40, operands={"min": -99, "max": 99}, operators="+-*", terms={"max": 5})
# Numbers and places further apart than any of the models tells.
QUESTIONS = ["1 + 2", "(1 + 22222) * 345678 - 4 * 5 * (6 - 7 * 8)", "9 - 8 - 7 - 6 - 5 - 4 - 3 - 2 - 1 + 1234567"]
ANSWERS = ["3", "22223 * 345678 - 4 * 5 * (6 - 7 * 8)", "1 - 7 - 6 - 5 - 4 - 3 - 2 - 1 + 1234567"]
SMALL = {"encoder_depth": 1, "decoder_depth": 1, "place_reach": 2, "number_reach": 1}
LARGE = {"encoder_depth": 3, "decoder_depth": 2, "place_reach": 4, "number_reach": 3, "bracket_reach": 3}


def make(seed, **sizes):
    recipe = TransformerRecipe(width=12, heads=3, feed_forward=8, **sizes)
    model = make_model(
        recipe, TEXTS.codec(steps=True, line_length=40, reverse_question=True, reverse_answer=True), seed=seed
    )
    for variable in model.trainable_variables:
        variable.assign(variable + np.random.default_rng(seed).normal(scale=0.3, size=variable.shape))
    return model


def logits_of(model):
    question, answer = model.codec.encode_questions(QUESTIONS), model.codec.encode_answers(ANSWERS)
    return np.asarray(model({"question": question.astype(np.int32), "answer": answer.astype(np.int32)}))


@pytest.mark.parametrize("name", GROWING)
def test_a_model_with_more_of_something_begins_with_the_same_answers(name):
    small, large = make(1, places="pairs", **SMALL), make(2, places="pairs", **{**SMALL, name: LARGE[name]})
    assert np.abs(logits_of(small) - logits_of(large)).max() > 0.1
    copy_into_larger(small, large)
    np.testing.assert_allclose(logits_of(large), logits_of(small), atol=1e-5)


@pytest.mark.parametrize("places", ["pairs", "absolute", "relative"])
def test_a_model_with_more_of_all_begins_with_the_same_answers_and_can_learn(places):
    more = {**LARGE, "bracket_reach": 2 if places == "pairs" else 0}
    small, large = make(1, places=places, **SMALL), make(2, places=places, **more)
    copy_into_larger(small, large)
    np.testing.assert_allclose(logits_of(large), logits_of(small), atol=1e-5)
    # A block that adds nothing does so by what it writes alone: with that, all of it is in use.
    large.encoder[-1].contract.kernel.assign(np.random.default_rng(3).normal(size=(8, 12)))
    assert np.abs(logits_of(large) - logits_of(small)).max() > 1e-3
    assert all(np.any(values) for block in large.encoder for values in block.attention.query.get_weights())


def test_a_model_that_tells_more_levels_of_brackets_begins_with_those_of_the_nearest():
    # Four brackets deep, where the smaller model tells one level apart.
    small, large = make(1, places="pairs", **SMALL, bracket_reach=1), make(2, places="pairs", **SMALL, bracket_reach=3)
    copy_into_larger(small, large)
    question, answer = ["1 + (2 * (3 - (4 + (5 - 6 * 7))))"], ["1 + (2 * (3 - (4 + (5 - 42))))"]
    given = {
        "question": small.codec.encode_questions(question).astype(np.int32),
        "answer": small.codec.encode_answers(answer).astype(np.int32),
    }
    np.testing.assert_allclose(np.asarray(large(given)), np.asarray(small(given)), atol=1e-5)
