import json
import subprocess
import sys

import pytest

from bench.long_training import BATCH_SIZE, COLUMNS, draw, main, measure

TRAINING = {
    "equations": 3000,
    "trained": 1024,
    "memory": [dict.fromkeys(COLUMNS, 0.0), dict.fromkeys(COLUMNS, 1024.0)],
    "log": [{"epoch": epoch, "loss": 1 / epoch, "val_exact_match": 0.5} for epoch in (1, 2)],
}


def test_same_figures_give_the_same_picture(tmp_path):
    for name in ("one.svg", "other.svg"):
        draw([TRAINING, {**TRAINING, "equations": 100}], tmp_path / name)
    text = (tmp_path / "one.svg").read_text()
    assert text == (tmp_path / "other.svg").read_text()
    assert "3,000 equations" in text


def test_process_that_has_ended_has_no_memory():
    program = [sys.executable, "-c", "input('here')"]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        # Before its first word it may not be the program yet.
        process.stdout.read(1)
        _, resident, anonymous, peak = measure(process.pid)
        assert peak >= resident > anonymous > 0
        process.stdin.close()
        # Its output ends with it; nobody has asked for its status yet.
        process.stdout.read()
        while measure(process.pid):
            pass


@pytest.mark.slow
def test_training_goes_on_where_it_was_stopped(tmp_path):
    options = ["--examples", "4000", "--seconds", "0.5", "--out", str(tmp_path)]
    for num_trained in (BATCH_SIZE, 4 * BATCH_SIZE):
        main([*options, "--trained", str(num_trained), "--round", str(BATCH_SIZE)])
        (training,) = json.loads((tmp_path / "long-training.json").read_text())["trainings"]
        assert (training["equations"], training["trained"]) == (4000, num_trained)
        assert len(training["log"]) == num_trained // BATCH_SIZE
        assert sum(group["num_examples"] for group in training["test"]["tables"]["operators"]) == 10_000
    rows = training["memory"]
    assert set(rows[0]) == set(COLUMNS)
    assert all(row["peak_mb"] >= row["resident_mb"] >= row["anonymous_mb"] > 0 for row in rows)
