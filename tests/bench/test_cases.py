"""Every row of the table of build speeds can be measured, and told apart from the others."""

import os
import shutil

import pytest

from bench import run
from bench.build import METHODS
from bench.cases import (
    BEAM,
    MILLION,
    PLAIN,
    SYNCED,
    WAYS_TO_SHARE,
    comparison_cases,
    planning_cases,
    scaling_cases,
    shape_cases,
    verify_cases,
    with_before,
)
from eqstream.data.recipe_files import load_recipe
from eqstream.data.space.prepared_space import prepare_space


def list_cases():
    return [*comparison_cases(3), *shape_cases(3), *planning_cases(3), *verify_cases(), *scaling_cases(3)]


def test_recipe_of_every_row_gives_the_records_and_formats_that_the_row_names():
    for case in list_cases():
        recipe = load_recipe(case.recipe, case.recipe_overrides())
        formats = {"both": ("tfrecord", "parquet")}.get(case.format, (case.format,))
        assert [split.count for split in recipe.splits] == [case.num_records], case
        assert recipe.storage.formats == formats, case
        assert prepare_space(recipe.space).whole.size >= case.num_records, case
        assert case.method in METHODS, case


def test_fewer_measurements_than_one_are_refused_before_anything_is_measured(capsys, tmp_path):
    with pytest.raises(SystemExit, match="2"):
        run.main(["--repeats", "0", "--out", str(tmp_path / "out")])
    assert "--repeats: must be at least 1, got 0" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("has_data", "name"), [(False, "data"), (True, "eqstream")])
def test_a_directory_that_is_no_checkout_is_refused_before_anything_is_measured(capsys, tmp_path, has_data, name):
    if has_data:
        (tmp_path / "data").mkdir()
    with pytest.raises(SystemExit, match="2"):
        run.main(["--before", str(tmp_path), "--out", str(tmp_path / "out")])
    assert f"{tmp_path} is no checkout of eqstream: it has no `{name}/`" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_reading_has_no_version_before(capsys, tmp_path):
    with pytest.raises(SystemExit, match="2"):
        run.main(["--before", str(run.ROOT), "--only", "load", "--out", str(tmp_path / "out")])
    assert "reading is measured of this version alone" in capsys.readouterr().err


def test_the_version_before_is_measured_with_what_is_in_its_checkout(tmp_path):
    """A copy that says which one it is."""
    checkout, folder = tmp_path / "checkout", tmp_path / "folder"
    folder.mkdir()
    for name in run.PACKAGES_OF_CHECKOUT:
        shutil.copytree(run.ROOT / name, checkout / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    with (checkout / "data" / "splits" / "plan.py").open("a", encoding="utf-8") as file:
        file.write("\nraise SystemExit('this is the version before')\n")
    case = next(case for case in with_before(planning_cases(1), run.OURS) if case.recipe == "brackets")
    assert run.run_case(case, folder)["seconds"] > 0
    with pytest.raises(SystemExit, match="this is the version before"):
        run.run_case(case, folder, run.check_checkout(checkout))


def test_only_our_rows_have_a_version_before():
    cases = with_before(list_cases(), run.OURS)
    befores = [case for case in cases if case.before]
    assert [case.method for case in befores] == [case.method for case in list_cases() if case.method in run.OURS]
    assert len(cases) == len(list_cases()) + len(befores)


def test_no_two_rows_have_the_same_name():
    names = [(case.data, case.format, case.way) for case in list_cases()]
    assert len(names) == len(set(names))


def test_workers_are_compared_where_their_start_does_not_decide():
    shared = [case for case in (*verify_cases(), *scaling_cases(1)) if case.cores]
    assert {(case.method, case.workers, case.cores) for case in shared} == {
        (method, workers, cores) for method in ("verify", "eqstream") for _, workers, cores in WAYS_TO_SHARE
    }
    # The first row of each is that which the others are compared with.
    firsts = {case.data: case for case in reversed(shared)}
    assert {(case.workers, case.cores) for case in firsts.values()} == {(1, 1)}
    for data, first in firsts.items():
        assert first.num_records >= 20 * MILLION
        alike = {
            (case.workers, case.cores) for case in shared if (case.data, case.num_records) == (data, first.num_records)
        }
        assert alike == {(workers, cores) for _, workers, cores in WAYS_TO_SHARE}


def test_large_builds_stand_beside_the_usual_ways():
    ways = {case.way for case in scaling_cases(1) if case.data == "4-digit a + b"}
    assert {BEAM, PLAIN, SYNCED} < ways


@pytest.mark.parametrize(("num_cores", "num_rows"), [(1, 0), (2, 2)])
def test_builds_side_by_side_have_a_core_each(monkeypatch, num_cores, num_rows):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(num_cores)))
    assert len([case for case in scaling_cases(1) if case.method == "separate-builds"]) == num_rows


def test_four_terms_are_built_where_the_start_does_not_count():
    (case,) = [case for case in scaling_cases(1) if "4 terms" in case.data]
    space = load_recipe(case.recipe, case.recipe_overrides()).space
    assert (space.terms.min, space.terms.max, set(space.operators)) == (4, 4, set("+-*"))
    assert case.num_records == 10 * MILLION
