"""The commands that work on models: list those that come with eqstream, ask them or one's own."""

import functools
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from eqstream.commands.errors import BAD_DATA_STATUS
from eqstream.commands.options import orders_option
from eqstream.commands.output import json_option, output_options, report, show, show_json, warn
from eqstream.commands.runs import load_tensorflow
from eqstream.data.errors import UserError

if TYPE_CHECKING:
    from eqstream.data.reference.membership import KnownQuestion
    from eqstream.data.space_recipe import SpaceRecipe
    from eqstream.seq2seq.predict import Predictor, ShippedPredictor
    from eqstream.seq2seq.runs.shipped_models import ShippedModel

_STANDARD_INPUT = "-"
# A question that a model which comes with eqstream solves line by line.
_SOLVED_QUESTION = "847 / 7 - 12"
# Questions have none, names of directories nearly always.
_HAS_LETTER = re.compile("[A-Za-z]").search


@click.command(
    short_help="List the trained models that come with eqstream.",
    epilog="""\b
Examples:
  eqstream models
  eqstream models --json""",
)
@json_option
@output_options
def models(as_json: bool) -> None:
    """List the trained models that come with eqstream.

    With their tasks, sizes, what they can be asked and how they were judged. Each was trained by the recipe of its
    name. `eqstream predict QUESTION` asks the one of the smallest space that has the question.
    """
    from eqstream.seq2seq.runs.shipped_models import list_shipped_models

    rows = {model.name: _summarize(model) for model in list_shipped_models()}
    if as_json:
        show_json(rows)
    else:
        show("\n\n".join(_describe_row(name, row) for name, row in rows.items()))


def _summarize(model: "ShippedModel") -> dict[str, Any]:
    from eqstream.prompt import describe_questions

    recipe = model.run.read_recipe()
    return {
        "description": recipe.description,
        "model": recipe.sections["model"]["kind"],
        "bytes": model.run.model_keras.stat().st_size,
        "questions": [describe_questions(space) for space in model.spaces],
        "judged": model.verdict,
    }


def _describe_row(name: str, row: dict[str, Any]) -> str:
    lines = [row["description"], f"can be asked: {'; '.join(row['questions'])}", f"judged: {row['judged']}"]
    width = shutil.get_terminal_size().columns
    wrapped = [textwrap.fill(line, width, initial_indent="  ", subsequent_indent="    ") for line in lines]
    return "\n".join([f"{name} ({row['model']}, {row['bytes'] / 1e6:.1f} MB)", *wrapped])


@click.command(
    short_help="Ask a model questions.",
    epilog=f"""\b
Examples:
  eqstream predict "{_SOLVED_QUESTION}" --steps        a model that comes with eqstream (see eqstream models)
  eqstream predict "(996 - 362) * (384 + (666 + 25 + 533))" --orders 5
  eqstream predict out/run "123+456"
  eqstream predict out/run --file questions.txt --json
  eqstream predict out/run                       a prompt; quit or Ctrl-D ends""",
)
@click.argument("arguments", nargs=-1, metavar="[RUN] [QUESTION]...")
@click.option("--file", "path", metavar="FILE", type=click.Path(), help="Questions, one a line; - is standard input.")
@click.option("--explain", is_flag=True, help="Show how the model came to its answer.")
@click.option("--steps", is_flag=True, help="Show the solution line by line, and its first wrong line.")
@orders_option
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a line.")
@output_options
def predict(
    arguments: tuple[str, ...], path: str | None, explain: bool, steps: bool, orders: int, as_json: bool
) -> int:
    """Let the model in RUN answer questions such as "123+456".

    RUN is its directory, or the name of a model that comes with eqstream (`eqstream models` lists them). Without RUN,
    each question is answered by that one of these which has the smallest space with the question. Without a question
    they come from standard input, or from you at a prompt. One that begins with a minus sign must come after --. In
    files, blank lines and what follows # are skipped. A question that is refused is named on standard error, the
    others are answered, and the exit status is 1. Objects of --json have line (or number of the argument), question,
    predicted (by the model), expected (the right answer) and is_correct, or line, question and error; with --orders
    also vote: asked (the question in the order that led to the answer), num_orders and num_agreeing.
    """
    run, questions = _split_arguments(arguments)
    if questions and path is not None:
        raise click.UsageError("Questions come from arguments or from --file, not from both.")
    if questions == (_STANDARD_INPUT,) or (not questions and path is None and not is_typed()):
        questions, path = (), _STANDARD_INPUT
    from eqstream.prompt import answer_questions, converse, open_questions, read_arguments, read_lines

    askable = _find_askable(run, steps=steps)
    load = functools.cache(functools.partial(_load_predictor, run))
    answer = functools.partial(
        answer_questions,
        predictor=load,
        explain=explain,
        steps=steps,
        orders=orders,
        as_json=as_json,
        show=show,
        refuse=warn,
    )
    if path is not None:
        place = f"{'<stdin>' if path == _STANDARD_INPUT else path}:"
        with open_questions(path) as file:
            return 0 if answer(read_lines(file, askable.read), place=place) else BAD_DATA_STATUS
    if questions:
        return 0 if answer(read_arguments(questions, askable.read), place="question ") else BAD_DATA_STATUS
    report("loading the model …")
    load()
    converse(functools.partial(answer, place=""), read=askable.read, report=warn, spaces=askable.spaces)
    return 0


def is_typed() -> bool:
    """Returns whether a person types the standard input."""
    return sys.stdin.isatty()


def _split_arguments(arguments: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """Returns the run that the first argument is, if it is no question, and the questions.

    Raises:
        UserError: it is neither.
    """
    if not arguments or not (_HAS_LETTER(arguments[0]) or os.path.exists(arguments[0])):
        return None, arguments
    from eqstream.data.configuration import nearest
    from eqstream.seq2seq.runs.shipped_models import find_run, list_names, no_run

    run, names = arguments[0], list_names()
    if not os.path.exists(run) and run not in names:
        hint = nearest(run, names)
        raise UserError(f"{no_run(run)}, and it is no question: a question has no letters{hint}")
    return str(find_run(run)), arguments[1:]


class _Askable(NamedTuple):
    """What can be asked: the spaces, and what reads a question that a person typed."""

    spaces: "tuple[SpaceRecipe, ...]"
    read: "Callable[[str], KnownQuestion]"


def _find_askable(run: str | None, *, steps: bool) -> _Askable:
    """Returns what a run, or the models that come with eqstream, can be asked.

    Raises:
        UserError: there is no such run, or it has no `steps`.
    """
    from eqstream.data.reference.membership import read_question
    from eqstream.seq2seq.runs.run_directory import RunDirectory
    from eqstream.seq2seq.runs.shipped_models import list_shipped_models, list_spaces, read_shipped_question

    if run is None:
        models = list_shipped_models()
        return _Askable(list_spaces(models), lambda text: read_shipped_question(text, models))
    directory = RunDirectory(run)
    spaces = directory.read_spaces()
    if steps and not directory.read_codec().options.steps:
        raise UserError(f"{run}: --steps needs a model that was trained on steps (`codec.steps`), this one was not")
    return _Askable(spaces, lambda text: read_question(text, *spaces))


def _load_predictor(run: str | None) -> "Predictor | ShippedPredictor":
    load_tensorflow()
    from eqstream.seq2seq.predict import Predictor, ShippedPredictor

    return ShippedPredictor(report) if run is None else Predictor.load(run)
