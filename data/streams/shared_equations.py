"""Equations that two datasets share, found from their recipes without a look at any file.

Equations of different spaces are compared by the hash of their classes of twins. So `2 + 1` of one dataset is found if
another one has `1 + 2`, whatever `commuted` says. That two different classes have one hash happens about once in
10 ** 19 pairs, and takes out an equation too many.
"""

from collections.abc import Collection, Iterator

import numpy as np

from eqstream.data.recipe import Recipe
from eqstream.data.space.class_hash import class_hash
from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.splits.counting_policy import count_for_plan
from eqstream.data.splits.plan import plan_splits
from eqstream.data.splits.shard_equations import ShardEquations
from eqstream.data.splits.twin_classes import TwinClasses

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

    def has_classes(self, classes: TwinClasses, decimals: int) -> np.ndarray:
        """Returns which of some classes are held out, bool (n,); `decimals` are those of an operand."""
        return self.contains(class_hash(classes.columns, classes.operands, decimals=decimals, salt=""))

    def find_records(self, recipe: Recipe, split: str) -> np.ndarray:
        """Returns the records of a dataset's split whose equations are held out, int64 (n,), rising.

        Args:
            recipe: of the dataset.
            split: the name of the split.
        """
        found, start = [np.zeros(0, np.int64)], 0
        for hashes in _hash_splits(recipe, [split]):
            found.append(start + np.flatnonzero(self.contains(hashes)))
            start += len(hashes)
        return np.concatenate(found)

    def contains(self, hashes: np.ndarray) -> np.ndarray:
        """Returns which classes are held out, bool (n,), given their hashes without salt, uint64 (n,)."""
        is_held_out = self._may_have[hashes >> self._shift]
        rows = np.flatnonzero(is_held_out)
        places = np.minimum(np.searchsorted(self._hashes, hashes[rows]), len(self) - 1)
        is_held_out[rows] = self._hashes[places] == hashes[rows]
        return is_held_out


def hold_out(recipe: Recipe, splits: Collection[str]) -> np.ndarray:
    """Returns the hashes of all classes that some splits of a dataset have, uint64 (n,), for `HeldOut`."""
    return np.concatenate([np.zeros(0, np.uint64), *_hash_splits(recipe, splits)])


def _hash_splits(recipe: Recipe, splits: Collection[str]) -> Iterator[np.ndarray]:
    """Yields the hashes of the equations of some splits, uint64 (n,), in the order of their records."""
    counts = count_for_plan(recipe)
    equations = ShardEquations(counts.sources)
    for task in plan_splits(counts).shards:
        if task.split in splits:
            for block in equations.blocks(task):
                yield _hash_block(block, counts.sources.space)


def _hash_block(block: EquationBlock, space: PreparedSpace) -> np.ndarray:
    hashes = np.empty(len(block), np.uint64)
    for shapes, rows, places in space.shapes.split(block.shapes):
        operands = np.stack([operand[rows] for operand in block.operands[: shapes.num_terms]])
        hashes[rows] = class_hash(shapes.columns(places), operands, decimals=space.decimals, salt="")
    return hashes
