"""The files of an evaluation: the report as text, JSON and CSV, and all wrong answers as CSV."""

import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from eqstream.seq2seq.analysis.report import EvaluationReport
from eqstream.seq2seq.analysis.report_text import render_report
from eqstream.seq2seq.analysis.wrong_answers import WrongAnswer
from eqstream.seq2seq.runs.run_directory import write_atomically, written_aside

_WRONG_COLUMNS = ("question", "predicted", "expected")


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
def open_wrong_answers(path: str | Path | None) -> Iterator[Callable[[Iterable[WrongAnswer]], object]]:
    """Gives what writes wrong answers to a CSV file, which has its name only when it is whole; None writes nothing."""
    if path is None:
        yield lambda _wrong: None
        return
    with written_aside(Path(path)) as aside, aside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_WRONG_COLUMNS)
        yield lambda wrong: writer.writerows([getattr(each, name) for name in _WRONG_COLUMNS] for each in wrong)
