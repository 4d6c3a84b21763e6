"""What a command writes: how much, in which colours, as text or JSON."""

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

_QUIET, _VERBOSE = "eqstream.is_quiet", "eqstream.is_verbose"
_GOOD, _BAD, _DOUBTFUL = {"fg": "green"}, {"fg": "red"}, {"fg": "yellow"}
# What is coloured, at the beginning of a line.
_PATTERN_TO_STYLE: dict[str, dict[str, Any]] = {
    r" *☑|proven:|valid(?=$|,)": _GOOD,
    r" *☒|wrong:|INVALID(?=\b)": _BAD,
    r"not checked:|to repair:|warning:|note:": _DOUBTFUL,
    r"exact match .*": {"bold": True},
}
_MARK = re.compile("|".join(f"^({pattern})" for pattern in _PATTERN_TO_STYLE), re.MULTILINE)

Command = TypeVar("Command", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")


def output_options(command: Command) -> Command:
    """Gives a command the options --quiet, --verbose and --color, which it need not take as arguments."""
    options = [
        click.option("-q", "--quiet", is_flag=True, help="No progress: only results and errors."),
        click.option("-v", "--verbose", is_flag=True, help="Also what the libraries log, and tracebacks of errors."),
        click.option(
            "--color",
            type=click.Choice(["auto", "always", "never"]),
            help="Colours; auto heeds NO_COLOR and FORCE_COLOR.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
        parameter = command.__click_params__[-1]  # type: ignore[attr-defined]
        parameter.expose_value, parameter.callback = False, _note
    return command


def _note(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Keeps an option's value for the whole command line, whether it stands before or after the command's name."""
    if parameter.name == "color":
        root = context.find_root()
        if value is not None or context is root:
            root.color = context.color = _wants_color(value or "auto")
    elif value:
        context.meta[_QUIET if parameter.name == "quiet" else _VERBOSE] = True


def _wants_color(choice: str) -> bool | None:
    """Returns whether to write colours; None leaves it to whether the stream is a terminal."""
    if choice != "auto":
        return choice == "always"
    return False if os.environ.get("NO_COLOR") else True if os.environ.get("FORCE_COLOR") else None


def is_quiet() -> bool:
    """Returns whether only results and errors are wanted."""
    return click.get_current_context().meta.get(_QUIET, False)


def is_verbose() -> bool:
    """Returns whether logs and tracebacks are wanted."""
    return click.get_current_context().meta.get(_VERBOSE, False)


def report(line: str) -> None:
    """Writes a line of progress to standard error, unless the command is to be quiet."""
    if not is_quiet():
        warn(line)


def make_reporter() -> Callable[[str], None]:
    """Returns `report` for any thread: in others than the one that read the command line, click has no options."""
    is_wanted = not is_quiet()

    def report_if_wanted(line: str) -> None:
        if is_wanted:
            warn(line)

    return report_if_wanted


def warn(line: str) -> None:
    """Writes a line to standard error, in colours if it may."""
    click.echo(colored(line), err=True)


def show(text: str) -> None:
    """Writes a result to standard output, in colours if it may."""
    click.echo(colored(text))


def show_json(values: Mapping[str, Any] | list[Any]) -> None:
    """Writes a result of JSON types, and of paths, as JSON."""
    click.echo(json.dumps(values, indent=2, ensure_ascii=False, default=str))


def colored(text: str) -> str:
    r"""Returns the text with the marks at the beginnings of its lines in colours.

    >>> colored("proven: a\n  ☒ 1 + 1 = 3")
    '\x1b[32mproven:\x1b[0m a\n\x1b[31m  ☒\x1b[0m 1 + 1 = 3'
    """
    styles = list(_PATTERN_TO_STYLE.values())
    return _MARK.sub(lambda match: click.style(match[0], **styles[(match.lastindex or 1) - 1]), text)


def is_at_terminal() -> bool:
    """Returns whether a person reads the results."""
    return sys.stdout.isatty()
