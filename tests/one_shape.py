"""Shapes one at a time, as nested tuples: the oracle for those that are numbers.

A tree is ``(operator, left, right)`` over leaves; a leaf is the index of its operand, counted from the left, so that a
tree's leaves are always 0, 1, 2, … from the left: ``(a + b) * c`` is ``("*", ("+", 0, 1), 2)``.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from eqstream.data.recipe_values import OPERATORS
from eqstream.data.space.section_union import SectionUnion
from eqstream.data.space.shapes import OPERAND, ShapeColumns, Shapes
from eqstream.data.space.trees import Steps
from eqstream.data.space_recipe import SpaceRecipe

Tree = Any  # int | tuple[str, Tree, Tree]


def list_shapes(space: SpaceRecipe) -> list[Tree]:
    """The trees of a space with their operators: by number of terms, then tree, then operators in order ``+-*/``."""
    return [
        tree
        for terms in range(space.terms.min, space.terms.max + 1)
        for form in (_list_trees(0, terms) if space.brackets else [None])
        for operators in itertools.product(space.operators, repeat=terms - 1)
        for tree in [_tree_by_precedence(operators) if form is None else _fill(form, iter(operators))]
    ]


def count_terms(tree: Tree) -> int:
    return 1 if isinstance(tree, int) else count_terms(tree[1]) + count_terms(tree[2])


def list_steps(tree: Tree) -> list[tuple[int, int, int]]:
    """First leaf, first leaf on the right and end of each inner node, in post-order."""
    if isinstance(tree, int):
        return []
    left, right = _first_leaf(tree[1]), _first_leaf(tree[2])
    return [*list_steps(tree[1]), *list_steps(tree[2]), (left, right, right + count_terms(tree[2]))]


def list_operators(tree: Tree) -> list[str]:
    return [] if isinstance(tree, int) else [*list_operators(tree[1]), tree[0], *list_operators(tree[2])]


def columns_of(trees: list[Tree]) -> ShapeColumns:
    """The columns of trees with equally many terms."""
    operators = [[OPERAND, *map(OPERATORS.index, list_operators(tree))] for tree in trees]
    steps = np.array([list_steps(tree) for tree in trees], dtype=np.uint8).reshape(len(trees), -1, 3)
    return ShapeColumns(np.array(operators, dtype=np.uint8).T, Steps(*steps.transpose(2, 1, 0)))


def _first_leaf(tree: Tree) -> int:
    return tree if isinstance(tree, int) else _first_leaf(tree[1])


def _list_trees(start: int, end: int) -> list[Tree]:
    if end - start == 1:
        return [start]
    return [
        (None, left, right)
        for middle in range(start + 1, end)
        for left in _list_trees(start, middle)
        for right in _list_trees(middle, end)
    ]


def _fill(tree: Tree, operators: Iterator[str]) -> Tree:
    if isinstance(tree, int):
        return tree
    left = _fill(tree[1], operators)
    operator = next(operators)
    return (operator, left, _fill(tree[2], operators))


def _tree_by_precedence(operators: tuple[str, ...]) -> Tree:
    sums: list[Tree] = [0]
    signs = []
    for leaf, operator in enumerate(operators, start=1):
        if operator in "*/":
            sums[-1] = (operator, sums[-1], leaf)
        else:
            sums.append(leaf)
            signs.append(operator)
    tree = sums[0]
    for sign, right in zip(signs, sums[1:], strict=True):
        tree = (sign, tree, right)
    return tree


def list_rows(shapes: Shapes, trees: list[Tree], space: SectionUnion, indices: np.ndarray) -> list[tuple]:
    """The tree and the operands at each index; `trees` are those of all shapes, in order."""
    rows: list[tuple] = [()] * len(indices)
    for candidates in space.locate(indices):
        numbers = shapes.numbers(candidates.section.shapes, candidates.shapes).tolist()
        operands = candidates.operands().T.tolist()
        for row, number, own in zip(candidates.rows.tolist(), numbers, operands, strict=True):
            rows[row] = (trees[number], *own)
    return rows
