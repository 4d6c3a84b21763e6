"""Refuses what a recipe asks for and its space cannot have, before anything is counted for long."""

from collections.abc import Sequence
from typing import NoReturn, cast

from eqstream.data.errors import UserError
from eqstream.data.sampling import HARD_CASES, Balance, Key
from eqstream.data.space.conditions import Selection, selection_of
from eqstream.data.splits.counting import CountingTask, count_task
from eqstream.data.splits.equation_counts import EquationCounts
from eqstream.data.splits.plan import divide_selection
from eqstream.data.splits.prepared_sources import PreparedSources

# Candidates that are counted to say how many equations there are: less than a second.
_MOST_COUNTED = 1 << 20


def check_requests(counts: EquationCounts) -> None:
    """Refuses counts above what there can be at most, and weights of kinds that the space does not have.

    Args:
        counts: of a recipe; what is refused and has few candidates is counted.

    Raises:
        UserError: the recipe asks for one of these.
    """
    recipe = counts.sources.recipe
    if isinstance(recipe.sampling, Balance):
        _check_weights(recipe.sampling, counts.sources)
    for selection, selected in counts.sources.by_selection.items():
        most = sum(counts.by_source[number].most for number in selected.numbers)
        if 0 < most < sum(split.count or 0 for split in selected.splits):
            _refuse(counts, selection, selected.numbers, most=most)


def _refuse(counts: EquationCounts, selection: Selection, numbers: Sequence[int], *, most: int) -> NoReturn:
    """Raises the error of a plan, where that takes little counting, or else one that says what there is at most."""
    owns = {number: counts.by_source[number] for number in numbers}
    uncounted = [number for number, own in owns.items() if not own.enumeration.is_identity and not own.is_complete]
    if sum(owns[number].enumeration.size for number in uncounted) <= _MOST_COUNTED:
        for number in uncounted:
            task = CountingTask(number, owns[number].num_positions_counted, owns[number].enumeration.size)
            counts.add([count_task(counts.sources, task)])
        divide_selection(counts, selection)
    left, recipe = most, counts.sources.recipe
    for split in recipe.splits:
        if selection_of(split) == selection and split.count is not None:
            if split.count > left:
                raise UserError(
                    f"split `{split.name}` asks for {split.count:,} equations, but at most {left:,} are left; give it "
                    "a smaller `count`, or use a larger `space`"
                )
            left -= split.count
    raise AssertionError("the counts are possible")


def _check_weights(sampling: Balance, sources: PreparedSources) -> None:
    space, terms, operators = sources.space, sources.recipe.space.terms, sources.recipe.space.operators
    for key, kinds in (sampling.weights or {}).items():
        for kind in kinds:
            expected = ""
            if key == "terms" and kind not in map(str, range(terms.min, terms.max + 1)):
                expected = f"a number of terms from {terms.min} to {terms.max}"
            if key == "digits" and kind not in map(str, range(1, space.operand_digits + 1)):
                expected = f"a number of digits from 1 to {space.operand_digits}"
            is_long = terms.min - 1 <= len(kind) <= terms.max - 1
            if key == "operators" and not ({*kind} <= {*operators} and is_long):
                numbers = f"{terms.min - 1} to {terms.max - 1}" if terms.min < terms.max else f"{terms.min - 1}"
                expected = f"{numbers} of the operators `{operators}`"
            if key in HARD_CASES and kind not in (known := _list_kinds(sampling, sources, cast(Key, key))):
                is_range = known == [str(number) for number in range(len(known))]
                expected = f"a number from 0 to {known[-1]}" if is_range else f"one of {', '.join(known)}"
            if expected:
                raise UserError(f"`sampling.weights.{key}` must name {expected}, as the space has them, got `{kind}`")


def _list_kinds(sampling: Balance, sources: PreparedSources, key: Key) -> list[str]:
    """Returns the kinds of a key that there are, in the order of numbers."""
    place = sampling.balance.index(key)
    return sorted({source.levels[place][0] for source in sources.sources}, key=lambda kind: (len(kind), kind))
