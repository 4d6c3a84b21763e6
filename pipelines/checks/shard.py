"""One shard against its manifest entry and its recipe: bytes, records, equations.

What it finds is a `ShardFindings`; what only several shards together can show (equations that stand twice) is left to
whoever gathers the keys that come with it.
"""

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
from apache_beam.io.filesystems import FileSystems

from eqstream.data.dataset.manifest import ShardInfo
from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe
from eqstream.pipelines.checks.duplicates import KEYS, pack_keys, text_key
from eqstream.pipelines.checks.findings import FaultList
from eqstream.pipelines.checks.plan import PlanCheck
from eqstream.pipelines.checks.shard_records import (
    Record,
    compare_blocks,
    read_parquet_blocks,
    read_payloads,
    read_tfrecord_blocks,
)
from eqstream.pipelines.checks.split_membership import Facts, Judge
from eqstream.pipelines.runtime import filesystem

HISTOGRAMS = ("answer_length", "answer_sign", "carries", "digits", "operators", "question_length", "terms")


@dataclass(kw_only=True)
class ShardFindings:
    """What was found in one shard.

    Attributes:
        faults: of this shard alone.
        path_to_file: relative path to `[num_bytes, sha256]` of each file that is there.
        num_records: how many records were read.
        is_read_whole: whether every record was read and judged, so that sums over shards mean something.
        histograms: name to value (a text) to number of equations.
        alphabet: the characters of all questions, sorted.
    """

    faults: FaultList
    path_to_file: dict[str, list] = field(default_factory=dict)
    num_records: int = 0
    is_read_whole: bool = False
    histograms: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in HISTOGRAMS})
    alphabet: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Returns the findings in JSON types."""
        return {**vars(self), "faults": self.faults.to_dict()}

    @classmethod
    def from_dict(cls, mapping: dict[str, Any]) -> "ShardFindings":
        """Returns the findings that `to_dict` has written down."""
        histograms = {name: Counter(counts) for name, counts in mapping["histograms"].items()}
        return cls(**{**mapping, "faults": FaultList.from_dict(mapping["faults"]), "histograms": histograms})


class ShardCheck:
    """The check of one shard; good for one run.

    Args:
        directory: of the dataset.
        recipe: of the dataset.
        split: that the shard is of.
        entry: of the shard in the manifest.
        max_faults: how many faults to describe.
        planned: its questions as the recipe plans them, where they are to be compared.
    """

    def __init__(
        self,
        directory: str,
        recipe: Recipe,
        split: str,
        entry: ShardInfo,
        max_faults: int,
        planned: Iterator[str] | None = None,
    ) -> None:
        self._directory = directory
        self._compression = recipe.storage.compression
        self._knows_twins = recipe.commuted != "ignore"
        self._judge = Judge(recipe, split)
        self._entry = entry
        self._plan = None if planned is None else PlanCheck(entry.shard, planned)
        self._findings = ShardFindings(faults=FaultList(max_faults))
        self._alphabet: set[str] = set()
        self._keys = [np.empty(0, KEYS)]

    def run(self) -> tuple[ShardFindings, np.ndarray]:
        """Returns the findings, and one element of `distinct.KEYS` for each equation that may stand in the split."""
        findings = self._findings
        formats = [format for format in self._entry.files if self._measure(format)]
        for block in self._read_blocks(formats):
            self._judge_block(block)
        expected = self._entry.num_equations
        if formats and not findings.faults and findings.num_records != expected:
            self._add("contents", f"it holds {findings.num_records} records, the manifest says {expected}")
        findings.is_read_whole = bool(formats) and not findings.faults
        if self._plan is not None and formats:
            self._plan.finish(findings.faults, is_whole=findings.is_read_whole)
        findings.alphabet = "".join(sorted(self._alphabet))
        return findings, np.concatenate(self._keys)

    def read_questions(self, records: set[int]) -> dict[int, str]:
        """Returns the questions of some records, by record number; those that cannot be read are left out."""
        formats = sorted(format for format in self._entry.files if self._measure(format))
        questions = {}
        number = 0
        for block in self._read_blocks(formats[:1]):
            questions |= {
                record: block[record - number].question for record in records if 0 <= record - number < len(block)
            }
            number += len(block)
        return questions

    def _add(self, kind: str, reason: str, record: int | None = None) -> None:
        self._findings.faults.add(kind, self._entry.shard, reason, record)

    def _report(self, reason: str, record: int | None) -> None:
        self._add("contents", reason, record)

    def _path(self, format: str) -> str:
        return filesystem.join(self._directory, self._entry.files[format].path)

    def _measure(self, format: str) -> bool:
        """Returns whether a file is worth reading; what its size and checksum mean is for the driver to say."""
        file = self._entry.files[format]
        if not FileSystems.exists(self._path(format)):
            return False
        try:
            num_bytes, sha256 = filesystem.sha256_of(self._path(format))
        except OSError as error:
            self._add("files", f"{file.path} cannot be read: {filesystem.describe_error(error)}")
            return False
        self._findings.path_to_file[file.path] = [num_bytes, sha256]
        # A damaged TFRecord file can tell which record is hit; a damaged Parquet file only confuses its reader.
        return sha256 == file.sha256 or format == "tfrecord"

    def _read_blocks(self, formats: list[str]) -> Iterator[list[Record]]:
        """Yields the records, Parquet's where it can be read; compares the formats on the way."""
        try:
            with contextlib.ExitStack() as stack:
                files = {format: stack.enter_context(filesystem.open_file(self._path(format))) for format in formats}
                payloads = self._read_payloads(files["tfrecord"]) if "tfrecord" in files else iter(())
                if "parquet" not in files:
                    yield from read_tfrecord_blocks(payloads, self._report)
                elif "tfrecord" not in files:
                    yield from read_parquet_blocks(files["parquet"])
                else:
                    yield from compare_blocks(read_parquet_blocks(files["parquet"]), payloads, self._report)
        except (UserError, OSError) as error:
            self._add("contents", filesystem.describe_error(error))

    def _read_payloads(self, file: BinaryIO) -> Iterator[bytes]:
        return read_payloads(file, self._compression, self._entry.files["tfrecord"].path)

    def _judge_block(self, block: list[Record]) -> None:
        first = self._findings.num_records
        kept: list[Facts] = []
        numbers = []
        if self._plan is not None:
            self._plan.compare([record.question for record in block])
        for number, record in enumerate(block, first):
            try:
                facts = self._judge.judge(record.question)
            except UserError as error:
                self._add("membership", str(error), number)
                continue
            if (facts.answer, facts.carries, facts.digits, facts.terms) != (record[:3] + record[4:]):
                self._add("contents", _describe_error(facts, record), number)
            kept.append(facts)
            numbers.append(number)
        self._findings.num_records += len(block)
        questions = [text_key(facts.question) for facts in kept]
        twins = [text_key(facts.class_key) for facts in kept] if self._knows_twins else questions
        self._keys.append(pack_keys(twins, questions, numbers))
        self._count(kept)

    def _count(self, kept: list[Facts]) -> None:
        histograms = self._findings.histograms
        self._alphabet.update(*(facts.question for facts in kept))
        histograms["answer_length"].update(str(len(facts.answer)) for facts in kept)
        histograms["answer_sign"].update(_sign(facts.answer) for facts in kept)
        histograms["carries"].update(str(facts.carries) for facts in kept)
        histograms["digits"].update(str(facts.digits) for facts in kept)
        histograms["operators"].update(operator for facts in kept for operator in set(facts.operators))
        histograms["question_length"].update(str(len(facts.question)) for facts in kept)
        histograms["terms"].update(str(facts.terms) for facts in kept)


def _describe_error(facts: Facts, record: Record) -> str:
    name = next(
        name for name in ("answer", "carries", "digits", "terms") if getattr(facts, name) != getattr(record, name)
    )
    return f"the {name} of `{record.question}` is {getattr(facts, name)}, got {getattr(record, name)}"


def _sign(answer: str) -> str:
    if answer == "0":
        return "zero"
    return "negative" if answer.startswith("-") else "positive"
