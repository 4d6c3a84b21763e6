"""A worker process of Beam's local multi-process runner: quiet, and gone when its driver is gone.

Beam's own start-up prints its logs on the terminal, and its workers go on with their share of the work after their
driver was killed.
"""

import logging
import os
import sys
import threading
import time

CHECK_SECONDS = 0.5


def main(arguments: list[str]) -> None:
    """Serves the driver until it has no more work; `arguments` holds its process id."""
    # A root logger without a handler is given one that prints as soon as Beam is imported.
    logging.getLogger().addHandler(logging.NullHandler())
    threading.Thread(target=end_with_driver, args=(int(arguments[0]),), daemon=True).start()

    from apache_beam.runners.worker import sdk_worker_main

    # What fails in a worker is handed to the driver; Beam prints it here as well, until the process ends.
    sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sdk_worker_main.main(arguments)


def end_with_driver(driver: int) -> None:
    """Ends this process as soon as it is no longer a child of the driver."""
    while os.getppid() == driver:
        time.sleep(CHECK_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
