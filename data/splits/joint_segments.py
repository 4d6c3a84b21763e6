"""The equations of many small segments, each of an enumeration of its own, computed together."""

import base64
import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from eqstream.data.permutation import draw_bits_of, index_dtype
from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.splits.candidates import KeptClasses
from eqstream.data.splits.enumeration import Enumeration
from eqstream.data.splits.joint_candidates import JointCandidates, can_join
from eqstream.data.splits.prepared_sources import PreparedSources
from eqstream.data.splits.segments import Segment

# To compute larger ones alone takes no longer.
_LARGEST_JOINED = 1 << 9
# They bound the memory: equations that are computed together, and that are held of all small segments of a shard.
_EQUATIONS_AT_ONCE = 1 << 14
_MOST_HELD = 1 << 18


def find_kept(segment: Segment) -> np.ndarray:
    """Returns whether a class is kept at each position from that of a segment on, as far as noted, bool (n,)."""
    return np.unpackbits(np.frombuffer(base64.b64decode(segment.kept), dtype=np.uint8)).astype(bool)


def list_joint(sources: PreparedSources, segments: Sequence[Segment]) -> list[list[Segment]]:
    """Returns those segments that are worth computing together, in groups that are computed at once."""
    groups: list[list[Segment]] = []
    num_held = num_in_group = 0
    for segment in segments:
        if segment.count > _LARGEST_JOINED or not segment.kept or num_held + segment.count > _MOST_HELD:
            continue
        if not can_join(sources.enumeration(segment.source).candidates):
            continue
        if not groups or num_in_group + segment.count > _EQUATIONS_AT_ONCE:
            groups.append([])
            num_in_group = 0
        groups[-1].append(segment)
        num_held += segment.count
        num_in_group += segment.count
    return groups


def read_together(sources: PreparedSources, segments: Sequence[Segment]) -> Iterator[EquationBlock]:
    """Yields the equations of each segment of a group; see `list_joint`."""
    enumerations = [sources.enumeration(segment.source) for segment in segments]
    lows = np.array([segment.first - segment.before for segment in segments])
    highs = lows + [segment.count for segment in segments]
    # Each class has one equation, at least.
    rows = [np.flatnonzero(find_kept(segment))[:high] for segment, high in zip(segments, highs.tolist(), strict=True)]
    members = np.repeat(np.arange(len(segments)), [len(some) for some in rows])
    dtype = index_dtype(max(enumeration.size for enumeration in enumerations))
    positions = np.array([segment.position for segment in segments], dtype=dtype)[members] + np.concatenate(rows)
    groups = [*JointCandidates([each.candidates for each in enumerations]).find_classes(members, positions)]
    blocks = positions // np.array([each.block_size for each in enumerations])[members]
    block = enumerations[0].order.arrange_together(
        groups,
        KeptClasses(tuple(groups), len(members)).counts,
        draws=draw_bits_of(positions, np.array([each.order.seed for each in enumerations], dtype=np.uint64)[members]),
        owners=members,
        is_next_block=np.append(True, (blocks[1:] != blocks[:-1]) | (members[1:] != members[:-1])),
        low=lows[members],
        high=highs[members],
    )
    edges = np.cumsum([0, *(segment.count for segment in segments)]).tolist()
    for start, stop in itertools.pairwise(edges):
        yield block.take(slice(start, stop))


class Reach(NamedTuple):
    """The positions `start` to `stop - 1` of an enumeration, and how many of their equations are wanted at most."""

    enumeration: Enumeration
    start: int
    stop: int
    most: int


def draw_together(reaches: Sequence[Reach]) -> list[EquationBlock | None]:
    """Returns what `Enumeration.equations_at` does for each of some enumerations of one selection, in turn of `start`.

    Args:
        reaches: of candidates that can be joined; at least one.
    """
    enumerations = [reach.enumeration for reach in reaches]
    ranges = [np.arange(reach.start, reach.stop, dtype=index_dtype(reach.stop)) for reach in reaches]
    members, positions = np.repeat(np.arange(len(reaches)), [*map(len, ranges)]), np.concatenate(ranges)
    kept = JointCandidates([each.candidates for each in enumerations]).kept_at(members, positions)
    firsts = np.flatnonzero(np.diff(members, prepend=-1))
    numbers = np.minimum(np.add.reduceat(kept.counts, firsts), [reach.most for reach in reaches])
    if not numbers.any():
        return [None] * len(reaches)
    block = enumerations[0].order.arrange_together(
        kept.groups,
        kept.counts,
        draws=draw_bits_of(positions, np.array([each.order.seed for each in enumerations], dtype=np.uint64)[members]),
        owners=members,
        is_next_block=np.diff(members, prepend=-1) > 0,
        low=np.zeros(len(members), dtype=np.int64),
        high=numbers[members],
    )
    edges = itertools.pairwise(np.cumsum([0, *numbers]).tolist())
    return [block.take(slice(start, stop)) if stop > start else None for start, stop in edges]
