"""How solutions follow the rules, as text for a person."""

from collections.abc import Iterator, Sequence

from eqstream.seq2seq.analysis.share_text import share_text
from eqstream.seq2seq.analysis.solution_lines import SolutionCounts, StepCount
from eqstream.seq2seq.models.solving_decoder import MAX_LINES

_WIDTH = 24


def render_lines(solutions: SolutionCounts) -> Iterator[str]:
    """Yields the lines of a table of the lines that were written, by the kind of step."""
    yield from _table("lines by step *", [solutions.lines, *solutions.steps], noun="lines")
    yield "* that the rules make of the line before; wrong value: a mistake in the step; miscopied: one in the rest of"
    yield "  the line; right value: another line that is equal to the one before"
    if solutions.num_unjudged:
        yield f"left out: {solutions.num_unjudged:,} behind a wrong line that has no answer"
    if solutions.num_reordered:
        why = "as what was written was unsure or could not be a step"
        yield f"answered in another order, {why}: {solutions.num_reordered:,}"


def render_wrong_lines(solutions: SolutionCounts) -> Iterator[str]:
    """Yields the lines on where solutions went wrong, and on those without an answer, if there are any."""
    if solutions.first_wrong:
        yield from _table("first wrong line of a solution", solutions.first_wrong, noun="solutions")
    for each in solutions.examples:
        yield f"  ☒ {each.before} → {each.line}  (expected {each.expected})"
    if solutions.num_mended:
        yield f"right answers in spite of a line that is not the prescribed one: {solutions.num_mended:,}"
    ends = solutions.ends
    if num_lost := sum(ends.values()) - ends["answer"]:
        yield (
            f"without an answer: {num_lost:,} (at a line that is no equation: {ends['malformed']:,}, "
            f"in circles: {ends['circle']:,}, after {MAX_LINES} lines: {ends['too long']:,})"
        )


def _table(title: str, counts: Sequence[StepCount], *, noun: str) -> Iterator[str]:
    width = max(_WIDTH, len(title) + 2, *(len(each.step) + 2 for each in counts))
    has_right = any(each.num_prescribed for each in counts)
    head = f"{title:<{width}}{noun:>10}{'wrong value':>13}{'miscopied':>11}{'right value':>13}{'malformed':>11}"
    yield head + (f"{'prescribed':>14}" if has_right else "")
    for each in counts:
        row = f"{each.step:<{width}}{each.num_lines:>10,}{each.num_wrong_value:>13,}{each.num_miscopied:>11,}"
        row += f"{each.num_right_value:>13,}{each.num_malformed:>11,}"
        yield row + (f"{share_text(each.num_prescribed / each.num_lines):>14}" if has_right else "")
