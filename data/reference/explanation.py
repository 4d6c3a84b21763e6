"""What is to be said of a line of a worked solution that a model wrote: the verdict, and for people a sentence."""

import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from eqstream.data.errors import UserError
from eqstream.data.reference.evaluation import evaluate
from eqstream.data.reference.parsing import (
    MAX_DIGITS,
    Number,
    Operation,
    Rational,
    Tree,
    decimal_places,
    decimal_text,
    parse,
    parse_strict,
    render,
)
from eqstream.data.reference.solution import line_text, next_line
from eqstream.data.reference.step_kinds import keeps_rest, name_step
from eqstream.data.space_recipe import SpaceRecipe

Verdict = Literal["prescribed", "reordered", "right value", "wrong value", "miscopied", "malformed", "unjudged"]


@dataclass(frozen=True, kw_only=True)
class JudgedLine:
    """A line that was written behind another one.

    Attributes:
        before: the line before.
        line: what was written.
        verdict: `prescribed` is the next line by the rules; `reordered` the line before, as it was asked again, with
            sides of sums and products swapped or differences that are taken away turned; `right value` another one of
            the same value; `wrong value` one with a mistake in the step; `miscopied` one with a mistake in what the
            step leaves as it is, or there, too; `malformed` no equation, or not as it is written; `unjudged` a line
            behind one that has no answer.
        step: the kind of the step that belongs there, see `step_kinds`; None where the line is unjudged or reordered.
        expected: the line that belongs there; None likewise.
        fault: why the line is not the next one, in words that follow its text and a colon; None where it is.
    """

    before: str
    line: str
    verdict: Verdict
    step: str | None
    expected: str | None
    fault: str | None


def judge_solution(
    lines: Sequence[str], space: SpaceRecipe, *, factored: bool, reordered: Collection[int] = ()
) -> Iterator[JudgedLine]:
    """Yields the lines of a solution, each judged by the one before; a line counts even behind a wrong one.

    Args:
        lines: the question, which is an equation, and what was written behind it; all but the last one are equations.
        space: of the question.
        factored: As of `next_line`.
        reordered: The places of lines that were not written: those before, as they were asked again.
    """
    for place, (before, line) in enumerate(itertools.pairwise(lines), start=1):
        if place in reordered:
            yield JudgedLine(before=before, line=line, verdict="reordered", step=None, expected=None, fault=None)
            continue
        yield judge_line(
            before,
            line,
            division=space.division,
            places=space.places,
            spacing=space.spacing,
            factored=factored,
        )


def judge_line(
    before: str,
    line: str,
    *,
    division: str = "exact",
    places: int = 0,
    spacing: bool = True,
    factored: bool = False,
) -> JudgedLine:
    """Returns what is to be said of a line.

    Args:
        before: the line before, an equation.
        line: what was written behind it.
        division: As of `next_line`.
        places: As of `next_line`.
        spacing: Whether spaces stand around operators.
        factored: As of `next_line`.

    >>> judged = judge_line("80 + (4602 - 4130) / 59", "80 + 482 / 59")
    >>> judged.verdict, judged.step, judged.expected
    ('wrong value', 'difference', '80 + 472 / 59')
    >>> judged.fault
    'its value is 5202/59, not 88: 4602 - 4130 is 472, the line has 482'
    >>> judge_line("1 + 2 + 3", "1 + 5").fault
    'its value is right, but this is not the next step: 1 + 2 + 3 becomes 3 + 3, the line has 1 + 5'
    """
    tree = parse(before)
    verdict: Verdict = "prescribed"
    fault = step = expected = None
    try:
        following = next_line(tree, division, places, factored=factored)
        expected = line_text(following, division, spacing)
        step = name_step(tree, following, division, factored=factored)
        if line != expected:
            verdict, fault = _find_fault(tree, following, line, division=division, spacing=spacing, factored=factored)
    except ArithmeticError as error:
        verdict, step, expected = "unjudged", None, None
        fault = f"the line before it has no answer: {error}"
    return JudgedLine(before=before, line=line, verdict=verdict, step=step, expected=expected, fault=fault)


def _find_fault(
    tree: Tree, step: Tree, line: str, *, division: str, spacing: bool, factored: bool
) -> tuple[Verdict, str]:
    """Returns what is wrong with a line that is not the one that `step` is."""
    values = _value(tree, division), _value(step, division)
    try:
        found = _read(
            line, spacing=spacing, may_be_answer=division == "fraction" and (factored or isinstance(step, Number))
        )
        found_value = _value(found, division)
    except UserError as error:
        return "malformed", str(error)
    except ZeroDivisionError:
        return "wrong value", "it has no value: it divides by zero"
    verdict: Verdict = "right value"
    judgement = "its value is right, but this is not the next step"
    # They differ where the step rounds; to leave that out is no mistake in the value.
    if found_value not in values:
        verdict = "wrong value" if keeps_rest(tree, step, found) else "miscopied"
        judgement = f"its value is {_value_text(found_value, division)}, not {_value_text(values[1], division)}"
    before, after, there = _narrow(tree, step, found)
    verb = "stays" if before == after else "is" if isinstance(after, Number) else "becomes"
    becomes = "" if before == after else f" {line_text(after, division, spacing)}"
    has = line if there is found else render(there, spacing)
    return verdict, f"{judgement}: {render(before, spacing)} {verb}{becomes}, the line has {has}"


def _read(line: str, *, spacing: bool, may_be_answer: bool) -> Tree:
    # The answer of a `fraction` is written without spaces.
    return parse_strict(line, spacing and not (may_be_answer and "/" in line and " " not in line))


def _value(tree: Tree, division: str) -> Rational:
    # A wrong line may divide inexactly where the space does not; it has a value all the same.
    return evaluate(tree, "quotient" if division == "quotient" else "fraction")


def _value_text(value: Rational, division: str) -> str:
    if max(abs(value.numerator), value.denominator) >= 10**MAX_DIGITS:
        return f"a number of more than {MAX_DIGITS} digits"
    return str(value) if division == "fraction" or decimal_places(value) is None else decimal_text(value)


def _narrow(before: Tree, after: Tree, found: Tree) -> tuple[Tree, Tree, Tree]:
    """Returns the smallest part that tells where a line went wrong: before the step, after it, and as the line has it.

    The first two are the same where the line has changed what stays as it is.
    """
    while isinstance(before, Operation) and isinstance(after, Operation) and isinstance(found, Operation):
        is_same_operator = before.operator == after.operator == found.operator
        if not is_same_operator or (before.left != after.left and before.right != after.right):
            break
        if after.left == found.left:
            before, after, found = before.right, after.right, found.right
        elif after.right == found.right:
            before, after, found = before.left, after.left, found.left
        else:
            break
    return before, after, found
