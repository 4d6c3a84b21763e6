"""Makes finished shards a dataset: reads the receipts, checks that none is missing, writes what goes with the shards.

Order matters: metadata and checksums first, the manifest after them, `_SUCCESS` last. Before the manifest is written
all other files are on the disk: what it lists is whole after a power failure, too.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from eqstream.data.dataset import layout
from eqstream.data.dataset.manifest import Manifest, sha256_of
from eqstream.data.dataset.manifest_maker import make_manifest
from eqstream.data.dataset.shard_writer import ShardReceipt
from eqstream.data.recipe import Recipe
from eqstream.data.splits.plan import ShardTask, SplitPlan
from eqstream.data.versions import shard_versions
from eqstream.pipelines.building.receipts import read_receipt, read_receipt_tools
from eqstream.pipelines.building.staging import Workspace
from eqstream.pipelines.metadata.checksums import render_checksums
from eqstream.pipelines.metadata.render import render_metadata
from eqstream.pipelines.runtime import filesystem
from eqstream.pipelines.runtime.errors import RunError

NUM_READERS = 8


def close_dataset(recipe: Recipe, workspace: Workspace, plan: SplitPlan) -> Manifest:
    """Writes metadata, checksums, manifest and `_SUCCESS`; all shards must have been written. Returns the manifest.

    Raises:
        RunError: a shard or its receipt is missing, whatever the runner said.
    """
    manifest = make_manifest(recipe, plan, load_receipts(workspace, plan.shards))
    _write_papers(workspace, manifest)
    return manifest


def close_repaired(workspace: Workspace, manifest: Manifest, tasks: Sequence[ShardTask]) -> Manifest:
    """Writes what `close_dataset` writes, for a dataset of which some shards were written again; returns its manifest.

    Args:
        workspace: of the build.
        manifest: of the dataset; it stays as it is.
        tasks: the shards that were written again.

    Raises:
        RunError: a receipt is missing, or a shard has not come out as the manifest tells.
    """
    receipts = load_receipts(workspace, tasks)
    for shard, file_format, file in manifest.list_files():
        if shard in receipts and receipts[shard].files[file_format]["sha256"] != file.sha256:
            raise RunError(
                f"{file.path} has other bytes now than when the dataset was built; give --overwrite to write all of "
                "its files anew"
            )
    _write_papers(workspace, manifest)
    return manifest


def _write_papers(workspace: Workspace, manifest: Manifest) -> None:
    path_to_contents = {**render_metadata(manifest), layout.MANIFEST: manifest.to_bytes()}
    path_to_sha256 = {path: sha256_of(contents) for path, contents in path_to_contents.items()}
    path_to_sha256 |= {file.path: file.sha256 for _, _, file in manifest.list_files()}
    path_to_contents |= {layout.CHECKSUMS: render_checksums(path_to_sha256)}
    manifest_contents = path_to_contents.pop(layout.MANIFEST)
    # The mark of an earlier end must not stand beside the metadata of today.
    filesystem.delete_files([workspace.path(layout.SUCCESS)])
    for path, contents in path_to_contents.items():
        _write(workspace, path, contents)
    shards = [file.path for _, _, file in manifest.list_files()]
    filesystem.sync_files(workspace.path(path) for path in (*path_to_contents, *shards))
    _write(workspace, layout.MANIFEST, manifest_contents, is_durable=True)
    _write(workspace, layout.SUCCESS, b"")


def _write(workspace: Workspace, path: str, contents: bytes, *, is_durable: bool = False) -> None:
    filesystem.write_bytes(workspace.path(path), contents, workspace.temporary_path(path), is_durable=is_durable)


def load_receipts(workspace: Workspace, tasks: Sequence[ShardTask]) -> dict[str, ShardReceipt]:
    """Returns the receipts of shards by their names, in their order.

    Raises:
        RunError: a receipt is missing, is of other versions of tools than this machine has, or tells of another number
            of records.
    """
    tools = shard_versions()
    with ThreadPoolExecutor(NUM_READERS) as pool:
        receipts = list(pool.map(lambda task: read_receipt(workspace, task, tools), tasks))
    name_to_receipt = {}
    for task, receipt in zip(tasks, receipts, strict=True):
        if receipt is None or receipt["num_records"] != task.records.num_records:
            _refuse_other_tools(tools, read_receipt_tools(workspace, task), task.name)
            raise RunError(f"the runner ended without shard {task.name}; run the same command again")
        name_to_receipt[task.name] = ShardReceipt.from_dict(receipt)
    return name_to_receipt


def _refuse_other_tools(ours: Mapping[str, str], theirs: Mapping[str, str] | None, shard: str) -> None:
    """Raises `RunError` if a shard was written by other versions, on which its bytes may depend."""
    if theirs is None or theirs == ours:
        return
    names = [name for name in sorted({*ours, *theirs}) if ours.get(name) != theirs.get(name)]
    differences = ", ".join(f"{name} {theirs.get(name)} instead of {ours.get(name)}" for name in names)
    raise RunError(
        f"shard {shard} was written by a worker with {differences}, and its bytes may depend on that; install the same "
        "versions on this machine and on all workers, and run the same command again"
    )
