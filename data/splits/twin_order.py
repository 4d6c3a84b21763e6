"""The order in which the members of classes are written: twins stand far apart in their block.

The classes of a block stand in the order of their positions, and a class of m members is written once in each m-th of
the block. Which member comes first is drawn for each class, so that no part of a shard holds canonical members alone.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from eqstream.data.permutation import draw_bits, draw_bits_of
from eqstream.data.row_chunks import cut_rows
from eqstream.data.space.conditions import longest_digits
from eqstream.data.space.equation_block import EquationBlock, join_blocks
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.space.trees import take_rows
from eqstream.data.space.twins import choose_nodes, swap_sides
from eqstream.data.splits.twin_classes import TwinClasses

# numpy sorts 16-bit numbers by radix, many times faster than wider ones.
_MOST_SORTED_FAST = 1 << 16


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """What the members of a block need to find their places; arrays have one entry for each row of the block.

    Attributes:
        starts: how many equations come before the class.
        is_wanted: whether the class has a wanted member.
        ranks: how many of the wanted classes of its block come before it.
        draws: 32 pseudo-random bits.
        num_classes: how many classes of the same block have a wanted member; one number if there is one block.
        num_before: how many classes of the blocks before have one; likewise.
        low: ordinal of the first wanted member; one number if it is that of all.
        high: ordinal behind the last wanted member; likewise.
    """

    starts: np.ndarray
    is_wanted: np.ndarray
    ranks: np.ndarray
    draws: np.ndarray
    num_classes: np.ndarray | int
    num_before: np.ndarray | int
    low: np.ndarray | int
    high: np.ndarray | int


class _Members(NamedTuple):
    """The wanted members of some classes; all arrays have shape (n,).

    Attributes:
        classes: number of each member's class.
        chosen: the nodes of the canonical member that are swapped.
        places: where it goes among all members of the block; several may go to one place.
    """

    classes: np.ndarray
    chosen: np.ndarray
    places: np.ndarray

    def take(self, rows: np.ndarray) -> "_Members":
        return _Members(*(column[rows] for column in self))


class TwinOrder:
    """Makes equations, in the order in which they are written, from the classes of a block.

    Args:
        space: of the equations.
        seed: of the draws.

    Attributes:
        seed: as given.
    """

    def __init__(self, space: PreparedSpace, seed: int) -> None:
        self._space = space
        self.seed = seed

    def arrange(
        self,
        groups: Sequence[TwinClasses],
        counts: np.ndarray,
        *,
        turn: int,
        low: int,
        high: int,
        block_size: int,
        limit: int | None = None,
        positions: np.ndarray | None = None,
    ) -> EquationBlock:
        """Returns the members with ordinals low..high-1, counted within the blocks, one block after the other.

        Args:
            groups: the classes.
            counts: number of members of the class in each row of the blocks, 0 where there is none; at most
                2 ** 16 rows.
            turn: names the first block, for the draws.
            low: the first ordinal.
            high: the last ordinal, plus 1; some class must have a member there.
            block_size: rows of a block.
            limit: how many of them to return at most, from the first one on.
            positions: of the rows, rising, (n,), where they are not those from `turn` on.
        """
        if positions is None:
            draws, blocks = draw_bits(turn, len(counts), self.seed), np.arange(len(counts)) // block_size
        else:
            draws, blocks = draw_bits_of(positions, self.seed), positions // block_size
        starts = np.cumsum(counts) - counts
        return self._arrange(groups, _lay_out(counts, draws, blocks, starts=starts, low=low, high=high), limit)

    def _arrange(self, groups: Sequence[TwinClasses], layout: _Layout, limit: int | None = None) -> EquationBlock:
        groups = [classes for group in groups if len(classes := group.take(layout.is_wanted[group.rows]))]
        members = [_place_members(classes, layout) for classes in groups]
        orders = [_sort_by_box(classes, each) for classes, each in zip(groups, members, strict=True)]
        places = [each.places[order] for each, order in zip(members, orders, strict=True)]
        if limit is not None:
            orders, places = _keep_first(orders, places, limit)
        if len(groups) == 1:
            return self._make_block(groups[0], members[0].take(orders[0][_argsort(places[0])]))
        members = [each.take(order) for each, order in zip(members, orders, strict=True)]
        blocks = [self._make_block(classes, each) for classes, each in zip(groups, members, strict=True)]
        return join_blocks(blocks).take(_argsort(np.concatenate(places)))

    def arrange_together(
        self,
        groups: Sequence[TwinClasses],
        counts: np.ndarray,
        *,
        draws: np.ndarray,
        owners: np.ndarray,
        is_next_block: np.ndarray,
        low: np.ndarray,
        high: np.ndarray,
    ) -> EquationBlock:
        """Returns what `arrange` returns for each of several enumerations, one after the other.

        All arrays have an entry for each row; rows of one enumeration follow each other.

        Args:
            groups: the classes.
            counts: as in `arrange`.
            draws: as `draw_bits_of` makes them of the positions, with the seed of the row's own order.
            owners: number of the row's enumeration.
            is_next_block: whether a block begins.
            low: as in `arrange`, of the enumeration.
            high: likewise.
        """
        starts = np.cumsum(counts) - counts
        firsts = np.flatnonzero(np.diff(owners, prepend=-1))
        starts -= np.repeat(starts[firsts], np.diff(np.append(firsts, len(owners))))
        blocks = np.cumsum(is_next_block)
        return self._arrange(groups, _lay_out(counts, draws, blocks, starts=starts, low=low, high=high))

    def _make_block(self, classes: TwinClasses, members: _Members) -> EquationBlock:
        """Returns the members of classes, in their order."""
        if 4 * len(members.classes) < len(classes):
            used, numbers = np.unique(members.classes, return_inverse=True)
            classes, members = classes.take(np.isin(np.arange(len(classes)), used)), members._replace(classes=numbers)
        answers = classes.answers
        if answers is None:
            answers = self._space.arithmetic.evaluate(classes.columns, classes.operands)
        digits = longest_digits(classes.operands, self._space.scale)
        rows = members.classes
        shapes, operands = _swap_members(classes, members)
        absent = np.broadcast_to(np.zeros(1, dtype=operands.dtype), len(rows))
        answers = answers.take(rows)
        return EquationBlock(
            shapes=self._space.shapes.numbers(classes.shapes, shapes),
            operands=[*operands, *[absent] * (self._space.shapes.max_terms - len(operands))],
            numerators=answers.numerators,
            denominators=answers.denominators,
            carries=answers.carries,
            digits=digits[rows],
        )


def _lay_out(
    counts: np.ndarray,
    draws: np.ndarray,
    blocks: np.ndarray,
    *,
    starts: np.ndarray,
    low: np.ndarray | int,
    high: np.ndarray | int,
) -> _Layout:
    """Returns the layout of rows with so many members, draws and rising numbers of blocks, (n,); see `_Layout`."""
    is_wanted = (counts > 0) & (starts + counts > low) & (starts < high)
    ranks = np.cumsum(is_wanted) - 1
    num_classes, num_before = int(is_wanted.sum()), 0
    if blocks[0] != blocks[-1]:
        is_first = np.append(True, blocks[1:] != blocks[:-1])
        numbers = np.add.reduceat(is_wanted, np.flatnonzero(is_first), dtype=np.int64)
        places = np.cumsum(is_first) - 1
        num_classes, num_before = numbers[places], (np.cumsum(numbers) - numbers)[places]
        ranks -= num_before
    return _Layout(
        starts=starts,
        is_wanted=is_wanted,
        ranks=ranks,
        draws=draws,
        num_classes=num_classes,
        num_before=num_before,
        low=low,
        high=high,
    )


def _keep_first(
    orders: list[np.ndarray], places: list[np.ndarray], limit: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Returns the orders and places, (n,) for each group, of the members that come first in all of them together."""
    rows = np.sort(_argsort(np.concatenate(places))[:limit])
    edges = np.cumsum([0, *map(len, places)])
    kept = [rows[(rows >= low) & (rows < high)] - low for low, high in itertools.pairwise(edges)]
    orders = [order[some] for order, some in zip(orders, kept, strict=True)]
    return orders, [column[some] for column, some in zip(places, kept, strict=True)]


def _swap_members(classes: TwinClasses, members: _Members) -> tuple[np.ndarray, np.ndarray]:
    """Returns the places of the members' shapes (n,), and their operands (num_terms, n)."""
    rows = members.classes
    shapes = take_rows(classes.shape_places, rows)
    if classes.shapes.num_terms == 2:
        # The sides are single operands: the shape stays. Behind the first operands of all classes lie the second ones.
        num_classes = len(classes)
        first = rows + members.chosen * np.int64(num_classes)
        operands = classes.operands.reshape(-1)
        return shapes, np.stack([operands.take(first), operands.take(2 * rows + num_classes - first)])
    operands = classes.operands.take(rows, axis=1)
    # Many members are canonical, and stay as they are.
    swapped = np.flatnonzero(members.chosen)
    if not len(swapped):
        return shapes, operands
    shapes = shapes.astype(classes.shapes.dtype)
    for cut in cut_rows(len(swapped), len(operands)):
        some = swapped[cut]
        columns = classes.columns.take(rows.take(some))
        shapes[some], operands[:, some] = swap_sides(
            classes.shapes, columns, operands.take(some, axis=1), members.chosen.take(some)
        )
    return shapes, operands


def _place_members(classes: TwinClasses, layout: _Layout) -> _Members:
    """Returns the wanted members of classes that all have some; class by class."""
    counts = classes.member_counts
    starts, ranks, draws = (column[classes.rows] for column in (layout.starts, layout.ranks, layout.draws))
    low, high = (_take_of_rows(each, classes.rows) for each in (layout.low, layout.high))
    firsts = np.maximum(low - starts, 0)
    numbers = np.minimum(high - starts, counts) - firsts
    rows = np.repeat(np.arange(len(classes)), numbers)
    # Which of the class's equations, in the order of ordinals, each is.
    turns = np.arange(len(rows)) - (np.cumsum(numbers) - numbers - firsts)[rows]
    # 32 drawn bits times the number of members, shifted down: uniform over the members.
    earlier = (draws * counts.astype(np.uint64) >> np.uint64(32)).astype(np.int64)
    # Classes have 1, 2, 4, 8, … members: the mask counts on from the last one to the first.
    choices = turns - earlier[rows] & take_rows(counts - 1, rows)
    num_classes, num_before = (_take_of_rows(each, classes.rows) for each in (layout.num_classes, layout.num_before))
    places = ranks[rows] + (turns * take_rows(num_classes / counts, rows)).astype(np.int64)
    num_classes, num_before = (_take_of_rows(each, rows) for each in (num_classes, num_before))
    places -= num_classes * (places >= num_classes)
    places += num_before
    return _Members(rows, choose_nodes(take_rows(classes.free, rows), choices, classes.shapes.num_terms - 1), places)


def _take_of_rows(values: np.ndarray | int, rows: np.ndarray) -> np.ndarray | int:
    return values if isinstance(values, int) else values[rows]


def _sort_by_box(classes: TwinClasses, members: _Members) -> np.ndarray:
    """Returns the order by shape and box, then by the set of nodes that are swapped, then by class, int64 (n,)."""
    order = _argsort(members.chosen) if classes.free.any() else np.arange(len(members.classes))
    if classes.box_order is None:
        return order
    return order[_argsort(classes.box_order[members.classes[order]])]


def _argsort(values: np.ndarray) -> np.ndarray:
    """Returns the stable order of values, none below 0."""
    highest = values.max(initial=0)
    if highest == 1:
        is_first = values == 0
        return np.concatenate([np.flatnonzero(is_first), np.flatnonzero(~is_first)])
    if highest >= _MOST_SORTED_FAST:
        # Few of them differ, and each of these becomes a small number.
        values = np.unique(values, return_inverse=True)[1]
        highest = values.max()
    return np.argsort(values.astype(np.uint16) if highest < _MOST_SORTED_FAST else values, kind="stable")
