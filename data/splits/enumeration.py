"""The shuffled walk: from positions to the classes of equations that are kept, and to their members.

A walk visits every equation of its boxes once, in the order of a seeded permutation. It keeps the canonical member of
each class (`commuted: ignore` takes every equation for a class of its own), if its divisions are defined, its answer
lies within bounds and its selection takes it. A kept class stands for all its members: they have consecutive
*ordinals*, numbered over the whole walk.

With `commuted: together` the members of a class differ in nothing that a selection can ask for, so that it takes all of
them or none: see `list_selections` for the one condition that could distinguish them.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from eqstream.data.permutation import Permutation, derive_seed, draw_bits, index_dtype
from eqstream.data.recipe import Recipe, Where
from eqstream.data.space.arithmetic import Answers
from eqstream.data.space.class_hash import class_hash, in_buckets
from eqstream.data.space.conditions import (
    Selection,
    fits,
    in_answer_range,
    longest_digits,
)
from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.space.equation_space import EquationSpace, Group
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.space.shapes import Shape, Variant

# Positions whose equations are computed and written together. It bounds memory, and twins stay within it; 2 ** 16 lets
# numpy sort their places as 16-bit numbers.
BLOCK = 1 << 16
# Balanced sampling takes a little from each of many walks.
BLOCK_OF_STRATUM = 1 << 12
# Numbers beyond 63 bits are Python's own, hundreds of times slower: a small split must not pay for a large block.
BLOCK_OF_HUGE_SPACE = 1 << 10


@dataclass(frozen=True)
class Classes:
    """The kept classes of one shape in a block; all arrays have shape (n,).

    `swap_bits` says which swaps lead to another member; `member_counts` counts the members that are written.
    """

    shape: int
    rows: np.ndarray
    operands: list[np.ndarray]
    answers: Answers | None
    swap_bits: np.ndarray | int
    member_counts: np.ndarray

    def take(self, kept: np.ndarray) -> "Classes":
        """Returns the classes where `kept`, bool (n,), is true."""
        places = np.flatnonzero(kept)
        if len(places) == len(kept):
            return self
        return dataclasses.replace(
            self,
            rows=self.rows[places],
            operands=[operand[places] for operand in self.operands],
            answers=self.answers and _take_answers(self.answers, places),
            swap_bits=self.swap_bits if isinstance(self.swap_bits, int) else self.swap_bits[places],
            member_counts=self.member_counts[places],
        )

    def has_member(self, variant: Variant) -> np.ndarray:
        """Returns whether each class has that variant among its members; bool (n,)."""
        return np.broadcast_to(self.swap_bits & variant.swaps == variant.swaps, self.rows.shape)


class Walk:
    """One shuffled walk through some boxes of a space.

    Args:
        recipe: the recipe; its `commuted` and `seed` count.
        prepared: its space.
        space: the boxes to walk.
        selection: what to keep.
        others: selections whose equations are not to be kept.
        scope: names the walk among those of the recipe, for its seed.
        is_omitted: says of canonical equations, given the number of their shape and their operands, each (n,), which
            are not to be kept either; bool (n,).
    """

    def __init__(
        self,
        recipe: Recipe,
        prepared: PreparedSpace,
        space: EquationSpace,
        selection: Selection,
        others: Sequence[Selection],
        scope: str,
        *,
        is_omitted: Callable[[int, list[np.ndarray]], np.ndarray] | None = None,
    ) -> None:
        self._recipe = recipe
        self._prepared = prepared
        self._space = space
        self._selection = selection
        self._others = tuple(others)
        self._is_omitted = is_omitted
        self.arithmetic = prepared.arithmetic
        self._permutation = Permutation(max(space.size, 1), derive_seed(recipe.seed, "walk", scope))
        self._orientation_seed = derive_seed(recipe.seed, "orientation", scope)
        self._shape_numbers = {shape.tree: number for number, shape in enumerate(space.shapes)}
        self._variants: dict[int, list[tuple[Variant, int]]] = {}

    @property
    def size(self) -> int:
        """Number of positions."""
        return self._space.size

    @functools.cached_property
    def block(self) -> int:
        """Number of positions whose equations are computed and written together."""
        if index_dtype(self.size) is object or not self.arithmetic.is_native:
            return BLOCK_OF_HUGE_SPACE
        return BLOCK if self._recipe.sampling == "uniform" else BLOCK_OF_STRATUM

    @functools.cached_property
    def count_block(self) -> int:
        """Number of positions counted as one: few enough to find an ordinal fast, enough to keep the counts few."""
        return 4 * self.block if self._recipe.sampling == "uniform" else self.block

    @functools.cached_property
    def keeps_everything(self) -> bool:
        """Whether every equation of the boxes is a member of a kept class, so that their number has a closed form."""
        has_division = any("/" in self._space.shapes[box.shape].operators for box in self._space.boxes)
        narrows = has_division or self._prepared.is_bounded or not self._selection.is_everything or self._others
        return not narrows and self._is_omitted is None and self._recipe.commuted != "drop"

    def count(self, start: int, stop: int) -> int:
        """Returns the number of equations kept from the positions start..stop-1."""
        return sum(int(group.member_counts.sum()) for group in self._kept(start, stop))

    def class_starts(self, start: int, stop: int) -> np.ndarray:
        """Returns, for each kept class of the positions start..stop-1 in turn, how many equations come before it."""
        counts = self._member_counts_by_row(self._kept(start, stop), stop - start)
        return (np.cumsum(counts) - counts)[counts > 0]

    def equations(self, position: int, ordinal: int, first: int, count: int) -> Iterator[EquationBlock]:
        """Yields the equations with the ordinals first..first+count-1.

        Args:
            position: where to start walking, a multiple of `block`.
            ordinal: number of equations kept before `position`; at most `first`.
            first: the first ordinal wanted.
            count: how many equations are wanted; the walk must have them.

        Raises:
            ValueError: the walk ends before.
        """
        end = first + count
        while count and ordinal < end:
            if position >= self.size:
                raise ValueError(f"the walk ends at ordinal {ordinal}, wanted up to {end}")
            stop = min(position + self.block, self.size)
            groups = self._kept(position, stop)
            counts = self._member_counts_by_row(groups, stop - position)
            kept = int(counts.sum())
            if kept and ordinal + kept > first:
                yield self._members(groups, counts, position, first - ordinal, end - ordinal)
            ordinal += kept
            position = stop

    def classes_at(self, positions: np.ndarray) -> list[Classes]:
        """Returns the kept classes of any positions (n,), at most `BLOCK`; their rows say which position is whose."""
        groups = self._space.unrank(self._permutation.forward(positions))
        kept = (self._keep(group) for group in groups)
        return [group for group in kept if group is not None and len(group.rows)]

    def equations_at(self, positions: np.ndarray, turn: int) -> EquationBlock | None:
        """Returns all equations of the classes at any positions (n,), or None if there is none; twins lie well apart.

        Args:
            positions: at most `BLOCK`.
            turn: decides, by a draw, which twin of each class comes first.
        """
        groups = self.classes_at(positions)
        counts = self._member_counts_by_row(groups, len(positions))
        kept = int(counts.sum())
        return self._members(groups, counts, turn, 0, kept) if kept else None

    def find_class(self, ordinal: int, position: int, before: int) -> tuple[int, int]:
        """Returns the position of the class that has the equation `ordinal`, and the ordinal at which it ends.

        Args:
            ordinal: of any member.
            position: where to start looking, a multiple of `block`.
            before: number of equations kept before `position`; at most `ordinal`.

        Raises:
            ValueError: the walk ends before.
        """
        while position < self.size:
            stop = min(position + self.block, self.size)
            ends = np.cumsum(self._member_counts_by_row(self._kept(position, stop), stop - position))
            if ends[-1] > ordinal - before:
                row = int(np.searchsorted(ends, ordinal - before, side="right"))
                return position + row, before + int(ends[row])
            position, before = stop, before + int(ends[-1])
        raise ValueError(f"the walk ends at ordinal {before}, wanted {ordinal}")

    def _kept(self, start: int, stop: int) -> list[Classes]:
        if stop - start > BLOCK:
            pieces = [self._kept(low, min(low + BLOCK, stop)) for low in range(start, stop, BLOCK)]
            return [
                dataclasses.replace(group, rows=group.rows + number * BLOCK)
                for number, piece in enumerate(pieces)
                for group in piece
            ]
        return self.classes_at(np.arange(start, stop).astype(index_dtype(self.size), copy=False))

    def _keep(self, group: Group) -> Classes | None:
        """Returns those equations of one shape that stand for a kept class, or None where the shape has none."""
        shape = self._space.shapes[group.shape]
        classes = self._keep_canonical(group, shape)
        if classes is None:
            return None
        if "/" in shape.operators or self._needs_answers:
            answers = self.arithmetic.evaluate(shape, classes.operands, with_carries=self._needs_carries)
            is_valid = answers.is_valid & in_answer_range(answers, self._prepared.recipe.answer)
            classes = dataclasses.replace(classes, answers=answers).take(is_valid)
        classes = classes.take(self._selected(shape, classes))
        if self._is_omitted is not None:
            classes = classes.take(~self._is_omitted(classes.shape, classes.operands))
        return classes

    def _keep_canonical(self, group: Group, shape: Shape) -> Classes | None:
        whole = Classes(group.shape, group.rows, group.operands, None, 0, np.ones(len(group.rows), dtype=np.int64))
        if self._recipe.commuted == "ignore" or not shape.swaps:
            return whole
        if any(swap.order > 0 for swap in shape.swaps):
            return None
        bits: np.ndarray | int = 0
        is_canonical = np.ones(len(group.rows), dtype=bool)
        for number, swap in enumerate(shape.swaps):
            if swap.order < 0:
                bits = bits | 1 << number
                continue
            sides = group.operands[swap.start : swap.middle], group.operands[swap.middle : swap.end]
            less, equal = _compare_sides(*sides)
            is_canonical &= less | equal
            bits = bits | np.where(equal, 0, 1 << number)
        if self._recipe.commuted == "drop":
            return whole.take(is_canonical)
        classes = dataclasses.replace(whole, swap_bits=bits).take(is_canonical)
        return self._count_members(classes)

    def _count_members(self, classes: Classes) -> Classes:
        written = np.zeros(len(classes.rows), dtype=np.int64)
        for variant, _ in self._list_variants(classes.shape):
            written += classes.has_member(variant)
        return dataclasses.replace(classes, member_counts=written)

    def _selected(self, shape: Shape, classes: Classes) -> np.ndarray:
        selected = np.ones(len(classes.rows), dtype=bool)
        if self._selection.is_everything and not self._others:
            return selected
        needs_hash = any(selection.hash for selection in (self._selection, *self._others))
        hashes = self._hash(shape, classes) if needs_hash else None
        selected &= self._meets(self._selection, shape, classes, hashes)
        for other in self._others:
            selected &= ~self._meets(other, shape, classes, hashes)
        return selected

    def _meets(self, selection: Selection, shape: Shape, classes: Classes, hashes: np.ndarray | None) -> np.ndarray:
        result = np.ones(len(classes.rows), dtype=bool)
        if selection.hash is not None:
            assert hashes is not None
            result &= in_buckets(hashes, selection.hash)
        if selection.where is not None:
            answers = classes.answers
            if answers is None:
                answers = Answers(result, 1, result, np.zeros(0, dtype=np.int64))
            result &= fits(selection.where, shape, classes.operands, answers, self._prepared.scale)
        return result

    def _hash(self, shape: Shape, classes: Classes) -> np.ndarray:
        return class_hash(shape, classes.operands, self._prepared.decimals, self._recipe.hash_salt)

    @property
    def _conditions(self) -> list[Where]:
        selections = (self._selection, *self._others)
        return [selection.where for selection in selections if selection.where is not None]

    @property
    def _needs_carries(self) -> bool:
        return any(where.carries is not None for where in self._conditions)

    @property
    def _needs_answers(self) -> bool:
        return (
            self._prepared.is_bounded
            or self._needs_carries
            or any(where.answer is not None for where in self._conditions)
        )

    def _list_variants(self, number: int) -> list[tuple[Variant, int]]:
        """Returns the variants of a shape, each with the number of its own shape."""
        if number not in self._variants:
            shape = self._space.shapes[number]
            self._variants[number] = [(variant, self._shape_numbers[variant.tree]) for variant in shape.variants()]
        return self._variants[number]

    def _member_counts_by_row(self, groups: list[Classes], num_rows: int) -> np.ndarray:
        counts = np.zeros(num_rows, dtype=np.int64)
        for group in groups:
            counts[group.rows] = group.member_counts
        return counts

    def _members(self, groups: list[Classes], counts: np.ndarray, turn: int, low: int, high: int) -> EquationBlock:
        """Returns the members with ordinals low..high-1, counted within the block, well apart from their twins."""
        starts = np.cumsum(counts) - counts
        is_wanted = (counts > 0) & (starts + counts > low) & (starts < high)
        num_classes = int(is_wanted.sum())
        ranks = np.cumsum(is_wanted) - 1
        turns = draw_bits(turn, len(counts), self._orientation_seed)
        pieces = [
            piece
            for group in groups
            for piece in self._members_of_group(group, starts, ranks, turns, num_classes, low, high)
        ]
        places = np.concatenate([piece[0] for piece in pieces]).astype(np.uint16)
        slots = np.empty(len(places), dtype=np.int64)
        slots[np.argsort(places, kind="stable")] = np.arange(len(places))
        return self._assemble(pieces, slots)

    def _members_of_group(
        self,
        group: Classes,
        starts: np.ndarray,
        ranks: np.ndarray,
        turns: np.ndarray,
        num_classes: int,
        low: int,
        high: int,
    ) -> Iterator[tuple[np.ndarray, int, Classes, np.ndarray]]:
        """Yields (place, shape, classes, digits) for each variant: where its members go, and what they are.

        Members of a class lie a whole turn of the block divided by their number apart. Which of them comes first is
        drawn for each class, so that no stretch of a shard holds canonical members alone.
        """
        group = self._with_answers(group)
        digits = longest_digits(group.operands, self._prepared.scale)
        start, rank, counts = starts[group.rows], ranks[group.rows], group.member_counts
        distance = num_classes / counts
        # 32 drawn bits times the number of members, shifted down: uniform over the members.
        earlier = (turns[group.rows] * counts.astype(np.uint64) >> np.uint64(32)).astype(np.int64)
        variants = [(Variant(0, None, tuple(range(len(group.operands)))), group.shape)]
        if not isinstance(group.swap_bits, int) or group.swap_bits:
            variants = self._list_variants(group.shape)
        for variant, shape in variants:
            is_member = group.has_member(variant)
            member = np.where(earlier >= counts, earlier - counts, earlier)
            place = start + member
            wanted = np.flatnonzero(is_member & (place >= low) & (place < high))
            earlier = earlier + is_member
            if not len(wanted):
                continue
            place = (rank + (member * distance).astype(np.int64))[wanted]
            place = np.where(place >= num_classes, place - num_classes, place)
            operands = [group.operands[source][wanted] for source in variant.operand_order]
            answers = group.answers and _take_answers(group.answers, wanted)
            yield place, shape, Classes(shape, wanted, operands, answers, 0, wanted), digits[wanted]

    def _with_answers(self, group: Classes) -> Classes:
        """Returns the classes with their answers and carries, which a mere count had no need of."""
        if group.answers is not None and self._needs_carries:
            return group
        answers = self.arithmetic.evaluate(self._space.shapes[group.shape], group.operands)
        return dataclasses.replace(group, answers=answers)

    def _assemble(self, pieces: list[tuple[np.ndarray, int, Classes, np.ndarray]], slots: np.ndarray) -> EquationBlock:
        num_rows = len(slots)
        num_terms = max(len(classes.operands) for _, _, classes, _ in pieces)
        num_terms = max(num_terms, max(shape.num_terms for shape in self._space.shapes))
        sample = pieces[0][2]
        operand_dtype = np.result_type(*{operand.dtype for _, _, piece, _ in pieces for operand in piece.operands})
        answers = sample.answers
        assert answers is not None
        shapes = np.empty(num_rows, dtype=np.uint16)
        operands = [np.zeros(num_rows, dtype=operand_dtype) for _ in range(num_terms)]
        numerators = np.empty(num_rows, dtype=answers.numerators.dtype)
        denominators = answers.denominators
        if not isinstance(denominators, int):
            denominators = np.empty(num_rows, dtype=answers.numerators.dtype)
        carries, digits = np.empty(num_rows, dtype=np.int64), np.empty(num_rows, dtype=np.int64)
        ends = itertools.accumulate((len(place) for place, *_ in pieces), initial=0)
        for (start, end), (_, shape, classes, piece_digits) in zip(itertools.pairwise(ends), pieces, strict=True):
            rows, answers = slots[start:end], classes.answers
            assert answers is not None
            shapes[rows] = shape
            for column, operand in zip(operands, classes.operands, strict=False):
                column[rows] = operand
            numerators[rows], carries[rows] = answers.numerators, answers.carries
            digits[rows] = piece_digits
            if not isinstance(denominators, int):
                denominators[rows] = answers.denominators
        return EquationBlock(shapes, operands, numerators, denominators, carries, digits)


def _take_answers(answers: Answers, places: np.ndarray) -> Answers:
    denominators = answers.denominators
    if not isinstance(denominators, int):
        denominators = denominators[places]
    return Answers(answers.numerators[places], denominators, answers.is_valid[places], answers.carries[places])


def _compare_sides(left: Sequence[np.ndarray], right: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Returns whether the left operands come before, and whether they equal, the right ones, lexicographically."""
    less = np.zeros(len(left[0]), dtype=bool)
    equal = np.ones(len(left[0]), dtype=bool)
    for one, other in zip(left, right, strict=True):
        less |= equal & (one < other).astype(bool)
        equal &= (one == other).astype(bool)
    return less, equal
