"""What a pipeline that is run leaves behind, and how its driver waits for it."""

import contextlib
import os
import signal
import sys
import tempfile
import threading

import apache_beam as beam
import pytest

from eqstream.pipelines.runtime.runner import Execution, _short_turns, wait_for


def test_nothing_lies_in_the_folder_for_temporary_files_before_a_pipeline_runs_or_after(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    found = []

    def construct(pipeline):
        found.append(list(tmp_path.iterdir()))
        return pipeline | beam.Create([1])

    Execution().run(construct, 1)
    assert found == [[]]
    assert list(tmp_path.iterdir()) == []


class Interrupting:
    """Presses Ctrl-C when it is deleted, where Python drops what is raised."""

    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)


def test_no_interrupt_is_lost_in_a_finalizer():
    is_over = threading.Event()
    num_calls = 0

    def watch():
        nonlocal num_calls
        num_calls += 1
        thing = Interrupting()
        del thing

    with pytest.raises(KeyboardInterrupt):
        wait_for(lambda: is_over.wait(30), watch)
    is_over.set()
    assert num_calls == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_waiting_in_another_thread_leaves_signals_alone():
    handlers = []

    def watch():
        handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=wait_for, args=(lambda: None, watch))
    thread.start()
    thread.join()
    assert set(handlers) == {signal.getsignal(signal.SIGINT)}


def test_pipelines_at_the_same_time_leave_turns_of_threads_as_they_were():
    usual = sys.getswitchinterval()
    with contextlib.ExitStack() as first, contextlib.ExitStack() as second:
        first.enter_context(_short_turns())
        second.enter_context(_short_turns())
        assert sys.getswitchinterval() < usual
        first.close()
    assert sys.getswitchinterval() == usual
