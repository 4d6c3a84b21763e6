"""Shapes in which each operator occurs so many times, unranked without a list."""

import itertools
import math
from collections.abc import Iterator

import numpy as np

from eqstream.data.recipe_values import OPERATORS
from eqstream.data.space.shapes import ShapeSubset, TermShapes
from eqstream.data.space.trees import count_trees

# Powers of operators are below 2 ** 62, and so are the numbers of their orders.
_BINOMIALS = np.array([[math.comb(total, part) for part in range(32)] for total in range(32)])


def list_operator_counts(num_operators: int, operators: str) -> Iterator[tuple[int, ...]]:
    """Yields how often each of ``+-*/`` occurs, for all ways to take so many of some operators.

    >>> list(list_operator_counts(2, "+*"))
    [(2, 0, 0, 0), (1, 0, 1, 0), (0, 0, 2, 0)]
    """
    for taken in itertools.combinations_with_replacement(operators, num_operators):
        yield tuple(taken.count(operator) for operator in OPERATORS)


class OperatorShapes(ShapeSubset):
    """The shapes with one number of terms in which each operator occurs so many times: by tree, then operators.

    Args:
        shapes: all of them.
        counts: how often each of ``+-*/`` occurs; those that the space does not have, not at all.
    """

    def __init__(self, shapes: TermShapes, counts: tuple[int, ...]) -> None:
        self.shapes = shapes
        self._counts = counts
        self._sizes = tuple(count + 1 for count in counts)
        # In how many orders so many of each operator may come, as one line.
        each = np.indices(self._sizes).reshape(len(counts), -1)
        binomials = [_BINOMIALS[each[: code + 1].sum(axis=0), each[code]] for code in range(len(counts))]
        self._orders: np.ndarray = np.multiply.reduce(binomials)
        self._num_sequences = int(self._orders[-1])
        self.is_canonical, self.largest_class = False, 1 << counts[0] + counts[2]
        self.count = self.num_twins = self._num_sequences * (count_trees(shapes.num_terms) if shapes.brackets else 1)

    def places(self, numbers: np.ndarray) -> np.ndarray:
        """Returns the place of each shape (n,), given its number among those that are taken."""
        trees = numbers // self._num_sequences
        ranks = (numbers - trees * self._num_sequences).astype(np.int64, copy=False)
        steps = [math.prod(self._sizes[code + 1 :]) for code in range(len(self._counts))]
        # What is left of each operator, also as a place in `_orders`.
        left = np.repeat(np.array(self._counts)[:, None], len(ranks), axis=1)
        rests = np.full(len(ranks), len(self._orders) - 1)
        sequences = np.zeros(len(ranks), dtype=np.int64)
        for _ in range(self.shapes.num_terms - 1):
            chosen = np.full(len(ranks), -1)
            for code, step in enumerate(steps):
                is_left = left[code] > 0
                orders = np.where(is_left, self._orders.take(np.where(is_left, rests - step, 0)), 0)
                is_open = chosen < 0
                is_here = is_open & (ranks < orders)
                chosen[is_here] = code
                ranks = np.where(is_open & ~is_here, ranks - orders, ranks)
            left[chosen, np.arange(len(ranks))] -= 1
            rests -= np.array(steps).take(chosen)
            sequences = sequences * self.shapes.num_operators + self.shapes.code_to_digit.take(chosen)
        return self.shapes.places(trees.astype(np.int64, copy=False), sequences)

    def numbers(self, places: np.ndarray) -> np.ndarray:
        """Is not known: what asks for it has no shapes chosen by their operators."""
        raise NotImplementedError

    @property
    def operators(self) -> str:
        """The operators that they have."""
        return "".join(operator for operator, count in zip(OPERATORS, self._counts, strict=True) if count)

    def count_by_operators(self) -> dict[int, int]:
        """Returns how many there are of the only set of operators."""
        return {sum(1 << code for code, count in enumerate(self._counts) if count): self.count}
