"""Builds a dataset: count where counting is needed, plan, write shards, and say what has been written.

| step | where | leaves |
| --- | --- | --- |
| look at the directory, refuse what is not ours | driver | nothing |
| count what has no closed form | Beam | `.build/counts/` |
| plan splits and shards | driver | `.build/build.json` |
| write or check each shard | Beam | shards, `.build/receipts/` |
| metadata, checksums, manifest, `_SUCCESS` | driver | the dataset; `.build` is gone |

Any step may be interrupted at any moment; the same command again goes on and ends in the same bytes.

``python -m eqstream.pipelines.build RECIPE --out DIR [OPTIONS]`` is `eqstream build`, except that options which it does
not know go to Beam without a ``--`` before them.
"""

import contextlib
import dataclasses
import difflib
import functools
import importlib
import sys

if __name__ == "__main__":
    # The whole command line, before Beam is imported, which logs as it is. By name: pipelines know no command line.
    command_line = importlib.import_module("eqstream.cli")
    command_line.commands.commands["build"].context_settings["ignore_unknown_options"] = True
    command_line.main(["build", *sys.argv[1:]])

from collections.abc import Iterator, Sequence
from pathlib import Path

from eqstream.data.configuration import to_mapping
from eqstream.data.dataset.layout import MANIFEST, STAGING, SUCCESS
from eqstream.data.dataset.manifest import Manifest
from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe
from eqstream.data.splits.equation_counts import EquationCounts
from eqstream.data.splits.plan import ShardTask, SplitPlan, plan_splits
from eqstream.data.splits.prepared_sources import PreparedSources
from eqstream.data.splits.requests import check_requests
from eqstream.data.versions import shard_versions
from eqstream.pipelines.building.count_equations import count_equations
from eqstream.pipelines.building.count_steps import count_steps
from eqstream.pipelines.building.damage import Damage, find_damage
from eqstream.pipelines.building.disk_space import check_disk_space, find_most_equations
from eqstream.pipelines.building.finalize import close_dataset, close_repaired
from eqstream.pipelines.building.journal import Journal
from eqstream.pipelines.building.output_directory import OutputDirectory
from eqstream.pipelines.building.result import BuildResult
from eqstream.pipelines.building.staging import GO_ON, StoppedError, Workspace
from eqstream.pipelines.building.write_shards import ShardJob, WriteShard, write_shards
from eqstream.pipelines.estimation.classes import list_notes_on_classes
from eqstream.pipelines.estimation.shares import shares_by_split, shares_of_manifest
from eqstream.pipelines.estimation.split_notes import list_notes_by_split
from eqstream.pipelines.runtime import filesystem
from eqstream.pipelines.runtime.errors import RunError
from eqstream.pipelines.runtime.progress import Progress
from eqstream.pipelines.runtime.runner import Execution


def build(
    recipe: Recipe,
    directory: str | Path,
    *,
    workers: int = 1,
    pipeline_options: Sequence[str] = (),
    overwrite: bool = False,
    force: bool = False,
    only: str | None = None,
    progress: Progress | None = None,
) -> BuildResult:
    """Makes the directory the dataset of the recipe, or goes on with making it.

    The bytes depend on the recipe alone: not on the runner, the workers, the order or interruptions.

    Args:
        recipe: what to build.
        directory: a path on any filesystem that Beam knows; need not be there.
        workers: processes of the local runner.
        pipeline_options: Beam's command line; a runner named there wins over `workers`.
        overwrite: replace a dataset of another recipe; removes files that builds have written and no others.
        force: begin even if the disk has no room for what is estimated.
        only: the name of one shard, such as ``train-00003``, to write alone.
        progress: is told how far the build is.

    Raises:
        UserError: the recipe asks for the impossible, the directory is not ours or of another recipe, or a file
            cannot be written. What was finished stays, and the same call again goes on from there.
        KeyboardInterrupt: after Ctrl-C; workers stop before their next shard.
    """
    target = filesystem.check_directory(str(directory))
    execution = Execution(arguments=tuple(pipeline_options), num_workers=workers)
    execution.prepare_process()
    with _explain_file_errors(target):
        found = OutputDirectory.inspect(target, overwrite=overwrite)
        if not overwrite:
            found.refuse_other_recipe(recipe)
        damage = None
        if found.manifest is not None and not overwrite and only is None and found.holds(recipe):
            damage = find_damage(target, found.manifest, progress or Progress())
            if not damage.paths:
                found.refuse_foreign_shards({file.path for _, _, file in found.manifest.list_files()})
                return _finish_again(found, recipe, is_hashed=damage.is_hashed)
            found.refuse_older_format(recipe, damage.paths)
        attempt = _Build(recipe, execution, found, overwrite=overwrite, damage=damage, progress=progress or Progress())
        return attempt.run(only, force=force)


class _Build:
    """One attempt at a build of a directory that may be written to."""

    def __init__(
        self,
        recipe: Recipe,
        execution: Execution,
        found: OutputDirectory,
        *,
        overwrite: bool,
        damage: Damage | None,
        progress: Progress,
    ) -> None:
        self._recipe = recipe
        self._execution = execution
        self._found = found
        self._is_replacing = overwrite and found.latest is not None
        self._damage = damage
        self._progress = progress
        self._workspace = Workspace.of(found.path, recipe)

    def run(self, only: str | None, *, force: bool) -> BuildResult:
        """Builds, and if that fails leaves what a later attempt can go on from, or nothing at all."""
        with self._cleaning_up():
            counts = EquationCounts(PreparedSources(self._recipe))
            check_requests(counts)
            check_disk_space(
                self._recipe,
                self._found.path,
                counts.sources.space,
                only_one_shard=only is not None,
                force=force,
                progress=self._progress,
            )
            with self._execution.with_processes(self._most_shards(counts, only), [WriteShard.__module__]) as execution:
                plan = self._make_plan(counts, execution)
                tasks = plan.shards if only is None else (select_shard(plan, only),)
                self._begin_writing(plan)
                jobs = self._list_jobs(tasks)
                kept = {task.name for task in tasks} - {job.task.name for job in jobs}
                kept |= write_shards(self._recipe, self._workspace, jobs, execution=execution, progress=self._progress)
            # Whoever has taken over writes the rest, and must not lose its own journal and token to this attempt.
            self._workspace.check_attempt()
            result = self._describe(tasks, num_kept=len(kept))
            if only is None:
                manifest = self._close(plan, jobs)
                self._workspace.check_attempt()
                result = self._describe_whole(result, manifest, counts=counts, plan=plan)
            is_finished = self._end(is_whole=only is None)
        return dataclasses.replace(result, state="built" if is_finished else "partial")

    def _most_shards(self, counts: EquationCounts, only: str | None) -> int:
        if only is not None:
            return 1
        # The last shard of each split may have less than its share.
        most_equations = find_most_equations(self._recipe, counts.sources.space)
        return most_equations // self._recipe.storage.shard_size + len(self._recipe.splits)

    def _describe(self, tasks: Sequence[ShardTask], *, num_kept: int) -> BuildResult:
        """Returns what there is to say of the shards alone."""
        has_steps = self._recipe.steps is not None
        return BuildResult(
            directory=self._found.path,
            state="partial",
            num_shards=len(tasks),
            num_shards_kept=num_kept,
            num_equations=sum(task.num_equations for task in tasks),
            num_steps=sum(task.records.num_records for task in tasks) if has_steps else None,
            num_steps_left_out=sum(task.num_steps_left_out for task in tasks) if has_steps else None,
            format_version=self._recipe.format_version,
            repaired=self._damage.paths if self._damage else (),
        )

    def _describe_whole(
        self, result: BuildResult, manifest: Manifest, *, counts: EquationCounts, plan: SplitPlan
    ) -> BuildResult:
        """Returns the result with what there is to say of a whole dataset."""
        shares = shares_of_manifest(manifest)
        # Of steps, the manifest counts the terms of lines.
        by_split = {} if self._recipe.steps else shares_by_split(manifest)
        notes = (
            *shares.list_notes(),
            *(list_notes_by_split(self._recipe, by_split) if by_split else ()),
            *list_notes_on_classes(counts, plan.splits),
        )
        num_left_out = sum(split.num_left_out for split in plan.splits)
        return dataclasses.replace(result, shares=shares, notes=notes, num_left_out=num_left_out)

    def _make_plan(self, counts: EquationCounts, execution: Execution) -> SplitPlan:
        has_begun = count_equations(
            counts, self._workspace, execution, progress=self._progress, begin=self._begin_counting
        )
        plan = plan_splits(counts)
        if self._recipe.steps is not None:
            plan, has_begun_now = count_steps(
                plan,
                self._recipe,
                self._workspace,
                execution=execution,
                progress=self._progress,
                begin=None if has_begun else self._begin_counting,
            )
            has_begun = has_begun or has_begun_now
        if has_begun:
            # Another build may have taken over while this one counted.
            self._workspace.check_attempt()
        return plan

    def _begin_counting(self) -> None:
        if self._found.latest is None:
            self._journal({}).save(self._found.path)
        self._workspace.begin_attempt()

    def _begin_writing(self, plan: SplitPlan) -> None:
        """Notes what is going to be written, and removes what an earlier build has left."""
        journal = self._journal({task.split: task.num_shards for task in plan.shards})
        stale = self._found.journal.stale if self._found.journal else ()
        if self._is_replacing:
            stale = self._found.owned_files()
        self._found.refuse_other_kinds(journal.paths())
        self._found.refuse_foreign_shards({*journal.paths(), *stale})
        if stale:
            # From here on the directory is of this recipe, and a build that is interrupted goes on removing.
            journal.with_stale(stale).save(self._found.path)
            filesystem.delete_files(self._workspace.path(path) for path in stale)
            filesystem.delete_tree(self._workspace.staged("receipts"))
        journal.save(self._found.path)
        self._workspace.begin_attempt()

    def _journal(self, num_shards: dict[str, int]) -> Journal:
        recipe = self._recipe
        return Journal(
            recipe=recipe.to_dict(),
            fingerprint=recipe.fingerprint(),
            format_version=recipe.format_version,
            num_shards=num_shards,
        )

    def _list_jobs(self, tasks: Sequence[ShardTask]) -> list[ShardJob]:
        """Returns the tasks that have to be looked at, with what the manifest in the directory says of their files."""
        manifest = self._trusted_manifest
        if manifest is None:
            return [ShardJob(task=task, known_files={}) for task in tasks]
        known_files: dict[str, dict] = {}
        for shard, file_format, file in manifest.list_files():
            known_files.setdefault(shard, {})[file_format] = to_mapping(file)
        if self._damage is not None:
            damaged = {shard for shard, _, file in manifest.list_files() if file.path in self._damage.paths}
            tasks = [task for task in tasks if task.name in damaged]
        return [ShardJob(task=task, known_files=known_files.get(task.name, {})) for task in tasks]

    @functools.cached_property
    def _trusted_manifest(self) -> Manifest | None:
        """The manifest in the directory, if shards that are written today have the bytes that it tells of."""
        manifest = self._found.manifest
        is_damaged = self._damage is not None and not self._damage.is_manifest_whole
        if manifest is None or is_damaged or self._is_replacing:
            return None
        return manifest if manifest.tools.items() >= shard_versions().items() else None

    def _close(self, plan: SplitPlan, jobs: Sequence[ShardJob]) -> Manifest:
        if self._damage is None or self._trusted_manifest is None:
            return close_dataset(self._recipe, self._workspace, plan)
        return close_repaired(self._workspace, self._trusted_manifest, [job.task for job in jobs])

    def _end(self, *, is_whole: bool) -> bool:
        """Ends the attempt, and returns whether the directory is a finished dataset.

        Args:
            is_whole: whether it must be.

        Raises:
            RunError: it is not, though it must be.
        """
        left = OutputDirectory.inspect(self._found.path)
        if left.is_finished(self._recipe):
            self._workspace.remove()
            return True
        self._workspace.end_attempt()
        if is_whole:
            path = left.first_missing(left.manifest) if left.manifest else MANIFEST
            raise RunError(f"{left.path}: {path} was changed or removed while the build ran; {GO_ON}")
        return False

    @contextlib.contextmanager
    def _cleaning_up(self) -> Iterator[None]:
        first_missing = filesystem.first_missing(self._found.path)
        try:
            yield
        except BaseException as error:
            # A second error in here must not hide the first.
            with contextlib.suppress(OSError, UserError):
                self._clean_up(error, first_missing)
            if isinstance(error, OSError) and self._workspace.has_other_attempts():
                raise UserError(
                    f"another build of {self._found.path} took over, and removed this one's files"
                ) from error
            raise

    def _clean_up(self, error: BaseException, first_missing: str | None) -> None:
        """Leaves what a later attempt can go on from, or nothing at all; what another attempt works on stays."""
        if self._workspace.has_other_attempts():
            return
        self._workspace.end_attempt()
        # What another attempt has counted and left to go on from says nothing against the recipe.
        is_refused = isinstance(error, UserError) and not isinstance(error, (RunError, StoppedError))
        if self._workspace.has_results() and not is_refused:
            return
        latest = self._found.latest
        is_own = latest is None or latest.fingerprint == self._recipe.fingerprint()
        files = filesystem.list_files(self._found.path)
        has_journal = Journal.load(self._found.path) is not None
        if not has_journal or (is_own and all(path.startswith(f"{STAGING}/") for path in files)):
            self._workspace.remove()
            if first_missing:
                filesystem.delete_if_empty(first_missing)


def select_shard(plan: SplitPlan, name: str) -> ShardTask:
    """Returns the task of a shard, named as ``train-00003`` or as ``train-00003-of-00010``.

    Raises:
        UserError: the plan has no such shard.
    """
    name_to_task = {task.name: task for task in plan.shards}
    name_to_task |= {f"{task.split}-{task.shard_index:05d}": task for task in plan.shards}
    if name not in name_to_task:
        near = difflib.get_close_matches(name, name_to_task, n=1)
        hint = f"; did you mean `{near[0]}`?" if near else ""
        raise UserError(f"the dataset has no shard `{name}`{hint}")
    return name_to_task[name]


def _finish_again(found: OutputDirectory, recipe: Recipe, *, is_hashed: bool) -> BuildResult:
    """Does what a build that ended at its very end may have left undone."""
    assert found.manifest is not None
    workspace = Workspace.of(found.path, recipe)
    is_marked = filesystem.read_bytes(workspace.path(SUCCESS)) is not None
    if not is_marked:
        filesystem.write_bytes(workspace.path(SUCCESS), b"", workspace.temporary_path(SUCCESS))
    # An attempt that counts for another recipe has no journal yet.
    if not is_marked or found.journal is not None or not workspace.has_other_attempts():
        workspace.remove()
    num_shards, shares = len(found.manifest.list_shards()), shares_of_manifest(found.manifest)
    return BuildResult(
        directory=found.path,
        state="unchanged",
        num_shards=num_shards,
        num_shards_kept=num_shards,
        num_equations=found.manifest.num_equations,
        num_left_out=sum(split.num_left_out for split in found.manifest.splits.values()),
        shares=shares,
        notes=tuple(shares.list_notes()),
        num_steps=None if recipe.steps is None else found.manifest.num_records,
        num_steps_left_out=found.manifest.num_steps_left_out,
        format_version=found.manifest.format_version,
        is_hashed=is_hashed,
    )


@contextlib.contextmanager
def _explain_file_errors(directory: str) -> Iterator[None]:
    try:
        yield
    except UserError:
        # One of them is of files, too, and says all.
        raise
    except OSError as error:
        line = filesystem.describe_error(error)
        raise UserError(line if directory in line else f"{directory}: {line}") from error
