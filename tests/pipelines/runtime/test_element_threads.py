"""Which elements are worked on at the same time, and that an error of one reaches the driver."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eqstream.pipelines.runtime.element_threads import ElementThreads
from eqstream.pipelines.runtime.errors import RunError
from eqstream.pipelines.runtime.runner import MOST_THREADS, Execution, report_failures
from eqstream.pipelines.runtime.worker_processes import WorkerProcesses
from tests.waiting import wait_until

ROOT = Path(__file__).parents[3]


@pytest.fixture
def give_cores(monkeypatch):
    """Returns a function that gives this process so many cores."""
    return lambda number: monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(number)), raising=False)


@pytest.mark.parametrize(
    ("num_cores", "workers", "num_elements", "num_threads"),
    [(1, 1, 9, 1), (2, 1, 9, 2), (2, 2, 9, 1), (6, 2, 9, 3), (64, 1, 99, MOST_THREADS), (8, 1, 1, 1), (2, 5, 9, 1)],
)
def test_there_is_a_thread_for_each_core_that_has_an_element(give_cores, num_cores, workers, num_elements, num_threads):
    give_cores(num_cores)
    assert Execution(num_workers=workers).num_threads(num_elements) == num_threads


@pytest.mark.parametrize(
    ("num_cores", "workers", "num_elements", "num_threads"),
    [(1, 1, 9, 1), (2, 1, 9, 2), (2, 2, 9, 1), (2, 5, 9, 1), (6, 3, 9, 4), (8, 6, 9, 3), (8, 1, 2, 2)],
)
def test_driver_leaves_a_core_to_each_process_that_starts(give_cores, num_cores, workers, num_elements, num_threads):
    give_cores(num_cores)
    with WorkerProcesses() as processes:
        processes.num_started = workers - 1
        execution = Execution(num_workers=workers, processes=processes)
        assert execution.num_driver_threads(num_elements) == num_threads


def test_driver_has_all_cores_where_no_process_starts(give_cores):
    give_cores(3)
    assert Execution(arguments=("--runner=PortableRunner",), num_workers=3).num_driver_threads(9) == 3
    with Execution(num_workers=3).with_processes(1) as execution:
        assert execution.num_driver_threads(9) == 3


def test_workers_without_an_element_leave_their_cores_to_others(give_cores):
    give_cores(2)
    assert not Execution(num_workers=2).has_more_cores(2)
    assert Execution(num_workers=2).has_more_cores(1)


def test_runner_that_was_named_gets_one_element_after_the_other(give_cores):
    give_cores(8)
    execution = Execution(arguments=("--runner=PortableRunner",))
    assert execution.num_threads(9) == 1
    assert execution.has_more_cores(9)


class Meet(ElementThreads):
    """Notes each element in a file, once two threads work on one each."""

    def __init__(self, execution: Execution, folder: Path) -> None:
        super().__init__(execution, 4)
        self._folder = folder

    def setup(self) -> None:
        super().setup()
        self._meeting = threading.Barrier(2)

    def work(self, element: int) -> None:
        self._meeting.wait(20)
        (self._folder / str(element)).write_text(str(sys.getswitchinterval()))


class Fail(ElementThreads):
    """Fails at the second element while the first one is worked on; notes each that is done in a file."""

    def __init__(self, execution: Execution, folder: Path) -> None:
        super().__init__(execution, 4)
        self._folder = folder

    def setup(self) -> None:
        super().setup()
        self._fails = threading.Event()

    def work(self, element: int) -> None:
        with report_failures("element"):
            if element == 1:
                self._fails.set()
                raise OSError("disk full")
        if self._num_threads > 1:
            self._fails.wait(20)
            time.sleep(0.2)
        (self._folder / str(element)).touch()


def run(work: ElementThreads, watch: Callable[[], None] | None = None) -> None:
    work.run(range(4), create_label="List", label="Work", watch=watch)


def test_two_cores_work_on_two_elements_at_a_time(give_cores, tmp_path):
    give_cores(2)
    usual, execution = sys.getswitchinterval(), Execution()
    run(Meet(execution, tmp_path))
    intervals = {path.name: float(path.read_text()) for path in tmp_path.iterdir()}
    assert intervals.keys() == {"0", "1", "2", "3"}
    # While they wait for each other they ask for Python's lock sooner.
    assert max(intervals.values()) < usual == sys.getswitchinterval()


@pytest.mark.parametrize("num_cores", [1, 2])
def test_error_of_an_element_ends_the_pipeline_once_all_that_had_begun_is_done(give_cores, num_cores, tmp_path):
    give_cores(num_cores)
    execution = Execution()
    with pytest.raises(RunError, match=r"^element: disk full$"):
        run(Fail(execution, tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["0"]


class Shared(ElementThreads):
    """What workers do with shared elements; notes those that are done, and who did them, in files."""

    def __init__(self, workers: int | Execution, folder: Path) -> None:
        super().__init__(workers if isinstance(workers, Execution) else Execution(num_workers=workers), 6)
        self._num_threads = 1
        self._driver = os.getpid()
        self._folder = folder

    def note(self, element: int) -> None:
        (self._folder / "done" / str(element)).write_text(str(os.getpid()))

    def done(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in (self._folder / "done").iterdir()}

    def has_queue(self) -> bool:
        return any(self._folder.glob("eqstream-*/elements-*"))


class BeSlow(Shared):
    """Is not done with the first element before all others are done."""

    def work(self, element: int) -> None:
        if element == 0:
            wait_until(lambda: len(self.done()) == 5)
        self.note(element)


class FailOnce(Shared):
    """Fails at an element while another worker is at another one, which it goes on with once the queue is closed."""

    def work(self, element: int) -> None:
        (self._folder / str(element)).touch()
        wait_until(lambda: (self._folder / "1").exists())
        if element == 0:
            with report_failures("element"):
                raise OSError("disk full")
        wait_until(lambda: not self.has_queue())
        self.note(element)


class FailBesideAnother(Shared):
    """Fails in a process at an element while another of its threads is at one, which is done once the queue is closed.

    The driver's threads are at one each before that.
    """

    def __init__(self, workers: int | Execution, folder: Path) -> None:
        super().__init__(workers, folder)
        self._num_threads = 2

    def work(self, element: int) -> None:
        (self._folder / f"{os.getpid() == self._driver}-{element}").touch()
        wait_until(lambda: len([*self._folder.glob("*-*")]) >= 5)
        if os.getpid() != self._driver and self._is_first():
            with report_failures("element"):
                raise OSError("disk full")
        wait_until(lambda: not self.has_queue())
        self.note(element)

    def _is_first(self) -> bool:
        try:
            (self._folder / "failed").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


class LoseOne(Shared):
    """Kills the worker process once the driver is at an element, with which that is done after it has learned of it."""

    def work(self, element: int) -> None:
        if os.getpid() != self._driver:
            wait_until((self._folder / "driver").exists)
            os.kill(os.getpid(), signal.SIGKILL)
        (self._folder / "driver").touch()
        wait_until(lambda: not self.has_queue())
        self.note(element)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Returns a directory where workers leave notes, in which temporary files are made."""
    (tmp_path / "done").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("num_workers", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_workers_that_are_free_take_what_a_slow_one_would_have_had(folder, num_workers):
    work = BeSlow(num_workers, folder)
    work.run(range(6), create_label="List", label="Work")
    done = work.done()
    assert done.keys() == set("012345")
    slow = done.pop("0")
    assert slow not in done.values()
    assert not work.has_queue()


def test_workers_begin_with_nothing_after_one_has_failed(folder):
    work = FailOnce(2, folder)
    with pytest.raises(RunError, match=r"^element: disk full$"):
        work.run(range(6), create_label="List", label="Work")
    # A process is not waited for if the driver fails.
    assert work.done().keys() <= {"1"}


def test_workers_begin_with_nothing_while_threads_of_one_that_has_failed_end_what_they_are_at(folder):
    work = FailBesideAnother(2, folder)
    with pytest.raises(RunError, match=r"^element: disk full$"):
        work.run(range(6), create_label="List", label="Work")
    # All had begun but one.
    assert len(work.done()) == 3


class DriverAlone(Shared):
    """Lets the driver be done with its first element once the queue is closed."""

    def work(self, element: int) -> None:
        wait_until(lambda: not self.has_queue())
        self.note(element)


class CannotArrive(DriverAlone):
    """Is no step any more where it arrives in a process."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        if os.getpid() != state["_driver"]:
            raise ImportError("no such step")
        vars(self).update(state)


class CannotBegin(DriverAlone):
    """Fails in a process before it has an element."""

    def setup(self) -> None:
        super().setup()
        if os.getpid() != self._driver:
            raise ValueError("no such table")


@pytest.mark.parametrize("kind", [CannotArrive, CannotBegin])
def test_driver_begins_with_nothing_after_a_process_could_not_begin(folder, kind):
    work = kind(2, folder)
    with pytest.raises(Exception, match="no such"):
        work.run(range(6), create_label="List", label="Work")
    # None if it had not begun before.
    assert len(work.done()) <= 1


class FailInDriver(Shared):
    """Fails in the driver once another process is at an element."""

    def work(self, element: int) -> None:
        if os.getpid() == self._driver:
            wait_until((self._folder / "other").exists)
            with report_failures("element"):
                raise OSError("disk full")
        (self._folder / "other").touch()
        wait_until(lambda: not self.has_queue())
        self.note(element)


def test_processes_begin_with_nothing_after_the_driver_has_failed(folder):
    work = FailInDriver(2, folder)
    with pytest.raises(RunError, match=r"^element: disk full$"):
        work.run(range(6), create_label="List", label="Work")
    # None if the process is ended at its first one.
    assert len(work.done()) <= 1


class Note(Shared):
    """Notes elements."""

    def work(self, element: int) -> None:
        self.note(element)


class RemoveQueue(Note):
    """Removes the queue at the first element, as somebody may who tidies up."""

    def work(self, element: int) -> None:
        for path in self._folder.glob("eqstream-*/elements-*"):
            path.unlink(missing_ok=True)
        self.note(element)


def test_work_whose_queue_was_removed_has_not_ended_well(folder):
    work = RemoveQueue(2, folder)
    with pytest.raises(RunError, match="somebody removed temporary files; run the same again"):
        work.run(range(6), create_label="List", label="Work")
    assert len(work.done()) < 6


def test_runner_that_was_named_has_no_queue(folder):
    class Look(Note):
        def work(self, element: int) -> None:
            assert not self.has_queue()
            super().work(element)

    runner = "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"
    work = Look(Execution(arguments=(runner,), num_workers=2), folder)
    work.run(range(6), create_label="List", label="Work")
    assert len(work.done()) == 6


def test_workers_begin_with_nothing_after_one_was_killed(folder):
    work = LoseOne(2, folder)
    with pytest.raises(RunError, match="a worker process was killed"):
        work.run(range(6), create_label="List", label="Work")
    assert len(work.done()) == 1


# Both threads are at an element when Ctrl-C comes, and two more wait.
INTERRUPTED = """
import sys, time
from tests.pipelines.runtime.test_element_threads import ElementThreads, Execution, Path, os, run

os.sched_getaffinity = lambda _: {0, 1}

class Rest(ElementThreads):
    def work(self, element):
        Path(sys.argv[1], str(element)).touch()
        time.sleep(60)

def interrupt():
    if len(os.listdir(sys.argv[1])) == 2:
        raise KeyboardInterrupt

execution = Execution()
run(Rest(execution, 4), interrupt)
"""


def test_program_that_is_interrupted_ends_at_once(tmp_path):
    command = [sys.executable, "-c", INTERRUPTED, tmp_path]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=50, check=False)
    assert ended.stderr.strip().splitlines()[-1] == "KeyboardInterrupt"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1"]
