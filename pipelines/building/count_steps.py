"""Counts the steps of each shard, of a recipe whose examples are steps: where a shard's records begin follows from it.

Many are counted with a Beam pipeline, whose elements are the tasks of shards. The result of each is one small sealed
file, so that an interrupted count goes on.
"""

import json
from collections.abc import Callable, Iterator

import apache_beam as beam

from eqstream.data.recipe import Recipe
from eqstream.data.solutions.shard_steps import ShardSteps, add_step_counts
from eqstream.data.splits.plan import ShardTask, SplitPlan
from eqstream.data.splits.prepared_sources import PreparedSources
from eqstream.pipelines.building.receipts import read_step_counts, write_step_counts
from eqstream.pipelines.building.staging import GO_ON, Workspace
from eqstream.pipelines.runtime.progress import Progress
from eqstream.pipelines.runtime.runner import Execution, report_failures, to_elements

# The steps of so many take the driver less time to count than a pipeline takes to start: some 2 seconds.
EQUATIONS_FOR_DRIVER = 100_000


class CountSteps(beam.DoFn):
    """Counts the steps of a shard, whose task is a JSON text, unless that was done; gives back the shard's name."""

    def __init__(self, recipe: Recipe, workspace: Workspace, execution: Execution) -> None:
        self._recipe = recipe.to_dict()
        self._workspace = workspace
        self._execution = execution

    def setup(self) -> None:
        """Builds the solver's tables once per worker."""
        self._execution.prepare_process()
        self._steps = ShardSteps(PreparedSources(Recipe.from_dict(self._recipe)))

    def process(self, element: str) -> Iterator[str]:
        """Writes the counts of the shard into the workspace."""
        task = ShardTask.from_dict(json.loads(element))
        with report_failures(f"counting the steps of shard {task.name}", GO_ON):
            self._workspace.check_attempt()
            if read_step_counts(self._workspace, task) is None:
                write_step_counts(self._workspace, task, self._steps.count(task))
        yield task.name


def count_steps(
    plan: SplitPlan,
    recipe: Recipe,
    workspace: Workspace,
    *,
    execution: Execution,
    progress: Progress,
    begin: Callable[[], None] | None,
) -> tuple[SplitPlan, bool]:
    """Returns the plan with the steps of each shard, and whether `begin` was called.

    Args:
        plan: of the recipe.
        recipe: whose examples are steps.
        workspace: keeps the results.
        execution: runs the pipeline.
        progress: is told how far it is.
        begin: called once before anything is written, if given; not at all where there is little to count.

    Raises:
        UserError: a split would have no step, or a worker failed.
    """
    if plan.num_equations <= EQUATIONS_FOR_DRIVER:
        steps = ShardSteps(PreparedSources(recipe))
        return add_step_counts(plan, [steps.count(task) for task in plan.shards]), False
    if begin is not None:
        begin()
    missing = [task for task in plan.shards if read_step_counts(workspace, task) is None]
    if missing:
        _count(missing, recipe, workspace, execution, progress)
    counts = [read_step_counts(workspace, task) for task in plan.shards]
    found = [count for count in counts if count is not None]
    if len(found) < len(counts):
        raise RuntimeError("the runner ended without counting the steps of every shard")
    return add_step_counts(plan, found), begin is not None


def _count(
    tasks: list[ShardTask], recipe: Recipe, workspace: Workspace, execution: Execution, progress: Progress
) -> None:
    names = {workspace.counts_name([task.to_dict()]) for task in tasks}
    elements = to_elements(task.to_dict() for task in tasks)

    def construct(pipeline: beam.Pipeline) -> None:
        (
            pipeline
            | "ListShards" >> beam.Create(elements, reshuffle=False)
            | "ShareOut" >> beam.Reshuffle()  # JSON of a ShardTask
            | "CountSteps" >> beam.ParDo(CountSteps(recipe, workspace, execution))
        )

    with progress.stage("counting steps", len(tasks)):
        execution.run(construct, len(elements), lambda: progress.show(len(names & workspace.counted_names())))
