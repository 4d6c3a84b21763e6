"""What the Beam steps of a build share: work for one recipe in one workspace; counts, which go on where they ended."""

from collections.abc import Sequence
from typing import Any

import apache_beam as beam

from eqstream.data.recipe import Recipe
from eqstream.pipelines.building.staging import Workspace
from eqstream.pipelines.runtime.progress import Progress
from eqstream.pipelines.runtime.runner import Execution, to_elements


class RecipeWork(beam.DoFn):
    """Works for a recipe in the workspace of a build; elements are JSON texts."""

    def __init__(self, recipe: Recipe, workspace: Workspace, execution: Execution) -> None:
        self._recipe = recipe.to_dict()
        self._workspace = workspace
        self._execution = execution

    def setup(self) -> None:
        """Prepares what the work needs, once per worker."""
        # Workers of a worker pool come without the options of the pipeline.
        self._execution.prepare_process()
        self.prepare(Recipe.from_dict(self._recipe))

    def prepare(self, recipe: Recipe) -> None:
        """Prepares what `process` needs."""
        raise NotImplementedError

    def count(self, batches: Sequence[list[dict[str, Any]]], progress: Progress, *, stage: str, unit: str) -> None:
        """Runs this in a pipeline for batches of counting tasks, of which each leaves a file in the workspace."""
        names = {self._workspace.counts_name(batch) for batch in batches}
        elements = to_elements(batches)

        def construct(pipeline: beam.Pipeline) -> None:
            (
                pipeline
                | "ListBatches" >> beam.Create(elements, reshuffle=False)
                | "ShareOut" >> beam.Reshuffle()  # JSON of a batch
                | "Count" >> beam.ParDo(self)
            )

        with progress.stage(stage, len(batches), unit=unit):
            self._execution.run(
                construct, len(elements), lambda: progress.show(len(names & self._workspace.counted_names()))
            )
