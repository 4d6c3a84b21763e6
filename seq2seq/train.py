"""Trains the model of a recipe on a dataset, from the shards to the best weights."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from eqstream.data.errors import TrainingInterruptedError
from eqstream.data.loading.data_source import DataSource
from eqstream.data.loading.epoch_order import ORDER_VERSION
from eqstream.data.permutation import derive_seed
from eqstream.data.recipe import Recipe
from eqstream.data.space.conditions import Selection
from eqstream.seq2seq.analysis.share_text import share_text
from eqstream.seq2seq.models.base import EquationModel
from eqstream.seq2seq.models.optimizers import make_optimizer
from eqstream.seq2seq.models.registry import make_model
from eqstream.seq2seq.runs.compatibility import describe_other_order, describe_other_versions
from eqstream.seq2seq.runs.run_directory import RunDirectory
from eqstream.seq2seq.runs.split_roles import SplitRoles
from eqstream.seq2seq.runs.starting_point import list_not_held_out
from eqstream.seq2seq.training.display import Display
from eqstream.seq2seq.training.fit import fit
from eqstream.seq2seq.training.state import TrainingProgress, build_metrics, restore_state, save_model, save_state
from eqstream.seq2seq.training.task import TrainingTask, prepare

Report = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class TrainingReport:
    """What came of a training.

    Attributes:
        run_directory: where everything is.
        num_epochs: epochs trained.
        num_parameters: of the model.
        num_examples: that it was trained on in each epoch.
        source: `shards` if each epoch has the same ones, `fresh` or `mixture` if not.
        best_epoch: counted from 1; its weights are kept.
        metrics: of that epoch.
    """

    run_directory: Path
    num_epochs: int
    num_parameters: int
    num_examples: int
    source: str
    best_epoch: int
    metrics: dict[str, float]

    def to_text(self) -> str:
        """Returns two lines for a person."""
        kinds = {"fresh": "fresh examples an epoch", "mixture": "examples of a mixture an epoch"}
        examples = f"{self.num_examples:,} {kinds.get(self.source, 'examples')}"
        epochs = "epoch" if self.num_epochs == 1 else "epochs"
        exact_match = share_text(self.metrics["val_exact_match"], decimals=1)
        return (
            f"trained {self.num_parameters:,} parameters on {examples}, {self.num_epochs} {epochs}; "
            f"best is epoch {self.best_epoch} with exact match {exact_match} on the validation sample\n"
            f"{self.run_directory} holds the model"
        )


def train(
    recipe: Recipe,
    data_directory: str | Path,
    run_directory: str | Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    report: Report = print,
    display: Display | None = None,
) -> TrainingReport:
    """Trains and returns what came of it; the run's directory then holds the best model.

    Deterministic in (recipe, data) on one machine, whether interrupted and resumed or not. The state of Python's global
    random generator and Keras' global precision are the same afterwards as before; Ctrl-C is handled meanwhile.

    Args:
        recipe: its sections `codec`, `model` and `training` say what to do; its space must be that of the dataset.
        data_directory: a finished dataset.
        run_directory: a new or empty directory, or with `resume` the one of an interrupted training.
        resume: whether to go on with what `run_directory` holds.
        overwrite: whether a run that is there may be replaced.
        report: called with each line.
        display: shows how far it is; None shows nothing.

    Raises:
        UserError: the recipe, the dataset or the directory is not as it must be.
        TrainingInterruptedError: the user pressed Ctrl-C; the state is saved.
    """
    run = RunDirectory(run_directory)
    if not resume:
        run.check_free(overwrite=overwrite)
    task = prepare(recipe, data_directory, run, resume=resume, report=report)
    model = _make_model(task)
    if not resume:
        run.create(overwrite=overwrite)
    progress = restore_state(task.run.state_npz, model) if task.run.state_npz.is_file() else TrainingProgress()
    if task.is_over(progress) and task.run.read_description()["is_finished"]:
        report(f"{task.run.path} is finished; nothing to do (`--overwrite` begins anew)")
        return _make_report(task, model, progress)
    _open_run(task, model, progress, report=report)
    try:
        fit(model, task, progress, display=display or Display(), report=report)
    except TrainingInterruptedError:
        save_model(task.run.last_keras, model)
        raise
    save_model(task.run.last_keras, model)
    task.run.write_description({**task.run.read_description(), "is_finished": True})
    return _make_report(task, model, progress)


def _describe_source(source: DataSource, num_left_out: int | None) -> str:
    kind = "a fresh stream of " if source.is_fresh else ""
    less = ""
    if num_left_out:
        what = "equation" if source.recipe.steps is None else "step"
        less = f", without {num_left_out:,} {what}{'s' * (num_left_out > 1)} that another dataset holds out"
    place = f"recipe {source.recipe.name}" if source.files is None else source.files.directory
    narrowed = "" if source.where is None else f", {Selection(source.where, None).to_text()}"
    return f"mixture: {kind}`{source.split}` of {place}{narrowed}{less}"


def _describe_roles(roles: SplitRoles, num_examples: int) -> str:
    chosen_on = "equations of no split" if roles.validation is None else f"of `{roles.validation}`"
    evaluated_on = "every unseen equation" if roles.test is None else f"`{roles.test}`"
    return f"validation: {num_examples:,} {chosen_on} (the best epoch is chosen on it); report: {evaluated_on}"


def _make_model(task: TrainingTask) -> EquationModel:
    """Returns the compiled model, with all its variables."""
    training = task.training
    seed = derive_seed(training.seed, "training") % 2**32
    model = make_model(task.sections.model, task.codec, seed=seed, precision=training.precision)
    model.compile(
        optimizer=make_optimizer(training.optimizer, sum(stage.num_steps for stage in task.stages)),
        loss=model.make_loss(),
        metrics=model.make_metrics(mask_pads=training.mask_loss),
        jit_compile=training.jit_compile,
    )
    model.optimizer.build(model.trainable_variables)
    build_metrics(model)
    if task.start is not None:
        task.start.copy_weights(model)
    return model


def _open_run(task: TrainingTask, model: EquationModel, progress: TrainingProgress, *, report: Report) -> None:
    """Writes what the run is about, and its first state; says what is trained."""
    run, description = task.run, task.description
    if task.is_resumed:
        before = run.read_description()["versions"]
        changes = describe_other_versions(before, description["versions"])
        if changes is not None:
            report(changes)
        description = {**description, "versions": before}
    run.write_description(description)
    # Again, as the training may have been killed before all of this was there.
    run.write_codec(task.codec)
    if run.state_npz.is_file():
        report(f"going on at epoch {progress.epoch + 1}, step {progress.step}")
        _adopt_order(task, progress, report=report)
    else:
        save_state(run.state_npz, model, progress)
    if task.start is not None:
        report(f"begins with the weights of {task.start.trained.run.path}")
        for name in list_not_held_out(task.start, task.sources):
            report(f"what recipe {name} holds out may have come in that training, which did not know of it")
    *narrowed, everything = task.stages
    report(
        f"{task.sections.model.kind}: {model.count_params():,} parameters, "
        f"{everything.source.num_examples:,} examples, {everything.source.num_batches} steps an epoch"
    )
    for stage in narrowed:
        report(
            f"epochs {stage.first_epoch + 1} to {stage.end_epoch}: {stage.name}, "
            f"{stage.source.num_examples:,} examples, {stage.source.num_batches} steps an epoch"
        )
    if task.training.mixture:
        for source, num_left_out in zip(task.sources, everything.source.num_left_out, strict=True):
            report(_describe_source(source, num_left_out))
    report(_describe_roles(task.roles, len(task.sample)))


def _adopt_order(task: TrainingTask, progress: TrainingProgress, *, report: Report) -> None:
    change = describe_other_order(progress.order_version, task.training, epoch=progress.epoch, step=progress.step)
    if change is not None:
        report(change)
    progress.order_version = ORDER_VERSION


def _make_report(task: TrainingTask, model: EquationModel, progress: TrainingProgress) -> TrainingReport:
    best = progress.best_epoch or 0
    return TrainingReport(
        run_directory=task.run.path,
        num_epochs=progress.epoch,
        num_parameters=model.count_params(),
        num_examples=task.source.num_examples,
        source="mixture" if task.training.mixture else task.training.source,
        best_epoch=best + 1,
        metrics={name: value for name, value in progress.rows[best].items() if name != "epoch"},
    )
