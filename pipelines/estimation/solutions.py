"""Samples of splits, solved: many equations together take little longer than few."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from eqstream.data.solutions.solving import Steps
from eqstream.data.space.equation_block import EquationBlock, join_blocks
from eqstream.data.splits.shard_steps import EQUATIONS_AT_ONCE, ShardSteps, cut_blocks

# Of each split; to solve so many, and to write so many steps, takes a tenth of a second.
MOST_SOLVED = 1 << 10
MOST_STEPS = 3 << 13
# Equations that tell how many steps one has; never fewer are solved.
_NUM_TRIED = 1 << 5
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
        # Of each split.
        self._most: int | None = None

    def of(self, split: str) -> list[Solved]:
        """Returns a split's equations, solved, `EQUATIONS_AT_ONCE` at a time; the last ones may be fewer."""
        if split not in self._name_to_solved:
            self._solve_group(self._name_to_group[split])
        return self._name_to_solved[split]

    def _solve_group(self, splits: list[str]) -> None:
        waiting: list[tuple[str, EquationBlock]] = []
        for split in splits:
            self._name_to_solved[split] = []
            drawn = self._draw_some(split)
            for block in cut_blocks([] if drawn is None else [drawn]):
                if sum(len(each) for _, each in waiting) + len(block) > EQUATIONS_AT_ONCE:
                    self._solve_together(waiting)
                    waiting = []
                waiting.append((split, block))
        if waiting:
            self._solve_together(waiting)

    def _draw_some(self, split: str) -> EquationBlock | None:
        """Returns the equations of a split that are to be solved; None if it has none."""
        drawn = self._draw(split, MOST_SOLVED if self._most is None else self._most)
        if drawn is None or self._most is not None:
            return drawn
        # The first time builds tables that a build builds once, so its time says nothing.
        tried = drawn.take(_spread(len(drawn), _NUM_TRIED))
        num_steps = len(self._steps.solve(tried).equation)
        self._most = max(min(MOST_STEPS * len(tried) // max(num_steps, 1), MOST_SOLVED), _NUM_TRIED)
        return drawn.take(_spread(len(drawn), self._most))

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
