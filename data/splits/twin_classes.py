"""Classes of commuted twins: their canonical members in a block of equations, and how many members they have.

With `commuted: together` a class is all twins of an equation, with `drop` it is written as its canonical member alone,
and with `ignore` every equation is a class of its own.
"""

import dataclasses
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from eqstream.data.space.arithmetic import Answers
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.space.sections import Candidates
from eqstream.data.space.shapes import ShapeColumns, TermShapes
from eqstream.data.space.trees import take_rows
from eqstream.data.space.twins import choose_nodes, classify_nodes, find_canonical, most_free_nodes, swap_sides


@dataclass(frozen=True, kw_only=True)
class TwinClasses:
    """Some classes whose canonical members have equally many terms; all arrays have the shape (n,) unless said.

    Attributes:
        shapes: all shapes with so many terms.
        rows: places of the canonical members in the block, rising.
        shape_places: the place of each one's shape.
        columns: the shapes as columns.
        box_order: numbers in the order of shapes and boxes, equal for equations of one box; None if all are of one.
        operands: grid integers, (num_terms, n).
        free: the free nodes of the canonical members; see `eqstream.data.space.twins`.
        member_counts: how many members of the class are written; int64.
        answers: of the classes, with their carries; None where these are not known yet.
    """

    shapes: TermShapes
    rows: np.ndarray
    shape_places: np.ndarray
    columns: ShapeColumns
    box_order: np.ndarray | None
    operands: np.ndarray
    free: np.ndarray
    member_counts: np.ndarray
    answers: Answers | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, kept: np.ndarray) -> "TwinClasses":
        """Returns the classes where `kept`, bool (n,), is true."""
        places = np.flatnonzero(kept)
        if len(places) == len(kept):
            return self
        return dataclasses.replace(
            self,
            rows=self.rows.take(places),
            shape_places=take_rows(self.shape_places, places),
            columns=self.columns.take(places),
            box_order=None if self.box_order is None else self.box_order.take(places),
            operands=self.operands.take(places, axis=1),
            free=take_rows(self.free, places),
            member_counts=take_rows(self.member_counts, places),
            answers=self.answers and self.answers.take(places),
        )


class _Looked(NamedTuple):
    """Those of some equations whose shape has canonical members; arrays have the shape (n,) unless said.

    Attributes:
        candidates: these equations.
        rows: their places among all that were given.
        columns: their shapes.
        operands: of shape (num_terms, n).
        is_canonical: whether each is canonical.
        free: the free nodes of each that is; of the others they mean nothing.
    """

    candidates: Candidates
    rows: np.ndarray
    columns: ShapeColumns
    operands: np.ndarray
    is_canonical: np.ndarray
    free: np.ndarray


class TwinFinder:
    """Finds the classes of a space in blocks of its equations; one serves all enumerations of a recipe.

    Args:
        space: the space.
        commuted: what becomes of twins, as in the recipe.

    Attributes:
        commuted: as given.
        most_twins: the most equations that are twins of each other; 1 where each equation is a class of its own.
        largest_class: the most members that are written of one class.
    """

    def __init__(self, space: PreparedSpace, commuted: Literal["together", "drop", "ignore"]) -> None:
        self._space = space
        self.commuted = commuted
        recipe = space.recipe
        most_free = most_free_nodes(recipe.terms.max, recipe.operators, brackets=recipe.brackets)
        self.most_twins = 1 if commuted == "ignore" else 1 << most_free
        self.largest_class = self.most_twins if commuted == "together" else 1

    def find(self, candidates: Candidates) -> TwinClasses:
        """Returns the classes whose canonical members are among some equations of one section."""
        if self.most_twins == 1:
            return _make_classes(candidates, candidates.shapes, candidates.columns(), candidates.operands())
        found = self._look_at(candidates)
        classes = _make_classes(found.candidates, found.candidates.shapes, found.columns, found.operands)
        if self.commuted == "together":
            classes = dataclasses.replace(classes, free=found.free, member_counts=_count_members(found.free))
        return classes.take(found.is_canonical)

    def count(self, candidates: Candidates) -> np.ndarray:
        """Returns how many members are written of the class of each equation, int64 (n,); 0 if it is not canonical."""
        if self.most_twins == 1:
            return np.ones(len(candidates), dtype=np.int64)
        found = self._look_at(candidates)
        counts = found.is_canonical.astype(np.int64)
        if self.commuted == "together":
            counts <<= np.bitwise_count(found.free)
        if len(counts) == len(candidates):
            return counts
        result = np.zeros(len(candidates), dtype=np.int64)
        result[found.rows] = counts
        return result

    def _look_at(self, candidates: Candidates) -> _Looked:
        shapes = self._space.twin_rules[candidates.section.shapes.num_terms].find_shapes(candidates.shapes)
        if len(shapes.rows) < len(candidates):
            candidates = candidates.take(shapes.rows)
        operands = candidates.operands()
        is_canonical, free = find_canonical(shapes.columns, operands, shapes.free, shapes.undecided)
        return _Looked(candidates, shapes.rows, shapes.columns, operands, is_canonical, free)

    def find_first(self, shapes: TermShapes, places: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns, of the twins of each equation whose operands are labels, the first by shape, then labels.

        Args:
            shapes: the shapes with so many terms.
            places: the shapes of the equations, (n,).
            labels: small numbers of any meaning in place of operands, (num_terms, n).

        Returns:
            The places of the shapes, and the labels.
        """
        if self.most_twins == 1:
            return places, labels
        columns = shapes.columns(places)
        nodes = classify_nodes(columns, brackets=shapes.brackets)[3]
        counts = np.int64(1) << np.bitwise_count(nodes).astype(np.int64)
        rows = np.arange(len(places))
        first, first_labels = places.copy(), labels.copy()
        for number in range(1, int(counts.max())):
            rows = rows[counts[rows] > number]
            chosen = choose_nodes(nodes[rows], np.full(len(rows), number), shapes.num_terms - 1)
            twins, twin_labels = swap_sides(shapes, columns.take(rows), labels[:, rows], chosen)
            is_before, is_equal = twins < first[rows], twins == first[rows]
            for own, best in zip(twin_labels, first_labels[:, rows], strict=True):
                is_before |= is_equal & (own < best)
                is_equal &= own == best
            first[rows[is_before]] = twins[is_before]
            first_labels[:, rows[is_before]] = twin_labels[:, is_before]
        return first, first_labels


def _count_members(free: np.ndarray) -> np.ndarray:
    """Returns how many members a class has, int64 (n,), given the free nodes of its canonical member."""
    return np.left_shift(np.int64(1), np.bitwise_count(free), dtype=np.int64)


def _make_classes(
    candidates: Candidates, places: np.ndarray, columns: ShapeColumns, operands: np.ndarray
) -> TwinClasses:
    """Returns a class of its own for each equation."""
    num_rows = len(candidates)
    return TwinClasses(
        shapes=candidates.section.shapes,
        rows=candidates.rows,
        shape_places=places,
        columns=columns,
        box_order=candidates.box_order(),
        operands=operands,
        free=np.broadcast_to(np.uint32(0), num_rows),
        member_counts=np.broadcast_to(np.int64(1), num_rows),
    )
