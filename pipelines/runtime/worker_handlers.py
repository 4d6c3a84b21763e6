"""How Beam's in-process runner reaches the workers of the local multi-process runner: the driver and `WorkerProcesses`.

Beam makes a handler for each worker. The last one lets the driver itself work, which is there and has imported all, and
the others have a process each.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import grpc
from apache_beam.portability.api import beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner.fn_runner import ExtendedProvisionInfo
from apache_beam.runners.portability.fn_api_runner.worker_handlers import (
    EmbeddedWorkerHandler,
    GrpcServer,
    GrpcWorkerHandler,
    WorkerHandler,
)
from apache_beam.transforms.environments import Environment, python_sdk_capabilities
from apache_beam.utils.sentinel import Sentinel
from google.protobuf import json_format, text_format

from eqstream.pipelines.runtime.worker_processes import WorkerProcesses

# The name by which Beam finds `make_handler`.
URN = "eqstream:environment:worker_process:v1"
LOOK_AGAIN_SECONDS = 0.5
_LOGGER = logging.getLogger(__name__)


class ProcessEnvironment(Environment):
    """Tells Beam's in-process runner to run a pipeline in the driver and in `WorkerProcesses`."""

    def __init__(self) -> None:
        super().__init__(capabilities=python_sdk_capabilities())

    def to_runner_api_parameter(self, context: object) -> tuple[str, bytes]:
        """Returns what leads Beam to `make_handler`."""
        return URN, b""


class ProcessProvision(ExtendedProvisionInfo):
    """Carries what handlers need through Beam to them.

    Args:
        provision: what Beam tells its workers.
        num_workers: how many work on the pipeline, the driver included.
        processes: the others.
        on_failure: called once a worker has failed or its process has died.
    """

    def __init__(
        self,
        provision: beam_provision_api_pb2.ProvisionInfo,
        *,
        num_workers: int,
        processes: WorkerProcesses,
        on_failure: Callable[[], None],
    ) -> None:
        super().__init__(provision)
        self.num_workers = num_workers
        self.processes = processes
        self.on_failure = on_failure
        self.num_handlers = 0

    def for_environment(self, env: object) -> "ProcessProvision":
        """Returns itself: a worker is this installation, and is sent no packages."""
        return self


@WorkerHandler.register_environment(URN, bytes)
def make_handler(_: bytes, state: Any, provision_info: ProcessProvision, grpc_server: GrpcServer) -> WorkerHandler:
    """Returns the next handler of a pipeline.

    The driver's is the last: Beam tells all workers the addresses of the first one's, and the driver has none.
    """
    provision_info.num_handlers += 1
    if provision_info.num_handlers == provision_info.num_workers:
        return DriverHandler(state, provision_info, grpc_server)
    return ProcessHandler(state, provision_info, grpc_server)


class DriverHandler(EmbeddedWorkerHandler):  # pyright: ignore[reportGeneralTypeIssues]
    """Lets the driver work on its share of a pipeline, in a thread of the runner."""

    def __init__(self, state: Any, provision_info: ProcessProvision, grpc_server: GrpcServer) -> None:
        # Where Beam keeps what the workers of a pipeline ask for.
        super().__init__(None, state, provision_info, grpc_server.control_handler._worker_manager)
        self._provision = provision_info
        self._lock = threading.Lock()

    def push(self, request: Any) -> Any:
        """Does what the runner asks for, and returns when it is done."""
        with self._lock:
            try:
                return super().push(request)
            except Exception:
                self._provision.on_failure()
                raise

    def stop_worker(self) -> None:
        """Waits until what has begun is done."""
        with self._lock:
            super().stop_worker()


class ProcessHandler(GrpcWorkerHandler):
    """Lets a process serve one pipeline, and makes that fail if the process dies."""

    def __init__(self, state: Any, provision_info: ProcessProvision, grpc_server: GrpcServer) -> None:
        super().__init__(state, provision_info, grpc_server)
        self._provision = provision_info
        self._is_closing = threading.Event()
        self._has_died = False

    def start_worker(self) -> None:
        """Hands the pipeline to a process."""
        # Where the process dies, the threads that read from it would print tracebacks. Parameters are named as
        # by Beam.
        set_answers, set_elements = self.control_conn.set_input, self.data_conn.set_inputs
        self.control_conn.set_input = lambda input: set_answers(self._look_at(_read_until_lost(input)))  # noqa: A006
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

    def _look_at(self, answers: Iterable[Any]) -> Iterator[Any]:
        for answer in answers:
            yield answer
            # Whoever waits for the answer has it.
            if answer.error:
                self._provision.on_failure()

    def _await_end(self) -> None:
        is_there = self._process.wait()
        self._provision.processes.give_back(self._process, is_there=is_there)
        if is_there:
            return
        self._has_died = True
        self._provision.on_failure()
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
