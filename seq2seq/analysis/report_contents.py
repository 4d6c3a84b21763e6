"""What an evaluation report holds: how many whole answers are right, on which examples, and how others are wrong."""

import math
from dataclasses import dataclass, field
from typing import Literal

from eqstream.seq2seq.analysis.breakdown import GroupCount, Tables
from eqstream.seq2seq.analysis.solution_lines import SolutionCounts
from eqstream.seq2seq.analysis.wrong_answers import ErrorCount, WrongAnswer

BY_DECODING = "greedy decoding, the whole answer and its end"
BY_ROUNDING = "rounding the estimate to the nearest answer"
Seen = Literal["trained", "twin trained", "unseen", "unknown"]
# Of the normal distribution, 95 % lies within so many standard deviations.
_DEVIATIONS = 1.959964


@dataclass(frozen=True, kw_only=True)
class EdgeCaseResult:
    """An equation at the edge of the space, the model's answer (`predicted`), and whether it was trained on."""

    kind: str
    question: str
    predicted: str
    expected: str
    is_right: bool
    seen: Seen


@dataclass(frozen=True, kw_only=True)
class CommutingCount:
    """Pairs of questions with the sides of a `+` or `*` swapped: of how many both get one answer, and a right one."""

    num_pairs: int
    num_same: int
    num_both_right: int


@dataclass(frozen=True, kw_only=True)
class ReportContents:
    """What a model got right.

    Attributes:
        run: the run's directory.
        model_sha256: of the file with the weights.
        data: name and version of the dataset.
        split: whose examples: its name, or `all-unseen`.
        name: of the report's files: the split, and if so which other dataset and how many of its examples.
        about: what the examples are, for a person.
        decoded_by: how the model's output became an answer, for a person.
        orders: in how many orders each question was asked at most; 1: as it is.
        num_examples: all of them.
        num_right: with the whole answer right, decoded greedily.
        characters_right: share of the characters of all answers, decoded greedily, that are right, their ends and pads
            included, as in published figures; None for regressions.
        interval: 95 % confidence (Wilson) for the share of right answers in what the examples are a sample of; None
            where they are all there is.
        rmse: root of the mean squared error in units of the answer, over answers that are numbers; None without any.
        rmse_unrounded: the same before a regression's output is rounded; None for other models.
        num_unreadable: answers that are no number.
        tables: name to groups, such as by carries; see `TableTally`.
        places: right characters by their place in the right answer, from the right.
        errors: the histogram of errors.
        wrong_characters: how many wrong answers have how many wrong characters.
        edge_cases: the suite of the space.
        commuting: whether the model knows that sides can be swapped; None where no operation commutes.
        worst: some of the wrong answers, the largest error first.
        solutions: the lines that were written on the way to the answers; None of models that answer at once.
        files: where the report is saved, as text, JSON and CSV; none where it is not; no part of the report itself.
    """

    run: str
    model_sha256: str
    data: str
    split: str
    name: str
    about: str
    decoded_by: str
    num_examples: int
    num_right: int
    characters_right: float | None
    interval: tuple[float, float] | None
    rmse: float | None
    rmse_unrounded: float | None
    num_unreadable: int
    tables: Tables
    places: tuple[GroupCount, ...]
    errors: tuple[ErrorCount, ...]
    wrong_characters: dict[int, int]
    edge_cases: tuple[EdgeCaseResult, ...]
    commuting: CommutingCount | None
    worst: tuple[WrongAnswer, ...]
    solutions: SolutionCounts | None
    orders: int = 1
    files: tuple[str, ...] = field(default=(), compare=False)

    @property
    def exact_match(self) -> float:
        """Share of whole answers that are right, from 0 to 1."""
        return self.num_right / self.num_examples

    @property
    def num_wrong(self) -> int:
        """Number of wrong answers."""
        return self.num_examples - self.num_right

    def edge_groups(self) -> list[tuple[GroupCount, GroupCount | None]]:
        """Returns for each kind of edge case all of them, and of them those that were surely not trained on."""
        groups = []
        for kind in dict.fromkeys(case.kind for case in self.edge_cases):
            cases = [case for case in self.edge_cases if case.kind == kind]
            unseen = [case for case in cases if case.seen == "unseen"]
            groups.append((_count_cases(kind, cases), _count_cases(kind, unseen) if unseen else None))
        return groups


def _count_cases(kind: str, cases: list[EdgeCaseResult]) -> GroupCount:
    return GroupCount(value=kind, num_examples=len(cases), num_right=sum(case.is_right for case in cases))


def wilson_interval(num_right: int, num_examples: int) -> tuple[float, float]:
    """Returns the 95 % confidence interval of a share (Wilson, 1927), which holds even where all or none are right.

    >>> [round(end, 4) for end in wilson_interval(10, 10)]
    [0.7225, 1.0]
    """
    share, square = num_right / num_examples, _DEVIATIONS**2
    centre = share + square / (2 * num_examples)
    reach = _DEVIATIONS * math.sqrt(share * (1 - share) / num_examples + square / (4 * num_examples**2))
    scale = 1 + square / num_examples
    return max(0.0, (centre - reach) / scale), min(1.0, (centre + reach) / scale)
