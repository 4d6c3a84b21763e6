"""A worker process of the local multi-process runner: quiet, and gone when its driver is gone.

`eqstream.pipelines.runtime.worker_processes` starts it. It serves one pipeline after another: each line of its standard
input says as JSON where one is, and it answers with an empty line when that one has no more work.

Beam's own start-up prints its logs on the terminal, and its workers go on with their share of the work after their
driver was killed.
"""

import importlib
import json
import logging
import os
import shutil
import signal
import sys
import threading
import time
from typing import Any

from eqstream.data.collector import without_collector
from eqstream.pipelines.runtime.beam_import import without_needless_packages

CHECK_SECONDS = 0.5
# Blocked by whoever starts this process.
ENDING_SIGNALS = frozenset({signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM})


def main(arguments: list[str]) -> None:
    """Serves the driver until it closes standard input.

    Args:
        arguments: the driver's process id, its directory for what its workers share, then names of modules that its
            pipelines are going to need.
    """
    driver, directory, *modules = arguments
    # A root logger without a handler is given one that prints as soon as Beam is imported.
    logging.getLogger().addHandler(logging.NullHandler())
    watch = threading.Thread(target=end_with_driver, args=(int(driver), directory), daemon=True)
    watch.start()
    pipelines, ends = os.fdopen(os.dup(0), encoding="utf-8"), os.dup(1)
    # What prints or reads must not get in the way.
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)

    with without_collector():
        with without_needless_packages():
            from apache_beam.runners.worker import sdk_worker_main

        for name in modules:
            importlib.import_module(name)
    # What fails in a worker is handed to the driver; Beam prints it here as well, until the process ends.
    sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    try:
        for line in pipelines:
            serve(json.loads(line), sdk_worker_main)
            os.write(ends, b"\n")
    finally:
        # A driver that is killed is missed here first; the thread ends the process then.
        watch.join(2 * CHECK_SECONDS)
    # Python would take apart thousands of modules first.
    os._exit(0)


def serve(pipeline: dict[str, str], sdk_worker_main: Any) -> None:
    """Works for a pipeline, told in the words of Beam's environment variables, until it has no more work."""
    _, harness, _ = sdk_worker_main.create_harness(pipeline)
    harness.run()


def end_with_driver(driver: int, directory: str) -> None:
    """Ends this process once it is no longer a child of the driver, or was told to end by a signal.

    What a killed driver has left is removed. A terminal or a supervisor may signal driver and workers at the same time.
    """
    is_told = False
    while os.getppid() == driver and not is_told:
        is_told = is_told_to_end()
        time.sleep(CHECK_SECONDS)
    if os.getppid() != driver:
        # All workers are at it.
        shutil.rmtree(directory, ignore_errors=True)
    os._exit(1)


def is_told_to_end() -> bool:
    """Returns whether one of the `ENDING_SIGNALS` has come that is not ignored, as under `nohup`."""
    return any(signal.getsignal(number) != signal.SIG_IGN for number in ENDING_SIGNALS & signal.sigpending())


if __name__ == "__main__":
    main(sys.argv[1:])
