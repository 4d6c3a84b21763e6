"""All steps of the solutions of blocks of equations, as texts."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.solutions.fractions import are_fractions, rewrite_decimals, rewrite_fractions
from eqstream.data.solutions.held_out_lines import find_held_out
from eqstream.data.solutions.line_text import LineEncoder
from eqstream.data.solutions.lines import Lines, check_solvable, join_lines, lines_of
from eqstream.data.solutions.rewriting import rewrite
from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.space.held_out_classes import HeldOut
from eqstream.data.space.prepared_space import PreparedSpace, prepare_space

# Lines that are written together: many cost less a line, until they leave the fast caches.
_LINES_AT_ONCE = 1 << 14


@dataclass(frozen=True, eq=False)
class Steps:
    """Steps of solutions.

    Attributes:
        question: a line of each, n texts.
        answer: the next line.
        equation: the row of the equation in its block, int64 (n,).
        number: how many lines of the solution come before the question, int32 (n,).
        num_left_out: how many steps beside them were left out, as one of their lines is held out.
    """

    question: ByteRows
    answer: ByteRows
    equation: np.ndarray
    number: np.ndarray
    num_left_out: int = 0

    def __len__(self) -> int:
        return len(self.equation)

    def take(self, rows: np.ndarray) -> "Steps":
        """Returns the steps at `rows`, in that order; `num_left_out` stays as it is."""
        return replace(
            self,
            question=_take_texts(self.question, rows),
            answer=_take_texts(self.answer, rows),
            equation=self.equation.take(rows),
            number=self.number.take(rows),
        )

    def with_left_out(self, num_left_out: int) -> "Steps":
        """Returns the same steps with another `num_left_out`."""
        return replace(self, num_left_out=num_left_out)

    def count_characters(self) -> np.ndarray:
        """Returns how many characters the longer line of each step has, spaces not counted, int64 (n,)."""
        texts = (self.question, self.answer)
        return np.maximum(*(each.lengths - (each.matrix == ord(" ")).sum(axis=1) for each in texts))


class BlockSolver:
    """Solves blocks of equations of one space, step by step; make it once, as its tables take a while to build.

    Args:
        space: the space.

    Raises:
        UserError: its equations have no solutions that are computed in bulk.
    """

    def __init__(self, space: PreparedSpace) -> None:
        check_solvable(space)
        self._space = space
        self._encoder = LineEncoder(space)
        self._answers = (
            LineEncoder(prepare_space(replace(space.recipe, spacing=False))) if space.has_fractions else None
        )

    def solve(self, block: EquationBlock, held_out: HeldOut | None = None, *, keep_first: bool = True) -> Steps:
        """Returns the first steps of all equations of a block, then the second ones, and so on.

        Those of one number are in the order of the equations. Equations that are plain numbers have no steps.

        Args:
            block: of the space.
            held_out: equations that no line of a solution may be, nor a twin of one.
            keep_first: whether the first lines, the equations themselves, are known to be none of these.
        """
        parts = self._list_lines(block)
        texts, is_held_out = self._write(parts, held_out)
        is_open = np.concatenate([~part.is_last for part in parts])
        # An equation's second line is a line of the second part, and so on, so that the next lines are in order, too.
        questions, answers = np.flatnonzero(is_open), np.arange(len(block), len(is_open))
        if keep_first:
            is_held_out[: len(block)] = False
        is_kept = ~(is_held_out.take(questions) | is_held_out.take(answers))
        questions, answers = questions[is_kept], answers[is_kept]
        numbers = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part.lines) for part in parts])
        return Steps(
            question=_take_texts(texts, questions),
            answer=_take_texts(texts, answers),
            equation=np.concatenate([part.equation for part in parts]).take(questions),
            number=numbers.take(questions),
            num_left_out=len(is_kept) - len(questions),
        )

    def _list_lines(self, block: EquationBlock) -> "list[_Part]":
        """Returns the first lines of all solutions, then the second ones, and so on."""
        lines = lines_of(block, self._space)
        part = _Part(lines, np.arange(len(block)), lines.are_solved)
        parts = [part]
        while len(rows := np.flatnonzero(~part.is_last)):
            lines = part.lines.take(rows)
            is_answer = are_fractions(lines) if self._answers else np.zeros(len(rows), dtype=bool)
            following = self._rewrite(lines)
            part = _Part(following, part.equation.take(rows), following.are_solved | is_answer)
            parts.append(part)
        return parts

    def _rewrite(self, lines: Lines) -> Lines:
        recipe = self._space.recipe
        if self._answers:
            return rewrite_fractions(lines)
        is_rounded = self._space.has_division and recipe.division == "decimal"
        return rewrite_decimals(lines, recipe.places) if is_rounded else rewrite(lines, recipe.division)

    def _write(self, parts: "list[_Part]", held_out: HeldOut | None) -> tuple[ByteRows, np.ndarray]:
        """Returns the texts of all lines, and whether they are held out, bool (n,); many parts at a time."""
        texts: list[ByteRows] = []
        is_held_out: list[np.ndarray] = []
        waiting: list[_Part] = []
        for number, part in enumerate(parts, start=1):
            waiting.append(part)
            if number == len(parts) or sum(len(each.lines) for each in waiting) >= _LINES_AT_ONCE:
                lines = join_lines([each.lines for each in waiting])
                is_last = np.concatenate([each.is_last for each in waiting])
                texts.append(self._encode(lines, is_last))
                is_own = np.zeros(len(lines), dtype=bool) if held_out is None else find_held_out(lines, held_out)
                is_held_out.append(is_own & ~is_last)
                waiting = []
        return ByteRows.join(texts), np.concatenate(is_held_out)

    def _encode(self, lines: Lines, is_last: np.ndarray) -> ByteRows:
        if not self._answers:
            return self._encoder.encode(lines)
        rows = [np.flatnonzero(~is_last), np.flatnonzero(is_last)]
        encoders = [self._encoder, self._answers]
        encoded = [encoder.encode(lines.take(own)) for encoder, own in zip(encoders, rows, strict=True)]
        return _take_texts(ByteRows.join(encoded), np.argsort(np.concatenate(rows)))


class _Part(NamedTuple):
    """Lines with as many before them in their solutions.

    Attributes:
        lines: n lines.
        equation: the row of the equation in its block, int64 (n,).
        is_last: whether a line is the last one of its solution, the answer, bool (n,).
    """

    lines: Lines
    equation: np.ndarray
    is_last: np.ndarray


def _take_texts(texts: ByteRows, rows: np.ndarray) -> ByteRows:
    return ByteRows(texts.matrix.take(rows, axis=0), texts.lengths.take(rows))


def join_steps(parts: list[Steps]) -> Steps:
    """Returns the steps of all parts, one part behind the other."""
    return Steps(
        question=ByteRows.join([part.question for part in parts]),
        answer=ByteRows.join([part.answer for part in parts]),
        equation=np.concatenate([np.zeros(0, np.int64), *(part.equation for part in parts)]),
        number=np.concatenate([np.zeros(0, np.int32), *(part.number for part in parts)]),
        num_left_out=sum(part.num_left_out for part in parts),
    )
