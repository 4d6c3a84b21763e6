"""Questions that a person has written into a file or standard input, one a line."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TextIO

import click

from eqstream.data.errors import UserError
from eqstream.data.recipe import SpaceRecipe
from eqstream.data.reference.membership import KnownQuestion, read_question

STANDARD_INPUT = "-"
_COMMENT = "#"
# Bounds memory however long a file is, and is enough for the compiled graph to pay.
_LINES_PER_BATCH = 20_000


@dataclass(frozen=True, kw_only=True)
class QuestionBatch:
    """Some lines that follow each other.

    Attributes:
        known: what the model can be asked, in order.
        refused: for each other line that asks something, `name:line: reason`; lines are counted from 1.
    """

    known: tuple[KnownQuestion, ...]
    refused: tuple[str, ...]


def open_questions(path: str) -> TextIO:
    """Returns the file, or standard input for `-`; bytes that are no UTF-8 become unknown characters of their line.

    Raises:
        UserError: the file cannot be opened.
    """
    try:
        return click.open_file(path, encoding="utf-8-sig", errors="replace")  # type: ignore[return-value]
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error


def read_batches(
    lines: Iterable[str], name: str, space: SpaceRecipe, size: int = _LINES_PER_BATCH
) -> Iterator[QuestionBatch]:
    """Yields the lines in batches of `size`, read as they are asked for.

    Args:
        lines: one question each, in either spacing; blank ones and what follows `#` are skipped.
        name: of the file, for refusals.
        space: that must contain the questions.
        size: lines of a batch, at least 1.
    """
    if name == STANDARD_INPUT:
        name = "<stdin>"
    numbered = enumerate(lines, start=1)
    while batch := list(islice(numbered, size)):
        known, refused = [], []
        for number, line in batch:
            if text := line.partition(_COMMENT)[0].strip():
                try:
                    known.append(read_question(text, space))
                except UserError as error:
                    refused.append(f"{name}:{number}: {error}")
        yield QuestionBatch(known=tuple(known), refused=tuple(refused))
