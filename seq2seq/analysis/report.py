"""The evaluation report, and the forms in which it is given: text, JSON and CSV."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from eqstream.seq2seq.analysis.breakdown import GroupCount
from eqstream.seq2seq.analysis.report_contents import ReportContents
from eqstream.seq2seq.analysis.report_text import render_brief_report
from eqstream.seq2seq.analysis.solution_lines import SolutionCounts

_CSV_COLUMNS = ("table", "value", "num_examples", "num_right", "exact_match", "rmse")


class EvaluationReport(ReportContents):
    """What a model got right; see `ReportContents` for its attributes."""

    def __str__(self) -> str:
        """Returns the report as `eqstream evaluate` prints it."""
        return render_brief_report(self)

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as JSON types: its attributes, `files` left out, and `exact_match`."""
        mapping: dict[str, Any] = asdict(self) | {"exact_match": self.exact_match}
        del mapping["files"]
        if self.solutions is None:
            for each in mapping["worst"]:
                del each["wrong_line"]
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
        if self.solutions is not None:
            yield from _list_line_groups(self.solutions)


def _list_line_groups(solutions: SolutionCounts) -> Iterator[tuple[str, GroupCount]]:
    """Yields (table, group) for every count of lines; those that are prescribed are right."""
    for table, counts in (("line", (solutions.lines, *solutions.steps)), ("first wrong line", solutions.first_wrong)):
        for each in counts:
            yield table, GroupCount(value=each.step, num_examples=each.num_lines, num_right=each.num_prescribed)
