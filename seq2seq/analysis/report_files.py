"""The files of an evaluation: the report as text, JSON and CSV, and all wrong answers as CSV."""

import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from eqstream.seq2seq.analysis.report import EvaluationReport
from eqstream.seq2seq.analysis.report_text import render_report
from eqstream.seq2seq.analysis.wrong_answers import WrongAnswer
from eqstream.seq2seq.runs.run_directory import write_atomically, written_aside

_COLUMNS = ("question", "predicted", "expected")
# Of the first wrong line of a solution: column to attribute.
_LINE_COLUMNS = {
    "step": "step",
    "line_before": "before",
    "first_wrong_line": "line",
    "expected_line": "expected",
    "fault": "fault",
}


def save_report(report: EvaluationReport, directory: Path) -> tuple[str, ...]:
    """Writes a report into a directory, which is made if need be, and returns the paths.

    Raises:
        OSError: the directory cannot be written.
    """
    texts = {"txt": render_report(report) + "\n", "json": report.to_json() + "\n", "csv": report.to_csv()}
    directory.mkdir(exist_ok=True)
    paths = {directory / f"{report.name}.{kind}": text for kind, text in texts.items()}
    for path, text in paths.items():
        write_atomically(path, text)
    return tuple(map(str, paths))


@contextmanager
def open_wrong_answers(
    path: str | Path | None, *, has_lines: bool
) -> Iterator[Callable[[Iterable[WrongAnswer]], object]]:
    """Gives what writes wrong answers to a CSV file, which has its name only when it is whole; None writes nothing.

    With `has_lines` there are columns for the first wrong line of each solution.
    """
    if path is None:
        yield lambda _wrong: None
        return
    with written_aside(Path(path)) as aside, aside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*_COLUMNS, *(_LINE_COLUMNS if has_lines else ())])
        yield lambda wrong: writer.writerows(_list_cells(each, has_lines=has_lines) for each in wrong)


def _list_cells(wrong: WrongAnswer, *, has_lines: bool) -> list[str]:
    cells = [getattr(wrong, name) for name in _COLUMNS]
    # A solution without an answer may have no wrong line, but too many right ones.
    return [*cells, *(getattr(wrong.wrong_line, name, "") for name in _LINE_COLUMNS.values())] if has_lines else cells
