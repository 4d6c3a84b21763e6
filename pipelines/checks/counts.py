"""The numbers in a manifest against the recipe's plan made anew, and against what was found in the shards."""

import dataclasses
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from eqstream.data.dataset.layout import MANIFEST, shard_path
from eqstream.data.dataset.manifest import Manifest
from eqstream.data.dataset.manifest_maker import describe_space
from eqstream.data.dataset.manifest_parts import ShardInfo, SplitInfo
from eqstream.data.errors import UserError
from eqstream.data.formats.columns import COLUMN_TYPES
from eqstream.data.recipe import Recipe
from eqstream.data.space_recipe import SpaceRecipe
from eqstream.data.splits.plan import ShardTask, SplitPlan
from eqstream.pipelines.checks.findings import Finding
from eqstream.pipelines.checks.records import HISTOGRAMS
from eqstream.pipelines.checks.shard import ShardReport


def check_plan(manifest: Manifest, plan: SplitPlan) -> Iterator[Finding]:
    """Yields where splits and shards are not what the recipe asks for; `plan` was made anew from it."""
    for split in plan.splits:
        for name in ("num_equations", "first_ordinal", "num_left_out"):
            found, expected = getattr(manifest.splits[split.name], name), getattr(split, name)
            # Earlier versions did not count what the end of the last split cuts off.
            is_earlier_count = name == "num_left_out" and found == split.num_left_out - split.num_cut_off_behind
            if found != expected and not is_earlier_count:
                yield _about(f"split {split.name}", f"`{name}` is {found}, the recipe asks for {expected}")
    name_to_planned = {task.name: _describe_task(task, manifest.recipe) for task in plan.shards}
    name_to_found = {shard.shard: _describe_entry(shard) for _, shard in manifest.list_shards()}
    for name in [*name_to_planned, *(name for name in name_to_found if name not in name_to_planned)]:
        planned, found = name_to_planned.get(name, "no such shard"), name_to_found.get(name, "no such shard")
        if planned != found:
            yield _about(name, f"the manifest lists {found}; the recipe asks for {planned}")
    if name_to_planned.keys() == name_to_found.keys() and list(name_to_planned) != list(name_to_found):
        yield _about(MANIFEST, "it does not list the shards in the order of their numbers")


def _about(place: str, reason: str) -> Finding:
    return Finding("counts", place, reason)


def _describe_task(task: ShardTask, recipe: Recipe) -> str:
    paths = {
        file_format: shard_path(
            file_format,
            task.split,
            shard_index=task.shard_index,
            num_shards=task.num_shards,
            compression=recipe.storage.compression,
        )
        for file_format in recipe.storage.formats
    }
    return _describe_shard(task.num_equations, task.first_ordinal, paths)


def _describe_entry(shard: ShardInfo) -> str:
    paths = {file_format: file.path for file_format, file in shard.files.items()}
    return _describe_shard(shard.num_equations, shard.first_ordinal, paths)


def _describe_shard(num_equations: int, first_ordinal: int, format_to_path: Mapping[str, str]) -> str:
    paths = " and ".join(format_to_path[file_format] for file_format in sorted(format_to_path))
    return f"{num_equations} equations from ordinal {first_ordinal} on in {paths}"


def check_manifest(manifest: Manifest, reports: Sequence[ShardReport]) -> Iterator[Finding]:
    """Yields where the manifest says something else of recipe, space and equations than was found.

    Args:
        manifest: of the dataset.
        reports: of each shard, in the order of `Manifest.list_shards`.
    """
    yield from check_recipe_facts(manifest)
    letters = {letter for report in reports for letter in report.alphabet}
    if unknown := letters - set(manifest.space.alphabet):
        yield _about(MANIFEST, f"`alphabet` lacks {''.join(sorted(unknown))!r}")
    split_to_reports: dict[str, list[ShardReport]] = {}
    for (split, _), report in zip(manifest.list_shards(), reports, strict=True):
        split_to_reports.setdefault(split, []).append(report)
    for split, of_split in split_to_reports.items():
        # Sums over shards mean nothing where a record was not understood, which is a finding already.
        if all(report.is_read_whole for report in of_split):
            yield from _check_split(split, manifest.splits[split], of_split)


def check_recipe_facts(manifest: Manifest) -> Iterator[Finding]:
    """Yields where the manifest contradicts its own recipe, or its sums do not add up; needs no shard."""
    recipe = manifest.recipe
    for name in ("name", "version", "description"):
        found, expected = getattr(manifest, name), getattr(recipe, name)
        if found != expected:
            yield _about(MANIFEST, f"`{name}` is {found!r}, the recipe says {expected!r}")
    if manifest.fingerprint != recipe.fingerprint():
        yield _about(MANIFEST, f"`fingerprint` is not that of the recipe, {recipe.fingerprint()[:12]}…")
    if manifest.columns != COLUMN_TYPES:
        yield _about(MANIFEST, f"`columns` are {manifest.columns}, not {COLUMN_TYPES}")
    yield from _check_space(manifest)
    for split, info in manifest.splits.items():
        num_equations = sum(shard.num_equations for shard in info.shards)
        if info.num_equations != num_equations:
            reason = f"its shards hold {num_equations:,} equations, the manifest says {info.num_equations:,}"
            yield _about(f"split {split}", reason)
        num_steps = sum(shard.num_steps or 0 for shard in info.shards)
        if info.num_steps is not None and info.num_steps != num_steps:
            reason = f"its shards hold {num_steps:,} steps, the manifest says {info.num_steps:,}"
            yield _about(f"split {split}", reason)
        if unknown := sorted(set(info.histograms) - set(HISTOGRAMS)):
            yield _about(f"split {split}", f"there is no histogram of {unknown[0]}")


def _check_space(manifest: Manifest) -> Iterator[Finding]:
    try:
        facts = describe_space(manifest.recipe)
    except UserError:
        # Then there is no plan, either, which says why.
        return
    expected = {**dataclasses.asdict(facts), "size": space_size(manifest.recipe.space)}
    for name, value in expected.items():
        found = getattr(manifest.space, name)
        if found != value:
            yield _about(MANIFEST, f"`space.{name}` is {found!r}, of this recipe's space it is {value!r}")


def _check_split(split: str, info: SplitInfo, reports: list[ShardReport]) -> Iterator[Finding]:
    num_left_out = sum(report.num_steps_left_out for report in reports)
    if info.num_steps_left_out is not None and info.num_steps_left_out != num_left_out:
        reason = f"`num_steps_left_out` is {info.num_steps_left_out}, the recipe leaves out {num_left_out}"
        yield _about(f"split {split}", reason)
    for name in HISTOGRAMS:
        counted = sum((report.histograms[name] for report in reports), Counter())
        # Values that never occur may be listed or not.
        if Counter(info.histograms[name]) != counted:
            reason = f"the histogram of {name} is not that of its equations, {dict(sorted(counted.items()))}"
            yield _about(f"split {split}", reason)


def space_size(space: SpaceRecipe) -> int:
    """Returns the number of candidates: operands, operators and, with brackets, trees, all free.

    >>> from eqstream.data.space_recipe import Operands, Terms
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
