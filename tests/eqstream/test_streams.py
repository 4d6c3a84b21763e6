from itertools import islice

import pytest
import tensorflow as tf

import eqstream
from eqstream import UserError
from eqstream.data.loading.codec_fit import fit_codec_to_recipe
from tests.brute_force import by_question, examine_space, make_recipe, pick

SPLITS = [{"name": "test", "count": 60}, {"name": "train", "count": 100}]
RECIPE = make_recipe({"operands": {"min": 0, "max": 14}, "operators": "+-"}, SPLITS)


def test_equations_are_endless_and_never_those_of_another_split():
    known = by_question(examine_space(RECIPE.space))
    held_out = {known[question].class_key for question in pick(RECIPE)["test"]}
    found = list(islice(eqstream.equations(RECIPE), 1000))
    assert len(found) == 1000
    assert {known[equation.question].class_key for equation in found}.isdisjoint(held_out)
    assert all(equation in eqstream.EquationSpace(RECIPE) for equation in found[:100])


def test_equations_depend_on_the_seed_alone():
    first, again, other = (list(islice(eqstream.equations(RECIPE, seed=seed), 50)) for seed in (1, 1, 2))
    assert first == again != other


def test_batches_hold_these_equations_in_their_order():
    expected = list(islice(eqstream.equations(RECIPE, seed=5), 40))
    texts = eqstream.stream(RECIPE, batch_size=20, seed=5, as_text=True).take(2)
    assert [text.decode() for question, _ in texts for text in question.numpy()] == [each.question for each in expected]
    codec = fit_codec_to_recipe(RECIPE)
    tokens = eqstream.stream(RECIPE, batch_size=20, seed=5, as_dict=True).take(2)
    found = [
        (text, int(carries))
        for batch in tokens
        for text, carries in zip(codec.decode_answers(batch["answer"].numpy()), batch["carries"].numpy(), strict=True)
    ]
    assert found == [(each.answer, each.carries) for each in expected]


def test_batches_are_like_those_of_a_dataset_but_endless(tmp_path):
    stream = eqstream.stream(RECIPE, batch_size=20)
    dataset = eqstream.open_dataset(eqstream.build(RECIPE, tmp_path).directory)
    assert stream.element_spec == dataset.batches("train", batch_size=20).element_spec
    assert int(stream.cardinality()) == tf.data.INFINITE_CARDINALITY


def test_split_that_is_not_there_or_too_small_is_refused():
    with pytest.raises(UserError, match=r"^the recipe has no split `trian`; did you mean `train`\?$"):
        eqstream.equations(RECIPE, "trian")
    with pytest.raises(UserError, match=r"^an epoch of 100 examples has no full batch of 101: lower `batch_size`$"):
        eqstream.stream(RECIPE, batch_size=101)
