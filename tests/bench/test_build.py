"""What is measured of a build besides its time."""

import subprocess
import sys

from bench import build
from bench.memory_watch import MemoryWatch
from eqstream.data.dataset.manifest_file import load_manifest

SIZE = 200 << 20


def test_memory_of_a_process_that_is_started_later_is_seen():
    with MemoryWatch.begin() as watch:
        before = watch.peak_bytes()
        program = f"block = b'x' * {SIZE}; print('here', flush=True); input()"
        with subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            process.stdout.readline()
            during = watch.peak_bytes()
            process.communicate(b"\n")
        after = watch.peak_bytes()
    assert 0 < before < during
    assert SIZE <= during <= after


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
