"""The verdict: how many whole answers are right, on which examples, and where the wrong ones are."""

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.codec import NUM_RESERVED, Codec
from data.errors import UserError
from data.loader import TokenTable, load_manifest, load_tokens
from data.records import NUMBER_COLUMNS
from seq2seq.dataset_splits import choose_test_split, choose_validation_split
from seq2seq.decoding import GreedyDecoder
from seq2seq.metrics import exact_matches
from seq2seq.trained_model import TrainedModel, load_trained_model

_NUM_WORST = 10
_DECODED_BY = "greedy decoding, the whole answer and its end"
_MIN_QUESTIONS_TO_COMPILE = 4_000


@dataclass(frozen=True, kw_only=True)
class GroupCount:
    """Examples that share a value, and how many of them are right."""

    value: str
    num_examples: int
    num_right: int


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a model got right on examples it has not been trained on (unless the name of the split says so).

    Attributes:
        run: the run's directory.
        data: name and version of the dataset.
        split: what was judged.
        num_examples: all of them.
        num_right: with the whole answer right, decoded greedily.
        rmse: root of the mean squared error in units of the answer, over answers that are numbers; None without any.
        num_unreadable: answers that are no number.
        tables: name to groups, such as by carries.
        wrong: some of the wrong answers: (question, answer, expected), the largest error first.
    """

    run: str
    data: str
    split: str
    num_examples: int
    num_right: int
    rmse: float | None
    num_unreadable: int
    tables: Mapping[str, tuple[GroupCount, ...]]
    wrong: tuple[tuple[str, str, str], ...]

    @property
    def exact_match(self) -> float:
        """Share of whole answers that are right, from 0 to 1."""
        return self.num_right / self.num_examples

    def to_text(self) -> str:
        """Returns the verdict for a person."""
        lines = [
            f"exact match {self.exact_match:.4%}: {self.num_right:,} of {self.num_examples:,} right, "
            f"{self.num_examples - self.num_right:,} wrong",
            f"on `{self.split}` of {self.data}, {_DECODED_BY}",
        ]
        if self.rmse is not None:
            unreadable = f", {self.num_unreadable:,} answers are no numbers" if self.num_unreadable else ""
            lines.append(f"RMSE {self.rmse:.6g} in units of the answer{unreadable}")
        for name, groups in self.tables.items():
            lines += ["", f"{'by ' + name:<16}{'examples':>12}{'wrong':>10}{'exact match':>14}"]
            for group in groups:
                share = group.num_right / group.num_examples
                num_wrong = group.num_examples - group.num_right
                lines.append(f"{group.value:<16}{group.num_examples:>12,}{num_wrong:>10,}{share:>14.4%}")
        if self.wrong:
            lines += ["", "the worst answers"]
            lines += [f"  ☒ {question} = {answer}  (expected {expected})" for question, answer, expected in self.wrong]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Returns the verdict as JSON types."""
        tables = {name: [vars(group) for group in groups] for name, groups in self.tables.items()}
        return {
            **vars(self),
            "exact_match": self.exact_match,
            "decoded_by": _DECODED_BY,
            "tables": tables,
            "wrong": [dict(zip(("question", "answer", "expected"), each, strict=True)) for each in self.wrong],
        }

    def to_json(self) -> str:
        """Returns the verdict as JSON."""
        return json.dumps(self.to_dict(), indent=2, sort_keys=True)

    def to_csv(self) -> str:
        """Returns the tables as CSV, one row a group; the first row is the whole."""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["table", "value", "num_examples", "num_right", "exact_match"])
        writer.writerow(["all", self.split, self.num_examples, self.num_right, self.exact_match])
        for name, groups in self.tables.items():
            for group in groups:
                share = group.num_right / group.num_examples
                writer.writerow([name, group.value, group.num_examples, group.num_right, share])
        return file.getvalue()


def evaluate(
    run_directory: str | Path,
    *,
    data_directory: str | Path | None = None,
    split: str | None = None,
    unseen: bool = False,
    limit: int | None = None,
    report: Callable[[str], None] | None = None,
) -> Verdict:
    """Returns the verdict on a run's best model.

    Args:
        run_directory: of a training.
        data_directory: the dataset; None for the one that the model was trained on.
        split: what to judge on; None for the recipe's `test_split`, or the usual one.
        unseen: judge on all splits but the one trained on.
        limit: at most so many examples, the first ones.
        report: called with lines of progress.

    Raises:
        UserError: the run or the dataset is not as it must be, or they don't fit together.
    """
    if split is not None and unseen:
        raise UserError("choose one of a split and `unseen`, not both")
    trained = load_trained_model(run_directory)
    directory = data_directory or trained.description["data_directory"]
    manifest = load_manifest(directory)
    trained.codec.check_dataset(manifest)
    splits = _choose_splits(trained, manifest, split, unseen)
    tables = [load_tokens(directory, name, trained.codec, manifest=manifest) for name in splits]
    table = _join(tables)
    table = table if limit is None else table.take(np.arange(min(limit, len(table))))
    decoder = GreedyDecoder(trained.model, jit_compile=len(table) >= _MIN_QUESTIONS_TO_COMPILE)
    tokens = decoder.decode(table.questions, _report_tenths(len(table), report)).tokens
    return _judge(trained, f"{manifest['name']} {manifest['version']}", " + ".join(splits), table, tokens)


def _choose_splits(trained: TrainedModel, manifest: Mapping[str, Any], split: str | None, unseen: bool) -> list[str]:
    training = trained.sections.training
    if unseen:
        if manifest["fingerprint"] != trained.description["data_fingerprint"]:
            raise UserError("what is unseen can be told only of the dataset that the model was trained on")
        splits = [name for name in manifest["splits"] if name != training.train_split]
        if not splits:
            raise UserError(f"the dataset has no split besides `{training.train_split}`")
        return splits
    validation = choose_validation_split(manifest, training.validation_split, training.train_split)
    return [choose_test_split(manifest, split or training.test_split, training.train_split, validation)]


def _join(tables: list[TokenTable]) -> TokenTable:
    numbers = {name: np.concatenate([table.numbers[name] for table in tables]) for name in NUMBER_COLUMNS}
    questions = np.concatenate([table.questions for table in tables])
    return TokenTable(questions, np.concatenate([table.answers for table in tables]), numbers)


def _report_tenths(total: int, report: Callable[[str], None] | None) -> Callable[[int], None] | None:
    """Returns what tells `report` of every tenth that is done, if there is enough to do."""
    if report is None or total < 100_000:
        return None
    num_done = 0

    def add(count: int) -> None:
        nonlocal num_done
        before, num_done = num_done, num_done + count
        if before * 10 // total < num_done * 10 // total:
            report(f"{num_done:,} of {total:,} judged")

    return add


def _judge(trained: TrainedModel, data: str, split: str, table: TokenTable, tokens: np.ndarray) -> Verdict:
    codec = trained.codec
    is_right = exact_matches(tokens, table.answers)
    expected = _to_numbers(codec.decode_answers(table.answers))
    # Right answers need no second reading: only the wrong ones are decoded.
    wrong = np.flatnonzero(~is_right)
    errors = np.zeros(len(table))
    errors[wrong] = _to_numbers(codec.decode_predictions(tokens[wrong])) - expected[wrong]
    is_number = np.isfinite(errors)
    # Unreadable answers count as the worst ones.
    worst = wrong[np.argsort(-np.where(is_number, np.abs(errors), np.inf)[wrong], kind="stable")][:_NUM_WORST]
    columns = (
        codec.decode_questions(table.questions[worst]),
        codec.decode_predictions(tokens[worst]),
        codec.decode_answers(table.answers[worst]),
    )
    return Verdict(
        run=str(trained.run.path),
        data=data,
        split=split,
        num_examples=len(table),
        num_right=int(is_right.sum()),
        rmse=float(np.sqrt(np.mean(np.square(errors[is_number])))) if is_number.any() else None,
        num_unreadable=int((~is_number).sum()),
        tables=_tabulate(codec, table, is_right),
        wrong=tuple(zip(*columns, strict=True)),
    )


def _to_numbers(texts: list[str]) -> np.ndarray:
    """Returns float64 (num_texts,): the values of the texts, NaN for those that are no number or fraction."""
    values = np.full(len(texts), np.nan)
    for row, text in enumerate(texts):
        numerator, _, denominator = text.partition("/")
        try:
            values[row] = float(numerator) / float(denominator or 1)
        except (ValueError, ZeroDivisionError):
            continue
    return values


def _tabulate(codec: Codec, table: TokenTable, is_right: np.ndarray) -> dict[str, tuple[GroupCount, ...]]:
    columns: dict[str, np.ndarray] = {name: table.numbers[name] for name in ("carries", "digits", "terms")}
    columns["answer length"] = (table.answers >= NUM_RESERVED).sum(axis=1)
    tables = {name: _count_groups(values, is_right, str) for name, values in columns.items()}
    operators = [operator for operator in "+-*/" if operator in codec.alphabet]
    bits = np.zeros(len(table), np.int64)
    for number, operator in enumerate(operators):
        token = NUM_RESERVED + codec.alphabet.index(operator)
        bits |= (table.questions == token).any(axis=1).astype(np.int64) << number
    tables["operators"] = _count_groups(
        bits, is_right, lambda value: " ".join(each for number, each in enumerate(operators) if value >> number & 1)
    )
    # A table of one row says nothing that the whole does not say.
    return {name: groups for name, groups in tables.items() if len(groups) > 1}


def _count_groups(values: np.ndarray, is_right: np.ndarray, name: Callable[[int], str]) -> tuple[GroupCount, ...]:
    distinct, groups = np.unique(values, return_inverse=True)
    num_examples = np.bincount(groups, minlength=len(distinct))
    num_right = np.bincount(groups, weights=is_right, minlength=len(distinct)).astype(np.int64)
    return tuple(
        GroupCount(value=name(int(value)) or "none", num_examples=int(total), num_right=int(right))
        for value, total, right in zip(distinct, num_examples, num_right, strict=True)
    )
