"""What was found at the latest positions, for whoever asks again."""

import numpy as np

from eqstream.data.splits.candidates import Candidates, KeptClasses

# There may be thousands of enumerations with blocks so small, and there is no memory for the classes of each.
_MOST_FORGOTTEN = 1 << 12


class RecentClasses:
    """Looks at positions of candidates, and remembers what was found at the latest ones.

    Args:
        candidates: what is looked at.
    """

    def __init__(self, candidates: Candidates) -> None:
        self._candidates = candidates
        # The first and the last position that were looked at together most recently.
        self._latest: tuple[int, int, KeptClasses] | None = None

    def look_at(self, positions: np.ndarray) -> KeptClasses:
        """Returns the kept classes of positions (n,) that follow each other, at least one."""
        if len(positions) <= _MOST_FORGOTTEN:
            return self._candidates.kept_at(positions)
        first, last = int(positions[0]), int(positions[-1])
        # Read once: other threads may look at other positions meanwhile.
        latest = self._latest
        if latest is None or latest[:2] != (first, last):
            self._latest = latest = first, last, self._candidates.kept_at(positions)
        return latest[2]
