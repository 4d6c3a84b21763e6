"""Proves from the files alone that a dataset is what its recipe asks for, or says what is wrong with it.

| step | where | speaks of |
| --- | --- | --- |
| make the recipe's plan anew | Beam and driver | `counts` |
| check each shard: bytes, records, every equation recomputed | Beam | `files`, `contents`, `membership` |
| compare each shard with the equations planned for it, in their order | Beam | `plan` |
| compare files with manifest and `SHA256SUMS` | driver | `files` |
| look for repeated equations and for twins over all shards | driver | `twins` |
| compare every number with the plan | driver | `counts` |

Equations are read by `eqstream.data.reference.evaluation`, which shares no code with the writers; only the plan, which
is what the recipe means, is the writers' own. Memory stays bounded: shards are read block by block, and
keys of equations are compared one part of their range at a time. The dataset is only read.
"""

import contextlib
import json
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np

from eqstream.data.configuration import from_mapping, to_mapping
from eqstream.data.dataset import layout
from eqstream.data.dataset.manifest import Manifest, ShardInfo
from eqstream.data.dataset.shard_writer import ShardWriter
from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe
from eqstream.data.reference.evaluation import canonical_key
from eqstream.data.reference.parsing import parse
from eqstream.data.splits.equation_counts import EquationCounts
from eqstream.data.splits.plan import ShardTask, SplitPlan, plan_splits
from eqstream.data.splits.prepared_sources import PreparedSources
from eqstream.pipelines.building.count_equations import count_equations
from eqstream.pipelines.building.staging import Workspace
from eqstream.pipelines.checks.counts import check_manifest, check_plan
from eqstream.pipelines.checks.duplicates import (
    KEYS,
    Pair,
    choose_partitions,
    confirm_pairs,
    find_pairs,
    sort_into_partitions,
)
from eqstream.pipelines.checks.files import check_files, load_manifest
from eqstream.pipelines.checks.findings import FaultList
from eqstream.pipelines.checks.plan import plan_questions
from eqstream.pipelines.checks.report import VerifyReport, make_report
from eqstream.pipelines.checks.shard import ShardCheck, ShardFindings
from eqstream.pipelines.runtime import filesystem
from eqstream.pipelines.runtime.progress import Progress
from eqstream.pipelines.runtime.runner import Execution, report_failures, to_elements


def verify(
    directory: str | Path,
    *,
    workers: int = 1,
    pipeline_options: Sequence[str] = (),
    max_faults: int = 10,
    progress: Progress | None = None,
) -> VerifyReport:
    """Returns what can be proved of a dataset, and the first of its faults.

    Args:
        directory: of the dataset, on any filesystem that Beam knows.
        workers: processes of the local runner.
        pipeline_options: Beam's command line; a runner that is named there wins over `workers`, and one whose workers
            are on other machines needs `--temp_location`.
        max_faults: how many faults to describe; all are counted.
        progress: is told how far the check is.

    Raises:
        UserError: there is no dataset, or one that this version cannot read.
    """
    source = filesystem.check_directory(str(directory))
    execution = Execution(arguments=tuple(pipeline_options), num_workers=workers)
    execution.configure_filesystems()
    manifest = load_manifest(source)
    with _staging(execution) as staging:
        return _Verification(source, manifest, staging, execution, max_faults, progress or Progress()).run()


@contextlib.contextmanager
def _staging(execution: Execution) -> Iterator[str]:
    """Gives a directory that driver and workers share, and removes it at the end."""
    temp_location = execution.options().get_all_options().get("temp_location")
    if temp_location is None:
        with tempfile.TemporaryDirectory(prefix="eqstream-") as directory:
            yield directory
        return
    directory = filesystem.join(temp_location, f"eqstream-{uuid.uuid4().hex[:12]}")
    try:
        yield directory
    finally:
        filesystem.delete_tree(directory)


class CheckShard(beam.DoFn):
    """Checks a shard, whose number, manifest entry and task are a JSON text; gives back its number."""

    def __init__(self, recipe: Recipe, directory: str, staging: str, num_partitions: int, max_faults: int) -> None:
        self._recipe = recipe.to_dict()
        self._directory = directory
        self._staging = staging
        self._num_partitions = num_partitions
        self._max_faults = max_faults
        self._writer: ShardWriter | None = None

    def process(self, element: str) -> Iterator[str]:
        """Writes keys and findings into the staging directory, the findings last."""
        job = json.loads(element)
        recipe = Recipe.from_dict(self._recipe)
        entry = from_mapping(ShardInfo, job["entry"])
        with report_failures(f"shard {entry.shard}"):
            planned = self._plan_questions(recipe, job["task"])
            check = ShardCheck(self._directory, recipe, job["split"], entry, self._max_faults, planned)
            findings, keys = check.run()
            keys, edges = sort_into_partitions(keys, self._num_partitions)
            report = {"findings": findings.to_dict(), "edges": edges}
            filesystem.write_bytes(filesystem.join(self._staging, f"{job['number']}.keys"), keys.tobytes())
            filesystem.write_bytes(filesystem.join(self._staging, f"{job['number']}.json"), json.dumps(report).encode())
        yield str(job["number"])

    def _plan_questions(self, recipe: Recipe, task: dict[str, Any] | None) -> Iterator[str] | None:
        if task is None:
            return None
        if self._writer is None:
            # Its tables are built once a worker, and only where there is a plan.
            self._writer = ShardWriter(recipe)
        return plan_questions(self._writer, ShardTask.from_dict(task))


class _Verification:
    """One run of all checks."""

    def __init__(
        self,
        directory: str,
        manifest: Manifest,
        staging: str,
        execution: Execution,
        max_faults: int,
        progress: Progress,
    ) -> None:
        self._directory = directory
        self._manifest = manifest
        self._staging = staging
        self._execution = execution
        self._progress = progress
        self._recipe = manifest.recipe
        self._faults = FaultList(max_faults)
        self._entries = manifest.list_shards()
        total = sum(entry.num_equations for _, entry in self._entries)
        self._num_partitions = choose_partitions(total)

    def run(self) -> VerifyReport:
        plan = self._make_plan()
        findings, edges = self._check_shards(plan)
        path_to_found = {path: found for each in findings for path, found in each.path_to_file.items()}
        checked = check_files(self._directory, self._manifest, path_to_found, self._faults)
        for found in findings:
            self._faults.extend(found.faults)
        self._check_distinct(edges)
        check_manifest(self._manifest, self._recipe, findings, self._faults)
        if plan is not None:
            check_plan(self._manifest, self._recipe, plan, self._faults)
        return make_report(self._directory, self._recipe, self._group(findings), checked, self._faults)

    def _group(self, findings: list[ShardFindings]) -> dict[str, list[ShardFindings]]:
        grouped: dict[str, list[ShardFindings]] = {}
        for (split, _), found in zip(self._entries, findings, strict=True):
            grouped.setdefault(split, []).append(found)
        return grouped

    def _check_shards(self, plan: SplitPlan | None) -> tuple[list[ShardFindings], list[list[int]]]:
        """Returns the findings of each shard, and where its keys' partitions begin."""
        name_to_task = {task.name: task.to_dict() for task in plan.shards} if plan else {}
        jobs = [
            {"number": number, "split": split, "entry": to_mapping(entry), "task": name_to_task.get(entry.shard)}
            for number, (split, entry) in enumerate(self._entries)
        ]
        elements = to_elements(jobs)
        check = CheckShard(self._recipe, self._directory, self._staging, self._num_partitions, self._faults.limit)

        def construct(pipeline: beam.Pipeline) -> None:
            (
                pipeline
                | "ListShards" >> beam.Create(elements, reshuffle=False)
                | "ShareOut" >> beam.Reshuffle()  # JSON of a job
                | "Check" >> beam.ParDo(check)
            )

        total = sum(entry.num_equations for _, entry in self._entries)
        with self._progress.stage("verifying", len(jobs), num_equations=total):
            self._execution.run(construct, len(elements), self._show_progress)
        reports = [self._load_report(number) for number in range(len(jobs))]
        findings = [ShardFindings.from_dict(report["findings"]) for report in reports]
        return findings, [report["edges"] for report in reports]

    def _show_progress(self) -> None:
        finished = {f"{number}.json" for number in range(len(self._entries))} & set(
            filesystem.list_files(self._staging)
        )
        done = [int(name.removesuffix(".json")) for name in finished]
        self._progress.show(len(done), sum(self._entries[number][1].num_equations for number in done))

    def _load_report(self, number: int) -> dict[str, Any]:
        contents = filesystem.read_bytes(filesystem.join(self._staging, f"{number}.json"))
        if contents is None:
            raise UserError(
                "the workers' findings did not arrive: give a --temp_location that driver and workers share"
            )
        return json.loads(contents)

    def _check_distinct(self, edges: list[list[int]]) -> None:
        """Adds equations that stand twice and twins that must not be; candidates are read again to be sure."""
        most = 2 * self._faults.limit
        candidates: list[Pair] = []
        num_candidates = 0
        for pair in self._list_candidates(edges):
            num_candidates += 1
            if len(candidates) < most:
                candidates.append(pair)
        confirmed = confirm_pairs(candidates, self._read_questions, lambda question: canonical_key(parse(question)))
        for pair, first, second in confirmed:
            place = f"{self._entries[pair.first.shard][1].shard}, record {pair.first.record}"
            relation = "stands also" if pair.is_repeated else f"is a commuted twin of `{first}`"
            shard = self._entries[pair.second.shard][1].shard
            self._faults.add("twins", shard, f"`{second}` {relation} in {place}", pair.second.record)
        # Keys collide so rarely that the rest may be counted unseen.
        self._faults.count_more("twins", num_candidates - len(candidates))

    def _list_candidates(self, edges: list[list[int]]) -> Iterator[Pair]:
        splits = {split.name: number for number, split in enumerate(self._recipe.splits)}
        if not edges:
            return
        shard_to_split = np.array([splits[name] for name, _ in self._entries])
        for partition in range(self._num_partitions):
            parts = [self._read_keys(number, *ends[partition : partition + 2]) for number, ends in enumerate(edges)]
            yield from find_pairs(parts, shard_to_split, self._recipe.commuted)

    def _read_keys(self, number: int, start: int, end: int) -> np.ndarray:
        with filesystem.open_file(filesystem.join(self._staging, f"{number}.keys")) as file:
            file.seek(start * KEYS.itemsize)
            return np.frombuffer(file.read((end - start) * KEYS.itemsize), KEYS)

    def _read_questions(self, number: int, records: set[int]) -> dict[int, str]:
        split, entry = self._entries[number]
        return ShardCheck(self._directory, self._recipe, split, entry, 0).read_questions(records)

    def _make_plan(self) -> SplitPlan | None:
        """Returns the plan of the recipe, None (and a fault) where it has none."""
        workspace = Workspace.of(self._staging, self._recipe.fingerprint())
        try:
            counts = EquationCounts(PreparedSources(self._recipe))
            count_equations(counts, workspace, self._execution, progress=self._progress, begin=workspace.begin_attempt)
            return plan_splits(counts)
        except UserError as error:
            self._faults.add("counts", layout.MANIFEST, f"its recipe cannot be planned: {error}")
            return None
