"""Samples of splits, solved: many equations together take little longer than few."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from eqstream.data.solutions.solving import Steps
from eqstream.data.space.equation_block import EquationBlock, join_blocks
from eqstream.data.splits.shard_steps import EQUATIONS_AT_ONCE, ShardSteps, cut_blocks

# Of a split, where there are but two; to solve so many, and to write so many steps, takes a tenth of a second.
MOST_SOLVED = 1 << 10
MOST_STEPS = 3 << 13
# As long as so many were drawn, however many steps they have.
FEWEST_SOLVED = 1 << 5
# One equation of so many tells how many steps those of its split have.
_TRIED_OF = 1 << 5
# The largest splits are solved together, so many, and so on.
_SPLITS_AT_ONCE = 64


class Solved(NamedTuple):
    """Equations that are solved together in a build.

    Attributes:
        block: the equations.
        steps: what `ShardSteps.solve` gives of them.
        seconds: the CPU time that took.
    """

    block: EquationBlock
    steps: Steps
    seconds: float


class Solutions:
    """The solutions of the samples of splits, found when one of them is first asked for.

    Args:
        steps: of the recipe.
        draw: returns the equations of a split that are to be solved, given its name and how many; None if it has none.
        sizes: equations of each split.
    """

    def __init__(
        self, steps: ShardSteps, draw: Callable[[str, int], EquationBlock | None], sizes: Mapping[str, int]
    ) -> None:
        self._steps, self._draw = steps, draw
        by_size = sorted(sizes, key=lambda name: -sizes[name])
        groups = [by_size[start : start + _SPLITS_AT_ONCE] for start in range(0, len(sizes), _SPLITS_AT_ONCE)]
        self._name_to_group = {name: group for group in groups for name in group}
        self._name_to_solved: dict[str, list[Solved]] = {}

    def of(self, split: str) -> list[Solved]:
        """Returns a split's equations, solved, `EQUATIONS_AT_ONCE` at a time; the last ones may be fewer."""
        if split not in self._name_to_solved:
            self._solve_group(self._name_to_group[split])
        return self._name_to_solved[split]

    def _solve_group(self, splits: list[str]) -> None:
        self._name_to_solved |= {split: [] for split in splits}
        drawn = {split: block for split in splits if (block := self._draw(split, MOST_SOLVED)) is not None}
        waiting: list[tuple[str, EquationBlock]] = []
        for split, block in self._limit(drawn):
            for some in cut_blocks([block]):
                if sum(len(each) for _, each in waiting) + len(some) > EQUATIONS_AT_ONCE:
                    self._solve_together(waiting)
                    waiting = []
                waiting.append((split, some))
        if waiting:
            self._solve_together(waiting)

    def _limit(self, drawn: dict[str, EquationBlock]) -> Iterator[tuple[str, EquationBlock]]:
        """Yields the equations of each split that are to be solved: fewer where they have many steps."""
        if not drawn:
            return
        tried = [block.take(_spread(len(block), -(-len(block) // _TRIED_OF))) for block in drawn.values()]
        # The first time builds tables that a build builds once, so its time says nothing.
        steps = self._steps.solve(join_blocks(tried))
        ends = np.cumsum([len(block) for block in tried])
        num_steps = np.bincount(np.searchsorted(ends, steps.equation, side="right"), minlength=len(tried)).tolist()
        for (split, block), own, number in zip(drawn.items(), tried, num_steps, strict=True):
            # Of many splits fewer equations each were drawn.
            most_steps = MOST_STEPS * len(block) // MOST_SOLVED
            yield split, block.take(_spread(len(block), max(most_steps * len(own) // max(number, 1), FEWEST_SOLVED)))

    def _solve_together(self, parts: list[tuple[str, EquationBlock]]) -> None:
        block = join_blocks([own for _, own in parts])
        begun_at = time.process_time()
        steps = self._steps.solve(block)
        seconds_each = (time.process_time() - begun_at) / len(block)
        first = 0
        for split, own in parts:
            rows = np.flatnonzero((steps.equation >= first) & (steps.equation < first + len(own)))
            own_steps = steps.take(rows)
            own_steps = replace(own_steps, equation=own_steps.equation - first)
            self._name_to_solved[split].append(Solved(own, own_steps, seconds_each * len(own)))
            first += len(own)


def _spread(number: int, most: int) -> np.ndarray:
    """Returns at most so many of the rows 0 to `number` - 1, evenly spread, int64 (n,)."""
    wanted = min(number, most)
    return np.arange(wanted) * number // max(wanted, 1)
