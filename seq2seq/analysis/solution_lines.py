"""Where solutions go wrong: the lines that a model writes, counted by the kind of step and by what is said of them."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from eqstream.data.reference.explanation import JudgedLine, Verdict, judge_solution
from eqstream.data.space_recipe import SpaceRecipe
from eqstream.seq2seq.models.solving_decoder import MAX_LINES, is_fraction

# Examples are kept of each kind of step and verdict, and in a report.
_NUM_KEPT, _NUM_SHOWN = 3, 12
_IS_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?").fullmatch

End = Literal["answer", "malformed", "circle", "too long"]


@dataclass(frozen=True, kw_only=True)
class StepCount:
    """Lines that one kind of step belongs to, by verdict; see `eqstream.data.reference.explanation.JudgedLine`."""

    step: str
    num_lines: int
    num_prescribed: int
    num_right_value: int
    num_wrong_value: int
    num_miscopied: int
    num_malformed: int


@dataclass(frozen=True, kw_only=True)
class SolutionCounts:
    """How solutions follow the rules.

    Attributes:
        lines: all that were written behind questions, but for those that are unjudged or reordered.
        num_unjudged: lines behind one that has no answer, as it divides by zero, say.
        num_reordered: lines that are the ones before in the order that was asked again, see `LineWriter`.
        steps: the lines by the kind of the step that belongs there, those that fail most often first.
        first_wrong: of each wrong answer the first line that is not the prescribed one, likewise.
        num_mended: right answers in spite of such a line.
        examples: some of the first wrong lines of wrong answers, the rarest kinds first.
        ends: how many solutions end in which way; without an answer they end at a line that is no equation
            (`malformed`), one that was there before (`circle`) or at line `MAX_LINES` (`too long`).
    """

    lines: StepCount
    num_unjudged: int
    num_reordered: int
    steps: tuple[StepCount, ...]
    first_wrong: tuple[StepCount, ...]
    num_mended: int
    examples: tuple[JudgedLine, ...]
    ends: dict[End, int]


class SolutionTally:
    """Gathers what is said of the lines of solutions, in memory that does not grow with them.

    Args:
        space: of the equations that are solved.
        factored: as of `eqstream.data.reference.solution.next_line`.
    """

    def __init__(self, space: SpaceRecipe, *, factored: bool) -> None:
        self._space, self._factored = space, factored
        self._lines: Counter[tuple[str | None, str]] = Counter()
        self._first_wrong: Counter[tuple[str | None, str]] = Counter()
        self._examples: dict[tuple[str | None, str], list[JudgedLine]] = {}
        self._ends: Counter[End] = Counter()
        self._num_mended = 0

    def add(self, lines: Sequence[str], *, is_right: bool, reordered: Collection[int] = ()) -> JudgedLine | None:
        """Counts a solution, and returns its first line that is not the prescribed one; None if there is none.

        Args:
            lines: the question, and what was written behind it.
            is_right: whether the answer is.
            reordered: as of `judge_solution`.
        """
        lines = end_fraction(lines, self._space, factored=self._factored)
        judged = list(judge_solution(lines, self._space, factored=self._factored, reordered=reordered))
        self._lines.update((each.step, each.verdict) for each in judged)
        self._ends[_find_end(lines, self._space)] += 1
        first = next((each for each in judged if each.fault is not None), None)
        self._num_mended += first is not None and is_right
        if first is not None and not is_right:
            key = first.step, first.verdict
            self._first_wrong[key] += 1
            kept = self._examples.setdefault(key, [])
            # Twins and long equations may come to the same line.
            if len(kept) < _NUM_KEPT and first not in kept:
                kept.append(first)
        return first

    def counts(self) -> SolutionCounts:
        """Returns what was counted."""
        verdicts: Counter[str] = Counter()
        for (step, verdict), count in self._lines.items():
            verdicts[verdict] += count if step is not None else 0
        return SolutionCounts(
            lines=_count_step("all", verdicts),
            num_unjudged=self._lines[None, "unjudged"],
            num_reordered=self._lines[None, "reordered"],
            steps=_count_steps(self._lines),
            first_wrong=_count_steps(self._first_wrong),
            num_mended=self._num_mended,
            examples=self._choose_examples(),
            ends={end: self._ends[end] for end in get_args(End)},
        )

    def _choose_examples(self) -> tuple[JudgedLine, ...]:
        """Returns one of each kind, the rarest first, then a second one of each, and so on."""
        kinds = sorted(self._examples, key=self._first_wrong.__getitem__)
        chosen = [
            self._examples[kind][place]
            for place in range(_NUM_KEPT)
            for kind in kinds
            if place < len(self._examples[kind])
        ]
        return tuple(chosen[:_NUM_SHOWN])


def _count_steps(counts: Counter[tuple[str | None, str]]) -> tuple[StepCount, ...]:
    """Returns the counts by kind of step, those that fail most often first."""
    steps = {step for step, _ in counts if step is not None}
    rows = [
        _count_step(step, Counter({verdict: counts[step, verdict] for verdict in get_args(Verdict)})) for step in steps
    ]
    return tuple(sorted(rows, key=lambda row: (row.num_prescribed - row.num_lines, -row.num_lines, row.step)))


def _count_step(step: str, verdicts: Counter[str]) -> StepCount:
    return StepCount(
        step=step,
        num_lines=verdicts.total(),
        num_prescribed=verdicts["prescribed"],
        num_right_value=verdicts["right value"],
        num_wrong_value=verdicts["wrong value"],
        num_miscopied=verdicts["miscopied"],
        num_malformed=verdicts["malformed"],
    )


def end_fraction(lines: Sequence[str], space: SpaceRecipe, *, factored: bool) -> list[str]:
    """Returns a solution's lines; a fraction that is answered by itself is solved, and written as an answer.

    So is any fraction that was written by itself, if `factored`.
    """
    is_answered = space.division == "fraction" and is_fraction(lines[-1]) and (factored or lines[-1] == lines[-2])
    return [*lines[:-1], lines[-1].replace(" ", "")] if is_answered else list(lines)


def _find_end(lines: Sequence[str], space: SpaceRecipe) -> End:
    last = lines[-1]
    if _IS_NUMBER(last) or (space.division == "fraction" and is_fraction(last) and " " not in last):
        return "answer"
    if last in lines[:-1]:
        return "circle"
    return "too long" if len(lines) > MAX_LINES else "malformed"
