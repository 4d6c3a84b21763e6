"""Ctrl-C as a wish, not an accident."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from eqstream.seq2seq.training.callbacks import StateKeeper


@contextmanager
def interrupts_noted_by(keeper: StateKeeper) -> Iterator[None]:
    """Turns Ctrl-C into a wish that `keeper` fulfils after the step; a second Ctrl-C is not held back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def note(signal_number: int, frame: object) -> None:
        if keeper.is_interrupted:
            raise KeyboardInterrupt
        keeper.is_interrupted = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
