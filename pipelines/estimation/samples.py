"""Samples of splits, encoded in memory: bytes, time, and the first equations."""

import dataclasses
import functools
import io
import itertools
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from eqstream.data.dataset.shard_writer import ShardReceipt, ShardWriter
from eqstream.data.recipe import Recipe
from eqstream.data.space.equation_block import EquationBlock, join_blocks
from eqstream.data.splits.candidates import position_blocks
from eqstream.data.splits.equation_counts import EquationCounts
from eqstream.data.splits.joint_candidates import can_join
from eqstream.data.splits.joint_segments import Reach, draw_together
from eqstream.data.splits.plan import ShardTask
from eqstream.data.splits.segments import Segment
from eqstream.pipelines.estimation.solutions import Solutions, Solved
from eqstream.pipelines.estimation.work import count_sampled

NUM_SHOWN = 3
# Some row groups of Parquet: more equations hardly change the bytes of one.
MOST_ENCODED = 1 << 14
# Of large classes of twins so many times more are drawn, as their members are much alike, and one of so many is taken.
_SPREAD = 4
# Segments of which so many positions are looked at are drawn together: to draw larger ones alone takes no longer.
_MOST_JOINED = 1 << 10
# So many splits have samples of this size; of more splits they are smaller.
_NUM_WHOLE_SAMPLES = 2
MOST_SAMPLED_SPLITS = 64


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Some equations of a split, encoded.

    Attributes:
        num_equations: how many.
        seconds: expected CPU time to compute and encode all equations of the split; the one thing here that no two
            runs agree on.
        format_to_bytes: size of a file of them.
    """

    num_equations: int
    seconds: float
    format_to_bytes: dict[str, int]


class Draw:
    """Equations of one of several splits, drawn when they are first asked for.

    Args:
        counts: of the recipe.
        segments: of the split.
        num_splits: how many there are; all draws together take about as long, however many they are.
    """

    def __init__(self, counts: EquationCounts, segments: Sequence[Segment], *, num_splits: int) -> None:
        self._counts, self._segments = counts, segments
        self._divisor = max(num_splits / _NUM_WHOLE_SAMPLES, 1)

    @property
    def blocks(self) -> list[EquationBlock]:
        """The equations near the beginnings of the segments, of each about as large a part as the segment is.

        Where there are none, those that were found by counting are returned, a few of each segment.
        """
        return [part.block for part in self._timed[0]]

    def estimate_seconds(self, num_equations: int) -> float:
        """Returns the CPU time to compute so many equations; many segments are computed together."""
        parts, seconds = self._timed
        return seconds * num_equations / max(sum(len(part.block) for part in parts), 1)

    @functools.cached_property
    def _timed(self) -> tuple[list["_Part"], float]:
        begun_at = time.process_time()
        parts = self._draw_near() or [part for segment in self._segments for part in self._draw_found(segment)]
        return parts, time.process_time() - begun_at

    def take(self, most: int) -> EquationBlock | None:
        """Returns at most about so many of the equations, fewer of many splits; None if there is none.

        Each segment has its share; one that a draw has too few equations of gives some of them several times.
        """
        parts, _ = self._timed
        total = sum(part.wanted for part in parts)
        number = min(int(most / self._divisor), sum(len(part.block) for part in parts))
        taken = [part.take(math.ceil(number * part.wanted / total)) for part in parts]
        return join_blocks(taken) if taken else None

    def _draw_found(self, segment: Segment) -> Iterator["_Part"]:
        own = self._counts.by_source[segment.source]
        if own.num_found:
            position, before = own.locate(0)
            most = min(own.num_found, NUM_SHOWN)
            found = list(own.enumeration.equations(0, most, position=position, before=before))
            yield _Part(segment.count, join_blocks(found))

    def _draw_near(self) -> list["_Part"]:
        total = sum(segment.count for segment in self._segments)
        space, by_source = self._counts.sources.space, self._counts.by_source
        enumerations = [by_source[segment.source].enumeration for segment in self._segments]
        limits = (count_sampled(space, enumeration, divisor=self._divisor) for enumeration in enumerations)
        num_sampled = min(max(limits, default=0), int(MOST_ENCODED / self._divisor))
        reaches: list[Reach] = []
        numbers: list[int] = []
        for segment, enumeration in zip(self._segments, enumerations, strict=True):
            num_positions = segment.count * num_sampled * enumeration.size // (total * enumeration.num_equations) + 1
            if not enumeration.is_canonical:
                num_positions = math.ceil(segment.count * num_sampled / total)
            most = math.ceil(segment.count * num_sampled / max(total, num_sampled))
            factor = _SPREAD if enumeration.largest_class > 2 else 1
            stop = min(segment.position + factor * num_positions, enumeration.size)
            reaches.append(Reach(enumeration, segment.position, stop, factor * most))
            numbers.append(most)
        return [
            _Part(segment.count, block.take(slice(0, None, math.ceil(len(block) / most))))
            for segment, most, block in zip(self._segments, numbers, _draw(self._segments, reaches), strict=True)
            if block is not None
        ]


class _Part(NamedTuple):
    """Some equations of a segment, and how many that is meant to have."""

    wanted: int
    block: EquationBlock

    def take(self, number: int) -> EquationBlock:
        """Returns so many of the equations, evenly spread; they repeat where there are fewer."""
        return self.block.take(np.arange(number) * len(self.block) // max(number, 1))


def _draw(segments: Sequence[Segment], reaches: Sequence[Reach]) -> list[EquationBlock | None]:
    """Returns the equations within reach of each of some segments of one split, None where there is none."""
    joined = [place for place, reach in enumerate(reaches) if _is_joined(reach)]
    together = draw_together([reaches[place] for place in joined]) if len(joined) > 1 else []
    found = dict(zip(joined, together, strict=False))
    pairs = enumerate(zip(segments, reaches, strict=True))
    return [found[place] if place in found else _draw_alone(*pair) for place, pair in pairs]


def _is_joined(reach: Reach) -> bool:
    """Returns whether it is worth computing what is within reach together with others."""
    is_small = reach.enumeration.listed is None and reach.stop - reach.start <= _MOST_JOINED
    return is_small and can_join(reach.enumeration.candidates)


def _draw_alone(segment: Segment, reach: Reach) -> EquationBlock | None:
    enumeration, most = reach.enumeration, reach.most
    if enumeration.listed is not None:
        number = min(most, enumeration.listed.num_equations - segment.first)
        blocks = list(enumeration.equations(segment.first, number))
    else:
        blocks = [
            block
            for positions in position_blocks(reach.start, reach.stop)
            if (block := enumeration.equations_at(positions, reach.start, most=most)) is not None
        ]
    return join_blocks(blocks) if blocks else None


def encode_samples(
    recipe: Recipe,
    writer: ShardWriter,
    draws: Mapping[str, Draw],
    *,
    sizes: Mapping[str, int],
    shown: Sequence[EquationBlock],
    solutions: Solutions | None = None,
) -> list[Sample]:
    """Returns a sample for each split: its own, or for all but the largest splits that of the smallest among these.

    Args:
        recipe: of the splits.
        writer: of the recipe.
        draws: for each split, the equations of its sample.
        sizes: of the splits.
        shown: some equations of them, which were computed before.
        solutions: of the samples, where examples are steps.
    """
    largest = sorted(sizes, key=lambda name: -sizes[name])[:MOST_SAMPLED_SPLITS]
    name_to_solved = {name: None if solutions is None else solutions.of(name) for name in largest}
    # The first time builds tables that a build builds once.
    few = [join_blocks([block.take(slice(0, 1)) for block in shown])] if shown else []
    first = name_to_solved[largest[0]]
    few_solved = first and [own._replace(steps=own.steps.take(np.arange(len(own.steps))[:1])) for own in first]
    _write(recipe, writer, few, few_solved)
    encoded = {
        name: _encode_sample(recipe, writer, draws[name], sizes[name], solved)
        for name, solved in name_to_solved.items()
    }
    smallest = min(encoded.values(), key=lambda sample: sample.num_equations or math.inf)
    return [encoded.get(name, smallest) for name in sizes]


def _encode_sample(
    recipe: Recipe, writer: ShardWriter, draw: Draw, size: int, solved: Sequence[Solved] | None
) -> Sample:
    """Returns some equations of a draw, or their steps, encoded in all formats of the recipe."""
    if solved is None:
        # Joined, as a build does with equations of many kinds.
        block = draw.take(MOST_ENCODED)
        blocks = [] if block is None else [block]
    else:
        blocks = [own.block for own in solved]
    receipt, seconds = _write(recipe, writer, blocks, solved)
    num_equations = sum(map(len, blocks))
    return Sample(
        num_equations=num_equations,
        seconds=draw.estimate_seconds(size) + seconds / max(num_equations, 1) * size,
        format_to_bytes={file_format: file["num_bytes"] for file_format, file in receipt.files.items()},
    )


def _write(
    recipe: Recipe, writer: ShardWriter, blocks: list[EquationBlock], solved: Sequence[Solved] | None
) -> tuple[ShardReceipt, float]:
    """Returns what is said of a shard of these blocks, and the CPU time that a build takes for it.

    Args:
        recipe: of the shard.
        writer: of the recipe.
        blocks: equations.
        solved: the same, solved, where examples are steps.
    """
    begun_at, arranged, seconds_to_solve = time.process_time(), None, 0.0
    task = ShardTask(
        split="sample",
        shard_index=0,
        num_shards=1,
        first_ordinal=0,
        num_equations=sum(map(len, blocks)),
        segments=(),
    )
    if solved is not None:
        assert writer.steps is not None
        firsts = itertools.accumulate((len(own.block) for own in solved), initial=0)
        arranged = [
            (own.block, writer.steps.arrange(own.steps, task.split, first))
            for own, first in zip(solved, firsts, strict=False)
        ]
        task = dataclasses.replace(task, num_steps=sum(len(steps) for _, steps in arranged))
        # A build counts the steps first, and solves the equations again to write them.
        seconds_to_solve = 2 * sum(own.seconds for own in solved) + time.process_time() - begun_at
    files = {file_format: io.BytesIO() for file_format in recipe.storage.formats}
    receipt = writer.write(task, files, blocks, solved=arranged)
    return receipt, time.process_time() - begun_at + seconds_to_solve


def show_equations(writer: ShardWriter, blocks: Sequence[EquationBlock]) -> tuple[str, ...]:
    """Returns the first equations of some of the blocks as ``question = answer``, `NUM_SHOWN` in all."""
    step = max(len(blocks) // NUM_SHOWN, 1)
    blocks = blocks[::step][:NUM_SHOWN]
    number = 1 if len(blocks) == NUM_SHOWN else NUM_SHOWN
    texts: list[str] = []
    for block in blocks:
        columns = writer.columns.to_columns(block.take(slice(0, number)))
        pairs = zip(columns.question.to_texts(), columns.answer.to_texts(), strict=True)
        texts += [f"{question} = {answer}" for question, answer in pairs]
    return tuple(texts[:NUM_SHOWN])
