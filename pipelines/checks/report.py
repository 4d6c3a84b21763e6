"""What verifying a dataset has shown, for programs and for people."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eqstream.data.dataset import layout
from eqstream.data.dataset.manifest import Manifest
from eqstream.data.splits.strata import find_split_of_twins
from eqstream.pipelines.checks.files import FilesChecked
from eqstream.pipelines.checks.findings import Finding, Findings
from eqstream.pipelines.checks.metadata import explain_other_author
from eqstream.pipelines.checks.shard import ShardReport
from eqstream.pipelines.runtime.wording import count_of, name_first

COMMUTED_TO_PROOF = {
    "together": "no equation stands twice, and no commuted twins stand in two splits",
    "drop": "no equation stands twice, and neither does a commuted twin of it",
    "ignore": "no equation stands twice",
}


@dataclass(frozen=True, kw_only=True)
class VerifyReport:
    """What verifying a dataset has shown.

    Attributes:
        directory: of the dataset.
        name: of the dataset, and its version.
        split_to_count: number of records in each split, as found.
        num_shards: shards that the manifest lists.
        findings: the first things that are wrong.
        num_findings: of all.
        proven: what holds without exception, one sentence each.
        record_noun: what a record is: `equation` or `step`.
        unchecked: what was not checked though nothing is known to be wrong with it, one sentence each.
        repair: how to mend the dataset, empty where nothing is wrong.
        paths_to_delete: the files, relative to the dataset, that are to be deleted before it is built again.
    """

    directory: str
    name: str
    split_to_count: dict[str, int]
    num_shards: int
    findings: tuple[Finding, ...]
    num_findings: int
    proven: tuple[str, ...]
    record_noun: str = "equation"
    unchecked: tuple[str, ...] = ()
    repair: str = ""
    paths_to_delete: tuple[str, ...] = ()

    @property
    def is_valid(self) -> bool:
        """Whether nothing is wrong."""
        return self.num_findings == 0

    @property
    def num_records(self) -> int:
        """How many records there are."""
        return sum(self.split_to_count.values())

    def to_text(self) -> str:
        """Returns the report as lines: what was read, what holds, what is wrong, how to mend it."""
        splits = ", ".join(f"{split} {count:,}" for split, count in self.split_to_count.items())
        shards, equations = count_of(self.num_shards, "shard"), count_of(self.num_records, self.record_noun)
        lines = [f"{self.name} in {self.directory}: {equations} in {shards} ({splits})"]
        lines += [f"proven: {sentence}" for sentence in self.proven]
        lines += [f"not checked: {sentence}" for sentence in self.unchecked]
        lines += [f"wrong: {finding}" for finding in self.findings]
        if self.num_findings > len(self.findings):
            lines.append(f"wrong: and {self.num_findings - len(self.findings):,} more")
        findings = "1 finding" if self.num_findings == 1 else f"{self.num_findings:,} findings"
        result = "valid, as far as it was checked" if self.unchecked else "valid"
        lines.append(result if self.is_valid else f"INVALID: {findings}")
        if self.repair:
            lines.append(f"to repair: {self.repair}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Returns the report in JSON types."""
        return {
            **vars(self),
            "findings": [{**finding._asdict(), "paths": list(finding.paths)} for finding in self.findings],
            "proven": list(self.proven),
            "unchecked": list(self.unchecked),
            "paths_to_delete": list(self.paths_to_delete),
            "is_valid": self.is_valid,
        }


def make_report(
    directory: str,
    manifest: Manifest,
    *,
    reports: Sequence[ShardReport],
    files: FilesChecked,
    findings: Findings,
    is_quick: bool,
) -> VerifyReport:
    """Returns the report of all checks.

    Args:
        directory: of the dataset.
        manifest: of the dataset.
        reports: of each shard, in the order of `Manifest.list_shards`.
        files: what was compared of the files.
        findings: of all checks.
        is_quick: whether records were left alone.
    """
    split_to_count = dict.fromkeys(manifest.splits, 0)
    for (split, _), report in zip(manifest.list_shards(), reports, strict=True):
        split_to_count[split] += report.num_records
    paths = tuple(sorted(findings.paths))
    return VerifyReport(
        directory=directory,
        name=f"{manifest.name} {manifest.version}",
        split_to_count=split_to_count,
        num_shards=len(reports),
        findings=findings.first,
        num_findings=findings.total,
        record_noun=manifest.record_noun,
        proven=tuple(
            _list_proofs(manifest, reports, files=files, kind_to_count=findings.kind_to_count, is_quick=is_quick)
        ),
        unchecked=tuple(_list_unchecked(manifest, files, is_quick=is_quick)),
        repair=_explain_repair(directory, paths, findings) if findings.total else "",
        paths_to_delete=paths,
    )


def _list_proofs(
    manifest: Manifest,
    reports: Sequence[ShardReport],
    *,
    files: FilesChecked,
    kind_to_count: Mapping[str, int],
    is_quick: bool,
) -> Iterator[str]:
    faulty = {kind for kind, count in kind_to_count.items() if count}
    if "files" not in faulty:
        listed = f"{layout.MANIFEST} and {layout.CHECKSUMS}"
        yield f"{files.num_files:,} files are as {listed} say; none is missing, and there is no shard beside them"
        if explain_other_author(manifest) is None:
            yield f"dataset card and descriptions for readers are, byte by byte, what {layout.MANIFEST} gives"
    if is_quick or not all(report.is_read_whole for report in reports):
        return
    if "contents" not in faulty:
        num_records = sum(report.num_records for report in reports)
        if manifest.recipe.steps is None:
            yield f"{num_records:,} answers and their columns, recomputed from the questions, are right"
        else:
            yield f"{num_records:,} steps keep the value of their line, are the next ones and end in the right answers"
        if len(manifest.formats) > 1 and "files" not in faulty:
            yield "TFRecord and Parquet hold the same records in the same order"
    if "membership" not in faulty:
        yield "every equation is one of the recipe's space and of its split"
    if "twins" not in faulty:
        yield COMMUTED_TO_PROOF[manifest.recipe.commuted]
        if manifest.recipe.steps is not None:
            yield "no line of a solution is an equation of another split, or a commuted twin of one"
    if find_split_of_twins(manifest.recipe) is not None:
        return
    if "counts" not in faulty:
        yield "splits and shards are exactly as large as the recipe asks, and the histograms are right"
    # Without a plan, or with a shard that the plan does not know, there is a finding in the counts.
    if not faulty & {"plan", "counts"}:
        yield f"every shard holds, in order, the {manifest.record_noun}s that the recipe plans for it"


def _list_unchecked(manifest: Manifest, files: FilesChecked, *, is_quick: bool) -> Iterator[str]:
    if is_quick:
        yield "the records themselves, and the recipe's plan; verify without --quick to check them"
    elif (split := find_split_of_twins(manifest.recipe)) is not None:
        yield (
            f"sizes of splits and order of equations: `where.brackets` of split `{split}` together with `commuted: "
            "together` was planned by eqstream 0.1 alone"
        )
    other_author = explain_other_author(manifest)
    if other_author is not None:
        yield other_author
    if files.foreign:
        yield f"{name_first(files.foreign)}: not of the dataset, but readers of the directory may take note of them"


def _explain_repair(directory: str, paths: tuple[str, ...], findings: Findings) -> str:
    build = f"eqstream build RECIPE --out {directory}"
    if not findings.is_mendable:
        return f"build the dataset anew with `{build} --overwrite`"
    return f"delete or move away what there is of {name_first(paths)} in {directory}, and run `{build}` again"
