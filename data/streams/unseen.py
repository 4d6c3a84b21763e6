"""Every equation of the space that a model was not trained on.

An equation is *unseen* if it belongs to the space (its divisions are defined, its answer lies within bounds) and

- with `commuted: ignore`, it is not in the split that was trained on;
- with `together` and `drop`, no member of its class is in that split, in whatever order the operands stand there. So
  with `drop` the twins that nobody wrote are seen with the one that was, and so is what a torn class, or a condition
  on brackets, leaves out.

Nothing else matters: equations of other splits are unseen, and so are those of no split, be it that the splits' counts
leave them over or that no `where` selects them. With `drop` both orders of a class that wasn't trained on are unseen.

A model trained on an endless stream (`eqstream.data.streams.equation_stream`) may have seen whatever the stream can
give: all classes of the training split's selection but those of the other splits.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from eqstream.data.errors import UserError
from eqstream.data.formats.column_encoder import ColumnEncoder
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.permutation import index_dtype
from eqstream.data.recipe import Recipe
from eqstream.data.space.conditions import Selection
from eqstream.data.space.equation_space import EquationSpace, Group
from eqstream.data.space.prepared_space import PreparedSpace, prepare_space
from eqstream.data.splits.enumeration import BLOCK, Walk
from eqstream.data.streams.held_out import Territory, find_territory

MAX_UNSEEN = 20_000_000
# A byte for each, and about half a minute to look at them all.
_MOST_CANDIDATES = 1 << 28


class UnseenEquations:
    """All unseen equations, in a shuffled order that the recipe's seed decides.

    Attributes:
        total: their number, exact.
    """

    def __init__(self, space: PreparedSpace, walk: Walk, total: int) -> None:
        self._columns = ColumnEncoder(space)
        self._walk = walk
        self.total = total

    def blocks(self) -> Iterator[EquationColumns]:
        """Yields them all, each once, in blocks of at most some 100,000; the same at every call."""
        for block in self._walk.equations(0, 0, 0, self.total):
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
    prepared = prepare_space(recipe.space)
    space = prepared.whole
    if space.size > _MOST_CANDIDATES:
        raise UserError(
            f"the space has {space.size:,} candidates, too many to judge a model on all that it was not trained on "
            f"(at most {_MOST_CANDIDATES:,}); judge it on a split"
        )
    is_trained = np.zeros(space.size, dtype=bool)
    for territory in find_territory(recipe, train_split).territories:
        for start, stop in _trained_positions(territory, from_stream=from_stream):
            _mark(is_trained, space, territory.walk, start, stop)

    def is_omitted(shape: int, operands: list[np.ndarray]) -> np.ndarray:
        return is_trained[_indices(space, shape, operands)]

    # The whole space, in which nothing is left out: dropped twins come back, and no split bars anything.
    whole = dataclasses.replace(
        recipe, commuted="ignore" if recipe.commuted == "ignore" else "together", sampling="uniform"
    )
    walk = Walk(whole, prepared, space, Selection(None, None), (), "unseen", is_omitted=is_omitted)
    total = walk.count(0, walk.size)
    if total > limit:
        raise UserError(
            f"{total} equations of the space were not trained on, more than the {limit} that can be judged at once; "
            "judge the model on a split"
        )
    return UnseenEquations(prepared, walk, total)


def _trained_positions(territory: Territory, *, from_stream: bool) -> Iterator[tuple[int, int]]:
    if from_stream:
        yield from territory.free()
    elif territory.own is not None:
        yield territory.own.start, territory.own.stop


def _mark(is_trained: np.ndarray, space: EquationSpace, walk: Walk, start: int, stop: int) -> None:
    """Sets the places of the canonical members of all classes that are kept at the positions start..stop-1."""
    for low in range(start, stop, BLOCK):
        positions = np.arange(low, min(low + BLOCK, stop)).astype(index_dtype(walk.size), copy=False)
        for classes in walk.classes_at(positions):
            is_trained[_indices(space, classes.shape, classes.operands)] = True


def _indices(space: EquationSpace, shape: int, operands: list[np.ndarray]) -> np.ndarray:
    return space.rank([Group(shape, np.arange(len(operands[0])), operands)]).astype(np.int64)
