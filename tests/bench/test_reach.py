import json

import keras
import pytest

from bench.reach import LSTM, PARTS, SPEED, Task, list_tasks, run_task
from bench.reach_table import render
from bench.throughput import count_flops
from eqstream.seq2seq.config.architectures import MlpRegressionRecipe, TransformerRecipe
from eqstream.seq2seq.config.sections import TrainingRecipe
from eqstream.seq2seq.models.registry import make_model
from tests.recipes import make_texts

SUMS = make_texts("+0123456789", 7, 4, operands={"min": 0, "max": 999}, spacing=False)


def training_row(recipe, seed, *, seconds, num_wrong, reached=None, target=None):
    counts = {"num_examples": 46875, "num_parameters": 88070, "num_epochs": 4, "num_unseen": 953125}
    outcome = {"seconds": seconds, "num_wrong": num_wrong, "reached": reached, "target": target, "wrong": []}
    return {"part": "speed", "recipe": recipe, "seed": seed, **counts, **outcome}


def cells_of(text, recipe):
    return next(line for line in text.splitlines() if line.startswith(recipe + " ")).split()


def test_the_slowest_and_the_worst_seed_are_the_ones_that_count():
    rows = [training_row(SPEED, seed, seconds=10.0 * (seed + 1), num_wrong=seed // 2) for seed in range(3)]
    rows.append(training_row(LSTM, 0, seconds=900.0, num_wrong=4000, reached=0.9991, target=0.999))
    text = render(rows, reference=LSTM)
    assert cells_of(text, SPEED)[-9:] == ["4", "20.0", "30.0", "953,125", "0", "1", "99.9998", "%", "30.0"]
    assert cells_of(text, LSTM)[-1] == "1.0"
    assert "and no more" not in text


def test_a_missed_target_is_told():
    row = training_row(LSTM, 0, seconds=900.0, num_wrong=4000, reached=0.9978, target=0.999)
    assert f"{LSTM}, seed 0: reached 0.9978 of 0.999 and no more" in render([row], reference=LSTM)


def test_shares_are_of_the_best_product_that_was_seen():
    model = {"kind": "transformer", "batch_size": 8, "num_parameters": 5, "flops_per_example": 2e6}
    rates = ((1000.0, 10e9), (500.0, 20e9))
    rows = [
        {
            "part": "throughput",
            "recipe": f"r{rate:.0f}",
            **model,
            "examples_per_second": rate,
            "peak_flops_per_second": top,
        }
        for rate, top in rates
    ]
    lines = render(rows, reference=LSTM).splitlines()
    assert lines[1].split()[-4:] == ["1,000", "2", "2", "10.00%"]
    assert lines[2].split()[-4:] == ["500", "2", "1", "5.00%"]


def test_each_seed_is_that_of_data_and_training_and_the_long_task_is_last():
    tasks = list_tasks(PARTS, 2, ["training.epochs=1"])
    assert tasks[-1].recipe == LSTM
    assert len({task.name for task in tasks}) == len(tasks)
    seeded = [task for task in tasks if task.recipe == SPEED and task.part == "speed"]
    assert [task.overrides[:2] for task in seeded] == [("seed=0", "training.seed=0"), ("seed=1", "training.seed=1")]
    assert all(task.overrides[-1] == "training.epochs=1" for task in tasks)
    assert not {task.name for task in list_tasks(PARTS, 2, [])} & {task.name for task in tasks}


def test_what_is_measured_is_not_measured_again(tmp_path):
    task = Task(part="speed", recipe="no-such-recipe", seed=0, overrides=())
    place = tmp_path / task.name
    place.mkdir()
    (place / "result.json").write_text(json.dumps({"seconds": 3}))
    assert run_task(task, tmp_path) == {"seconds": 3}


@pytest.mark.slow
def test_a_failing_process_says_where_its_reason_is(tmp_path):
    task = Task(part="speed", recipe="no-such-recipe", seed=0, overrides=())
    with pytest.raises(SystemExit, match=r"no-such-recipe failed: see .*output\.txt"):
        run_task(task, tmp_path)
    assert "there is no recipe file or shipped recipe `no-such-recipe`" in (
        tmp_path / task.name / "output.txt"
    ).read_text(encoding="utf-8")
    assert not (tmp_path / task.name / "result.json").exists()


def count(architecture):
    keras.utils.set_random_seed(1)
    return count_flops(make_model(architecture, SUMS.codec()), TrainingRecipe(), 8) / 8


@pytest.mark.slow
def test_products_are_counted_forward_and_backward():
    # Forward 2 x 4 + 4 x 2 + 2 x 1 products; the same for the weights' gradients; no gradient of the inputs.
    assert count(MlpRegressionRecipe(widths=(4, 2))) == 2 * (18 + 18 + 10)


@pytest.mark.slow
def test_a_wider_feed_forward_part_costs_what_its_products_cost():
    narrow, wide = (count(TransformerRecipe(width=8, heads=2, feed_forward=size)) for size in (10, 11))
    # One more unit: two vectors of the width, forward and two gradients, at 7 + 5 tokens.
    assert wide - narrow == 2 * 2 * 8 * 3 * (7 + 5)
