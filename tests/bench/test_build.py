"""What is measured of a build besides its time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import build
from eqstream.data.dataset.manifest_file import load_manifest

ROOT = Path(__file__).parents[2]
SIZE = 200 << 20
# A process of its own, since that of the tests takes more memory than what it starts.
WATCHED = f"""
import subprocess, sys
from bench.memory_watch import MemoryWatch

program = "block = b'x' * {SIZE}; print(flush=True); input()"
with MemoryWatch.begin() as watch:
    print(watch.peak_bytes())
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    print(watch.peak_bytes())
    process.communicate(b"\\n")
    print(watch.peak_bytes())
"""


def test_memory_of_a_process_that_is_started_later_is_seen():
    command = [sys.executable, "-c", WATCHED]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, timeout=50)
    before, during, after = map(int, ended.stdout.split())
    assert 0 < before < SIZE <= during <= after


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs a core for each of two builds")
def test_separate_builds_share_the_records(tmp_path):
    spec = {
        "method": "separate-builds",
        "recipe": "addition-3digit",
        "overrides": ["splits=[{name: train, count: 2000}]", "storage.formats=[tfrecord]"],
        "out": str(tmp_path / "out"),
        "source": "",
        "num_records": 2000,
        "workers": 2,
        "cores": 0,
        "format": "tfrecord",
    }
    result = build.measure(spec)
    assert [load_manifest(str(path)).num_records for path in sorted((tmp_path / "out").iterdir())] == [1000, 1000]
    assert 0 < result["cpu_seconds"] < 60
    assert result["num_bytes"] > 2 * 1000 * 90


@pytest.mark.parametrize("method", ["plain-write", "synced-write"])
@pytest.mark.parametrize(("num_records", "num_copies"), [(100_000, 1), (1_000_000, 1), (3_000_000, 3)])
def test_a_plain_write_is_of_as_many_bytes_as_so_many_records_have(tmp_path, method, num_records, num_copies):
    (tmp_path / "source" / "tfrecord").mkdir(parents=True)
    shards = {name: name.encode() * 300_000 for name in ("one", "two")}
    for name, contents in shards.items():
        (tmp_path / "source" / "tfrecord" / name).write_bytes(contents)
    spec = {"source": str(tmp_path / "source"), "out": str(tmp_path / "out"), "format": "tfrecord"}
    build.METHODS[method](spec | {"num_records": num_records})()
    written = sorted((path.name.partition("-")[2], path.read_bytes()) for path in (tmp_path / "out").iterdir())
    assert written == sorted([*shards.items()] * num_copies)
