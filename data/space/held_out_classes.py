"""Classes of commuted twins that are held out, each known by its hash.

Equations of different spaces are compared in this way. So `2 + 1` of one dataset is found if another one has `1 + 2`,
whatever `commuted` says. That two different classes have one hash happens about once in 10 ** 19 pairs, and takes out
an equation too many.
"""

import numpy as np

# How many of the highest bits; the table has a byte for each of their values, so 4 kB to 16 MB.
_LEAST_BITS, _MOST_BITS = 12, 24


class HeldOut:
    """Classes of equations that must not be trained on, of any number of datasets.

    Args:
        hashes: of the classes, uint64 (n,), in any order.
    """

    def __init__(self, hashes: np.ndarray) -> None:
        self._hashes = np.unique(hashes)
        # Nearly all classes that are looked for are not held out, which their highest bits tell sooner than a search.
        num_bits = min(max((16 * len(self._hashes)).bit_length(), _LEAST_BITS), _MOST_BITS)
        self._shift = np.uint64(64 - num_bits)
        self._may_have = np.zeros(1 << num_bits, bool)
        self._may_have[self._hashes >> self._shift] = True

    def __len__(self) -> int:
        return len(self._hashes)

    def joined(self, other: "HeldOut | None") -> "HeldOut":
        """Returns the classes of both."""
        return self if other is None else HeldOut(np.concatenate([self._hashes, other._hashes]))

    def contains(self, hashes: np.ndarray) -> np.ndarray:
        """Returns which classes are held out, bool (n,), given their hashes without salt, uint64 (n,)."""
        is_held_out = self._may_have[hashes >> self._shift]
        rows = np.flatnonzero(is_held_out)
        places = np.minimum(np.searchsorted(self._hashes, hashes[rows]), len(self) - 1)
        is_held_out[rows] = self._hashes[places] == hashes[rows]
        return is_held_out
