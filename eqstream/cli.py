"""The command `eqstream`: parses, imports the one module that is needed, calls it, prints what comes back.

Nothing heavy is imported before a command runs, so that help comes at once.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from eqstream.commands import datasets, models, runs
from eqstream.commands.errors import (
    BAD_DATA_STATUS,
    INTERRUPTED_STATUS,
    BadDataError,
    InterruptedWorkError,
    RefusedError,
)
from eqstream.commands.output import is_verbose, output_options
from eqstream.data.errors import DamagedDataError, UserError
from eqstream.data.versions import EQSTREAM_VERSION

# Left out where only datasets are built and verified.
_MODEL_LIBRARIES = ("tensorflow", "keras", "matplotlib")


class _CommandGroup(click.Group):
    """Commands in the order of work, whose users' mistakes end in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the names in the order in which they are given."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command."""
        try:
            return super().invoke(ctx)
        except UserError as error:
            message, cause = str(error), error
        except OSError as error:
            # One without a file's name is of a pipe or a socket.
            if error.filename is None:
                raise
            message, cause = f"{error.filename} cannot be read or written: {error.strerror}", error
        except ModuleNotFoundError as error:
            if error.name not in _MODEL_LIBRARIES:
                raise
            message = f"{error.name} is not installed; models need it: in a checkout, pip install '.[models]'"
            cause = error
        if is_verbose():
            traceback.print_exception(cause)
        raise BadDataError(message) if isinstance(cause, DamagedDataError) else RefusedError(message)


def print_version(context: click.Context, _: click.Parameter, is_wanted: bool) -> None:
    """Prints the version and ends, if that is wanted."""
    if is_wanted:
        click.echo(f"eqstream {EQSTREAM_VERSION}")
        context.exit()


@click.group(
    cls=_CommandGroup,
    commands=[
        datasets.recipes,
        datasets.preview,
        datasets.build,
        datasets.verify,
        datasets.describe,
        runs.train,
        runs.evaluate,
        models.models,
        models.predict,
        runs.plot,
        runs.run_all,
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples, in the order of work:
  eqstream preview addition-3digit
  eqstream build addition-3digit --out out/sums
  eqstream train addition-3digit --data out/sums --out out/run
  eqstream evaluate out/run --unseen
  eqstream predict out/run "123+456"

\b
Exit status: 0 done; 1 something is wrong with the data, or a question was refused;
2 a mistake in what was asked for; 130 interrupted.

\b
Completion of commands, recipes and splits, for bash (zsh, fish):
  eval "$(_EQSTREAM_COMPLETE=bash_source eqstream)\"""",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=print_version, help="Show the version."
)
@output_options
def commands() -> None:
    """Datasets of arithmetic equations, exactly counted and without leaks, and the models trained on them."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command line and exits with its status."""
    try:
        status = commands.main(args=arguments, prog_name="eqstream", standalone_mode=False)
    except click.ClickException as error:
        _in_one_line(error).show()
        status = error.exit_code
    except InterruptedWorkError as error:
        click.echo(f"\neqstream: {error}", err=True)
        leave_at_once(INTERRUPTED_STATUS)
    except (click.Abort, KeyboardInterrupt):
        click.echo("\neqstream: interrupted", err=True)
        leave_at_once(INTERRUPTED_STATUS)
    except BrokenPipeError:
        # The reader of the output has had enough; what is left in the buffer goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = BAD_DATA_STATUS
    sys.exit(status or 0)


def _in_one_line(error: click.ClickException) -> click.ClickException:
    """Returns a mistake in the command line, of which click would write four lines, as other mistakes are written."""
    message = error.format_message()
    # Where nothing is asked for, the message is the whole help.
    if not isinstance(error, click.UsageError) or "\n" in message:
        return error
    if isinstance(error, click.NoSuchOption) and error.option_name[1:2].isdigit():
        return RefusedError('a question that begins with a minus sign comes after --: eqstream predict -- "-5 + 3"')
    hint = f" (see `{error.ctx.command_path} --help`)" if error.ctx else ""
    return RefusedError(f"{message[0].lower()}{message[1:].removesuffix('.')}{hint}")


def leave_at_once(status: int) -> NoReturn:
    """Ends the process though threads still run, such as those of a pipeline that was given up."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
