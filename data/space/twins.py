"""Twins, for blocks of equations: which of them is canonical, which others there are, and what they look like.

Twins are the equations one gets by swapping the two sides of ``+`` and ``*`` anywhere in a tree. A node can be swapped
if the swapped tree still belongs to the space; without brackets a right side never may bind as weakly as its parent.
The canonical member of a class has, at each such node, the side with more operands first and, of sides with equally
many, the one whose structure comes first, and, of sides with the same structure, the lexicographically smaller operands
first. Swapping sides that are the same changes nothing. So a class has a member for each choice among the *free* nodes
of its canonical member: those that can be swapped and have different sides.

Sets of nodes are uint32 (n,): bit `s` stands for step `s` of the tree.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np

from eqstream.data.row_chunks import cut_rows
from eqstream.data.space.shapes import MINUS, OPERAND, OVER, PLUS, TIMES, ShapeColumns, TermShapes
from eqstream.data.space.trees import Slots, find_places, find_rows, rank_tree, take_rows

# Structures are ordered as texts are that begin with the operator of the root, then the left side, then the right one.
_SYMBOLS = {TIMES: 0, PLUS: 1, MINUS: 2, OVER: 3, OPERAND: 4}
_CODE_TO_SYMBOL = np.array([_SYMBOLS[code] for code in range(len(_SYMBOLS))])
_BASE = len(_SYMBOLS)
# The text of the largest side of so many operands still is a number of 64 bits.
_MOST_NATIVE_TERMS = 29


class CanonicalShapes(NamedTuple):
    """Those of some equations whose shape has canonical members.

    Attributes:
        rows: their places among the equations, int64 (n,).
        columns: their shapes.
        free: their free nodes whose sides have different structures.
        undecided: their nodes whose sides have the same structure, so that the operands decide.
    """

    rows: np.ndarray
    columns: ShapeColumns
    free: np.ndarray
    undecided: np.ndarray


class TwinRules:
    """Knows the twins of equations with one number of terms.

    Args:
        shapes: their shapes.
    """

    def __init__(self, shapes: TermShapes) -> None:
        self._shapes = shapes

    def find_shapes(self, places: np.ndarray) -> CanonicalShapes:
        """Returns which of the shapes at these places (n,) have canonical members."""
        if not self._shapes.is_listed:
            columns = self._shapes.columns(places)
            may_be_canonical, free, undecided, _ = classify_nodes(columns, brackets=self._shapes.brackets)
            rows = np.flatnonzero(may_be_canonical)
            return CanonicalShapes(rows, columns.take(rows), free[rows], undecided[rows])
        rows = np.arange(len(places))
        if not self._may_be_canonical.all():
            rows = np.flatnonzero(self._may_be_canonical.take(places))
            places = places[rows]
        if len(places) and (places.strides == (0,) or (places == places[0]).all()):
            # One shape alone is computed without looking anything up row by row.
            places = np.broadcast_to(places[:1], places.shape)
        free, undecided = (_look_up(nodes, places) for nodes in self._nodes[1:3])
        return CanonicalShapes(rows, self._shapes.columns(places), free, undecided)

    @cached_property
    def _nodes(self) -> np.ndarray:
        nodes = classify_nodes(self._shapes.all_columns(), brackets=self._shapes.brackets)
        # Where all shapes are alike their number need not be looked up.
        return np.broadcast_to(nodes[:, :1], nodes.shape) if (nodes == nodes[:, :1]).all() else nodes

    @cached_property
    def _may_be_canonical(self) -> np.ndarray:
        return self._nodes[0].astype(bool)


def _look_up(nodes: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Returns the nodes of the shapes at these places (n,)."""
    if len(places) and places.strides == (0,):
        return np.broadcast_to(nodes[places[0]], places.shape)
    return take_rows(nodes, places)


def most_free_nodes(num_terms: int, operators: str, *, brackets: bool) -> int:
    """Returns the largest number of nodes that can be swapped in a tree with so many operands."""
    if num_terms == 1 or not set(operators) & set("+*"):
        return 0
    if brackets:
        return num_terms - 1
    # Without brackets the first operator of each run of products can be swapped, and the first sum.
    separates_runs = bool(set(operators) & set("+-"))
    if "*" not in operators or not separates_runs or num_terms == 2:
        return 1
    return num_terms // 2 + ("+" in operators)


def classify_nodes(columns: ShapeColumns, *, brackets: bool) -> np.ndarray:
    """Returns what the structure of each tree says about its canonical members, uint32 (4, n).

    The rows: 1 if it has any; the free nodes whose sides have different structures; the nodes whose sides have the same
    structure, so that their operands decide; all nodes that can be swapped.
    """
    num_terms, num_rows = columns.operators.shape
    result = np.empty((4, num_rows), dtype=np.uint32)
    for rows in cut_rows(num_rows, num_terms):
        chunk = np.arange(int(rows.start), int(rows.stop))
        some = columns.take(chunk) if len(chunk) < num_rows else columns
        result[:, rows] = _classify_some(some, brackets=brackets)
    return result


def _classify_some(columns: ShapeColumns, *, brackets: bool) -> np.ndarray:
    """Returns what `classify_nodes` returns, computed for all trees at once."""
    num_terms, num_rows = columns.operators.shape
    operators = Slots(columns.operators)
    # The number of operator or operand at the root of each subtree, and the subtree's text as a number.
    roots = Slots(np.full((num_terms, num_rows), OPERAND, dtype=np.uint8))
    powers = _powers(num_terms)
    texts = Slots(np.full((num_terms, num_rows), _SYMBOLS[OPERAND], dtype=powers.dtype))
    result = np.zeros((4, num_rows), dtype=np.uint32)
    result[0] = 1
    for step, (left, right, left_size, right_size) in enumerate(columns.steps.nodes(num_rows)):
        operator, left_text, right_text = operators.get(right), texts.get(left), texts.get(right)
        can_swap = operator & 1 == 0
        if not brackets:
            # The left side comes to stand on the right, where it needs brackets unless it binds more strongly.
            can_swap &= roots.get(left) >> 1 > operator >> 1
        is_same_size = left_size == right_size
        is_first = (left_size > right_size) | is_same_size & (left_text < right_text).astype(bool)
        is_open = is_same_size & (left_text == right_text).astype(bool)
        result[0] &= ~can_swap | is_first | is_open
        result[1] |= (can_swap & is_first).astype(np.uint32) << np.uint32(step)
        result[2] |= (can_swap & is_open).astype(np.uint32) << np.uint32(step)
        result[3] |= can_swap.astype(np.uint32) << np.uint32(step)
        # A side of k operands has 2 k - 1 symbols.
        text = _CODE_TO_SYMBOL.astype(powers.dtype).take(operator) * powers.take(2 * (left_size + right_size) - 2)
        texts.put(left, text + left_text * powers.take(2 * right_size - 1) + right_text)
        roots.put(left, operator)
    return result


def _powers(num_terms: int) -> np.ndarray:
    """Returns the values of a symbol by place; up to 64 bits, what runs over belongs to trees that are not compared."""
    powers = [_BASE**exponent for exponent in range(2 * num_terms)]
    if num_terms > _MOST_NATIVE_TERMS:
        return np.array(powers, dtype=object)
    return np.array([power % (1 << 64) for power in powers], dtype=np.uint64)


def find_canonical(
    columns: ShapeColumns, operands: np.ndarray, free: np.ndarray, undecided: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns whether each equation is canonical, bool (n,), and its free nodes.

    Args:
        columns: the shapes, of which some equations are canonical.
        operands: of shape (num_terms, n).
        free: the nodes whose sides have different structures.
        undecided: those whose sides have the same one.
    """
    num_rows: int = operands.shape[1]
    is_canonical = np.ones(num_rows, dtype=bool)
    free = free.copy()
    steps = columns.steps
    seen = int(np.bitwise_or.reduce(undecided[:1] if undecided.strides == (0,) else undecided))
    for step, (start, middle, end) in enumerate(zip(steps.starts, steps.middles, steps.ends, strict=True)):
        bit = np.uint32(1 << step)
        if not seen & bit:
            continue
        rows = find_rows(_mask(undecided, bit))
        if len(start) == 1 and end[0] - middle[0] == 1:
            left, right = operands[start[0], rows], operands[middle[0], rows]
            is_before, is_in_order = left < right, left <= right
        else:
            if isinstance(rows, slice):
                rows = np.arange(num_rows)
            sides = (leaf if len(leaf) == 1 else leaf[rows] for leaf in (start, middle, end - middle))
            is_before, is_after = _compare_sides(operands, rows, *sides)
            is_in_order = ~is_after
        is_canonical[rows] &= is_in_order
        free[rows] |= np.left_shift(is_before, np.uint32(step), dtype=np.uint32)
    return is_canonical, free


def _mask(nodes: np.ndarray, bit: np.uint32) -> np.ndarray:
    """Returns a bit of the nodes (n,) of some shapes; of nodes that repeat a number it does so, too."""
    return np.broadcast_to(nodes[:1] & bit, nodes.shape) if nodes.strides == (0,) else nodes & bit


def _compare_sides(
    operands: np.ndarray, rows: np.ndarray, left: np.ndarray, right: np.ndarray, sizes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns whether the operands of the left side come before, and after, those of the right one; bool (n,) each.

    Args:
        operands: of all equations, (num_terms, num_rows).
        rows: the equations, (n,).
        left: first operand of the left side, (n,), or (1,) if it is the same in all rows.
        right: first operand of the right side, likewise.
        sizes: number of operands of either side, likewise.
    """
    num_rows = operands.shape[1]
    flat = operands.reshape(-1)
    left_places, right_places = (side.astype(np.int64) * num_rows + rows for side in (left, right))
    first, second = flat.take(left_places), flat.take(right_places)
    is_before, is_after = (first < second).astype(bool), (first > second).astype(bool)
    most = int(sizes.max(initial=0))
    sizes = np.broadcast_to(sizes, rows.shape)
    equal = np.flatnonzero(first == second) if most > 1 else rows[:0]
    for offset in range(1, most):
        equal = equal[sizes[equal] > offset]
        first, second = (flat.take(side[equal] + offset * num_rows) for side in (left_places, right_places))
        is_before[equal], is_after[equal] = first < second, first > second
        equal = equal[first == second]
    return is_before, is_after


def choose_nodes(free: np.ndarray, numbers: np.ndarray, num_steps: int) -> np.ndarray:
    """Returns the choices with these numbers among the free nodes; counted in the order of the sets as numbers.

    Args:
        free: the free nodes.
        numbers: each below 2 to the number of free nodes, integers (n,).
        num_steps: number of nodes of a tree.

    >>> choose_nodes(np.full(4, 0b101, np.uint32), np.arange(4), 3).tolist()
    [0, 1, 4, 5]
    """
    numbers = numbers.astype(np.uint32)
    chosen = np.zeros(len(free), dtype=np.uint32)
    for step in range(num_steps):
        bit = free >> np.uint32(step) & np.uint32(1)
        chosen |= (numbers & bit) << np.uint32(step)
        numbers >>= bit
    return chosen


def swap_sides(
    shapes: TermShapes, columns: ShapeColumns, operands: np.ndarray, chosen: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the equations with the sides of the chosen nodes swapped: places of their shapes (n,), and operands.

    Args:
        shapes: the shapes of the space.
        columns: the equations' shapes.
        operands: of shape (num_terms, n).
        chosen: which nodes.
    """
    num_terms, num_rows = len(operands), len(operands[0])
    if num_terms == 2:
        swapped = chosen.astype(bool)
        return shapes.places_of_pairs(columns.operators[1]), np.where(swapped, operands[::-1], operands)
    trees, sequences = (Slots(np.zeros(operands.shape, dtype=np.int64)) for _ in range(2))
    operators = Slots(columns.operators)
    # By how much the operands from each one on move to the right, less that of the one before.
    moves = Slots(np.zeros((num_terms + 1, num_rows), dtype=np.int8))
    powers = shapes.num_operators ** np.arange(num_terms)
    for step, (left, right, left_size, right_size) in enumerate(columns.steps.nodes(num_rows)):
        behind = find_places(columns.steps.ends[step], num_rows)
        swapped = (chosen >> np.uint32(step) & np.uint32(1)).astype(np.uint8)
        moves.put(left, moves.get(left) + swapped * right_size)
        moves.put(right, moves.get(right) - swapped * (left_size + right_size))
        moves.put(behind, moves.get(behind) + swapped * left_size)
        swapped = swapped.astype(bool)
        first_size, second_size = _exchange(swapped, left_size, right_size)
        first, second = _exchange(swapped, sequences.get(left), sequences.get(right))
        operator = shapes.code_to_digit.take(operators.get(right))
        sequences.put(left, (first * shapes.num_operators + operator) * powers.take(second_size - 1) + second)
        if shapes.brackets:
            first, second = _exchange(swapped, trees.get(left), trees.get(right))
            trees.put(left, rank_tree(left_size=first_size, left=first, right_size=second_size, right=second))
    targets = np.cumsum(moves.to_matrix()[:-1], axis=0, dtype=np.int8) + np.arange(num_terms, dtype=np.int8)[:, None]
    result = np.empty_like(operands)
    result[targets, np.arange(num_rows)] = operands
    return shapes.places(trees.roots(), sequences.roots()), result


def find_canonical_places(shapes: TermShapes, columns: ShapeColumns) -> np.ndarray:
    """Returns the place of the shape (n,) that the canonical equations among the twins of each have.

    Args:
        shapes: the shapes of the space.
        columns: some of them.
    """
    num_terms, num_rows = columns.operators.shape
    operators, powers = Slots(columns.operators), _powers(num_terms)
    roots = Slots(np.full((num_terms, num_rows), OPERAND, dtype=np.uint8))
    texts = Slots(np.full((num_terms, num_rows), _SYMBOLS[OPERAND], dtype=powers.dtype))
    trees, sequences = (Slots(np.zeros((num_terms, num_rows), dtype=np.int64)) for _ in range(2))
    bases: np.ndarray = np.power(shapes.num_operators, np.arange(len(columns.operators)))
    for left, right, left_size, right_size in columns.steps.nodes(num_rows):
        operator = operators.get(right)
        texts_of_sides = texts.get(left), texts.get(right)
        swapped = operator & 1 == 0
        if not shapes.brackets:
            swapped &= roots.get(left) >> 1 > operator >> 1
        is_later = (texts_of_sides[1] < texts_of_sides[0]).astype(bool)
        swapped &= (right_size > left_size) | (right_size == left_size) & is_later
        first_size, second_size = _exchange(swapped, left_size, right_size)
        first, second = _exchange(swapped, *texts_of_sides)
        text = _CODE_TO_SYMBOL.astype(powers.dtype).take(operator) * powers.take(2 * (left_size + right_size) - 2)
        texts.put(left, text + first * powers.take(2 * second_size - 1) + second)
        roots.put(left, operator)
        first, second = _exchange(swapped, sequences.get(left), sequences.get(right))
        digits = shapes.code_to_digit.take(operator)
        sequences.put(left, (first * shapes.num_operators + digits) * bases.take(second_size - 1) + second)
        if shapes.brackets:
            first, second = _exchange(swapped, trees.get(left), trees.get(right))
            trees.put(left, rank_tree(left_size=first_size, left=first, right_size=second_size, right=second))
    return shapes.places(trees.roots(), sequences.roots())


def _exchange(swapped: np.ndarray, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns what stands first and what second once the sides are swapped where that is wanted; (n,) each."""
    return np.where(swapped, right, left), np.where(swapped, left, right)
