"""Shapes: number of terms, expression tree and operators, in a fixed order.

A tree is nested tuples ``(operator, left, right)`` over leaves; a leaf is the index of its operand, counted from the
left, so a tree's in-order leaves are always 0, 1, 2, ….  ``(a + b) * c`` is ``("*", ("+", 0, 1), 2)``.

Twins are the equations one gets by swapping the two sides of ``+`` and ``*`` anywhere in a tree. A node can be swapped
if the swapped tree still belongs to the space; without brackets a right side never may bind as weakly as its parent.
The canonical member of a class has, at each such node, the side with more operands first and, of sides with the same
structure, the lexicographically smaller operands first.
"""

import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from eqstream.data.errors import UserError
from eqstream.data.recipe import SpaceRecipe

Tree = Any  # int | tuple[str, Tree, Tree]
BINDING = {"+": 1, "-": 1, "*": 2, "/": 2}
MAX_SHAPES = 1 << 16


@dataclass(frozen=True)
class Swap:
    """One node whose sides may be swapped: operands `start` to `middle` on its left, `middle` to `end` on its right.

    `order` compares the structures of the sides: 0 where they are alike, and so the operands decide, -1 where the
    left one comes first in canonical form, 1 where the right one does.
    """

    start: int
    middle: int
    end: int
    order: int


@dataclass(frozen=True)
class Variant:
    """One member of a class as seen from another: which swaps lead to it, and what it looks like.

    Operand `i` of the variant is operand ``operand_order[i]`` of the equation it is made from.
    """

    swaps: int  # bit s is set where swap number s takes part
    tree: Tree
    operand_order: tuple[int, ...]


@dataclass(frozen=True)
class Shape:
    """A tree with its operators, and what follows from the two alone."""

    tree: Tree
    brackets: bool
    swaps: tuple[Swap, ...] = dataclasses.field(init=False)
    operators: str = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "swaps", tuple(_list_swaps(self.tree, self.brackets)))
        object.__setattr__(self, "operators", "".join(_list_operators(self.tree)))

    @property
    def num_terms(self) -> int:
        """Number of operands."""
        return len(self.operators) + 1

    @property
    def has_brackets(self) -> bool:
        """Whether the text of an equation of this shape holds brackets."""
        return any("(" in literal for literal in self.literals(spacing=True))

    def literals(self, spacing: bool) -> list[str]:
        """Returns the texts around the operands: before the first, between each two, after the last.

        >>> Shape(("*", ("+", 0, 1), 2), brackets=True).literals(spacing=True)
        ['(', ' + ', ') * ', '']
        """
        gap = " " if spacing else ""
        literals = [""]
        for piece in _infix(self.tree, gap):
            if isinstance(piece, int):
                literals.append("")
            else:
                literals[-1] += piece
        return literals

    def variants(self) -> list[Variant]:
        """Returns all members of a class, the shape itself first, for operands that make no two of them equal."""
        variants = []
        for swaps in range(1 << len(self.swaps)):
            tree, order = _apply_swaps(self.tree, iter(_bits(swaps, len(self.swaps))), self.brackets)
            variants.append(Variant(swaps, _renumber(tree), tuple(order)))
        return variants


def list_shapes(space: SpaceRecipe) -> tuple[Shape, ...]:
    """Returns the shapes of a space: by number of terms, then tree, then operators in the order ``+-*/``.

    Raises:
        UserError: there are more than `MAX_SHAPES`.
    """
    count = sum(count_shapes(terms, space) for terms in range(space.terms.min, space.terms.max + 1))
    if count > MAX_SHAPES:
        raise UserError(
            f"the space has {count:,} shapes, at most {MAX_SHAPES:,} are supported; "
            "lower `space.terms.max` or use fewer operators"
        )
    shapes = []
    for terms in range(space.terms.min, space.terms.max + 1):
        trees = _list_trees(0, terms) if space.brackets else [None]
        for tree in trees:
            for operators in itertools.product(space.operators, repeat=terms - 1):
                filled = _tree_by_precedence(operators) if tree is None else _fill(tree, iter(operators))
                shapes.append(Shape(filled, space.brackets))
    return tuple(shapes)


def count_shapes(terms: int, space: SpaceRecipe) -> int:
    """Returns the number of shapes with `terms` operands: operator sequences, times binary trees with brackets."""
    sequences = len(space.operators) ** (terms - 1)
    if not space.brackets:
        return sequences
    catalan = 1
    for step in range(1, terms):
        catalan = catalan * 2 * (2 * step - 1) // (step + 1)
    return sequences * catalan


def count_leaves(tree: Tree) -> int:
    """Returns the number of operands in a tree."""
    return 1 if isinstance(tree, int) else count_leaves(tree[1]) + count_leaves(tree[2])


def _list_trees(start: int, end: int) -> list[Tree]:
    """Returns all binary trees over the leaves start..end-1, operators still open (None)."""
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
    """Returns the tree that the operators have without brackets: ``*`` and ``/`` bind first, then from the left."""
    sums: list[Tree] = [0]
    signs = []
    for leaf, operator in enumerate(operators, start=1):
        if BINDING[operator] == 2:
            sums[-1] = (operator, sums[-1], leaf)
        else:
            sums.append(leaf)
            signs.append(operator)
    tree = sums[0]
    for sign, right in zip(signs, sums[1:], strict=True):
        tree = (sign, tree, right)
    return tree


def _list_operators(tree: Tree) -> Iterator[str]:
    if not isinstance(tree, int):
        yield from _list_operators(tree[1])
        yield tree[0]
        yield from _list_operators(tree[2])


def _infix(tree: Tree, gap: str) -> Iterator[int | str]:
    if isinstance(tree, int):
        yield tree
        return
    operator, left, right = tree
    yield from _bracketed(left, gap, needed=_binding(left) < BINDING[operator])
    yield f"{gap}{operator}{gap}"
    yield from _bracketed(right, gap, needed=_binding(right) <= BINDING[operator])


def _bracketed(tree: Tree, gap: str, *, needed: bool) -> Iterator[int | str]:
    if needed:
        yield "("
    yield from _infix(tree, gap)
    if needed:
        yield ")"


def _binding(tree: Tree) -> int:
    return 3 if isinstance(tree, int) else BINDING[tree[0]]


def _list_swaps(tree: Tree, brackets: bool) -> Iterator[Swap]:
    """Yields the swaps in post-order, the order in which `_apply_swaps` asks for their bits."""
    if isinstance(tree, int):
        return
    _, left, right = tree
    yield from _list_swaps(left, brackets)
    yield from _list_swaps(right, brackets)
    if _can_swap(tree, brackets):
        start, middle = _first_leaf(left), _first_leaf(right)
        left_key, right_key = _structure_key(left), _structure_key(right)
        order = (left_key > right_key) - (left_key < right_key)
        yield Swap(start, middle, middle + count_leaves(right), order)


def _can_swap(tree: Tree, brackets: bool) -> bool:
    operator, left, _ = tree
    # The left side comes to stand on the right, where it needs brackets unless it binds more strongly.
    return operator in "+*" and (brackets or _binding(left) > BINDING[operator])


def _structure_key(tree: Tree) -> tuple:
    """Returns a key by which structures are ordered: more leaves first, so that fewer brackets are needed."""
    return (-count_leaves(tree), repr(_renumber(tree)))


def _first_leaf(tree: Tree) -> int:
    return tree if isinstance(tree, int) else _first_leaf(tree[1])


def _leaves(tree: Tree) -> Iterator[int]:
    if isinstance(tree, int):
        yield tree
    else:
        yield from _leaves(tree[1])
        yield from _leaves(tree[2])


def _renumber(tree: Tree) -> Tree:
    """Returns the tree with its leaves numbered 0, 1, 2, … from the left."""
    numbers = {leaf: number for number, leaf in enumerate(_leaves(tree))}

    def walk(node: Tree) -> Tree:
        return numbers[node] if isinstance(node, int) else (node[0], walk(node[1]), walk(node[2]))

    return walk(tree)


def _apply_swaps(tree: Tree, bits: Iterator[bool], brackets: bool) -> tuple[Tree, list[int]]:
    """Returns the tree with the chosen nodes swapped, its leaves as they were, and these leaves from the left."""

    def walk(node: Tree) -> Tree:
        if isinstance(node, int):
            return node
        left, right = walk(node[1]), walk(node[2])
        if _can_swap(node, brackets) and next(bits):
            left, right = right, left
        return (node[0], left, right)

    swapped = walk(tree)
    return swapped, list(_leaves(swapped))


def _bits(number: int, count: int) -> list[bool]:
    return [bool(number >> bit & 1) for bit in range(count)]
