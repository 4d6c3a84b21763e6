"""What verifying a dataset has shown, for programs and for people."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from eqstream.data.dataset import layout
from eqstream.data.recipe import Recipe
from eqstream.pipelines.checks.files import CheckedFiles
from eqstream.pipelines.checks.findings import Fault, FaultList
from eqstream.pipelines.checks.shard import ShardFindings

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
        split_to_count: number of equations read in each split.
        num_shards: shards that the manifest lists.
        faults: the first ones.
        num_faults: of all.
        proven: what holds without exception, one sentence each.
        unproven: what could not be checked though nothing is known to be wrong with it, one sentence each.
    """

    directory: str
    name: str
    split_to_count: dict[str, int]
    num_shards: int
    faults: tuple[Fault, ...]
    num_faults: int
    proven: tuple[str, ...]
    unproven: tuple[str, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return self.num_faults == 0

    @property
    def num_equations(self) -> int:
        """How many equations were read."""
        return sum(self.split_to_count.values())

    def to_text(self) -> str:
        """Returns the report as lines: what was read, what holds, what is wrong."""
        splits = ", ".join(f"{split} {count:,}" for split, count in self.split_to_count.items())
        shards = "1 shard" if self.num_shards == 1 else f"{self.num_shards:,} shards"
        equations = "1 equation" if self.num_equations == 1 else f"{self.num_equations:,} equations"
        count = f"{equations} in {shards}"
        lines = [f"{self.name} in {self.directory}: {count} ({splits})"]
        lines += [f"proven: {sentence}" for sentence in self.proven]
        lines += [f"not proven: {sentence}" for sentence in self.unproven]
        lines += [f"fault: {fault}" for fault in self.faults]
        if self.num_faults > len(self.faults):
            lines.append(f"fault: and {self.num_faults - len(self.faults):,} more")
        faults = "1 fault" if self.num_faults == 1 else f"{self.num_faults:,} faults"
        lines.append("sound" if self.is_sound else f"NOT sound: {faults}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Returns the report in JSON types."""
        faults = [fault._asdict() for fault in self.faults]
        return {
            **vars(self),
            "faults": faults,
            "proven": list(self.proven),
            "unproven": list(self.unproven),
            "is_sound": self.is_sound,
        }


def make_report(
    directory: str,
    recipe: Recipe,
    split_to_findings: dict[str, list[ShardFindings]],
    checked: CheckedFiles,
    faults: FaultList,
) -> VerifyReport:
    """Returns the report of all checks.

    Args:
        directory: of the dataset.
        recipe: of the dataset.
        split_to_findings: of each shard, by split.
        checked: which files were compared.
        faults: of all checks.
    """
    every = [found for findings in split_to_findings.values() for found in findings]
    return VerifyReport(
        directory=directory,
        name=f"{recipe.name} {recipe.version}",
        split_to_count={
            split: sum(found.num_records for found in findings) for split, findings in split_to_findings.items()
        },
        num_shards=len(every),
        faults=tuple(faults.first),
        num_faults=len(faults),
        proven=tuple(_list_proofs(recipe, every, checked, faults)),
        unproven=(checked.metadata_reason,) if checked.metadata_reason else (),
    )


def _list_proofs(
    recipe: Recipe, findings: list[ShardFindings], checked: CheckedFiles, faults: FaultList
) -> Iterator[str]:
    faulty = faults.kind_to_count
    if not faulty["files"]:
        listed = f"{layout.MANIFEST} and {layout.CHECKSUMS}"
        yield f"{checked.num_files:,} files are as {listed} say; none is missing, and there is no shard beside them"
        if checked.metadata_reason is None:
            yield f"card and descriptions for readers are, byte for byte, what {layout.MANIFEST} gives"
    if not findings or not all(found.is_read_whole for found in findings):
        return
    if not faulty["contents"]:
        num_equations = sum(found.num_records for found in findings)
        yield f"{num_equations:,} answers and their columns, recomputed from the questions, are right"
        if len(recipe.storage.formats) > 1 and not faulty["files"]:
            yield "TFRecord and Parquet hold the same records in the same order"
    if not faulty["membership"]:
        yield "every equation is one of the recipe's space and of its split"
    if not faulty["twins"]:
        yield COMMUTED_TO_PROOF[recipe.commuted]
    if not faulty["counts"]:
        yield "splits and shards are exactly as large as the recipe asks, and the histograms are right"
    # Without a plan, or with a shard that the plan does not know, there is a fault in the counts.
    if not faulty["plan"] and not faulty["counts"]:
        yield "every shard holds, in order, the equations that the recipe plans for it"
