"""The evaluation report: how many whole answers are right, on which examples, and what is wrong with the others."""

import csv
import io
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from eqstream.seq2seq.analysis.breakdown import GroupCount, Tables
from eqstream.seq2seq.analysis.wrong_answers import ErrorCount, WrongAnswer

BY_DECODING = "greedy decoding, the whole answer and its end"
BY_ROUNDING = "rounding the estimate to the nearest answer"
Seen = Literal["trained", "twin trained", "unseen", "unknown"]
# Of the normal distribution, 95 % lies within so many standard deviations.
_DEVIATIONS = 1.959964
_CSV_COLUMNS = ("table", "value", "num_examples", "num_right", "exact_match", "rmse")


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
class EvaluationReport:
    """What a model got right.

    Attributes:
        run: the run's directory.
        model_sha256: of the file with the weights.
        data: name and version of the dataset.
        split: whose examples: its name, or `all-unseen`.
        name: of the report's files: the split, and if so which other dataset and how many of its examples.
        about: what the examples are, for a person.
        decoded_by: how the model's output became an answer, for a person.
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
    files: tuple[str, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        """Returns the report as `eqstream evaluate` prints it."""
        from eqstream.seq2seq.analysis.report_text import render_brief_report

        return render_brief_report(self)

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

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as JSON types: its attributes, `files` left out, and `exact_match`."""
        mapping = asdict(self) | {"exact_match": self.exact_match}
        del mapping["files"]
        mapping["errors"] = [{"value": error.value, **asdict(error)} for error in self.errors]
        mapping["wrong_characters"] = {str(number): count for number, count in self.wrong_characters.items()}
        return mapping

    def to_json(self) -> str:
        """Returns the report as JSON."""
        return json.dumps(self.to_dict(), indent=2, sort_keys=True)

    def to_csv(self) -> str:
        """Returns all counts as CSV, one row a group; the first row is the whole, and the only one with an RMSE."""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_CSV_COLUMNS)
        rmse = "" if self.rmse is None else self.rmse
        writer.writerow(["all", self.split, self.num_examples, self.num_right, self.exact_match, rmse])
        for table, group in self._groups():
            writer.writerow([table, group.value, group.num_examples, group.num_right, group.exact_match, ""])
        return file.getvalue()

    def _groups(self) -> Iterator[tuple[str, GroupCount]]:
        """Yields (table, group) for every count; in those of errors all answers are wrong."""
        for name, groups in self.tables.items():
            yield from ((name, group) for group in groups)
        yield from (("place from the right", group) for group in self.places)
        for error in self.errors:
            yield "error", GroupCount(value=error.value, num_examples=error.num_answers, num_right=0)
        if self.num_unreadable:
            yield "error", GroupCount(value="no number", num_examples=self.num_unreadable, num_right=0)
        for number, count in self.wrong_characters.items():
            yield "wrong characters", GroupCount(value=str(number), num_examples=count, num_right=0)
        for case in self.edge_cases:
            group = GroupCount(value=case.question, num_examples=1, num_right=int(case.is_right))
            yield f"edge case, {case.kind}, {case.seen}", group
        if self.commuting is not None:
            pairs = self.commuting.num_pairs
            yield (
                "swapped sides",
                GroupCount(value="same answer", num_examples=pairs, num_right=self.commuting.num_same),
            )
            both = self.commuting.num_both_right
            yield "swapped sides", GroupCount(value="both right", num_examples=pairs, num_right=both)


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
