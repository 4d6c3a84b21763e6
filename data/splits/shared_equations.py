"""Equations that two datasets share, found from their recipes without a look at any file."""

from collections.abc import Collection, Iterator

import numpy as np

from eqstream.data.recipe import Recipe
from eqstream.data.space.class_hash import class_hash
from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.space.held_out_classes import HeldOut
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.splits.counting_policy import count_for_plan
from eqstream.data.splits.plan import plan_splits
from eqstream.data.splits.shard_equations import ShardEquations


def hold_out(recipe: Recipe, splits: Collection[str]) -> np.ndarray:
    """Returns the hashes of all classes that some splits of a dataset have, uint64 (n,), for `HeldOut`."""
    return np.concatenate([np.zeros(0, np.uint64), *_hash_splits(recipe, splits)])


def find_held_out_records(recipe: Recipe, split: str, held_out: HeldOut) -> np.ndarray:
    """Returns the records of a dataset's split whose equations are held out, int64 (n,), rising.

    Args:
        recipe: of the dataset.
        split: the name of the split.
        held_out: the classes.
    """
    found, start = [np.zeros(0, np.int64)], 0
    for hashes in _hash_splits(recipe, [split]):
        found.append(start + np.flatnonzero(held_out.contains(hashes)))
        start += len(hashes)
    return np.concatenate(found)


def _hash_splits(recipe: Recipe, splits: Collection[str]) -> Iterator[np.ndarray]:
    """Yields the hashes of the equations of some splits, uint64 (n,), in the order of their records."""
    counts = count_for_plan(recipe)
    equations = ShardEquations(counts.sources)
    for task in plan_splits(counts).shards:
        if task.split in splits:
            for block in equations.blocks(task):
                yield hash_equations(block, counts.sources.space)


def hash_equations(block: EquationBlock, space: PreparedSpace) -> np.ndarray:
    """Returns the hashes of some equations' classes, uint64 (n,), for `HeldOut`."""
    hashes = np.empty(len(block), np.uint64)
    for shapes, rows, places in space.shapes.split(block.shapes):
        operands = np.stack([operand[rows] for operand in block.operands[: shapes.num_terms]])
        hashes[rows] = class_hash(shapes.columns(places), operands, decimals=space.decimals, salt="")
    return hashes
