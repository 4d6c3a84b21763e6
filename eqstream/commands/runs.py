"""The commands that work on runs: train, evaluate, plot, and run for everything."""

import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from eqstream.commands.datasets import build_dataset
from eqstream.commands.errors import InterruptedWorkError, kept_when_interrupted
from eqstream.commands.options import (
    complete_recipe,
    force_option,
    load_recipe,
    load_training_recipe,
    orders_option,
    other_data_option,
    overwrite_option,
    recipe_argument,
    run_argument,
    set_option,
    split_option,
    workers_option,
)
from eqstream.commands.output import (
    is_at_terminal,
    is_quiet,
    is_verbose,
    json_option,
    make_reporter,
    output_options,
    report,
    show,
    show_json,
)
from eqstream.data.errors import TrainingInterruptedError, UserError

if TYPE_CHECKING:
    from eqstream.data.dataset.manifest import Manifest
    from eqstream.data.recipe import Recipe
    from eqstream.seq2seq.analysis.report import EvaluationReport
    from eqstream.seq2seq.train import TrainingReport

# A value of `evaluate --split`.
_ALL_SPLITS = "all"


@click.command(
    short_help="Train the model of a recipe on a dataset.",
    epilog="""\b
Examples:
  eqstream train addition-3digit --data out/sums --out out/run
  eqstream train addition-3digit --data out/sums --out out/run --resume
  eqstream train --data out/sums --out out/small --set model.kind=transformer --set model.width=32""",
)
@click.argument("recipe", required=False, shell_complete=complete_recipe)
@click.option("--data", required=True, metavar="DIR", type=click.Path(), help="A dataset.")
@click.option("--out", "run", required=True, metavar="RUN", type=click.Path(), help="The run's directory.")
@set_option
@click.option("--resume", is_flag=True, help="Go on with an interrupted training.")
@overwrite_option
@json_option
@output_options
def train(
    recipe: str | None, data: str, run: str, overrides: tuple[str, ...], resume: bool, overwrite: bool, as_json: bool
) -> None:
    """Train the model of RECIPE on the dataset in DIR.

    RECIPE needs only the sections codec, model and training; without it, the default model is trained. With more, it
    must be about the equations of the dataset.
    """
    advice = f"the same command with --resume{' in place of --overwrite' if overwrite else ''}"
    loaded, manifest = load_training_recipe(recipe, data, overrides)
    _check_recipe(loaded, data, manifest)
    _check_run(run, resume=resume, overwrite=overwrite)
    result = _train(loaded, data, run, resume=resume, overwrite=overwrite, advice=advice)
    if as_json:
        show_json(asdict(result))
    else:
        show(result.to_text())


def _check_recipe(recipe: "Recipe", data: str, manifest: "Manifest") -> None:
    """Refuses what is wrong with a recipe for models, or with its data, before TensorFlow is loaded."""
    from eqstream.seq2seq.config.sections import ModelRecipe
    from eqstream.seq2seq.training.data_sources import open_sources

    if "kind" in recipe.sections["model"]:
        open_sources(recipe, ModelRecipe.from_recipe(recipe), data, manifest)
    else:  # the kind is that of the run that is resumed, or the default one
        ModelRecipe.from_dict({**recipe.sections, "model": {}})


def _check_run(path: str, *, resume: bool, overwrite: bool) -> None:
    """Refuses a run's directory before TensorFlow is loaded."""
    from eqstream.seq2seq.runs.run_directory import RunDirectory

    if resume:
        RunDirectory(path).read_description()
    else:
        RunDirectory(path).check_free(overwrite=overwrite)


@click.command(
    short_help="Evaluate a model by exact match.",
    epilog="""\b
Examples:
  eqstream evaluate out/run --unseen
  eqstream evaluate out/run --split all --limit 10000
  eqstream evaluate arithmetic-4 --data out/brackets""",
)
@run_argument
@other_data_option
@split_option("The split to evaluate on, by default that for tests; `all` gives one line a split.")
@click.option("--unseen", is_flag=True, help="Every equation of the space that was not trained on, instead.")
@click.option("--limit", type=click.IntRange(min=1), help="Evaluate on so many examples at most, the first ones.")
@orders_option
@click.option(
    "--greedy",
    is_flag=True,
    help="Take each line of a solution as it comes; ask for none again that looks wrong.",
)
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Write the result as CSV, one row a group of examples.")
@click.option(
    "--wrong",
    "wrong_file",
    metavar="FILE",
    type=click.Path(),
    help="Write all wrong answers to FILE, as CSV; of solutions also their first wrong line.",
)
@output_options
def evaluate(
    run: str,
    data: str | None,
    split: str | None,
    unseen: bool,
    limit: int | None,
    orders: int,
    greedy: bool,
    as_json: bool,
    as_csv: bool,
    wrong_file: str | None,
) -> None:
    """Evaluate the model in RUN by exact match.

    The report is also saved in RUN/reports, as text, JSON and CSV. RUN can be the name of a model that comes with
    eqstream, too, which needs --data; its report is only shown. Wrong answers have predicted (by the model) and
    expected (the right answer). Of a model that answers line by line the report says which steps fail, and wrong
    answers also have the first line that is not the prescribed one: step (its kind), line_before, first_wrong_line,
    expected_line and fault.
    """
    if as_json and as_csv:
        raise click.UsageError("Choose one of --json and --csv.")
    if split == _ALL_SPLITS and (as_csv or unseen or wrong_file is not None):
        raise click.UsageError("--split all goes with none of --csv, --unseen and --wrong.")
    from eqstream.seq2seq.runs.run_directory import RunDirectory, check_output_file
    from eqstream.seq2seq.runs.shipped_models import find_run

    # What is wrong must not come to light after TensorFlow is loaded.
    RunDirectory(find_run(run)).read_description()
    if wrong_file is not None:
        check_output_file(wrong_file)
    load_tensorflow()
    if split == _ALL_SPLITS:
        _evaluate_all(run, data, limit, orders=orders, greedy=greedy, as_json=as_json)
        return
    from eqstream.seq2seq.evaluate import evaluate as evaluate_run

    result = evaluate_run(
        run,
        data_directory=data,
        split=split,
        unseen=unseen,
        limit=limit,
        orders=orders,
        greedy=greedy,
        wrong_file=wrong_file,
        report=report,
    )
    if as_csv:
        click.echo(result.to_csv())
    elif as_json:
        click.echo(result.to_json())
    else:
        show(_render_report(result))


def _evaluate_all(run: str, data: str | None, limit: int | None, *, orders: int, greedy: bool, as_json: bool) -> None:
    from eqstream.seq2seq.analysis.report_text import render_splits
    from eqstream.seq2seq.evaluate import evaluate_all

    results = evaluate_all(run, data_directory=data, limit=limit, orders=orders, greedy=greedy, report=report)
    if as_json:
        show_json([result.to_dict() for result in results])
    else:
        show(render_splits(results))


def _render_report(result: "EvaluationReport") -> str:
    """Returns the whole report as text, or at a terminal what a person wants to see first."""
    from eqstream.seq2seq.analysis.report_text import render_brief_report, render_report

    return render_brief_report(result) if is_at_terminal() else render_report(result)


@click.command(
    short_help="Draw a training and what its model gets right and wrong.",
    epilog="""\b
Example:
  eqstream plot out/run --question "123+456\"""",
)
@run_argument
@click.option("--out", "directory", metavar="DIR", type=click.Path(), help="Where the plots go; RUN/plots by default.")
@other_data_option
@split_option("The split to evaluate on, by default that for tests.")
@click.option("--limit", type=click.IntRange(min=1), help="Evaluate on so many examples at most; 100,000 by default.")
@click.option("--question", help="Also plot how the model answers this question.")
@output_options
def plot(
    run: str, directory: str | None, data: str | None, split: str | None, limit: int | None, question: str | None
) -> None:
    """Plot the training in RUN and what its model gets right and wrong, as PNG and SVG."""
    from eqstream.data.reference.membership import read_question
    from eqstream.seq2seq.runs.run_directory import RunDirectory

    # What is wrong must not come to light after TensorFlow is loaded.
    spaces = RunDirectory(run).read_spaces()
    if question is not None:
        read_question(question, *spaces)
    load_tensorflow()
    from eqstream.seq2seq.plot import plot as plot_run

    paths = plot_run(
        run, out=directory, data_directory=data, split=split, limit=limit, question=question, report=report
    )
    for path in paths:
        click.echo(path)


@click.command(
    name="run",
    short_help="Build, train and evaluate in one go.",
    epilog="""\b
Example:
  eqstream run addition-3digit --out out/all""",
)
@recipe_argument
@click.option("--out", "directory", required=True, metavar="DIR", type=click.Path(), help="For DIR/data and DIR/run.")
@set_option
@workers_option
@overwrite_option
@force_option
@json_option
@output_options
def run_all(
    recipe: str,
    directory: str,
    overrides: tuple[str, ...],
    workers: int,
    overwrite: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Build the dataset of RECIPE, a YAML file or the name of a shipped one, train its model and evaluate it.

    Whatever of this is done is not done again when the same command is run again.
    """
    from eqstream.seq2seq.config.sections import ModelRecipe

    _check_free(directory)
    checked = load_recipe(recipe, overrides)
    # A mistake in the model's part must not come to light after the build.
    ModelRecipe.from_recipe(checked)
    with kept_when_interrupted(directory):
        _run_all(checked, directory, workers=workers, overwrite=overwrite, force=force, as_json=as_json)


def _check_free(directory: str) -> None:
    """Refuses a run or a dataset as the place for both."""
    for name, kind in (("run.json", "a run"), ("manifest.json", "a dataset")):
        if os.path.isfile(os.path.join(directory, name)):
            raise UserError(
                f"{directory} is {kind}: it holds {name}; name the directory for both, DIR of DIR/data and DIR/run"
            )


def _run_all(recipe: "Recipe", directory: str, *, workers: int, overwrite: bool, force: bool, as_json: bool) -> None:
    from eqstream.seq2seq.runs.run_directory import RunDirectory

    data, run = os.path.join(directory, "data"), os.path.join(directory, "run")
    built = build_dataset(recipe, data, workers=workers, overwrite=overwrite, force=force)
    if not as_json:
        show(built.to_text())
    resume = RunDirectory(run).exists and not overwrite
    advice = f"the same command{' without --overwrite' if overwrite else ''}"
    trained = _train(recipe, data, run, resume=resume, overwrite=overwrite, advice=advice)
    if not as_json:
        show(trained.to_text())
    from eqstream.seq2seq.evaluate import evaluate as evaluate_run

    evaluated = evaluate_run(run, report=report)
    if as_json:
        show_json({"build": asdict(built), "train": asdict(trained), "evaluate": evaluated.to_dict()})
    else:
        show(_render_report(evaluated))


def _train(recipe: "Recipe", data: str, run: str, *, resume: bool, overwrite: bool, advice: str) -> "TrainingReport":
    report("starting TensorFlow …")
    load_tensorflow()
    from eqstream.seq2seq.train import train as train_model
    from eqstream.seq2seq.training.display import Display, display_on

    display = Display() if is_quiet() else display_on(sys.stderr)
    # A thread answers Ctrl-C.
    reporter = make_reporter()
    try:
        return train_model(recipe, data, run, resume=resume, overwrite=overwrite, report=reporter, display=display)
    except TrainingInterruptedError as error:
        raise InterruptedWorkError(f"{error}; {advice} goes on from there") from error


def load_tensorflow() -> None:
    """Loads TensorFlow, whatever backend Keras is set to for other programs."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    if is_verbose():
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0")
    from eqstream import tensorflow_startup

    tensorflow_startup.load_tensorflow()
