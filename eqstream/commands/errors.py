"""Exit statuses, and what ends a command."""

import contextlib
import os
from collections.abc import Iterator
from typing import IO, Any

import click

BAD_DATA_STATUS = 1
USER_ERROR_STATUS = 2
INTERRUPTED_STATUS = 130


class RefusedError(click.ClickException):
    """A mistake that the user can mend; its message is one line."""

    exit_code = USER_ERROR_STATUS

    def show(self, file: IO[Any] | None = None) -> None:
        """Writes the line to standard error."""
        mark = click.style("error:", fg="red", bold=True)
        click.echo(f"eqstream: {mark} {self.message}", err=True, color=self.show_color)


class BadDataError(RefusedError):
    """Data that cannot be believed; its message is one line."""

    exit_code = BAD_DATA_STATUS


class InterruptedWorkError(Exception):
    """Ctrl-C has ended a command that can go on later; the message says how."""


@contextlib.contextmanager
def kept_when_interrupted(directory: str) -> Iterator[None]:
    """Says on Ctrl-C that the same command goes on with what is finished, if there is anything."""
    try:
        yield
    except KeyboardInterrupt as error:
        is_begun = "://" in directory or os.path.isdir(directory)
        kept = "what is finished is kept, run the same command again to go on"
        message = f"interrupted; {kept if is_begun else 'nothing was written yet'}"
        raise InterruptedWorkError(message) from error
