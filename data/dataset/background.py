"""Work that goes on beside what its caller does next."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

# More would hold memory and save no time: whichever side is slower sets the pace.
MOST_WAITING = 2


class Background:
    """Runs calls one after the other in a thread of its own; a context manager, which ends the thread.

    The calls must spend their time in code that releases the interpreter's lock, as numpy, hashlib and zlib do.

    Args:
        has_thread: without one, each call runs at once, in the thread of the caller.
    """

    def __init__(self, *, has_thread: bool = True) -> None:
        self._pool = ThreadPoolExecutor(1) if has_thread else None
        self._waiting: deque[Future] = deque()

    def __enter__(self) -> "Background":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def run(self, call: Callable[..., Any], *arguments: Any) -> None:
        """Runs a call behind those before it; waits while more than `MOST_WAITING` are not done.

        Raises:
            Exception: what a call before it has raised.
        """
        if self._pool is None:
            call(*arguments)
            return
        self._waiting.append(self._pool.submit(call, *arguments))
        while len(self._waiting) > MOST_WAITING:
            self._waiting.popleft().result()

    def finish(self) -> None:
        """Waits until all calls are done.

        Raises:
            Exception: what one of them has raised.
        """
        while self._waiting:
            self._waiting.popleft().result()
