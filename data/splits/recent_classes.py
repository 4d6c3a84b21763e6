"""What was found at the latest positions, for whoever asks again."""

import numpy as np

from eqstream.data.splits.candidates import Candidates, KeptClasses

# There may be thousands of enumerations with blocks so small, and there is no memory for the classes of each.
_MOST_FORGOTTEN = 1 << 12
# Of so many positions that were counted it is remembered how many equations each has: thousands of enumerations have
# little memory for it, and to look at so few of each again takes as long as to count them.
_MOST_REMEMBERED = 1 << 9


class RecentClasses:
    """Looks at positions of candidates, and remembers what was found at the latest ones.

    Args:
        candidates: what is looked at.
    """

    def __init__(self, candidates: Candidates) -> None:
        self._candidates = candidates
        # The first and the last position that were looked at together most recently.
        self._latest: tuple[int, int, KeptClasses] | None = None
        # The first of the few positions that were looked at most recently, and the number of equations at each.
        self._counted = 0, np.zeros(0, dtype=np.int64)

    def look_at(self, positions: np.ndarray) -> KeptClasses:
        """Returns the kept classes of positions (n,) that follow each other, at least one."""
        if len(positions) <= _MOST_FORGOTTEN:
            kept = self._candidates.kept_at(positions)
            if len(positions) <= _MOST_REMEMBERED:
                self._counted = int(positions[0]), kept.counts
            return kept
        first, last = int(positions[0]), int(positions[-1])
        if self._latest is None or self._latest[:2] != (first, last):
            self._latest = first, last, self._candidates.kept_at(positions)
        return self._latest[2]

    def recall_counts(self, start: int, stop: int) -> np.ndarray | None:
        """Returns the number of equations at each of the positions start..stop-1; None if it is forgotten."""
        first, counts = self._counted
        if first <= start < stop <= first + len(counts):
            return counts[start - first : stop - first]
        return None
