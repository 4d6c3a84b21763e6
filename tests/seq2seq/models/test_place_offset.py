"""Places that a training moves by a random number."""

import keras
import numpy as np
import pytest

from eqstream.seq2seq.config.architectures import TransformerRecipe
from eqstream.seq2seq.models.registry import make_model
from eqstream.seq2seq.training.state import TrainingProgress, build_metrics, restore_state, save_state
from tests.recipes import ADDITION

QUESTIONS = ["3 + 4", "120 + 7", "999 + 999", "0 + 0"] * 16
ANSWERS = ["7", "127", "1998", "0"] * 16


def make(place_offset=3):
    recipe = TransformerRecipe(width=8, heads=2, feed_forward=8, place_offset=place_offset)
    return make_model(recipe, ADDITION.codec(reverse_answer=True), seed=1)


def inputs_of(model):
    question, answer = model.codec.encode_questions(QUESTIONS), model.codec.encode_answers(ANSWERS)
    return {"question": question.astype(np.int32), "answer": answer.astype(np.int32)}


def shifts_of(model):
    inputs = inputs_of(model)
    return np.asarray(model.encode(inputs["question"], True, inputs["answer"]).shift)[:, 0]


def test_every_move_occurs_that_leaves_all_places_of_the_example_in_the_table():
    model = make()
    shifts = shifts_of(model)
    # Seven places: the question of seven characters has the most of them, `1998` and its end fill five.
    assert model.places.length == 7
    assert set(shifts[np.arange(64) % 4 != 2].tolist()) == {0, 1, 2, 3}
    assert set(shifts[2::4].tolist()) == {0, 1, 2}


def test_an_example_that_is_moved_has_the_answer_of_one_with_moved_vectors():
    model = make()
    inputs = inputs_of(model)
    table = model.place.table.numpy()
    memory = model.encode(inputs["question"], True, inputs["answer"])
    moved = np.asarray(model.decode(inputs["answer"], memory, training=True).logits)
    for shift in range(4):
        rows = np.roll(table[1:8], -shift, axis=0)
        model.place.table.assign(np.concatenate([table[:1], rows, table[8:]]))
        expected = np.asarray(model.decode(inputs["answer"], model.encode(inputs["question"])).logits)
        for row in np.flatnonzero(np.asarray(memory.shift)[:, 0] == shift):
            width = len(ANSWERS[row]) + 1
            np.testing.assert_allclose(moved[row, :width], expected[row, :width], atol=1e-5)


def test_use_moves_nothing_and_a_model_without_it_draws_nothing():
    model, other = make(), make(place_offset=0)
    assert len(model.variables) == len(other.variables) + 1
    for one, same in zip(model.trainable_variables, other.trainable_variables, strict=True):
        same.assign(one)
    assert np.array_equal(model(inputs_of(model), training=False), other(inputs_of(model), training=False))


@pytest.mark.slow
def test_a_training_that_goes_on_moves_as_it_would_have_done(tmp_path):
    model = make()
    model.compile(keras.optimizers.Adam(), model.make_loss(), metrics=model.make_metrics(mask_pads=True))
    model.optimizer.build(model.trainable_variables)
    build_metrics(model)
    shifts_of(model)
    save_state(tmp_path / "state.npz", model, TrainingProgress())
    first, second = expected = [shifts_of(model), shifts_of(model)]
    assert not np.array_equal(first, second)
    restore_state(tmp_path / "state.npz", model)
    assert np.array_equal([shifts_of(model), shifts_of(model)], expected)
