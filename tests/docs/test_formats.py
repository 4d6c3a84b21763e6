"""The description of formats names all that is written."""

import dataclasses
import re
from pathlib import Path

import pytest

from eqstream.data.reference.explanation import JudgedLine
from eqstream.seq2seq.analysis.breakdown import GroupCount
from eqstream.seq2seq.analysis.report import EvaluationReport
from eqstream.seq2seq.analysis.report_contents import CommutingCount, EdgeCaseResult
from eqstream.seq2seq.analysis.solution_lines import SolutionCounts, StepCount
from eqstream.seq2seq.analysis.wrong_answers import ErrorCount, WrongAnswer

FORMATS = Path(__file__).parents[2] / "docs" / "formats.md"


def describe_report(title: str = "Evaluation reports") -> dict[str, str]:
    """Returns what a section on reports says of each key."""
    section = FORMATS.read_text(encoding="utf-8").split(f"## {title}")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ", 1) for line in section.splitlines() if line.startswith("| `")]
    return {key: meaning for keys, meaning in rows for key in re.findall("`(.+?)`", keys)}


def names_of(cls: type) -> set[str]:
    return {field.name for field in dataclasses.fields(cls)}


def test_each_key_of_a_report_is_described():
    assert describe_report().keys() == names_of(EvaluationReport) - {"files"} | {"exact_match"}


@pytest.mark.parametrize(
    ("key", "cls"),
    [
        ("tables", GroupCount),
        ("errors", ErrorCount),
        ("edge_cases", EdgeCaseResult),
        ("commuting", CommutingCount),
        ("worst", WrongAnswer),
    ],
)
def test_each_key_inside_of_a_report_is_described(key, cls):
    assert names_of(cls) <= set(re.findall("`(.+?)`", describe_report()[key]))


def test_each_key_of_the_counts_of_lines_is_described():
    described = describe_report("Lines in evaluation reports")
    assert described.keys() == names_of(SolutionCounts)
    assert names_of(StepCount) <= set(re.findall("`(.+?)`", described["lines"]))
    assert names_of(JudgedLine) <= set(re.findall("`(.+?)`", described["examples"]))
