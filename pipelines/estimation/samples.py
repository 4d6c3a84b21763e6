"""Samples of splits, encoded in memory: bytes, time, and the first equations."""

import dataclasses
import io
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from eqstream.data.dataset.shard_writer import ShardReceipt, ShardWriter
from eqstream.data.recipe import Recipe
from eqstream.data.splits.enumeration import BLOCK_SIZE
from eqstream.data.splits.plan import Segment, ShardTask

NUM_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Some equations of a split, encoded.

    Attributes:
        num_equations: how many.
        seconds: to compute and encode them; the one thing here that no two runs agree on.
        format_to_bytes: size of a file of them.
    """

    num_equations: int
    seconds: float
    format_to_bytes: dict[str, int]


def make_sample_task(segments: Sequence[Segment]) -> ShardTask:
    """Returns the task of a sample of the equations of segments, of at most some `BLOCK_SIZE`."""
    share = BLOCK_SIZE / max(sum(segment.count for segment in segments), BLOCK_SIZE)
    parts = tuple(dataclasses.replace(each, count=math.ceil(each.count * share)) for each in segments)
    return ShardTask(
        split="sample",
        shard_index=0,
        num_shards=1,
        first_ordinal=0,
        num_equations=sum(segment.count for segment in parts),
        segments=parts,
    )


def encode_sample(recipe: Recipe, writer: ShardWriter, task: ShardTask) -> Sample:
    """Returns the equations of a task, encoded in all formats of the recipe."""
    if not task.num_equations:
        return Sample(num_equations=0, seconds=0.0, format_to_bytes=dict.fromkeys(recipe.storage.formats, 0))
    # The first time builds tables that a build builds once.
    _write(recipe, writer, task)
    begun_at = time.perf_counter()
    receipt = _write(recipe, writer, task)
    return Sample(
        num_equations=task.num_equations,
        seconds=time.perf_counter() - begun_at,
        format_to_bytes={file_format: file["num_bytes"] for file_format, file in receipt.files.items()},
    )


def _write(recipe: Recipe, writer: ShardWriter, task: ShardTask) -> ShardReceipt:
    return writer.write(task, {file_format: io.BytesIO() for file_format in recipe.storage.formats})


def show_equations(writer: ShardWriter, task: ShardTask) -> tuple[str, ...]:
    """Returns the first equations of a shard as ``question = answer``, of a sample the first ones of some segments."""
    if task.quotas:
        task, number = dataclasses.replace(task, num_equations=min(task.num_equations, NUM_SHOWN)), NUM_SHOWN
        tasks = [task]
    else:
        step = max(len(task.segments) // NUM_SHOWN, 1)
        tasks = [dataclasses.replace(task, segments=(segment,)) for segment in task.segments[::step][:NUM_SHOWN]]
        number = 1 if len(tasks) == NUM_SHOWN else NUM_SHOWN
    texts: list[str] = []
    for each in tasks:
        # Where twins stand depends on all of a block, so it is computed whole.
        block = next(writer.equations(each))
        columns = writer.columns.to_columns(block.take(slice(0, number)))
        pairs = zip(columns.question.to_texts(), columns.answer.to_texts(), strict=True)
        texts += [f"{question} = {answer}" for question, answer in pairs]
    return tuple(texts[:NUM_SHOWN])
