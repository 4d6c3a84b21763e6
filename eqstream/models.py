"""Models: trained, evaluated and asked."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from eqstream.data.arguments import check_path, check_whole
from eqstream.data.limits import MAX_ORDERS
from eqstream.data.recipe import Recipe
from eqstream.data.recipe_files import load_recipe
from eqstream.datasets import Dataset
from eqstream.tensorflow_startup import load_tensorflow

if TYPE_CHECKING:
    from eqstream.seq2seq.analysis.report import EvaluationReport
    from eqstream.seq2seq.predict import Predictor
    from eqstream.seq2seq.train import TrainingReport

Report = Callable[[str], None]


def train(
    recipe: Recipe | str | Path | None,
    dataset: Dataset | str | Path,
    run_directory: str | Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    report: Report | None = print,
) -> "TrainingReport":
    """Trains the model of a recipe; the run's directory then holds the model of the best epoch.

    >>> import eqstream, tempfile
    >>> recipe = eqstream.load_recipe("addition-10", {"training.epochs": 1, "training.jit_compile": False})
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     dataset = eqstream.build(recipe, f"{directory}/ten").directory
    ...     trained = train(recipe, dataset, f"{directory}/run", report=None)
    >>> trained.num_epochs, trained.num_examples
    (1, 76)

    Deterministic in recipe and dataset on one machine, whether interrupted and resumed or not. Ctrl-C ends it after the
    step that is under way.

    Args:
        recipe: a recipe, the path of one, or the name of one that comes with eqstream; its sections `codec`, `model`
            and `training` say what to do, its space, if it has one, must be that of the dataset. None for the default
            model.
        dataset: what to train on, or its directory.
        run_directory: a new or empty directory, or with `resume` the one of an interrupted training.
        resume: whether to go on with what `run_directory` holds.
        overwrite: whether a run that is there may be replaced.
        report: called with each line of progress; None for silence.

    Raises:
        UserError: the recipe, the dataset or the directory is not as it must be.
        TrainingInterruptedError: the user pressed Ctrl-C; the state is saved.
    """
    run_directory = check_path("run_directory", run_directory)
    opened = (
        dataset if isinstance(dataset, Dataset) else Dataset(check_path("dataset", dataset, "a dataset or its path"))
    )
    if not isinstance(recipe, Recipe):
        source = None if recipe is None else check_path("recipe", recipe, "a recipe, its path or its name")
        recipe = load_recipe(source, dataset_recipe=opened.recipe)
    load_tensorflow()
    from eqstream.seq2seq.train import train as train_model

    return train_model(
        recipe,
        opened.directory,
        run_directory,
        resume=resume,
        overwrite=overwrite,
        report=report or _ignore,
    )


def evaluate(
    run_directory: str | Path,
    dataset: Dataset | str | Path | None = None,
    *,
    split: str | None = None,
    unseen: bool = False,
    limit: int | None = None,
    orders: int = 1,
    greedy: bool = False,
    report: Report | None = None,
) -> "EvaluationReport":
    """Returns how many whole answers the model of a run gets right, and which ones not; also saves it with the run.

    >>> import eqstream, tempfile
    >>> recipe = eqstream.load_recipe("addition-10", {"training.epochs": 1, "training.jit_compile": False})
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     dataset = eqstream.build(recipe, f"{directory}/ten").directory
    ...     trained = train(recipe, dataset, f"{directory}/run", report=None)
    ...     evaluation = evaluate(trained.run_directory)
    >>> evaluation.split, evaluation.num_examples, evaluation.num_right <= 24
    ('test', 24, True)

    Args:
        run_directory: of a training, or the name of a model that comes with eqstream, whose report is not saved.
        dataset: another dataset, or its directory, than the one that the model was trained on.
        split: what to evaluate on; None for the recipe's `test_split`, or the usual one.
        unseen: evaluate on every equation of the space that was not trained on.
        limit: at most so many examples, the first ones.
        orders: in how many of its orders each question is asked, the sides of its sums and products swapped or not; the
            likeliest answer counts. From 1 to `MAX_ORDERS`; takes as many times as long.
        greedy: of a model that answers line by line, take each line as it comes; otherwise one that is unsure or
            cannot be a step is asked for again, in other orders.
        report: called with lines of progress; None for silence.

    Raises:
        UserError: the run or the dataset is not as it must be, or they don't fit together.
    """
    run_directory = check_path("run_directory", run_directory)
    directory = dataset.directory if isinstance(dataset, Dataset) else dataset
    if directory is not None:
        directory = check_path("dataset", directory, "a dataset or its path")
    if limit is not None:
        check_whole(limit=limit)
    check_whole(1, MAX_ORDERS, orders=orders)
    load_tensorflow()
    from eqstream.seq2seq.evaluate import evaluate as evaluate_run

    return evaluate_run(
        run_directory,
        data_directory=directory,
        split=split,
        unseen=unseen,
        limit=limit,
        orders=int(orders),
        greedy=bool(greedy),
        report=report or _ignore,
    )


def load_model(run_directory: str | Path) -> "Predictor":
    """Returns the best model of a run: ``model("12 + 34")`` is its answer, `predict` answers many questions.

    >>> import eqstream, tempfile
    >>> recipe = eqstream.load_recipe("addition-10", {"training.epochs": 1, "training.jit_compile": False})
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     dataset = eqstream.build(recipe, f"{directory}/ten").directory
    ...     trained = train(recipe, dataset, f"{directory}/run", report=None)
    ...     model = load_model(trained.run_directory)
    >>> type(model("3 + 4")), [prediction.expected for prediction in model.predict(["3 + 4", "5 + 6"])]
    (<class 'str'>, ['7', '11'])

    Loads no code and no pickle. The Keras model itself is ``model.trained.model``.

    Args:
        run_directory: of a training that has finished an epoch, or the name of a model that comes with eqstream, such
            as ``arithmetic-4``; `eqstream models` lists them.

    Raises:
        UserError: the directory is no run, or has no finished epoch yet, or is damaged.
    """
    run_directory = check_path("run_directory", run_directory)
    load_tensorflow()
    from eqstream.seq2seq.predict import Predictor
    from eqstream.seq2seq.runs.shipped_models import find_run

    return Predictor.load(find_run(run_directory))


def _ignore(line: str) -> None:
    del line
