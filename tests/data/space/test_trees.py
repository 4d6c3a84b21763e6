"""Trees as columns against trees that are built one at a time."""

import itertools

import numpy as np
import pytest

from eqstream.data.space.trees import (
    Slots,
    count_trees,
    find_places,
    list_trees,
    rank_tree,
    steps_by_precedence,
    unrank_trees,
)
from tests.brute_force import make_recipe
from tests.one_shape import list_shapes, list_steps


def trees_of(operators, terms, brackets):
    space = {"operands": {"min": 0, "max": 9}, "operators": operators, "terms": terms, "brackets": brackets}
    return list_shapes(make_recipe(space).space)


def rows_of(steps):
    """The steps of each tree."""
    return np.stack([steps.starts, steps.middles, steps.ends], axis=-1).transpose(1, 0, 2).tolist()


@pytest.mark.parametrize("num_leaves", range(1, 8))
def test_trees_are_numbered_by_the_left_size_then_left_then_right(num_leaves):
    expected = [[list(step) for step in list_steps(tree)] for tree in trees_of("+", num_leaves, True)]
    assert len(expected) == count_trees(num_leaves)
    assert rows_of(unrank_trees(num_leaves, np.arange(len(expected)))) == expected
    assert list_trees(num_leaves).transpose(0, 2, 1).tolist() == expected


@pytest.mark.parametrize("num_leaves", range(2, 8))
def test_without_brackets_products_bind_first_then_from_the_left(num_leaves):
    expected = [[list(step) for step in list_steps(tree)] for tree in trees_of("+*", num_leaves, False)]
    patterns = list(itertools.product([False, True], repeat=num_leaves - 1))
    assert rows_of(steps_by_precedence(np.array(patterns, dtype=bool).T)) == expected


@pytest.mark.parametrize("num_leaves", [2, 5, 13, 20, 32])
def test_ranks_undo_unranking(num_leaves):
    last = count_trees(num_leaves) - 1
    numbers = np.array(sorted({0, last // 7, last // 2, last * 5 // 6, last}))
    steps = unrank_trees(num_leaves, numbers)
    ranks = Slots(np.zeros((num_leaves, len(numbers)), dtype=np.int64))
    for left, right, left_size, right_size in steps.nodes(len(numbers)):
        ranks.put(
            left, rank_tree(left_size=left_size, left=ranks.get(left), right_size=right_size, right=ranks.get(right))
        )
    assert ranks.roots().tolist() == numbers.tolist()


def test_slots_keep_the_matrix_that_they_are_made_from():
    matrix = np.arange(6).reshape(2, 3)
    for leaves in (np.array([1], dtype=np.uint8), np.array([0, 1, 0], dtype=np.uint8)):
        slots, places = Slots(matrix), find_places(leaves, 3)
        expected = matrix.copy()
        expected[np.broadcast_to(leaves, 3), np.arange(3)] = [7, 8, 9]
        slots.put(places, np.array([7, 8, 9]))
        assert slots.get(places).tolist() == [7, 8, 9]
        assert slots.to_matrix().tolist() == expected.tolist()
        assert slots.roots().tolist() == expected[0].tolist()
    assert matrix.tolist() == [[0, 1, 2], [3, 4, 5]]
