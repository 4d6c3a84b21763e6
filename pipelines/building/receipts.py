"""Small sealed files in which workers report: results of counting, receipts of shards.

A sealed file holds a JSON value and its SHA-256, so that one that was damaged reads as one that is not there.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from eqstream.data.splits.counting import CountingResult, CountingTask
from eqstream.data.splits.plan import ShardTask
from eqstream.data.splits.shard_steps import StepCounts
from eqstream.pipelines.building.staging import Workspace
from eqstream.pipelines.runtime import filesystem


def seal(value: Any) -> bytes:
    """Returns the contents of a sealed file that holds a JSON value; same value, same bytes.

    >>> unseal(seal({"num_equations": 3}))
    {'num_equations': 3}
    >>> unseal(seal({"num_equations": 3}).replace(b"3", b"4", 1)) is None
    True
    """
    text = _canonical_text(value)
    return _canonical_text({"sha256": hashlib.sha256(text.encode()).hexdigest(), "value": value}).encode()


def unseal(contents: bytes | None) -> Any:
    """Returns the value of a sealed file; None where there is no file or its seal is broken."""
    try:
        sealed = json.loads(contents or b"")
        value = sealed["value"]
        is_whole = sealed["sha256"] == hashlib.sha256(_canonical_text(value).encode()).hexdigest()
    except (ValueError, TypeError, KeyError):
        return None
    return value if is_whole else None


def read_receipt(workspace: Workspace, task: ShardTask, tools: dict[str, str]) -> dict[str, Any] | None:
    """Returns the receipt of a shard, as a mapping, if it was written for this very task by these tools."""
    return _read_answer(workspace.receipt_path(task.name), [*_key_of(workspace, task), tools])


def read_receipt_tools(workspace: Workspace, task: ShardTask) -> dict[str, str] | None:
    """Returns the versions of the tools that wrote this very task's shard, None without a receipt of it."""
    sealed = unseal(filesystem.read_bytes(workspace.receipt_path(task.name)))
    # Through JSON, as the task in the file has been.
    asked = json.loads(_canonical_text(_key_of(workspace, task)))
    if not isinstance(sealed, list) or sealed[0][:-1] != asked:
        return None
    return sealed[0][-1]


def write_receipt(workspace: Workspace, task: ShardTask, *, tools: dict[str, str], receipt: dict[str, Any]) -> None:
    """Writes the receipt of a shard whose files have their final names."""
    question = [*_key_of(workspace, task), tools]
    filesystem.write_bytes(workspace.receipt_path(task.name), seal([question, receipt]))


def _key_of(workspace: Workspace, task: ShardTask) -> list:
    """Returns all that a shard's receipt is about but the tools."""
    return [workspace.key, task.to_dict()]


def read_counts(workspace: Workspace, batch: Sequence[CountingTask]) -> list[CountingResult] | None:
    """Returns the results of a batch of counting tasks, if they are there."""
    tasks = [task.to_dict() for task in batch]
    results = _read_answer(workspace.staged(f"counts/{workspace.counts_name(tasks)}"), [workspace.key, tasks])
    if results is None:
        return None
    return [CountingResult.from_dict(result) for result in results]


def write_counts(workspace: Workspace, batch: Sequence[CountingTask], results: Sequence[CountingResult]) -> None:
    """Writes the results of a batch of counting tasks."""
    tasks = [task.to_dict() for task in batch]
    contents = seal([[workspace.key, tasks], [result.to_dict() for result in results]])
    filesystem.write_bytes(workspace.staged(f"counts/{workspace.counts_name(tasks)}"), contents)


def read_step_counts(workspace: Workspace, task: ShardTask) -> StepCounts | None:
    """Returns how many steps a shard has, if that was counted."""
    tasks = [task.to_dict()]
    counts = _read_answer(workspace.staged(f"counts/{workspace.counts_name(tasks)}"), [workspace.key, tasks])
    return None if counts is None else StepCounts(*counts)


def write_step_counts(workspace: Workspace, task: ShardTask, counts: StepCounts) -> None:
    """Writes how many steps a shard has."""
    tasks = [task.to_dict()]
    contents = seal([[workspace.key, tasks], counts])
    filesystem.write_bytes(workspace.staged(f"counts/{workspace.counts_name(tasks)}"), contents)


def _read_answer(path: str, question: list) -> Any:
    sealed = unseal(filesystem.read_bytes(path))
    # Through JSON, as the question in the file has been: tuples have become lists.
    if not isinstance(sealed, list) or sealed[0] != json.loads(_canonical_text(question)):
        return None
    return sealed[1]


def _canonical_text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
