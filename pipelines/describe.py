"""What is in a dataset: its recipe, sizes, histograms and some equations of each split, for people and for programs.

Nearly all of it is read from the manifest and not checked here; `eqstream.pipelines.verify` checks it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from eqstream.data.configuration import to_mapping
from eqstream.data.dataset import manifest_file
from eqstream.data.dataset.histograms import Histograms, sort_histograms
from eqstream.data.dataset.manifest import Manifest
from eqstream.data.errors import DamagedShardError, UserError
from eqstream.data.recipe import Recipe
from eqstream.data.storage import is_remote
from eqstream.pipelines.checks.files import load_manifest
from eqstream.pipelines.checks.shard_records import read_sample
from eqstream.pipelines.runtime import filesystem
from eqstream.pipelines.runtime.wording import count_of

BAR_WIDTH = 40
FORMAT_TO_TITLE = {"tfrecord": "TFRecord", "parquet": "Parquet"}


class SampleEquation(NamedTuple):
    """An equation of a split."""

    question: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class SplitDescription:
    """What is in a split.

    Attributes:
        num_equations: how many it holds, or how many whose steps it holds.
        num_shards: in how many shards.
        num_bytes: format to size of its files.
        source: `where` and `hash` of the recipe, as far as they are given, of JSON types.
        histograms: by name, value to number of equations.
        samples: its first examples.
        num_steps: how many it holds; None where examples are equations.
        num_steps_left_out: steps of its equations that are left out; None likewise.
    """

    num_equations: int
    num_shards: int
    num_bytes: dict[str, int]
    source: dict[str, Any]
    histograms: Histograms
    samples: tuple[SampleEquation, ...]
    num_steps: int | None = None
    num_steps_left_out: int | None = None

    @property
    def num_records(self) -> int:
        """Number of examples."""
        return self.num_equations if self.num_steps is None else self.num_steps

    @property
    def contents(self) -> str:
        """What it holds, as text."""
        equations = count_of(self.num_equations, "equation")
        if self.num_steps is None:
            return equations
        left_out = f"; {self.num_steps_left_out:,} more left out" if self.num_steps_left_out else ""
        return f"{count_of(self.num_steps, 'step')} of {equations}{left_out}"


@dataclass(frozen=True, kw_only=True)
class Description:
    """What is in a dataset.

    Attributes:
        name, version, description, format_version, fingerprint: as in the manifest.
        space_size: number of candidates.
        recipe: of the dataset.
        num_equations, num_shards, num_bytes: of the whole dataset; bytes by format.
        num_steps: of the whole dataset; None where examples are equations.
        num_left_out: equations in no split although a twin is in one, as the end of the split cut them off.
        splits: by name, in the order of the recipe; those that were asked for.
    """

    name: str
    version: str
    description: str
    format_version: int
    fingerprint: str
    space_size: int
    recipe: Recipe
    num_equations: int
    num_shards: int
    num_bytes: dict[str, int]
    num_left_out: int
    splits: dict[str, SplitDescription]
    num_steps: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns the description as JSON types; the size of the space is a text."""
        recipe = self.recipe.to_dict()
        mapping = {key: value for key, value in vars(self).items() if key not in ("space_size", "recipe", "splits")}
        return {
            **mapping,
            "space": {"size": str(self.space_size), **recipe["space"]},
            "recipe": {key: recipe[key] for key in ("seed", "commuted", "sampling", "storage")},
            "splits": {
                name: {**asdict(split), "samples": [sample._asdict() for sample in split.samples]}
                for name, split in self.splits.items()
            },
        }

    def to_text(self) -> str:
        """Returns the description for people."""
        lines = [f"{self.name} {self.version}"]
        if self.description:
            lines.append(self.description)
        lines += ["", *_render_facts(self), "", *_render_sizes(self)]
        for name, split in self.splits.items():
            lines += ["", f"{name}: {split.contents}", *_render_split(split)]
        return "\n".join(lines)


def describe(directory: str | Path, *, splits: Sequence[str] = (), num_samples: int = 5) -> Description:
    """Returns what is in a dataset.

    Args:
        directory: of the dataset, on any filesystem that Beam knows, or a URI of `eqstream.data.storage`.
        splits: the splits to describe; none for all of them.
        num_samples: how many equations to read from the beginning of each split.

    Raises:
        UserError: there is no dataset, one that this version cannot read, or no such split.
        DamagedDataError: its manifest, or the first shard of a split, is missing, damaged or cannot be read.
    """
    if is_remote(directory):
        source, manifest = str(directory), manifest_file.load_manifest(directory)
    else:
        source = filesystem.check_directory(str(directory))
        manifest = load_manifest(source)
    for name in splits:
        manifest.split(name)
    names = [name for name in manifest.splits if name in splits or not splits]
    return Description(
        name=manifest.name,
        version=manifest.version,
        description=manifest.description,
        format_version=manifest.format_version,
        fingerprint=manifest.fingerprint,
        space_size=manifest.space.size,
        recipe=manifest.recipe,
        num_equations=manifest.num_equations,
        num_shards=len(manifest.list_shards()),
        num_bytes=_add_up((file_format, file.num_bytes) for _, file_format, file in manifest.list_files()),
        num_left_out=sum(split.num_left_out for split in manifest.splits.values()),
        splits={name: _describe_split(source, manifest, name=name, num_samples=num_samples) for name in names},
        num_steps=None if manifest.recipe.steps is None else manifest.num_records,
    )


def _describe_split(directory: str, manifest: Manifest, *, name: str, num_samples: int) -> SplitDescription:
    split, recipe = manifest.splits[name], manifest.recipe
    (asked,) = (each for each in recipe.splits if each.name == name)
    first = split.shards[0]
    try:
        samples = read_sample(directory, first.files, compression=recipe.storage.compression, count=num_samples)
    except (UserError, OSError) as error:
        raise DamagedShardError(f"shard {first.shard} cannot be read: {filesystem.describe_error(error)}") from error
    files = (file for shard in split.shards for file in shard.files.items())
    source = {"where": to_mapping(asked.where), "hash": to_mapping(asked.hash)}
    return SplitDescription(
        num_equations=split.num_equations,
        num_shards=len(split.shards),
        num_bytes=_add_up((file_format, file.num_bytes) for file_format, file in files),
        source={key: value for key, value in source.items() if value is not None},
        histograms=sort_histograms(split.histograms),
        samples=tuple(SampleEquation(record.question, record.answer) for record in samples),
        num_steps=split.num_steps,
        num_steps_left_out=split.num_steps_left_out,
    )


def _add_up(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for name, number in pairs:
        total[name] += number
    return dict(total)


def _render_facts(described: Description) -> list[str]:
    space, recipe = described.recipe.space, described.recipe
    facts = [f"operands {space.operands.min} to {space.operands.max}"]
    if space.operands.decimals:
        facts[0] += f" with {count_of(space.operands.decimals, 'decimal')}"
    facts.append(f"operators {' '.join(space.operators)}")
    facts.append(_describe_range(space.terms.min, space.terms.max) + (" term" if space.terms.max == 1 else " terms"))
    facts += ["brackets"] if space.brackets else []
    facts += [f"{space.division} division"] if "/" in space.operators else []
    sizes = [f"{FORMAT_TO_TITLE[name]} {size / 1e6:,.1f} MB" for name, size in described.num_bytes.items()]
    contents = count_of(described.num_equations, "equation")
    if described.num_steps is not None:
        contents = f"{count_of(described.num_steps, 'step')} of the solutions of {contents}"
    stored = f"{contents} in {count_of(described.num_shards, 'shard')}, {', '.join(sizes)}"
    if described.num_left_out:
        stored += f"; {described.num_left_out:,} in no split, cut off from their twins by a split's end"
    return [
        f"space    {described.space_size:,} candidates: {', '.join(facts)}",
        f"recipe   twins: {recipe.commuted}, sampling: {recipe.sampling}, seed: {recipe.seed}",
        f"stored   {stored}, format version {described.format_version}",
    ]


def _render_sizes(described: Description) -> list[str]:
    splits = described.splits
    total = described.num_equations if described.num_steps is None else described.num_steps
    name_width = max(map(len, splits))
    count_width = max(len(f"{split.num_records:,}") for split in splits.values())
    return ["splits"] + [
        f"  {name:{name_width}}  {split.num_records:>{count_width},}  {split.num_records / total:6.1%}"
        f"  {count_of(split.num_shards, 'shard')}"
        for name, split in splits.items()
    ]


def _render_split(split: SplitDescription) -> list[str]:
    conditions = _list_conditions(split.source)
    lines = [f"  only     {', '.join(conditions)}"] if conditions else []
    width = max((len(sample.question) for sample in split.samples), default=0)
    lines += ["  samples", *(f"    {sample.question:>{width}} = {sample.answer}" for sample in split.samples)]
    for name, counts in split.histograms.items():
        title = f"  {name.replace('_', ' ')}"
        lines += [title, *render_bars(counts)] if len(counts) > 1 else [f"{title:17}  all {next(iter(counts), '')}"]
    return lines


def _list_conditions(source: Mapping[str, Any]) -> list[str]:
    conditions = []
    for key, value in source.get("where", {}).items():
        if isinstance(value, Mapping):
            value = _describe_range(value["min"], value["max"])
        if value is not None:
            conditions.append(f"{key} {value}")
    if "hash" in source:
        low, high = source["hash"]
        conditions.append(f"hash from {low} to below {high}")
    return conditions


def _describe_range(low: float | None, high: float | None) -> str:
    if low is None:
        return f"at most {high}"
    if high is None:
        return f"at least {low}"
    return f"{low}" if low == high else f"{low} to {high}"


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
