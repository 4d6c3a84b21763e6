import gc
import itertools
import threading

import numpy as np
import pytest
import tensorflow as tf

from eqstream.data.loading.batch_plan import BatchPlan
from eqstream.data.loading.tensor_batches import make_batches, make_endless_batches, to_pairs
from tests.data.loading.in_memory import CODEC, BlocksInMemory, make_source

NUM_RECORDS = 103


def records_of(stream) -> list[list[int]]:
    return [batch["carries"].tolist() for batch in stream.as_numpy_iterator()]


def make(*, first_batch=0, epoch=None, is_kept=False, blocks=None, **options):
    plan = BatchPlan(**{"num_examples": NUM_RECORDS, "batch_size": 10, **options})
    source = make_source(blocks or BlocksInMemory(NUM_RECORDS), is_kept=is_kept)
    return make_batches(
        source,
        plan,
        plan.list_epochs(epoch, first_batch).__next__,
        columns=("carries",),
        num_batches=plan.count_batches(epoch, first_batch),
    )


def expected(epoch, *, size=10):
    (table,) = make_source(BlocksInMemory(NUM_RECORDS)).read(
        [np.arange(epoch * NUM_RECORDS, (epoch + 1) * NUM_RECORDS)], columns=("carries",)
    )
    records = table.numbers["carries"].tolist()
    return [records[start : start + size] for start in range(0, NUM_RECORDS, size)]


@pytest.mark.parametrize("is_kept", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_each_iteration_is_the_next_epoch_and_says_how_many_batches_it_has(is_kept):
    stream = make(is_kept=is_kept)
    assert len(stream) == 11
    assert [records_of(stream) for _ in range(3)] == [expected(epoch) for epoch in range(3)]
    assert records_of(make(is_kept=is_kept).repeat(3)) == [batch for epoch in range(3) for batch in expected(epoch)]
    assert records_of(make(is_kept=is_kept).take(3)) == expected(0)[:3]
    dropped = make(is_kept=is_kept, drop_remainder=True)
    assert len(dropped) == 10
    assert [records_of(dropped) for _ in range(2)] == [expected(epoch)[:10] for epoch in range(2)]
    once_more = make(is_kept=is_kept, epoch=2)
    assert records_of(once_more) == records_of(once_more) == expected(2)


def test_any_batch_of_three_epochs_can_be_the_first():
    whole = [batch for epoch in range(3) for batch in expected(epoch)]
    for first in (10, 11, 25):
        stream = make(first_batch=first)
        assert stream.cardinality() == (11 if first % 11 == 0 else tf.data.UNKNOWN_CARDINALITY)
        assert records_of(stream) == whole[first : (first // 11 + 1) * 11]
        if first < 22:
            assert records_of(stream) == expected(first // 11 + 1)
        within = make(epoch=2, first_batch=first % 11)
        assert len(within) == 11 - first % 11
        assert records_of(within) == whole[22 + first % 11 :]


def test_endless_batches_begin_anywhere():
    source = make_source(BlocksInMemory(NUM_RECORDS))
    plan = BatchPlan(num_examples=NUM_RECORDS, batch_size=10, drop_remainder=True)
    whole = [batch for epoch in range(4) for batch in expected(epoch)[:10]]
    for first in (9, 10, 23):
        stream = make_endless_batches(source, plan, first, columns=("carries",))
        assert stream.cardinality() == tf.data.INFINITE_CARDINALITY
        assert records_of(stream.take(17)) == whole[first : first + 17]


def test_shapes_are_static_where_all_batches_have_one_size():
    for options, size in [({}, None), ({"drop_remainder": True}, 10), ({"num_examples": 100}, 10)]:
        assert make(**options).element_spec == {
            "question": tf.TensorSpec([size, CODEC.question_width], tf.int32),
            "answer": tf.TensorSpec([size, CODEC.answer_width], tf.int32),
            "carries": tf.TensorSpec([size], tf.int32),
        }
    for num_readers, size in [(2, 5), (3, None), (5, 2)]:
        spec = make(drop_remainder=True, reader=(0, num_readers)).map(lambda batch: batch["carries"]).element_spec
        assert spec == tf.TensorSpec([size], tf.int32)


def test_batches_of_uneven_readers_make_up_those_of_one():
    parts = [make(reader=(reader, 3)) for reader in range(3)]
    for _, whole in zip(range(2), map(expected, itertools.count()), strict=False):
        for batch, *shares in zip(whole, *map(records_of, parts), strict=True):
            assert sorted(itertools.chain(*shares)) == sorted(batch)
            assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_texts_become_strings():
    source = make_source(BlocksInMemory(12), is_text=True)
    plan = BatchPlan(num_examples=12, batch_size=5)
    stream = to_pairs(make_batches(source, plan, plan.list_epochs(0, 0).__next__))
    assert stream.element_spec == (tf.TensorSpec([None], tf.string), tf.TensorSpec([None], tf.string))
    *_, (questions, answers) = stream.as_numpy_iterator()
    assert (questions.tolist(), answers.tolist()) == ([b"10 + 1", b"11 + 1"], [b"11", b"12"])


def test_a_fault_ends_the_iteration_behind_the_batches_before_it():
    iterator = iter(make(blocks=BlocksInMemory(NUM_RECORDS, damaged=[33]), run_examples=10))
    assert [next(iterator)["carries"].numpy().tolist() for _ in range(3)] == expected(0)[:3]
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        next(iterator)
    line = "UserError: shard train-00000-of-00001, record 33: sums is damaged or cut there"
    assert line in caught.value.message.splitlines()[0]


def test_iterators_that_are_given_up_end_their_threads():
    iterator = iter(make(run_examples=10))
    next(iterator)
    del iterator
    gc.collect()
    for thread in threading.enumerate():
        if thread.name.startswith("eqstream"):
            thread.join(60)
            assert not thread.is_alive()
