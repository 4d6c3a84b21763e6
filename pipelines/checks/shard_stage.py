"""The Beam stage that checks shards, each on its own, and what it hands to the driver through the workspace."""

import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from apache_beam.io.filesystems import FileSystems

from eqstream.data.configuration import from_mapping, to_mapping
from eqstream.data.dataset.manifest import Manifest
from eqstream.data.dataset.manifest_parts import ShardInfo
from eqstream.data.dataset.shard_writer import ShardWriter
from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe
from eqstream.data.splits.plan import ShardTask, SplitPlan
from eqstream.pipelines.checks.bulk.columns import Texts
from eqstream.pipelines.checks.duplicates import sort_into_partitions
from eqstream.pipelines.checks.plan import plan_questions
from eqstream.pipelines.checks.shard import ShardPlace, ShardReport, check_shard, check_shard_quickly, list_places
from eqstream.pipelines.checks.steps import PlannedSteps, plan_steps
from eqstream.pipelines.runtime import filesystem
from eqstream.pipelines.runtime.element_threads import ElementThreads
from eqstream.pipelines.runtime.progress import Progress
from eqstream.pipelines.runtime.runner import Execution, report_failures

# So many take the driver less time than a pipeline takes to start.
EQUATIONS_FOR_DRIVER = 100_000


class CheckedShard(NamedTuple):
    """What was found in a shard, and where each partition of its keys begins, with the end of the last."""

    report: ShardReport
    edges: list[int]


class ShardStage(NamedTuple):
    """What all shards of a verification share.

    Attributes:
        directory: of the dataset.
        workspace: the directory that driver and workers share.
        num_partitions: of the keys of equations.
        max_findings: how many findings to describe for each shard.
        is_quick: whether to leave records alone.
    """

    directory: str
    workspace: str
    num_partitions: int
    max_findings: int
    is_quick: bool


def check_shards(
    stage: ShardStage, manifest: Manifest, *, plan: SplitPlan | None, execution: Execution, progress: Progress
) -> list[CheckedShard]:
    """Returns what was found in each shard, in the order of `Manifest.list_shards`.

    Args:
        stage: what shards share.
        manifest: of the dataset.
        plan: of the recipe, None where there is none to compare with.
        execution: runs the pipeline.
        progress: is told how far it is.
    """
    places = list_places(stage.directory, manifest)
    jobs = _list_jobs(stage, places, plan)
    check = CheckShard(stage, manifest.recipe, execution, num_elements=len(jobs), is_planned=plan is not None)

    def show() -> None:
        done = _list_done(stage)
        progress.show(len(done), sum(places[number].info.num_records for number in done))

    with progress.stage("verifying", len(places), num_equations=manifest.num_records):
        if execution.shares_out or manifest.num_records > EQUATIONS_FOR_DRIVER:
            if jobs:
                check.run(jobs, create_label="ListShards", label="Check", watch=show)
        elif jobs:
            check.setup()
            for job in jobs:
                check.work(job)
                show()
        show()
    loaded = [_load(stage, number, place) for number, place in enumerate(places)]
    if None in loaded:
        raise UserError("the workers' findings did not arrive: give a --temp_location that driver and workers share")
    return [checked for checked in loaded if checked is not None]


def _list_jobs(stage: ShardStage, places: Sequence[ShardPlace], plan: SplitPlan | None) -> list[dict[str, Any]]:
    """Returns what `CheckShard` needs to know of each shard that is yet to be checked."""
    _forget_changed(stage, places)
    name_to_task = {task.name: task.to_dict() for task in plan.shards} if plan else {}
    return [
        {
            "number": number,
            "split": place.split,
            "info": to_mapping(place.info),
            "first_record": place.first_record,
            "task": name_to_task.get(place.info.shard),
        }
        for number, place in enumerate(places)
        if _load(stage, number, place) is None
    ]


def _forget_changed(stage: ShardStage, places: Sequence[ShardPlace]) -> None:
    """Removes the reports of a verification that was interrupted whose files have other contents by now.

    A file that decays, or is copied over with its time of change, has the stamps that it had. In a store, where
    checksums would load the whole dataset, stamps must do.
    """
    if not filesystem.is_local(stage.directory):
        return
    numbers = [number for number in _list_done(stage) if number < len(places)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        are_same = pool.map(lambda number: _is_unchanged(stage, number, places[number]), numbers)
        for number, is_same in zip(numbers, are_same, strict=True):
            if not is_same:
                filesystem.delete_files([_report_path(stage, number)])


def _is_unchanged(stage: ShardStage, number: int, place: ShardPlace) -> bool:
    found = _load(stage, number, place)
    return found is not None and all(
        filesystem.has_contents(filesystem.join(stage.directory, path), num_bytes, sha256)
        for path, (num_bytes, sha256) in found.report.path_to_file.items()
    )


class CheckShard(ElementThreads):
    """Checks a shard, whose number, manifest entry and task are an element."""

    def __init__(
        self, stage: ShardStage, recipe: Recipe, execution: Execution, *, num_elements: int, is_planned: bool
    ) -> None:
        super().__init__(execution, num_elements)
        self._stage = stage
        self._recipe = recipe.to_dict()
        self._is_planned = is_planned
        self._writer: ShardWriter | None = None

    def setup(self) -> None:
        """Builds the tables of the plan, if there is one."""
        super().setup()
        if self._is_planned:
            self._writer = ShardWriter(Recipe.from_dict(self._recipe))

    def work(self, element: dict[str, Any]) -> None:
        """Writes keys and findings into the workspace, the findings last."""
        stage, recipe = self._stage, Recipe.from_dict(self._recipe)
        info = from_mapping(ShardInfo, element["info"])
        place = ShardPlace(
            directory=stage.directory,
            recipe=recipe,
            split=element["split"],
            info=info,
            first_record=element["first_record"],
        )
        with report_failures(f"shard {info.shard}"):
            # Taken before anything is read: what changes meanwhile is looked at again.
            stamps = _take_stamps(place)
            if stage.is_quick:
                report, edges = check_shard_quickly(place, max_findings=stage.max_findings), [0] * 2
            else:
                planned = self._plan(recipe, element["task"])
                report, keys = check_shard(place, planned, max_findings=stage.max_findings)
                keys, edges = sort_into_partitions(keys, stage.num_partitions)
                filesystem.write_bytes(keys_path(stage.workspace, element["number"]), keys.tobytes())
            contents = {"report": report.to_dict(), "edges": edges, "stamps": stamps}
            filesystem.write_bytes(_report_path(stage, element["number"]), json.dumps(contents).encode())

    def _plan(self, recipe: Recipe, task: dict[str, Any] | None) -> Iterator[Texts] | Iterator[PlannedSteps] | None:
        if task is None:
            return None
        assert self._writer is not None
        plan = plan_questions if recipe.steps is None else plan_steps
        return plan(self._writer, ShardTask.from_dict(task))


def keys_path(workspace: str, number: int) -> str:
    """Returns where the keys of a shard's equations lie."""
    return filesystem.join(workspace, f"shards/{number}.keys")


def _report_path(stage: ShardStage, number: int) -> str:
    return filesystem.join(stage.workspace, f"shards/{number}.json")


def _list_done(stage: ShardStage) -> list[int]:
    """Returns the numbers of the shards whose reports lie in the workspace."""
    names = filesystem.list_files(filesystem.join(stage.workspace, "shards"))
    return [int(name.removesuffix(".json")) for name in names if name.endswith(".json")]


def _load(stage: ShardStage, number: int, place: ShardPlace) -> CheckedShard | None:
    """Returns what was found in a shard, now or by a verification that was interrupted; None if it is to be checked."""
    contents = filesystem.read_bytes(_report_path(stage, number))
    if contents is None:
        return None
    found = json.loads(contents)
    if found["stamps"] != _take_stamps(place):
        return None
    return CheckedShard(ShardReport.from_dict(found["report"]), found["edges"])


def _take_stamps(place: ShardPlace) -> list[list[float]]:
    """Returns size and time of change of each of a shard's files that are there."""
    paths = [place.path(file_format) for file_format in place.info.files]
    found = [match.metadata_list for match in FileSystems.match(paths)]
    return [[file.size_in_bytes, file.last_updated_in_seconds] for files in found for file in files]
