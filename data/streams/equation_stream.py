"""An endless stream of equations straight from a recipe: no files, and never one that another split holds.

The stream of a split gives what the split may take from (its `where` and `hash`, or what no other split's select), less
the classes of all other splits: an equation that is held out never comes, nor does a commuted twin of one, unless
`commuted: ignore` calls them strangers. Equations that the counts of the splits leave over do come. This holds by
construction, in spaces of any size: a class has one position in the seeded walk, the other splits have known stretches
of positions, and the stream goes through the positions between them.

An epoch gives `num_examples` equations, in an order that depends on the recipe, their number, `seed` and the epoch
alone; any place in it can be had by counting what comes before it in that epoch, no earlier epoch is looked at.

- An epoch repeats nothing, unless it is larger than all there is; then each equation comes equally often, but for one.
- A round through everything is cut into as many epochs as fit; these share no equation, but for a few where a part is
  poorer than most. The next round has another order. So in a space that one epoch exhausts each epoch is everything
  once more, shuffled anew; and an epoch of more than half of everything is a new draw.
- With `sampling: balanced` each epoch fills all combinations of operand lengths to one level, as far as they reach;
  those of short operands recur in each epoch once they are exhausted.

Where the splits' counts leave the walk's end uncounted, "all there is" is estimated; a wrong guess may repeat a few
equations early, and changes nothing about what is held out.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from eqstream.data.errors import UserError
from eqstream.data.permutation import derive_seed
from eqstream.data.recipe import Recipe
from eqstream.data.space.equation_block import EquationBlock, interleave_blocks, join_blocks
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.splits.apportionment import fill_evenly
from eqstream.data.splits.enumeration import BLOCK
from eqstream.data.splits.plan import deal
from eqstream.data.streams.epochs import Rounds, TableRounds, WalkRounds, list_free_equations
from eqstream.data.streams.held_out import Territory, find_territory

# Walks of fewer positions than this, all together, are listed once and kept.
_MOST_LISTED = 1 << 21


class FreshStream:
    """The endless stream of one split; see the module for what it gives.

    >>> from eqstream.data.recipe import load_recipe
    >>> stream = FreshStream(load_recipe("addition-10"), num_examples=1000)
    >>> [len(block) for block in stream.equations(epoch=0, first=990)]
    [10]

    Args:
        recipe: the recipe.
        split: the split in whose place it stands.
        num_examples: equations in an epoch; by default as many as the split has.
        seed: of the order.

    Attributes:
        num_examples: equations in an epoch.
        space: the space whose shapes the numbers in a block of equations mean.

    Raises:
        UserError: there is no such split, or the splits cannot be planned.
    """

    def __init__(self, recipe: Recipe, split: str = "train", *, num_examples: int | None = None, seed: int = 0) -> None:
        if num_examples is not None and num_examples < 1:
            raise UserError(f"`num_examples` must be at least 1, got {num_examples}")
        found = find_territory(recipe, split)
        self.num_examples = num_examples or found.num_equations
        self.space: PreparedSpace = found.space
        self._seed = derive_seed(seed, "fresh", recipe.seed, split)
        rounds = _list_rounds(found.territories, self.num_examples, self._seed)
        self._quotas = tuple(quota for quota, _ in rounds)
        self._rounds = [each for _, each in rounds]

    def equations(self, epoch: int, first: int = 0) -> Iterator[EquationBlock]:
        """Yields the equations `first` to the last one of an epoch, in blocks of at most some 100,000.

        Starting at `first` gives exactly the equations that would have come there.
        """
        if len(self._rounds) == 1:
            yield from self._rounds[0].equations(epoch, first)
            return
        seed = derive_seed(self._seed, "deal", epoch)
        done = np.bincount(self._turns(seed, 0, first), minlength=len(self._rounds)).tolist()
        taps = [_Tap(rounds.equations(epoch, start)) for rounds, start in zip(self._rounds, done, strict=True)]
        for start in range(first, self.num_examples, BLOCK):
            turns = self._turns(seed, start, min(BLOCK, self.num_examples - start))
            numbers = np.bincount(turns, minlength=len(taps)).tolist()
            pieces = [tap.take(number) for tap, number in zip(taps, numbers, strict=True) if number]
            yield interleave_blocks(pieces, turns)

    def _turns(self, seed: int, start: int, count: int) -> np.ndarray:
        return deal(self.num_examples, seed, self._quotas, start, count)


def _list_rounds(territories: Sequence[Territory], num_examples: int, seed: int) -> list[tuple[int, Rounds]]:
    """Returns for each walk that takes part how many equations it gives in an epoch, and its rounds.

    An epoch takes all there is time and again, and the rest evenly.
    """
    tables: dict[int, EquationBlock] = {}
    capacities = [territory.num_free_equations for territory in territories]
    room = _MOST_LISTED
    for number, territory in enumerate(territories):
        if territory.num_free_positions <= room:
            room -= territory.num_free_positions
            blocks = list_free_equations(territory)
            capacities[number] = sum(map(len, blocks))
            if blocks:
                tables[number] = join_blocks(blocks)
    times, rest = divmod(num_examples, sum(capacities))
    filled = fill_evenly(rest, capacities, [territory.weight for territory in territories])
    rounds: list[tuple[int, Rounds]] = []
    for number, territory in enumerate(territories):
        quota = times * capacities[number] + filled[number]
        own_seed = derive_seed(seed, number)
        if quota and number in tables:
            rounds.append((quota, TableRounds(tables[number], quota, own_seed)))
        elif quota:
            rounds.append((quota, WalkRounds(territory, quota, own_seed)))
    return rounds


class _Tap:
    """Takes any number of equations at a time from an iterator of blocks."""

    def __init__(self, blocks: Iterator[EquationBlock]) -> None:
        self._blocks = blocks
        self._left: EquationBlock | None = None

    def take(self, count: int) -> EquationBlock:
        """Returns the next `count` equations, at least 1."""
        pieces, missing = [], count
        while missing:
            block = self._left if self._left is not None else next(self._blocks)
            pieces.append(block.take(slice(0, missing)))
            self._left = block.take(slice(missing, None)) if len(block) > missing else None
            missing -= len(pieces[-1])
        return join_blocks(pieces)
