"""Which classes of twins a source keeps."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from eqstream.data.space.arithmetic import Answers
from eqstream.data.space.class_hash import class_hash, in_buckets
from eqstream.data.space.conditions import Selection, fits, in_answer_range
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.space.section_union import SectionUnion
from eqstream.data.space.shapes import ShapeColumns
from eqstream.data.splits.twin_classes import TwinClasses


class ClassFilter:
    """Keeps the classes whose divisions are defined, whose answer lies within bounds, and which a selection takes.

    Args:
        space: of the equations.
        selection: what is kept.
        others: selections whose equations are not kept.
        hash_salt: of the recipe.
        is_omitted: says of classes which are not kept either; bool (n,).
    """

    def __init__(
        self,
        space: PreparedSpace,
        selection: Selection,
        others: Sequence[Selection] = (),
        *,
        hash_salt: str,
        is_omitted: Callable[[TwinClasses], np.ndarray] | None = None,
    ) -> None:
        self._space = space
        self._selection = selection
        self._others = tuple(others)
        self._hash_salt = hash_salt
        self._is_omitted = is_omitted
        self._needs_hash = any(each.hash for each in (selection, *others))
        self._is_narrow = bool(space.is_bounded or not selection.is_everything or others or is_omitted)
        conditions = [each.where for each in (selection, *others) if each.where is not None]
        self._needs_carries = any(where.carries is not None for where in conditions)
        self._needs_written = any(where.asks_written_digits for where in conditions)
        is_answer_asked = any(where.answer is not None for where in conditions)
        self._needs_answers = space.is_bounded or self._needs_carries or self._needs_written or is_answer_asked

    def keeps_all(self, candidates: SectionUnion) -> bool:
        """Returns whether all equations of a space are known to be kept, without a look at them."""
        return not self._is_narrow and not (self._space.has_division and candidates.has_division)

    def keep(self, classes: TwinClasses) -> TwinClasses:
        """Returns the classes that are kept."""
        answers = None
        if self._needs_answers or self._space.has_division:
            answers = self._space.arithmetic.evaluate(
                classes.columns,
                classes.operands,
                with_carries=self._needs_carries,
                with_written=self._needs_written,
            )
            is_valid = answers.is_valid & in_answer_range(answers, self._space.recipe.answer)
            classes = dataclasses.replace(classes, answers=answers).take(is_valid)
            answers = classes.answers
            if not self._needs_carries:
                classes = dataclasses.replace(classes, answers=None)
        if not self._selection.is_everything or self._others:
            classes = classes.take(self._is_selected(classes.columns, classes.operands, answers))
        if self._is_omitted is not None:
            classes = classes.take(~self._is_omitted(classes))
        return classes

    def _is_selected(self, columns: ShapeColumns, operands: np.ndarray, answers: Answers | None) -> np.ndarray:
        hashes = None
        if self._needs_hash:
            hashes = class_hash(columns, operands, decimals=self._space.decimals, salt=self._hash_salt)

        def meets(selection: Selection) -> np.ndarray:
            result = np.ones(operands.shape[1], dtype=bool)
            if selection.hash is not None and hashes is not None:
                result &= in_buckets(hashes, selection.hash)
            if selection.where is not None:
                result &= fits(selection.where, columns, operands=operands, answers=answers, scale=self._space.scale)
            return result

        selected = meets(self._selection)
        for other in self._others:
            selected &= ~meets(other)
        return selected
