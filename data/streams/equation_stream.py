"""An endless stream of equations straight from a recipe: no files, and never one that another split holds.

The stream of a split gives what the split may take from (its `where` and `hash`, or what no other split's select), less
the classes of all other splits: an equation that is held out never comes, nor does a commuted twin of one, unless
`commuted: ignore` treats twins as unrelated. Equations that the counts of the splits leave over do come. This holds by
construction, in spaces of any size: a class has one position in the seeded enumeration, the other splits have known
ranges of positions, and the stream goes through the positions between them.

An epoch gives `num_examples` equations, in an order that depends on the recipe, their number, `seed` and the epoch
alone; any place in it can be had by counting what comes before it in that epoch, no earlier epoch is looked at.

- An epoch repeats nothing, unless it is larger than all there is; then each equation comes equally often, but for one.
- A pass through everything is cut into as many epochs as fit; these share no equation, but for a few where a part is
  poorer than most. The next pass has another order. So in a space that one epoch exhausts each epoch is everything
  once more, shuffled anew; and an epoch of more than half of everything is a new draw.
- With `sampling: balanced` each epoch fills all combinations of operand lengths to one level, as far as they reach;
  those of short operands recur in each epoch once they are exhausted.

Where the splits' counts leave the enumeration's end uncounted, "all there is" is estimated; a wrong guess may repeat a
few equations early, and changes nothing about what is held out.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from eqstream.data.errors import UserError
from eqstream.data.permutation import derive_seed
from eqstream.data.recipe import Recipe
from eqstream.data.space.equation_block import EquationBlock, join_blocks
from eqstream.data.space.held_out_classes import HeldOut
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.split_recipe import Where
from eqstream.data.splits.apportionment import assign_slots
from eqstream.data.splits.candidates import BLOCK_SIZE
from eqstream.data.splits.interleaving import interleave
from eqstream.data.splits.strata import SourceLevels
from eqstream.data.streams.epochs import EnumeratedEpochs, Epochs, ListedEpochs, list_free_equations
from eqstream.data.streams.held_out import SourceRanges, find_ranges
from eqstream.data.streams.narrowed import narrow_ranges

# Sources of fewer positions than this, all together, are listed once and kept.
MOST_LISTED = 1 << 21
# Beyond these many positions an epoch would take hours.
_MOST_POSITIONS = 1 << 36


class EquationStream:
    """The endless stream of one split; see the module for what it gives.

    >>> from eqstream.data.recipe_files import load_recipe
    >>> stream = EquationStream(load_recipe("addition-10"), num_examples=1000)
    >>> [len(block) for block in stream.equations(epoch=0, first=990)]
    [10]

    Args:
        recipe: the recipe.
        split: the split in whose place it stands.
        num_examples: equations in an epoch; by default as many as the split has.
        seed: of the order.
        where: what the equations must meet besides; an epoch then has at most all of those, each of them once.
        held_out: equations of other datasets that must not come; likewise.
        most_listed: number of positions up to which sources are listed and kept; the order depends on it.
        block_size: number of equations computed together, and of positions; the order depends on it.

    Attributes:
        recipe: as given.
        seed: as given.
        num_examples: equations in an epoch; 0 if there is none.
        space: the space whose shapes the numbers in a block of equations mean.

    Raises:
        UserError: there is no such split, or the splits cannot be planned.
    """

    def __init__(
        self,
        recipe: Recipe,
        split: str = "train",
        *,
        num_examples: int | None = None,
        seed: int = 0,
        where: Where | None = None,
        held_out: HeldOut | None = None,
        most_listed: int = MOST_LISTED,
        block_size: int | None = None,
    ) -> None:
        self.recipe, self.seed = recipe, seed
        if num_examples is not None and num_examples < 1:
            raise UserError(f"`num_examples` must be at least 1, got {num_examples}")
        is_narrowed = where is not None or held_out is not None
        if is_narrowed:
            found = narrow_ranges(recipe, split, where, held_out=held_out, block_size=block_size)
        else:
            found = find_ranges(recipe, split, block_size=block_size)
        capacities, tables = _list_tables(found.sources, most_listed)
        self.num_examples = num_examples or found.num_equations
        if is_narrowed:
            self.num_examples = min(self.num_examples, sum(capacities))
        self.space: PreparedSpace = found.space
        self._seed = derive_seed(seed, "fresh", recipe.seed, split)
        self._block_size = block_size or BLOCK_SIZE
        pairs = _list_epochs(found.sources, capacities, tables, num_examples=self.num_examples, seed=self._seed)
        self._quotas = tuple(quota for quota, _ in pairs)
        self._parts = [epochs for _, epochs in pairs]

    def equations(self, epoch: int, first: int = 0) -> Iterator[EquationBlock]:
        """Yields the equations `first` to the last one of an epoch, in blocks of at most some 100,000.

        Starting at `first` gives exactly the equations that would have come there.
        """
        if not self._parts:
            return
        if len(self._parts) == 1:
            yield from self._parts[0].equations(epoch, first)
            return
        seed = derive_seed(self._seed, "deal", epoch)

        def assign(start: int, stop: int) -> np.ndarray:
            return assign_slots(self._quotas, seed=seed, start=start, count=stop - start)

        done = np.bincount(assign(0, first), minlength=len(self._parts)).tolist()
        parts = {number: part.equations(epoch, done[number]) for number, part in enumerate(self._parts)}
        edges = [*range(first, self.num_examples, self._block_size), self.num_examples]
        yield from interleave(parts, itertools.starmap(assign, itertools.pairwise(edges)))


def _list_tables(sources: Sequence[SourceRanges], most_listed: int) -> tuple[list[int], dict[int, EquationBlock]]:
    """Returns how many equations each source can give, and all of them by source where they are few enough."""
    tables: dict[int, EquationBlock] = {}
    capacities = [source.num_free_equations for source in sources]
    for number, source in enumerate(sources):
        # A position may stand for thousands of equations, or for one or none.
        num_listed = max(source.num_free_positions, source.num_free_equations)
        if source.enumeration.is_canonical and num_listed > most_listed:
            continue
        if source.num_free_positions <= most_listed:
            most_listed -= source.num_free_positions
            blocks = list_free_equations(source)
            capacities[number] = sum(map(len, blocks))
            if blocks:
                tables[number] = join_blocks(blocks)
    return capacities, tables


def _list_epochs(
    sources: Sequence[SourceRanges],
    capacities: list[int],
    tables: Mapping[int, EquationBlock],
    *,
    num_examples: int,
    seed: int,
) -> list[tuple[int, Epochs]]:
    """Returns for each source that takes part how many equations it gives in an epoch, and its epochs.

    An epoch takes all there is time and again, and the rest evenly.
    """
    if not num_examples:
        return []
    times, rest = divmod(num_examples, sum(capacities))
    filled = SourceLevels([each.source for each in sources]).fill(rest, capacities)
    quotas = [times * capacity + share for capacity, share in zip(capacities, filled, strict=True)]
    pairs: list[tuple[int, Epochs]] = []
    for number, (source, quota) in enumerate(zip(sources, quotas, strict=True)):
        own_seed = derive_seed(seed, number)
        if quota and number in tables:
            pairs.append((quota, ListedEpochs(tables[number], quota, own_seed)))
        elif quota:
            _refuse_the_endless(quota, capacities[number], source.num_free_positions)
            pairs.append((quota, EnumeratedEpochs(source, quota, own_seed)))
    return pairs


def _refuse_the_endless(quota: int, capacity: int, num_positions: int) -> None:
    rarity = num_positions // capacity
    if rarity > 1 and quota * rarity > _MOST_POSITIONS:
        raise UserError(
            f"{quota:,} equations would take hours to find, as about one of {rarity:,} candidates is wanted; make the "
            "epoch smaller, or the condition wider"
        )
