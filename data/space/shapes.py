"""Shapes as numbers, and the shapes of many equations at once as columns of numbers.

A shape is a number of terms, an expression tree and operators. The shapes of a space are numbered 0, 1, 2, …: by number
of terms, then by the number of the tree (`eqstream.data.space.trees`), then by operators in the order ``+-*/``, the
last one running fastest. Without brackets the tree follows from the operators. Shapes are not listed: there are
10 ** 10 of twelve terms. What is wanted of the shapes of a block, be it operators, order of evaluation, brackets or
twins, is computed from their numbers for all of them together, and looked up in tables where the shapes are few.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from eqstream.data.permutation import index_dtype
from eqstream.data.recipe_values import OPERATORS
from eqstream.data.row_chunks import cut_rows
from eqstream.data.space.trees import Steps, count_trees, list_trees, steps_by_precedence, take_rows, unrank_trees
from eqstream.data.space_recipe import SpaceRecipe

# Operators are numbered by their place in "+-*/", which gives how strongly they bind, and whether sides commute.
PLUS, MINUS, TIMES, OVER = range(4)
# What a single operand has in place of an operator: it binds more strongly than any.
OPERAND = 4
# Facts of so many shapes, or trees, are kept in tables.
MOST_LISTED = 1 << 16


@dataclass(frozen=True)
class ShapeColumns:
    """The shapes of n equations with equally many terms.

    Attributes:
        operators: the operator before each operand, uint8 (num_terms, n); `OPERAND` before the first one.
        steps: the trees.
    """

    operators: np.ndarray
    steps: Steps

    @property
    def num_terms(self) -> int:
        """Number of operands."""
        return len(self.operators)

    def take(self, rows: np.ndarray) -> "ShapeColumns":
        """Returns the shapes at `rows`."""
        return ShapeColumns(take_rows(self.operators, rows), self.steps.take(rows))


class TermShapes:
    """The shapes of a space that have one number of terms; a shape's place is its number among them.

    Args:
        num_terms: number of operands.
        operators: those of the space, in the order ``+-*/``.
        brackets: whether the space has brackets.
    """

    def __init__(self, num_terms: int, operators: str, *, brackets: bool) -> None:
        self.num_terms = num_terms
        self.brackets = brackets
        self.operators = operators
        self.num_operators = len(operators)
        self._codes = np.array([OPERATORS.index(operator) for operator in operators], dtype=np.uint8)
        self._num_sequences: int = self.num_operators ** (num_terms - 1)
        self.count = self._num_sequences * (count_trees(num_terms) if brackets else 1)
        self.dtype = index_dtype(self.count)

    @property
    def is_listed(self) -> bool:
        """Whether facts of its shapes are kept in tables."""
        return self.count <= MOST_LISTED

    def columns(self, places: np.ndarray) -> ShapeColumns:
        """Returns the shapes at these places, each in [0, count), integers (n,)."""
        if self.count == 1:
            only = self.all_columns()
            return ShapeColumns(np.broadcast_to(only.operators, (self.num_terms, len(places))), only.steps)
        if len(places) > 1 and places.strides == (0,):
            only = self.columns(places[:1])
            return ShapeColumns(np.broadcast_to(only.operators, (self.num_terms, len(places))), only.steps)
        return self._unpack(self._table.take(places, axis=0)) if self.is_listed else self._unrank(places)

    def places(self, trees: np.ndarray, sequences: np.ndarray) -> np.ndarray:
        """Returns the places of shapes.

        Args:
            trees: numbers of their trees, int64 (n,); means nothing without brackets.
            sequences: numbers of their operators: the digits of a number to the base of `num_operators`, int64 (n,).
        """
        return trees.astype(self.dtype) * self._num_sequences + sequences if self.brackets else sequences

    def place_of(self, tree: int, operators: str) -> int:
        """Returns the place of the shape with this tree and these operators."""
        sequence = 0
        for operator in operators:
            sequence = sequence * self.num_operators + self.operators.index(operator)
        return tree * self._num_sequences + sequence if self.brackets else sequence

    def places_of_pairs(self, operators: np.ndarray) -> np.ndarray:
        """Returns the places of shapes of two terms with these operators, uint8 (n,)."""
        return self.code_to_digit.take(operators) if self.count > 1 else np.broadcast_to(np.int64(0), operators.shape)

    def translate(self, others: "TermShapes", places: np.ndarray) -> np.ndarray:
        """Returns the places of shapes of another space with as many terms; -1 where an operator is missing here.

        Args:
            others: the shapes of the other space.
            places: their places there, (n,).
        """
        if not self.count:
            return np.full(len(places), -1, dtype=np.int64)
        trees = places // others._num_sequences
        operators = others._unrank_operators(places - trees * others._num_sequences)[1:]
        sequences = np.zeros(len(places), dtype=np.int64)
        for codes in operators:
            sequences = sequences * self.num_operators + self.code_to_digit.take(codes)
        is_known = np.isin(operators, self._codes).all(axis=0)
        return np.where(is_known, self.places(trees.astype(np.int64, copy=False), sequences), -1)

    def all_columns(self) -> ShapeColumns:
        """Returns all shapes, in order."""
        return self._unrank(np.arange(self.count))

    @cached_property
    def code_to_digit(self) -> np.ndarray:
        """The place of each operator of ``+-*/`` among those of the space, int64 (4,)."""
        digits = np.zeros(len(OPERATORS), dtype=np.int64)
        digits[self._codes] = np.arange(self.num_operators)
        return digits

    @cached_property
    def _table(self) -> np.ndarray:
        """Operators and steps of all shapes, a row for each."""
        columns = self.all_columns()
        steps = columns.steps
        matrices = [columns.operators, steps.starts, steps.middles, steps.ends]
        return np.concatenate([np.broadcast_to(matrix, (len(matrix), self.count)) for matrix in matrices]).T.copy()

    def _unpack(self, rows: np.ndarray) -> ShapeColumns:
        operators, *steps = np.split(np.ascontiguousarray(rows.T), self._row_ends)
        return ShapeColumns(operators, Steps(*(matrix[:, :1] if self._has_one_tree else matrix for matrix in steps)))

    @property
    def _row_ends(self) -> list[int]:
        return [self.num_terms + count * (self.num_terms - 1) for count in range(3)]

    @property
    def _has_one_tree(self) -> bool:
        return self.num_terms <= 2

    def _unrank(self, places: np.ndarray) -> ShapeColumns:
        if not self.brackets:
            operators = self._unrank_operators(places)
            return ShapeColumns(operators, self._steps_by_precedence(operators))
        trees = places // self._num_sequences
        operators = self._unrank_operators(places - trees * self._num_sequences)
        if self._has_one_tree:
            trees = trees[:1]
        return ShapeColumns(operators, self._tree_steps(trees.astype(np.int64, copy=False)))

    def _unrank_operators(self, sequences: np.ndarray) -> np.ndarray:
        operators = np.full((self.num_terms, len(sequences)), OPERAND, dtype=np.uint8)
        rest = sequences.astype(np.int64, copy=False)
        for operand in reversed(range(1, self.num_terms)):
            above = rest // self.num_operators
            operators[operand] = self._codes.take(rest - above * self.num_operators)
            rest = above
        return operators

    def _steps_by_precedence(self, operators: np.ndarray) -> Steps:
        is_product = operators[1:] >= TIMES
        return steps_by_precedence(is_product[:, :1] if self._has_one_tree else is_product)

    def _tree_steps(self, trees: np.ndarray) -> Steps:
        if count_trees(self.num_terms) > MOST_LISTED:
            return unrank_trees(self.num_terms, trees)
        rows = self._tree_table.take(trees, axis=0)
        return Steps(*np.split(np.ascontiguousarray(rows.T), 3))

    @cached_property
    def _tree_table(self) -> np.ndarray:
        return list_trees(self.num_terms).reshape(count_trees(self.num_terms), -1)


class ShapeSubset:
    """Some of the shapes with one number of terms, in their order.

    Args:
        shapes: all of them.
        chosen: the places of those that are taken, rising; None for all.
        operators: where `chosen` is None, the operators that those that are taken may have; None for all.
        by_operators: what `count_by_operators` returns, where it is known; None where it is not.

    Attributes:
        shapes: as given.
        count: how many are taken.
        is_canonical: whether those alone are taken of which canonical equations are.
        largest_class: no more equations of such shapes are twins of each other.
        num_twins: how many there would be with all their twins, if so; otherwise how many there are.
    """

    def __init__(
        self,
        shapes: TermShapes,
        chosen: np.ndarray | None = None,
        *,
        operators: str | None = None,
        by_operators: dict[int, int] | None = None,
    ) -> None:
        self.shapes = shapes
        if by_operators is not None:
            self._by_operators = by_operators
        self._chosen = chosen
        self._few = shapes
        if operators is not None and operators != shapes.operators:
            self._few = TermShapes(shapes.num_terms, operators, brackets=shapes.brackets)
        self.count: int = self._few.count if chosen is None else len(chosen)
        self.num_twins, self.is_canonical = self.count, False
        self.largest_class = 1 << shapes.num_terms - 1

    def places(self, numbers: np.ndarray) -> np.ndarray:
        """Returns the place of each shape (n,), given its number among those that are taken."""
        if self._chosen is not None:
            return self._chosen.take(numbers)
        return numbers if self._few is self.shapes else self.shapes.translate(self._few, numbers)

    def numbers(self, places: np.ndarray) -> np.ndarray:
        """Returns the number of each shape (n,) among those that are taken, -1 where it is not; inverts `places`."""
        if self._chosen is not None:
            numbers = np.searchsorted(self._chosen, places)
            return np.where(np.append(self._chosen, -1).take(numbers) == places, numbers, -1)
        return places if self._few is self.shapes else self._few.translate(self.shapes, places)

    @property
    def operators(self) -> str:
        """The operators that they may have."""
        return self._few.operators

    @cached_property
    def has_division(self) -> bool:
        """Whether some of them divide."""
        return "/" in self.shapes.operators and any(operators >> OVER for operators in self.count_by_operators())

    def count_by_operators(self) -> dict[int, int]:
        """Returns how many there are, with their twins, of each set of operators: a bit for each of ``+-*/``."""
        return self._by_operators

    @cached_property
    def _by_operators(self) -> dict[int, int]:
        if self._chosen is not None:
            counts = np.bincount(find_operator_sets(self.shapes.columns(self._chosen))).tolist()
            return {operators: count for operators, count in enumerate(counts) if count}
        num_places, codes = self.shapes.num_terms - 1, [OPERATORS.index(operator) for operator in self._few.operators]
        num_trees = count_trees(self.shapes.num_terms) if self.shapes.brackets else 1
        found: dict[int, int] = {}
        for size in range(len(codes) + 1):
            # By inclusion and exclusion: as many operators at each place, but those of which one is missing.
            signs = ((-1) ** (size - some) * math.comb(size, some) * some**num_places for some in range(size + 1))
            number = sum(signs) * num_trees
            if number:
                found |= {sum(1 << code for code in some): number for some in itertools.combinations(codes, size)}
        return found


def find_operator_sets(columns: ShapeColumns) -> np.ndarray:
    """Returns the set of operators of each shape, uint8 (n,): a bit for each place in ``+-*/``."""
    return np.bitwise_or.reduce(np.left_shift(1, columns.operators[1:]).astype(np.uint8), axis=0)


class Shapes:
    """All shapes of a space."""

    def __init__(self, space: SpaceRecipe) -> None:
        self.by_terms = {
            terms: TermShapes(terms, space.operators, brackets=space.brackets)
            for terms in range(space.terms.min, space.terms.max + 1)
        }
        *starts, self.count = itertools.accumulate((shapes.count for shapes in self.by_terms.values()), initial=0)
        self._starts = dict(zip(self.by_terms, starts, strict=True))

    @property
    def is_listed(self) -> bool:
        """Whether facts of all shapes are kept in tables."""
        return self.count <= MOST_LISTED

    @property
    def dtype(self) -> type[Any]:
        """The type in which blocks of equations hold numbers of shapes."""
        return np.uint16 if self.is_listed else index_dtype(self.count)

    @property
    def max_terms(self) -> int:
        """Number of operands of the longest shapes."""
        return max(self.by_terms)

    def numbers(self, shapes: TermShapes, places: np.ndarray) -> np.ndarray:
        """Returns the numbers of shapes with equally many terms, given their places; (n,)."""
        start = self._starts[shapes.num_terms]
        return places.astype(self.dtype) + start if start else places.astype(self.dtype, copy=False)

    def split(self, numbers: np.ndarray) -> Iterator[tuple[TermShapes, np.ndarray, np.ndarray]]:
        """Yields shapes with their rows and places, for each number of terms that occurs.

        Args:
            numbers: numbers of shapes, (n,).
        """
        for terms, shapes in self.by_terms.items():
            start = self._starts[terms]
            rows = np.flatnonzero((numbers >= start) & (numbers < start + shapes.count))
            if len(rows):
                yield shapes, rows, numbers[rows].astype(shapes.dtype) - start


class SpaceFact:
    """A fact of each shape of a space: from a table where shapes are few, otherwise computed when asked.

    Args:
        shapes: the shapes.
        height: length of the fact.
        compute: returns the fact of n shapes with equally many terms as an array (at most `height`, n); what is
            missing is zero.
    """

    def __init__(self, shapes: Shapes, height: int, compute: Callable[[ShapeColumns], np.ndarray]) -> None:
        self._shapes = shapes
        self._height = height
        self._compute = compute

    def of(self, numbers: np.ndarray) -> np.ndarray:
        """Returns the fact of the shapes with these numbers, (height, n)."""
        if self._shapes.count == 1:
            return np.broadcast_to(self.table, (self._height, len(numbers)))
        return self.table.take(numbers, axis=1) if self._shapes.is_listed else self._find(numbers)

    @cached_property
    def table(self) -> np.ndarray:
        """The fact of all shapes, (height, count)."""
        return self._find(np.arange(self._shapes.count))

    def _find(self, numbers: np.ndarray) -> np.ndarray:
        result = None
        for shapes, rows, places in self._shapes.split(numbers):
            for cut in cut_rows(len(places), shapes.num_terms):
                part = self._compute(shapes.columns(places[cut]))
                if result is None:
                    result = np.zeros((self._height, len(numbers)), dtype=part.dtype)
                result[: len(part), rows[cut]] = part
        return np.zeros((self._height, 0), dtype=np.uint8) if result is None else result
