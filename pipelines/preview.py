"""What a build would give, found out in a second or two and without writing anything.

Sizes are exact wherever few candidates have to be counted for that; otherwise some of the candidates are counted and
the sizes are said to be about so many. Bytes and seconds are measured on a sample that is encoded in memory. All but
the seconds is deterministic.
"""

import functools
import operator
import time
from collections.abc import Iterator
from dataclasses import dataclass

from eqstream.data.dataset.shard_writer import ShardWriter
from eqstream.data.recipe import Recipe
from eqstream.data.splits.counting_policy import HOPELESS_POSITIONS
from eqstream.data.splits.enumeration import BLOCK_SIZE
from eqstream.data.splits.equation_counts import EquationCounts
from eqstream.data.splits.plan import PlannedSplit, plan_shards
from eqstream.data.splits.prepared_sources import PreparedSources
from eqstream.pipelines.count_text import count_of
from eqstream.pipelines.estimation.samples import NUM_SHOWN, Sample, draw_equations, encode_samples, show_equations
from eqstream.pipelines.estimation.shares import ShareEstimator, Shares
from eqstream.pipelines.estimation.sizes import MOST_SOURCES, SizeEstimator, count_classes, count_if_cheap, thin_out
from eqstream.pipelines.estimation.steps import StepEstimate, StepEstimator
from eqstream.pipelines.estimation.work import count_sampled
from eqstream.pipelines.runtime.progress import format_seconds

# Below so many classes an accuracy on a split says little.
FEW_CLASSES = 100


@dataclass(frozen=True, kw_only=True)
class SplitPreview:
    """One split.

    Attributes:
        name: of the split.
        num_equations: how many it would have.
        is_exact: whether that is exact.
        shares: of its equations by number of terms and by operators.
        num_classes: number of classes of commuted twins; None where every class has at most two equations, or where too
            much would have to be counted for it.
        samples: some `question = answer` of it, the first ones where that is known.
        steps: how many steps it would have; None where examples are equations.
    """

    name: str
    num_equations: int
    is_exact: bool
    shares: Shares
    num_classes: int | None
    samples: tuple[str, ...]
    steps: StepEstimate | None = None

    def to_lines(self, width: int) -> list[str]:
        """Returns the split for a terminal; names are `width` wide."""
        size = f"{'' if self.is_exact else 'about '}{count_of(self.num_equations, 'equation')}"
        if self.steps is not None:
            size = f"{self.steps.to_text()} of {size}"
        if self.num_classes is not None:
            size += f" in {count_of(self.num_classes, 'class', 'classes')} of commuted twins"
        shares = self.shares.to_text()
        if shares and self.steps is not None:
            shares = f"of the equations: {shares}"
        details = [*filter(None, [shares]), *self.samples]
        if not self.samples:
            details = [f"none found so far: a build refuses if the first {HOPELESS_POSITIONS:,} candidates have none"]
        return [f"  {self.name:<{width}}  {size}", *(f"  {'':<{width}}    {detail}" for detail in details)]


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What a build would give.

    Attributes:
        title: name, version and description.
        space_size: number of candidates, exact.
        is_all_valid: whether every candidate is known to be an equation without a look at its answer.
        splits: in the recipe's order.
        num_left_out: equations in no split, as the end of a split cuts them off from their twins; None if not known.
        format_to_bytes: expected size of all shards.
        seconds: expected time of one process, start-up left out.
        seconds_of_search: expected time of looking at as many candidates as a build does before it refuses.
        notes: what a reader of the recipe may not expect of the dataset.
    """

    title: str
    space_size: int
    is_all_valid: bool
    splits: tuple[SplitPreview, ...]
    num_left_out: int | None
    format_to_bytes: dict[str, int]
    seconds: float
    seconds_of_search: float
    notes: tuple[str, ...]

    def to_text(self) -> str:
        """Returns the preview for a terminal."""
        size = count_of(self.space_size, "equation")
        if not self.is_all_valid:
            size = f"{self.space_size:,} candidates; those whose answer is defined and within bounds are its equations"
        width = max(len(split.name) for split in self.splits)
        lines = [self.title, f"space: {size}", "splits:"]
        lines += [line for split in self.splits for line in split.to_lines(width)]
        if self.num_left_out:
            equations = "1 equation is" if self.num_left_out == 1 else f"{self.num_left_out:,} equations are"
            lines.append(f"{equations} in no split: the end of a split cuts off twins of its equations")
        if any(split.samples for split in self.splits):
            sizes = ", ".join(
                f"{format_bytes(size)} of {file_format}" for file_format, size in self.format_to_bytes.items()
            )
            time_needed = format_seconds(self.seconds)
            lines.append(f"estimated from a sample: {sizes}; {time_needed} in one process, once started")
        if not all(split.samples for split in self.splits):
            lines.append(
                f"to look at so many candidates takes up to {format_seconds(self.seconds_of_search)} in one process"
            )
        return "\n".join([*lines, *self.notes])


def preview(recipe: Recipe) -> Preview:
    """Returns what a build of the recipe would give; writes nothing.

    Raises:
        UserError: the recipe asks for the impossible, as far as that shows without counting everything.
    """
    counts = EquationCounts(PreparedSources(recipe))
    planned, num_positions = count_if_cheap(counts)
    writer = ShardWriter(recipe)
    if planned is None:
        splits, samples = _estimate(counts, writer)
    else:
        splits, samples = _describe(counts, planned, writer)
    space = counts.sources.space
    sizes = [split.num_equations for split in splits]
    seconds_per_position = _seconds_per_position(counts)
    return Preview(
        title=f"{recipe.name} {recipe.version}" + (f": {recipe.description}" if recipe.description else ""),
        space_size=space.whole.size,
        is_all_valid=not space.has_division and not space.is_bounded,
        splits=splits,
        num_left_out=None if planned is None else sum(split.num_left_out for split in planned),
        format_to_bytes={
            file_format: _total_bytes(samples, sizes, file_format) for file_format in recipe.storage.formats
        },
        seconds=_total_seconds(samples, sizes) + num_positions * seconds_per_position,
        seconds_of_search=HOPELESS_POSITIONS * seconds_per_position,
        notes=tuple(_list_notes(splits)),
    )


def _describe(
    counts: EquationCounts, planned: tuple[PlannedSplit, ...], writer: ShardWriter
) -> tuple[tuple[SplitPreview, ...], list[Sample]]:
    """Returns the splits of a plan, and a sample for each, of first shards."""
    splits, draws, shares = [], [], ShareEstimator(counts.sources)
    sizes = [split.num_equations for split in planned]
    steps = StepEstimator(writer, sizes)
    for split in planned:
        task = next(plan_shards(counts, split))
        draw = functools.partial(draw_equations, counts, thin_out(task.segments))
        draws.append(draw)
        splits.append(
            SplitPreview(
                name=split.name,
                num_equations=split.num_equations,
                is_exact=True,
                shares=shares.estimate({part.source: part.count for part in split.parts}),
                num_classes=_count_classes(counts, split),
                samples=show_equations(writer, [writer.equations.first(task, NUM_SHOWN)]),
                steps=steps.count(split.name, split.num_equations, tasks=plan_shards(counts, split), draw=draw),
            )
        )
    return tuple(splits), encode_samples(counts.sources.recipe, writer, draws, sizes=sizes)


def _estimate(counts: EquationCounts, writer: ShardWriter) -> tuple[tuple[SplitPreview, ...], list[Sample]]:
    """Returns the splits and a sample of each, estimated from the beginnings of their sources."""
    estimator, shares = SizeEstimator(counts), ShareEstimator(counts.sources)
    sizes, splits, draws = estimator.sizes(), [], []
    steps = StepEstimator(writer, list(sizes.values()))
    for split in counts.sources.recipe.splits:
        quotas = estimator.quotas(split)
        draw = functools.partial(draw_equations, counts, estimator.segments(split, quotas))
        draws.append(draw)
        splits.append(
            SplitPreview(
                name=split.name,
                num_equations=sizes[split.name],
                is_exact=split.count is not None,
                shares=shares.estimate(quotas, is_exact=estimator.knows_quotas(split)),
                num_classes=None,
                samples=show_equations(writer, draw()),
                steps=steps.count(split.name, sizes[split.name], tasks=(), draw=draw),
            )
        )
    samples = encode_samples(counts.sources.recipe, writer, draws, sizes=[split.num_equations for split in splits])
    return tuple(splits), samples


def _count_classes(counts: EquationCounts, split: PlannedSplit) -> int | None:
    is_small = split.num_equations <= BLOCK_SIZE and len(split.parts) <= MOST_SOURCES
    return count_classes(counts, split.parts) if counts.sources.twins.largest_class > 2 and is_small else None


def _list_notes(splits: tuple[SplitPreview, ...]) -> Iterator[str]:
    yield from functools.reduce(operator.add, [split.shares for split in splits]).list_notes()
    for split in splits:
        if split.num_classes is not None and split.num_classes < min(FEW_CLASSES, split.num_equations):
            yield (
                f"note: split `{split.name}` has only {count_of(split.num_classes, 'class', 'classes')} of commuted "
                "twins, all of one answer each: an accuracy on it says little; use `commuted: drop`, or a larger "
                "`count`"
            )


def _total_bytes(samples: list[Sample], sizes: list[int], file_format: str) -> int:
    pairs = zip(samples, sizes, strict=True)
    return round(
        sum(sample.format_to_bytes[file_format] / (sample.num_equations or 1) * size for sample, size in pairs)
    )


def _total_seconds(samples: list[Sample], sizes: list[int]) -> float:
    num_sampled = sum(sample.num_equations for sample in samples) or 1
    return sum(sample.seconds for sample in samples) / num_sampled * sum(sizes)


def _seconds_per_position(counts: EquationCounts) -> float:
    """Returns how long it takes to count one position of the largest source."""
    enumeration = max((each.enumeration for each in counts.by_source), key=lambda each: each.size)
    num_positions = count_sampled(counts.sources.space, enumeration)
    # The first time builds tables that a build builds once.
    enumeration.count(0, num_positions)
    begun_at = time.perf_counter()
    enumeration.count(0, num_positions)
    return (time.perf_counter() - begun_at) / max(num_positions, 1)


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
