"""Work that goes on beside what its caller does next."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

# Of each thread. More would hold memory and save no time: whichever side is slower sets the pace.
MOST_WAITING = 2


class Background:
    """Runs calls in threads of its own; a context manager, which ends them.

    The calls must spend their time in code that releases the interpreter's lock, as numpy, hashlib and zlib do.

    Args:
        num_threads: one runs calls one after the other, several run as many at a time; 0 runs each at once, in the
            thread of the caller.
    """

    def __init__(self, num_threads: int = 1) -> None:
        self._pool = ThreadPoolExecutor(num_threads) if num_threads else None
        self._most_waiting = MOST_WAITING * num_threads
        self._waiting: deque[Future] = deque()

    def __enter__(self) -> "Background":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        """Ends the threads: waits for the calls that have begun, and drops all others."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def run(self, call: Callable[..., Any], *arguments: Any) -> None:
        """Runs a call behind those before it; waits while more than `MOST_WAITING` of each thread are not done.

        Raises:
            Exception: what a call before it has raised; those that had begun are done, and none begins any more.
        """
        if self._pool is None:
            call(*arguments)
            return
        self._waiting.append(self._pool.submit(call, *arguments))
        self._wait(self._most_waiting)

    def finish(self) -> None:
        """Waits until all calls are done.

        Raises:
            Exception: what one of them has raised; likewise.
        """
        self._wait(0)

    def _wait(self, num_left: int) -> None:
        try:
            while len(self._waiting) > num_left:
                self._waiting.popleft().result()
        except BaseException:
            self._end()
            raise
