"""Equations with equally many terms: each of some shapes, with operands from each of some boxes.

They are numbered by shape, box and operands; within a box these are the digits of a mixed-radix number, the last one
running fastest.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from eqstream.data.permutation import index_dtype
from eqstream.data.recipe_values import OPERATORS
from eqstream.data.space.domains import Box, Domain, count_operands, is_in_box
from eqstream.data.space.patterns import OperandSet, Pattern, find_operands
from eqstream.data.space.shapes import OVER, ShapeColumns, ShapeSubset, TermShapes, find_operator_sets
from eqstream.data.wide_numbers import WideNumbers

# Numbers below this are int64, and their sums with each other, too.
_NATIVE = 1 << 62


@dataclass(frozen=True, eq=False)
class Section:
    """Equations with equally many terms: each of some shapes, with operands from each of some disjoint boxes.

    Attributes:
        subset: the shapes.
        boxes: of which none is empty.
        box_shapes: where each box goes with a shape of its own, the place of that, int64 (boxes,); all boxes together
            then count for one shape.
        pattern: which of the operands in the boxes are meant; None for all. It may depend on the operator where there
            is one shape, or `box_shapes`.
    """

    subset: ShapeSubset
    boxes: tuple[Box, ...]
    box_shapes: np.ndarray | None = None
    pattern: Pattern | None = None

    def with_shapes(self, subset: ShapeSubset) -> "Section":
        """Returns the equations of other shapes with operands from the same boxes, which are counted only once."""
        other = Section(subset, self.boxes, self.box_shapes, self.pattern)
        if self.pattern is None:
            vars(other)["box_starts"] = self.box_starts
        return other

    @property
    def shapes(self) -> TermShapes:
        """All shapes with so many terms."""
        return self.subset.shapes

    @property
    def num_shapes(self) -> int:
        """Number of shapes that the boxes are repeated for."""
        return self.subset.count if self.box_shapes is None else 1

    @cached_property
    def box_starts(self) -> tuple[int, ...]:
        """Number of equations of one shape before each box, and of all boxes."""
        return tuple(itertools.accumulate(self.box_sizes, initial=0))

    @property
    def box_sizes(self) -> list[int]:
        """Number of equations of each box, of one shape."""
        return [*map(count_operands, self.boxes)] if self.pattern is None else [each.size for each in self._sets]

    @cached_property
    def _sets(self) -> list[OperandSet]:
        """What the pattern means of each box."""
        assert self.pattern is not None
        places = self.subset.places(np.zeros(len(self.boxes), dtype=np.int64))
        if self.box_shapes is not None:
            places = self.box_shapes
        codes = np.broadcast_to(self.shapes.columns(places).operators[1], len(places)).tolist()
        pairs = zip(codes, self.boxes, strict=True)
        return [find_operands(self.pattern, OPERATORS[code], box) for code, box in pairs]

    @property
    def shape_size(self) -> int:
        """Number of equations of one shape."""
        return self.box_starts[-1]

    @property
    def size(self) -> int:
        """Number of equations."""
        return self.num_shapes * self.shape_size

    @property
    def num_equations(self) -> int:
        """Number of equations with all their twins: larger than `size` where canonical shapes alone are taken."""
        return self.size if self.box_shapes is not None else self.subset.num_twins * self.shape_size

    @property
    def has_division(self) -> bool:
        """Whether some equations divide."""
        if self.box_shapes is None:
            return self.subset.has_division
        return any(operators >> OVER for operators in self.count_by_operators())

    def count_by_operators(self) -> dict[int, int]:
        """Returns the number of equations, with their twins, of each set of operators: a bit for each of ``+-*/``."""
        if self.box_shapes is None:
            return {each: number * self.shape_size for each, number in self.subset.count_by_operators().items()}
        found: dict[int, int] = {}
        operators = find_operator_sets(self.shapes.columns(self.box_shapes)).tolist()
        for each, size in zip(operators, self.box_sizes, strict=True):
            found[each] = found.get(each, 0) + size
        return found

    def list_boxes(self) -> Iterator[tuple[int, Box]]:
        """Yields the place of a shape with a box, for all of them, in order."""
        if self.box_shapes is not None:
            yield from zip(self.box_shapes.tolist(), self.boxes, strict=True)
            return
        for place in self.subset.places(np.arange(self.num_shapes)).tolist():
            yield from ((place, box) for box in self.boxes)

    def locate(self, rows: np.ndarray, indices: np.ndarray | WideNumbers) -> "Candidates":
        """Returns the equations at indices (n,) of the section, which stand in `rows` (n,) of a block."""
        numbers = boxes = None
        if isinstance(indices, WideNumbers):
            if self.num_shapes > 1:
                numbers, indices = indices.divide(self.shape_size)
                # Their types depend on what the numbers are.
                numbers = numbers.astype(index_dtype(self.num_shapes), copy=False)
                indices = indices.astype(index_dtype(self.shape_size), copy=False)
            else:
                indices = indices.to_numbers(self.shape_size)
        elif self.num_shapes > 1:
            numbers = indices // self.shape_size
            indices = indices - numbers * self.shape_size
            numbers = _narrow(numbers, self.num_shapes)
        indices = _narrow(indices, self.shape_size)
        if len(self.boxes) > 1:
            starts = np.array(self.box_starts, dtype=index_dtype(self.shape_size))
            boxes = np.searchsorted(starts, indices, side="right") - 1
            indices = indices - starts.take(boxes)
        return Candidates(section=self, rows=rows, numbers=numbers, boxes=boxes, places=indices)

    def unrank_operands(self, boxes: np.ndarray | None, places: np.ndarray) -> np.ndarray:
        """Returns the operands at places (n,) of boxes (n,), or of the only box; shape (num_terms, n)."""
        operands = np.empty((self.shapes.num_terms, len(places)), dtype=self._operand_dtype)
        if self.pattern is not None:
            numbers = np.zeros(len(places), dtype=np.int64) if boxes is None else boxes
            for number, operand_set in enumerate(self._sets):
                rows = np.flatnonzero(numbers == number)
                if len(rows):
                    operands[:, rows] = operand_set.unrank(places[rows])
            return operands
        for run in reversed(self._runs):
            low = places
            if run.start:
                radix = run.radices if boxes is None else run.radices.take(boxes)
                places = places // radix
                low = low - places * radix
            low = _narrow(low, run.size)
            for operand in reversed(range(run.start, run.stop)):
                low, operands[operand] = self._choices[operand].unrank(boxes, low, is_first=operand == run.start)
        return operands

    def rank_operands(self, operands: np.ndarray) -> np.ndarray:
        """Returns the index of operands (num_terms, n) within the equations of one shape, -1 where it has none.

        There is no pattern.
        """
        ranks = np.full(operands.shape[1], -1, dtype=index_dtype(self.shape_size))
        for box, start in zip(self.boxes, self.box_starts, strict=False):
            inside = np.flatnonzero(is_in_box(box, operands))
            place = np.zeros(len(inside), dtype=ranks.dtype)
            for domain, column in zip(box, operands, strict=True):
                place = place * domain.size + domain.rank(column[inside]).astype(ranks.dtype)
            ranks[inside] = place + start
        return ranks

    @cached_property
    def _operand_dtype(self) -> type[Any]:
        return index_dtype(max(domain.bound for box in self.boxes for domain in box))

    @cached_property
    def _choices(self) -> "list[_Choices]":
        return [_Choices([box[operand] for box in self.boxes]) for operand in range(self.shapes.num_terms)]

    @cached_property
    def _runs(self) -> "list[_Run]":
        """Operands, from the left, in runs whose digits together make a number of 62 bits: the rest is native."""
        largest = [max(box[operand].size for box in self.boxes) for operand in range(self.shapes.num_terms)]
        runs: list[_Run] = []
        stop = len(largest)
        while stop:
            start = stop - 1
            while start and math.prod(largest[start - 1 : stop]) <= _NATIVE:
                start -= 1
            sizes = [count_operands(box[start:stop]) for box in self.boxes]
            radices = sizes[0] if len(sizes) == 1 else np.array(sizes, dtype=index_dtype(max(sizes)))
            runs.append(_Run(start, stop, max(sizes), radices))
            stop = start
        return runs[::-1]


class _Run(NamedTuple):
    """The operands `start` to `stop` - 1; how many numbers their digits make, at most and in each box."""

    start: int
    stop: int
    size: int
    radices: Any


class _Choices:
    """The domains of one operand in all boxes of a section."""

    def __init__(self, domains: Sequence[Domain]) -> None:
        self._domains = list(dict.fromkeys(domains))
        sizes = [domain.size for domain in domains]
        self._numbers = np.array([self._domains.index(domain) for domain in domains])
        self._sizes = np.array(sizes, dtype=index_dtype(max(sizes)))
        # All domains one behind the other on one line: where each one begins, and each interval.
        intervals = [interval for domain in self._domains for interval in domain.intervals]
        dtype = index_dtype(max(domain.bound for domain in self._domains))
        starts = itertools.accumulate((high - low + 1 for low, high in intervals), initial=0)
        domain_starts = itertools.accumulate((domain.size for domain in self._domains), initial=0)
        self._starts, self._domain_starts = (np.array([*each], dtype=dtype) for each in (starts, domain_starts))
        self._moves = np.array([low for low, _ in intervals], dtype=dtype) - self._starts[:-1]
        self._has_single_intervals = len(intervals) == len(self._domains)

    def unrank(self, boxes: np.ndarray | None, places: np.ndarray, *, is_first: bool) -> tuple[np.ndarray, np.ndarray]:
        """Returns what is left of mixed-radix numbers (n,) without their last digit, and the value of that digit.

        Args:
            boxes: the box of each, (n,); None if there is one alone.
            places: the numbers.
            is_first: whether the last digit is the only one.
        """
        digits = places
        if not is_first:
            radix = self._domains[0].size
            if boxes is not None and len(self._domains) > 1:
                radix = self._sizes.take(boxes)
            places = places // radix
            digits = digits - places * radix
        if boxes is None or len(self._domains) == 1:
            return places, self._domains[0].unrank(digits)
        numbers = self._numbers.take(boxes)
        digits = digits + self._domain_starts.take(numbers)
        if not self._has_single_intervals:
            numbers = np.searchsorted(self._starts, digits, side="right") - 1
        return places, digits + self._moves.take(numbers)


@dataclass(frozen=True, eq=False)
class Candidates:
    """Equations of one section, their operands not yet computed.

    Attributes:
        section: the section.
        rows: where the equations stand in a block, rising, shape (n,).
        numbers: the number of each shape among those of the section, (n,); None where there is one alone.
        boxes: the number of each box, (n,); None where there is one alone.
        places: the index within the box, (n,).
    """

    section: Section
    rows: np.ndarray
    numbers: np.ndarray | None
    boxes: np.ndarray | None
    places: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, kept: np.ndarray) -> "Candidates":
        """Returns the equations at the places `kept`."""
        numbers, boxes = (None if column is None else column[kept] for column in (self.numbers, self.boxes))
        places = self.places[kept]
        return Candidates(section=self.section, rows=self.rows[kept], numbers=numbers, boxes=boxes, places=places)

    @cached_property
    def shapes(self) -> np.ndarray:
        """The place of each equation's shape among those with so many terms, (n,)."""
        if self.section.box_shapes is not None:
            boxes = np.zeros(len(self), dtype=np.int64) if self.boxes is None else self.boxes
            return self.section.box_shapes.take(boxes)
        numbers = np.broadcast_to(np.int64(0), len(self)) if self.numbers is None else self.numbers
        return self.section.subset.places(numbers)

    def columns(self) -> ShapeColumns:
        """Returns the shapes as columns."""
        return self.section.shapes.columns(self.shapes)

    def operands(self) -> np.ndarray:
        """Returns the operands, of shape (num_terms, n)."""
        return self.section.unrank_operands(self.boxes, self.places)

    def box_order(self) -> np.ndarray | None:
        """Returns numbers (n,) in the order of shapes and boxes, equal for equations of one box; None if all are."""
        if self.numbers is None or self.boxes is None:
            return self.boxes if self.numbers is None else self.numbers
        num_boxes = len(self.section.boxes)
        return self.numbers.astype(index_dtype(self.section.num_shapes * num_boxes)) * num_boxes + self.boxes


def _narrow(values: np.ndarray, size: int) -> np.ndarray:
    """Returns values in [0, size) as int64 if they fit."""
    return values.astype(np.int64, copy=False) if size <= _NATIVE else values
