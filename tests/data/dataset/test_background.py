import threading

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


def test_without_a_thread_a_call_runs_at_once_in_that_of_the_caller():
    with Background(has_thread=False) as background:
        threads = []
        background.run(lambda: threads.append(threading.current_thread()))
        assert threads == [threading.current_thread()]
        with pytest.raises(OSError, match=r"^disk full$"):
            background.run(fail)
