"""The numbers in a manifest against the recipe's plan made anew, and against what was found in the shards."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from eqstream.data.dataset.layout import shard_path
from eqstream.data.dataset.manifest import Manifest, ShardInfo, SpaceFacts, SplitInfo
from eqstream.data.formats.columns import COLUMN_TYPES
from eqstream.data.recipe import Recipe, SpaceRecipe
from eqstream.data.splits.plan import ShardTask, SplitPlan
from eqstream.pipelines.checks.findings import FaultList
from eqstream.pipelines.checks.shard import HISTOGRAMS, ShardFindings

PLACE = "manifest.json"


def check_plan(manifest: Manifest, recipe: Recipe, plan: SplitPlan, faults: FaultList) -> None:
    """Adds where splits and shards are not what the recipe asks for.

    Args:
        manifest: of the dataset.
        recipe: of the dataset.
        plan: made anew from the recipe.
        faults: is added to.
    """
    for split in plan.splits:
        for name in ("num_equations", "first_ordinal", "num_left_out"):
            found, expected = getattr(manifest.splits[split.name], name), getattr(split, name)
            # Earlier versions did not count what the end of the last split cuts off.
            is_earlier_count = name == "num_left_out" and found == split.num_left_out - split.num_cut_off_behind
            if found != expected and not is_earlier_count:
                reason = f"`{name}` is {found}, the recipe asks for {expected}"
                faults.add("counts", f"split {split.name}", reason)
    name_to_planned = {task.name: _describe_task(task, recipe) for task in plan.shards}
    name_to_found = {shard.shard: _describe_entry(shard) for _, shard in manifest.list_shards()}
    for name in [*name_to_planned, *(name for name in name_to_found if name not in name_to_planned)]:
        planned, found = name_to_planned.get(name, "no such shard"), name_to_found.get(name, "no such shard")
        if planned != found:
            faults.add("counts", name, f"the manifest lists {found}; the recipe asks for {planned}")


def _describe_task(task: ShardTask, recipe: Recipe) -> str:
    paths = {
        format: shard_path(format, task.split, task.shard_index, task.num_shards, recipe.storage.compression)
        for format in recipe.storage.formats
    }
    return _describe_shard(task.num_equations, task.first_ordinal, paths)


def _describe_entry(shard: ShardInfo) -> str:
    paths = {format: file.path for format, file in shard.files.items()}
    return _describe_shard(shard.num_equations, shard.first_ordinal, paths)


def _describe_shard(num_equations: int, first_ordinal: int, format_to_path: Mapping[str, str]) -> str:
    paths = " and ".join(format_to_path[format] for format in sorted(format_to_path))
    return f"{num_equations} equations from ordinal {first_ordinal} on in {paths}"


def check_manifest(manifest: Manifest, recipe: Recipe, findings: Sequence[ShardFindings], faults: FaultList) -> None:
    """Adds where the manifest says something else of recipe, space and equations than was found.

    Args:
        manifest: of the dataset.
        recipe: of the dataset.
        findings: of each shard, in the order of `Manifest.list_shards`.
        faults: is added to.
    """
    for name in ("name", "version", "description"):
        found, expected = getattr(manifest, name), getattr(recipe, name)
        if found != expected:
            faults.add("counts", PLACE, f"`{name}` is {found!r}, the recipe says {expected!r}")
    if manifest.fingerprint != recipe.fingerprint():
        faults.add("counts", PLACE, f"`fingerprint` is not that of the recipe, {recipe.fingerprint()[:12]}…")
    size = space_size(recipe.space)
    if manifest.space.size != size:
        faults.add("counts", PLACE, f"the `size` of the space is {manifest.space.size}, not {size}")
    if manifest.columns != COLUMN_TYPES:
        faults.add("counts", PLACE, f"`columns` are {manifest.columns}, not {COLUMN_TYPES}")
    _check_texts(manifest.space, findings, faults)
    split_to_findings: dict[str, list[ShardFindings]] = {}
    for (split, _), found in zip(manifest.list_shards(), findings, strict=True):
        split_to_findings.setdefault(split, []).append(found)
    for split, found in split_to_findings.items():
        # Sums over shards mean nothing where a record was not understood, which is a fault already.
        if all(each.is_read_whole for each in found):
            _check_split(split, manifest.splits[split], found, faults)


def _check_split(split: str, entry: SplitInfo, findings: list[ShardFindings], faults: FaultList) -> None:
    num_equations = sum(found.num_records for found in findings)
    if entry.num_equations != num_equations:
        reason = f"its shards hold {num_equations} equations, the manifest says {entry.num_equations}"
        faults.add("counts", f"split {split}", reason)
    for name in HISTOGRAMS:
        counted = sum((found.histograms[name] for found in findings), Counter())
        # Values that never occur may be listed or not.
        if Counter(entry.histograms[name]) != counted:
            reason = f"the histogram of {name} is not that of its equations, {dict(sorted(counted.items()))}"
            faults.add("counts", f"split {split}", reason)


def _check_texts(space: SpaceFacts, findings: Sequence[ShardFindings], faults: FaultList) -> None:
    for name in ("question", "answer"):
        longest = max((int(length) for found in findings for length in found.histograms[f"{name}_length"]), default=0)
        bound = getattr(space, f"max_{name}_length")
        if longest > bound:
            reason = f"`max_{name}_length` is {bound}, but one has {longest} characters"
            faults.add("counts", PLACE, reason)
    strangers = {character for found in findings for character in found.alphabet} - set(space.alphabet)
    if strangers:
        faults.add("counts", PLACE, f"`alphabet` lacks {''.join(sorted(strangers))!r}")


def space_size(space: SpaceRecipe) -> int:
    """Returns the number of candidates: operands, operators and, with brackets, trees, all free.

    >>> from eqstream.data.recipe import Operands, Terms
    >>> space_size(SpaceRecipe(operands=Operands(min=0, max=9), operators="+-", terms=Terms(min=2, max=3)))
    4200
    """
    num_operands = (space.operands.max - space.operands.min) * 10**space.operands.decimals + 1
    size = 0
    for terms in range(space.terms.min, space.terms.max + 1):
        # Catalan's number counts the binary trees.
        num_trees = math.comb(2 * terms - 2, terms - 1) // terms if space.brackets else 1
        size += num_trees * len(space.operators) ** (terms - 1) * num_operands**terms
    return size
