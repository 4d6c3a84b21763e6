import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from eqstream.data.dataset.shard_writer import ShardWriter
from eqstream.data.errors import DamagedManifestError, UserError
from eqstream.data.recipe import Recipe
from eqstream.data.splits.plan import plan_splits
from eqstream.data.versions import shard_versions
from eqstream.pipelines.build import build
from eqstream.pipelines.building.journal import Journal
from eqstream.pipelines.building.receipts import seal, unseal
from eqstream.pipelines.building.staging import Workspace
from eqstream.pipelines.runtime import filesystem
from eqstream.pipelines.runtime.progress import Progress
from tests.memory_filesystem import DISK
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
# Exact division has no closed form, so that there is something to count.
QUOTIENTS = {
    "name": "quotients",
    "space": {"operands": {"min": 0, "max": 60}, "operators": "/", "division": "exact"},
    "commuted": "ignore",
    "splits": [{"name": "train", "count": 150}, {"name": "rest", "rest": True}],
    "storage": {"shard_size": 100},
}
# Many small ones, so that a build makes many changes to files.
MANY_SHARDS = {**QUOTIENTS, "storage": {"shard_size": 5}}


def make_recipe(**changes) -> Recipe:
    return Recipe.from_dict({**QUOTIENTS, **changes})


def with_formats(*formats) -> Recipe:
    return make_recipe(storage={"shard_size": 100, "formats": list(formats)})


def read_tree(directory) -> dict[str, bytes]:
    root = Path(directory)
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def flip_bit(path: Path, place: int) -> None:
    contents = bytearray(path.read_bytes())
    contents[place] ^= 1
    path.write_bytes(contents)


def read_disk(directory: str) -> dict[str, bytes]:
    prefix = f"{directory}/"
    return {path.removeprefix(prefix): data for path, data in DISK.files.items() if path.startswith(prefix)}


@pytest.fixture
def _count_with_beam(monkeypatch):
    """Counts with Beam: so little would otherwise be counted by the driver, and leave nothing to resume from."""
    monkeypatch.setattr("eqstream.pipelines.building.count_equations.POSITIONS_FOR_DRIVER", 0)


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("built") / "quotients"
    build(make_recipe(), directory)
    return directory


@pytest.fixture(scope="module")
def many_shards(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("many") / "quotients"
    build(Recipe.from_dict(MANY_SHARDS), directory)
    return directory


@pytest.fixture
def copy(built, tmp_path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "copy"))


@pytest.fixture(scope="module")
def two_shards(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("two") / "quotients"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("eqstream.pipelines.building.count_equations.POSITIONS_FOR_DRIVER", 0)
        build(make_recipe(), directory, only="train-00000")
    build(make_recipe(), directory, only="rest-00001")
    return directory


@pytest.fixture
def half_built(two_shards, tmp_path) -> Path:
    """A build that was interrupted when two shards were finished."""
    return Path(shutil.copytree(two_shards, tmp_path / "half"))


@pytest.fixture
def disk():
    DISK.__init__()
    yield DISK
    DISK.__init__()


def test_second_run_of_a_finished_build_changes_nothing_and_says_so(copy):
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*")}
    result = build(make_recipe(), copy)
    assert result.state == "unchanged"
    assert result.to_text().endswith(
        "321 equations in 4 shards; nothing to do: every file has its checksum "
        "(`eqstream verify` checks what is in them)"
    )
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("*")} == before


@pytest.mark.usefixtures("_count_with_beam")
@pytest.mark.parametrize("stride", [37, pytest.param(1, marks=pytest.mark.slow)])
def test_power_may_fail_after_any_change_to_a_file(built, disk, stride):
    """Every one of so many file operations is the last one once; what is left must lead to the same bytes."""
    whole = read_tree(built)
    num_operations = 0
    has_ended = False
    while not has_ended:
        disk.files.clear()
        disk.operations_left = num_operations
        try:
            build(make_recipe(), "memtest://disk/out")
            has_ended = True
        except (UserError, OSError):
            left = read_disk("memtest://disk/out")
            assert {
                path: data for path, data in left.items() if not path.startswith(".build/")
            }.items() <= whole.items()
            assert "_SUCCESS" not in left or left.keys() >= whole.keys()
            assert "manifest.json" not in left or left.keys() >= whole.keys() - {"_SUCCESS"}
        disk.operations_left = None
        build(make_recipe(), "memtest://disk/out")
        assert read_disk("memtest://disk/out") == whole, f"after {num_operations} operations"
        num_operations += stride
    assert num_operations > 60


@pytest.mark.slow
@pytest.mark.usefixtures("_count_with_beam")
def test_power_may_fail_while_another_recipe_is_replaced(built, disk):
    whole = read_tree(built)
    num_operations = 0
    has_ended = False
    while not has_ended:
        disk.files.clear()
        build(make_recipe(seed=5, storage={"shard_size": 60}), "memtest://disk/out")
        disk.files["memtest://disk/out/notes.txt"] = b"mine"
        disk.operations_left = num_operations
        try:
            build(make_recipe(), "memtest://disk/out", overwrite=True)
            has_ended = True
        except (UserError, OSError):
            pass
        disk.operations_left = None
        build(make_recipe(), "memtest://disk/out", overwrite=True)
        assert read_disk("memtest://disk/out") == {**whole, "notes.txt": b"mine"}, f"after {num_operations} operations"
        num_operations += 23
    assert num_operations > 60


def run_stopped(
    directory: Path, *, workers: int, stop_at: int, stop_signal: str, options: Sequence[str] = ()
) -> tuple[int, str]:
    """Builds 65 shards into `directory`/out by the command, stopped at its `stop_at`-th change to a file there.

    At none where `stop_at` is 0; `directory`/counter then has a byte for each change.

    Returns:
        Its exit status, and what it wrote on standard error.
    """
    recipe = directory / "recipe.yaml"
    recipe.write_text(json.dumps(MANY_SHARDS))
    temporary = directory / "temporary"
    temporary.mkdir(exist_ok=True)
    stop = {
        "TMPDIR": str(temporary),
        "STOP_BELOW": str(directory / "out"),
        "STOP_COUNTER": str(directory / "counter"),
        "STOP_AT": str(stop_at),
        "STOP_SIGNAL": stop_signal,
    }
    path = os.pathsep.join([str(ROOT / "tests" / "interruption"), str(ROOT)])
    with (directory / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            [
                *(
                    sys.executable,
                    "-m",
                    "eqstream",
                    "build",
                    recipe,
                    "--out",
                    directory / "out",
                    f"--workers={workers}",
                ),
                *(["--", *options] if options else []),
            ],
            cwd=directory,
            env={**os.environ, **stop, "PYTHONPATH": path},
            # No pipe: waiting for its end would wait for workers that outlive a killed build.
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
        process.wait()
    return process.returncode, (directory / "stderr").read_text()


def assert_ends_in_the_same_bytes(directory: Path, whole: Path, *, workers: int, stop_at: int) -> None:
    status, errors = run_stopped(directory, workers=workers, stop_at=stop_at, stop_signal="SIGKILL")
    assert status == -signal.SIGKILL, errors
    # At once: workers of the killed build may still be there, and write.
    assert build(Recipe.from_dict(MANY_SHARDS), directory / "out").num_equations == 321
    # One that came late may have left a file of its own, which another run removes.
    assert build(Recipe.from_dict(MANY_SHARDS), directory / "out").state == "unchanged"
    assert read_tree(directory / "out") == read_tree(whole), f"stopped at change {stop_at}"
    assert not (directory / "out" / ".build").exists()
    # Workers see within a moment that they are alone, and remove what they shared with the killed one.
    wait_until(lambda: not list((directory / "temporary").iterdir()))


# One that Ctrl-C ends is killed always.
@pytest.mark.slow
@pytest.mark.parametrize(("workers", "stop_at"), [(1, 160), (2, 240)])
def test_killed_build_ends_in_the_same_bytes(tmp_path, many_shards, workers, stop_at):
    assert_ends_in_the_same_bytes(tmp_path, many_shards, workers=workers, stop_at=stop_at)


@pytest.fixture(scope="module", params=[1, 2])
def workers_and_changes(request, tmp_path_factory) -> tuple[int, int]:
    """How many workers build, and how many changes to files a build by them makes that nothing stops."""
    directory = tmp_path_factory.mktemp("counted")
    status, errors = run_stopped(directory, workers=request.param, stop_at=0, stop_signal="SIGKILL")
    assert status == 0, errors
    return request.param, (directory / "counter").stat().st_size


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1, 100, 9))
def test_build_may_be_killed_at_any_change_to_a_file(tmp_path, many_shards, workers_and_changes, first):
    workers, num_changes = workers_and_changes
    assert num_changes > 900
    for stop_at in range(first, num_changes + 1, 99):
        directory = tmp_path / str(stop_at)
        directory.mkdir()
        assert_ends_in_the_same_bytes(directory, many_shards, workers=workers, stop_at=stop_at)
        shutil.rmtree(directory)


def test_attempt_begins_and_ends_while_a_worker_of_a_killed_one_still_writes(tmp_path, monkeypatch):
    killed, second = (Workspace.of(str(tmp_path), make_recipe()) for _ in range(2))
    killed.begin_attempt()
    remove_directory = os.rmdir

    def write_first(path, **arguments):
        late = Path(killed.temporary_path("late"))
        late.parent.mkdir(parents=True, exist_ok=True)
        late.write_bytes(b"half")
        remove_directory(path, **arguments)

    with monkeypatch.context() as busy:
        busy.setattr(os, "rmdir", write_first)
        second.begin_attempt()
        second.check_attempt()
        assert killed.has_other_attempts()
        second.remove()
    second.remove()
    assert list(tmp_path.iterdir()) == []


def test_finished_shards_are_kept(built, half_built):
    kept = half_built / "tfrecord" / "train-00000-of-00002.tfrecord"
    written_at = kept.stat().st_mtime_ns
    assert build(make_recipe(), half_built).num_shards_kept == 2
    assert kept.stat().st_mtime_ns == written_at
    assert read_tree(half_built) == read_tree(built)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: bytes([data[0] ^ 1]) + data[1:],
        pytest.param(lambda data: b"", marks=pytest.mark.slow),
    ],
)
def test_damaged_shard_is_not_trusted(built, half_built, damage):
    shard = half_built / "data" / "train-00000-of-00002.parquet"
    shard.write_bytes(damage(shard.read_bytes()))
    assert build(make_recipe(), half_built).num_shards_kept == 1
    assert read_tree(half_built) == read_tree(built)


def test_damaged_receipt_is_not_trusted(built, half_built):
    receipt = half_built / ".build" / "receipts" / "train-00000-of-00002.json"
    receipt.write_bytes(receipt.read_bytes().replace(b'"num_records":75', b'"num_records":76', 1))
    assert build(make_recipe(), half_built).num_shards_kept == 1
    assert read_tree(half_built) == read_tree(built)


@pytest.mark.usefixtures("_count_with_beam")
def test_driver_that_counts_by_itself_gives_the_same_bytes(built, tmp_path):
    build(make_recipe(), tmp_path / "beam")
    assert read_tree(tmp_path / "beam") == read_tree(built)


def test_damaged_count_is_counted_again(built, half_built):
    for path in (half_built / ".build" / "counts").iterdir():
        path.write_bytes(path.read_bytes()[:-5])
    build(make_recipe(), half_built)
    assert read_tree(half_built) == read_tree(built)


def test_only_the_missing_format_of_a_shard_is_written(built, half_built):
    kept = half_built / "tfrecord" / "train-00000-of-00002.tfrecord"
    written_at = kept.stat().st_mtime_ns
    (half_built / "data" / "train-00000-of-00002.parquet").unlink()
    build(make_recipe(), half_built)
    assert kept.stat().st_mtime_ns == written_at
    assert read_tree(half_built) == read_tree(built)


def test_format_can_be_added_to_a_finished_dataset(built, tmp_path):
    build(with_formats("tfrecord"), tmp_path)
    kept = tmp_path / "tfrecord" / "train-00000-of-00002.tfrecord"
    written_at = kept.stat().st_mtime_ns
    assert build(with_formats("tfrecord", "parquet"), tmp_path).state == "built"
    assert kept.stat().st_mtime_ns == written_at
    assert read_tree(tmp_path) == read_tree(built)


def test_format_is_not_removed_unasked(copy, tmp_path):
    with pytest.raises(UserError, match=r'storage\.formats: \["tfrecord", "parquet"\] -> \["tfrecord"\]'):
        build(with_formats("tfrecord"), copy)
    build(with_formats("tfrecord"), copy, overwrite=True)
    build(with_formats("tfrecord"), tmp_path / "fresh")
    assert read_tree(copy) == read_tree(tmp_path / "fresh")


def test_missing_shard_of_a_finished_dataset_is_written_again(built, copy):
    (copy / "data" / "rest-00001-of-00002.parquet").unlink()
    assert build(make_recipe(), copy).num_shards_kept == 3
    assert read_tree(copy) == read_tree(built)


@pytest.mark.parametrize(
    ("path", "repaired", "num_kept"),
    [
        ("tfrecord/train-00001-of-00002.tfrecord", ("tfrecord/train-00001-of-00002.tfrecord",), 3),
        ("README.md", ("README.md",), 4),
        *(
            pytest.param(path, (path,), num_kept, marks=pytest.mark.slow)
            for path, num_kept in (("data/rest-00000-of-00002.parquet", 3), ("croissant.json", 4), ("SHA256SUMS", 4))
        ),
        # What it tells of shards cannot be relied on.
        ("manifest.json", ("manifest.json",), 0),
    ],
)
def test_changed_byte_of_a_finished_dataset_is_found_and_mended(built, copy, path, repaired, num_kept):
    changed = copy / path
    flip_bit(changed, max(place for place, byte in enumerate(changed.read_bytes()) if byte in b"2468"))
    others = {other: other.stat().st_mtime_ns for other in copy.glob("*/*-of-*") if other != changed}
    result = build(make_recipe(), copy)
    assert (result.state, result.repaired, result.num_shards_kept) == ("built", repaired, num_kept)
    assert read_tree(copy) == read_tree(built)
    assert num_kept == 0 or {other: other.stat().st_mtime_ns for other in others} == others
    assert build(make_recipe(), copy).state == "unchanged"


def test_repair_looks_at_damaged_shards_alone(built, copy, monkeypatch):
    written = []
    write = ShardWriter.write

    def note(self, task, sinks):
        written.append((task.name, tuple(sinks)))
        return write(self, task, sinks)

    monkeypatch.setattr(ShardWriter, "write", note)
    flip_bit(copy / "data" / "train-00000-of-00002.parquet", 40)
    (copy / "tfrecord" / "rest-00000-of-00002.tfrecord").unlink()
    result = build(make_recipe(), copy)
    assert result.to_text().startswith(
        f"{copy}: 321 equations in 4 shards, 2 of them kept from before; damaged, and written again: "
        "tfrecord/rest-00000-of-00002.tfrecord, data/train-00000-of-00002.parquet"
    )
    assert sorted(written) == [("rest-00000-of-00002", ("tfrecord",)), ("train-00000-of-00002", ("parquet",))]
    assert read_tree(copy) == read_tree(built)


def test_shard_that_does_not_come_out_as_it_was_is_not_made_part_of_the_dataset(copy, monkeypatch):
    flip_bit(copy / "data" / "train-00000-of-00002.parquet", 40)
    monkeypatch.setattr("eqstream.data.formats.parquet.ZSTD_LEVEL", 9)
    message = (
        r"^data/train-00000-of-00002\.parquet has other bytes now than when the dataset was built; give --overwrite "
        "to write all of its files anew$"
    )
    with pytest.raises(UserError, match=message):
        build(make_recipe(), copy)


@pytest.mark.parametrize("leftover", ["", "attempts/0123456789ab/done", "receipts"])
def test_leftover_of_an_interrupted_end_is_removed_by_the_next_run(built, copy, leftover):
    (copy / ".build" / leftover).mkdir(parents=True)
    assert build(make_recipe(), copy).state == "unchanged"
    assert read_tree(copy) == read_tree(built)
    assert not (copy / ".build").exists()


def test_missing_mark_of_success_is_set_again(built, copy):
    (copy / "_SUCCESS").unlink()
    assert build(make_recipe(), copy).state == "unchanged"
    assert read_tree(copy) == read_tree(built)


@pytest.mark.parametrize(
    "name",
    [
        "features.json",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("SHA256SUMS", "README.md", "croissant.json", "dataset_info.json")
        ),
    ],
)
def test_missing_paper_of_a_finished_dataset_is_written_again(built, copy, name):
    (copy / name).unlink()
    result = build(make_recipe(), copy)
    assert (result.state, result.num_shards_kept) == ("built", 4)
    assert read_tree(copy) == read_tree(built)


def test_metadata_that_a_dataset_has_not_is_not_missed(tmp_path):
    build(with_formats("parquet"), tmp_path / "out")
    assert not (tmp_path / "out" / "features.json").exists()
    assert build(with_formats("parquet"), tmp_path / "out").state == "unchanged"


@pytest.mark.parametrize("only", [None, "train-00000"])
def test_damaged_manifest_is_refused_with_a_cure_that_helps(built, copy, only):
    path = copy / "manifest.json"
    path.write_bytes(path.read_bytes()[:1000])
    (copy / "notes.txt").write_text("mine")
    before = read_tree(copy)
    with pytest.raises(DamagedManifestError, match=r"copy in its place or build the dataset again with --overwrite$"):
        build(make_recipe(), copy, only=only)
    assert read_tree(copy) == before
    build(make_recipe(), copy, only=only, overwrite=True)
    # An interrupted build goes on without being asked to overwrite again.
    build(make_recipe(), copy)
    assert read_tree(copy) == {**read_tree(built), "notes.txt": b"mine"}


@pytest.mark.parametrize("overwrite", [False, True])
def test_manifest_of_another_tool_is_never_written_over(tmp_path, overwrite):
    (tmp_path / "manifest.json").write_text('{"name": "a web page"}')
    (tmp_path / "SHA256SUMS").write_text("00  manifest.json\n")
    before = read_tree(tmp_path)
    message = (
        r"manifest\.json is not a manifest of eqstream: it has no `format_version`; .* again in another directory$"
    )
    with pytest.raises(DamagedManifestError, match=message):
        build(make_recipe(), tmp_path, overwrite=overwrite)
    assert read_tree(tmp_path) == before


def test_damaged_manifest_of_another_plan_lets_no_shard_of_it_be_lost_or_mixed_in(copy):
    (copy / "manifest.json").write_text("{")
    before = read_tree(copy)
    other = make_recipe(splits=[{"name": "other", "rest": True}])
    with pytest.raises(UserError, match="is no shard of this dataset, and readers would mix it in; move it away"):
        build(other, copy, overwrite=True)
    assert {path: data for path, data in read_tree(copy).items() if not path.startswith(".build/")} == before


def test_journal_is_believed_where_the_manifest_is_damaged(built, half_built):
    (half_built / "manifest.json").write_text("{")
    assert build(make_recipe(), half_built).num_shards_kept == 2
    assert read_tree(half_built) == read_tree(built)


def test_changed_recipe_is_refused_with_the_differing_keys(copy, built):
    changed = make_recipe(seed=7, space={**QUOTIENTS["space"], "operands": {"min": 0, "max": 50}})
    with pytest.raises(
        UserError, match=r"holds another recipe: seed: 0 -> 7, space\.operands\.max: 60 -> 50; name"
    ) as error:
        build(changed, copy)
    assert "\n" not in str(error.value)
    assert read_tree(copy) == read_tree(built)


def test_changed_recipe_is_refused_in_a_half_built_directory(half_built):
    before = read_tree(half_built)
    with pytest.raises(UserError, match="seed: 0 -> 7"):
        build(make_recipe(seed=7), half_built)
    assert read_tree(half_built) == before


@pytest.mark.usefixtures("_count_with_beam")
def test_changed_recipe_is_refused_where_nothing_but_counts_is_left(built, disk):
    disk.capacity = 1200
    with pytest.raises(UserError, match="No space left"):
        build(make_recipe(seed=7), "memtest://disk/out")
    disk.capacity = None
    before = dict(disk.files)
    assert {path.split("/")[4:6][-1] for path in before} == {"build.json", "counts"}
    with pytest.raises(
        UserError, match=r"^memtest://disk/out holds another recipe: seed: 7 -> 0; name another directory"
    ):
        build(make_recipe(), "memtest://disk/out")
    assert disk.files == before
    build(make_recipe(), "memtest://disk/out", overwrite=True)
    assert read_disk("memtest://disk/out") == read_tree(built)


@pytest.mark.usefixtures("_count_with_beam")
def test_recipe_that_turns_out_impossible_when_counting_goes_on_leaves_nothing(built, disk):
    impossible = make_recipe(splits=[{"name": "train", "count": 10_000}])
    # As a build leaves it that is killed while it counts.
    journal = Journal(recipe=impossible.to_dict(), fingerprint=impossible.fingerprint(), num_shards={})
    journal.save("memtest://disk/out")
    with pytest.raises(UserError, match="largest possible count"):
        build(impossible, "memtest://disk/out")
    build(make_recipe(), "memtest://disk/out")
    assert read_disk("memtest://disk/out") == read_tree(built)


def test_counts_of_another_format_version_are_not_taken(monkeypatch):
    # They would be those of other rules of worked solutions.
    recipe = make_recipe(steps=True)
    counted = Workspace.of("out", recipe).counts_name([{"first": 0}])
    assert Workspace.of("out", recipe).counts_name([{"first": 0}]) == counted
    monkeypatch.setattr("eqstream.data.recipe.STEPS_FORMAT_VERSION", 4)
    assert Workspace.of("out", recipe).counts_name([{"first": 0}]) != counted


def test_overwriting_removes_our_files_and_no_others(copy, tmp_path):
    (copy / "notes.txt").write_text("mine")
    (copy / "data" / "notes.txt").write_text("mine too")
    changed = make_recipe(seed=7, storage={"shard_size": 90})
    build(changed, copy, overwrite=True)
    build(changed, tmp_path / "fresh")
    others = {"notes.txt": b"mine", "data/notes.txt": b"mine too"}
    assert read_tree(copy) == {**read_tree(tmp_path / "fresh"), **others}


def test_overwriting_a_half_built_directory_leaves_no_shard_of_the_earlier_plan(built, tmp_path):
    earlier = make_recipe(storage={"shard_size": 40})
    build(earlier, tmp_path / "out", only="train-00001")
    # Written, but the build was killed before the receipt was.
    (tmp_path / "out" / ".build" / "receipts" / "train-00001-of-00004.json").unlink()
    build(make_recipe(), tmp_path / "out", overwrite=True)
    assert read_tree(tmp_path / "out") == read_tree(built)


def test_overwriting_with_an_impossible_recipe_keeps_the_dataset(built, copy):
    with pytest.raises(UserError, match="largest possible count"):
        build(make_recipe(splits=[{"name": "train", "count": 10_000}]), copy, overwrite=True)
    assert read_tree(copy) == read_tree(built)


def test_overwriting_touches_nothing_outside_whatever_the_manifest_claims(copy, tmp_path):
    victim = tmp_path / "train-00000-of-00001.parquet"
    victim.write_text("mine")
    manifest = json.loads((copy / "manifest.json").read_text())
    files = manifest["splits"]["train"]["shards"][0]["files"]
    files["parquet"]["path"] = "../train-00000-of-00001.parquet"
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match=r"data/rest-00000-of-00002\.parquet .* is no shard of this dataset"):
        build(make_recipe(storage={"shard_size": 50}), copy, overwrite=True)
    assert victim.read_text() == "mine"


def test_shard_of_unknown_origin_is_refused(half_built):
    (half_built / "data" / "train-00007-of-00009.parquet").write_text("whose?")
    with pytest.raises(UserError, match=r"data/train-00007-of-00009\.parquet .* readers would mix it in; move it away"):
        build(make_recipe(), half_built)


def test_one_shard_alone_has_the_same_bytes_and_makes_no_dataset(built, tmp_path):
    result = build(make_recipe(), tmp_path, only="rest-00001-of-00002")
    assert result.state == "partial"
    written = {path: data for path, data in read_tree(tmp_path).items() if not path.startswith(".build/")}
    assert set(written) == {"data/rest-00001-of-00002.parquet", "tfrecord/rest-00001-of-00002.tfrecord"}
    assert written.items() <= read_tree(built).items()


def test_one_damaged_shard_of_a_finished_dataset_can_be_repaired_alone(built, copy):
    shard = copy / "tfrecord" / "train-00001-of-00002.tfrecord"
    shard.write_bytes(shard.read_bytes()[:-9])
    assert build(make_recipe(), copy, only="train-00001").state == "built"
    assert read_tree(copy) == read_tree(built)


def test_files_left_half_written_are_removed(built, half_built):
    attempt = half_built / ".build" / "attempts" / "0123456789ab"
    attempt.mkdir(parents=True)
    (attempt / "token").write_text("")
    (attempt / "train-00001-of-00002.tfrecord.0123456789ab.tmp").write_text("half")
    build(make_recipe(), half_built)
    assert read_tree(half_built) == read_tree(built)
    assert not (half_built / ".build").exists()


def test_attempt_ends_when_another_begins(tmp_path):
    first, second = (Workspace.of(str(tmp_path), make_recipe()) for _ in range(2))
    first.begin_attempt()
    first.check_attempt()
    second.begin_attempt()
    second.check_attempt()
    with pytest.raises(UserError, match="was stopped, or another one took over"):
        first.check_attempt()


class Interruption(Progress):
    """Does something when a stage of a build begins, once."""

    def __init__(self, title: str, action) -> None:
        self._title = title
        self._action = action

    def begin(self, title: str, num_steps: int, num_equations: int, unit: str) -> None:
        """Acts where the stage is the one."""
        if title == self._title:
            self._title = ""
            self._action()


@pytest.mark.usefixtures("_count_with_beam")
@pytest.mark.parametrize("stage", ["counting", pytest.param("writing", marks=pytest.mark.slow)])
def test_build_that_another_one_took_over_touches_nothing_when_it_ends(built, tmp_path, stage):
    directory = tmp_path / "new" / "out"
    other = Workspace.of(str(directory), make_recipe())
    seen = {}

    def take_over() -> None:
        if stage == "writing":
            # Nothing that is finished is there yet, which is when a fresh directory used to be removed.
            shutil.rmtree(directory / ".build" / "counts")
        other.begin_attempt()
        seen.update(read_tree(directory))

    with pytest.raises(UserError, match="another one took over"):
        build(make_recipe(), directory, progress=Interruption(stage, take_over))
    left = read_tree(directory)
    assert {".build/build.json", f".build/attempts/{other.attempt}/token"} <= seen.keys()
    assert seen.items() <= left.items()
    other.check_attempt()
    build(make_recipe(), directory)
    assert read_tree(directory) == read_tree(built)


@pytest.mark.usefixtures("_count_with_beam")
def test_build_that_was_taken_over_leaves_what_the_other_one_has_counted(tmp_path, monkeypatch):
    directory = tmp_path / "out"
    other = Workspace.of(str(directory), make_recipe())

    def plan_meanwhile(counts):
        other.begin_attempt()
        other.end_attempt()
        return plan_splits(counts)

    monkeypatch.setattr("eqstream.pipelines.build.plan_splits", plan_meanwhile)
    with pytest.raises(UserError, match="another one took over"):
        build(make_recipe(), directory)
    assert list((directory / ".build" / "counts").iterdir())
    assert (directory / ".build" / "build.json").exists()


def test_build_whose_files_another_one_removed_says_so(built, tmp_path, monkeypatch):
    directory = tmp_path / "out"
    other = Workspace.of(str(directory), make_recipe())
    write = ShardWriter.write

    def write_meanwhile(self, task, sinks):
        receipt = write(self, task, sinks)
        other.begin_attempt()
        return receipt

    with monkeypatch.context() as taken:
        taken.setattr(ShardWriter, "write", write_meanwhile)
        message = rf"^shard \S+: this build of {directory} was stopped, or another one took over$"
        with pytest.raises(UserError, match=message):
            build(make_recipe(), directory)
    build(make_recipe(), directory)
    assert read_tree(directory) == read_tree(built)


def test_dataset_that_loses_a_file_while_it_is_built_is_not_called_finished(tmp_path, monkeypatch):
    directory = tmp_path / "out"
    end = Workspace.check_attempt

    def lose_a_file(self):
        end(self)
        if (directory / "_SUCCESS").exists():
            (directory / "data" / "rest-00000-of-00002.parquet").unlink()

    with monkeypatch.context() as losing:
        losing.setattr(Workspace, "check_attempt", lose_a_file)
        message = (
            rf"^{directory}: data/rest-00000-of-00002\.parquet was changed or removed while the build ran; run the "
            "same command again to go on from what is finished$"
        )
        with pytest.raises(UserError, match=message):
            build(make_recipe(), directory)
    assert build(make_recipe(), directory).state == "built"


def test_build_during_which_another_one_finished_leaves_the_dataset_whole(built, tmp_path):
    directory = tmp_path / "out"
    with pytest.raises(UserError, match="another one took over"):
        build(make_recipe(), directory, progress=Interruption("writing", lambda: build(make_recipe(), directory)))
    assert read_tree(directory) == read_tree(built)


def test_workers_with_other_versions_of_the_tools_are_told_by_name(built, tmp_path, monkeypatch):
    ours = shard_versions()
    with monkeypatch.context() as worker:
        worker.setattr(
            "eqstream.pipelines.building.write_shards.shard_versions", lambda: {**ours, "numpy": "1.0", "zlib": "0.9"}
        )
        message = rf"worker with numpy 1\.0 instead of {ours['numpy']}, zlib 0\.9 instead of {ours['zlib']}, and "
        with pytest.raises(UserError, match=message) as caught:
            build(make_recipe(), tmp_path / "out")
    assert "pyarrow" not in str(caught.value)
    build(make_recipe(), tmp_path / "out")
    assert read_tree(tmp_path / "out") == read_tree(built)


JOB_SERVER = ["--runner=tests.job_server_runner.JobServerRunner", "--environment_type=LOOPBACK"]


@pytest.mark.parametrize(
    ("workers", "options"),
    [(1, ()), pytest.param(2, (), marks=pytest.mark.slow), pytest.param(2, JOB_SERVER, marks=pytest.mark.slow)],
)
def test_interrupt_ends_in_one_line_that_says_how_to_go_on(tmp_path, many_shards, workers, options):
    status, errors = run_stopped(tmp_path, workers=workers, stop_at=300, stop_signal="SIGINT", options=options)
    assert status == 130
    line = "eqstream: interrupted; what is finished is kept, run the same command again to go on"
    # A runner that was named writes its log beside it, and a slow machine has the time to say how far the build is.
    assert line in errors if options else line == errors.strip().splitlines()[-1]
    assert build(Recipe.from_dict(MANY_SHARDS), tmp_path / "out").num_shards_kept > 0
    assert read_tree(tmp_path / "out") == read_tree(many_shards)
    assert not list((tmp_path / "temporary").glob("eqstream-*"))


def test_broken_seal_reads_as_no_file():
    assert unseal(seal({"count": 3})) == {"count": 3}
    assert unseal(seal({"count": 3})[:-1]) is None
    assert unseal(b'{"sha256": "0", "value": 1}') is None
    assert unseal(b"[]") is None
    assert unseal(None) is None


def test_file_replaces_one_of_its_name_on_filesystems_that_refuse_to(disk):
    filesystem.write_bytes("memtest://disk/file", b"old")
    filesystem.write_bytes("memtest://disk/file", b"new")
    assert disk.files == {"memtest://disk/file": b"new"}
