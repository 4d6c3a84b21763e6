import itertools

import numpy as np
import pytest

from eqstream.data.errors import UserError
from eqstream.data.loading.codec import Codec, CodecOptions
from eqstream.data.loading.fresh_batches import FreshBatches
from eqstream.data.loading.token_table import load_manifest
from eqstream.pipelines.build import build
from tests.brute_force import by_question, examine_space, make_recipe, pick

SPLITS = [{"name": "test", "count": 60}, {"name": "train", "count": 100}]
RECIPE = make_recipe({"operands": {"min": 0, "max": 14}, "operators": "+-"}, SPLITS)
CODEC = Codec.for_recipe(RECIPE, CodecOptions(reverse_answer=True))
COLUMNS = ("terms", "digits", "carries")


def arrays(dataset):
    return [{name: values.numpy() for name, values in batch.items()} for batch in dataset]


def assert_same(batches, others):
    assert len(batches) == len(others)
    for one, other in zip(batches, others, strict=True):
        assert one.keys() == other.keys()
        assert all(np.array_equal(one[name], other[name]) for name in one)


def test_batches_are_equations_that_are_not_held_out_with_their_answers():
    known = by_question(examine_space(RECIPE.space))
    held_out = {known[question].class_key for question in pick(RECIPE)["test"]}
    batches = arrays(
        FreshBatches(RECIPE, CODEC, batch_size=32, epoch_examples=100).batches(num_epochs=3, columns=COLUMNS)
    )
    assert len(batches) == 9
    for batch in batches:
        questions, answers = CODEC.decode_questions(batch["question"]), CODEC.decode_answers(batch["answer"])
        for row, (question, answer) in enumerate(zip(questions, answers, strict=True)):
            assert known[question].class_key not in held_out
            numbers = {name: batch[name][row] for name in COLUMNS}
            assert known[question].record == {"question": question, "answer": answer, **numbers}


def test_shapes_and_types_are_static():
    spec = FreshBatches(RECIPE, CODEC, batch_size=32).batches(columns=("carries",)).element_spec
    assert {name: (tuple(each.shape), each.dtype.name) for name, each in spec.items()} == {
        "question": ((32, CODEC.question_width), "int32"),
        "answer": ((32, CODEC.answer_width), "int32"),
        "carries": ((32,), "int32"),
    }


@pytest.mark.parametrize("sampling", ["uniform", "balanced"])
def test_stream_resumes_at_every_step(sampling, monkeypatch):
    monkeypatch.setattr("eqstream.data.loading.fresh_batches._BATCHES_PER_BLOCK", 2)
    recipe = make_recipe(RECIPE.to_dict()["space"], SPLITS, sampling=sampling)
    source = FreshBatches(recipe, CODEC, batch_size=15)
    assert (source.num_examples, source.num_batches) == (100, 6)
    whole = arrays(source.batches(num_epochs=2))
    assert len(whole) == 12
    for epoch, step in itertools.product(range(2), range(6)):
        fresh = FreshBatches(recipe, CODEC, batch_size=15) if step % 3 == 0 else source
        rest = fresh.batches(first_epoch=epoch, first_batch=step, num_epochs=2 - epoch)
        assert_same(arrays(rest), whole[6 * epoch + step :])


def test_stream_never_ends_and_another_seed_gives_another_one():
    first = arrays(FreshBatches(RECIPE, CODEC, batch_size=10).batches().take(50))
    assert len(first) == 50
    assert_same(first, arrays(FreshBatches(RECIPE, CODEC, batch_size=10).batches().take(50)))
    with pytest.raises(AssertionError):
        assert_same(first, arrays(FreshBatches(RECIPE, CODEC, batch_size=10, seed=1).batches().take(50)))


def test_codec_is_that_of_the_dataset(tmp_path):
    build(RECIPE, tmp_path / "data")
    manifest = load_manifest(tmp_path / "data")
    assert Codec.for_dataset(manifest, CodecOptions(zero_padding=True)) == Codec.for_recipe(
        RECIPE, CodecOptions(zero_padding=True)
    )


@pytest.mark.parametrize("batch_size", [101, 0])
def test_epoch_without_a_full_batch_is_refused(batch_size):
    with pytest.raises(UserError, match=f"an epoch of 100 examples has no full batch of {batch_size}"):
        FreshBatches(RECIPE, CODEC, batch_size=batch_size)
