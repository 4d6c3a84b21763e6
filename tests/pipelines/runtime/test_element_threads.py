"""Which elements are worked on at the same time, and that an error of one reaches the driver."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import apache_beam as beam
import pytest

from eqstream.pipelines.runtime.element_threads import ElementThreads
from eqstream.pipelines.runtime.runner import MOST_THREADS, Execution, RunError, report_failures, to_elements

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


def run(execution: Execution, work: ElementThreads, watch: Callable[[], None] | None = None) -> None:
    elements = to_elements(range(4))
    execution.run(lambda pipeline: pipeline | beam.Create(elements) | beam.ParDo(work), len(elements), watch)


def test_two_cores_work_on_two_elements_at_a_time(give_cores, tmp_path):
    give_cores(2)
    usual, execution = sys.getswitchinterval(), Execution()
    run(execution, Meet(execution, tmp_path))
    intervals = {path.name: float(path.read_text()) for path in tmp_path.iterdir()}
    assert intervals.keys() == {"0", "1", "2", "3"}
    # While they wait for each other they ask for Python's lock sooner.
    assert max(intervals.values()) < usual == sys.getswitchinterval()


@pytest.mark.parametrize("num_cores", [1, 2])
def test_error_of_an_element_ends_the_pipeline_once_all_that_had_begun_is_done(give_cores, num_cores, tmp_path):
    give_cores(num_cores)
    execution = Execution()
    with pytest.raises(RunError, match=r"^element: disk full$"):
        run(execution, Fail(execution, tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["0"]


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
run(execution, Rest(execution, 4), interrupt)
"""


def test_program_that_is_interrupted_ends_at_once(tmp_path):
    command = [sys.executable, "-c", INTERRUPTED, tmp_path]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=50, check=False)
    assert ended.stderr.strip().splitlines()[-1] == "KeyboardInterrupt"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1"]
