"""Beam steps that work on several elements at a time, in threads."""

import json
import threading
from typing import Any

import apache_beam as beam

from eqstream.pipelines.runtime.runner import Execution


class ElementThreads(beam.DoFn):
    """Works on elements, which are JSON texts, on one with each core of the process; results are left in files.

    An element gets the whole of a core. To divide the work of one element among cores, its threads would have to wait
    for each other at every block of equations.

    Args:
        execution: runs the pipeline.
        num_elements: how many elements there are.
    """

    def __init__(self, execution: Execution, num_elements: int) -> None:
        self._execution = execution
        self._num_threads = execution.num_threads(num_elements)

    def setup(self) -> None:
        """Makes the worker see the files as the driver does."""
        # Workers of a worker pool come without the options of the pipeline.
        self._execution.prepare_process()

    def work(self, element: Any) -> None:
        """Does the work of an element, given as JSON types; several threads call this at the same time."""
        raise NotImplementedError

    def start_bundle(self) -> None:
        """Notes that all threads are free."""
        self._free = threading.Semaphore(self._num_threads)
        self._errors: list[BaseException] = []

    def process(self, element: str) -> None:
        """Begins with an element as soon as a thread is free.

        Raises:
            Exception: what an earlier element has raised; those that had begun are done, and none begins any more.
        """
        if self._num_threads == 1:
            self.work(json.loads(element))
            return
        self._free.acquire()
        if self._errors:
            self._free.release()
            self.finish_bundle()
        # After Ctrl-C, a program that ends does not wait for shards that nobody wants any more.
        threading.Thread(target=self._work, args=[json.loads(element)], daemon=True).start()

    def _work(self, element: Any) -> None:
        try:
            self.work(element)
        except BaseException as error:
            self._errors.append(error)
        finally:
            self._free.release()

    def finish_bundle(self) -> None:
        """Waits until all elements that have begun are done.

        Raises:
            Exception: what the first one that failed has raised.
        """
        for _ in range(self._num_threads):
            self._free.acquire()
        if self._errors:
            raise self._errors[0]
