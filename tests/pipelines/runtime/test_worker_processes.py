"""Driver and worker processes serve one pipeline after another; one whose process dies fails instead of waiting."""

import copy
import json
import os
import signal
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import apache_beam as beam
import psutil
import pytest

from eqstream.pipelines.runtime.beam_import import NEEDLESS_PACKAGES
from eqstream.pipelines.runtime.errors import RunError
from eqstream.pipelines.runtime.runner import Execution
from eqstream.pipelines.runtime.worker import is_told_to_end
from eqstream.pipelines.runtime.worker_processes import WorkerProcesses
from tests.waiting import wait_until

ROOT = Path(__file__).parents[3]


class NoteProcess(beam.DoFn):
    """Notes which process has an element, in a file of the element's name, and what that process has imported."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def process(self, element: int) -> None:
        needless = [name for name in NEEDLESS_PACKAGES if name in sys.modules]
        note = {"process": os.getpid(), "needless": needless, "has_pandas": find_spec("pandas") is not None}
        (self._folder / str(element)).write_text(json.dumps(note))


class Die(beam.DoFn):
    """Ends each process but the driver's as the system does when memory runs out."""

    def __init__(self) -> None:
        self._driver = os.getpid()

    def process(self, element: int) -> None:
        if os.getpid() != self._driver:
            os.kill(os.getpid(), signal.SIGKILL)


def run(execution: Execution, step: beam.DoFn, **arguments: Any) -> None:
    def construct(pipeline: beam.Pipeline) -> None:
        pipeline | beam.Create(range(8)) | beam.Reshuffle() | beam.ParDo(step)

    execution.run(construct, 8, **arguments)


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_driver_and_two_processes_serve_one_pipeline_after_another_and_are_gone_afterwards(tmp_path):
    notes = []
    with Execution(num_workers=3).with_processes(8, ["bisect"]) as execution:
        for number in range(2):
            folder = tmp_path / str(number)
            folder.mkdir()
            run(execution, NoteProcess(folder))
            notes.append([json.loads(path.read_text()) for path in folder.iterdir()])
    first, second = ({note["process"] for note in each} for each in notes)
    assert len(first) == 3
    assert first == second
    workers = first - {os.getpid()}
    assert len(workers) == 2
    assert not any(map(is_running, workers))
    # What no pipeline needs is not imported by Beam, but can be.
    for note in (*notes[0], *notes[1]):
        assert not note["needless"] or note["process"] == os.getpid()
        assert note["has_pandas"] == (find_spec("pandas") is not None)


def test_pipeline_with_one_element_runs_in_the_driver_beside_processes_that_wait(tmp_path):
    with Execution(num_workers=2).with_processes(8) as execution:
        step = NoteProcess(tmp_path)
        execution.run(lambda pipeline: pipeline | beam.Create([0]) | beam.ParDo(step), 1)
    assert json.loads((tmp_path / "0").read_text())["process"] == os.getpid()


# A traceback of one of Beam's threads would be a warning, and so an error.
def test_pipeline_whose_process_is_killed_at_work_fails():
    losses = []
    step = Die()
    with Execution(num_workers=2).with_processes(8) as execution, pytest.raises(RunError, match="worker process was"):
        run(execution, step, on_failure=lambda: losses.append("lost"))
    assert losses == ["lost"]


@pytest.mark.slow
def test_pipeline_whose_process_is_killed_before_fails():
    with Execution(num_workers=2).with_processes(8) as execution:
        psutil.Process().children()[0].kill()
        with pytest.raises(RunError, match="a worker process was killed"):
            run(execution, Die())


def test_process_that_comes_back_late_is_ended():
    with WorkerProcesses() as processes:
        process = processes.take()
        (child,) = psutil.Process().children()
    assert child.is_running()
    processes.give_back(process, is_there=True)
    assert not child.is_running()
    with pytest.raises(RuntimeError, match="have been ended"):
        processes.take()


KILLED_DRIVER = """
import os, signal
from eqstream.pipelines.runtime.element_queue import ElementQueue
from eqstream.pipelines.runtime.worker_processes import WorkerProcesses

processes = WorkerProcesses()
processes.start(2)
with ElementQueue.of(["0"], processes.directory):
    assert len(os.listdir(processes.directory)) == 1
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_processes_of_a_killed_driver_leave_nothing_behind(tmp_path):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-c", KILLED_DRIVER], env=environment, cwd=ROOT, timeout=50, check=False)
    assert ended.returncode == -signal.SIGKILL
    wait_until(lambda: not list(tmp_path.iterdir()))


SIGNALLED_GROUP = """
import signal, time
from eqstream.pipelines.runtime.worker_processes import WorkerProcesses

# Not so if the tests run under nohup.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
with WorkerProcesses() as processes:
    processes.start(2)
    print(flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGHUP, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_processes_that_are_told_to_end_with_their_driver_leave_nothing_behind(tmp_path, number):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", SIGNALLED_GROUP]
    driver = psutil.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True)
    driver.stdout.readline()
    workers = driver.children()
    assert len(workers) == 2
    assert len(list(tmp_path.iterdir())) == 1
    os.killpg(driver.pid, number)
    assert driver.wait() == -number
    driver.stdout.close()
    wait_until(lambda: not list(tmp_path.iterdir()))
    wait_until(lambda: not any(worker.is_running() for worker in workers))


@pytest.fixture
def _block_hangups():
    """Lets this process get SIGHUP but not act on it, as a worker does."""
    usual_mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    usual = signal.getsignal(signal.SIGHUP)
    yield
    # What has come is dropped.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, usual_mask)
    signal.signal(signal.SIGHUP, usual)


@pytest.mark.usefixtures("_block_hangups")
@pytest.mark.parametrize(("action", "is_told"), [(signal.SIG_DFL, True), (signal.SIG_IGN, False)])
def test_process_under_nohup_outlives_its_terminal(action, is_told):
    signal.signal(signal.SIGHUP, action)
    assert not is_told_to_end()
    signal.raise_signal(signal.SIGHUP)
    assert is_told_to_end() == is_told


def test_process_that_alone_is_told_to_end_leaves_what_the_others_share(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with WorkerProcesses() as processes:
        process = processes.take()
        (child,) = psutil.Process().children()
        child.terminate()
        assert not process.wait()
        assert processes.directory.exists()
        processes.give_back(process, is_there=False)
    assert processes.num_lost == 1
    assert list(tmp_path.iterdir()) == []


def test_folder_for_temporary_files_that_is_not_there_ends_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(RunError, match=r"temporary files cannot be written: No such file or directory: .*TMPDIR"):
        WorkerProcesses()


def test_workers_are_told_nothing_of_the_processes():
    with Execution(num_workers=2).with_processes(0) as execution:
        assert execution.processes is not None
        told = copy.copy(execution)
    assert told == execution
    assert told.processes is None
