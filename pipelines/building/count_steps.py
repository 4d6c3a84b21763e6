"""Counts the steps of each shard, of a recipe whose examples are steps: where a shard's records begin follows from it.

Many are counted with a Beam pipeline, whose elements are the tasks of shards. The result of each is one small sealed
file, so that an interrupted count goes on.
"""

from collections.abc import Callable
from typing import Any

from eqstream.data.recipe import Recipe
from eqstream.data.splits.plan import ShardTask, SplitPlan
from eqstream.data.splits.prepared_sources import PreparedSources
from eqstream.data.splits.shard_steps import ShardSteps, add_step_counts
from eqstream.pipelines.building.receipts import read_step_counts, write_step_counts
from eqstream.pipelines.building.recipe_work import RecipeWork
from eqstream.pipelines.building.staging import GO_ON, Workspace
from eqstream.pipelines.runtime.progress import Progress
from eqstream.pipelines.runtime.runner import Execution, report_failures

# The steps of so many take the driver less time to count than a pipeline takes to start: some 2 seconds.
EQUATIONS_FOR_DRIVER = 100_000


class CountSteps(RecipeWork):
    """Counts the steps of a shard, the only task of its batch, unless that was done."""

    def prepare(self, sources: PreparedSources) -> None:
        """Builds the solver's tables."""
        self._steps = ShardSteps(sources)

    def work(self, element: list[dict[str, Any]]) -> None:
        """Writes the counts of the shard into the workspace."""
        (task,) = map(ShardTask.from_dict, element)
        with report_failures(f"counting the steps of shard {task.name}", GO_ON):
            self._workspace.check_attempt()
            if read_step_counts(self._workspace, task) is None:
                write_step_counts(self._workspace, task, self._steps.count(task))


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
        batches = [[task.to_dict()] for task in missing]
        work = CountSteps(recipe, workspace, execution, len(batches))
        work.count(batches, progress, stage="counting steps", unit="shards")
    counts = [read_step_counts(workspace, task) for task in plan.shards]
    found = [count for count in counts if count is not None]
    if len(found) < len(counts):
        raise RuntimeError("the runner ended without counting the steps of every shard")
    return add_step_counts(plan, found), begin is not None
