"""Worker processes of the local multi-process runner, which serve one pipeline after another.

A process needs about a second of a core until it has imported Beam. So some are started while the driver still plans,
and they stay for the pipelines that follow.
"""

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import grpc
from apache_beam.portability.api import beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner.fn_runner import ExtendedProvisionInfo
from apache_beam.runners.portability.fn_api_runner.worker_handlers import GrpcWorkerHandler, WorkerHandler
from apache_beam.transforms.environments import Environment, python_sdk_capabilities
from apache_beam.utils.sentinel import Sentinel
from google.protobuf import json_format, text_format

from eqstream.pipelines.runtime.freed_memory import ARENAS_VARIABLE, MOST_ARENAS

# The name by which Beam finds `ProcessHandler`.
URN = "eqstream:environment:worker_process:v1"
LOOK_AGAIN_SECONDS = 0.5
_LOGGER = logging.getLogger(__name__)


class WorkerProcess:
    """A process that serves one pipeline after another; see `eqstream.pipelines.runtime.worker`.

    Args:
        modules: imported while it waits for its first pipeline.
    """

    def __init__(self, modules: Iterable[str]) -> None:
        command = [sys.executable, "-m", "eqstream.pipelines.runtime.worker", str(os.getpid()), *modules]
        # Threads come and go, and the C library of Linux would keep freed memory for every one of them.
        environment = {ARENAS_VARIABLE: str(MOST_ARENAS), **os.environ}
        # The process inherits this: Ctrl-C is for the driver, which tells the workers what to do.
        usual = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
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
    """

    def __init__(self, modules: Iterable[str] = ()) -> None:
        self.num_lost = 0
        self._modules = tuple(modules)
        self._waiting: list[WorkerProcess] = []
        self._has_ended = False
        self._lock = threading.Lock()

    def __enter__(self) -> "WorkerProcesses":
        return self

    def __exit__(self, *error: object) -> None:
        """Ends those that wait now, and each other one as soon as its pipeline has ended."""
        with self._lock:
            self._has_ended = True
            waiting, self._waiting = self._waiting, []
        for process in waiting:
            process.end()

    def start(self, number: int) -> None:
        """Starts processes until so many wait for a pipeline, and returns before they are ready for it."""
        with self._lock:
            self._waiting += [WorkerProcess(self._modules) for _ in range(number - len(self._waiting))]

    def take(self) -> WorkerProcess:
        """Returns a process for one pipeline."""
        with self._lock:
            if self._has_ended:
                raise RuntimeError("the worker processes have been ended")
            return self._waiting.pop() if self._waiting else WorkerProcess(self._modules)

    def give_back(self, process: WorkerProcess, *, is_there: bool) -> None:
        """Takes a process back after a pipeline, unless it has died."""
        with self._lock:
            is_kept = is_there and not self._has_ended
            if is_kept:
                self._waiting.append(process)
            self.num_lost += not is_there
        if not is_kept:
            process.end()


class ProcessEnvironment(Environment):
    """Tells Beam's in-process runner to run a pipeline in `WorkerProcesses`."""

    def __init__(self) -> None:
        super().__init__(capabilities=python_sdk_capabilities())

    def to_runner_api_parameter(self, context: object) -> tuple[str, bytes]:
        """Returns what leads Beam to `ProcessHandler`."""
        return URN, b""


class ProcessProvision(ExtendedProvisionInfo):
    """Carries the processes through Beam to `ProcessHandler`.

    Args:
        provision: what Beam tells its workers.
        processes: run the pipeline.
    """

    def __init__(self, provision: beam_provision_api_pb2.ProvisionInfo, processes: WorkerProcesses) -> None:
        super().__init__(provision)
        self.processes = processes

    def for_environment(self, env: object) -> "ProcessProvision":
        """Returns itself: a worker is this installation, and is sent no packages."""
        return self


@WorkerHandler.register_environment(URN, bytes)
class ProcessHandler(GrpcWorkerHandler):
    """Lets a process serve one pipeline, and makes that fail if the process dies."""

    def __init__(self, _: bytes, state: Any, provision_info: ProcessProvision, grpc_server: Any) -> None:
        super().__init__(state, provision_info, grpc_server)
        self._provision = provision_info
        self._is_closing = threading.Event()
        self._has_died = False

    def start_worker(self) -> None:
        """Hands the pipeline to a process."""
        # Where the process dies, the threads that read from it would print tracebacks. Parameters are named as
        # by Beam.
        set_answers, set_elements = self.control_conn.set_input, self.data_conn.set_inputs
        self.control_conn.set_input = lambda input: set_answers(_read_until_lost(input))  # noqa: A006
        self.data_conn.set_inputs = lambda elements_iterator: set_elements(_read_until_lost(elements_iterator))
        self._process = self._provision.processes.take()
        options = json_format.MessageToJson(self._provision.provision_info.pipeline_options)
        self._process.begin(
            {
                "CONTROL_API_SERVICE_DESCRIPTOR": text_format.MessageToString(self.control_api_service_descriptor()),
                "PIPELINE_OPTIONS": options,
                "WORKER_ID": self.worker_id,
            }
        )
        self._watch = threading.Thread(target=self._await_end, daemon=True)
        self._watch.start()

    def close(self) -> None:
        """Ends the pipeline in the process, if that is still there."""
        self._is_closing.set()
        if self._has_died:
            self._watch.join()
            return
        # Beam tells this to those alone that have begun.
        self.control_conn.push(Sentinel.sentinel)
        super().close()

    def stop_worker(self) -> None:
        """Waits until the process has ended the pipeline."""
        self._watch.join()

    def _await_end(self) -> None:
        is_there = self._process.wait()
        self._provision.processes.give_back(self._process, is_there=is_there)
        if is_there:
            return
        self._has_died = True
        # Beam would wait forever, and might go on asking the process for things.
        error = RuntimeError("a worker process has died")
        while not self._is_closing.is_set():
            for stop in (lambda: self.control_conn.abort(error), self.data_conn.close):
                # Beam's threads may be at it, or have seen it.
                with contextlib.suppress(Exception):
                    stop()
            self._is_closing.wait(LOOK_AGAIN_SECONDS)


def _read_until_lost(messages: Iterable[Any]) -> Iterator[Any]:
    """Yields what a process sends until its connection breaks; that it died is found out by `ProcessHandler`."""
    try:
        yield from messages
    except grpc.RpcError:
        _LOGGER.debug("the connection of a worker process broke", exc_info=True)
