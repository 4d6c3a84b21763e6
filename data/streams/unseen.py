"""Every equation of the space that a model was not trained on.

An equation is *unseen* if it belongs to the space (its divisions are defined, its answer lies within bounds) and

- with `commuted: ignore`, it is not in the split that was trained on;
- with `together` and `drop`, no member of its class is in that split, in whatever order the operands stand there. So
  with `drop` the twins that are not written count as seen, and so do those that the end of the split cut off.

Nothing else matters: equations of other splits are unseen, and so are those of no split, whether left over by counts or
not selected. With `drop` both orders of a class that wasn't trained on are unseen.

A model trained on an endless stream (`eqstream.data.streams.equation_stream`) may have seen whatever the stream can
give: all classes of the training split's selection but those of the other splits.
"""

from collections.abc import Iterator

import numpy as np

from eqstream.data.errors import UserError
from eqstream.data.formats.column_encoder import ColumnEncoder
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.recipe import Recipe
from eqstream.data.space.conditions import Selection
from eqstream.data.space.prepared_space import PreparedSpace, prepare_space
from eqstream.data.space.section_union import SectionUnion
from eqstream.data.splits.candidates import position_blocks
from eqstream.data.splits.class_filter import ClassFilter
from eqstream.data.splits.enumeration import Enumeration
from eqstream.data.splits.twin_classes import TwinClasses, TwinFinder
from eqstream.data.streams.held_out import SourceRanges, find_ranges

MAX_UNSEEN = 20_000_000
# A byte for each, and about half a minute to look at them all.
_MOST_CANDIDATES = 1 << 28


class UnseenEquations:
    """All unseen equations, in a shuffled order that the recipe's seed decides.

    Attributes:
        total: their number, exact.
    """

    def __init__(self, space: PreparedSpace, enumeration: Enumeration, total: int) -> None:
        self._columns = ColumnEncoder(space)
        self._enumeration = enumeration
        self.total = total

    def blocks(self) -> Iterator[EquationColumns]:
        """Yields them all, each once, in blocks of at most some 100,000; the same at every call."""
        for block in self._enumeration.equations(0, self.total):
            yield self._columns.to_columns(block)


def unseen_equations(
    recipe: Recipe, train_split: str = "train", *, from_stream: bool = False, limit: int = MAX_UNSEEN
) -> UnseenEquations:
    """Returns the unseen equations; see the module for what is one.

    Args:
        recipe: of the dataset that was trained on.
        train_split: the split that was trained on.
        from_stream: whether the model was trained on the endless stream of that split instead of its files.
        limit: most equations.

    Raises:
        UserError: there is no such split, there are more unseen equations than `limit` (says how many), or far too
            many candidates to count them.
    """
    space = prepare_space(recipe.space)
    candidates = space.whole
    if candidates.size > _MOST_CANDIDATES:
        raise UserError(
            f"the space has {candidates.size:,} candidates, too many to evaluate a model on all that it was not "
            f"trained on (at most {_MOST_CANDIDATES:,}); evaluate it on a split"
        )
    is_trained = np.zeros(candidates.size, dtype=bool)
    for source in find_ranges(recipe, train_split).sources:
        for positions in _trained_positions(source, from_stream=from_stream):
            for classes in source.enumeration.candidates.kept_at(positions).groups:
                is_trained[_indices(candidates, classes)] = True

    def is_omitted(classes: TwinClasses) -> np.ndarray:
        return is_trained[_indices(candidates, classes)]

    # Twins that `drop` does not write come back, and no split keeps anything from another one.
    twins = TwinFinder(space, "ignore" if recipe.commuted == "ignore" else "together")
    kept = ClassFilter(space, Selection(None, None), hash_salt=recipe.hash_salt, is_omitted=is_omitted)
    enumeration = Enumeration(space, candidates, twins, kept, seed=recipe.seed, scope="unseen")
    total = enumeration.count(0, enumeration.size)
    if total > limit:
        raise UserError(
            f"{total:,} equations of the space were not trained on, more than the {limit:,} that can be evaluated at "
            "once; evaluate the model on a split"
        )
    return UnseenEquations(space, enumeration, total)


def _trained_positions(source: SourceRanges, *, from_stream: bool) -> Iterator[np.ndarray]:
    if from_stream:
        yield from source.free_blocks()
    elif source.own is not None:
        yield from position_blocks(source.own.start, source.own.stop)


def _indices(space: SectionUnion, classes: TwinClasses) -> np.ndarray:
    return space.rank(classes.shapes, classes.shape_places, classes.operands).astype(np.int64)
