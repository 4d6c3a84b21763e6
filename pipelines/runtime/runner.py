"""Which Beam runner runs a pipeline, how the driver waits for it, and what it says when it fails."""

import contextlib
import functools
import io
import os
import re
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, SetupOptions, StandardOptions
from apache_beam.portability.api import beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.runners.portability.portable_runner import JobServiceHandle, PortableRunner
from apache_beam.runners.runner import PipelineResult, PipelineState, create_runner

from eqstream.data.errors import UserError
from eqstream.pipelines.runtime import filesystem
from eqstream.pipelines.runtime.errors import RunError
from eqstream.pipelines.runtime.freed_memory import reuse_freed_memory
from eqstream.pipelines.runtime.worker_handlers import ProcessEnvironment, ProcessProvision
from eqstream.pipelines.runtime.worker_processes import WorkerProcesses

POLL_SECONDS = 0.5
LOST_WORKER = (
    "a worker process was killed, by the system if memory ran out; run the same again and it goes on, with fewer "
    "`workers` if it was memory"
)
# More would wait for Python's lock most of the time.
MOST_THREADS = 4
# A tenth of Python's own.
TURN_SECONDS = 0.0005
# Runners hand on a worker's exception as text, wrapped in tracebacks and step names; these marks survive that.
FAILURE = re.compile(r"eqstream-failure\[\[(.*?)\]\]", re.DOTALL)


class WorkerError(RuntimeError):
    """A failure on a worker that a user can understand and cure."""

    def __init__(self, line: str) -> None:
        super().__init__(line if FAILURE.search(line) else f"eqstream-failure[[{line}]]")


@contextlib.contextmanager
def report_failures(subject: str, advice: str = "") -> Iterator[None]:
    """Turns errors of files and of users into a `WorkerError`.

    Args:
        subject: what the worker was at.
        advice: what to do about an error of a file, such as a full disk; errors of users say it themselves.
    """
    try:
        yield
    except (OSError, UserError) as error:
        ending = "" if isinstance(error, UserError) or not advice else f"; {advice}"
        raise WorkerError(f"{subject}: {filesystem.describe_error(error)}{ending}") from error


@dataclass(frozen=True, kw_only=True)
class Execution:
    """How to run pipelines: a runner that the user named in the Beam arguments, or Beam's in-process runner.

    Args:
        arguments: Beam's command line, such as ``--runner=FlinkRunner``.
        num_workers: of the local multi-process runner, which is taken above one; a runner that is named wins. The
            driver is one of them.
        processes: the others, see `with_processes`; without, the driver does all by itself.
    """

    arguments: tuple[str, ...] = ()
    num_workers: int = 1
    processes: WorkerProcesses | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.num_workers < 1:
            raise UserError(f"`workers` must be at least 1, got {self.num_workers}")
        if not self.arguments:
            return
        messages = io.StringIO()
        try:
            with contextlib.redirect_stderr(messages):
                options = self.options()
                known = options.get_all_options()
        except SystemExit as error:
            line = messages.getvalue().strip().splitlines()[-1:]
            raise UserError(f"Beam's options: {line[0].partition('error: ')[2] if line else 'wrong'}") from error
        # Runners in other languages have options of their own; ours has none.
        if known["runner"] is None:
            unknown = sorted(options.get_all_options(retain_unknown_options=True).keys() - known.keys())
            if unknown:
                raise UserError(f"Beam knows no option `--{unknown[0]}`")

    @functools.cached_property
    def runner_name(self) -> str | None:
        """The runner that the user named, None for the in-process one."""
        return self.options().view_as(StandardOptions).runner

    def __getstate__(self) -> dict[str, Any]:
        """Returns what workers are told."""
        return {**self.__dict__, "processes": None}

    @contextlib.contextmanager
    def with_processes(self, num_elements: int, modules: Iterable[str] = ()) -> Iterator["Execution"]:
        """Yields the same, with worker processes that are started now, serve its pipelines, and are ended in the end.

        What has processes, or needs none, is yielded as it is.

        Args:
            num_elements: the most that a pipeline is going to have; no worker is started before it is needed for one.
            modules: what the pipelines are going to need.
        """
        if self.processes is not None or self.runner_name is not None or self.num_workers == 1:
            yield self
            return
        with WorkerProcesses(modules) as processes:
            processes.start(self.num_processes(num_elements) - 1)
            yield replace(self, processes=processes)

    @property
    def shares_out(self) -> bool:
        """Whether there can be more than one worker, so that elements must be shared out."""
        return self.num_workers > 1 or self.runner_name is not None

    def num_processes(self, num_elements: int) -> int:
        """Returns how many processes of this machine share so many elements; one, too, if a runner was named."""
        return 1 if self.runner_name is not None else max(1, min(self.num_workers, num_elements))

    def num_threads(self, num_elements: int) -> int:
        """Returns how many of so many elements a process should work on at a time: one on each core that it has.

        A runner that the user named may do that itself.
        """
        if self.runner_name is not None:
            return 1
        return max(1, min(self._cores_each(num_elements), MOST_THREADS, num_elements))

    def num_driver_threads(self, num_elements: int) -> int:
        """Returns how many of so many elements the driver should work on at a time while other processes start."""
        num_starting = 0 if self.processes is None else self.processes.num_started
        return max(1, min(_num_cores() - num_starting, MOST_THREADS, num_elements))

    def has_more_cores(self, num_elements: int) -> bool:
        """Returns whether a process that works on so many elements may have more than one core."""
        return self.runner_name is not None or self._cores_each(num_elements) > 1

    def _cores_each(self, num_elements: int) -> int:
        return _num_cores() // max(1, min(self.num_workers, num_elements))

    def options(self) -> PipelineOptions:
        """Returns the pipeline options, new ones for each pipeline, as runners write into them."""
        options = PipelineOptions(list(self.arguments))
        # Workers import what they need; the main module is none of their business.
        setup = options.view_as(SetupOptions)
        setup.save_main_session = bool(setup.save_main_session)
        return options

    def prepare_process(self) -> None:
        """Lets this process use the options of the filesystems, such as `--s3_endpoint_url`, and reuse freed memory."""
        FileSystems.set_options(self.options())
        reuse_freed_memory()

    def run(
        self,
        construct: Callable[[beam.Pipeline], Any],
        num_elements: int,
        watch: Callable[[], None] | None = None,
        *,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        """Runs a pipeline to its end.

        The caller's thread stays free for Ctrl-C: it starts the pipeline where a runner's job server is started with
        it, for which Beam sets a handler of Ctrl-C, and otherwise only waits.

        Args:
            construct: adds the transforms to an empty pipeline.
            num_elements: how many elements there are to share out among workers; see also `with_processes`.
            watch: called again and again while the pipeline runs, and once after it.
            on_failure: called, in another thread, once a worker has failed or its process has died, maybe more than
                once; the others go on with what they have.

        Raises:
            RunError: a worker reported a failure that a user can cure.
            UserError: the runner cannot be had, or not in this thread.
        """
        options = self.options()
        runner = self._create_runner(options, self.num_processes(num_elements), on_failure)

        def start() -> PipelineResult:
            pipeline = beam.Pipeline(runner=runner, options=options)
            # Notebooks and pipelines with parts in other languages use it; a build that is killed would leave it.
            shutil.rmtree(pipeline.local_tempdir)
            construct(pipeline)
            return pipeline.run()

        try:
            if isinstance(runner, PortableRunner):
                result = self._start_in_main_thread(start)
                wait_for(lambda: _finish(result), watch)
            else:
                with _short_turns():
                    wait_for(lambda: _finish(start()), watch)
        except UserError:
            raise
        except Exception as error:
            reported = FAILURE.search(str(error))
            if reported:
                raise RunError(reported.group(1)) from error
            if self.processes is not None and self.processes.num_lost:
                raise RunError(LOST_WORKER) from error
            raise

    def _start_in_main_thread(self, start: Callable[[], PipelineResult]) -> PipelineResult:
        try:
            return start()
        except ValueError as error:
            if threading.current_thread() is threading.main_thread() or "main thread" not in str(error):
                raise
            raise UserError(
                f"runner `{self.runner_name}` starts a job server, which works in a program's main thread alone; start "
                "one before and name it with --runner=PortableRunner --job_endpoint=HOST:PORT"
            ) from error

    def _create_runner(self, options: PipelineOptions, num_workers: int, on_failure: Callable[[], None]) -> Any:
        if self.runner_name is not None:
            try:
                return create_runner(self.runner_name)
            except (ValueError, ImportError, AttributeError) as error:
                raise UserError(
                    f"Beam has no runner `{self.runner_name}`: {filesystem.describe_error(error)}"
                ) from error
        # By its own name, as Beam's DirectRunner would look for another runner's binary on the network first.
        provision = beam_provision_api_pb2.ProvisionInfo(
            pipeline_options=JobServiceHandle.encode_pipeline_options(options.get_all_options(drop_default=True))
        )
        if self.processes is None or num_workers == 1:
            return fn_runner.FnApiRunner(provision_info=fn_runner.ExtendedProvisionInfo(provision))
        direct = options.view_as(DirectOptions)
        direct.direct_num_workers = num_workers
        # Beam's own mode for processes would start them in its way, which prints their logs on the terminal.
        direct.direct_running_mode = None
        return fn_runner.FnApiRunner(
            default_environment=ProcessEnvironment(),
            provision_info=ProcessProvision(
                provision, num_workers=num_workers, processes=self.processes, on_failure=on_failure
            ),
        )


def _num_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def _short_turns() -> Iterator[None]:
    """Lets threads ask for Python's lock after less time than usual.

    Those that spend most of their time in numpy give it back at each call, and take it again before one that waits has
    woken up, unless that one has asked.
    """
    usual = sys.getswitchinterval()
    if usual <= TURN_SECONDS:
        # Another pipeline of this process may have set it, and sets it back.
        yield
        return
    sys.setswitchinterval(TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


def _finish(result: PipelineResult) -> None:
    state = result.wait_until_finish() or result.state
    if state != PipelineState.DONE:
        raise RunError(f"the runner ended the pipeline in the state {state}")


def wait_for(work: Callable[[], None], watch: Callable[[], None] | None) -> None:
    """Runs `work` in a thread of its own, and `watch` again and again until it ends and once after.

    The caller's thread stays free for Ctrl-C, which ends the waiting. An `OSError` of `watch` does not stop the work.

    Raises:
        KeyboardInterrupt: after Ctrl-C.
        BaseException: whatever `work` raises.
    """
    ended = threading.Event()
    errors: list[BaseException] = []

    def run() -> None:
        # Worker processes inherit this: Ctrl-C is for the driver, which tells them what to do.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            work()
        except BaseException as error:
            errors.append(error)
        finally:
            ended.set()

    with _noted_interrupts() as interrupts:
        threading.Thread(target=run, name="pipeline", daemon=True).start()
        has_ended = False
        while not has_ended:
            has_ended = ended.wait(POLL_SECONDS)
            with contextlib.suppress(OSError):
                if watch is not None:
                    watch()
            if interrupts:
                raise KeyboardInterrupt
    if errors:
        raise errors[0]


@contextlib.contextmanager
def _noted_interrupts() -> Iterator[list[int]]:
    """Yields a list that gets an element for each Ctrl-C, where Python would raise a `KeyboardInterrupt`.

    Raised at any place, it is lost where Python can hand it to nobody: in a finalizer that runs just then, say.
    """
    noted: list[int] = []
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield noted
        return
    signal.signal(signal.SIGINT, lambda number, _: noted.append(number))
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
