"""The evaluation of a trained model: every example is answered greedily, and the report is saved in the run."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from eqstream.data.dataset.manifest import Manifest
from eqstream.data.dataset.manifest_file import load_manifest
from eqstream.data.errors import UserError
from eqstream.seq2seq.analysis.examples import Examples, choose_examples
from eqstream.seq2seq.analysis.model_evaluation import evaluate_examples, make_decoder
from eqstream.seq2seq.analysis.report import EvaluationReport
from eqstream.seq2seq.analysis.report_files import open_wrong_answers, save_report
from eqstream.seq2seq.models.decoding import Decoder
from eqstream.seq2seq.runs.compatibility import check_fits
from eqstream.seq2seq.runs.run_directory import check_output_file
from eqstream.seq2seq.runs.shipped_models import find_run, is_shipped
from eqstream.seq2seq.runs.trained_model import TrainedModel, load_trained_model

_MIN_EXAMPLES_TO_REPORT = 100_000

Report = Callable[[str], None]


def evaluate(
    run_directory: str | Path,
    *,
    data_directory: str | Path | None = None,
    split: str | None = None,
    unseen: bool = False,
    limit: int | None = None,
    orders: int = 1,
    greedy: bool = False,
    wrong_file: str | Path | None = None,
    report: Report = lambda _line: None,
) -> EvaluationReport:
    """Returns the evaluation report of a run's best model, and saves it in the run's directory; deterministic.

    The files are `reports/<split>.txt`, `.json` and `.csv`; the name says if the dataset is another one, the examples
    are limited, questions are asked in several orders, or no line is asked again. If they cannot be written, or the
    model comes with eqstream, `report` is told so, and the report's `files` are none.

    Args:
        run_directory: of a training, or the name of a model that comes with eqstream.
        data_directory: the dataset; None for the one that the model was trained on.
        split: whose examples; None for the recipe's `test_split`, or the usual one.
        unseen: take every equation of the space that was not trained on, whether it is in a split or in none.
        limit: at most so many examples, the first ones.
        orders: in how many of its orders each question is asked, see `VotingDecoder`.
        greedy: ask for no line of a solution again that is unsure or cannot be a step, see `LineWriter`.
        wrong_file: for all wrong answers, as CSV; None writes none.
        report: called with lines of progress.

    Raises:
        UserError: the run or the dataset is not as it must be, they don't fit together, or `wrong_file` cannot be
            written.
    """
    if split is not None and unseen:
        raise UserError("choose one of a split and `unseen`, not both")
    if wrong_file is not None:
        check_output_file(wrong_file)
    trained, directory, manifest = _load(run_directory, data_directory)
    examples = choose_examples(trained, directory, manifest, split=split, unseen=unseen)
    decoder = make_decoder(trained, _total(examples, limit), orders=orders, greedy=greedy)
    return _evaluate(
        trained,
        decoder,
        manifest,
        examples=examples,
        limit=limit,
        orders=orders,
        greedy=greedy,
        wrong_file=wrong_file,
        report=report,
    )


def evaluate_all(
    run_directory: str | Path,
    *,
    data_directory: str | Path | None = None,
    limit: int | None = None,
    orders: int = 1,
    greedy: bool = False,
    report: Report = lambda _line: None,
) -> list[EvaluationReport]:
    """Returns the reports on all splits of the dataset, in the recipe's order; see `evaluate`.

    Args:
        run_directory: of a training, or the name of a model that comes with eqstream.
        data_directory: the dataset; None for the one that the model was trained on.
        limit: at most so many examples of each split, the first ones.
        orders: in how many of its orders each question is asked, see `VotingDecoder`.
        greedy: ask for no line of a solution again that is unsure or cannot be a step, see `LineWriter`.
        report: called with lines of progress.

    Raises:
        UserError: as of `evaluate`.
    """
    trained, directory, manifest = _load(run_directory, data_directory)
    splits = [choose_examples(trained, directory, manifest, split=name, unseen=False) for name in manifest.splits]
    decoder = make_decoder(trained, max(_total(examples, limit) for examples in splits), orders=orders, greedy=greedy)
    return [
        _evaluate(
            trained, decoder, manifest, examples=examples, limit=limit, orders=orders, greedy=greedy, report=report
        )
        for examples in splits
    ]


def _load(run_directory: str | Path, data_directory: str | Path | None) -> tuple[TrainedModel, str | Path, Manifest]:
    trained = load_trained_model(find_run(run_directory))
    directory = data_directory or trained.data_directory
    manifest = load_manifest(directory)
    check_fits(trained.spaces, trained.codec, manifest)
    return trained, directory, manifest


def _evaluate(
    trained: TrainedModel,
    decoder: Decoder,
    manifest: Manifest,
    *,
    examples: Examples,
    limit: int | None,
    orders: int,
    greedy: bool,
    report: Report,
    wrong_file: str | Path | None = None,
) -> EvaluationReport:
    with open_wrong_answers(wrong_file, has_lines=trained.codec.options.steps) as write_wrong:
        evaluation = evaluate_examples(
            trained,
            decoder,
            manifest=manifest,
            examples=examples,
            limit=limit,
            orders=orders,
            greedy=greedy,
            on_batch=_report_tenths(_total(examples, limit), report),
            on_block=lambda block: write_wrong(block.wrong),
        )
    if is_shipped(trained.run):
        report(f"the report is not saved: {trained.run.path.name} comes with eqstream")
        return evaluation
    try:
        return dataclasses.replace(evaluation, files=save_report(evaluation, trained.run.reports))
    except OSError as error:
        report(f"the report is not saved: {trained.run.reports} cannot be written: {error.strerror}")
        return evaluation


def _total(examples: Examples, limit: int | None) -> int:
    return examples.total if limit is None else min(limit, examples.total)


def _report_tenths(total: int, report: Report) -> Callable[[int], None] | None:
    """Returns what tells `report` of every tenth that is done, if there is enough to do."""
    if total < _MIN_EXAMPLES_TO_REPORT:
        return None
    num_done = 0

    def add(count: int) -> None:
        nonlocal num_done
        before, num_done = num_done, min(num_done + count, total)
        if before * 10 // total < num_done * 10 // total:
            report(f"{num_done:,} of {total:,} evaluated")

    return add
