"""Equations of all numbers of terms, by index: a finite ordered set with an exact size, and nothing stored.

A whole space, or what a split may take from, is a union of sections, numbered one after the other.
"""

import bisect

import numpy as np

from eqstream.data.permutation import index_dtype
from eqstream.data.space.sections import Candidates, Section
from eqstream.data.space.shapes import TermShapes
from eqstream.data.wide_numbers import WideNumbers


class SectionUnion:
    """The union of sections, in their order.

    Args:
        sections: of one space.

    Attributes:
        sections: as given.
        starts: number of candidates before each section.
        size: number of candidates.
        num_equations: number of equations with all their twins.

    >>> from eqstream.data.space.domains import Domain
    >>> from eqstream.data.space.shapes import ShapeSubset
    >>> digit = Domain(((0, 9),))
    >>> section = Section(ShapeSubset(TermShapes(2, "+", brackets=False)), ((digit, digit),))
    >>> space = SectionUnion((section,))
    >>> space.size
    100
    >>> space.locate(np.array([37]))[0].operands().tolist()
    [[3], [7]]
    """

    def __init__(self, sections: tuple[Section, ...]) -> None:
        self.sections = sections
        starts = [0]
        self.num_equations = 0
        for section in sections:
            starts.append(starts[-1] + section.size)
            self.num_equations += section.num_equations
        self.size: int = starts.pop()
        self.starts = tuple(starts)

    @property
    def has_division(self) -> bool:
        """Whether some equations divide."""
        return any(section.has_division for section in self.sections)

    @property
    def is_canonical(self) -> bool:
        """Whether some sections have canonical shapes alone."""
        return any(section.subset.is_canonical for section in self.sections)

    @property
    def largest_class(self) -> int:
        """A bound of how many of their equations are twins of each other."""
        return max((section.subset.largest_class for section in self.sections), default=1)

    def locate(self, indices: np.ndarray | WideNumbers) -> list[Candidates]:
        """Returns the equations at `indices` (n,), in [0, size), by section; rows say which index is whose.

        Raises:
            ValueError: an index is out of range.
        """
        if not len(indices):
            return []
        if isinstance(indices, np.ndarray):
            low, high = indices.min(), indices.max()
            if low < 0 or high >= self.size:
                raise ValueError(f"index {low if low < 0 else high} is not in [0, {self.size})")
            # Numbers of 64 bits may be valid in a space whose own numbers need more.
            indices = indices.astype(index_dtype(self.size), copy=False)
        elif (outside := indices.are_at_least(self.size)).any():
            index = indices.take(np.flatnonzero(outside)[:1]).to_integers()[0]
            raise ValueError(f"index {index} is not in [0, {self.size})")
        if len(self.sections) == 1:
            return [self.sections[0].locate(np.arange(len(indices)), indices)]
        found: list[Candidates] = []
        numbers = self._find_sections(indices)
        for number in map(int, np.unique(numbers)):
            rows = np.flatnonzero(numbers == number)
            start = self.starts[number]
            own = indices[rows] - start if isinstance(indices, np.ndarray) else indices.take(rows).subtract(start)
            found.append(self.sections[number].locate(rows, own))
        return found

    def rank(self, shapes: TermShapes, places: np.ndarray, operands: np.ndarray) -> np.ndarray:
        """Returns the index of each equation; the inverse of `locate` where no box has a shape of its own or a pattern.

        Args:
            shapes: the shapes with so many terms.
            places: the shape of each equation, (n,).
            operands: of shape (num_terms, n).

        Raises:
            ValueError: an equation is not in the space.
        """
        ranks = np.full(len(places), -1, dtype=index_dtype(self.size))
        for section, start in zip(self.sections, self.starts, strict=True):
            if section.shapes.num_terms == shapes.num_terms:
                numbers, rest = section.subset.numbers(places), section.rank_operands(operands)
                found = np.flatnonzero((numbers >= 0) & (rest >= 0))
                whole = numbers[found].astype(ranks.dtype) * section.shape_size + rest[found]
                ranks[found] = whole + start
        if (ranks < 0).any():
            raise ValueError(f"the equation in row {np.flatnonzero(ranks < 0)[0]} is not in the space")
        return ranks

    def _find_sections(self, indices: np.ndarray | WideNumbers) -> np.ndarray:
        if isinstance(indices, WideNumbers):
            return np.stack([indices.are_at_least(start) for start in self.starts[1:]]).sum(axis=0, dtype=np.int64)
        if indices.dtype == object:
            return np.array([bisect.bisect_right(self.starts, index) - 1 for index in indices])
        return np.searchsorted(np.array(self.starts, dtype=np.int64), indices, side="right") - 1
