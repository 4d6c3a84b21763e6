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

from eqstream.data.collector import without_collector
from eqstream.data.dataset.shard_writer import ShardWriter
from eqstream.data.recipe import Recipe
from eqstream.data.splits.counting_policy import HOPELESS_POSITIONS
from eqstream.data.splits.equation_counts import EquationCounts
from eqstream.data.splits.prepared_sources import PreparedSources
from eqstream.data.splits.requests import check_requests
from eqstream.pipelines.estimation.classes import note_few_classes
from eqstream.pipelines.estimation.samples import Sample
from eqstream.pipelines.estimation.sizes import count_if_cheap, has_plenty
from eqstream.pipelines.estimation.split_estimate import SplitEstimate, describe_planned, estimate_splits
from eqstream.pipelines.estimation.split_notes import list_notes_by_split
from eqstream.pipelines.estimation.work import LISTING_WORK, SECONDS_OF_WORK, count_sampled, work_per_task


@dataclass(frozen=True, kw_only=True)
class DatasetEstimate:
    """What a build would give.

    Attributes:
        title: name, version and description.
        space_size: number of candidates, exact.
        is_all_valid: whether every candidate is known to be an equation without a look at its answer.
        splits: in the recipe's order.
        num_left_out: equations in no split, as the end of a split cuts them off from their twins; None if not known.
        format_to_bytes: expected size of all shards.
        seconds: expected CPU time of one process, start-up left out.
        seconds_of_search: expected time of looking at as many candidates as a build does before it refuses.
        notes: what a reader of the recipe may not expect of the dataset.
    """

    title: str
    space_size: int
    is_all_valid: bool
    splits: tuple[SplitEstimate, ...]
    num_left_out: int | None
    format_to_bytes: dict[str, int]
    seconds: float
    seconds_of_search: float
    notes: tuple[str, ...]


@without_collector()
def estimate_dataset(recipe: Recipe) -> DatasetEstimate:
    """Returns what a build of the recipe would give; writes nothing.

    Raises:
        UserError: the recipe asks for the impossible, as far as that shows without counting everything.
    """
    begun_at = time.process_time()
    counts = EquationCounts(PreparedSources(recipe, lists_samples=True))
    if counts.sources.is_sampled and not has_plenty(counts):
        counts = EquationCounts(PreparedSources(recipe))
    seconds_of_preparing = time.process_time() - begun_at
    check_requests(counts)
    planned, counted = count_if_cheap(counts)
    writer = ShardWriter(recipe, counts.sources)
    if planned is None:
        splits, samples = estimate_splits(counts, writer)
    else:
        splits, samples = describe_planned(counts, planned, writer)
    space = counts.sources.space
    sizes = [split.num_equations for split in splits]
    seconds_per_position = _seconds_per_position(counts)
    return DatasetEstimate(
        title=f"{recipe.name} {recipe.version}" + (f": {recipe.description}" if recipe.description else ""),
        space_size=space.whole.size,
        is_all_valid=not space.has_division and not space.is_bounded,
        splits=splits,
        num_left_out=None if planned is None else sum(split.num_left_out for split in planned),
        format_to_bytes={
            file_format: _total_bytes(samples, sizes, file_format) for file_format in recipe.storage.formats
        },
        seconds=seconds_of_preparing
        + _count_unlisted(counts) * LISTING_WORK * SECONDS_OF_WORK
        + counted.num_positions * seconds_per_position
        + counted.num_tasks * work_per_task(space) * SECONDS_OF_WORK
        + sum(sample.seconds for sample in samples),
        seconds_of_search=HOPELESS_POSITIONS * seconds_per_position,
        notes=tuple(_list_notes(recipe, splits)),
    )


def _list_notes(recipe: Recipe, splits: tuple[SplitEstimate, ...]) -> Iterator[str]:
    yield from functools.reduce(operator.add, [split.shares for split in splits]).list_notes()
    yield from list_notes_by_split(recipe, {split.name: split.shares for split in splits})
    for split in splits:
        yield from note_few_classes(split.name, num_classes=split.num_classes, num_equations=split.num_equations)


def _count_unlisted(counts: EquationCounts) -> int:
    """Returns how many equations a build lists, about, of which a sample was listed."""
    listed = [own.enumeration.listed for own in counts.by_source]
    return sum(each.total - each.num_equations for each in listed if each is not None)


def _total_bytes(samples: list[Sample], sizes: list[int], file_format: str) -> int:
    pairs = zip(samples, sizes, strict=True)
    return round(
        sum(sample.format_to_bytes[file_format] / (sample.num_equations or 1) * size for sample, size in pairs)
    )


def _seconds_per_position(counts: EquationCounts) -> float:
    """Returns how long it takes to count one position of the largest source."""
    enumeration = max((each.enumeration for each in counts.by_source), key=lambda each: each.size)
    num_positions = count_sampled(counts.sources.space, enumeration)
    # The first time builds tables that a build builds once.
    enumeration.count(0, num_positions)
    begun_at = time.process_time()
    enumeration.count(0, num_positions)
    return (time.process_time() - begun_at) / max(num_positions, 1)
