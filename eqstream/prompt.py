"""Questions from arguments, a file or a prompt, read before any model is loaded, and what is written about them."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, TextIO

import click

from eqstream.data.errors import UserError, shorten
from eqstream.data.reference.membership import KnownQuestion
from eqstream.data.space_recipe import SpaceRecipe

if TYPE_CHECKING:
    from eqstream.seq2seq.predict import Predictor, ShippedPredictor

STANDARD_INPUT = "-"
_COMMENT = "#"
# Bounds memory however long a file is, and is enough for the compiled graph to pay.
_QUESTIONS_PER_BATCH = 20_000
_QUIT = ("quit", "exit", "q")
_HELP = ("help", "?")

Report = Callable[[str], None]
# Returns the question that a text is, or raises a `UserError`.
Read = Callable[[str], KnownQuestion]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Something that a person asked.

    Attributes:
        number: of the line in its file, or of the argument, from 1.
        text: as it was written, without spaces at its ends.
        known: the question, None if it is refused.
        error: why it is refused.
    """

    number: int
    text: str
    known: KnownQuestion | None = None
    error: str = ""


def answer_questions(
    questions: Iterable[Asked],
    predictor: "Callable[[], Predictor | ShippedPredictor]",
    *,
    place: str,
    explain: bool,
    steps: bool,
    orders: int,
    as_json: bool,
    show: Report,
    refuse: Report,
) -> bool:
    """Answers questions in order and names those that are refused; returns whether none is.

    Args:
        questions: taken in batches, so that a file of any length needs the same memory.
        predictor: returns the model; called only when there is a question that it can answer.
        place: stands before the number of a question that is refused; if empty, the number is left out.
        explain: whether each character is shown with its probability.
        steps: whether the lines of solutions are shown, of a model that was trained on steps.
        orders: in how many of its orders each question is asked.
        as_json: whether each question, also one that is refused, becomes one line of JSON.
        show: called with the lines of answers, and of all JSON.
        refuse: called with the line of each question that is refused.
    """
    is_all_answered = True
    remaining = iter(questions)
    while batch := list(islice(remaining, _QUESTIONS_PER_BATCH)):
        known = [asked.known for asked in batch if asked.known is not None]
        predictions = iter(predictor().answer(known, orders=orders) if known else ())
        lines = []
        for asked in batch:
            if asked.known is not None:
                prediction = next(predictions)
                write = prediction.to_dict if as_json else prediction.to_text
                answer = write(explain, steps=steps)
                lines.append(_to_json(asked.number, answer) if isinstance(answer, dict) else answer)
                continue
            is_all_answered = False
            if as_json:
                lines.append(_to_json(asked.number, {"question": asked.text, "error": asked.error}))
            else:
                refuse(f"{place}{asked.number}: {asked.error}" if place else asked.error)
        if lines:
            show("\n".join(lines))
    return is_all_answered


def _to_json(number: int, values: dict[str, Any]) -> str:
    return json.dumps({"line": number} | values, ensure_ascii=False)


def open_questions(path: str) -> TextIO:
    """Returns the file, or standard input for `-`; bytes that are no UTF-8 become unknown characters of their line.

    Raises:
        UserError: the file cannot be opened.
    """
    try:
        return click.open_file(path, encoding="utf-8-sig", errors="replace")  # type: ignore[return-value]
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error


def read_arguments(texts: Sequence[str], read: Read) -> Iterator[Asked]:
    """Yields the questions in order."""
    return (_read(number, text.strip(), read) for number, text in enumerate(texts, start=1))


def read_lines(lines: Iterable[str], read: Read) -> Iterator[Asked]:
    """Yields the question of each line as it is asked for; blank lines and what follows `#` are skipped."""
    for number, line in enumerate(lines, start=1):
        if text := line.partition(_COMMENT)[0].strip():
            yield _read(number, text, read)


def _read(number: int, text: str, read: Read) -> Asked:
    try:
        return Asked(number=number, text=text, known=read(text))
    except UserError as error:
        return Asked(number=number, text=text, error=str(error))


def converse(
    answer: Callable[[list[Asked]], object], *, read: Read, report: Report, spaces: Sequence[SpaceRecipe]
) -> None:
    """Asks for questions at a prompt until Ctrl-D, Ctrl-C or `quit`.

    Args:
        answer: called with a list of one question.
        read: returns the question that a text is.
        report: called with each line of help.
        spaces: what can be asked.
    """
    # Importing it gives the prompt line editing and a history; some builds of Python are without.
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401
    help_text = f"ask for {', or '.join(map(describe_questions, spaces))}; `quit` or Ctrl-D ends"
    report(help_text)
    number = 0
    while (text := _ask()) is not None and text not in _QUIT:
        if text in _HELP:
            report(help_text)
        elif text:
            number += 1
            answer([_read(number, text, read)])


def describe_questions(space: SpaceRecipe) -> str:
    """Returns in words which questions a space contains.

    >>> from eqstream.data.space_recipe import Operands
    >>> describe_questions(SpaceRecipe(operands=Operands(min=0, max=999), operators="+-", brackets=True))
    '2 numbers from 0 to 999, joined by + or -, with or without brackets'
    """
    low, high = space.terms.min, space.terms.max
    terms = f"{low} to {high} numbers" if low < high else f"{low} number{'s' if low > 1 else ''}"
    operands = space.operands
    decimals = f" with up to {operands.decimals} decimal{'s' if operands.decimals > 1 else ''}"
    operators = " or ".join(filter(None, [", ".join(space.operators[:-1]), space.operators[-1]]))
    least, most = (shorten(str(end), max_length=30, unit="digits") for end in (operands.min, operands.max))
    return (
        f"{terms} from {least} to {most}{decimals if operands.decimals else ''}, joined by {operators}"
        f"{', with or without brackets' if space.brackets else ''}"
    )


def _ask() -> str | None:
    """Returns the line that a person has typed, None at the end of the input."""
    prompt = "question: "
    if not sys.stdout.isatty():
        # `input` would write it into the answers.
        click.echo(prompt, nl=False, err=True)
        prompt = ""
    try:
        return input(prompt).strip()
    except (EOFError, KeyboardInterrupt):
        click.echo(err=True)
        return None
