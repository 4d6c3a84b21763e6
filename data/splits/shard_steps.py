"""The steps of the solutions of a shard's equations, in the order of its records.

A shard's equations are solved so many at a time, and the steps of these are shuffled, so that those of one solution do
not lie side by side.
"""

import functools
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from eqstream.data.errors import UserError
from eqstream.data.permutation import Permutation, derive_seed
from eqstream.data.recipe import Recipe
from eqstream.data.solutions.solving import BlockSolver, Steps
from eqstream.data.space.equation_block import EquationBlock, join_blocks
from eqstream.data.space.held_out_classes import HeldOut
from eqstream.data.splits.counting_policy import count_for_plan
from eqstream.data.splits.plan import ShardTask, SplitPlan, plan_splits
from eqstream.data.splits.prepared_sources import PreparedSources
from eqstream.data.splits.shard_equations import ShardEquations
from eqstream.data.splits.shared_equations import hold_out

# The order of records depends on it.
EQUATIONS_AT_ONCE = 1 << 13


class StepCounts(NamedTuple):
    """How many steps the solutions of a shard's equations have, and how many more are left out."""

    num_steps: int
    num_left_out: int


class ShardSteps:
    """Finds the steps of the shards of one recipe; make it once a process, as its tables take a while to build.

    What the other splits of the dataset hold is found from the recipe, when it is first needed: eight bytes for each
    of their equations.

    Args:
        sources: of the recipe, whose examples are steps.

    Attributes:
        hold_out: returns what all splits but one hold, given its name; nothing for a name that is of none.
    """

    def __init__(self, sources: PreparedSources) -> None:
        assert sources.recipe.steps is not None
        self._recipe, self._line_length = sources.recipe, sources.recipe.steps.line_length
        self._solver = BlockSolver(sources.space)
        self._equations = ShardEquations(sources)
        self.hold_out = functools.cache(functools.partial(_hold_out_others, sources.recipe))

    def blocks(
        self, task: ShardTask, blocks: Iterable[EquationBlock] | None = None
    ) -> Iterator[tuple[EquationBlock, Steps]]:
        """Yields some equations of a shard, in its order, and the steps of their solutions in the order of the records.

        Args:
            task: the shard.
            blocks: its equations, where they were computed before.
        """
        first = task.first_ordinal
        for block in cut_blocks(self._equations.blocks(task) if blocks is None else blocks):
            yield block, self.arrange(self._solver.solve(block, self.hold_out(task.split)), task.split, first)
            first += len(block)

    def arrange(self, steps: Steps, split: str, first: int) -> Steps:
        """Returns the steps of equations that are solved together in the order of the records, without long ones.

        Args:
            steps: by number and then by equation.
            split: the name of the split.
            first: the number of the first equation in it.
        """
        steps = self._leave_out_long(steps)
        if not len(steps):
            return steps
        shuffle = Permutation(len(steps), derive_seed(self._recipe.seed, "steps", split, first))
        return steps.take(shuffle.forward(np.arange(len(steps))))

    def solve(self, block: EquationBlock) -> Steps:
        """Returns all steps of some equations, by number and then by equation, with the classes of their questions."""
        return self._solver.solve(block, with_classes=True)

    def count(self, task: ShardTask, blocks: Iterable[EquationBlock] | None = None) -> StepCounts:
        """Returns how many steps `blocks` gives, and how many it leaves out."""
        counts = [StepCounts(len(steps), steps.num_left_out) for _, steps in self.blocks(task, blocks)]
        return StepCounts(*(sum(column) for column in zip((0, 0), *counts, strict=True)))

    def count_each(self, steps: Steps, num_equations: int, held_out: HeldOut) -> tuple[np.ndarray, int]:
        """Returns how many steps each equation's solution has, int64 (n,), and how many more have a held-out line.

        Args:
            steps: what `solve` gives.
            num_equations: how many were solved.
            held_out: equations that no line of a solution may be but the first one, nor a twin of one.
        """
        assert steps.classes is not None
        order = np.lexsort((steps.number, steps.equation))
        equation, number = steps.equation.take(order), steps.number.take(order)
        is_out = held_out.contains(steps.classes.take(order)) & (number > 0)
        # The answer of a step is the question of the next one, which is none of a solution's first lines.
        is_out[:-1] |= is_out[1:]
        is_short = self._are_short(steps).take(order)
        return np.bincount(equation[is_short & ~is_out], minlength=num_equations), int(is_out.sum())

    def find_held_out(self, task: ShardTask, held_out: HeldOut) -> np.ndarray:
        """Returns which steps of a shard have a line that is held out, bool (num_steps,), in the order of the records.

        Args:
            task: the shard.
            held_out: equations besides those of other splits, whose lines are no records.
        """
        parts = [np.zeros(0, bool)]
        for block, steps in self.blocks(task):
            others = self._solver.solve(block, held_out, keep_first=False)
            parts.append(~np.isin(_number(steps), _number(others)))
        return np.concatenate(parts)

    def _leave_out_long(self, steps: Steps) -> Steps:
        rows = np.flatnonzero(self._are_short(steps))
        kept = steps.take(rows)
        return kept.with_left_out(steps.num_left_out + len(steps) - len(rows))

    def _are_short(self, steps: Steps) -> np.ndarray:
        return steps.count_characters() <= self._line_length


def find_held_out_steps(recipe: Recipe, split: str, held_out: HeldOut) -> np.ndarray:
    """Returns the records of a split of steps with a line that is held out, int64 (n,), rising.

    Args:
        recipe: of the dataset.
        split: the name of the split.
        held_out: equations of other datasets.
    """
    counts = count_for_plan(recipe)
    steps = ShardSteps(counts.sources)
    tasks = [task for task in plan_splits(counts).shards if task.split == split]
    return np.flatnonzero(np.concatenate([steps.find_held_out(task, held_out) for task in tasks]))


def _number(steps: Steps) -> np.ndarray:
    """Returns a number of its own for each step of some equations, int64 (n,)."""
    return (steps.equation << 32) | steps.number


def add_step_counts(plan: SplitPlan, counts: Iterable[StepCounts]) -> SplitPlan:
    """Returns a plan with the steps of its shards, given in the same order.

    Raises:
        UserError: a split has none.
    """
    split_to_steps: dict[str, int] = {}
    shards: list[ShardTask] = []
    for task, (num_steps, num_left_out) in zip(plan.shards, counts, strict=True):
        first = split_to_steps.setdefault(task.split, 0)
        shards.append(replace(task, first_step=first, num_steps=num_steps, num_steps_left_out=num_left_out))
        split_to_steps[task.split] = first + num_steps
    for split, num_steps in split_to_steps.items():
        if not num_steps:
            raise UserError(
                f"split `{split}` would be empty: its equations are plain numbers, or every step has a line that is an "
                "equation of another split, or is longer than `steps.line_length`"
            )
    return replace(plan, shards=tuple(shards))


def _hold_out_others(recipe: Recipe, split: str) -> HeldOut:
    """Returns what all splits but one hold; nothing for a sample, which is of none."""
    names = [each.name for each in recipe.splits]
    if split not in names or len(names) == 1:
        return HeldOut(np.zeros(0, np.uint64))
    return HeldOut(hold_out(recipe, [name for name in names if name != split]))


def cut_blocks(blocks: Iterable[EquationBlock]) -> Iterator[EquationBlock]:
    """Yields equations `EQUATIONS_AT_ONCE` at a time, the last ones may be fewer."""
    waiting: list[EquationBlock] = []
    num_waiting = 0
    for block in blocks:
        waiting.append(block)
        num_waiting += len(block)
        if num_waiting < EQUATIONS_AT_ONCE:
            continue
        joined = join_blocks(waiting)
        end = num_waiting - num_waiting % EQUATIONS_AT_ONCE
        for start in range(0, end, EQUATIONS_AT_ONCE):
            yield joined.take(slice(start, start + EQUATIONS_AT_ONCE))
        waiting, num_waiting = [joined.take(slice(end, None))], num_waiting - end
    if num_waiting:
        yield join_blocks(waiting)
