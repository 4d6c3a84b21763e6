"""Counts, with a Beam pipeline, the equations of which a plan needs the places.

Elements are batches of counting tasks. The result of a batch is one small sealed file, so that every runner can hand it
over and an interrupted count goes on.
"""

import json
from collections.abc import Callable, Iterable, Iterator

import apache_beam as beam

from eqstream.data.recipe import Recipe
from eqstream.data.splits.counting import CountingResult, CountingTask, count_task
from eqstream.data.splits.counting_policy import count_here, list_rare, next_tasks
from eqstream.data.splits.equation_counts import EquationCounts
from eqstream.data.splits.prepared_sources import PreparedSources
from eqstream.pipelines.building.receipts import read_counts, write_counts
from eqstream.pipelines.building.staging import GO_ON, Workspace
from eqstream.pipelines.runtime.progress import Progress
from eqstream.pipelines.runtime.runner import Execution, report_failures, to_elements

Batch = tuple[CountingTask, ...]
# Balanced sampling asks for thousands of tiny counts, which would each cost a file.
BLOCKS_PER_BATCH = 64
# Counting so many blocks of equations of one term, or a quarter of them of equations of two, takes the driver less time
# than a pipeline takes to start: some 2 seconds.
BLOCKS_FOR_DRIVER = 4096


class CountBatch(beam.DoFn):
    """Counts the tasks of a batch, a JSON text, unless their results are there; gives the batch back."""

    def __init__(self, recipe: Recipe, workspace: Workspace, execution: Execution) -> None:
        self._recipe = recipe.to_dict()
        self._workspace = workspace
        self._execution = execution

    def setup(self) -> None:
        """Prepares the sources of the recipe, once per worker."""
        self._execution.prepare_process()
        self._sources = PreparedSources(Recipe.from_dict(self._recipe))

    def process(self, element: str) -> Iterator[str]:
        """Writes the results of the batch into the workspace."""
        batch = tuple(CountingTask.from_dict(task) for task in json.loads(element))
        with report_failures("counting", GO_ON):
            self._workspace.check_attempt()
            if read_counts(self._workspace, batch) is None:
                write_counts(self._workspace, batch, [count_task(self._sources, task) for task in batch])
        yield element


def count_equations(
    counts: EquationCounts,
    workspace: Workspace,
    execution: Execution,
    *,
    progress: Progress,
    begin: Callable[[], None],
) -> bool:
    """Counts all that a plan needs.

    Args:
        counts: of a recipe; completed.
        workspace: keeps the results.
        execution: runs the pipelines.
        progress: is told how far it is.
        begin: called once before anything is written; not at all where there is little or nothing to count.

    Returns:
        Whether `begin` was called.

    Raises:
        UserError: the recipe asks for what cannot be counted, or a worker failed.
    """
    has_begun = False
    reported: set[str] = set()
    blocks_for_driver = BLOCKS_FOR_DRIVER // counts.sources.recipe.space.terms.max**2
    while tasks := next_tasks(counts):
        for line in list_rare(counts, tasks, reported):
            progress.report(line)
        if sum(task.num_blocks for task in tasks) <= blocks_for_driver and not has_begun:
            count_here(counts, tasks)
            continue
        batches = list(make_batches(tasks))
        if not has_begun:
            begin()
            has_begun = True
        missing = [batch for batch in batches if read_counts(workspace, batch) is None]
        if missing:
            _count(counts.sources.recipe, missing, workspace, execution=execution, progress=progress)
        for batch in batches:
            counts.add(_load(workspace, batch))
    return has_begun


def make_batches(tasks: Iterable[CountingTask]) -> Iterator[Batch]:
    """Yields the tasks in their order, small ones together; same tasks, same batches."""
    batch: list[CountingTask] = []
    num_blocks = 0
    for task in tasks:
        if batch and num_blocks + task.num_blocks > BLOCKS_PER_BATCH:
            yield tuple(batch)
            batch, num_blocks = [], 0
        batch.append(task)
        num_blocks += task.num_blocks
    if batch:
        yield tuple(batch)


def _count(
    recipe: Recipe, batches: list[Batch], workspace: Workspace, *, execution: Execution, progress: Progress
) -> None:
    names = {workspace.counts_name([task.to_dict() for task in batch]) for batch in batches}
    elements = to_elements([task.to_dict() for task in batch] for batch in batches)

    def construct(pipeline: beam.Pipeline) -> None:
        (
            pipeline
            | "ListBatches" >> beam.Create(elements, reshuffle=False)
            | "ShareOut" >> beam.Reshuffle()  # JSON of a Batch
            | "Count" >> beam.ParDo(CountBatch(recipe, workspace, execution))
        )

    with progress.stage("counting", len(batches), unit="batches"):
        execution.run(construct, len(elements), lambda: progress.show(len(names & workspace.counted_names())))


def _load(workspace: Workspace, batch: Batch) -> list[CountingResult]:
    results = read_counts(workspace, batch)
    if results is None:
        raise RuntimeError(f"the runner ended without counting {batch}")
    return results
