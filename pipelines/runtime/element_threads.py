"""Beam steps that work on several elements at a time, in threads."""

import json
from typing import Any

import apache_beam as beam

from eqstream.data.dataset.background import Background
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
        """Makes the threads."""
        self._threads = Background(self._num_threads if self._num_threads > 1 else 0)

    def process(self, element: str) -> None:
        """Begins with an element as soon as a thread is free."""
        self._threads.run(self.work, json.loads(element))

    def finish_bundle(self) -> None:
        """Waits until all elements are done."""
        with self._threads:
            self._threads.finish()
