"""Counts, with a Beam pipeline, the equations of which a plan needs the places.

Elements are batches of counting tasks. The result of a batch is one small sealed file, so that every runner can hand it
over and an interrupted count goes on.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from eqstream.data.splits.counting import CountingResult, CountingTask, count_tasks
from eqstream.data.splits.counting_policy import list_rare, next_tasks
from eqstream.data.splits.equation_counts import EquationCounts
from eqstream.data.splits.prepared_sources import PreparedSources
from eqstream.pipelines.building.receipts import read_counts, write_counts
from eqstream.pipelines.building.recipe_work import RecipeWork
from eqstream.pipelines.building.staging import GO_ON, Workspace
from eqstream.pipelines.runtime.progress import Progress
from eqstream.pipelines.runtime.runner import Execution, report_failures

Batch = tuple[CountingTask, ...]
# Balanced sampling asks for thousands of tiny counts, which would each cost a file.
POSITIONS_PER_BATCH = 1 << 22
# Looking at so many positions with equations of one term, or an eighth of them with two, takes the driver less time
# than worker processes take to start: some 3 seconds.
POSITIONS_FOR_DRIVER = 1 << 29


class CountBatch(RecipeWork):
    """Counts the tasks of a batch unless their results are there."""

    def prepare(self, sources: PreparedSources) -> None:
        """Keeps the sources."""
        self._sources = sources

    def work(self, element: list[dict[str, Any]]) -> None:
        """Writes the results of the batch into the workspace."""
        batch = tuple(map(CountingTask.from_dict, element))
        with report_failures("counting", GO_ON):
            self._workspace.check_attempt()
            if read_counts(self._workspace, batch) is None:
                write_counts(self._workspace, batch, [*count_tasks(self._sources, batch)])


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
    positions_for_driver = POSITIONS_FOR_DRIVER // counts.sources.recipe.space.terms.max**3
    while tasks := next_tasks(counts):
        for line in list_rare(counts, tasks, reported):
            progress.report(line)
        if sum(task.num_positions for task in tasks) <= positions_for_driver and not has_begun:
            _count_here(counts, tasks, execution)
            continue
        batches = list(make_batches(tasks))
        if not has_begun:
            begin()
            has_begun = True
        missing = [batch for batch in batches if read_counts(workspace, batch) is None]
        if missing:
            work = CountBatch(counts.sources.recipe, workspace, execution, len(missing))
            spelled = [[task.to_dict() for task in batch] for batch in missing]
            work.count(spelled, progress, stage="counting", unit="batches")
        for batch in batches:
            counts.add(_load(workspace, batch))
    return has_begun


def _count_here(counts: EquationCounts, tasks: Sequence[CountingTask], execution: Execution) -> None:
    batches = list(make_batches(tasks))
    num_threads = execution.num_driver_threads(len(batches)) if counts.sources.has_large_blocks else 1
    with ThreadPoolExecutor(num_threads) as pool:
        for results in pool.map(lambda batch: [*count_tasks(counts.sources, batch)], batches):
            counts.add(results)


def make_batches(tasks: Iterable[CountingTask]) -> Iterator[Batch]:
    """Yields the tasks in their order, small ones together; same tasks, same batches."""
    batch: list[CountingTask] = []
    num_positions = 0
    for task in tasks:
        if batch and num_positions + task.num_positions > POSITIONS_PER_BATCH:
            yield tuple(batch)
            batch, num_positions = [], 0
        batch.append(task)
        num_positions += task.num_positions
    if batch:
        yield tuple(batch)


def _load(workspace: Workspace, batch: Batch) -> list[CountingResult]:
    results = read_counts(workspace, batch)
    if results is None:
        raise RuntimeError(f"the runner ended without counting {batch}")
    return results
