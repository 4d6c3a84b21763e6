"""What a build would give, found out in a second or two and without writing anything.

Sizes are exact wherever few candidates have to be counted for that; otherwise a part of the candidates is counted and
the sizes are said to be about so many. Bytes and seconds are measured on a sample that is encoded in memory.
"""

import dataclasses
import io
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow
from pyarrow import parquet

from eqstream.data.dataset.shard_writer import ShardReceipt, ShardWriter
from eqstream.data.recipe import Recipe, SplitRecipe, exact
from eqstream.data.space.conditions import selection_of
from eqstream.data.splits.counting import CountingTask
from eqstream.data.splits.counting_policy import count_here, next_tasks
from eqstream.data.splits.enumeration import BLOCK_SIZE, Enumeration
from eqstream.data.splits.equation_counts import EquationCounts
from eqstream.data.splits.plan import Segment, ShardTask, SplitPlan, plan_splits
from eqstream.data.splits.prepared_sources import PreparedSources
from eqstream.pipelines.runtime.progress import format_seconds

# What is counted to make sizes exact. Spaces beyond 63 bits are a hundred times slower to count than small ones.
MOST_POSITIONS = 1 << 21
MOST_SECONDS = 1.0
# How many positions of a source tell what part of it is kept.
PROBE_SECONDS = 0.1
SMALLEST_PROBE = 2048
MOST_SOURCES = 16
SAMPLE_SIZE = BLOCK_SIZE
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
        is_all_valid: whether every candidate is known to be an equation without a look at its answer.
        splits: in the recipe's order.
        format_to_bytes: expected size of all shards.
        seconds: expected time of one process, start-up left out.
    """

    title: str
    space_size: int
    is_all_valid: bool
    splits: tuple[SplitPreview, ...]
    format_to_bytes: dict[str, int]
    seconds: float

    def to_text(self) -> str:
        """Returns the preview for a terminal."""
        size = f"{self.space_size:,} equations"
        if not self.is_all_valid:
            size = f"{self.space_size:,} candidates; those whose answer is defined and within bounds are its equations"
        lines = [self.title, f"space: {size}", "splits:"]
        width = max(len(split.name) for split in self.splits)
        for split in self.splits:
            about = "" if split.is_exact else "about "
            lines.append(f"  {split.name:<{width}}  {about}{split.num_equations:,} equations")
            lines += [f"  {'':<{width}}    {sample}" for sample in split.samples]
            if not split.samples:
                lines.append(f"  {'':<{width}}    none found so far: so rare that a build may be slow, or refuse")
        if not any(split.samples for split in self.splits):
            return "\n".join(lines)
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
    counts = EquationCounts(PreparedSources(recipe))
    space = counts.sources.space
    pace = _seconds_per_position([each.enumeration for each in counts.by_source])
    plan, num_positions = _plan_exactly(counts, pace)
    prober = _Prober(counts, pace)
    writer = ShardWriter(recipe)
    samples = [_encode(recipe, writer, _segments(prober, plan, split)) for split in recipe.splits]
    sizes = _estimate_sizes(recipe, prober) if plan is None else [split.num_equations for split in plan.splits]
    num_sampled = sum(sample.num_equations for sample in samples) or 1
    seconds = num_positions * pace
    format_to_bytes = dict.fromkeys(recipe.storage.formats, 0.0)
    for sample, size in zip(samples, sizes, strict=True):
        seconds += sum(sample.seconds for sample in samples) / num_sampled * size
        for format in format_to_bytes:
            format_to_bytes[format] += sample.format_to_bytes[format] / (sample.num_equations or 1) * size
    return Preview(
        title=f"{recipe.name} {recipe.version}: {recipe.description}",
        space_size=space.whole.size,
        is_all_valid=not space.has_division and not space.is_bounded,
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


def _plan_exactly(counts: EquationCounts, pace: float) -> tuple[SplitPlan | None, int]:
    """Returns the plan, or None if too much would have to be counted for it, and how many positions a build counts."""
    num_positions = 0
    while tasks := next_tasks(counts):
        num_positions += sum(_num_positions(counts.by_source[task.source].enumeration, task) for task in tasks)
        if num_positions > MOST_POSITIONS or num_positions * pace > MOST_SECONDS:
            return None, num_positions
        count_here(counts, tasks)
    return plan_splits(counts), num_positions


def _num_positions(enumeration: Enumeration, task: CountingTask) -> int:
    start = task.first_block * enumeration.count_size
    return min(start + task.num_blocks * enumeration.count_size, enumeration.size) - start


class _Prober:
    """Looks at the beginnings of sources, for what nobody has counted.

    Args:
        counts: what was counted so far.
        pace: seconds that counting one position takes.
    """

    def __init__(self, counts: EquationCounts, pace: float) -> None:
        self._splits = counts.sources.recipe.splits
        self._counts = counts
        self._size = min(BLOCK_SIZE, max(SMALLEST_PROBE, int(PROBE_SECONDS / pace)))

    def sharers(self, split: SplitRecipe) -> list[SplitRecipe]:
        """Returns the splits, this one among them, that take from the same sources."""
        return [other for other in self._splits if selection_of(other) == selection_of(split)]

    def total(self, split: SplitRecipe) -> int:
        """Returns about how many equations there are for a split and its sharers together."""
        sources = self._sources(split)
        totals = [self._counts.by_source[source].total for source in sources]
        open_sources = [source for source, total in zip(sources, totals, strict=True) if total is None]
        probes = [self._probe(source) for source in _spread(open_sources)]
        num_kept, num_seen = (sum(numbers) for numbers in zip((0, 0), *probes, strict=True))
        num_candidates = sum(self._counts.by_source[source].enumeration.size for source in open_sources)
        return sum(total for total in totals if total is not None) + num_candidates * num_kept // max(num_seen, 1)

    def segments(self, split: SplitRecipe) -> list[Segment]:
        """Returns the beginnings of some sources, of which each sharer gets another part."""
        sharers = self.sharers(split)
        place = sharers.index(split)
        segments = []
        for source in _spread(self._sources(split)):
            share = self._probe(source)[0] // len(sharers)
            segments.append(Segment(source, first=place * share, count=share, position=0, before=0))
        return [segment for segment in segments if segment.count]

    def _sources(self, split: SplitRecipe) -> list[int]:
        selection = selection_of(split)
        return [number for number, source in enumerate(self._counts.sources.sources) if source.selection == selection]

    def _probe(self, source: int) -> tuple[int, int]:
        """Returns how many equations the first positions of a source keep, and how many positions these are."""
        enumeration = self._counts.by_source[source].enumeration
        num_positions = min(self._size, enumeration.size)
        return enumeration.count(0, num_positions), num_positions


def _spread(items: Sequence) -> list:
    """Returns at most `MOST_SOURCES` of the items, evenly spread."""
    step = max(len(items) / MOST_SOURCES, 1)
    return [items[math.floor(place * step)] for place in range(min(len(items), MOST_SOURCES))]


def _estimate_sizes(recipe: Recipe, prober: _Prober) -> list[int]:
    """Returns the size of each split, the `rest` without what torn classes will cost; stated counts as they are."""
    sizes: dict[str, int] = {}
    for split in sorted(recipe.splits, key=lambda split: split.rest):
        if split.count is not None:
            sizes[split.name] = split.count
        elif split.fraction is not None:
            sizes[split.name] = math.floor(exact(split.fraction) * prober.total(split))
        else:
            others = [sizes[other.name] for other in prober.sharers(split) if not other.rest]
            sizes[split.name] = max(prober.total(split) - sum(others), 0)
    return [sizes[split.name] for split in recipe.splits]


def _segments(prober: _Prober, plan: SplitPlan | None, split: SplitRecipe) -> list[Segment]:
    """Returns segments of a split that make a sample of it: of its first shard, or of the beginnings of its sources."""
    if plan is None:
        segments = prober.segments(split)
    else:
        task = next(task for task in plan.shards if task.split == split.name)
        segments = _spread([segment for segment in task.segments if segment.count])
    share = SAMPLE_SIZE / max(sum(segment.count for segment in segments), SAMPLE_SIZE)
    return [dataclasses.replace(segment, count=math.ceil(segment.count * share)) for segment in segments]


def _encode(recipe: Recipe, writer: ShardWriter, segments: list[Segment]) -> _Sample:
    """Returns a sample in all formats of the recipe, and some of its equations to be shown."""
    formats = recipe.storage.formats
    if not segments:
        return _Sample(format_to_bytes=dict.fromkeys(formats, 0))
    task = ShardTask(
        split="sample",
        shard_index=0,
        num_shards=1,
        first_ordinal=0,
        num_equations=sum(segment.count for segment in segments),
        segments=tuple(segments),
    )
    sinks = {format: io.BytesIO() for format in {*formats, "parquet"}}
    receipt, seconds = _write_timed(writer, task, sinks)
    if seconds < MOST_SECONDS / 4:
        # The first time builds tables that a build builds once.
        receipt, seconds = _write_timed(writer, task, {format: io.BytesIO() for format in formats})
    return _Sample(
        num_equations=task.num_equations,
        seconds=seconds,
        format_to_bytes={format: receipt.files[format]["num_bytes"] for format in formats},
        shown=_show_some(sinks["parquet"].getvalue()),
    )


def _write_timed(writer: ShardWriter, task: ShardTask, sinks: dict[str, io.BytesIO]) -> tuple[ShardReceipt, float]:
    begun_at = time.perf_counter()
    receipt = writer.write(task, sinks)
    return receipt, time.perf_counter() - begun_at


def _show_some(contents: bytes) -> tuple[str, ...]:
    # Neither threads nor, as `read_table` would, buffering ahead, which has threads too: a thread that still holds a
    # Python object at the end of the process aborts it.
    file = parquet.ParquetFile(pyarrow.BufferReader(contents), pre_buffer=False)
    table = file.read(columns=["question", "answer"], use_threads=False)
    rows = [table.num_rows * place // NUM_SHOWN for place in range(min(NUM_SHOWN, table.num_rows))]
    return tuple(f"{row['question']} = {row['answer']}" for row in table.take(rows).to_pylist())


def _seconds_per_position(enumerations: Sequence[Enumeration]) -> float:
    """Returns how long it takes to count one position of the largest source; nearly nothing if all are empty."""
    enumeration = max(enumerations, key=lambda each: each.size, default=None)
    if enumeration is None or enumeration.size == 0:
        return 1e-9
    num_positions = min(SMALLEST_PROBE, enumeration.size)
    # The first time builds tables that a build builds once.
    enumeration.count(0, num_positions)
    begun_at = time.perf_counter()
    enumeration.count(0, num_positions)
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
