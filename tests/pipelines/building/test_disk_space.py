import shutil

import pytest

from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe
from eqstream.data.space.prepared_space import prepare_space
from eqstream.pipelines.build import build
from eqstream.pipelines.building.disk_space import check_disk_space
from eqstream.pipelines.runtime.progress import Progress

SUMS = {
    "name": "sums",
    "space": {"operands": {"min": 0, "max": 99}, "operators": "+"},
    "splits": [{"name": "test", "count": 300}, {"name": "train", "rest": True}],
    "storage": {"formats": ["tfrecord"], "shard_size": 1000},
}
# Over 100 billion equations hold an operand of 527.
HELD_OUT = {
    "name": "held-out",
    "space": {"operands": {"min": 0, "max": 999}, "operators": "+-*", "terms": {"min": 2, "max": 4}},
    "splits": [{"name": "train", "count": 100_000}, {"name": "test_527", "rest": True, "where": {"contains": [527]}}],
}


class Reports(Progress):
    """Keeps what is reported, and which stages are begun."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.stages: list[str] = []

    def report(self, line: str) -> None:
        """Keeps the line."""
        self.lines.append(line)

    def begin(self, title: str, num_steps: int, num_equations: int, unit: str) -> None:
        """Keeps the title."""
        self.stages.append(title)


@pytest.fixture
def disk(monkeypatch):
    """Sets the free space of every disk, in bytes."""

    def set_free(num_bytes: int) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1 << 50, 0, num_bytes))  # pyright: ignore

    return set_free


def test_build_that_does_not_fit_is_refused_before_anything_is_counted(tmp_path, disk):
    disk(68 * 10**9)
    seen = Reports()
    message = (
        rf"^{tmp_path}/out would hold about 1\d\.\d TB, and 68\.0 GB are free for it: give split `test_527` \(about "
        r"1\d\d(,\d{3}){3} equations\) a `count`, or choose a larger disk; with --force the build begins nevertheless$"
    )
    with pytest.raises(UserError, match=message):
        build(Recipe.from_dict(HELD_OUT), tmp_path / "out", progress=seen)
    assert list(tmp_path.iterdir()) == []
    assert (seen.lines, seen.stages) == ([], [])


def test_stated_count_that_does_not_fit_is_named(tmp_path, disk):
    disk(100_000)
    recipe = Recipe.from_dict({**SUMS, "splits": [{"name": "train", "count": 9000}]})
    with pytest.raises(
        UserError, match=r"give split `train` \(9,000 equations\) a smaller `count`, or choose a larger disk; with"
    ):
        build(recipe, tmp_path / "out")


def test_count_that_cannot_be_is_refused_before_the_disk_is_spoken_of(tmp_path, disk):
    disk(100_000)
    space = {"operands": {"min": 0, "max": 99}, "operators": "+-", "terms": {"min": 2, "max": 12}}
    recipe = Recipe.from_dict({**SUMS, "space": space, "splits": [{"name": "train", "count": 10**40}]})
    with pytest.raises(
        UserError, match=r"^split `train` asks for 10(,000){13} equations, but at most 2(,\d{3})+ are left;"
    ):
        build(recipe, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_force_begins_and_says_what_was_to_be_refused(tmp_path, disk):
    disk(100_000)
    seen = Reports()
    assert build(Recipe.from_dict(SUMS), tmp_path / "out", force=True, progress=seen).state == "built"
    assert len(seen.lines) == 1
    assert seen.lines[0].endswith("give split `train` (9,700 equations) a `count`, or choose a larger disk")


def test_what_an_interrupted_build_has_written_needs_no_space(tmp_path, disk):
    recipe = Recipe.from_dict(SUMS)
    build(recipe, tmp_path / "whole")
    num_bytes = sum(path.stat().st_size for path in (tmp_path / "whole" / "tfrecord").iterdir())
    build(recipe, tmp_path / "out", only="train-00000")
    disk(num_bytes - 50_000)
    with pytest.raises(UserError, match="are free for it"):
        build(recipe, tmp_path / "other")
    assert build(recipe, tmp_path / "out").state == "built"


def test_one_shard_alone_needs_the_space_of_one(tmp_path, disk):
    disk(200_000)
    assert build(Recipe.from_dict(SUMS), tmp_path / "out", only="train-00001").state == "partial"


def test_long_build_says_so_first(tmp_path, disk, monkeypatch):
    monkeypatch.setattr("eqstream.pipelines.building.disk_space.LONG_SECONDS", 0.0)
    disk(2_000_000)
    seen = Reports()
    build(Recipe.from_dict(SUMS), tmp_path / "out", progress=seen)
    assert [line.partition("about")[0] for line in seen.lines] == ["this takes "]
    assert seen.lines[0].endswith(" in one process")


@pytest.mark.parametrize("num_free", [10**15, None])
def test_long_build_says_so_wherever_there_is_room(monkeypatch, num_free):
    monkeypatch.setattr("eqstream.pipelines.building.disk_space._free_bytes", lambda directory: num_free)
    monkeypatch.setattr("eqstream.pipelines.building.disk_space.LONG_SECONDS", 0.0)
    recipe, seen = Recipe.from_dict(SUMS), Reports()
    space = prepare_space(recipe.space)
    check_disk_space(recipe, "out", space, only_one_shard=False, force=False, progress=seen)
    assert not seen.lines
    monkeypatch.setattr("eqstream.pipelines.building.disk_space.MANY_EQUATIONS", 10_000)
    check_disk_space(recipe, "out", space, only_one_shard=False, force=False, progress=seen)
    assert [line.partition("about")[0] for line in seen.lines] == ["this takes "]
