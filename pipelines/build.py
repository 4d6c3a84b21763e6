"""Builds a dataset: count where counting is needed, plan, write shards, and say what has been written.

| step | where | leaves |
| --- | --- | --- |
| look at the directory, refuse what is not ours | driver | nothing |
| count what has no closed form | Beam | `.build/counts/` |
| plan splits and shards | driver | `.build/build.json` |
| write or check each shard | Beam | shards, `.build/receipts/` |
| metadata, checksums, manifest, `_SUCCESS` | driver | the dataset; `.build` is gone |

Any step may be interrupted at any moment; the same command again goes on and ends in the same bytes. Also a command:
``python -m eqstream.pipelines.build RECIPE --out DIR [options of ours and of Beam]``.
"""

import argparse
import contextlib
import difflib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from eqstream.data.dataset.layout import STAGING, SUCCESS
from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe, load_recipe
from eqstream.data.splits.counting import Census
from eqstream.data.splits.plan import ShardTask, SplitPlan, plan_splits
from eqstream.data.versions import shard_versions
from eqstream.pipelines.building.count_equations import count_equations
from eqstream.pipelines.building.disk_space import check_disk_space
from eqstream.pipelines.building.finalize import close_dataset
from eqstream.pipelines.building.output_directory import Found, Journal, refuse_strangers
from eqstream.pipelines.building.staging import Workspace
from eqstream.pipelines.building.write_shards import ShardJob, write_shards
from eqstream.pipelines.runtime import filesystem
from eqstream.pipelines.runtime.progress import Progress, progress_on
from eqstream.pipelines.runtime.runner import Execution, RunError


@dataclass(frozen=True, kw_only=True)
class BuildResult:
    """What a build has done.

    Args:
        directory: the dataset.
        state: `built`: shards were written and the dataset is complete; `unchanged`: it was complete before;
            `partial`: the one shard that was asked for is there, and the directory is no dataset yet.
        num_shards: of the dataset, or 1.
        num_shards_kept: shards that lay there whole and were kept.
        num_equations: in all these shards.
    """

    directory: str
    state: Literal["built", "unchanged", "partial"]
    num_shards: int
    num_shards_kept: int
    num_equations: int

    def to_text(self) -> str:
        """Returns the result as one line."""
        shards = "1 shard" if self.num_shards == 1 else f"{self.num_shards:,} shards"
        if self.state == "unchanged":
            return f"{self.directory} is finished: {self.num_equations:,} equations in {shards}; nothing to do"
        kept = f", {self.num_shards_kept:,} of them kept from before" if self.num_shards_kept else ""
        aside = "; build without `only` to make it a dataset" if self.state == "partial" else ""
        return f"{self.directory}: {self.num_equations:,} equations in {shards}{kept}{aside}"


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
        force: begin even if the disk has not the space for what is estimated.
        only: the name of one shard, such as ``train-00003``, to write alone.
        progress: is told how far the build is.

    Raises:
        UserError: the recipe asks for the impossible, the directory is not ours or of another recipe, or a file
            cannot be written. What was finished stays, and the same call again goes on from there.
        KeyboardInterrupt: after Ctrl-C; workers stop before their next shard.
    """
    target = filesystem.check_directory(str(directory))
    execution = Execution(arguments=tuple(pipeline_options), num_workers=workers)
    execution.configure_filesystems()
    with _explain_file_errors(target):
        found = Found.in_directory(target, overwrite=overwrite)
        if not overwrite:
            found.refuse_other_recipe(recipe)
            if only is None and found.is_finished(recipe):
                return _finish_again(found, recipe)
        attempt = _Build(recipe, execution, found, overwrite=overwrite, force=force, progress=progress or Progress())
        return attempt.run(only)


class _Build:
    """One attempt at a build of a directory that may be written to."""

    def __init__(
        self, recipe: Recipe, execution: Execution, found: Found, *, overwrite: bool, force: bool, progress: Progress
    ) -> None:
        self._recipe = recipe
        self._execution = execution
        self._found = found
        self._is_replacing = overwrite and found.latest is not None
        self._force = force
        self._progress = progress
        self._workspace = Workspace.of(found.directory, recipe.fingerprint())
        self._has_journal = found.journal is not None
        self._has_begun = False

    def run(self, only: str | None) -> BuildResult:
        with self._cleaning_up():
            census = Census(self._recipe)
            self._check_disk_space(census, only)
            count_equations(
                census, self._workspace, self._execution, progress=self._progress, begin=self._begin_counting
            )
            plan = plan_splits(self._recipe, census)
            tasks = plan.shards if only is None else (select_shard(plan, only),)
            self._begin_writing(plan)
            jobs = self._list_jobs(tasks)
            kept = write_shards(self._recipe, self._workspace, jobs, self._execution, self._progress)
            # Whoever has taken over writes the rest, and must not lose its own journal and token to this attempt.
            self._workspace.check_attempt()
            if only is None:
                close_dataset(self._recipe, self._workspace, plan)
                self._workspace.check_attempt()
            is_finished = Found.in_directory(self._found.directory).is_finished(self._recipe)
            if is_finished:
                self._workspace.remove()
            else:
                self._workspace.end_attempt()
        return BuildResult(
            directory=self._found.directory,
            state="built" if is_finished else "partial",
            num_shards=len(tasks),
            num_shards_kept=len(kept),
            num_equations=sum(task.num_equations for task in tasks),
        )

    def _check_disk_space(self, census: Census, only: str | None) -> None:
        check_disk_space(
            self._recipe,
            self._found.directory,
            census,
            only_one_shard=only is not None,
            force=self._force,
            progress=self._progress,
        )

    def _begin_counting(self) -> None:
        if self._found.latest is None:
            self._save(self._journal({}))
        self._begin_attempt()

    def _begin_attempt(self) -> None:
        self._workspace.begin_attempt()
        self._has_begun = True

    def _begin_writing(self, plan: SplitPlan) -> None:
        """Notes what is going to be written, and removes what an earlier build has left."""
        if self._has_begun:
            # Another build may have taken over while this one counted.
            self._workspace.check_attempt()
        journal = self._journal({task.split: task.num_shards for task in plan.shards})
        stale = self._found.journal.stale if self._found.journal else ()
        if self._is_replacing:
            stale = self._found.owned_files()
        refuse_strangers(self._found.directory, {*journal.paths(), *stale})
        if stale:
            # From here on the directory is of this recipe, and a build that is interrupted goes on removing.
            self._save(journal.with_stale(stale))
            filesystem.delete_files(self._workspace.path(path) for path in stale)
            filesystem.delete_tree(self._workspace.staged("receipts"))
        self._save(journal)
        self._begin_attempt()

    def _journal(self, num_shards: dict[str, int]) -> Journal:
        recipe = self._recipe
        return Journal(recipe=recipe.to_dict(), fingerprint=recipe.fingerprint(), num_shards=num_shards)

    def _save(self, journal: Journal) -> None:
        journal.save(self._found.directory)
        self._has_journal = True

    def _list_jobs(self, tasks: Sequence[ShardTask]) -> list[ShardJob]:
        """Returns the tasks with what a finished dataset's manifest says of their files, if the tools are the same."""
        known_files: dict[str, dict] = {}
        manifest = self._found.manifest
        if manifest is not None and not self._is_replacing and manifest.tools.items() >= shard_versions().items():
            for shard, format, file in manifest.list_files():
                known_files.setdefault(shard, {})[format] = {"num_bytes": file.num_bytes, "sha256": file.sha256}
        return [ShardJob(task=task, known_files=known_files.get(task.name, {})) for task in tasks]

    @contextlib.contextmanager
    def _cleaning_up(self) -> Iterator[None]:
        first_missing = filesystem.first_missing(self._found.directory)
        try:
            yield
        except BaseException as error:
            # A second error in here must not hide the first.
            with contextlib.suppress(OSError):
                self._clean_up(error, first_missing)
            raise

    def _clean_up(self, error: BaseException, first_missing: str | None) -> None:
        """Leaves what a later attempt can go on from, or nothing at all; what another attempt works on stays."""
        if self._workspace.is_taken_over() if self._has_begun else self._workspace.has_attempts():
            return
        self._workspace.end_attempt()
        is_refused = isinstance(error, UserError) and not isinstance(error, RunError)
        if self._workspace.has_results() and not is_refused:
            return
        is_fresh = self._found.latest is None
        files = filesystem.list_files(self._found.directory)
        if not self._has_journal or (is_fresh and all(path.startswith(f"{STAGING}/") for path in files)):
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


def _finish_again(found: Found, recipe: Recipe) -> BuildResult:
    """Does what a build that ended at its very end may have left undone."""
    assert found.manifest is not None
    workspace = Workspace.of(found.directory, recipe.fingerprint())
    is_marked = filesystem.read_bytes(workspace.path(SUCCESS)) is not None
    if not is_marked:
        filesystem.write_bytes(workspace.path(SUCCESS), b"", workspace.temporary_path(SUCCESS))
    # An attempt that counts for another recipe has no journal yet.
    if not is_marked or found.journal is not None or not workspace.has_attempts():
        workspace.remove()
    num_shards = len(found.manifest.list_shards())
    return BuildResult(
        directory=found.directory,
        state="unchanged",
        num_shards=num_shards,
        num_shards_kept=num_shards,
        num_equations=found.manifest.num_equations,
    )


@contextlib.contextmanager
def _explain_file_errors(directory: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        line = filesystem.describe_error(error)
        raise UserError(line if directory in line else f"{directory}: {line}") from error


def parse_arguments(arguments: Sequence[str] | None) -> tuple[argparse.Namespace, list[str]]:
    """Returns our own arguments, and those for Beam."""
    parser = argparse.ArgumentParser(
        prog="python -m eqstream.pipelines.build",
        description="Builds the dataset of a recipe; arguments that are not listed here go to Beam.",
        allow_abbrev=False,
    )
    parser.add_argument("recipe", help="a YAML file or the name of a shipped recipe")
    parser.add_argument("--out", required=True, help="the dataset's directory, on any filesystem that Beam knows")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--format", dest="formats", metavar="FORMATS", help="tfrecord, parquet or tfrecord,parquet")
    parser.add_argument("--workers", type=int, default=1, help="processes of the local runner")
    parser.add_argument("--only", metavar="SHARD", help="write one shard alone, such as train-00003")
    parser.add_argument("--overwrite", action="store_true", help="replace a dataset of another recipe")
    parser.add_argument("--force", action="store_true", help="begin even if the disk has not the space")
    return parser.parse_known_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds what the command line asks for; returns the exit status."""
    ours, beam_arguments = parse_arguments(arguments)
    overrides = ours.overrides if ours.formats is None else [*ours.overrides, f"storage.formats=[{ours.formats}]"]
    try:
        result = build(
            load_recipe(ours.recipe, overrides),
            ours.out,
            workers=ours.workers,
            pipeline_options=beam_arguments,
            overwrite=ours.overwrite,
            force=ours.force,
            only=ours.only,
            progress=progress_on(sys.stderr),
        )
    except UserError as error:
        print(f"eqstream.pipelines.build: error: {error}", file=sys.stderr)
        return 2
    print(result.to_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
