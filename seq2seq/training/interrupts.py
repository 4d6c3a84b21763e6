"""Defers Ctrl-C to the end of the current step."""

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def deferred_interrupts(report: Callable[[str], None]) -> Iterator[threading.Event]:
    """Yields an event that the first Ctrl-C sets; a second one is a `KeyboardInterrupt`, as usual.

    The first one is reported at once. Python runs signal handlers between two of its own instructions only, and a step
    or its compilation is one call, so a thread waits for the signal. Outside of the main thread nothing is changed.
    """
    interruption = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return

    def note(_signal_number: int, _frame: object) -> None:
        if interruption.is_set():
            raise KeyboardInterrupt
        interruption.set()

    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    before = signal.signal(signal.SIGINT, note)
    descriptor_before = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    announcer = threading.Thread(target=_announce, args=(receiver, report), daemon=True)
    announcer.start()
    try:
        yield interruption
    finally:
        signal.set_wakeup_fd(descriptor_before)
        signal.signal(signal.SIGINT, before)
        sender.close()
        announcer.join()
        receiver.close()


def _announce(receiver: socket.socket, report: Callable[[str], None]) -> None:
    while number := receiver.recv(1):
        if number[0] == signal.SIGINT:
            report("stopping after this step (Ctrl-C again: at once)")
            return
