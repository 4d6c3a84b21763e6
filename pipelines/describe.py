"""What is in a dataset: its recipe, sizes, histograms and some equations of each split, for people and for programs.

Nearly all of it stands in the manifest and is believed; `eqstream.pipelines.verify` is what checks it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eqstream.data.configuration import to_mapping
from eqstream.data.dataset.histograms import SIGNS
from eqstream.data.dataset.manifest import Manifest
from eqstream.data.errors import UserError
from eqstream.data.recipe import OPERATORS, SplitRecipe
from eqstream.pipelines.checks.files import load_manifest
from eqstream.pipelines.checks.shard_records import read_sample
from eqstream.pipelines.runtime import filesystem

BAR_WIDTH = 40
FORMAT_TO_TITLE = {"tfrecord": "TFRecord", "parquet": "Parquet"}


def describe(directory: str | Path, *, num_samples: int = 5) -> dict[str, Any]:
    """Returns the description of a dataset, of JSON types alone.

    | key | holds |
    | --- | --- |
    | `name`, `version`, `description`, `format_version`, `fingerprint` | as in the manifest |
    | `space` | `size` (an integer as text) and the recipe's `space` |
    | `recipe` | `seed`, `commuted`, `sampling`, `storage` |
    | `num_equations`, `num_shards`, `num_bytes` | of the whole dataset; bytes by format |
    | `num_left_out` | equations in no split although a twin is in one, which the end of the split cut off |
    | `splits` | by name: `num_equations`, `num_shards`, `num_bytes`, `source`, `histograms`, `samples` |

    Args:
        directory: of the dataset, on any filesystem that Beam knows.
        num_samples: how many equations to read from the beginning of each split.

    Raises:
        UserError: there is no dataset, one that this version cannot read, or a first shard is missing or damaged.
    """
    source = filesystem.check_directory(str(directory))
    manifest = load_manifest(source)
    recipe = manifest.recipe.to_dict()
    splits = {split.name: _describe_split(source, manifest, split, num_samples) for split in manifest.recipe.splits}
    return {
        **{key: getattr(manifest, key) for key in ("name", "version", "description", "format_version", "fingerprint")},
        "space": {"size": str(manifest.space.size), **recipe["space"]},
        "recipe": {key: recipe[key] for key in ("seed", "commuted", "sampling", "storage")},
        "num_equations": manifest.num_equations,
        "num_shards": sum(split["num_shards"] for split in splits.values()),
        "num_bytes": _add_up(split["num_bytes"] for split in splits.values()),
        "num_left_out": sum(split.num_left_out for split in manifest.splits.values()),
        "splits": splits,
    }


def _describe_split(directory: str, manifest: Manifest, split: SplitRecipe, num_samples: int) -> dict[str, Any]:
    entry = manifest.splits[split.name]
    files = [{format: file.num_bytes for format, file in shard.files.items()} for shard in entry.shards]
    first = entry.shards[0]
    try:
        samples = read_sample(directory, first.files, manifest.recipe.storage.compression, num_samples)
    except (UserError, OSError) as error:
        raise UserError(f"shard {first.shard} cannot be read: {filesystem.describe_error(error)}") from error
    source = {"where": to_mapping(split.where), "hash": to_mapping(split.hash)}
    return {
        "num_equations": entry.num_equations,
        "num_shards": len(entry.shards),
        "num_bytes": _add_up(files),
        "source": {key: value for key, value in source.items() if value is not None},
        "histograms": {
            name: {value: counts[value] for value in sorted(counts, key=_order)}
            for name, counts in sorted(entry.histograms.items())
        },
        "samples": [{"question": record.question, "answer": record.answer} for record in samples],
    }


def _add_up(parts: Any) -> dict[str, int]:
    total: dict[str, int] = {}
    for part in parts:
        for name, number in part.items():
            total[name] = total.get(name, 0) + number
    return total


def _order(value: str) -> tuple[int, int]:
    names = (*SIGNS, *OPERATORS)
    return (1, names.index(value)) if value in names else (0, int(value))


def render_description(description: Mapping[str, Any]) -> str:
    """Returns a description as lines of text for people."""
    lines = [f"{description['name']} {description['version']}"]
    if description["description"]:
        lines.append(description["description"])
    lines += ["", *_render_facts(description), "", *_render_splits(description)]
    for name, split in description["splits"].items():
        lines += ["", f"{name}: {split['num_equations']:,} equations", *_render_source(split["source"])]
        lines += ["  samples", *_render_samples(split["samples"])]
        for title, counts in split["histograms"].items():
            lines += [f"  {title.replace('_', ' ')}", *render_bars(counts)]
    return "\n".join(lines)


def _render_facts(description: Mapping[str, Any]) -> list[str]:
    space, recipe = description["space"], description["recipe"]
    operands = f"operands {space['operands']['min']} to {space['operands']['max']}"
    if space["operands"]["decimals"]:
        decimals = space["operands"]["decimals"]
        operands += f" with {decimals} decimal{'s' if decimals > 1 else ''}"
    terms = space["terms"]
    facts = [operands, f"operators {' '.join(space['operators'])}"]
    facts.append(f"{terms['min']} terms" if terms["min"] == terms["max"] else f"{terms['min']} to {terms['max']} terms")
    facts += ["brackets"] if space["brackets"] else []
    facts += [f"{space['division']} division"] if "/" in space["operators"] else []
    left_out = description["num_left_out"]
    apart = f"; {left_out:,} left out, cut off from their twins by the end of a split" if left_out else ""
    sizes = ", ".join(f"{FORMAT_TO_TITLE[name]} {_megabytes(size)}" for name, size in description["num_bytes"].items())
    return [
        f"space    {int(space['size']):,} candidates: {', '.join(facts)}",
        f"recipe   twins: {recipe['commuted']}, sampling: {recipe['sampling']}, seed: {recipe['seed']}",
        f"stored   {description['num_equations']:,} equations in {description['num_shards']:,} shards, {sizes}{apart}",
    ]


def _megabytes(num_bytes: int) -> str:
    return f"{num_bytes / 1e6:,.1f} MB"


def _render_splits(description: Mapping[str, Any]) -> list[str]:
    splits = description["splits"]
    name_width = max(map(len, splits))
    count_width = max(len(f"{split['num_equations']:,}") for split in splits.values())
    total = description["num_equations"]
    return ["splits"] + [
        f"  {name:{name_width}}  {split['num_equations']:>{count_width},}  {split['num_equations'] / total:6.1%}"
        f"  {split['num_shards']:,} {'shard' if split['num_shards'] == 1 else 'shards'}"
        for name, split in splits.items()
    ]


def _render_source(source: Mapping[str, Any]) -> list[str]:
    conditions = [f"{key} {value}" for key, value in _flatten(source)]
    return [f"  only     {', '.join(conditions)}"] if conditions else []


def _flatten(source: Mapping[str, Any]) -> list[tuple[str, str]]:
    conditions = []
    for key, value in (source.get("where") or {}).items():
        if isinstance(value, Mapping):
            value = _describe_range(value["min"], value["max"])
        if value is not None:
            conditions.append((key, str(value)))
    if "hash" in source:
        conditions.append(("hash", f"from {source['hash'][0]} to below {source['hash'][1]}"))
    return conditions


def _describe_range(low: float | None, high: float | None) -> str:
    if low is None:
        return f"at most {high}"
    if high is None:
        return f"at least {low}"
    return f"{low}" if low == high else f"{low} to {high}"


def _render_samples(samples: list[dict[str, str]]) -> list[str]:
    width = max((len(sample["question"]) for sample in samples), default=0)
    return [f"    {sample['question']:>{width}} = {sample['answer']}" for sample in samples]


def render_bars(counts: Mapping[str, int]) -> list[str]:
    r"""Returns a histogram as lines: value, bar, number; a bar of the largest number is `BAR_WIDTH` wide.

    >>> print(*render_bars({"1": 30, "2": 1200}), sep="\n")
        1 |#                                            30
        2 |########################################  1,200
    """
    most = max(counts.values(), default=0)
    value_width = max(map(len, counts), default=0)
    count_width = len(f"{most:,}")
    # What there is at all shows at least one mark.
    return [
        f"    {value:>{value_width}} |{'#' * -(-number * BAR_WIDTH // most) if most else '':{BAR_WIDTH}}  "
        f"{number:>{count_width},}"
        for value, number in counts.items()
    ]
