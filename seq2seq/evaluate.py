"""The evaluation of a trained model: every example is answered greedily, in blocks, and counted."""

import csv
import hashlib
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from eqstream.data.dataset.shard_reader import EquationColumns
from eqstream.data.errors import UserError
from eqstream.data.loading.shard_batches import load_manifest
from eqstream.seq2seq.analysis.breakdown import TableTally
from eqstream.seq2seq.analysis.edge_suite import count_commuting, evaluate_edge_cases
from eqstream.seq2seq.analysis.errors import MistakeTally, WrongAnswer
from eqstream.seq2seq.analysis.examples import Examples, choose_examples
from eqstream.seq2seq.analysis.report import CommutingCount, EvaluationReport, wilson_interval
from eqstream.seq2seq.analysis.report_text import render_report
from eqstream.seq2seq.metrics import exact_matches
from eqstream.seq2seq.models.decoding import GreedyDecoder, estimate_answers
from eqstream.seq2seq.models.regression import RegressionModel
from eqstream.seq2seq.runs.compatibility import check_fits
from eqstream.seq2seq.runs.run_directory import check_output_file, write_atomically
from eqstream.seq2seq.runs.trained_model import TrainedModel, load_trained_model

_MIN_QUESTIONS_TO_COMPILE = 4_000
_MIN_EXAMPLES_TO_REPORT = 100_000
_BATCH_SIZE = 4096

Report = Callable[[str], None]


def evaluate(
    run_directory: str | Path,
    *,
    data_directory: str | Path | None = None,
    split: str | None = None,
    unseen: bool = False,
    limit: int | None = None,
    wrong_file: str | Path | None = None,
    report: Report | None = None,
) -> EvaluationReport:
    """Returns the evaluation report of a run's best model, and saves it in the run's directory; deterministic.

    The files are `reports/<split>.txt`, `.json` and `.csv`; the name says if the dataset is another one, or the
    examples are limited. A directory that cannot be written is reported, and no obstacle.

    Args:
        run_directory: of a training.
        data_directory: the dataset; None for the one that the model was trained on.
        split: what to judge on; None for the recipe's `test_split`, or the usual one.
        unseen: judge on every equation of the space that was not trained on, be it in a split or in none.
        limit: at most so many examples, the first ones.
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
    trained = load_trained_model(run_directory)
    directory = data_directory or trained.description["data_directory"]
    manifest = load_manifest(directory)
    check_fits(trained.recipe.space, trained.codec, manifest)
    examples = choose_examples(trained, directory, manifest, split=split, unseen=unseen)
    total = examples.total if limit is None else min(limit, examples.total)
    judge = _Judge(trained, _report_tenths(total, report), is_large=total >= _MIN_QUESTIONS_TO_COMPILE)
    with _open_wrong_file(wrong_file) as write_wrong:
        for block in examples.blocks(limit):
            write_wrong(judge.add(block))
    evaluation = judge.finish(manifest, examples, total)
    is_own = manifest["fingerprint"] == trained.description["data_fingerprint"]
    name = "" if is_own else f"{manifest['name']}-{manifest['version']}-"
    name += examples.name + ("" if total == examples.total else f"-first-{total}")
    _save(evaluation, trained.run.reports, name, report)
    return evaluation


class _Judge:
    """Answers blocks of examples and gathers what there is to say of them."""

    def __init__(self, trained: TrainedModel, on_batch: Callable[[int], None] | None, *, is_large: bool) -> None:
        self._trained = trained
        self._on_batch = on_batch
        self._decoder = GreedyDecoder(trained.model, batch_size=_BATCH_SIZE, jit_compile=is_large)
        self._tables = TableTally(trained.recipe.space)
        self._mistakes = MistakeTally()
        self._num_right = 0
        self._sum_of_squares = 0.0
        self._commuting: CommutingCount | None = None

    def add(self, block: EquationColumns) -> list[WrongAnswer]:
        """Counts a block; returns its wrong answers."""
        codec = self._trained.codec
        questions, expected = codec.encode_questions(block.question), codec.encode_answers(block.answer)
        tokens = self._decoder.decode(questions, self._on_batch).tokens
        is_right = exact_matches(tokens, expected)
        if not self._mistakes.num_examples:
            self._commuting = count_commuting(codec, self._decoder, block, tokens, is_right)
        rows = np.flatnonzero(~is_right).tolist()
        wrong = [
            WrongAnswer(question=block.question.text(row), predicted=predicted, expected=block.answer.text(row))
            for row, predicted in zip(rows, codec.decode_predictions(tokens[rows]), strict=True)
        ]
        self._num_right += int(is_right.sum())
        self._tables.add(block, is_right)
        self._mistakes.add(block.answer.lengths, wrong)
        if isinstance(self._trained.model, RegressionModel):
            self._sum_of_squares += _sum_squares(self._trained.model, questions, block)
        return wrong

    def finish(self, manifest: dict[str, Any], examples: Examples, total: int) -> EvaluationReport:
        """Returns the report on the blocks and on the edge cases."""
        trained, mistakes = self._trained, self._mistakes
        is_sample = examples.is_sample or total < examples.total
        is_regression = isinstance(trained.model, RegressionModel)
        with trained.run.model_keras.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return EvaluationReport(
            run=str(trained.run.path),
            model_sha256=digest,
            data=f"{manifest['name']} {manifest['version']}",
            split=examples.name,
            about=examples.about if total == examples.total else f"the first {total:,} of {examples.about}",
            num_examples=total,
            num_right=self._num_right,
            interval=wilson_interval(self._num_right, total) if is_sample else None,
            rmse=mistakes.rmse,
            rmse_unrounded=math.sqrt(self._sum_of_squares / total) if is_regression else None,
            num_unreadable=mistakes.num_unreadable,
            tables=self._tables.tables(),
            places=mistakes.places(),
            errors=mistakes.errors(),
            wrong_characters=mistakes.wrong_characters(),
            edge_cases=evaluate_edge_cases(trained, self._decoder),
            commuting=self._commuting,
            worst=mistakes.worst(),
        )


def _sum_squares(model: RegressionModel, questions: np.ndarray, block: EquationColumns) -> float:
    """Returns the sum of squared errors of a regression's output before it is rounded, in units of the answer."""
    expected = np.array(block.answer.to_texts(), np.float64)
    return float(np.square(estimate_answers(model, questions, _BATCH_SIZE) - expected).sum())


def _report_tenths(total: int, report: Report | None) -> Callable[[int], None] | None:
    """Returns what tells `report` of every tenth that is done, if there is enough to do."""
    if report is None or total < _MIN_EXAMPLES_TO_REPORT:
        return None
    num_done = 0

    def add(count: int) -> None:
        nonlocal num_done
        before, num_done = num_done, min(num_done + count, total)
        if before * 10 // total < num_done * 10 // total:
            report(f"{num_done:,} of {total:,} judged")

    return add


@contextmanager
def _open_wrong_file(path: str | Path | None) -> Iterator[Callable[[list[WrongAnswer]], None]]:
    """Gives what writes wrong answers to a CSV file, which has its name only when it is whole."""
    if path is None:
        yield lambda wrong: None
        return
    path = Path(path)
    aside = path.with_name(path.name + ".partial")
    try:
        with aside.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["question", "predicted", "expected"])
            yield lambda wrong: writer.writerows([each.question, each.predicted, each.expected] for each in wrong)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def _save(evaluation: EvaluationReport, directory: Path, name: str, report: Report | None) -> None:
    texts = {"txt": render_report(evaluation) + "\n", "json": evaluation.to_json() + "\n", "csv": evaluation.to_csv()}
    try:
        directory.mkdir(exist_ok=True)
        for kind, text in texts.items():
            write_atomically(directory / f"{name}.{kind}", text)
    except OSError as error:
        if report is not None:
            report(f"the report is not saved: {directory} cannot be written: {error.strerror}")
