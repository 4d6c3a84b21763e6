"""What the Beam steps of a build share: work for one recipe in one workspace; counts, which go on where they ended."""

from collections.abc import Sequence
from typing import Any

from eqstream.data.recipe import Recipe
from eqstream.data.splits.prepared_sources import PreparedSources
from eqstream.pipelines.building.staging import Workspace
from eqstream.pipelines.runtime.element_threads import ElementThreads
from eqstream.pipelines.runtime.progress import Progress
from eqstream.pipelines.runtime.runner import Execution


class RecipeWork(ElementThreads):
    """Works for a recipe in the workspace of a build, where results are left.

    Args:
        recipe: the recipe.
        workspace: of the build.
        execution: runs the pipeline.
        num_elements: how many elements there are.
    """

    def __init__(self, recipe: Recipe, workspace: Workspace, execution: Execution, num_elements: int) -> None:
        super().__init__(execution, num_elements)
        self._recipe = recipe.to_dict()
        self._workspace = workspace

    def setup(self) -> None:
        """Prepares what the work needs, once per worker."""
        super().setup()
        sources = PreparedSources(Recipe.from_dict(self._recipe))
        if not sources.has_large_blocks:
            # Threads would wait for each other.
            self._num_threads = 1
        self.prepare(sources)

    def prepare(self, sources: PreparedSources) -> None:
        """Prepares what `work` needs, given the sources of the recipe."""
        raise NotImplementedError

    def count(self, batches: Sequence[list[dict[str, Any]]], progress: Progress, *, stage: str, unit: str) -> None:
        """Runs this in a pipeline for batches of counting tasks, of which each leaves a file in the workspace."""
        names = {self._workspace.counts_name(batch) for batch in batches}

        def show() -> None:
            progress.show(len(names & self._workspace.counted_names()))

        with progress.stage(stage, len(batches), unit=unit):
            self.run(batches, create_label="ListBatches", label="Count", watch=show)
