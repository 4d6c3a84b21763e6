"""What a build would give, found out in a second or two and without writing anything.

Sizes are exact wherever few candidates have to be counted for that; otherwise a part of the walk is counted and the
sizes are said to be about so many. Bytes and seconds are measured on a sample that is encoded in memory.
"""

import dataclasses
import io
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow
from pyarrow import parquet

from data.census import COUNT_BLOCK, Census, Counter, CountingTask
from data.recipe import Recipe, SplitRecipe, exact
from data.selection import selection_of
from data.shards import ShardWriter
from data.space import whole_space
from data.splits import Segment, ShardTask, SplitPlan, plan_splits
from data.walk import BLOCK, Walk
from pipelines.progress import format_seconds

# What is counted within a second or so: below, sizes are exact.
MOST_POSITIONS = 1 << 21
MOST_SOURCES = 16
SAMPLE_SIZE = BLOCK
NUM_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class SplitPreview:
    """One split: how many equations it would have, whether that is exact, and some `question = answer` of it."""

    name: str
    num_equations: int
    is_exact: bool
    samples: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What a build would give.

    Args:
        title: name, version and description.
        space_size: number of candidates, exact.
        splits: in the recipe's order.
        format_to_bytes: expected size of all shards.
        seconds: expected time of one process, start-up left out.
    """

    title: str
    space_size: int
    splits: tuple[SplitPreview, ...]
    format_to_bytes: dict[str, int]
    seconds: float

    def to_text(self) -> str:
        """Returns the preview for a terminal."""
        lines = [self.title, f"space: {self.space_size:,} equations", "splits:"]
        width = max(len(split.name) for split in self.splits)
        for split in self.splits:
            about = "" if split.is_exact else "about "
            lines.append(f"  {split.name:<{width}}  {about}{split.num_equations:,} equations")
            lines += [f"  {'':<{width}}    {sample}" for sample in split.samples]
        sizes = ", ".join(f"{format_bytes(size)} of {format}" for format, size in self.format_to_bytes.items())
        lines.append(f"estimated from a sample: {sizes}; {format_seconds(self.seconds)} in one process, once started")
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class _Sample:
    """Some equations of a split, encoded."""

    num_equations: int = 0
    seconds: float = 0.0
    format_to_bytes: dict[str, int]
    shown: tuple[str, ...] = ()


def preview(recipe: Recipe) -> Preview:
    """Returns what a build of the recipe would give; writes nothing.

    Raises:
        UserError: the recipe asks for the impossible, as far as that shows without counting everything.
    """
    census = Census(recipe)
    plan, num_positions = _plan_exactly(recipe, census)
    writer = ShardWriter(recipe)
    samples = [_encode(recipe, writer, _segments(recipe, census, plan, split)) for split in recipe.splits]
    sizes = _estimate_sizes(recipe, census) if plan is None else [split.num_equations for split in plan.splits]
    num_sampled = sum(sample.num_equations for sample in samples) or 1
    seconds = num_positions * _seconds_per_position(census.walks)
    format_to_bytes = dict.fromkeys(recipe.storage.formats, 0.0)
    for sample, size in zip(samples, sizes, strict=True):
        seconds += sum(sample.seconds for sample in samples) / num_sampled * size
        for format in format_to_bytes:
            format_to_bytes[format] += sample.format_to_bytes[format] / (sample.num_equations or 1) * size
    return Preview(
        title=f"{recipe.name} {recipe.version}: {recipe.description}",
        space_size=whole_space(recipe.space).size,
        splits=tuple(
            SplitPreview(
                name=split.name,
                num_equations=size,
                is_exact=plan is not None or split.count is not None,
                samples=sample.shown,
            )
            for split, size, sample in zip(recipe.splits, sizes, samples, strict=True)
        ),
        format_to_bytes={format: round(size) for format, size in format_to_bytes.items()},
        seconds=seconds,
    )


def _plan_exactly(recipe: Recipe, census: Census) -> tuple[SplitPlan | None, int]:
    """Returns the plan, or None if too much would have to be counted for it, and how many positions a build counts."""
    counter = Counter(recipe)
    num_positions = 0
    while tasks := census.next_tasks():
        num_positions += sum(_num_positions(census.walks[task.source], task) for task in tasks)
        if num_positions > MOST_POSITIONS:
            return None, num_positions
        census.add(counter.count(task) for task in tasks)
    return plan_splits(recipe, census), num_positions


def _num_positions(walk: Walk, task: CountingTask) -> int:
    start = task.first_block * COUNT_BLOCK
    return min(start + task.num_blocks * COUNT_BLOCK, walk.size) - start


def _spread(items: Sequence) -> list:
    step = max(len(items) / MOST_SOURCES, 1)
    return [items[math.floor(place * step)] for place in range(min(len(items), MOST_SOURCES))]


def _estimate_sizes(recipe: Recipe, census: Census) -> list[int]:
    """Returns the size of each split, the `rest` without what torn classes will cost; stated counts as they are."""
    selection_to_total = {selection_of(split): _estimate_total(census, split) for split in recipe.splits}
    sizes = {}
    for split in sorted(recipe.splits, key=lambda split: split.rest):
        selection = selection_of(split)
        total = selection_to_total[selection]
        stated = math.floor(exact(split.fraction) * total) if split.fraction is not None else split.count
        others = [other for other in recipe.splits if selection_of(other) == selection and not other.rest]
        sizes[split.name] = max(total - sum(sizes[other.name] for other in others), 0) if stated is None else stated
    return [sizes[split.name] for split in recipe.splits]


def _estimate_total(census: Census, split: SplitRecipe) -> int:
    """Returns about how many equations there are for a split and all that share its selection."""
    numbers = [number for number, source in enumerate(census.sources) if source.selection == selection_of(split)]
    totals = [census.total(number) for number in numbers]
    open_sources = [number for number, total in zip(numbers, totals, strict=True) if total is None]
    num_kept, num_seen = 0, 0
    for walk in (census.walks[number] for number in _spread(open_sources)):
        num_kept += walk.count(0, min(BLOCK, walk.size))
        num_seen += min(BLOCK, walk.size)
    num_candidates = sum(census.walks[number].size for number in open_sources)
    return sum(total for total in totals if total is not None) + num_candidates * num_kept // max(num_seen, 1)


def _segments(recipe: Recipe, census: Census, plan: SplitPlan | None, split: SplitRecipe) -> list[Segment]:
    """Returns segments of a split that make a sample of it: of its first shard, or of the beginnings of its sources."""
    if plan is None:
        segments = _segments_without_plan(recipe, census, split)
    else:
        task = next(task for task in plan.shards if task.split == split.name)
        segments = _spread([segment for segment in task.segments if segment.count])
    share = SAMPLE_SIZE / max(sum(segment.count for segment in segments), SAMPLE_SIZE)
    return [dataclasses.replace(segment, count=math.ceil(segment.count * share)) for segment in segments]


def _segments_without_plan(recipe: Recipe, census: Census, split: SplitRecipe) -> list[Segment]:
    """Returns a part of the first block of some sources; splits that share them get different parts."""
    names = [other.name for other in recipe.splits if selection_of(other) == selection_of(split)]
    place = names.index(split.name)
    numbers = [number for number, source in enumerate(census.sources) if source.selection == selection_of(split)]
    segments = []
    for number in _spread(numbers):
        walk = census.walks[number]
        share = walk.count(0, min(BLOCK, walk.size)) // len(names)
        segments.append(Segment(number, place * share, share, 0, 0))
    return [segment for segment in segments if segment.count]


def _encode(recipe: Recipe, writer: ShardWriter, segments: list[Segment]) -> _Sample:
    """Returns a sample, encoded twice: the first time builds tables that a build builds once."""
    formats = recipe.storage.formats
    if not segments:
        return _Sample(format_to_bytes=dict.fromkeys(formats, 0))
    task = ShardTask("sample", 0, 1, 0, sum(segment.count for segment in segments), tuple(segments))
    seconds = math.inf
    for _ in range(2):
        sinks = {format: io.BytesIO() for format in formats}
        begun_at = time.perf_counter()
        receipt = writer.write(task, sinks)
        seconds = min(seconds, time.perf_counter() - begun_at)
    return _Sample(
        num_equations=task.num_equations,
        seconds=seconds,
        format_to_bytes={format: file["num_bytes"] for format, file in receipt.files.items()},
        shown=_show_some(writer, task),
    )


def _show_some(writer: ShardWriter, task: ShardTask) -> tuple[str, ...]:
    file = io.BytesIO()
    writer.write(task, {"parquet": file})
    # pyarrow's reading threads must not hold a Python object: at the end of the process that aborts it.
    table = parquet.read_table(pyarrow.BufferReader(file.getvalue()), columns=["question", "answer"], use_threads=False)
    rows = [table.num_rows * place // NUM_SHOWN for place in range(min(NUM_SHOWN, table.num_rows))]
    return tuple(f"{row['question']} = {row['answer']}" for row in table.take(rows).to_pylist())


def _seconds_per_position(walks: Sequence[Walk]) -> float:
    """Returns how long it takes to count one position of the largest walk."""
    walk = max(walks, key=lambda walk: walk.size)
    num_positions = min(BLOCK, walk.size)
    begun_at = time.perf_counter()
    walk.count(0, num_positions)
    return (time.perf_counter() - begun_at) / num_positions


def format_bytes(num_bytes: int) -> str:
    """Returns a size for people.

    >>> format_bytes(950), format_bytes(52_300_000)
    ('950 bytes', '52.3 MB')
    """
    size, unit = float(num_bytes), "bytes"
    for larger in ("kB", "MB", "GB", "TB", "PB"):
        if size < 999.95:
            break
        size, unit = size / 1000, larger
    return f"{num_bytes} bytes" if unit == "bytes" else f"{size:.1f} {unit}"
