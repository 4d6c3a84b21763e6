"""An evaluation report as text for a person."""

from collections.abc import Iterator, Sequence

from eqstream.seq2seq.analysis.breakdown import GroupCount
from eqstream.seq2seq.analysis.report_contents import BY_ROUNDING, ReportContents
from eqstream.seq2seq.analysis.share_text import share_text
from eqstream.seq2seq.analysis.solution_text import render_lines, render_wrong_lines

_WIDTH = 24
_MAX_EDGE_CASES = 10


def render_report(report: ReportContents) -> str:
    """Returns a report as aligned lines: the whole first, then the tables, the edges and the worst answers."""
    return _render(report, len(report.edge_cases))


def render_brief_report(report: ReportContents) -> str:
    """Returns a report for a terminal: few of the wrong edge cases, and in the end the headline and the files again."""
    lines = [_render(report, _MAX_EDGE_CASES), "", _headline(report)]
    if report.files:
        first, *others = report.files
        lines.append(f"saved: {first}" + "".join(f", .{other.rpartition('.')[2]}" for other in others))
    return "\n".join(lines)


def render_splits(reports: Sequence[ReportContents]) -> str:
    """Returns the reports on several splits as one table, and where each is saved."""
    rows = [
        GroupCount(value=report.name, num_examples=report.num_examples, num_right=report.num_right)
        for report in reports
    ]
    abouts = [f"{report.name}: {report.about}" for report in reports if report.about != f"`{report.split}`"]
    files = (
        [f"saved: {', '.join(report.files[0] for report in reports)}"] if all(each.files for each in reports) else []
    )
    lines = [*_table("split", rows), *abouts, f"{reports[0].data}, by {reports[0].decoded_by}", *files]
    return "\n".join(lines)


def _render(report: ReportContents, max_edge_cases: int) -> str:
    parts = [_head(report), *(_table(f"by {name}", groups) for name, groups in report.tables.items())]
    if report.num_wrong:
        parts += [_places(report.places), _errors(report), _wrong_characters(report)]
    if report.solutions is not None:
        parts += [render_lines(report.solutions), render_wrong_lines(report.solutions)]
    parts += [_edges(report, max_edge_cases), _worst(report)]
    return "\n\n".join("\n".join(lines) for lines in map(list, parts) if lines)


def _headline(report: ReportContents) -> str:
    return (
        f"exact match {share_text(report.exact_match)}: {report.num_right:,} of {report.num_examples:,} right, "
        f"{report.num_wrong:,} wrong"
    )


def _head(report: ReportContents) -> Iterator[str]:
    is_regression = report.decoded_by == BY_ROUNDING
    yield _headline(report)
    if is_regression:
        yield from _rmse(report)
    yield f"on {report.about}"
    yield f"of {report.data}, by {report.decoded_by}"
    if report.interval is not None:
        low, high = report.interval
        yield f"95 % interval for what they are a sample of: {low:.4%} to {high:.4%}"
    if not is_regression:
        yield from _rmse(report)
    if report.commuting is not None:
        pairs = report.commuting
        yield (
            f"sides swapped: {pairs.num_same:,} of {pairs.num_pairs:,} pairs get the same answer, "
            f"{pairs.num_both_right:,} twice the right one"
        )


def _rmse(report: ReportContents) -> Iterator[str]:
    if report.rmse is not None:
        unreadable = f", leaving out {report.num_unreadable:,} that are no number" if report.num_unreadable else ""
        unrounded = "" if report.rmse_unrounded is None else f", {report.rmse_unrounded:.6g} before rounding"
        yield f"RMSE {report.rmse:.6g} in units of the answer{unrounded}{unreadable}"


def _table(
    title: str, groups: Sequence[GroupCount], *, noun: str = "examples", share: str = "exact match"
) -> list[str]:
    """Returns a table of counts, or one line if it has but one row."""
    if len(groups) == 1:
        return [_single_row(title, groups[0].value, count=groups[0].num_examples, noun=noun)]
    width = _width(title, *(group.value for group in groups))
    lines = [f"{title:<{width}}{noun:>12}{'wrong':>12}{share:>14}"]
    for group in groups:
        num_wrong = group.num_examples - group.num_right
        lines.append(
            f"{group.value:<{width}}{group.num_examples:>12,}{num_wrong:>12,}{share_text(group.exact_match):>14}"
        )
    return lines


def _single_row(title: str, value: str, *, count: int, noun: str) -> str:
    return f"{title.rstrip(' *')}: {value} for all {count:,} {noun}"


def _width(*values: str) -> int:
    return max(_WIDTH, *(len(value) + 2 for value in values))


def _places(places: Sequence[GroupCount]) -> list[str]:
    note = "* of a character in the right answer, 1 is the last one"
    return [*_table("by place *", places, noun="answers", share="right"), *([note] if len(places) > 1 else [])]


def _errors(report: ReportContents) -> Iterator[str]:
    width = _width(*(error.value for error in report.errors), "")
    yield f"{'error *':<{width}}{'answers':>12}{'off by one':>12}"
    for error in report.errors:
        yield f"{error.value:<{width}}{error.num_answers:>12,}{error.num_off_by_one:>12,}"
    if report.num_unreadable:
        yield f"{'no number':<{width}}{report.num_unreadable:>12,}"
    yield "* answer minus what is right; off by one: exactly 1, 10, 100, … too much or too little"


def _wrong_characters(report: ReportContents) -> list[str]:
    counts, title = report.wrong_characters, "wrong characters"
    if len(counts) == 1:
        ((number, count),) = counts.items()
        return [_single_row(title, str(number), count=count, noun="wrong answers")]
    rows = [f"{number:<{_WIDTH}}{count:>12,}" for number, count in counts.items()]
    return [f"{title:<{_WIDTH}}{'answers':>12}", *rows]


def _edges(report: ReportContents, max_cases: int) -> Iterator[str]:
    if not report.edge_cases:
        return
    is_known = any(case.seen != "unknown" for case in report.edge_cases)
    yield f"{'edge cases':<24}{'examples':>12}{'wrong':>12}" + (f"{'unseen':>12}{'wrong':>12}" if is_known else "")
    for group, unseen in report.edge_groups():
        line = f"{group.value:<24}{group.num_examples:>12,}{group.num_examples - group.num_right:>12,}"
        if is_known:
            total, right = (unseen.num_examples, unseen.num_right) if unseen else (0, 0)
            line += f"{total:>12,}{total - right:>12,}"
        yield line
    wrong = [case for case in report.edge_cases if not case.is_right]
    for case in wrong[:max_cases]:
        yield f"  ☒ {case.question} = {case.predicted}  (expected {case.expected}; {case.seen})"
    if len(wrong) > max_cases:
        place = f" in {report.files[0]}" if report.files else ""
        yield f"  … {len(wrong) - max_cases:,} more{place}"


def _worst(report: ReportContents) -> Iterator[str]:
    if report.worst:
        yield "the worst answers"
    for wrong in report.worst:
        yield f"  ☒ {wrong.question} = {wrong.predicted}  (expected {wrong.expected})"
