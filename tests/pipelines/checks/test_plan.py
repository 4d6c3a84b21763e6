"""Equations that are not those of the recipe's plan, or not in its order, are found."""

import re

import pytest

from eqstream.pipelines import verify as verification
from eqstream.pipelines.build import build
from eqstream.pipelines.checks.files import load_manifest
from eqstream.pipelines.runtime.errors import RunError
from eqstream.pipelines.verify import verify
from tests.covering import slow_but
from tests.damaged_dataset import FIRST, SECOND, edit_manifest, make_recipe, read_rows, sum_row, write_rows, wrong_lines

FORGED = {
    "uniform": {"splits": [{"name": "train", "count": 240}, {"name": "test", "count": 120}]},
    "balanced": {"splits": [{"name": "train", "count": 240}, {"name": "test", "count": 120}], "sampling": "balanced"},
    "gzip": {"storage": {"shard_size": 130, "formats": ["tfrecord"], "compression": "gzip"}},
    "parquet": {"storage": {"shard_size": 130, "formats": ["parquet"]}},
}


@pytest.mark.parametrize("kind", slow_but([*FORGED], "balanced", "parquet"))
def test_the_shards_of_another_seed_are_found_though_every_number_fits(kind, tmp_path):
    options = {"commuted": "ignore", **FORGED[kind]}
    out = tmp_path / "forged"
    build(make_recipe({"operands": {"min": 0, "max": 19}}, seed=1, **options), out)
    recipe = make_recipe({"operands": {"min": 0, "max": 19}}, seed=0, **options)

    def edit(manifest):
        manifest["recipe"]["seed"] = 0
        manifest["fingerprint"] = recipe.fingerprint()

    edit_manifest(out, edit)
    lines = wrong_lines(out, max_findings=99)
    shards = [shard.shard for _, shard in load_manifest(str(out)).list_shards()]
    assert len(lines) == 2 * len(shards)
    for shard, named, counted in zip(shards, lines[::2], lines[1::2], strict=True):
        assert re.fullmatch(shard + r", record \d+: it is `\d+ \+ \d+`, the recipe plans `\d+ \+ \d+` there", named)
        assert re.fullmatch(shard + r": \d+ of its \d+ records are not those of the recipe's plan", counted)


def test_an_equation_exchanged_for_an_unused_one_is_found(tmp_path):
    splits = [{"name": "train", "count": 100}]
    out = tmp_path / "sums"
    build(make_recipe({"operands": {"min": 10, "max": 39}}, splits, commuted="ignore"), out)
    shard = "train-00000-of-00001"
    rows = read_rows(out, shard)
    used = {row["question"] for row in rows}
    left, right = map(int, rows[50]["question"].split(" + "))
    carries = rows[50]["carries"]
    pairs = [(first, left + right - first) for first in range(10, 40) if 10 <= left + right - first < 40]
    others = [sum_row(*pair) for pair in pairs]
    other = next(row for row in others if row["question"] not in used and row["carries"] == carries)
    planned, rows[50] = rows[50], other
    write_rows(out, rows, shard=shard)
    line = f"{shard}, record 50: it is `{other['question']}`, the recipe plans `{planned['question']}` there"
    assert wrong_lines(out) == [line]


def test_records_in_another_order_than_that_of_the_plan_are_found(dataset_dir):
    rows = read_rows(dataset_dir)
    rows[30], rows[31] = rows[31], rows[30]
    write_rows(dataset_dir, rows)
    reason = f"it is `{rows[30]['question']}`, the recipe plans `{rows[31]['question']}` there"
    assert wrong_lines(dataset_dir) == [
        f"{FIRST}, record 30: {reason}",
        f"{FIRST}: 2 of its 120 records are not those of the recipe's plan",
    ]


def test_a_shard_that_is_shorter_or_longer_than_planned_is_told_from_the_plan(dataset_dir):
    first, second = read_rows(dataset_dir), read_rows(dataset_dir, SECOND)

    def move(manifest):
        shards = manifest["splits"]["train"]["shards"]
        shards[0]["num_equations"], shards[1]["num_equations"] = 119, 121
        shards[1]["first_ordinal"] = 119

    write_rows(dataset_dir, first[:-1])
    write_rows(dataset_dir, [*second, first[-1]], shard=SECOND)
    edit_manifest(dataset_dir, move)
    lines = wrong_lines(dataset_dir)
    assert lines[0] == f"{FIRST}: it ends after 119 records, the recipe plans `{first[-1]['question']}` next"
    assert lines[1] == f"{SECOND}, record 120: it is `{first[-1]['question']}`, the recipe plans no such record"


def test_a_recipe_that_cannot_be_planned_leaves_the_order_unproven(dataset_dir):
    def edit(manifest):
        manifest["recipe"]["splits"][0].update(count=10**6, rest=False, fraction=None)

    edit_manifest(dataset_dir, edit)
    lines = wrong_lines(dataset_dir)
    assert any("its recipe cannot be planned: split `train` asks for 1,000,000 equations" in line for line in lines)
    assert not any("the recipe plans" in sentence for sentence in verify(dataset_dir).proven)


def test_counting_that_fails_says_nothing_of_the_dataset(dataset_dir, monkeypatch):
    def fail(*_, **__):
        raise RunError("a worker process was killed")

    monkeypatch.setattr(verification, "count_equations", fail)
    with pytest.raises(RunError, match="a worker process was killed"):
        verify(dataset_dir)
