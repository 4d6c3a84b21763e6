"""What is measured of a build besides its time."""

import subprocess
import sys
import time

from bench import build

SIZE = 200 << 20


def test_memory_of_a_process_that_is_started_later_is_seen():
    with build.watch_memory() as peak:
        time.sleep(3 * build.LOOK_EVERY_SECONDS)
        before = peak[0]
        program = f"block = b'x' * {SIZE}; print('here', flush=True); input()"
        with subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            process.stdout.readline()
            deadline = time.monotonic() + 60
            while peak[0] < SIZE and time.monotonic() < deadline:
                time.sleep(build.LOOK_EVERY_SECONDS)
            process.communicate(b"\n")
    assert before > 0
    assert peak[0] >= SIZE
