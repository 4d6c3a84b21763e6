"""Each element of a queue is taken once, by whichever thread or process asks for one."""

import copy
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from eqstream.pipelines.runtime.element_queue import ElementQueue
from eqstream.pipelines.runtime.errors import RunError

ROOT = Path(__file__).parents[3]
TAKE_ALL = """
import sys
from pathlib import Path
from eqstream.pipelines.runtime.element_queue import ElementQueue

queue = ElementQueue(Path(sys.argv[1]))
while (element := queue.take()) is not None:
    print(element)
"""
# Holds the lock until it is killed.
HOLD_LOCK = """
import fcntl, sys, time

file = open(sys.argv[1], "r+b")
fcntl.flock(file, fcntl.LOCK_EX)
print("locked", flush=True)
time.sleep(60)
"""


def take_all(queue: ElementQueue) -> list[str]:
    return list(iter(queue.take, None))


@pytest.mark.parametrize("elements", [[], ["a"], ['{"é": "ü"}', "", "0"], [str(number) * 5000 for number in range(9)]])
def test_elements_come_in_their_order(elements, tmp_path):
    with ElementQueue.of(elements, tmp_path) as queue:
        assert take_all(queue) == elements


def test_nothing_is_left_of_a_queue(tmp_path):
    with ElementQueue.of(["0", "1"], tmp_path) as queue, ElementQueue.of(["2"], tmp_path) as other:
        assert len(list(tmp_path.iterdir())) == 2
        assert queue.take() == "0"
        assert other.take() == "2"
    assert list(tmp_path.iterdir()) == []
    assert queue.take() is None


def test_closed_queue_has_no_more(tmp_path):
    with ElementQueue.of(["0", "1"], tmp_path) as queue:
        other = copy.copy(queue)
        assert queue.take() == "0"
        other.close()
        assert queue.take() is None
        queue.close()


def test_queue_is_exhausted_once_its_last_element_was_taken(tmp_path):
    with ElementQueue.of(["0", "1"], tmp_path) as queue:
        assert not queue.is_exhausted
        queue.take()
        assert not queue.is_exhausted
        queue.take()
        assert queue.is_exhausted
        assert queue.take() is None
        assert queue.is_exhausted
    with ElementQueue.of([], tmp_path) as queue:
        assert queue.is_exhausted


@pytest.mark.parametrize("num_taken", [0, 1, 2])
def test_queue_that_was_closed_or_removed_is_not_exhausted(tmp_path, num_taken):
    with ElementQueue.of(["0", "1"], tmp_path) as queue:
        for _ in range(num_taken):
            queue.take()
        queue.close()
        assert not queue.is_exhausted


def test_queue_that_cannot_be_written_says_where_it_would_be(tmp_path):
    message = rf"temporary files cannot be written: No such .*{tmp_path}/none.*; set TMPDIR to a folder with room"
    with pytest.raises(RunError, match=message), ElementQueue.of(["0"], tmp_path / "none"):
        pass


def test_threads_take_each_element_once(tmp_path):
    elements = [str(number) for number in range(2000)]
    with ElementQueue.of(elements, tmp_path) as queue, ThreadPoolExecutor(4) as pool:
        taken = [element for part in pool.map(take_all, [queue] * 4) for element in part]
    assert sorted(taken, key=int) == elements


def test_processes_take_each_element_once(tmp_path):
    elements = [str(number) for number in range(2000)]
    with ElementQueue.of(elements, tmp_path):
        (path,) = tmp_path.iterdir()
        command = [sys.executable, "-c", TAKE_ALL, str(path)]
        processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(2)]
        taken = [element for process in processes for element in process.communicate(timeout=50)[0].split()]
    assert sorted(taken, key=int) == elements


def test_process_that_is_killed_with_the_lock_in_its_hands_holds_nobody_up(tmp_path):
    with ElementQueue.of(["0"], tmp_path) as queue:
        (path,) = tmp_path.iterdir()
        process = subprocess.Popen([sys.executable, "-c", HOLD_LOCK, str(path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=50)
        assert queue.take() == "0"
