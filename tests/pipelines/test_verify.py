"""A dataset is verified as a whole: what the report says, what it proves, and how to repair what is wrong."""

import json
import os
import shutil
from pathlib import Path

import pytest

from eqstream.data.dataset.manifest import DamagedManifestError
from eqstream.data.errors import UserError
from eqstream.pipelines.build import build
from eqstream.pipelines.checks.shard import check_shard
from eqstream.pipelines.runtime.progress import Progress
from eqstream.pipelines.verify import verify
from tests.damaged_dataset import (
    FIRST,
    SECOND,
    edit_manifest,
    flip_bit,
    make_recipe,
    parquet,
    read_rows,
    sha256_of,
    tfrecord,
    write_rows,
    wrong_lines,
)

SMALL = {"min": -3, "max": 3}
THREE = {"min": 2, "max": 3}
RECIPES = {
    "minus": make_recipe({"operands": {"min": -12, "max": 9}, "operators": "+-"}),
    "one term": make_recipe({"operands": {"min": -3, "max": 4}, "operators": "+-*", "terms": {"min": 1, "max": 3}}),
    "brackets": make_recipe({"operands": {"min": 0, "max": 3}, "operators": "+-*", "terms": THREE, "brackets": True}),
    "exact": make_recipe({"operands": SMALL, "operators": "+-*/", "terms": THREE}),
    "exact decimals": make_recipe({"operands": {"min": -1, "max": 1, "decimals": 1}, "operators": "*/"}),
    "quotient": make_recipe({"operands": SMALL, "operators": "-/", "terms": THREE, "division": "quotient"}),
    "rounded": make_recipe({"operands": SMALL, "operators": "+/", "terms": THREE, "division": "decimal", "places": 1}),
    "fraction": make_recipe({"operands": SMALL, "operators": "-/", "terms": THREE, "division": "fraction"}),
    "decimals": make_recipe({"operands": {"min": 0, "max": 1, "decimals": 2}, "operators": "*"}),
    "compact": make_recipe({"operands": {"min": -20, "max": 20}, "operators": "-", "spacing": False}),
    "bounded": make_recipe({"operands": {"min": 0, "max": 40}, "operators": "-", "answer": {"min": 0, "max": 9}}),
    "drop": make_recipe({"operands": {"min": 0, "max": 40}}, commuted="drop"),
    "ignore": make_recipe({"operands": {"min": 0, "max": 20}}, commuted="ignore"),
    "balanced": make_recipe(
        {"operands": {"min": 0, "max": 200}}, [{"name": "train", "count": 900}], sampling="balanced"
    ),
    "hash": make_recipe(
        {"operands": {"min": -9, "max": 9, "decimals": 1}, "operators": "+-*"},
        [{"name": "train", "hash": [0, 0.5], "count": 300}, {"name": "test", "hash": [0.75, 1], "count": 100}],
        hash_salt="pepper",
    ),
    "huge": make_recipe(
        {
            "operands": {"min": -(10**20), "max": 10**20, "decimals": 2},
            "operators": "+-*",
            "terms": {"min": 2, "max": 4},
        },
        [{"name": "train", "count": 150}, {"name": "test", "count": 50}],
        commuted="ignore",
    ),
    "where": make_recipe(
        {"operands": {"min": 0, "max": 120}, "operators": "+-"},
        [{"name": "train", "count": 900}, {"name": "carries", "where": {"carries": {"min": 2}}, "count": 300}],
    ),
    "where brackets": make_recipe(
        {"operands": {"min": 0, "max": 4}, "operators": "+-", "terms": 3, "brackets": True},
        [
            {"name": "train", "where": {"brackets": False}, "rest": True},
            {"name": "deep", "where": {"brackets": True, "operators": "+"}, "count": 101},
            {"name": "deeper", "where": {"brackets": True, "operators": "+"}, "rest": True},
            {"name": "test", "rest": True},
        ],
        commuted="ignore",
    ),
    "gzip": make_recipe({"operands": {"min": 0, "max": 20}}, storage={"compression": "gzip", "shard_size": 100}),
    "tfrecord": make_recipe({"operands": {"min": 0, "max": 20}}, storage={"formats": ["tfrecord"]}),
    "parquet": make_recipe({"operands": {"min": 0, "max": 20}}, storage={"formats": ["parquet"]}),
}


# What differs from another one in the kind of numbers alone: `checks/bulk` has these, too.
SLOW = {
    "rounded",
    "parquet",
    "minus",
    "exact decimals",
    "quotient",
    "fraction",
    "decimals",
    "compact",
    "bounded",
    "ignore",
    "tfrecord",
    # `checks/test_split_membership.py` and `checks/test_plan.py` have all that splits may ask for.
    "one term",
    "drop",
    "where",
    "gzip",
}


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.slow if kind in SLOW else ()) for kind in RECIPES]
)
def test_everything_is_proven_of_a_dataset_as_it_was_built(kind, tmp_path):
    recipe = RECIPES[kind]
    build(recipe, tmp_path / "built")
    report = verify(tmp_path / "built")
    assert report.findings == ()
    assert report.is_valid
    assert len(report.proven) == 6 + len(recipe.storage.formats)


def test_the_report_says_what_was_read_and_what_holds(valid_dir):
    report = verify(valid_dir)
    assert report.split_to_count == {"train": 240, "test": 159}
    assert report.to_text().splitlines() == [
        f"sums 1.0.0 in {valid_dir}: 399 equations in 4 shards (train 240, test 159)",
        "proven: 13 files are as manifest.json and SHA256SUMS say; none is missing, and there is no shard beside them",
        "proven: dataset card and descriptions for readers are, byte by byte, what manifest.json gives",
        "proven: 399 answers and their columns, recomputed from the questions, are right",
        "proven: TFRecord and Parquet hold the same records in the same order",
        "proven: every equation is one of the recipe's space and of its split",
        "proven: no equation stands twice, and no commuted twins stand in two splits",
        "proven: splits and shards are exactly as large as the recipe asks, and the histograms are right",
        "proven: every shard holds, in order, the equations that the recipe plans for it",
        "valid",
    ]
    assert json.loads(json.dumps(report.to_dict()))["is_valid"] is True


def test_verifying_writes_nothing_into_the_dataset(dataset_dir):
    before = {path: sha256_of(path) for path in dataset_dir.rglob("*") if path.is_file()}
    verify(dataset_dir)
    assert {path: sha256_of(path) for path in dataset_dir.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("num_cores", [1, 2])
def test_threads_of_a_pipeline_come_to_the_same_report(dataset_dir, monkeypatch, num_cores):
    flip_bit(tfrecord(dataset_dir), 700)
    expected = verify(dataset_dir)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(num_cores)), raising=False)
    monkeypatch.setattr("eqstream.pipelines.checks.shard_stage.EQUATIONS_FOR_DRIVER", 0)
    assert verify(dataset_dir) == expected


@pytest.mark.slow
def test_two_worker_processes_come_to_the_same_report(dataset_dir):
    flip_bit(tfrecord(dataset_dir), 700)
    assert verify(dataset_dir, workers=2) == verify(dataset_dir)


def test_what_workers_hand_over_is_removed_from_the_place_they_share(dataset_dir, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    assert verify(dataset_dir, pipeline_options=[f"--temp_location={shared}"]).is_valid
    assert list(shared.iterdir()) == []


def test_progress_is_told_of_every_shard_and_equation(dataset_dir):
    seen = []

    class Note(Progress):
        def begin(self, title, num_steps, num_equations, unit):
            seen.append((title, num_steps, num_equations, unit))

        def show(self, num_steps, num_equations=0):
            seen.append((num_steps, num_equations))

    verify(dataset_dir, progress=Note())
    assert seen[0] == ("verifying", 4, 399, "shards")
    assert (4, 399) in seen


def test_a_manifest_of_a_newer_format_is_refused(dataset_dir):
    edit_manifest(dataset_dir, lambda manifest: manifest.update(format_version=99), metadata=False)
    with pytest.raises(UserError, match="has format version 99, this eqstream reads up to 3"):
        verify(dataset_dir)


@pytest.mark.parametrize("contents", ["", "[]", '{"format_version": 1}'])
def test_a_damaged_manifest_is_refused(dataset_dir, contents):
    (dataset_dir / "manifest.json").write_text(contents)
    with pytest.raises(UserError, match=r"manifest\.json"):
        verify(dataset_dir)


def test_a_manifest_without_a_key_is_refused(dataset_dir):
    edit_manifest(
        dataset_dir, lambda manifest: manifest["splits"]["test"]["shards"][0].pop("first_ordinal"), metadata=False
    )
    message = r"manifest\.json is damaged: `splits\.test\.shards\.0\.first_ordinal` is missing"
    with pytest.raises(UserError, match=message):
        verify(dataset_dir)


@pytest.mark.parametrize("path", ["../outside.tfrecord", "/dev/zero", "tfrecord/../../x", "tfrecord/other.tfrecord"])
def test_a_manifest_whose_paths_lead_elsewhere_is_damaged(dataset_dir, path):
    manifest = json.loads((dataset_dir / "manifest.json").read_text())
    manifest["splits"]["train"]["shards"][0]["files"]["tfrecord"]["path"] = path
    (dataset_dir / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DamagedManifestError, match=r"files\.tfrecord\.path` must be tfrecord/train-00000-of-"):
        verify(dataset_dir)


@pytest.mark.parametrize(
    "damage",
    [
        lambda directory: flip_bit(tfrecord(directory), 300),
        lambda directory: (directory / "README.md").write_text("trust me"),
        pytest.param(lambda directory: (directory / "data" / "more.parquet").write_bytes(b"x"), marks=pytest.mark.slow),
        # A shard, a file beside them and a missing one are as these.
        pytest.param(lambda directory: flip_bit(parquet(directory), 40), marks=pytest.mark.slow),
        pytest.param(lambda directory: (directory / "SHA256SUMS").write_text("trust me"), marks=pytest.mark.slow),
        pytest.param(lambda directory: (directory / "_SUCCESS").unlink(), marks=pytest.mark.slow),
        pytest.param(lambda directory: (directory / "features.json").unlink(), marks=pytest.mark.slow),
    ],
)
def test_a_dataset_is_repaired_as_the_report_says(dataset_dir, damage):
    damage(dataset_dir)
    report = verify(dataset_dir)
    assert report.to_text().splitlines()[-1].startswith("to repair: delete or move away what there is of ")
    for path in report.paths_to_delete:
        (dataset_dir / path).unlink(missing_ok=True)
    build(make_recipe({"operands": {"min": 0, "max": 19}}, storage={"shard_size": 130}), dataset_dir)
    assert verify(dataset_dir).is_valid


def test_a_dataset_with_a_wrong_manifest_is_to_be_built_anew(dataset_dir):
    edit_manifest(dataset_dir, lambda manifest: manifest.update(name="other"))
    line = f"to repair: build the dataset anew with `eqstream build RECIPE --out {dataset_dir} --overwrite`"
    assert verify(dataset_dir).to_text().splitlines()[-1] == line


def test_a_quick_check_compares_sizes_checksums_and_counts(dataset_dir):
    rows = [{**row, "answer": "0"} for row in read_rows(dataset_dir)]
    write_rows(dataset_dir, rows)
    report = verify(dataset_dir, is_quick=True)
    assert report.is_valid
    assert report.split_to_count == {"train": 240, "test": 159}
    assert report.unchecked == ("the records themselves, and the recipe's plan; verify without --quick to check them",)
    write_rows(dataset_dir, rows[:-1])
    assert wrong_lines(dataset_dir, is_quick=True) == [f"{FIRST}: it holds 119 records, the manifest says 120"]
    flip_bit(tfrecord(dataset_dir, SECOND), 40)
    assert wrong_lines(dataset_dir, is_quick=True)[0].endswith(": it was changed")


def interrupt_when_all_is_checked(dataset_dir, monkeypatch, tmp_path):
    """Verifies up to the point where all shards are checked and twins are not; progress is kept below `tmp_path`."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def stop(stage, manifest, **others):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("eqstream.pipelines.verify.check_twins", stop)
        with pytest.raises(KeyboardInterrupt):
            verify(dataset_dir)


def test_an_interrupted_check_goes_on_with_shards_that_have_not_changed(dataset_dir, monkeypatch, tmp_path):
    checked = []

    def check(place, planned, *, max_findings):
        checked.append(place.info.shard)
        return check_shard(place, planned, max_findings=max_findings)

    monkeypatch.setattr("eqstream.pipelines.checks.shard_stage.check_shard", check)
    interrupt_when_all_is_checked(dataset_dir, monkeypatch, tmp_path)
    assert len(checked) == 4
    flip_bit(tfrecord(dataset_dir, SECOND), 40)
    assert not verify(dataset_dir).is_valid
    assert checked[4:] == [SECOND]
    assert list((tmp_path / "cache" / "eqstream" / "verify").iterdir()) == []


def test_a_quick_check_leaves_an_interrupted_one_its_progress(dataset_dir, monkeypatch, tmp_path):
    interrupt_when_all_is_checked(dataset_dir, monkeypatch, tmp_path)
    assert verify(dataset_dir, is_quick=True).is_valid
    monkeypatch.setattr("eqstream.pipelines.checks.shard_stage.check_shard", None)
    assert verify(dataset_dir).is_valid
    assert list((tmp_path / "cache" / "eqstream" / "verify").iterdir()) == []


def test_an_interrupted_check_looks_again_at_what_has_decayed_since(dataset_dir, monkeypatch, tmp_path):
    interrupt_when_all_is_checked(dataset_dir, monkeypatch, tmp_path)
    path = tfrecord(dataset_dir, SECOND)
    before = path.stat()
    flip_bit(path, 40)
    # As a disk does that loses a bit.
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not verify(dataset_dir).is_valid


def test_only_the_first_faults_are_described_and_all_are_counted(dataset_dir):
    rows = [{**row, "answer": "0"} for row in read_rows(dataset_dir)]
    num_wrong = sum(row["question"] != "0 + 0" for row in rows)
    write_rows(dataset_dir, rows)
    report = verify(dataset_dir, max_findings=3)
    assert len(report.findings) == 3
    assert report.num_findings == num_wrong
    assert f"wrong: and {num_wrong - 3} more" in report.to_text()
    assert f"INVALID: {num_wrong} findings" in report.to_text()


def test_a_recipe_that_the_first_release_alone_could_plan_is_checked_as_far_as_possible(tmp_path):
    """Made by the first release: `where: {brackets: true}` with `commuted: together`, which is refused by now."""
    fixture = Path(__file__).parents[1] / "fixtures" / "brackets-of-twins.zip"
    shutil.unpack_archive(fixture, tmp_path)
    report = verify(tmp_path)
    assert report.is_valid
    assert report.unchecked[0] == (
        "sizes of splits and order of equations: `where.brackets` of split `b` together with `commuted: together` was "
        "planned by eqstream 0.1 alone"
    )
    assert not any("plan" in sentence or "as large as" in sentence for sentence in report.proven)
    assert any("no commuted twins stand in two splits" in sentence for sentence in report.proven)
