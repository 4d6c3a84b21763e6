"""The most memory that a process and those that it starts take, watched from outside.

A thread of the process that is measured would change what it looks at: with it come a pool of freed memory of its own,
and turns of Python's lock.

    python -m bench.memory_watch PROCESS

looks at a process until standard input ends, and answers each line of it with the most bytes so far.
"""

import contextlib
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

LOOK_EVERY_SECONDS = 0.02
# To list the processes of a machine takes milliseconds of a core that what is measured needs.
LIST_EVERY = 25


class MemoryWatch:
    """A process that watches this one and those that it starts.

    Args:
        process: it.
    """

    def __init__(self, process: subprocess.Popen) -> None:
        self._process = process

    @classmethod
    @contextlib.contextmanager
    def begin(cls) -> Iterator["MemoryWatch"]:
        """Yields a watch that looks every 20 ms at the processes that were there at most half a second before."""
        command = [sys.executable, "-m", "bench.memory_watch", str(os.getpid())]
        root = Path(__file__).parents[1]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, cwd=root
        ) as process:
            watch = cls(process)
            watch.peak_bytes()
            yield watch

    def peak_bytes(self) -> int:
        """Returns the most resident memory that one process was seen to have; looks once more before it answers."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        return int(self._process.stdout.readline())


def main(process: int) -> None:
    """Watches a process."""
    root, peak, number = psutil.Process(process), 0, 0
    watched = _list_processes(root)
    while True:
        is_asked = bool(select.select([sys.stdin], [], [], LOOK_EVERY_SECONDS)[0])
        if is_asked and not os.read(sys.stdin.fileno(), 1):
            return
        number += 1
        if is_asked or number % LIST_EVERY == 0:
            watched = _list_processes(root)
        for each in watched:
            with contextlib.suppress(psutil.NoSuchProcess):
                peak = max(peak, each.memory_info().rss)
        if is_asked:
            print(peak, flush=True)


def _list_processes(root: psutil.Process) -> list[psutil.Process]:
    return [root, *(each for each in root.children(recursive=True) if each.pid != os.getpid())]


if __name__ == "__main__":
    main(int(sys.argv[1]))
