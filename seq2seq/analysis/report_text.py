"""A verdict as text for a person."""

from collections.abc import Iterator

from eqstream.seq2seq.analysis.breakdown import GroupCount
from eqstream.seq2seq.analysis.report import DECODED_BY, Verdict


def render_verdict(verdict: Verdict) -> str:
    """Returns a verdict as aligned lines: the whole first, then the tables, the edges and the worst answers."""
    parts = [_head(verdict), *(_table(f"by {name}", groups) for name, groups in verdict.tables.items())]
    if verdict.num_wrong:
        parts += [_table("by place *", verdict.places, "answers"), _errors(verdict)]
    parts += [_edges(verdict), _worst(verdict)]
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


def _head(verdict: Verdict) -> Iterator[str]:
    yield (
        f"exact match {share_text(verdict.exact_match)}: {verdict.num_right:,} of {verdict.num_examples:,} right, "
        f"{verdict.num_wrong:,} wrong"
    )
    yield f"on {verdict.about}"
    yield f"of {verdict.data}, by {DECODED_BY}"
    if verdict.interval is not None:
        low, high = verdict.interval
        yield f"95 % interval for what they are a sample of: {low:.4%} to {high:.4%}"
    if verdict.rmse is not None:
        unreadable = f", leaving out {verdict.num_unreadable:,} that are no number" if verdict.num_unreadable else ""
        unrounded = "" if verdict.rmse_unrounded is None else f", {verdict.rmse_unrounded:.6g} before rounding"
        yield f"RMSE {verdict.rmse:.6g} in units of the answer{unrounded}{unreadable}"
    if verdict.commuting is not None:
        pairs = verdict.commuting
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


def _errors(verdict: Verdict) -> Iterator[str]:
    width = max(24, *(len(error.value) + 2 for error in verdict.errors)) if verdict.errors else 24
    yield f"{'error *':<{width}}{'answers':>12}{'off by one':>12}"
    for error in verdict.errors:
        yield f"{error.value:<{width}}{error.num_answers:>12,}{error.num_off_by_one:>12,}"
    if verdict.num_unreadable:
        yield f"{'no number':<{width}}{verdict.num_unreadable:>12,}"
    yield "* answer minus what is right; off by one: exactly 1, 10, 100, … too much or too little"
    yield ""
    yield f"{'wrong characters':<{width}}{'answers':>12}"
    for number, count in verdict.wrong_characters.items():
        yield f"{number:<{width}}{count:>12,}"


def _edges(verdict: Verdict) -> Iterator[str]:
    if not verdict.edge_cases:
        return
    is_known = any(case.seen != "unknown" for case in verdict.edge_cases)
    yield f"{'edge cases':<24}{'examples':>12}{'wrong':>12}" + (f"{'unseen':>12}{'wrong':>12}" if is_known else "")
    for group, unseen in verdict.edge_groups():
        line = f"{group.value:<24}{group.num_examples:>12,}{group.num_examples - group.num_right:>12,}"
        if is_known:
            total, right = (unseen.num_examples, unseen.num_right) if unseen else (0, 0)
            line += f"{total:>12,}{total - right:>12,}"
        yield line
    for case in verdict.edge_cases:
        if not case.is_right:
            yield f"  ☒ {case.question} = {case.answer}  (expected {case.expected}; {case.seen})"


def _worst(verdict: Verdict) -> Iterator[str]:
    if verdict.worst:
        yield "the worst answers"
    for wrong in verdict.worst:
        yield f"  ☒ {wrong.question} = {wrong.answer}  (expected {wrong.expected})"
