"""Beam steps that work on several elements at a time, in threads, and the pipelines that hand elements to them."""

import contextlib
import functools
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import apache_beam as beam

from eqstream.pipelines.runtime.element_queue import ElementQueue
from eqstream.pipelines.runtime.errors import RunError
from eqstream.pipelines.runtime.runner import LOST_WORKER, Execution, report_failures
from eqstream.pipelines.runtime.worker_processes import WorkerProcesses

LOST_QUEUE = "what was to be done next was lost, as somebody removed temporary files; run the same again and it goes on"


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

    def run(
        self, elements: Iterable[Any], *, create_label: str, label: str, watch: Callable[[], None] | None = None
    ) -> None:
        """Works on elements in a pipeline of its own.

        Args:
            elements: JSON types.
            create_label: of Beam's step that lists the elements.
            label: of the step that works on them.
            watch: see `Execution.run`.

        Raises:
            RunError: as `Execution.run` does.
        """
        texts = to_elements(elements)
        with (
            self._execution.with_processes(len(texts)) as execution,
            self._handing_out(texts, execution.processes) as (handed_out, step, on_failure),
        ):

            def construct(pipeline: beam.Pipeline) -> None:
                listed = pipeline | create_label >> beam.Create(handed_out, reshuffle=False)
                if execution.shares_out:
                    listed = listed | "ShareOut" >> beam.Reshuffle()
                listed | label >> beam.ParDo(step)

            execution.run(construct, len(texts), watch, on_failure=on_failure)

    @contextlib.contextmanager
    def _handing_out(
        self, elements: list[str], processes: WorkerProcesses | None
    ) -> Iterator[tuple[list[str], beam.DoFn, Callable[[], None]]]:
        """Yields what the pipeline's elements are, the step that works on them, and what to do once a worker fails.

        Raises:
            RunError: the pipeline has ended without all elements.
        """
        num_processes = self._execution.num_processes(len(elements))
        if processes is None or num_processes == 1:
            yield elements, self, lambda: None
            return
        with ElementQueue.of(elements, processes.directory) as queue:
            # One element each, so that all of them look into the queue.
            yield to_elements(range(num_processes)), TakeElements(self, queue), queue.close
            if not queue.is_exhausted:
                raise RunError(LOST_WORKER if processes.num_lost else LOST_QUEUE)

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
        self.process_all([element])

    def process_all(self, elements: Iterable[str], on_failure: Callable[[], None] = lambda: None) -> None:
        """Begins with one element after the other, and asks for each as soon as a thread is free.

        Args:
            elements: JSON texts.
            on_failure: called at once when an element has failed, before those that have begun are done.

        Raises:
            Exception: as `process` does.
        """
        waiting = iter(elements)
        while element := self._next_element(waiting):
            work = functools.partial(self._work, json.loads(element), on_failure)
            if self._num_threads == 1:
                work()
            else:
                # After Ctrl-C, a program that ends does not wait for shards that nobody wants any more.
                threading.Thread(target=work, daemon=True).start()
        if self._errors:
            self.finish_bundle()

    def _next_element(self, waiting: Iterator[str]) -> str | None:
        """Returns the next element once a thread is free for it, None if there is none or one has failed."""
        self._free.acquire()
        element = None
        try:
            if not self._errors:
                element = next(waiting, None)
        except BaseException as error:
            self._errors.append(error)
        if element is None:
            self._free.release()
        return element

    def _work(self, element: Any, on_failure: Callable[[], None]) -> None:
        try:
            self.work(element)
        except BaseException as error:
            self._errors.append(error)
            on_failure()
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


class TakeElements(beam.DoFn):
    """Lets a worker process take elements from a queue until there are no more.

    Args:
        work: works on the elements.
        queue: of the elements.
    """

    def __init__(self, work: ElementThreads, queue: ElementQueue) -> None:
        self._work = work
        self._queue = queue

    def setup(self) -> None:
        """Prepares the work."""
        self._work.setup()

    def start_bundle(self) -> None:
        """Begins the work."""
        self._work.start_bundle()

    def process(self, _: str) -> None:
        """Begins with elements until there are no more."""
        self._work.process_all(iter(self._take, None), on_failure=self._queue.close)

    def _take(self) -> str | None:
        with report_failures("what is to be done next"):
            return self._queue.take()

    def finish_bundle(self) -> None:
        """Ends the work."""
        self._work.finish_bundle()


def to_elements(values: Iterable[Any]) -> list[str]:
    """Returns values as JSON texts, which every coder of every runner carries."""
    return [json.dumps(value, sort_keys=True) for value in values]
