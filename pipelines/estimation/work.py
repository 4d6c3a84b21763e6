"""How much work it is to look at candidates, so that a preview takes no more than some tenths of a second for it.

The unit is a position of sums of two numbers, some 50 nanoseconds.
"""

from eqstream.data.permutation import LARGEST_WIDE_SIZE
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.splits.enumeration import Enumeration

SECONDS_OF_WORK = 5e-8
# Work of one sample.
SAMPLE_WORK = 1 << 19
# What a position costs more, as measured: by division, whose quotients are checked, by bounds on answers, and by
# numbers beyond 63 bits.
DIVISION_WORK = 4
ANSWER_WORK = 2
HUGE_WORK = 128
# What it takes to list a candidate instead of a search, as measured.
LISTING_WORK = 4
# Such positions are looked at in small blocks, and each stands for several.
CANONICAL_WORK = 16
# Positions of a sample that are looked at together.
_MOST_AT_ONCE = 1 << 12


def work_per_position(space: PreparedSpace, enumeration: Enumeration) -> float:
    """Returns what it takes to look at a position of an enumeration."""
    # Longer equations have more operands, and more twins to compare them with.
    work = max(1.0, (space.recipe.terms.max - 1) ** 2 / 4)
    if space.has_division:
        work *= DIVISION_WORK
    elif space.is_bounded:
        work *= ANSWER_WORK
    if enumeration.is_canonical:
        work *= CANONICAL_WORK
    return work + (HUGE_WORK if enumeration.is_huge or enumeration.size > LARGEST_WIDE_SIZE else 0)


def work_per_task(space: PreparedSpace) -> float:
    """Returns what a counting task takes besides the positions that it looks at: numpy's calls, as measured."""
    return 5000 + 150 * space.recipe.terms.max**2


def count_sampled(space: PreparedSpace, enumeration: Enumeration, *, divisor: float = 1) -> int:
    """Returns how many positions of an enumeration to look at for a sample, or for one of several smaller ones."""
    at_once = _MOST_AT_ONCE if enumeration.is_canonical else enumeration.block_size
    num_positions = int(SAMPLE_WORK / divisor / work_per_position(space, enumeration))
    return min(max(num_positions, 1), at_once, enumeration.size)
