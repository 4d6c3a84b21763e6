"""Which classes of twins a source keeps."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from eqstream.data.space.arithmetic import Answers
from eqstream.data.space.class_hash import class_hash, in_buckets
from eqstream.data.space.conditions import Selection, fits, in_answer_range
from eqstream.data.space.equation_space import Box
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.space.shapes import Shape
from eqstream.data.splits.twin_classes import TwinClasses


class ClassFilter:
    """Keeps the classes whose divisions are defined, whose answer lies within bounds, and which a selection takes.

    Args:
        space: of the equations.
        selection: what is kept.
        others: selections whose equations are not kept.
        hash_salt: of the recipe.
        is_omitted: says of canonical equations, given the number of their shape and their operands, each (n,), which
            are not kept either; bool (n,).
    """

    def __init__(
        self,
        space: PreparedSpace,
        selection: Selection,
        others: Sequence[Selection] = (),
        *,
        hash_salt: str,
        is_omitted: Callable[[int, list[np.ndarray]], np.ndarray] | None = None,
    ) -> None:
        self._space = space
        self._selection = selection
        self._others = tuple(others)
        self._hash_salt = hash_salt
        self._is_omitted = is_omitted
        self._needs_hash = any(each.hash for each in (selection, *others))
        conditions = [each.where for each in (selection, *others) if each.where is not None]
        self._needs_carries = any(where.carries is not None for where in conditions)
        is_answer_asked = any(where.answer is not None for where in conditions)
        self._needs_answers = space.is_bounded or self._needs_carries or is_answer_asked

    def keeps_all(self, boxes: Sequence[Box]) -> bool:
        """Returns whether all equations of the boxes are known to be kept, without a look at them."""
        narrows = self._space.is_bounded or not self._selection.is_everything or self._others or self._is_omitted
        return not narrows and not any("/" in self._space.shapes[box.shape].operators for box in boxes)

    def keep(self, classes: TwinClasses) -> TwinClasses:
        """Returns the classes that are kept."""
        shape = self._space.shapes[classes.shape]
        answers = None
        if self._needs_answers or "/" in shape.operators:
            answers = self._space.arithmetic.evaluate(shape, classes.operands, with_carries=self._needs_carries)
            is_valid = answers.is_valid & in_answer_range(answers, self._space.recipe.answer)
            classes = dataclasses.replace(classes, answers=answers).take(is_valid)
            answers = classes.answers
            if not self._needs_carries:
                classes = dataclasses.replace(classes, answers=None)
        if not self._selection.is_everything or self._others:
            classes = classes.take(self._is_selected(shape, classes.operands, answers))
        if self._is_omitted is not None:
            classes = classes.take(~self._is_omitted(classes.shape, classes.operands))
        return classes

    def _is_selected(self, shape: Shape, operands: list[np.ndarray], answers: Answers | None) -> np.ndarray:
        hashes = None
        if self._needs_hash:
            hashes = class_hash(shape, operands, self._space.decimals, self._hash_salt)

        def meets(selection: Selection) -> np.ndarray:
            result = np.ones(len(operands[0]), dtype=bool)
            if selection.hash is not None and hashes is not None:
                result &= in_buckets(hashes, selection.hash)
            if selection.where is not None:
                result &= fits(selection.where, shape, operands, answers, self._space.scale)
            return result

        selected = meets(self._selection)
        for other in self._others:
            selected &= ~meets(other)
        return selected
