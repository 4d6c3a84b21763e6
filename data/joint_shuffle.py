"""Many shuffles at once: the indices at positions of all of them, computed together."""

from collections.abc import Hashable, Sequence

import numpy as np

from eqstream.data.permutation import (
    Permutation,
    Shuffle,
    WidePermutation,
    add_below,
    index_dtype,
    mix_below,
    scale_hashes,
)


class JointShuffle:
    """Shuffles side by side.

    Args:
        shuffles: of any sizes.

    >>> first, second = Permutation(10, seed=1), Permutation(1000, seed=2)
    >>> found = JointShuffle([first, second]).forward(np.array([0, 1, 1]), np.array([7, 7, 8]))
    >>> bool((found == [*first.forward(np.array([7])), *second.forward(np.array([7, 8]))]).all())
    True
    """

    def __init__(self, shuffles: Sequence[Shuffle]) -> None:
        kinds: dict[Hashable, list[int]] = {}
        for number, shuffle in enumerate(shuffles):
            is_joinable = isinstance(shuffle, WidePermutation) or (
                isinstance(shuffle, Permutation) and index_dtype(shuffle.size) is np.int64
            )
            # Networks with as many rounds and one hash are computed together, and others alone.
            kind = (type(shuffle), len(shuffle.keys)) if is_joinable else number
            kinds.setdefault(kind, []).append(number)
        self._groups = [
            shuffles[numbers[0]] if isinstance(kind, int) else _Networks([shuffles[number] for number in numbers])
            for kind, numbers in kinds.items()
        ]
        self._dtype = index_dtype(max(shuffle.size for shuffle in shuffles))
        # Of each shuffle its group, and its place in that.
        self._members = np.zeros((2, len(shuffles)), dtype=np.int64)
        for group, numbers in enumerate(kinds.values()):
            self._members[:, numbers] = [[group] * len(numbers), range(len(numbers))]

    def forward(self, numbers: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Returns an index for each row, (n,).

        Args:
            numbers: of the shuffles, (n,).
            positions: in these, (n,).
        """
        result = np.empty(len(positions), dtype=self._dtype)
        groups, members = self._members[:, numbers]
        for number, group in enumerate(self._groups):
            rows = np.flatnonzero(groups == number)
            if not len(rows):
                continue
            if isinstance(group, _Networks):
                result[rows] = group.forward(members[rows], positions[rows])
            else:
                result[rows] = group.forward(positions[rows])
        return result


class _Networks:
    """Networks with as many rounds and one hash: what `Permutation` has of one is a row for each here."""

    def __init__(self, shuffles: Sequence[Permutation | WidePermutation]) -> None:
        self._mix = mix_below if isinstance(shuffles[0], WidePermutation) else scale_hashes
        dtype = np.int64 if isinstance(shuffles[0], Permutation) else object
        self._sizes = np.array([shuffle.size for shuffle in shuffles], dtype=dtype)
        self._radices = np.array([shuffle.radix for shuffle in shuffles], dtype=dtype)
        self._left_radices = np.array([shuffle.left_radix for shuffle in shuffles], dtype=np.uint64)
        self._keys = np.array([shuffle.keys for shuffle in shuffles], dtype=np.uint64).T.copy()

    def forward(self, numbers: np.ndarray, positions: np.ndarray) -> np.ndarray:
        result = positions.astype(self._sizes.dtype)
        outside = np.arange(len(result))
        while len(outside):
            result[outside] = self._encrypt(numbers[outside], result[outside])
            is_outside = result[outside] >= self._sizes[numbers[outside]]
            outside = outside[is_outside.astype(bool)]
        return result

    def _encrypt(self, numbers: np.ndarray, values: np.ndarray) -> np.ndarray:
        radices, left_radices = self._radices[numbers], self._left_radices[numbers]
        left = values // radices
        right = (values - left * radices).astype(np.uint64)
        left, right_radices = left.astype(np.uint64), radices.astype(np.uint64)
        for number, keys in enumerate(self._keys):
            if number % 2 == 0:
                left = add_below(left, self._mix(right, keys[numbers], left_radices), left_radices)
            else:
                right = add_below(right, self._mix(left, keys[numbers], right_radices), right_radices)
        return left.astype(values.dtype) * radices + right.astype(values.dtype)
