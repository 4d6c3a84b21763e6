"""One shard against its manifest entry and its recipe: bytes, records, equations.

What only several shards together can show (equations that stand twice) is left to whoever gathers the keys that come
with what is found.
"""

import contextlib
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from eqstream.data.dataset.manifest import Manifest
from eqstream.data.dataset.manifest_parts import ShardInfo
from eqstream.data.errors import UserError
from eqstream.data.formats.blocks import Cut
from eqstream.data.recipe import Recipe
from eqstream.pipelines.checks.blocks import check_blocks
from eqstream.pipelines.checks.bulk.columns import Columns, Texts, pair_blocks
from eqstream.pipelines.checks.findings import Finding, Findings
from eqstream.pipelines.checks.parquet_blocks import count_records, read_parquet_blocks
from eqstream.pipelines.checks.plan import PlanComparison
from eqstream.pipelines.checks.records import RecordCheck
from eqstream.pipelines.checks.steps import PlannedSteps, StepCheck
from eqstream.pipelines.checks.tfrecord_blocks import read_tfrecord_blocks
from eqstream.pipelines.checks.tfrecord_frames import DamagedRecordError
from eqstream.pipelines.runtime import filesystem


@dataclass(frozen=True, kw_only=True)
class ShardPlace:
    """A shard of a dataset: the `directory` and `recipe` of the dataset, its `split`, and what the manifest says.

    `first_record` is the number of the shard's first record within the split.
    """

    directory: str
    recipe: Recipe
    split: str
    info: ShardInfo
    first_record: int

    def path(self, file_format: str) -> str:
        """Returns where the shard's file of a format lies."""
        return filesystem.join(self.directory, self.info.files[file_format].path)

    @property
    def paths(self) -> tuple[str, ...]:
        """The shard's files, relative to the dataset."""
        return tuple(file.path for file in self.info.files.values())

    def finding(self, kind: str, reason: str, *, record: int | None = None, file_format: str | None = None) -> Finding:
        """Returns a finding about the shard, or about its file of one format."""
        paths = self.paths if file_format is None else (self.info.files[file_format].path,)
        return Finding(kind, self.info.shard, reason, record=record, paths=paths)


def list_places(directory: str, manifest: Manifest) -> list[ShardPlace]:
    """Returns the places of all shards of a dataset, in the order of `Manifest.list_shards`."""
    return [
        ShardPlace(directory=directory, recipe=manifest.recipe, split=name, info=info, first_record=cut.first_record)
        for name, split in manifest.splits.items()
        for info, cut in zip(split.shards, split.cuts(), strict=True)
    ]


@dataclass(frozen=True, kw_only=True)
class ShardReport:
    """What was found in one shard.

    Attributes:
        findings: of this shard alone.
        path_to_file: relative path to `[num_bytes, sha256]` of each file that is there.
        num_records: how many records were read.
        is_read_whole: whether every record was read and is right, so that sums over shards mean something.
        histograms: name to value (a text) to number of equations.
        alphabet: the characters of all questions, sorted.
        num_steps_left_out: how many steps the recipe leaves out of the shard.
    """

    findings: Findings
    path_to_file: dict[str, list[Any]]
    num_records: int
    is_read_whole: bool
    histograms: dict[str, Counter[str]]
    alphabet: str
    num_steps_left_out: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Returns the report in JSON types."""
        return {**vars(self), "findings": self.findings.to_dict()}

    @classmethod
    def from_dict(cls, mapping: dict[str, Any]) -> "ShardReport":
        """Returns the report that `to_dict` has written down."""
        histograms = {name: Counter(counts) for name, counts in mapping["histograms"].items()}
        return cls(**{**mapping, "findings": Findings.from_dict(mapping["findings"]), "histograms": histograms})


def check_shard(
    place: ShardPlace, planned: Iterator[Texts] | Iterator[PlannedSteps] | None, *, max_findings: int
) -> tuple[ShardReport, np.ndarray]:
    """Returns what is found in a shard, and one element of `duplicates.KEYS` for each equation that may stand in it.

    Args:
        place: the shard.
        planned: its questions, or its steps, as the recipe plans them; None where the recipe plans no such shard.
        max_findings: how many findings to describe.
    """
    path_to_file, unreadable = measure_files(place)
    formats = [file_format for file_format, file in place.info.files.items() if file.path in path_to_file]
    check, comparison = _make_checks(place, planned)
    records = Findings.collect(_check_records(place, formats, check=check, comparison=comparison), max_findings)
    tally, expected = check.tally, place.info.num_records
    parts = [Findings.collect(unreadable, max_findings), records]
    if formats and not sum(part.total for part in parts) and tally.num_records != expected:
        reason = f"it holds {tally.num_records:,} records, the manifest says {expected:,}"
        parts.append(Findings.collect([place.finding("contents", reason)], max_findings))
    is_read_whole = bool(formats) and not sum(part.total for part in parts)
    if comparison is not None and formats:
        differences = comparison.finish(place.info.shard, place.paths, is_whole=is_read_whole)
        parts.append(Findings.collect(differences, max_findings))
    if is_read_whole:
        parts.append(Findings.collect(_check_blocks(place, path_to_file), max_findings))
    report = ShardReport(
        findings=Findings.join(parts, max_findings),
        path_to_file=path_to_file,
        num_records=tally.num_records,
        is_read_whole=is_read_whole,
        histograms=tally.histograms,
        alphabet=bytes(np.flatnonzero(tally.letters).tolist()).decode("latin-1"),
        num_steps_left_out=check.num_left_out if isinstance(check, StepCheck) else 0,
    )
    return report, np.concatenate(tally.keys)


def _make_checks(
    place: ShardPlace, planned: Iterator[Any] | None
) -> tuple[RecordCheck | StepCheck, PlanComparison | None]:
    """Returns what checks the records, and what compares their questions with the planned ones."""
    if place.recipe.steps is None:
        return RecordCheck(place.recipe, place.split), None if planned is None else PlanComparison(planned)
    ours, theirs = itertools.tee(planned or iter(()))
    questions = None if planned is None else PlanComparison(steps.question for steps in theirs)
    return StepCheck(place.recipe, place.split, ours), questions


def check_shard_quickly(place: ShardPlace, *, max_findings: int) -> ShardReport:
    """Returns what is found in a shard without a look at its records: sizes, checksums, the count in Parquet's footer.

    Args:
        place: the shard.
        max_findings: how many findings to describe.
    """
    path_to_file, findings = measure_files(place)
    info = place.info.files.get("parquet")
    if info is not None and path_to_file.get(info.path) == [info.num_bytes, info.sha256]:
        with filesystem.open_file(place.path("parquet")) as file:
            num_records = count_records(file, info.path)
        if num_records != place.info.num_records:
            reason = f"it holds {num_records:,} records, the manifest says {place.info.num_records:,}"
            findings.append(place.finding("contents", reason))
    if not findings:
        findings.extend(_check_blocks(place, path_to_file))
    return ShardReport(
        findings=Findings.collect(findings, max_findings),
        path_to_file=path_to_file,
        num_records=place.info.num_records,
        is_read_whole=False,
        histograms={},
        alphabet="",
    )


def measure_files(place: ShardPlace) -> tuple[dict[str, list[Any]], list[Finding]]:
    """Returns `[num_bytes, sha256]` of each file of a shard that can be read, and why others cannot.

    What a size and a checksum mean is for `files` to say, and so is that a file is missing.
    """
    path_to_file, findings = {}, []
    for file_format, file in place.info.files.items():
        path = place.path(file_format)
        if not filesystem.exists(path):
            continue
        try:
            path_to_file[file.path] = list(filesystem.sha256_of(path))
        except (OSError, UserError) as error:
            reason = f"{file.path} cannot be read: {filesystem.describe_error(error)}"
            findings.append(place.finding("files", reason, file_format=file_format))
    return path_to_file, findings


def _check_blocks(place: ShardPlace, path_to_file: dict[str, list[Any]]) -> Iterator[Finding]:
    """Yields where the manifest is wrong about the blocks of files that are those of the manifest."""
    cut = Cut(place.first_record, place.info.num_records)
    for file_format, info in place.info.files.items():
        if path_to_file.get(info.path) == [info.num_bytes, info.sha256]:
            with filesystem.open_file(place.path(file_format)) as file:
                for reason in check_blocks(file, info, cut):
                    # No file that is written anew would mend the manifest.
                    yield Finding("files", place.info.shard, reason)


def read_questions(place: ShardPlace, records: set[int]) -> dict[int, str]:
    """Returns the questions of some records, by record number; those that cannot be read are left out."""
    path_to_file, _ = measure_files(place)
    formats = [file_format for file_format, file in place.info.files.items() if file.path in path_to_file]
    questions: dict[int, str] = {}
    number = 0
    with contextlib.ExitStack() as stack:
        for block in _guard(place, formats[-1], stack, []) if formats else ():
            rows = [record - number for record in records if 0 <= record - number < block.num_records]
            questions |= {number + row: block.question.text(row) for row in rows}
            number += block.num_records
    return questions


def _check_records(
    place: ShardPlace, formats: list[str], *, check: RecordCheck | StepCheck, comparison: PlanComparison | None
) -> Iterator[Finding]:
    """Yields what is wrong with the records, Parquet's where there are both formats, and where the formats differ."""
    problems: list[Finding] = []
    num_problems = num_differences = 0
    format_to_count: Counter[str] = Counter()
    with contextlib.ExitStack() as stack:
        for blocks in _list_blocks(place, formats, stack=stack, problems=problems):
            num_problems += len(problems)
            yield from _take_all(problems)
            differences = _find_differences(blocks)
            if len(differences) and not num_differences:
                row = int(differences[0])
                yield place.finding("contents", _describe_difference(blocks, row), record=check.tally.num_records + row)
            num_differences += len(differences)
            format_to_count.update({file_format: block.num_records for file_format, block in blocks.items()})
            block = blocks["parquet"] if "parquet" in blocks else blocks["tfrecord"]
            if comparison is not None:
                comparison.compare(block.question)
            for kind, reason, record in check.check(block):
                yield place.finding(kind, reason, record=record)
    for kind, reason, record in check.finish():
        yield place.finding(kind, reason, record=record)
    num_problems += len(problems)
    yield from problems
    if num_differences > 1:
        yield place.finding("contents", f"TFRecord and Parquet differ in {num_differences:,} records")
    if len(formats) > 1 and not num_problems and format_to_count["tfrecord"] != format_to_count["parquet"]:
        tfrecord, parquet = format_to_count["tfrecord"], format_to_count["parquet"]
        yield place.finding("contents", f"TFRecord holds {tfrecord:,} records, Parquet {parquet:,}")


def _list_blocks(
    place: ShardPlace, formats: list[str], *, stack: contextlib.ExitStack, problems: list[Finding]
) -> Iterator[dict[str, Columns]]:
    """Yields format to records, the same records of every format that still has some."""
    streams = {file_format: _guard(place, file_format, stack, problems) for file_format in formats}
    if len(streams) < 2:
        for file_format, stream in streams.items():
            for block in stream:
                yield {file_format: block}
        return
    for parquet, tfrecord in pair_blocks(streams["parquet"], streams["tfrecord"]):
        blocks = {"parquet": parquet, "tfrecord": tfrecord}
        yield {file_format: block for file_format, block in blocks.items() if block is not None}


def _guard(
    place: ShardPlace, file_format: str, stack: contextlib.ExitStack, problems: list[Finding]
) -> Iterator[Columns]:
    """Yields the records of a file; what ends them early is added to `problems`."""
    try:
        file = stack.enter_context(filesystem.open_file(place.path(file_format)))
        name = place.info.files[file_format].path
        if file_format == "parquet":
            yield from read_parquet_blocks(file, name)
        else:
            yield from read_tfrecord_blocks(file, place.recipe.storage.compression, name)
    except (UserError, OSError) as error:
        record = error.record if isinstance(error, DamagedRecordError) else None
        problems.append(
            place.finding("contents", filesystem.describe_error(error), record=record, file_format=file_format)
        )


def _take_all(problems: list[Finding]) -> list[Finding]:
    taken = list(problems)
    problems.clear()
    return taken


def _find_differences(blocks: dict[str, Columns]) -> np.ndarray:
    if len(blocks) < 2:
        return np.zeros(0, np.int64)
    return blocks["parquet"].differs_at(blocks["tfrecord"])


def _describe_difference(blocks: dict[str, Columns], row: int) -> str:
    parquet, tfrecord = blocks["parquet"], blocks["tfrecord"]
    name = next(name for name in Columns._fields if parquet.value(name, row) != tfrecord.value(name, row))
    return f"TFRecord has the {name} {tfrecord.value(name, row)!r}, Parquet {parquet.value(name, row)!r}"
