"""The order in which the members of classes are written: twins stand far apart in their block.

The classes of a block stand in the order of their positions, and a class of m members is written once in each m-th of
the block. Which member comes first is drawn for each class, so that no part of a shard holds canonical members alone.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from eqstream.data.permutation import draw_bits
from eqstream.data.space.arithmetic import Answers
from eqstream.data.space.conditions import longest_digits
from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.splits.twin_classes import TwinClasses, TwinFinder, take_answers


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """What the members of a block need to find their places; arrays have one entry for each row of the block.

    Attributes:
        starts: how many equations come before the class.
        ranks: how many of the wanted classes come before it.
        draws: 32 pseudo-random bits.
        num_classes: how many classes have a wanted member.
        low: ordinal of the first wanted member.
        high: ordinal behind the last wanted member.
    """

    starts: np.ndarray
    ranks: np.ndarray
    draws: np.ndarray
    num_classes: int
    low: int
    high: int


class _Piece(NamedTuple):
    """Members of one shape; all arrays have shape (n,)."""

    places: np.ndarray
    shape: int
    operands: list[np.ndarray]
    answers: Answers
    digits: np.ndarray


class TwinOrder:
    """Makes equations, in the order in which they are written, from the classes of a block.

    Args:
        space: of the equations.
        twins: which members classes have.
        seed: of the draws.
    """

    def __init__(self, space: PreparedSpace, twins: TwinFinder, seed: int) -> None:
        self._space = space
        self._twins = twins
        self._seed = seed

    def arrange(
        self, groups: Sequence[TwinClasses], counts: np.ndarray, *, turn: int, low: int, high: int
    ) -> EquationBlock:
        """Returns the members with ordinals low..high-1, counted within the block.

        Args:
            groups: the classes.
            counts: number of members of the class in each row of the block, 0 where there is none; at most 2 ** 16
                rows.
            turn: names the block, for the draws.
            low: the first ordinal.
            high: the last ordinal, plus 1; some class must have a member there.
        """
        starts = np.cumsum(counts) - counts
        is_wanted = (counts > 0) & (starts + counts > low) & (starts < high)
        layout = _Layout(
            starts=starts,
            ranks=np.cumsum(is_wanted) - 1,
            draws=draw_bits(turn, len(counts), self._seed),
            num_classes=int(is_wanted.sum()),
            low=low,
            high=high,
        )
        pieces = [piece for group in groups for piece in self._list_pieces(group, layout)]
        # numpy sorts 16-bit numbers by radix, many times faster than wider ones.
        places = np.concatenate([piece.places for piece in pieces]).astype(np.uint16)
        slots = np.empty(len(places), dtype=np.int64)
        slots[np.argsort(places, kind="stable")] = np.arange(len(places))
        return self._assemble(pieces, slots)

    def _list_pieces(self, classes: TwinClasses, layout: _Layout) -> Iterator[_Piece]:
        """Yields the wanted members of classes of one shape, variant by variant."""
        answers = classes.answers
        if answers is None:
            answers = self._space.arithmetic.evaluate(self._space.shapes[classes.shape], classes.operands)
        digits = longest_digits(classes.operands, self._space.scale)
        counts = classes.member_counts
        start, rank = layout.starts[classes.rows], layout.ranks[classes.rows]
        distance = layout.num_classes / counts
        # 32 drawn bits times the number of members, shifted down: uniform over the members.
        earlier = (layout.draws[classes.rows] * counts.astype(np.uint64) >> np.uint64(32)).astype(np.int64)
        for variant, shape in self._twins.written(classes.shape):
            is_member = classes.has_member(variant)
            member = np.where(earlier >= counts, earlier - counts, earlier)
            ordinals = start + member
            wanted = np.flatnonzero(is_member & (ordinals >= layout.low) & (ordinals < layout.high))
            earlier = earlier + is_member
            if not len(wanted):
                continue
            places = (rank + (member * distance).astype(np.int64))[wanted]
            yield _Piece(
                places=np.where(places >= layout.num_classes, places - layout.num_classes, places),
                shape=shape,
                operands=[classes.operands[source][wanted] for source in variant.operand_order],
                answers=take_answers(answers, wanted),
                digits=digits[wanted],
            )

    def _assemble(self, pieces: Sequence[_Piece], slots: np.ndarray) -> EquationBlock:
        """Returns the members of all pieces, one piece after the other, each in its slot."""
        num_rows = len(slots)
        operand_dtype = np.result_type(*{operand.dtype for piece in pieces for operand in piece.operands})
        answer_dtype = pieces[0].answers.numerators.dtype
        shapes = np.empty(num_rows, dtype=np.uint16)
        operands = [np.zeros(num_rows, dtype=operand_dtype) for _ in range(self._space.recipe.terms.max)]
        numerators = np.empty(num_rows, dtype=answer_dtype)
        denominators = pieces[0].answers.denominators
        if not isinstance(denominators, int):
            denominators = np.empty(num_rows, dtype=answer_dtype)
        carries, digits = np.empty(num_rows, dtype=np.int64), np.empty(num_rows, dtype=np.int64)
        ends = itertools.accumulate((len(piece.places) for piece in pieces), initial=0)
        for (start, end), piece in zip(itertools.pairwise(ends), pieces, strict=True):
            rows, answers = slots[start:end], piece.answers
            shapes[rows] = piece.shape
            for column, operand in zip(operands, piece.operands, strict=False):
                column[rows] = operand
            numerators[rows], carries[rows] = answers.numerators, answers.carries
            digits[rows] = piece.digits
            if not isinstance(denominators, int):
                denominators[rows] = answers.denominators
        return EquationBlock(shapes, operands, numerators, denominators, carries, digits)
