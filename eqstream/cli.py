"""The command `eqstream`: parses, imports the one module that is needed, calls it, prints what comes back.

Nothing heavy is imported before a command runs, so that help comes at once.
"""

import contextlib
import functools
import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from typing import NoReturn

import click

from eqstream.data.errors import UserError
from eqstream.data.versions import package_version

USER_ERROR_STATUS = 2
BAD_DATA_STATUS = 1
INTERRUPTED_STATUS = 130
# Left out where only datasets are built and verified.
MODEL_LIBRARIES = ("tensorflow", "keras", "matplotlib")
# A value of `evaluate --split`.
ALL_SPLITS = "all"
# How the names of recipes begin, and what these are.
RECIPE_GROUPS = {
    "prior-": "Published experiments, repeated",
    "proposed-": "What the published experiments propose",
}

recipe_argument = click.argument("recipe")
set_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change one key: space.operands.max=99."
)
format_option = click.option("--format", "formats", metavar="FORMATS", help="tfrecord, parquet or tfrecord,parquet.")
workers_option = click.option("--workers", default=1, show_default=True, help="Processes to work in.")
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace what an earlier run wrote there.")


class InterruptedWorkError(Exception):
    """Ctrl-C has ended a command that can go on later; the message says how."""


@contextlib.contextmanager
def kept_when_interrupted() -> Iterator[None]:
    """Says on Ctrl-C that the same command goes on with what is finished."""
    try:
        yield
    except KeyboardInterrupt as error:
        message = "interrupted; what is finished is kept, run the same command again to go on"
        raise InterruptedWorkError(message) from error


def print_version(context: click.Context, _: click.Parameter, is_wanted: bool) -> None:
    """Prints the version and ends, if that is wanted."""
    if is_wanted:
        version = package_version("eqstream", "")
        click.echo(f"eqstream {version}" if version else "eqstream, not installed")
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=print_version, help="Show the version."
)
def commands() -> None:
    """Datasets of arithmetic equations, exactly counted and without leaks, and the models judged on them."""


@commands.command()
def recipes() -> None:
    """List the recipes that come with eqstream."""
    from eqstream.data.recipe import load_recipe, shipped_recipes

    names = sorted(shipped_recipes())
    width = max(map(len, names))
    groups = {title: [name for name in names if name.startswith(prefix)] for prefix, title in RECIPE_GROUPS.items()}
    others = [name for name in names if not name.startswith(tuple(RECIPE_GROUPS))]
    blocks = [
        "\n".join([f"{title}:", *(f"  {name:<{width}}  {load_recipe(name).description}" for name in members)])
        for title, members in {"Equation spaces and models of them": others, **groups}.items()
    ]
    click.echo("\n\n".join(blocks))


@commands.command()
@recipe_argument
@set_option
@format_option
def preview(recipe: str, overrides: Sequence[str], formats: str | None) -> None:
    """Show what a build of RECIPE would give; writes nothing."""
    from eqstream.pipelines.preview import preview as preview_recipe

    click.echo(preview_recipe(_load(recipe, overrides, formats)).to_text())


@commands.command()
@recipe_argument
@click.option("--out", "directory", required=True, metavar="DIR", help="The dataset's directory.")
@set_option
@format_option
@workers_option
@click.option("--only", metavar="SHARD", help="Write one shard alone, such as train-00003.")
@overwrite_option
@click.argument("beam_options", nargs=-1, type=click.UNPROCESSED, metavar="[-- BEAM OPTIONS]")
def build(
    recipe: str,
    directory: str,
    overrides: Sequence[str],
    formats: str | None,
    workers: int,
    only: str | None,
    overwrite: bool,
    beam_options: Sequence[str],
) -> None:
    """Build the dataset of RECIPE, a YAML file or the name of a shipped one.

    An interrupted build goes on when the same command is run again. Arguments after -- go to Beam.
    """
    _check_beam_options(beam_options)
    checked = _load(recipe, overrides, formats)
    _build(checked, directory, workers=workers, beam_options=beam_options, only=only, overwrite=overwrite)


@commands.command()
@click.argument("directory", metavar="DIR")
@workers_option
def verify(directory: str, workers: int) -> int:
    """Prove from the files alone that the dataset in DIR is what its manifest says."""
    _keep_beam_quiet(())
    from eqstream.pipelines.runtime.progress import progress_on
    from eqstream.pipelines.verify import verify as verify_dataset

    report = verify_dataset(directory, workers=workers, progress=progress_on(sys.stderr))
    click.echo(report.to_text())
    return 0 if report.is_sound else BAD_DATA_STATUS


@commands.command()
@click.argument("directory", metavar="DIR")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def describe(directory: str, as_json: bool) -> None:
    """Show counts, histograms and samples of the dataset in DIR."""
    _keep_beam_quiet(())
    from eqstream.pipelines.describe import describe as describe_dataset
    from eqstream.pipelines.describe import render_description

    description = describe_dataset(directory)
    click.echo(json.dumps(description, indent=2) if as_json else render_description(description))


@commands.command()
@recipe_argument
@click.option("--data", required=True, metavar="DIR", help="A dataset.")
@click.option("--out", "run", required=True, metavar="RUN", help="The run's directory.")
@set_option
@click.option("--resume", is_flag=True, help="Go on with an interrupted training.")
@overwrite_option
def train(recipe: str, data: str, run: str, overrides: Sequence[str], resume: bool, overwrite: bool) -> None:
    """Train the model of RECIPE on the dataset in DIR."""
    advice = f"the same command with --resume{' in place of --overwrite' if overwrite else ''}"
    _train(_load(recipe, overrides, None), data, run, resume=resume, overwrite=overwrite, advice=advice)


@commands.command()
@click.argument("run", metavar="RUN")
@click.option("--data", metavar="DIR", help="Another dataset than the one that the model was trained on.")
@click.option("--split", help="The split to evaluate on; `all` gives one line a split.")
@click.option("--unseen", is_flag=True, help="Every equation of the space that was not trained on, instead.")
@click.option("--limit", type=click.IntRange(min=1), help="Evaluate on so many examples at most, the first ones.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV, one row a group of examples.")
@click.option("--wrong", "wrong_file", metavar="FILE", help="Write all wrong answers to FILE, as CSV.")
def evaluate(
    run: str,
    data: str | None,
    split: str | None,
    unseen: bool,
    limit: int | None,
    as_json: bool,
    as_csv: bool,
    wrong_file: str | None,
) -> None:
    """Evaluate the model in RUN by exact match.

    The report is also saved in RUN/reports, as text, JSON and CSV. Wrong answers have predicted (by the model) and
    expected (the right answer).
    """
    if as_json and as_csv:
        raise click.UsageError("Choose one of --json and --csv.")
    is_all = split == ALL_SPLITS
    if is_all and (as_csv or unseen or wrong_file is not None):
        raise click.UsageError("--split all goes with none of --csv, --unseen and --wrong.")
    from eqstream.seq2seq.runs.run_directory import RunDirectory, check_output_file

    # What is wrong must not come to light after TensorFlow is loaded.
    RunDirectory(run).read_description()
    if wrong_file is not None:
        check_output_file(wrong_file)
    _load_tensorflow()
    from eqstream.seq2seq.analysis.report_text import render_splits
    from eqstream.seq2seq.evaluate import evaluate as evaluate_run
    from eqstream.seq2seq.evaluate import evaluate_all

    if is_all:
        reports = evaluate_all(run, data_directory=data, limit=limit, report=_report)
        as_dicts = [report.to_dict() for report in reports]
        click.echo(json.dumps(as_dicts, indent=2, sort_keys=True) if as_json else render_splits(reports))
        return
    report = evaluate_run(
        run, data_directory=data, split=split, unseen=unseen, limit=limit, wrong_file=wrong_file, report=_report
    )
    click.echo(report.to_json() if as_json else report.to_csv() if as_csv else _render_report(report))


@commands.command()
@click.argument("run", metavar="RUN")
@click.argument("questions", nargs=-1, metavar="[QUESTION]...")
@click.option("--file", "path", metavar="FILE", help="Questions, one a line; - is standard input.")
@click.option("--explain", is_flag=True, help="Show how the model came to its answer.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def predict(run: str, questions: Sequence[str], path: str | None, explain: bool, as_json: bool) -> int:
    """Let the model in RUN answer questions such as "123+456".

    Without a question they come from standard input, or from you at a prompt. One that begins with a minus sign must
    come after --. In files, blank lines and what follows # are skipped. A question that is refused is named on standard
    error, the others are answered, and the exit status is 1. Objects of --json have line (or number of the argument),
    question, predicted (by the model), expected (the right answer) and is_correct, or line, question and error.
    """
    if questions and path is not None:
        raise click.UsageError("Questions come from arguments or from --file, not from both.")
    if tuple(questions) == ("-",) or (not questions and path is None and not _is_at_terminal()):
        questions, path = (), "-"
    from eqstream.prompt import answer_questions, converse, open_questions, read_arguments, read_lines
    from eqstream.seq2seq.runs.run_directory import RunDirectory

    space = RunDirectory(run).read_recipe().space

    @functools.cache
    def load_predictor():
        _load_tensorflow()
        from eqstream.seq2seq.predict import Predictor

        return Predictor.load(run)

    answer = functools.partial(
        answer_questions, predictor=load_predictor, explain=explain, as_json=as_json, report=_report
    )
    if path is not None:
        place = f"{'<stdin>' if path == '-' else path}:"
        with open_questions(path) as file:
            return 0 if answer(read_lines(file, space), place=place) else BAD_DATA_STATUS
    if questions:
        return 0 if answer(read_arguments(questions, space), place="question ") else BAD_DATA_STATUS
    _report("loading the model ...")
    load_predictor()
    converse(functools.partial(answer, place=""), space, _report)
    return 0


@commands.command()
@click.argument("run", metavar="RUN")
@click.option("--out", "directory", metavar="DIR", help="Where the plots go; into RUN by default.")
@click.option("--data", metavar="DIR", help="Another dataset than the one that the model was trained on.")
@click.option("--split", help="The split to evaluate on.")
@click.option("--limit", type=click.IntRange(min=1), help="Evaluate on so many examples at most; 100,000 by default.")
@click.option("--question", help="Also plot how the model answers this question.")
def plot(
    run: str, directory: str | None, data: str | None, split: str | None, limit: int | None, question: str | None
) -> None:
    """Plot the training in RUN and what its model gets right and wrong, as PNG and SVG."""
    from eqstream.data.reference.membership import read_question
    from eqstream.seq2seq.runs.run_directory import RunDirectory

    space = RunDirectory(run).read_recipe().space
    if question is not None:
        read_question(question, space)
    _load_tensorflow()
    from eqstream.seq2seq.plot import plot as plot_run

    paths = plot_run(
        run, out=directory, data_directory=data, split=split, limit=limit, question=question, report=_report
    )
    for path in paths:
        click.echo(path)


@commands.command(name="run")
@recipe_argument
@click.option("--out", "directory", required=True, metavar="DIR", help="For DIR/data and DIR/run.")
@set_option
@workers_option
@overwrite_option
def run_all(recipe: str, directory: str, overrides: Sequence[str], workers: int, overwrite: bool) -> None:
    """Build the dataset of RECIPE, train its model and judge it.

    Whatever of this is done is not done again when the same command is run again.
    """
    from eqstream.seq2seq.config.sections import ModelRecipe

    checked = _load(recipe, overrides, None)
    # A mistake in the model's part must not come to light after the build.
    ModelRecipe.from_recipe(checked)
    with kept_when_interrupted():
        _run_all(checked, directory, workers=workers, overwrite=overwrite)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command line and exits with its status."""
    try:
        status = commands.main(args=arguments, prog_name="eqstream", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except UserError as error:
        click.echo(f"eqstream: error: {error}", err=True)
        status = USER_ERROR_STATUS
    except ModuleNotFoundError as error:
        if error.name not in MODEL_LIBRARIES:
            raise
        click.echo(
            f"eqstream: error: {error.name} is not installed; models need: pip install 'eqstream[models]'", err=True
        )
        status = USER_ERROR_STATUS
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


def leave_at_once(status: int) -> NoReturn:
    """Ends the process though threads still run, such as those of a pipeline that was given up."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _load(recipe: str, overrides: Sequence[str], formats: str | None):
    from eqstream.data.recipe import load_recipe

    if formats is not None:
        overrides = [*overrides, f"storage.formats=[{formats}]"]
    return load_recipe(recipe, overrides)


def _build(recipe, directory: str, *, workers: int, beam_options: Sequence[str], only: str | None, overwrite: bool):
    _keep_beam_quiet(beam_options)
    from eqstream.pipelines.build import build as build_dataset
    from eqstream.pipelines.runtime.progress import progress_on

    with kept_when_interrupted():
        result = build_dataset(
            recipe,
            directory,
            workers=workers,
            pipeline_options=beam_options,
            only=only,
            overwrite=overwrite,
            progress=progress_on(sys.stderr),
        )
    click.echo(result.to_text())


def _train(recipe, data: str, run: str, *, resume: bool, overwrite: bool, advice: str) -> None:
    _report("starting TensorFlow …")
    _load_tensorflow()
    from eqstream.seq2seq.train import TrainingInterruptedError
    from eqstream.seq2seq.train import train as train_model
    from eqstream.seq2seq.training.progress import progress_on

    display = progress_on(sys.stderr)
    try:
        report = train_model(recipe, data, run, resume=resume, overwrite=overwrite, report=_report, display=display)
    except TrainingInterruptedError as error:
        raise InterruptedWorkError(f"{error}; {advice} goes on from there") from error
    click.echo(report.to_text())


def _run_all(recipe, directory: str, *, workers: int, overwrite: bool) -> None:
    from eqstream.seq2seq.runs.run_directory import RunDirectory

    data, run = os.path.join(directory, "data"), os.path.join(directory, "run")
    _build(recipe, data, workers=workers, beam_options=(), only=None, overwrite=overwrite)
    resume = RunDirectory(run).exists and not overwrite
    advice = f"the same command{' without --overwrite' if overwrite else ''}"
    _train(recipe, data, run, resume=resume, overwrite=overwrite, advice=advice)

    from eqstream.seq2seq.evaluate import evaluate as evaluate_run

    click.echo(_render_report(evaluate_run(run, report=_report)))


def _render_report(report) -> str:
    """Returns the whole report as text, or at a terminal what a person wants to see first."""
    from eqstream.seq2seq.analysis.report_text import render_brief_report, render_report

    return render_brief_report(report) if sys.stdout.isatty() else render_report(report)


def _is_at_terminal() -> bool:
    return sys.stdin.isatty()


def _report(line: str) -> None:
    click.echo(line, err=True)


def _check_beam_options(options: Sequence[str]) -> None:
    if options and not options[0].startswith("-"):
        raise click.UsageError(f"Got unexpected extra argument ({options[0]}).")


def _keep_beam_quiet(beam_options: Sequence[str]) -> None:
    """Silences Beam's own logs, unless it was given options: who runs a cluster wants to read what it says."""
    if beam_options:
        logging.basicConfig(level=logging.INFO)
        return
    # Beam would give a root logger without handlers one that prints.
    logging.getLogger().addHandler(logging.NullHandler())


def _load_tensorflow() -> None:
    """Loads TensorFlow, whatever backend Keras is set to for other programs."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    from eqstream.tensorflow_startup import load_tensorflow

    load_tensorflow()


if __name__ == "__main__":
    main()
