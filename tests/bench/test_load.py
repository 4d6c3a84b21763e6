"""All ways of reading that are compared must do the same work."""

import numpy as np
import pytest
import tensorflow as tf

from bench import waiting
from bench.load import METHODS, measure
from bench.load_table import CASES, render, summarise
from eqstream.data.recipe_files import load_recipe
from eqstream.pipelines.build import build

QUICK = ("eqstream", "parquet")


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> str:
    out = tmp_path_factory.mktemp("source") / "sums"
    build(load_recipe("addition-3digit", ["splits=[{name: train, count: 1100}]"]), out)
    return str(out)


@pytest.mark.parametrize(
    "case",
    # Ours; those of others are slow.
    [pytest.param(case, marks=() if (case.method, case.format) == QUICK else pytest.mark.slow) for case in CASES],
    ids=lambda case: f"{case.method}-{case.format}",
)
def test_every_way_gives_the_tokens_of_every_example(case, source):
    spec = {"method": case.method, "format": case.format, "source": source, "num_records": 1100}
    expected = list(METHODS["eqstream"]({**spec, "format": "parquet"})())
    found = list(METHODS[case.method](spec)())
    assert [len(question) for question, _ in found] == [512, 512, 76]
    for ours, theirs in zip(expected, found, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            assert other.dtype == np.int32
            assert np.array_equal(one, other)
    result = measure(spec)
    assert result["seconds"] > 0
    assert result["again_seconds"] > 0
    assert result["cpu_seconds"] > 0


def test_ratios_are_to_the_best_of_the_others():
    results = [
        [{"seconds": 1.0 + place, "again_seconds": 1.0, "cpu_seconds": 2.0, "again_cpu_seconds": 1.0}]
        for place in range(len(CASES))
    ]
    rows = summarise(results)
    others = [row for row in rows if not row["way"].startswith("eqstream")]
    assert max(row["first_ratio"] for row in others) == 1
    best = max(row["first"] for row in others)
    assert rows[0]["first_cpu"] == CASES[0].num_records / 2
    assert rows[0]["first_ratio"] == pytest.approx(rows[0]["first"] / best)
    text = render({"rows": rows, "waiting": {"one": {"share": 0.05, "step_seconds": 0.02, "wait_seconds": 0.001}}})
    assert "inside `fit` of one: 5.00% of the time (1,000 us of each step of 20.0 ms, means over 800 steps)." in text


def test_what_taking_a_batch_takes_adds_up_and_batches_stay_as_they_are():
    now = tf.Variable(tf.zeros((), tf.float64))
    waited = tf.Variable(tf.zeros((), tf.float64))

    @tf.autograph.experimental.do_not_convert
    def take_long(number):
        # Stands for a loader: taking the batch of number n takes n seconds.
        with tf.control_dependencies([now.assign_add(tf.cast(number, tf.float64))]):
            return {"question": tf.identity(number)}, number

    batches = tf.data.Dataset.range(5).map(take_long)
    found = list(waiting.add_up_waiting(batches, waited, now.read_value))
    assert [int(number) for _, number in found] == [0, 1, 2, 3, 4]
    assert [int(batch["question"]) for batch, _ in found] == [0, 1, 2, 3, 4]
    assert waited.numpy() == 10


@pytest.mark.slow
def test_waiting_is_measured_inside_fit(source):
    spec = {
        "recipe": "prior-lstm-regression",
        "overrides": ["training.jit_compile=false"],
        "source": source,
        "num_steps": 20,
    }
    result = waiting.measure(spec)
    assert 0 < result["share"] < 1
    assert 0 < result["wait_seconds"] < result["step_seconds"]
