"""Candidates listed without a search, where those that can be kept are few: by what two terms come to.

Listed are two terms whose answer lies in a range, or whose sum or difference has so many carries, and quotients that
come out even.

They may be more than those that are kept, never fewer.
"""

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from eqstream.data.permutation import index_dtype
from eqstream.data.recipe_values import OPERATORS, Range
from eqstream.data.space.answer_pairs import list_answer_pairs
from eqstream.data.space.domains import Box
from eqstream.data.space.patterns import Pattern, find_operands, is_small
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


def list_worthwhile(
    where: Where | None, space: PreparedSpace, candidates: SectionUnion, *, num_wanted: int | None = None
) -> np.ndarray | None:
    """Returns what `list_few` does, where that takes less time than a search for `num_wanted` equations, or for all."""
    most = find_most_listed(candidates.size, num_wanted)
    return list_few(where, space, candidates, most=most) if most else None


def list_few(where: Where | None, space: PreparedSpace, candidates: SectionUnion, *, most: int) -> np.ndarray | None:
    """Returns distinct indices, among them those of all equations that meet a condition, (n,).

    Args:
        where: the condition; None if there is none but the bounds of the space's answers.
        space: of the equations.
        candidates: the equations.
        most: how many there may be.

    Returns:
        The indices; None where they are more, or not known without a search.
    """
    answers = [bounds for bounds in (where and where.answer, space.recipe.answer) if bounds not in (None, Range())]
    carries = where and where.carries
    is_even = space.recipe.division == "exact" and "/" in space.recipe.operators
    num_cells = sum(section.num_shapes * len(section.boxes) for section in candidates.sections)
    if num_cells > _MOST_CELLS or not (answers or carries or is_even):
        return None
    found = [np.zeros(0, dtype=index_dtype(candidates.size))]
    for cell in _list_cells(candidates):
        indices = _list_cell(cell, answers, carries, space=space, most=most)
        if indices is None or len(indices) > most:
            return None
        most -= len(indices)
        found.append(indices.astype(found[0].dtype) + cell.start)
    return np.concatenate(found)


def _list_cells(candidates: SectionUnion) -> Iterator[_Cell]:
    for section, start in zip(candidates.sections, candidates.starts, strict=False):
        for (place, box), size in zip(section.list_boxes(), itertools.cycle(section.box_sizes), strict=False):
            operator = None
            if section.shapes.num_terms == 2 and section.pattern is None:
                operator = OPERATORS[section.shapes.columns(np.array([place])).operators[1, 0]]
            yield _Cell(start, size, operator, box)
            start += size


def _list_cell(
    cell: _Cell, answers: list[Range], carries: Range | None, *, space: PreparedSpace, most: int
) -> np.ndarray | None:
    """Returns indices of equations within a cell; see `list_few`."""
    if cell.operator == "/" and space.recipe.division == "exact":
        # Whatever the answer is, few numbers are multiples of others.
        answers = answers or [Range()]
    for bounds in answers:
        if cell.operator is not None:
            pairs = list_answer_pairs(bounds, cell.operator, cell.box, space=space.recipe, most=most)
            if pairs is not None:
                return _rank(cell, pairs)
    if carries is not None and cell.operator is not None:
        pattern = Pattern.of_range("carries", carries)
        if cell.operator in "*/" and not pattern.takes_none:
            return np.zeros(0, dtype=np.int64)
        if cell.operator in "+-" and is_small(cell.box):
            pairs = find_operands(pattern, cell.operator, cell.box)
            if pairs.size <= most:
                return _rank(cell, pairs.unrank(np.arange(pairs.size)))
    return np.arange(cell.size) if cell.size <= most else None


def _rank(cell: _Cell, pairs: np.ndarray) -> np.ndarray:
    """Returns the index of pairs of operands (2, n) within their cell, (n,)."""
    (first, second), dtype = cell.box, index_dtype(cell.size)
    return first.rank(pairs[0]).astype(dtype) * second.size + second.rank(pairs[1]).astype(dtype)
