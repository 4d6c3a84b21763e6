"""Binary trees of many equations at once, as columns of numbers.

The trees over `n` leaves are numbered 0, 1, 2, …: by the number of leaves on the left of the root, then by the left
tree, then by the right one. A tree is worked with as its *steps*: its inner nodes in post-order, the order in which
they can be computed. All trees of a block have equally many leaves, so that steps are the rows of three matrices:

| matrix | a step's | type and shape |
| --- | --- | --- |
| `starts` | first leaf | uint8 (num_leaves - 1, n) |
| `middles` | first leaf of the right side | uint8 (num_leaves - 1, n) |
| `ends` | last leaf, plus 1 | uint8 (num_leaves - 1, n) |

All three have one column instead of n where all trees are the same. What is known of a node, as its value, can be kept
in the slot of its first leaf: that of its left side, which is not needed any more (`Slots`). A node has one operator,
the one before the first leaf of its right side, so that the operators of an equation, in the order of its text, are
those of its tree.

Without brackets the tree follows from the operators alone: see `steps_by_precedence`.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, overload

import numpy as np

MOST_LEAVES = 32

Numbers = np.ndarray | int


class Node(NamedTuple):
    """One step of n trees: the places of its left and its right side in `Slots`, and the number of leaves of each."""

    left: np.ndarray
    right: np.ndarray
    left_size: np.ndarray
    right_size: np.ndarray


@dataclass(frozen=True)
class Steps:
    """The inner nodes of trees with equally many leaves; see the module for the columns."""

    starts: np.ndarray
    middles: np.ndarray
    ends: np.ndarray

    def take(self, rows: np.ndarray) -> "Steps":
        """Returns the steps of the trees at `rows`."""
        if self.starts.shape[1] == 1:
            return self
        return Steps(*(column.take(rows, axis=1) for column in (self.starts, self.middles, self.ends)))

    def nodes(self, num_rows: int) -> Iterator[Node]:
        """Yields the steps in order; `num_rows` is the number of trees."""
        for start, middle, end in zip(self.starts, self.middles, self.ends, strict=True):
            left, right = (find_places(leaf, num_rows) for leaf in (start, middle))
            yield Node(left, right, middle - start, end - middle)


class Slots:
    """A number for each leaf of n trees, read and written at leaves that differ from tree to tree.

    Args:
        matrix: the numbers at first, (num_leaves, n); stays as it is.
    """

    def __init__(self, matrix: np.ndarray) -> None:
        self._columns = list(matrix)
        self._matrix = matrix
        self._flat: np.ndarray | None = None

    def get(self, places: np.ndarray) -> np.ndarray:
        """Returns the numbers at `places`, of the form that `find_places` returns; shape (n,)."""
        if len(places) == 1:
            return self._columns[places[0]]
        return (self._matrix.reshape(-1) if self._flat is None else self._flat).take(places)

    def put(self, places: np.ndarray, values: np.ndarray) -> None:
        """Sets the numbers at `places` to `values`, (n,)."""
        if len(places) == 1:
            self._columns[places[0]] = values
            return
        if self._flat is None:
            self._flat = self._matrix.flatten()
        self._flat[places] = values

    def roots(self) -> np.ndarray:
        """Returns the numbers at the first leaf, where those of the whole tree are in the end; shape (n,)."""
        return self._columns[0] if self._flat is None else self._flat[: self._matrix.shape[1]]

    def to_matrix(self) -> np.ndarray:
        """Returns all numbers, (num_leaves, n)."""
        return np.stack(self._columns) if self._flat is None else self._flat.reshape(self._matrix.shape)


def find_places(leaves: np.ndarray, num_rows: int) -> np.ndarray:
    """Returns where `Slots` have each row's leaf: the leaf itself if it is the same in all rows.

    Args:
        leaves: of shape (num_rows,), or (1,) if it is the same leaf in all rows.
        num_rows: number of trees.
    """
    if len(leaves) == 1:
        return leaves
    places = leaves.astype(np.int64)
    places *= num_rows
    places += np.arange(num_rows)
    return places


def find_rows(is_wanted: np.ndarray) -> np.ndarray | slice:
    """Returns where a column (n,) is not zero; a slice if that is everywhere."""
    if len(is_wanted) and is_wanted.strides == (0,):
        return slice(None) if is_wanted[0] else np.zeros(0, dtype=np.int64)
    rows = np.flatnonzero(is_wanted)
    return slice(None) if len(rows) == len(is_wanted) else rows


def take_rows(column: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Returns what a column (…, n) has at `rows`; one that repeats a number does so still."""
    if column.shape[-1] and column.strides[-1] == 0:
        return np.broadcast_to(column[..., :1], (*column.shape[:-1], len(rows)))
    return column.take(rows, axis=-1)


def count_trees(num_leaves: int) -> int:
    """Returns the number of binary trees with so many leaves, which is Catalan's.

    >>> [count_trees(num_leaves) for num_leaves in range(1, 7)]
    [1, 1, 2, 5, 14, 42]
    """
    count = 1
    for step in range(1, num_leaves):
        count = count * 2 * (2 * step - 1) // (step + 1)
    return count


# Trees by number of leaves; the largest has 54 bits.
COUNTS = np.array([0, *(count_trees(num_leaves) for num_leaves in range(1, MOST_LEAVES + 1))])


def _first_trees() -> np.ndarray:
    """Returns, for each number of leaves on the left and on the right, the number of the first such tree."""
    first = np.zeros((MOST_LEAVES + 1, MOST_LEAVES + 1), dtype=np.int64)
    for num_leaves in range(2, MOST_LEAVES + 1):
        total = 0
        for left in range(1, num_leaves):
            first[left, num_leaves - left] = total
            total += int(COUNTS[left] * COUNTS[num_leaves - left])
    return first


FIRST_TREES = _first_trees()


@overload
def rank_tree(*, left_size: int, left: int, right_size: int, right: int) -> int: ...


@overload
def rank_tree(*, left_size: np.ndarray, left: np.ndarray, right_size: np.ndarray, right: np.ndarray) -> np.ndarray: ...


def rank_tree(*, left_size: Numbers, left: Numbers, right_size: Numbers, right: Numbers) -> Numbers:
    """Returns the numbers of trees whose sides have so many leaves and these numbers; all arrays (n,), or numbers."""
    return FIRST_TREES[left_size, right_size] + left * COUNTS[right_size] + right


def unrank_trees(num_leaves: int, numbers: np.ndarray) -> Steps:
    """Returns the trees with these numbers, int64 (n,), each below `count_trees(num_leaves)`.

    >>> steps = unrank_trees(3, np.array([0, 1]))  # a · (b · c) and (a · b) · c
    >>> steps.starts.T.tolist(), steps.middles.T.tolist()
    ([[1, 0], [0, 0]], [[2, 1], [1, 2]])
    """
    shape = (num_leaves - 1, len(numbers))
    steps = Steps(*(np.zeros(shape, dtype=np.uint8) for _ in range(3)))
    # The subtree that begins at each leaf and is still to be taken apart: its leaves, its number and at how many of the
    # nodes above it stands on the right, for each of which there is a left side that has been computed before.
    sizes = np.ones((num_leaves, len(numbers)), dtype=np.int64)
    ranks, depths = np.zeros_like(sizes), np.zeros_like(sizes)
    sizes[0], ranks[0] = num_leaves, numbers
    for leaf in range(num_leaves - 1):
        rows = np.flatnonzero(sizes[leaf] > 1)
        while len(rows):
            size, depth = sizes[leaf, rows], depths[leaf, rows]
            left_size, left, right = _split(size, ranks[leaf, rows])
            step, middle = leaf + size - 2 - depth, leaf + left_size
            for column, values in ((steps.starts, leaf), (steps.middles, middle), (steps.ends, leaf + size)):
                column[step, rows] = values
            sizes[middle, rows], ranks[middle, rows], depths[middle, rows] = size - left_size, right, depth + 1
            sizes[leaf, rows], ranks[leaf, rows] = left_size, left
            rows = rows[left_size > 1]
    return steps


def list_trees(num_leaves: int) -> np.ndarray:
    """Returns the steps of all trees, a row for each: starts, then middles, then ends; uint8 (count, 3, steps).

    >>> list_trees(3).tolist()
    [[[1, 0], [2, 1], [3, 3]], [[0, 0], [1, 2], [2, 3]]]
    """
    tables = [np.zeros((1, 3, 0), dtype=np.uint8)]
    for size in range(2, num_leaves + 1):
        parts: list[np.ndarray] = []
        for left_size in range(1, size):
            left, right = tables[left_size - 1], tables[size - left_size - 1]
            root = np.array([[[0], [left_size], [size]]], dtype=np.uint8)
            counts = len(left) * len(right)
            rows = np.repeat(left, len(right), axis=0), np.tile(right + np.uint8(left_size), (len(left), 1, 1))
            parts.append(np.concatenate([*rows, np.broadcast_to(root, (counts, 3, 1))], axis=2))
        tables.append(np.concatenate(parts))
    return tables[-1]


def _split(sizes: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the number of leaves on the left, and the numbers of the left and of the right side; all (n,)."""
    left_sizes = np.ones_like(sizes)
    for left in range(2, int(sizes.max())):
        right = np.maximum(sizes - left, 0)
        left_sizes += (right > 0) & (numbers >= FIRST_TREES[left, right])
    right_sizes = sizes - left_sizes
    rest = numbers - FIRST_TREES[left_sizes, right_sizes]
    counts = COUNTS.take(right_sizes)
    left = rest // counts
    return left_sizes, left, rest - left * counts


def steps_by_precedence(is_product: np.ndarray) -> Steps:
    """Returns the trees of equations without brackets: ``*`` and ``/`` bind first, then from the left.

    Args:
        is_product: whether each operator is ``*`` or ``/``, bool (num_leaves - 1, n).

    >>> steps = steps_by_precedence(np.array([[False], [True]]))  # a + b * c
    >>> steps.starts[:, 0].tolist(), steps.middles[:, 0].tolist(), steps.ends[:, 0].tolist()
    ([1, 0], [2, 1], [3, 3])
    """
    steps = Steps(*(np.zeros(is_product.shape, dtype=np.uint8) for _ in range(3)))
    num_rows: int = is_product.shape[1]
    rows = np.arange(num_rows)
    num_leaves = len(is_product) + 1
    # A sum ends where the next one begins.
    ends = np.full(is_product.shape, num_leaves, dtype=np.int64)
    for leaf, following in itertools.pairwise(reversed(range(num_leaves - 1))):
        ends[following] = np.where(is_product[leaf], ends[leaf], leaf + 1)
    run_start = np.zeros(num_rows, dtype=np.int64)
    for leaf, product in enumerate(is_product):
        # While a product on the right of a sum is computed, the left side of the sum waits.
        step = np.where(product, leaf - (run_start > 0), ends[leaf] - 2)
        steps.starts[step, rows] = np.where(product, run_start, 0)
        steps.middles[step, rows] = leaf + 1
        steps.ends[step, rows] = np.where(product, leaf + 2, ends[leaf])
        run_start = np.where(product, run_start, leaf + 1)
    return steps
