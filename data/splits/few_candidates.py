"""Candidates found without a search, where those that can be kept are few: by what two terms come to.

They are counted before they are listed. Found are two terms whose answer lies in a range, or whose sum or difference
has so many carries, and quotients that come out even.

They may be more than those that are kept, never fewer.
"""

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from eqstream.data.permutation import index_dtype
from eqstream.data.recipe_values import OPERATORS, Range
from eqstream.data.space.answer_pairs import AnswerPairs, find_answer_pairs
from eqstream.data.space.domains import Box
from eqstream.data.space.patterns import OperandSet, Pattern, find_operands, is_small
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.space.section_union import SectionUnion
from eqstream.data.split_recipe import Where

# To look at each of so many takes less than a second.
_LEAST_SEARCHED = 1 << 22
# To list so many takes a second and some 300 MB; so few where numbers are beyond 63 bits, which are Python's own.
_MOST_LISTED = 1 << 21
_MOST_LISTED_OF_HUGE = 1 << 18
# To list the first number of candidates takes no longer than to look at the second.
_MOST_LISTED_AT_ONCE, _LONG_SEARCH = 1 << 20, 1 << 22
# What it takes to list a candidate, in candidates that a search looks at.
_WORK_OF_LISTING = 16
_MOST_CELLS = 1 << 10


class _Cell(NamedTuple):
    """The equations of one shape with operands of one box: their first index and their number."""

    start: int
    size: int
    # None where there are not two terms, or a pattern.
    operator: str | None
    box: Box


class ListedCandidates(NamedTuple):
    """Distinct indices of candidates, (n,), and how many candidates they stand for: more, where they are a sample."""

    indices: np.ndarray
    size: int


class _Piece(NamedTuple):
    """Some equations of a cell: how many, and what lists the indices within it of all, or of one of so many, (n,)."""

    size: int
    list_indices: Callable[[int], np.ndarray]


class FewCandidates:
    """Candidates that are known without a search, not yet listed.

    Args:
        pieces: of the candidates, with the first index of their cells.
        dtype: of the indices.

    Attributes:
        size: how many they are.
    """

    def __init__(self, pieces: Sequence[tuple[int, _Piece]], dtype: type[Any]) -> None:
        self._pieces, self._dtype = pieces, dtype
        self.size = sum(piece.size for _, piece in pieces)

    def list(self, step: int = 1) -> ListedCandidates:
        """Returns all, or about one of so many, evenly spread."""
        found = [piece.list_indices(step).astype(self._dtype) + start for start, piece in self._pieces]
        return ListedCandidates(np.concatenate([np.zeros(0, dtype=self._dtype), *found]), self.size)


def find_most_listed(size: int, num_wanted: int | None) -> int:
    """Returns how many of `size` candidates can be listed in less time than a search takes; 0 where none should be.

    To list n of them costs as much as to look at some multiple of n, and to find k of these by a search is to look at
    k in n of all, or at all.

    Args:
        size: how many candidates there are.
        num_wanted: how many equations are wanted at most; None for all.
    """
    if size <= _LEAST_SEARCHED:
        return 0
    most = min(_MOST_LISTED if index_dtype(size) is np.int64 else _MOST_LISTED_OF_HUGE, size // _WORK_OF_LISTING)
    if num_wanted is None:
        return most
    worthwhile = math.isqrt(size * num_wanted // _WORK_OF_LISTING)
    return min(most, max(worthwhile, min(size * num_wanted // _LONG_SEARCH, _MOST_LISTED_AT_ONCE)))


def find_worthwhile(
    where: Where | None, space: PreparedSpace, candidates: SectionUnion, *, num_wanted: int | None = None
) -> FewCandidates | None:
    """Returns what `find_few` does, where that takes less time than a search for `num_wanted` equations, or for all."""
    most = find_most_listed(candidates.size, num_wanted)
    return find_few(where, space, candidates, most=most) if most else None


def find_few(where: Where | None, space: PreparedSpace, candidates: SectionUnion, *, most: int) -> FewCandidates | None:
    """Returns candidates, among them all equations that meet a condition.

    Args:
        where: the condition; None if there is none but the bounds of the space's answers.
        space: of the equations.
        candidates: the equations.
        most: how many there may be.

    Returns:
        The candidates; None where they are more, or not known without a search.
    """
    answers = [bounds for bounds in (where and where.answer, space.recipe.answer) if bounds not in (None, Range())]
    carries = where and where.carries
    is_even = space.recipe.division == "exact" and "/" in space.recipe.operators
    num_cells = sum(section.num_shapes * len(section.boxes) for section in candidates.sections)
    if num_cells > _MOST_CELLS or not (answers or carries or is_even):
        return None
    pieces: list[tuple[int, _Piece]] = []
    for cell in _list_cells(candidates):
        piece = _find_in_cell(cell, answers, carries, space=space, most=most)
        if piece is None or piece.size > most:
            return None
        most -= piece.size
        pieces.append((cell.start, piece))
    return FewCandidates(pieces, index_dtype(candidates.size))


def _list_cells(candidates: SectionUnion) -> Iterator[_Cell]:
    for section, start in zip(candidates.sections, candidates.starts, strict=False):
        for (place, box), size in zip(section.list_boxes(), itertools.cycle(section.box_sizes), strict=False):
            operator = None
            if section.shapes.num_terms == 2 and section.pattern is None:
                operator = OPERATORS[section.shapes.columns(np.array([place])).operators[1, 0]]
            yield _Cell(start, size, operator, box)
            start += size


def _find_in_cell(
    cell: _Cell, answers: list[Range], carries: Range | None, *, space: PreparedSpace, most: int
) -> _Piece | None:
    """Returns equations within a cell; see `find_few`."""
    if cell.operator == "/" and space.recipe.division == "exact":
        # Whatever the answer is, few numbers are multiples of others.
        answers = answers or [Range()]
    for bounds in answers:
        if cell.operator is not None:
            pairs = find_answer_pairs(bounds, cell.operator, cell.box, space=space.recipe, most=most)
            if pairs is not None:
                return _Piece(pairs.size, functools.partial(_rank_pairs, cell, pairs))
    if carries is not None and cell.operator is not None:
        pattern = Pattern.of_range("carries", carries)
        if cell.operator in "*/" and not pattern.takes_none:
            return _Piece(0, functools.partial(np.arange, 0, 0))
        if cell.operator in "+-" and is_small(cell.box):
            operands = find_operands(pattern, cell.operator, cell.box)
            if operands.size <= most:
                return _Piece(operands.size, functools.partial(_rank_operands, cell, operands))
    return _Piece(cell.size, functools.partial(np.arange, 0, cell.size)) if cell.size <= most else None


def _rank_pairs(cell: _Cell, pairs: AnswerPairs, step: int) -> np.ndarray:
    """Returns the index of one of so many pairs within their cell, (n,)."""
    return _rank(cell, pairs.list(step))


def _rank_operands(cell: _Cell, operands: OperandSet, step: int) -> np.ndarray:
    """Returns the index of one of so many pairs within their cell, (n,)."""
    return _rank(cell, operands.unrank(np.arange(0, operands.size, step)))


def _rank(cell: _Cell, pairs: np.ndarray) -> np.ndarray:
    """Returns the index of pairs of operands (2, n) within their cell, (n,)."""
    (first, second), dtype = cell.box, index_dtype(cell.size)
    return first.rank(pairs[0]).astype(dtype) * second.size + second.rank(pairs[1]).astype(dtype)
