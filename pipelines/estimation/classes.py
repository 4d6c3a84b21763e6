"""How many classes of commuted twins a split has: all equations of one class have the same answer."""

from collections.abc import Sequence

import numpy as np

from eqstream.data.splits.candidates import BLOCK_SIZE
from eqstream.data.splits.equation_counts import EquationCounts
from eqstream.data.splits.plan import PlannedSplit
from eqstream.data.splits.segments import Part
from eqstream.pipelines.estimation.sizes import MOST_SOURCES
from eqstream.pipelines.runtime.wording import count_of

# Below so many classes an accuracy on a split says little.
FEW_CLASSES = 100
# Candidates that are looked at once more for a note.
_MOST_LOOKED_AT = 1 << 20


def count_if_small(counts: EquationCounts, split: PlannedSplit) -> int | None:
    """Returns the number of classes of a split.

    It is None where no class has over two equations, or where the split is large or its equations are far apart.
    """
    is_small = split.num_equations <= BLOCK_SIZE and len(split.parts) <= MOST_SOURCES
    if counts.sources.twins.largest_class <= 2 or not is_small:
        return None
    return count_classes(counts, split.parts) if _count_candidates(counts, split.parts) <= _MOST_LOOKED_AT else None


def _count_candidates(counts: EquationCounts, parts: Sequence[Part]) -> int:
    """Returns about how many candidates `count_classes` looks at."""
    number = 0
    for part in parts:
        own = counts.by_source[part.source]
        if own.enumeration.listed is None:
            number += own.locate(part.first + part.count - 1)[0] - own.locate(part.first)[0]
    return number


def list_notes_on_classes(counts: EquationCounts, splits: Sequence[PlannedSplit]) -> list[str]:
    """Returns a line for each split that has few classes."""
    notes = []
    for split in splits:
        num_classes = count_if_small(counts, split)
        notes += note_few_classes(split.name, num_classes=num_classes, num_equations=split.num_equations)
    return notes


def note_few_classes(split: str, *, num_classes: int | None, num_equations: int) -> list[str]:
    """Returns a line that a split has few classes, if it does; `num_classes` is None if that is not known."""
    if num_classes is None or num_classes >= min(FEW_CLASSES, num_equations):
        return []
    return [
        f"note: split `{split}` has only {count_of(num_classes, 'class', 'classes')} of commuted twins, all of one "
        "answer each: an accuracy on it says little; use `commuted: drop`, or a larger `count`"
    ]


def count_classes(counts: EquationCounts, parts: Sequence[Part]) -> int:
    """Returns how many classes of twins have an equation in a split, by counting all blocks that it reaches over."""
    num_classes = 0
    for part in parts:
        own, end = counts.by_source[part.source], part.first + part.count
        if own.enumeration.listed is not None:
            num_classes += own.enumeration.listed.count_classes(part.first, end)
            continue
        position, before = own.locate(part.first)
        while kept := own.enumeration.block(position):
            position += kept.num_positions
            starts = before + kept.starts
            before += kept.num_equations
            ends = np.append(starts[1:], before)
            num_classes += int(((ends > part.first) & (starts < end)).sum())
            if before >= end:
                break
    return num_classes
