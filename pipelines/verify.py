"""Proves from the files alone that a dataset is what its recipe asks for, or says what is wrong with it.

| step | where | speaks of |
| --- | --- | --- |
| make the recipe's plan anew | Beam and driver | `counts` |
| check each shard: bytes, records, every equation computed anew | Beam | `files`, `contents`, `membership` |
| compare each shard with the equations planned for it, in their order | Beam | `plan` |
| compare files with manifest and `SHA256SUMS` | driver | `files` |
| look for repeated equations and for twins over all shards | Beam | `twins` |
| compare every number with the plan | driver | `counts` |

Equations are computed by `eqstream.pipelines.checks.bulk` and `eqstream.data.reference`, which share no code with the
writers; only the plan, which is what the recipe means, is the writers' own. Memory stays bounded: shards are read block
by block, and keys of equations are compared one part of their range at a time. The dataset is only read.
"""

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

from eqstream.data.dataset import layout
from eqstream.data.dataset.manifest import Manifest
from eqstream.data.errors import UserError
from eqstream.data.splits.equation_counts import EquationCounts
from eqstream.data.splits.plan import SplitPlan, plan_splits
from eqstream.data.splits.prepared_sources import PreparedSources
from eqstream.data.splits.strata import find_split_of_twins
from eqstream.pipelines.building.count_equations import count_equations
from eqstream.pipelines.building.staging import Workspace
from eqstream.pipelines.checks.counts import check_manifest, check_plan, check_recipe_facts
from eqstream.pipelines.checks.duplicates import choose_partitions
from eqstream.pipelines.checks.files import check_files, load_manifest
from eqstream.pipelines.checks.findings import Finding, Findings
from eqstream.pipelines.checks.report import VerifyReport, make_report
from eqstream.pipelines.checks.shard_stage import CheckShard, ShardStage, check_shards
from eqstream.pipelines.checks.twin_stage import SearchPartition, check_twins
from eqstream.pipelines.checks.workspace import open_workspace
from eqstream.pipelines.runtime import filesystem
from eqstream.pipelines.runtime.errors import RunError
from eqstream.pipelines.runtime.progress import Progress
from eqstream.pipelines.runtime.runner import Execution


def verify(
    directory: str | Path,
    *,
    workers: int = 1,
    pipeline_options: Sequence[str] = (),
    max_findings: int = 10,
    is_quick: bool = False,
    progress: Progress | None = None,
) -> VerifyReport:
    """Returns what can be proved of a dataset, and the first things that are wrong with it.

    One that was interrupted goes on where it was, see `eqstream.pipelines.checks.workspace`.

    Args:
        directory: of the dataset, on any filesystem that Beam knows.
        workers: processes of the local runner.
        pipeline_options: Beam's command line; a runner that is named there wins over `workers`, and one whose workers
            are on other machines needs `--temp_location`.
        max_findings: how many findings to describe; all are counted.
        is_quick: whether to compare sizes, checksums and counts alone, and leave the records.
        progress: is told how far the check is.

    Raises:
        DamagedManifestError: the manifest was cut or changed, so nothing can be checked.
        UserError: there is no dataset, one that this version cannot read, or one with folders that are links.
        RunError: a worker failed or was killed, which says nothing of the dataset.
    """
    source = filesystem.check_directory(str(directory))
    execution = Execution(arguments=tuple(pipeline_options), num_workers=workers)
    execution.prepare_process()
    manifest = load_manifest(source)
    with open_workspace(source, execution, is_quick=is_quick) as workspace:
        stage = ShardStage(
            directory=source,
            workspace=workspace,
            num_partitions=choose_partitions(manifest.num_records),
            max_findings=max_findings,
            is_quick=is_quick,
        )
        modules = [CheckShard.__module__, SearchPartition.__module__]
        with execution.with_processes(len(manifest.list_shards()), modules) as with_processes:
            return _verify(manifest, stage, execution=with_processes, progress=progress or Progress())


def _verify(manifest: Manifest, stage: ShardStage, *, execution: Execution, progress: Progress) -> VerifyReport:
    plan, unplanned = None, []
    if not stage.is_quick:
        plan, unplanned = _make_plan(manifest, stage.workspace, execution=execution, progress=progress)
    shards = check_shards(stage, manifest, plan=plan, execution=execution, progress=progress)
    reports = [shard.report for shard in shards]
    path_to_found = {path: found for report in reports for path, found in report.path_to_file.items()}
    files = check_files(stage.directory, manifest, path_to_found)

    def collect(*parts: Iterable[Finding]) -> Findings:
        return Findings.collect(itertools.chain(*parts), stage.max_findings)

    findings = [collect(unplanned, files.findings), *(report.findings for report in reports)]
    if stage.is_quick:
        findings.append(collect(check_recipe_facts(manifest)))
    else:
        edges = [shard.edges for shard in shards]
        twins = check_twins(stage, manifest, edges=edges, execution=execution, progress=progress)
        findings.append(collect(twins))
        findings.append(collect(check_manifest(manifest, reports), check_plan(manifest, plan) if plan else ()))
    joined = Findings.join(findings, stage.max_findings)
    return make_report(
        stage.directory, manifest, reports=reports, files=files, findings=joined, is_quick=stage.is_quick
    )


def _make_plan(
    manifest: Manifest, directory: str, *, execution: Execution, progress: Progress
) -> tuple[SplitPlan | None, list[Finding]]:
    """Returns the plan of the recipe, or why it has none; neither for a recipe that earlier versions could plan.

    Raises:
        RunError: counting has failed, which says nothing of the recipe.
    """
    if find_split_of_twins(manifest.recipe) is not None:
        return None, []
    workspace = Workspace.of(directory, manifest.recipe)
    try:
        counts = EquationCounts(PreparedSources(manifest.recipe))
        count_equations(counts, workspace, execution, progress=progress, begin=workspace.begin_attempt)
        return plan_splits(counts), []
    except RunError:
        raise
    except UserError as error:
        return None, [Finding("counts", layout.MANIFEST, f"its recipe cannot be planned: {error}")]
