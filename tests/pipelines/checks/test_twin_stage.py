"""Equations that stand twice, or beside a commuted twin where they must not, are found with both places."""

import pytest

from eqstream.data.errors import UserError
from eqstream.pipelines import verify as verification
from eqstream.pipelines.build import build
from eqstream.pipelines.checks import twin_stage
from eqstream.pipelines.verify import verify
from tests.damaged_dataset import FIRST, SECOND, make_recipe, read_rows, sum_row, write_rows, wrong_lines


def test_an_equation_that_stands_twice_is_found_with_both_places(dataset_dir):
    rows = read_rows(dataset_dir)
    rows[40] = rows[7]
    write_rows(dataset_dir, rows)
    line = f"{FIRST}, record 40: `{rows[7]['question']}` stands also in {FIRST}, record 7"
    assert line in wrong_lines(dataset_dir)


def test_an_equation_of_another_split_is_found_with_both_places(dataset_dir):
    rows, others = read_rows(dataset_dir), read_rows(dataset_dir, "test-00001-of-00002")
    others[11] = rows[7]
    write_rows(dataset_dir, others, shard="test-00001-of-00002")
    line = f"test-00001-of-00002, record 11: `{rows[7]['question']}` stands also in {FIRST}, record 7"
    assert line in wrong_lines(dataset_dir)


def find_asymmetric(rows):
    """Returns the place of an equation whose two sides differ, and its sides."""
    for number, row in enumerate(rows):
        left, right = row["question"].split(" + ")
        if left != right:
            return number, int(left), int(right)
    raise AssertionError("no such equation")


def test_a_commuted_twin_in_another_split_is_found_with_both_places(dataset_dir):
    other = "test-00001-of-00002"
    rows, others = read_rows(dataset_dir), read_rows(dataset_dir, other)
    number, left, right = find_asymmetric(rows)
    rows[number], others[11] = others[11], rows[number]
    write_rows(dataset_dir, rows)
    write_rows(dataset_dir, others, shard=other)
    twin = f"{right} + {left}"
    shard, record = next(
        (shard, [row["question"] for row in read_rows(dataset_dir, shard)].index(twin))
        for shard in (FIRST, SECOND)
        if any(row["question"] == twin for row in read_rows(dataset_dir, shard))
    )
    line = f"{other}, record 11: `{left} + {right}` is a commuted twin of `{twin}` in {shard}, record {record}"
    assert line in wrong_lines(dataset_dir)


def build_small(tmp_path, commuted):
    out = tmp_path / commuted
    build(make_recipe({"operands": {"min": 0, "max": 9}}, commuted=commuted), out)
    return out


def test_where_twins_are_dropped_a_twin_in_the_same_split_is_a_fault(tmp_path):
    out = build_small(tmp_path, "drop")
    shard = "train-00000-of-00001"
    rows = read_rows(out, shard)
    number, left, right = find_asymmetric(rows)
    rows[number + 1] = sum_row(right, left)
    write_rows(out, rows, shard=shard)
    line = f"{shard}, record {number + 1}: `{right} + {left}` is a commuted twin of `{left} + {right}` in {shard}"
    assert f"{line}, record {number}" in wrong_lines(out)


def test_where_commuted_twins_are_ignored_only_the_same_text_is_a_fault(tmp_path):
    out = build_small(tmp_path, "ignore")
    questions = {row["question"] for row in read_rows(out, "train-00000-of-00001")}
    others = {row["question"] for row in read_rows(out, "test-00000-of-00001")}
    assert any(" + ".join(question.split(" + ")[::-1]) in others for question in questions)
    assert verify(out).is_valid
    rows = read_rows(out, "train-00000-of-00001")
    rows[1] = rows[0]
    write_rows(out, rows, shard="train-00000-of-00001")
    line = f"train-00000-of-00001, record 1: `{rows[0]['question']}` stands also in train-00000-of-00001, record 0"
    assert line in wrong_lines(out)


@pytest.fixture
def _compare_with_beam(monkeypatch):
    """Lets a pipeline compare a few equations in eight parts, as it does many."""
    monkeypatch.setattr(verification, "choose_partitions", lambda _: 8)
    monkeypatch.setattr(twin_stage, "PARTITIONS_FOR_DRIVER", 0)


@pytest.mark.usefixtures("_compare_with_beam")
@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_pipeline_finds_what_the_driver_does(dataset_dir, workers):
    assert verify(dataset_dir, workers=workers).is_valid
    rows = read_rows(dataset_dir)
    rows[40] = rows[7]
    write_rows(dataset_dir, rows)
    reasons = [finding.reason for finding in verify(dataset_dir, workers=workers).findings if finding.kind == "twins"]
    assert reasons == [f"`{rows[7]['question']}` stands also in {FIRST}, record 7"]


@pytest.mark.usefixtures("_compare_with_beam")
def test_nothing_is_proven_where_not_all_parts_were_compared(dataset_dir, monkeypatch):
    monkeypatch.setattr(twin_stage.SearchPartition, "run", lambda *_, **__: None)
    with pytest.raises(UserError, match="the workers' findings did not arrive"):
        verify(dataset_dir)
