"""Many sections as one, so that equations of all of them are computed together.

Numbers of shapes and of boxes are counted through all sections; a row tells which of them it belongs to.
"""

import bisect
import itertools
from collections.abc import Sequence

import numpy as np

from eqstream.data.permutation import index_dtype
from eqstream.data.space.sections import Candidates, Section
from eqstream.data.space.shape_classes import ClassShapes
from eqstream.data.space.shapes import ShapeSubset


class JointSections:
    """Sections side by side.

    Args:
        sections: with equally many terms and without patterns; boxes have shapes of their own in all or in none.
    """

    def __init__(self, sections: Sequence[Section]) -> None:
        # Kinds of equations share subsets, and most of them boxes, too.
        subsets = {id(section.subset): section.subset for section in sections}
        groups = {id(section.boxes): section for section in sections}
        pieces = [section.box_shapes for section in groups.values() if section.box_shapes is not None]
        box_shapes = np.concatenate(pieces) if pieces else None
        boxes = tuple(box for section in groups.values() for box in section.boxes)
        self._joined = Section(_join_subsets([*subsets.values()]), boxes, box_shapes)
        # Of each section the number of equations of a shape, and where its shapes and these equations begin among those
        # of all sections.
        counts = itertools.accumulate((subset.count for subset in subsets.values()), initial=0)
        first_numbers = dict(zip(subsets, counts, strict=False))
        sizes = itertools.accumulate((section.shape_size for section in groups.values()), initial=0)
        starts = dict(zip(groups, sizes, strict=False))
        numbers_dtype, dtype = index_dtype(self._joined.num_shapes), index_dtype(self._joined.shape_size)
        self._first_numbers = np.array([first_numbers[id(section.subset)] for section in sections], dtype=numbers_dtype)
        self._shape_sizes = np.array([section.shape_size for section in sections], dtype=dtype)
        self._starts = np.array([starts[id(section.boxes)] for section in sections], dtype=dtype)
        self._box_starts = np.array(self._joined.box_starts[:-1], dtype=dtype)

    def locate(self, rows: np.ndarray, sections: np.ndarray, indices: np.ndarray) -> Candidates:
        """Returns the equations at indices (n,) of sections (n,), which stand in `rows` (n,) of a block."""
        shape_sizes, numbers = self._shape_sizes.take(sections), None
        if self._joined.box_shapes is None:
            numbers = indices // shape_sizes
            indices = indices - numbers * shape_sizes
            numbers = numbers.astype(self._first_numbers.dtype) + self._first_numbers.take(sections)
        places, boxes = indices.astype(self._starts.dtype) + self._starts.take(sections), None
        if len(self._box_starts) > 1:
            boxes = np.searchsorted(self._box_starts, places, side="right") - 1
            places = places - self._box_starts.take(boxes)
        return Candidates(section=self._joined, rows=rows, numbers=numbers, boxes=boxes, places=places)


class _SubsetsInTurn(ShapeSubset):
    """The shapes of some subsets, those of one after those of the other."""

    def __init__(self, subsets: Sequence[ShapeSubset]) -> None:
        super().__init__(subsets[0].shapes)
        self._subsets = subsets
        *first_numbers, self.count = itertools.accumulate((subset.count for subset in subsets), initial=0)
        self._first_numbers: list[int] = first_numbers

    def places(self, numbers: np.ndarray) -> np.ndarray:
        """Returns the place of each shape (n,), given its number among those that are taken."""
        found = np.array([bisect.bisect_right(self._first_numbers, number) - 1 for number in numbers.tolist()])
        places = np.zeros(len(numbers), dtype=self.shapes.dtype)
        for which in np.unique(found).tolist():
            rows = np.flatnonzero(found == which)
            subset, first = self._subsets[int(which)], self._first_numbers[int(which)]
            places[rows] = subset.places((numbers[rows] - first).astype(index_dtype(subset.count)))
        return places


def _join_subsets(subsets: Sequence[ShapeSubset]) -> ShapeSubset:
    """Returns the shapes of some subsets, those of one after those of the other."""
    shapes = subsets[0].shapes
    classes = [subset for subset in subsets if isinstance(subset, ClassShapes)]
    if len(classes) == len(subsets):
        return ClassShapes(shapes, classes[0].classes, [family for each in classes for family in each.families])
    if shapes.is_listed:
        return ShapeSubset(shapes, np.concatenate([each.places(np.arange(each.count)) for each in subsets]))
    return _SubsetsInTurn(subsets)
