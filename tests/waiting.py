"""Waits for what other processes and threads do."""

import time
from collections.abc import Callable


def wait_until(is_so: Callable[[], bool]) -> None:
    """Waits, less long than a test may take.

    Raises:
        TimeoutError: it did not become so.
    """
    deadline = time.monotonic() + 40
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError("others did not do what was expected")
        time.sleep(0.01)
