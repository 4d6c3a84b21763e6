import errno
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from eqstream.data.dataset.background import Background
from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe
from eqstream.data.splits.counting import CountingTask
from eqstream.pipelines.build import build
from eqstream.pipelines.building import write_shards
from eqstream.pipelines.building.count_equations import POSITIONS_PER_BATCH, make_batches
from eqstream.pipelines.metadata.checksums import render_checksums
from eqstream.pipelines.runtime.filesystem import describe_error
from eqstream.pipelines.runtime.progress import SECONDS_BETWEEN_LINES, Lines
from tests.memory_filesystem import DISK

ROOT = Path(__file__).parents[2]
SUMS = {
    "name": "sums",
    "space": {"operands": {"min": 0, "max": 49}, "operators": "+"},
    "splits": [{"name": "train", "count": 1200}, {"name": "test", "count": 300}, {"name": "unseen", "rest": True}],
    "storage": {"shard_size": 400},
}


def make_recipe(**changes) -> Recipe:
    return Recipe.from_dict({**SUMS, **changes})


def read_tree(directory) -> dict[str, bytes]:
    root = Path(directory)
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def assert_refused(tmp_path, message: str, recipe: Recipe, directory, **arguments) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match=message) as caught:
        build(recipe, directory, **arguments)
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("built") / "sums"
    build(make_recipe(), directory)
    return directory


@pytest.fixture
def disk():
    DISK.__init__()
    yield DISK
    DISK.__init__()


def test_dataset_has_every_file_of_the_layout_and_no_other(built):
    shards = [f"train-{index:05d}-of-00003" for index in range(3)]
    shards += ["test-00000-of-00001", "unseen-00000-of-00003", "unseen-00001-of-00003", "unseen-00002-of-00003"]
    metadata = {"README.md", "croissant.json", "dataset_info.json", "features.json"}
    closing = {"manifest.json", "SHA256SUMS", "_SUCCESS"}
    files = {f"data/{name}.parquet" for name in shards} | {f"tfrecord/{name}.tfrecord" for name in shards}
    assert set(read_tree(built)) == metadata | closing | files
    assert not (built / ".build").exists()


def test_checksums_cover_every_file_but_themselves_and_the_mark_of_success(built):
    path_to_contents = read_tree(built)
    lines = path_to_contents["SHA256SUMS"].decode().splitlines()
    named = {line[66:]: line[:64] for line in lines}
    assert named == {
        path: hashlib.sha256(contents).hexdigest()
        for path, contents in path_to_contents.items()
        if path not in ("SHA256SUMS", "_SUCCESS")
    }
    assert render_checksums(named) == path_to_contents["SHA256SUMS"]


def test_manifest_counts_what_the_files_hold(built):
    manifest = json.loads((built / "manifest.json").read_text())
    questions: list[str] = []
    for split in manifest["splits"].values():
        for shard in split["shards"]:
            table = pq.read_table(built / shard["files"]["parquet"]["path"])
            assert table.num_rows == shard["num_equations"]
            questions += table["question"].to_pylist()
        assert sum(shard["num_equations"] for shard in split["shards"]) == split["num_equations"]
        assert sum(split["histograms"]["terms"].values()) == split["num_equations"]
    assert len(questions) == len(set(questions))
    assert sum(split["num_left_out"] for split in manifest["splits"].values()) == 2500 - len(questions)


# Two that are interrupted write the bytes of one, too: `test_resume.py`.
@pytest.mark.slow
@pytest.mark.parametrize("workers", [2, 5])
def test_bytes_do_not_depend_on_the_number_of_worker_processes(built, tmp_path, workers):
    build(make_recipe(), tmp_path / "out", workers=workers)
    assert read_tree(tmp_path / "out") == read_tree(built)


@pytest.mark.parametrize("num_cores", [1, 2, 4])
def test_bytes_do_not_depend_on_the_number_of_cores(built, tmp_path, monkeypatch, num_cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(num_cores)), raising=False)
    build(make_recipe(), tmp_path / "out")
    assert read_tree(tmp_path / "out") == read_tree(built)


def test_bytes_do_not_depend_on_the_runner(built, tmp_path):
    options = ["--runner=PortableRunner", "--job_endpoint=embed", "--environment_type=LOOPBACK"]
    build(make_recipe(), tmp_path / "out", pipeline_options=options)
    assert read_tree(tmp_path / "out") == read_tree(built)


@pytest.mark.slow
def test_runner_may_start_a_job_server(built, tmp_path):
    program = (
        "import json, sys; from eqstream.data.recipe import Recipe; from eqstream.pipelines.build import build\n"
        "options = ['--runner=tests.job_server_runner.JobServerRunner', '--environment_type=LOOPBACK']\n"
        "build(Recipe.from_dict(json.loads(sys.argv[1])), sys.argv[2], pipeline_options=options)"
    )
    command = [sys.executable, "-c", program, json.dumps(SUMS), tmp_path / "out"]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    assert read_tree(tmp_path / "out") == read_tree(built)


def test_runner_that_must_start_a_job_server_is_refused_beside_the_main_thread(tmp_path):
    options = ["--runner=tests.job_server_runner.JobServerRunner", "--environment_type=LOOPBACK"]
    with ThreadPoolExecutor(1) as pool:
        building = pool.submit(build, make_recipe(), tmp_path / "out", pipeline_options=options)
        with pytest.raises(UserError) as caught:
            building.result()
    assert str(caught.value) == (
        "runner `tests.job_server_runner.JobServerRunner` starts a job server, which works in a program's main thread "
        "alone; start one before and name it with --runner=PortableRunner --job_endpoint=HOST:PORT"
    )


def test_any_filesystem_of_beam_will_do(built, tmp_path, monkeypatch, disk):
    monkeypatch.chdir(tmp_path)
    build(make_recipe(), "memtest://bucket/sums/")
    prefix = "memtest://bucket/sums/"
    assert {path.removeprefix(prefix): contents for path, contents in disk.files.items()} == read_tree(built)
    assert list(tmp_path.iterdir()) == []


def test_gzip_is_applied_once(tmp_path):
    storage = {"formats": ["tfrecord"], "compression": "gzip", "shard_size": 400}
    plain = {**storage, "compression": "none"}
    build(make_recipe(storage=storage), tmp_path / "gzip")
    build(make_recipe(storage=plain), tmp_path / "plain")
    packed = (tmp_path / "gzip/tfrecord/test-00000-of-00001.tfrecord.gz").read_bytes()
    assert gzip.decompress(packed) == (tmp_path / "plain/tfrecord/test-00000-of-00001.tfrecord").read_bytes()


# Packs a distribution for the workers.
@pytest.mark.slow
def test_module_is_a_command_that_hands_unknown_arguments_to_beam(built, tmp_path):
    recipe = tmp_path / "sums.yaml"
    recipe.write_text(json.dumps(SUMS))
    command = [
        sys.executable,
        "-m",
        "eqstream.pipelines.build",
        recipe,
        "--out",
        tmp_path / "out",
        "--set",
        "storage.shard_size=400",
    ]
    beam = ["--direct_num_workers=2", "--direct_running_mode=multi_processing", "--setup_file=./setup.py"]
    ended = subprocess.run([*command, *beam], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "2,498 equations in 7 shards" in ended.stdout
    assert read_tree(tmp_path / "out") == read_tree(built)


def test_mistake_given_to_the_module_ends_in_one_line(tmp_path):
    command = [sys.executable, "-m", "eqstream.pipelines.build", "additoin-10", "--out", tmp_path / "out"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith(
        "eqstream: error: there is no recipe file or shipped recipe `additoin-10`; did you mean"
    )
    assert ended.stderr.count("\n") == 1


def test_result_says_how_many_equations_are_parted_from_their_twins(built, tmp_path):
    left_out = "2 more are in no split, as a split's count ends among twins"
    result = build(make_recipe(), tmp_path / "out")
    assert result.to_text() == f"{tmp_path}/out: 2,498 equations in 7 shards; {left_out}"
    result = build(make_recipe(), tmp_path / "out")
    assert result.to_text() == (
        f"{tmp_path}/out is finished: 2,498 equations in 7 shards; nothing to do: every file has its checksum "
        f"(`eqstream verify` checks what is in them); {left_out}"
    )


def test_dataset_without_its_manifest_is_written_anew_where_that_is_asked_for(tmp_path, built):
    shutil.copytree(built, tmp_path / "out")
    (tmp_path / "out" / "manifest.json").unlink()
    cure = f"{tmp_path}/out holds a dataset without its manifest.json; give --overwrite to write"
    assert_refused(tmp_path, re.escape(cure), make_recipe(), tmp_path / "out")
    build(make_recipe(), tmp_path / "out", overwrite=True)
    assert read_tree(tmp_path / "out") == read_tree(built)


def test_finished_dataset_with_a_foreign_shard_is_refused(tmp_path, built):
    shutil.copytree(built, tmp_path / "out")
    foreign = "data/train-00007-of-00008.parquet"
    shutil.copy(next((tmp_path / "out" / "data").glob("train-*")), tmp_path / "out" / foreign)
    reason = f"^{foreign} in {re.escape(str(tmp_path))}/out is no shard of this dataset, and readers would mix it in"
    assert_refused(tmp_path, reason, make_recipe(), tmp_path / "out")


def test_impossible_count_leaves_nothing(tmp_path):
    recipe = make_recipe(splits=[{"name": "train", "count": 2501}])
    assert_refused(tmp_path, "largest possible count is 2,500", recipe, tmp_path / "a" / "b")


def test_impossible_count_that_shows_after_counting_leaves_nothing(tmp_path):
    space = {"operands": {"min": 0, "max": 49}, "operators": "/", "division": "exact"}
    recipe = make_recipe(space=space, splits=[{"name": "train", "count": 2000}])
    assert_refused(tmp_path, "largest possible count is", recipe, tmp_path / "a" / "b")


def test_directory_with_other_files_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    assert_refused(tmp_path, "holds no dataset of eqstream \\(notes.txt\\)", make_recipe(), tmp_path)
    assert_refused(tmp_path, "holds no dataset of eqstream", make_recipe(), tmp_path, overwrite=True)


def test_staging_directory_of_another_tool_is_refused(tmp_path):
    (tmp_path / ".build").mkdir()
    (tmp_path / ".build" / "build.json").write_text('{"debug": true}')
    assert_refused(tmp_path, "holds no dataset of eqstream", make_recipe(), tmp_path, overwrite=True)


def test_directory_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    assert_refused(tmp_path, "Not a directory: .*file", make_recipe(), tmp_path / "file" / "out")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a directory in which nobody may write")
def test_file_in_place_of_the_directory_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    assert_refused(tmp_path, "a dataset is a directory, got a file: .*file", make_recipe(), tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_unwritable_directory_is_refused(tmp_path):
    assert_refused(
        tmp_path, "No such file or directory: /proc/eqstream|Permission denied", make_recipe(), "/proc/eqstream"
    )


def test_unknown_filesystem_is_refused(tmp_path):
    for scheme, cure in (
        ("nowhere", "name a local directory"),
        ("gs", r"install it: pip install 'apache-beam\[gcp\]'"),
    ):
        message = f"^Beam has no filesystem for `{scheme}://`; {cure}; got {scheme}://bucket/out$"
        assert_refused(tmp_path, message, make_recipe(), f"{scheme}://bucket/out")


def test_pattern_as_a_directory_is_refused(tmp_path):
    assert_refused(tmp_path, "must have none of", make_recipe(), tmp_path / "out[1]")


def test_unknown_beam_option_is_refused(tmp_path):
    message = "Beam knows no option `--runer`"
    assert_refused(tmp_path, message, make_recipe(), tmp_path / "out", pipeline_options=["--runer=Flink"])


def test_wrong_value_of_a_beam_option_is_refused(tmp_path):
    options = ["--direct_num_workers=many"]
    assert_refused(tmp_path, "invalid int value: 'many'", make_recipe(), tmp_path / "out", pipeline_options=options)


def test_unknown_runner_is_refused(tmp_path):
    message = "Beam has no runner `FlonkRunner`"
    assert_refused(tmp_path, message, make_recipe(), tmp_path / "out", pipeline_options=["--runner=FlonkRunner"])


def test_no_workers_are_refused(tmp_path):
    assert_refused(tmp_path, "`workers` must be at least 1, got 0", make_recipe(), tmp_path / "out", workers=0)


def test_unknown_shard_is_refused_with_the_nearest(tmp_path):
    message = "no shard `trian-00001`; did you mean `train-00001`"
    assert_refused(tmp_path, message, make_recipe(), tmp_path / "out", only="trian-00001")


def test_manifest_of_a_newer_format_is_refused(built, tmp_path):
    manifest = json.loads((built / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "format_version": 99}))
    assert_refused(tmp_path, "format version 99", make_recipe(), tmp_path, overwrite=True)


def test_full_disk_ends_in_one_line_and_the_build_goes_on_when_there_is_space(built, disk):
    disk.capacity = sum(len(contents) for contents in read_tree(built).values()) // 2
    with pytest.raises(UserError, match=r"shard \S+: No space left on device; run the same command again") as caught:
        build(make_recipe(), "memtest://disk/out")
    assert "\n" not in str(caught.value)
    assert not [path for path in disk.files if path.endswith(".tmp")]
    assert not [path for path in disk.files if path.endswith(("manifest.json", "_SUCCESS"))]
    disk.capacity = None
    assert build(make_recipe(), "memtest://disk/out").num_shards_kept > 0
    assert {path.removeprefix("memtest://disk/out/"): data for path, data in disk.files.items()} == read_tree(built)


@pytest.mark.parametrize(
    "place", [pytest.param("data/test-00000-of-00001.parquet", marks=pytest.mark.slow), "README.md"]
)
def test_directory_in_place_of_a_file_is_named_with_what_to_do(tmp_path, place):
    (tmp_path / place).mkdir(parents=True)
    message = f"^{tmp_path}/{place} is a directory, where a file is expected; move it away$"
    with pytest.raises(UserError, match=message):
        build(make_recipe(), tmp_path)
    (tmp_path / place).rmdir()
    assert build(make_recipe(), tmp_path).state == "built"


@pytest.mark.parametrize(
    "place", ["data/test-00000-of-00001.parquet", pytest.param("README.md", marks=pytest.mark.slow)]
)
def test_named_pipe_in_place_of_a_file_is_refused_before_anything_is_written(built, tmp_path, place):
    directory = Path(shutil.copytree(built, tmp_path / "copy"))
    (directory / place).unlink()
    (directory / "features.json").unlink()
    os.mkfifo(directory / place)
    for only in ("test-00000", None):
        with pytest.raises(UserError, match=f"^{directory}/{place} is a named pipe, where a file is expected; move"):
            build(make_recipe(), directory, only=only)
        assert not (directory / "features.json").exists()
    (directory / place).unlink()
    build(make_recipe(), directory)
    assert read_tree(directory) == read_tree(built)


def test_files_are_on_the_disk_before_the_manifest_lists_them(tmp_path, monkeypatch):
    synced: dict[int, bool] = {}
    sync = os.fsync

    def note(descriptor: int) -> None:
        synced[os.fstat(descriptor).st_ino] = (tmp_path / "out" / "manifest.json").exists()
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    build(make_recipe(), tmp_path / "out")
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file() and path.name != "_SUCCESS"]
    assert len(files) == 20
    assert [synced[path.stat().st_ino] for path in files] == [False] * 20


class Immediate(Background):
    """Runs calls at once, so that they have ended when the build has."""

    def run(self, call, *arguments) -> None:
        call(*arguments)


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="this system has no call for it")
def test_memory_is_taken_back_of_all_shards_but_the_first_megabytes(tmp_path, monkeypatch):
    released: list[int] = []
    release = os.posix_fadvise

    def note(descriptor: int, start: int, length: int, advice: int) -> None:
        assert (start, length, advice) == (0, 0, os.POSIX_FADV_DONTNEED)
        released.append(os.fstat(descriptor).st_ino)
        release(descriptor, start, length, advice)

    monkeypatch.setattr(os, "posix_fadvise", note)
    monkeypatch.setattr(write_shards, "Background", Immediate)
    monkeypatch.setattr(write_shards, "KEPT_IN_MEMORY_BYTES", 60_000)
    build(make_recipe(storage={"shard_size": 400, "formats": ["tfrecord"]}), tmp_path / "out")
    shards = sorted((tmp_path / "out" / "tfrecord").iterdir(), key=lambda path: path.stat().st_ino in released)
    assert len(shards) == 7
    assert sum(path.stat().st_size for path in shards[: -len(released)]) <= 60_000
    assert sum(path.stat().st_size for path in shards[: 1 - len(released)]) > 60_000


def test_workers_share_what_may_stay_in_memory(monkeypatch):
    monkeypatch.setattr(write_shards, "KEPT_IN_MEMORY_BYTES", 1200)
    # Of many workers no more begin than there are shards.
    shared = {(1, 9): 1200, (3, 9): 400, (16, 2): 600, (2, 0): 1200}
    assert {each: write_shards.share_kept_bytes(*each) for each in shared} == shared


def test_disk_that_is_full_from_the_start_stays_as_it_is(disk):
    disk.capacity = 10
    with pytest.raises(UserError, match="No space left on device"):
        build(make_recipe(), "memtest://disk/out")
    assert disk.files == {}


def test_file_error_names_reason_and_path():
    assert describe_error(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/x")) == "No space left on device: /x"


def test_batches_keep_the_order_and_are_of_bounded_size():
    tasks = [CountingTask(source, 0, (1 + source % 5) * POSITIONS_PER_BATCH // 64) for source in range(50)]
    batches = list(make_batches(tasks))
    assert [task for batch in batches for task in batch] == tasks
    assert all(sum(task.num_positions for task in batch) <= POSITIONS_PER_BATCH for batch in batches)
    assert 1 < len(batches) < 15


def test_lines_of_progress_are_few_and_tell_the_time_left():
    seconds = iter([0.0, 1.0, SECONDS_BETWEEN_LINES, SECONDS_BETWEEN_LINES + 1])
    lines: list[str] = []
    progress = Lines(lines.append, clock=lambda: next(seconds))
    with progress.stage("writing", 4, num_equations=4000):
        progress.show(1, 1000)
        progress.show(2, 2000)
        progress.show(3, 3000)
    assert lines == ["writing: 2 of 4 shards, 2,000 equations, 200 equations/s, 10.0 s left"]
