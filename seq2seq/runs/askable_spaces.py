"""What a trained model can be asked: equations of the spaces of its training, of steps also those of wider ones."""

import dataclasses
from collections.abc import Sequence

from eqstream.data.space_recipe import MAX_TERMS, SpaceRecipe, Terms


def widen(space: SpaceRecipe) -> SpaceRecipe:
    """Returns what a model that was trained on steps of a space's equations may be asked.

    It answers line by line, so it may be asked for any number of terms, of which a single one has no line behind it;
    and for numbers as long as the results of two of the space's own, with a sign if the space subtracts, as such
    numbers come up in the lines that it has learned. Where fractions are split into prime factors, longer questions
    have other steps, and longer numbers other factors: there it may be asked what the space has.

    >>> from eqstream.data.space_recipe import Operands
    >>> space = SpaceRecipe(operands=Operands(min=0, max=999), operators="-*")
    >>> widen(space).operands
    Operands(min=-999999, max=999999, decimals=0)
    """
    if space.factors_fractions:
        return space
    operands = space.operands
    digits = len(str(max(abs(operands.min), abs(operands.max))))
    bound = 10 ** (2 * digits if "*" in space.operators else digits + 1) - 1
    is_signed = operands.min < 0 or "-" in space.operators
    return dataclasses.replace(
        space,
        terms=Terms(min=min(2, space.terms.min), max=MAX_TERMS),
        operands=dataclasses.replace(operands, min=-bound if is_signed else 0, max=bound),
    )


def drop_covered(spaces: Sequence[SpaceRecipe]) -> tuple[SpaceRecipe, ...]:
    """Returns the spaces, in their order, without those that another one covers."""
    kept: list[SpaceRecipe] = []
    for place, space in enumerate(spaces):
        others = [*kept, *spaces[place + 1 :]]
        if not any(covers(other, space) for other in others):
            kept.append(space)
    return tuple(kept)


def covers(wide: SpaceRecipe, narrow: SpaceRecipe) -> bool:
    """Returns whether a person can ask all questions of a space in another one, whatever their answers are."""
    return (
        set(narrow.operators) <= set(wide.operators)
        and wide.terms.min <= narrow.terms.min <= narrow.terms.max <= wide.terms.max
        and wide.operands.min <= narrow.operands.min <= narrow.operands.max <= wide.operands.max
        and narrow.operands.decimals <= wide.operands.decimals
        and narrow.brackets <= wide.brackets
        and ("/" not in narrow.operators or narrow.division in (wide.division, "exact"))
    )
