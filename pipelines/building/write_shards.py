"""Writes shards with a Beam pipeline; each one is checked before it is kept, and has its final name only when whole.

Elements are tasks, never equations. What a worker does with a task depends on what lies in the directory: a file whose
checksum stands in the receipt of that very task is kept, all others are written anew, the receipt last.
"""

import contextlib
import threading
from dataclasses import dataclass
from typing import Any, BinaryIO

from eqstream.data.dataset.background import Background
from eqstream.data.dataset.layout import shard_path
from eqstream.data.dataset.shard_writer import ShardReceipt, ShardWriter
from eqstream.data.recipe import Recipe
from eqstream.data.splits.plan import ShardTask
from eqstream.data.splits.prepared_sources import PreparedSources
from eqstream.data.versions import shard_versions
from eqstream.pipelines.building.receipts import read_receipt, write_receipt
from eqstream.pipelines.building.recipe_work import RecipeWork
from eqstream.pipelines.building.staging import GO_ON, Workspace
from eqstream.pipelines.runtime import filesystem
from eqstream.pipelines.runtime.progress import Progress
from eqstream.pipelines.runtime.runner import Execution, report_failures

# The system keeps the first shards that the workers of this machine write in memory, for who reads them next; a runner
# that the user named may have as much kept by each process. Keeping all of a large dataset pushes out what other
# programs read, and new memory for it can cost more than all that is computed.
KEPT_IN_MEMORY_BYTES = 256 << 20


def share_kept_bytes(num_workers: int, num_shards: int) -> int:
    """Returns how much of what a worker writes may stay in memory, of so many workers that share so many shards."""
    return KEPT_IN_MEMORY_BYTES // max(1, min(num_workers, num_shards))


@dataclass(frozen=True, kw_only=True)
class ShardJob:
    """One shard to write or to check.

    Args:
        task: which equations.
        known_files: format to the mapping of a `FileInfo`, from the manifest of a finished build, if there is one.
    """

    task: ShardTask
    known_files: dict[str, dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Returns the job as JSON types."""
        return {"task": self.task.to_dict(), "known_files": self.known_files}

    @classmethod
    def from_dict(cls, mapping: dict[str, Any]) -> "ShardJob":
        """Returns the job that `to_dict` spelled out."""
        return cls(task=ShardTask.from_dict(mapping["task"]), known_files=mapping["known_files"])


class WriteShard(RecipeWork):
    """Writes what is missing of a shard, whose job is an element."""

    def __init__(self, recipe: Recipe, workspace: Workspace, execution: Execution, num_elements: int) -> None:
        super().__init__(recipe, workspace, execution, num_elements)
        self._has_more_cores = execution.has_more_cores(num_elements)
        self._num_kept_bytes = share_kept_bytes(execution.num_workers, num_elements)

    def prepare(self, sources: PreparedSources) -> None:
        """Builds the writer's tables."""
        has_threads = self._num_threads == 1 and self._has_more_cores
        self._keeper = ShardKeeper(
            sources, self._workspace, has_threads=has_threads, num_kept_bytes=self._num_kept_bytes
        )

    def work(self, element: dict[str, Any]) -> None:
        """Writes files and receipt, and marks the shard as done."""
        job = ShardJob.from_dict(element)
        with report_failures(f"shard {job.task.name}", GO_ON):
            try:
                written = self._keeper.complete(job)
                filesystem.write_bytes(self._workspace.done_path(job.task.name), " ".join(written).encode())
            except OSError:
                # Another build that took over deletes the files of this one, and that is what there is to say.
                self._workspace.check_attempt()
                raise


class ShardKeeper:
    """Keeps the shards of a recipe whole; several threads may do so at the same time.

    Args:
        sources: of the recipe.
        workspace: of the build.
        has_threads: see `ShardWriter`.
        num_kept_bytes: how much of what is written may stay in the system's memory, beside what is on the disk.
    """

    def __init__(
        self, sources: PreparedSources, workspace: Workspace, *, has_threads: bool, num_kept_bytes: int
    ) -> None:
        self._recipe = sources.recipe
        self._workspace = workspace
        self._writer = ShardWriter(sources.recipe, sources, has_threads=has_threads)
        self._to_disk = Background()
        self._num_kept_bytes, self._num_bytes = num_kept_bytes, 0
        # Of both.
        self._disk_lock = threading.Lock()

    def complete(self, job: ShardJob) -> list[str]:
        """Brings the files and the receipt of a shard to what the recipe asks for.

        Returns:
            The formats that had to be written.

        Raises:
            OSError: a file could not be written; nothing half written is left.
            UserError: the build has been stopped meanwhile.
        """
        workspace, task, tools = self._workspace, job.task, shard_versions()
        workspace.check_attempt()
        receipt = read_receipt(workspace, task, tools)
        files = {
            file_format: file
            for file_format, file in (receipt["files"] if receipt else job.known_files).items()
            if file_format in self._recipe.storage.formats
            and filesystem.has_contents(self._final_path(task, file_format), file["num_bytes"], file["sha256"])
        }
        missing = [file_format for file_format in self._recipe.storage.formats if file_format not in files]
        if missing or receipt is None:
            # A receipt tells more than checksums, so without one the equations are computed even if no file is missing.
            fresh = self._write(task, missing).to_dict()
            write_receipt(workspace, task, tools=tools, receipt={**fresh, "files": {**files, **fresh["files"]}})
        return missing

    def _write(self, task: ShardTask, formats: list[str]) -> ShardReceipt:
        format_to_temporary = {
            file_format: self._workspace.temporary_path(f"{task.name}.{file_format}") for file_format in formats
        }
        files: dict[str, BinaryIO] = {}
        try:
            for file_format, path in format_to_temporary.items():
                files[file_format] = filesystem.create(path)
            receipt = self._writer.write(task, files)
            for file in files.values():
                file.close()
            self._workspace.check_attempt()
            finals = [self._final_path(task, file_format) for file_format in formats]
            filesystem.publish(dict(zip(format_to_temporary.values(), finals, strict=True)))
        except BaseException:
            for file in files.values():
                # What it still holds may not be writable either.
                with contextlib.suppress(OSError):
                    file.close()
            filesystem.delete_files(format_to_temporary.values())
            raise
        with self._disk_lock:
            self._num_bytes += sum(file["num_bytes"] for file in receipt.files.values())
            self._to_disk.run(_start_syncing, finals, self._num_bytes > self._num_kept_bytes)
        return receipt

    def _final_path(self, task: ShardTask, file_format: str) -> str:
        compression = self._recipe.storage.compression
        return self._workspace.path(
            shard_path(
                file_format,
                task.split,
                shard_index=task.shard_index,
                num_shards=task.num_shards,
                compression=compression,
            )
        )


def _start_syncing(paths: list[str], is_uncached: bool) -> None:
    """Brings files to the disk beside what is computed next; whoever closes the dataset syncs them once more."""
    with contextlib.suppress(OSError):
        filesystem.sync_files(paths, is_uncached=is_uncached)


def write_shards(
    recipe: Recipe, workspace: Workspace, jobs: list[ShardJob], *, execution: Execution, progress: Progress
) -> set[str]:
    """Writes or checks all shards.

    Returns:
        The names of those that were kept as they were.
    """
    name_to_size = {job.task.name: job.task.records.num_records for job in jobs}
    write = WriteShard(recipe, workspace, execution, len(jobs))

    def watch() -> None:
        done = workspace.done_shards().keys() & name_to_size.keys()
        progress.show(len(done), sum(name_to_size[name] for name in done))

    with progress.stage("writing", len(jobs), num_equations=sum(name_to_size.values())):
        write.run((job.to_dict() for job in jobs), create_label="ListShards", label="WriteShard", watch=watch)
    # The mark of a shard names the formats that were written.
    return {name for name, num_bytes in workspace.done_shards().items() if num_bytes == 0}
