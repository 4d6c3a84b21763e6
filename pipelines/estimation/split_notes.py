"""Numbers of terms and operators that a split lacks although others have them that take from the same equations."""

from collections.abc import Iterator, Mapping
from typing import Any

from eqstream.data.recipe import Recipe
from eqstream.data.space.conditions import Selection, selection_of
from eqstream.pipelines.estimation.shares import Shares


def list_notes_by_split(recipe: Recipe, split_to_shares: Mapping[str, Shares]) -> list[str]:
    """Returns a line for each split that lacks what others of the same `where` and `hash` have.

    Where the recipe balances equations, a split is also named that has less than half as many of a number of terms, or
    with an operator, as it would have if its shares were those of all these splits together.

    Args:
        recipe: of the splits.
        split_to_shares: what each split has, or is likely to have.
    """
    together: dict[Selection, Shares] = {}
    for split in recipe.splits:
        selection, shares = selection_of(split), split_to_shares[split.name]
        together[selection] = together[selection] + shares if selection in together else shares
    notes = []
    for split in recipe.splits:
        shares, whole = split_to_shares[split.name], together[selection_of(split)]
        missing = list(_list_below(shares, whole, factor=0))
        scarce = [] if recipe.sampling == "uniform" else list(_list_below(shares, whole, factor=0.5))
        scarce = [kind for kind in scarce if kind not in missing]
        parts = [f"no equation with {' or '.join(missing)}"] * bool(missing)
        parts += [f"less than half the share of {' and '.join(scarce)} that all splits together have"] * bool(scarce)
        if parts:
            has = "has" if shares.is_exact else "is likely to have"
            notes.append(f"note: split `{split.name}` {has} {', and '.join(parts)}; give it a larger `count`")
    return notes


def _list_below(shares: Shares, whole: Shares, *, factor: float) -> Iterator[str]:
    """Yields the kinds of which a split has none, or less than `factor` of their share in all splits together."""
    pairs: list[tuple[Mapping[Any, float], Mapping[Any, float], str]] = [
        (shares.terms, whole.terms, "{} terms"),
        (shares.operators, whole.operators, "`{}`"),
    ]
    for numbers, all_numbers, text in pairs:
        for key, number in numbers.items():
            expected = factor * all_numbers[key] * shares.total / max(whole.total, 1)
            if all_numbers[key] >= 0.5 and number < max(expected, 0.5):
                yield text.format(key)
