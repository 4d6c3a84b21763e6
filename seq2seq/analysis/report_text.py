"""An evaluation report as text for a person."""

from collections.abc import Iterator

from eqstream.seq2seq.analysis.breakdown import GroupCount
from eqstream.seq2seq.analysis.report import DECODED_BY, EvaluationReport


def render_report(report: EvaluationReport) -> str:
    """Returns a report as aligned lines: the whole first, then the tables, the edges and the worst answers."""
    parts = [_head(report), *(_table(f"by {name}", groups) for name, groups in report.tables.items())]
    if report.num_wrong:
        parts += [_table("by place *", report.places, "answers"), _errors(report)]
    parts += [_edges(report), _worst(report)]
    return "\n\n".join("\n".join(lines) for lines in map(list, parts) if lines)


def share_text(share: float) -> str:
    """Returns a share in per cent; only what is all or nothing is shown as 100 % or 0 %.

    >>> share_text(0.5), share_text(0.99999999), share_text(1e-9), share_text(1)
    ('50.0000%', '<100%', '>0%', '100%')
    """
    if share in (0, 1):
        return f"{share:.0%}"
    text = f"{share:.4%}"
    return {"100.0000%": "<100%", "0.0000%": ">0%"}.get(text, text)


def _head(report: EvaluationReport) -> Iterator[str]:
    yield (
        f"exact match {share_text(report.exact_match)}: {report.num_right:,} of {report.num_examples:,} right, "
        f"{report.num_wrong:,} wrong"
    )
    yield f"on {report.about}"
    yield f"of {report.data}, by {DECODED_BY}"
    if report.interval is not None:
        low, high = report.interval
        yield f"95 % interval for what they are a sample of: {low:.4%} to {high:.4%}"
    if report.rmse is not None:
        unreadable = f", leaving out {report.num_unreadable:,} that are no number" if report.num_unreadable else ""
        unrounded = "" if report.rmse_unrounded is None else f", {report.rmse_unrounded:.6g} before rounding"
        yield f"RMSE {report.rmse:.6g} in units of the answer{unrounded}{unreadable}"
    if report.commuting is not None:
        pairs = report.commuting
        yield (
            f"sides swapped: {pairs.num_same:,} of {pairs.num_pairs:,} pairs get the same answer, "
            f"{pairs.num_both_right:,} twice the right one"
        )


def _table(title: str, groups: tuple[GroupCount, ...], noun: str = "examples") -> Iterator[str]:
    width = max(24, *(len(group.value) + 2 for group in groups))
    yield f"{title:<{width}}{noun:>12}{'wrong':>12}{'exact match' if noun == 'examples' else 'right':>14}"
    for group in groups:
        num_wrong = group.num_examples - group.num_right
        yield f"{group.value:<{width}}{group.num_examples:>12,}{num_wrong:>12,}{share_text(group.exact_match):>14}"
    if title.endswith("*"):
        yield "* of a character in the right answer, 1 is the last one"


def _errors(report: EvaluationReport) -> Iterator[str]:
    width = max(24, *(len(error.value) + 2 for error in report.errors)) if report.errors else 24
    yield f"{'error *':<{width}}{'answers':>12}{'off by one':>12}"
    for error in report.errors:
        yield f"{error.value:<{width}}{error.num_answers:>12,}{error.num_off_by_one:>12,}"
    if report.num_unreadable:
        yield f"{'no number':<{width}}{report.num_unreadable:>12,}"
    yield "* answer minus what is right; off by one: exactly 1, 10, 100, … too much or too little"
    yield ""
    yield f"{'wrong characters':<{width}}{'answers':>12}"
    for number, count in report.wrong_characters.items():
        yield f"{number:<{width}}{count:>12,}"


def _edges(report: EvaluationReport) -> Iterator[str]:
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
    for case in report.edge_cases:
        if not case.is_right:
            yield f"  ☒ {case.question} = {case.predicted}  (expected {case.expected}; {case.seen})"


def _worst(report: EvaluationReport) -> Iterator[str]:
    if report.worst:
        yield "the worst answers"
    for wrong in report.worst:
        yield f"  ☒ {wrong.question} = {wrong.predicted}  (expected {wrong.expected})"
