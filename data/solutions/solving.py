"""All steps of the solutions of blocks of equations, as texts."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.solutions.detours import Detours, raise_digits
from eqstream.data.solutions.factored_fractions import Fractions, FractionSolver, WrittenLines
from eqstream.data.solutions.factored_lines import follow
from eqstream.data.solutions.fractions import are_fractions, rewrite_decimals, rewrite_fractions
from eqstream.data.solutions.held_out_lines import hash_classes
from eqstream.data.solutions.line_text import LineEncoder
from eqstream.data.solutions.lines import Lines, check_solvable, join_lines, lines_of, replace_lines
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
        classes: hashes of the classes of the questions, uint64 (n,); None where nobody asked for them.
    """

    question: ByteRows
    answer: ByteRows
    equation: np.ndarray
    number: np.ndarray
    num_left_out: int = 0
    classes: np.ndarray | None = None

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
            classes=None if self.classes is None else self.classes.take(rows),
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
        self._fractions = FractionSolver(space) if space.recipe.factors_fractions else None

    def solve(
        self,
        block: EquationBlock,
        held_out: HeldOut | None = None,
        *,
        keep_first: bool = True,
        detours: Detours | None = None,
        first: int = 0,
        with_classes: bool = False,
    ) -> Steps:
        """Returns the first steps of all equations of a block, then the second ones, and so on.

        Those of one number are in the order of the equations. Equations that are plain numbers have no steps.

        Args:
            block: of the space.
            held_out: equations that no line of a solution may be, nor a twin of one.
            keep_first: whether the first lines, the equations themselves, are known to be none of these.
            detours: where solutions go on from a digit of a quotient that is too large; the right one is the answer.
            first: the position of the first equation in the sequence that `detours` are for.
            with_classes: whether to return the classes of the questions, too.
        """
        asks_classes = with_classes or held_out is not None
        parts, fractions = self._list_lines(block, detours, first)
        written = self._write(parts, with_classes=asks_classes)
        # Where each line of the parts stands among those of all solutions.
        order = np.arange(len(written.number))
        if self._fractions and fractions:
            written, order = _merge(
                written, self._fractions.solve(Fractions.join(fractions), with_classes=asks_classes)
            )
        texts, classes = written.texts, written.classes
        # An equation's second line is a line of the second part, and so on, so that the next lines are in order, too.
        places, answers = np.flatnonzero(~written.is_last), np.arange(len(block), len(written.is_last))
        questions = places.copy()
        if detours is not None:
            texts, classes = self._take_detours(parts, questions, order=order, written=written)
        is_kept = np.ones(len(places), dtype=bool)
        if held_out is not None:
            is_held_out = _find_held_out(classes, written.is_last, held_out)
            is_held_out[: len(block) if keep_first else 0] = False
            is_kept = ~(is_held_out.take(questions) | is_held_out.take(answers))
        places, questions, answers = places[is_kept], questions[is_kept], answers[is_kept]
        return Steps(
            question=_take_texts(texts, questions),
            answer=_take_texts(texts, answers),
            equation=written.equation.take(places),
            number=written.number.take(places).astype(np.int32),
            num_left_out=len(is_kept) - len(questions),
            classes=None if classes is None or not with_classes else classes.take(questions),
        )

    def _list_lines(
        self, block: EquationBlock, detours: Detours | None, first: int
    ) -> "tuple[list[_Part], list[Fractions]]":
        """Returns the first lines of all solutions, then the second ones, and so on, and the fractions that are split.

        Of these the lines that come after the one where it begins are not among the others.
        """
        lines = lines_of(block, self._space)
        part = _Part(lines, np.arange(len(block)), lines.are_solved, None)
        parts = [part]
        fractions: list[Fractions] = []
        while len(rows := np.flatnonzero(~part.is_last)):
            lines, equations = part.followed.take(rows), part.equation.take(rows)
            if self._fractions:
                following, equations, is_answer, split = _follow_factored(lines, equations, len(parts))
                fractions.append(split)
            else:
                following = self._rewrite(lines)
                is_answer = are_fractions(lines) if self._answers else np.zeros(len(rows), dtype=bool)
            detour = None if detours is None else _find_detour(following, detours, first + equations, len(parts))
            part = _Part(following, equations, following.are_solved | is_answer, detour)
            parts.append(part)
        return parts, fractions

    def _rewrite(self, lines: Lines) -> Lines:
        recipe = self._space.recipe
        if self._answers:
            return rewrite_fractions(lines)
        is_rounded = self._space.has_division and recipe.division == "decimal"
        return rewrite_decimals(lines, recipe.places) if is_rounded else rewrite(lines, recipe.division)

    def _write(self, parts: "list[_Part]", *, with_classes: bool) -> WrittenLines:
        """Returns all lines as texts, many parts at a time."""
        texts: list[ByteRows] = []
        classes: list[np.ndarray] = []
        waiting: list[_Part] = []
        for number, part in enumerate(parts, start=1):
            waiting.append(part)
            if number == len(parts) or sum(len(each.lines) for each in waiting) >= _LINES_AT_ONCE:
                lines = join_lines([each.lines for each in waiting])
                is_last = np.concatenate([each.is_last for each in waiting])
                texts.append(self._encode(lines, is_last))
                if with_classes:
                    classes.append(hash_classes(lines))
                waiting = []
        return WrittenLines(
            texts=ByteRows.join(texts),
            classes=np.concatenate(classes) if with_classes else None,
            is_last=np.concatenate([part.is_last for part in parts]),
            equation=np.concatenate([part.equation for part in parts]),
            number=np.repeat(np.arange(len(parts)), [len(part.lines) for part in parts]),
        )

    def _take_detours(
        self, parts: "list[_Part]", questions: np.ndarray, *, order: np.ndarray, written: WrittenLines
    ) -> tuple[ByteRows, np.ndarray | None]:
        """Puts the lines from which solutions go on in place of those questions, rows of texts.

        Returns all texts, and their classes.
        """
        begins = np.concatenate([[0], np.cumsum([len(part.lines) for part in parts])])
        found = [
            (begin + part.detour.rows, part.detour.lines)
            for begin, part in zip(begins, parts, strict=False)
            if part.detour
        ]
        if not found:
            return written.texts, written.classes
        lines, rows = join_lines([each for _, each in found]), order[np.concatenate([each for each, _ in found])]
        questions[np.searchsorted(questions, rows)] = len(written.is_last) + np.arange(len(rows))
        classes = None if written.classes is None else np.concatenate([written.classes, hash_classes(lines)])
        return ByteRows.join([written.texts, self._encoder.encode(lines)]), classes

    def _encode(self, lines: Lines, is_last: np.ndarray) -> ByteRows:
        if not self._answers:
            return self._encoder.encode(lines)
        rows = [np.flatnonzero(~is_last), np.flatnonzero(is_last)]
        encoders = [self._encoder, self._answers]
        encoded = [encoder.encode(lines.take(own)) for encoder, own in zip(encoders, rows, strict=True)]
        return _take_texts(ByteRows.join(encoded), np.argsort(np.concatenate(rows)))


class _Detour(NamedTuple):
    """Lines from which solutions go on in place of others.

    Attributes:
        rows: of the lines in whose place they are, int64 (m,).
        lines: m lines.
    """

    rows: np.ndarray
    lines: Lines


class _Part(NamedTuple):
    """Lines with as many before them in their solutions.

    Attributes:
        lines: n lines.
        equation: the row of the equation in its block, int64 (n,).
        is_last: whether a line is the last one of its solution, the answer, bool (n,).
        detour: where solutions go on from other lines; None for nowhere.
    """

    lines: Lines
    equation: np.ndarray
    is_last: np.ndarray
    detour: _Detour | None

    @property
    def followed(self) -> Lines:
        """The lines from which the solutions go on."""
        return self.lines if self.detour is None else replace_lines(self.lines, *self.detour)


def _follow_factored(
    lines: Lines, equations: np.ndarray, number: int
) -> tuple[Lines, np.ndarray, np.ndarray, Fractions]:
    """Returns the next lines, their equations, which are answers, and the fractions whose sides are split from now on.

    Args:
        lines: n lines with as many before them in their solutions, and so are the next ones, `number`.
        equations: the row of the equation of each, int64 (n,).
        number: how many lines come before the next ones.
    """
    found = follow(lines, are_questions=number == 1)
    split, kept = np.flatnonzero(found.is_split), np.flatnonzero(~found.is_split)
    prefix = found.prefix.take(split)
    fractions = Fractions(
        equation=equations.take(split),
        number=number - (prefix == 0),
        prefix=prefix,
        above=found.above.take(split),
        below=found.below.take(split),
    )
    return found.lines.take(kept), equations.take(kept), found.is_answer.take(kept), fractions


def _merge(lines: WrittenLines, others: WrittenLines) -> tuple[WrittenLines, np.ndarray]:
    """Returns all lines, by number and then by equation, and the rows to which `lines` came."""
    equation, number, is_last = (
        np.concatenate([getattr(each, name) for each in (lines, others)]) for name in ("equation", "number", "is_last")
    )
    classes = [each.classes for each in (lines, others) if each.classes is not None]
    order = np.argsort(number * (int(equation.max(initial=0)) + 1) + equation)
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    written = WrittenLines(
        texts=_take_texts(ByteRows.join([lines.texts, others.texts]), order),
        classes=np.concatenate(classes).take(order) if classes else None,
        is_last=is_last.take(order),
        equation=equation.take(order),
        number=number.take(order),
    )
    return written, places[: len(lines.number)]


def _find_held_out(classes: np.ndarray | None, is_last: np.ndarray, held_out: HeldOut) -> np.ndarray:
    """Returns which lines are held out, bool (n,); answers, some of the first ones, never are."""
    assert classes is not None
    is_held_out = held_out.contains(classes)
    is_held_out[: len(is_last)] &= ~is_last
    return is_held_out


def _find_detour(lines: Lines, detours: Detours, equations: np.ndarray, number: int) -> _Detour | None:
    """Returns the detour of the lines of this number of equations at these positions."""
    chosen = np.flatnonzero(detours.choose(equations, number))
    rows, raised = raise_digits(lines.take(chosen))
    return _Detour(chosen[rows], raised) if len(rows) else None


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
