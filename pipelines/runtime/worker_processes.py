"""Worker processes of the local multi-process runner, which serve one pipeline after another.

A process needs about a second of a core until it has imported Beam. So some are started while the driver still plans,
and they stay for the pipelines that follow.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from eqstream.pipelines.runtime.errors import explain_temporary_files
from eqstream.pipelines.runtime.freed_memory import ARENAS_VARIABLE, MOST_ARENAS
from eqstream.pipelines.runtime.worker import ENDING_SIGNALS


class WorkerProcess:
    """A process that serves one pipeline after another; see `eqstream.pipelines.runtime.worker`.

    Args:
        directory: removed by it if the driver is killed.
        modules: imported while it waits for its first pipeline.
    """

    def __init__(self, directory: Path, modules: Iterable[str]) -> None:
        worker = "eqstream.pipelines.runtime.worker"
        command = [sys.executable, "-m", worker, str(os.getpid()), str(directory), *modules]
        # Threads come and go, and the C library of Linux would keep freed memory for every one of them.
        environment = {ARENAS_VARIABLE: str(MOST_ARENAS), **os.environ}
        # The process inherits this: Ctrl-C is for the driver, which tells the workers what to do, and for the others it
        # looks itself.
        usual = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, *ENDING_SIGNALS})
        try:
            self._process = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, bufsize=0
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, usual)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._pipelines, self._ends = self._process.stdin, self._process.stdout

    def begin(self, pipeline: Mapping[str, str]) -> None:
        """Hands over a pipeline, in the words of Beam's environment variables."""
        # One that has died is found out by `wait`.
        with contextlib.suppress(BrokenPipeError):
            self._pipelines.write(f"{json.dumps(pipeline)}\n".encode())

    def wait(self) -> bool:
        """Waits for the end of a pipeline; returns whether the process is still there."""
        return self._ends.read(1) != b""

    def end(self) -> None:
        """Ends the process, which must have nothing to do."""
        self._process.kill()
        self._process.wait()
        self._pipelines.close()
        self._ends.close()


class WorkerProcesses:
    """Worker processes that wait for a pipeline; several threads may ask for them at the same time.

    Args:
        modules: what the pipelines are going to need.

    Raises:
        RunError: there is no room for temporary files.

    Attributes:
        num_started: how many processes were started.
        num_lost: how many have died.
        directory: for what the processes share, on this machine; removed in the end.
    """

    def __init__(self, modules: Iterable[str] = ()) -> None:
        with explain_temporary_files():
            self._directory = tempfile.TemporaryDirectory(prefix="eqstream-")
        self.directory = Path(self._directory.name)
        self.num_started = self.num_lost = 0
        self._modules = tuple(modules)
        self._waiting: list[WorkerProcess] = []
        self._has_ended = False
        self._lock = threading.Lock()

    def __enter__(self) -> "WorkerProcesses":
        return self

    def __exit__(self, *error: object) -> None:
        """Ends those that wait now, and each other one as soon as its pipeline has ended; removes the directory."""
        with self._lock:
            self._has_ended = True
            waiting, self._waiting = self._waiting, []
        for process in waiting:
            process.end()
        self._directory.cleanup()

    def start(self, number: int) -> None:
        """Starts processes until so many wait for a pipeline, and returns before they are ready for it."""
        with self._lock:
            self._waiting += [self._start() for _ in range(number - len(self._waiting))]

    def take(self) -> WorkerProcess:
        """Returns a process for one pipeline."""
        with self._lock:
            if self._has_ended:
                raise RuntimeError("the worker processes have been ended")
            return self._waiting.pop() if self._waiting else self._start()

    def give_back(self, process: WorkerProcess, *, is_there: bool) -> None:
        """Takes a process back after a pipeline, unless it has died."""
        with self._lock:
            is_kept = is_there and not self._has_ended
            if is_kept:
                self._waiting.append(process)
            self.num_lost += not is_there
        if not is_kept:
            process.end()

    def _start(self) -> WorkerProcess:
        self.num_started += 1
        return WorkerProcess(self.directory, self._modules)
