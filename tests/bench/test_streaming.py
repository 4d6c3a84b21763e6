import pytest

from bench.streaming import measure, render
from eqstream.data.recipe_files import load_recipe
from eqstream.pipelines.build import build


@pytest.mark.slow
def test_reading_is_measured_whole_and_in_two_parts(tmp_path):
    build(load_recipe("addition-3digit", ["splits=[{name: train, count: 9000}]"]), tmp_path / "sums")
    result = measure({"source": str(tmp_path / "sums"), "epoch": 1, "num_batches": 10})
    assert result["num_examples"] == 5120
    assert min(result.values()) >= 0


def test_rows_say_what_was_measured():
    row = {
        "num_records": 1_000_000,
        "epoch": 1,
        "first_seconds": 0.25,
        "resume_seconds": 0.5,
        "seconds": 2.0,
        "readers_seconds": 1.0,
        "num_examples": 4_000_000,
        "peak_mebibytes": 40.4,
    }
    (_, line, *_) = render([row]).splitlines()
    assert line.split() == ["1,000,000", "1", "0.25", "s", "0.50", "s", "2,000,000", "2.00", "x", "40", "MiB"]
