import threading
import time

import pytest

from eqstream.data.dataset.background import MOST_WAITING, Background


def test_calls_run_in_turn_and_beside_their_caller():
    done, may_go_on = [], threading.Event()
    with Background() as background:
        background.run(may_go_on.wait)
        background.run(done.append, 1)
        assert done == []
        may_go_on.set()
        background.run(done.append, 2)
        background.finish()
    assert done == [1, 2]


def test_caller_waits_for_one_that_is_far_behind():
    may_go_on = threading.Event()
    with Background() as background:
        for _ in range(MOST_WAITING):
            background.run(may_go_on.wait)
        waiting = threading.Thread(target=background.run, args=(may_go_on.wait,))
        waiting.start()
        assert waiting.is_alive()
        may_go_on.set()
        waiting.join()


def fail() -> None:
    raise OSError("disk full")


def test_error_of_a_call_reaches_its_caller():
    with Background() as background:
        background.run(fail)
        with pytest.raises(OSError, match=r"^disk full$"):
            background.finish()


def test_without_threads_a_call_runs_at_once_in_that_of_the_caller():
    with Background(0) as background:
        threads = []
        background.run(lambda: threads.append(threading.current_thread()))
        assert threads == [threading.current_thread()]
        with pytest.raises(OSError, match=r"^disk full$"):
            background.run(fail)


def test_several_threads_run_calls_at_the_same_time():
    meeting = threading.Barrier(3)
    with Background(3) as background:
        for _ in range(6):
            background.run(meeting.wait, 10)
        background.finish()


def test_error_is_raised_once_all_that_had_begun_is_done():
    has_begun, done = threading.Event(), []

    def finish_late() -> None:
        has_begun.set()
        time.sleep(0.1)
        done.append(1)

    def fail_late() -> None:
        has_begun.wait()
        fail()

    with Background(2) as background:
        background.run(fail_late)
        background.run(finish_late)
        for _ in range(2):
            background.run(done.append, 2)
        with pytest.raises(OSError, match=r"^disk full$"):
            background.finish()
        assert 1 in done
