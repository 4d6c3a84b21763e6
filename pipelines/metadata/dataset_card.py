"""The dataset card: `README.md`, whose YAML head `datasets` and the hub read, and whose text people read."""

from typing import Any

import yaml

from eqstream.data.dataset.layout import LICENSE
from eqstream.data.dataset.manifest import Manifest
from eqstream.data.dataset.manifest_parts import SplitInfo
from eqstream.data.formats.columns import COLUMNS, NUMBER_COLUMNS, TEXT_COLUMNS, list_columns
from eqstream.data.recipe_values import Range

_TYPE_TO_WORD = {"string": "text", "int64": "int64"}
_COMMUTED_TO_SENTENCE = {
    "together": "Equations equal up to commuting `+` and `*` (`a + b`, `b + a`) are always in the same split.",
    "drop": "Of equations equal up to commuting `+` and `*` (`a + b`, `b + a`) only one is in the dataset.",
    "ignore": "Equations equal up to commuting `+` and `*` (`a + b`, `b + a`) count as different: both may occur, "
    "in different splits too.",
}


def render_card(manifest: Manifest) -> str:
    """Returns the dataset card: a head in YAML for the readers, then Markdown for people."""
    head = yaml.safe_dump(_card_head(manifest), sort_keys=False, allow_unicode=True, width=120)
    recipe = yaml.safe_dump(_dataset_recipe(manifest), sort_keys=True, allow_unicode=True, width=120)
    sections = [
        f"---\n{head}---",
        f"# {manifest.name} {manifest.version}",
        manifest.description,
        f"{_COMMUTED_TO_SENTENCE[manifest.recipe.commuted]} {_say_once(manifest)} "
        f"They are drawn from a space of {manifest.space.size:,} {_members(manifest)}.",
        _describe_steps(manifest),
        "## Splits",
        _split_table(manifest),
        "## Columns",
        _column_table(manifest),
        "## Reading",
        _reading_examples(manifest),
        "## Recipe",
        f"Built by eqstream {manifest.eqstream_version}; the same recipe gives the same bytes.\n"
        f"Fingerprint: `{manifest.fingerprint}`.\n`manifest.json` lists every shard with its number of "
        f"{manifest.record_noun}s "
        "and SHA-256.",
        f"```yaml\n{recipe}```",
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _say_once(manifest: Manifest) -> str:
    return "No equation is in the dataset twice." if manifest.recipe.steps is None else "No equation is solved twice."


def _describe_steps(manifest: Manifest) -> str:
    steps = manifest.recipe.steps
    if steps is None:
        return ""
    return (
        "Each example is a step of the worked solution of an equation: the question is a line, the answer is the next "
        "line, of the same value; the last line is the equation's answer. The answer of a step is the question of the "
        "step after it. Steps are left out of which a line is an equation of another split, or equal to one up to "
        f"commuting `+` and `*`, or has more than {steps.line_length} characters, spaces not counted."
    )


def _members(manifest: Manifest) -> str:
    space = manifest.recipe.space
    if "/" not in space.operators and space.answer == Range():
        return "equations"
    return "candidates, of which those are equations whose answer is defined and within bounds"


def _dataset_recipe(manifest: Manifest) -> dict[str, Any]:
    """Returns the recipe without empty values."""
    return _without_nothing(manifest.recipe.to_dict())


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        pruned = {key: _without_nothing(item) for key, item in value.items() if item is not None}
        return {key: item for key, item in pruned.items() if item != {}}
    if isinstance(value, list):
        return [_without_nothing(item) for item in value]
    return value


def _card_head(manifest: Manifest) -> dict[str, Any]:
    head: dict[str, Any] = {
        "pretty_name": f"{manifest.name} {manifest.version}",
        "license": LICENSE.lower(),
        "task_categories": ["text-generation", "question-answering"],
        "tags": ["arithmetic", "synthetic"],
        "size_categories": [_size_category(manifest.num_records)],
    }
    if "parquet" not in manifest.formats:
        return head
    # Without the list of files per split, `datasets` guesses from file names and merges `test_length` into `test`.
    head["configs"] = [
        {
            "config_name": "default",
            "data_files": [{"split": name, "path": f"data/{name}-*.parquet"} for name in manifest.splits],
        }
    ]
    # The numbers of examples make `datasets` refuse a directory in which a shard is missing.
    splits = [
        {"name": name, "num_bytes": _memory_bytes(split), "num_examples": split.num_records}
        for name, split in manifest.splits.items()
    ]
    head["dataset_info"] = {
        "features": [{"name": column.name, "dtype": column.type} for column in COLUMNS],
        "splits": splits,
        "download_size": sum(
            file.num_bytes for _, file_format, file in manifest.list_files() if file_format == "parquet"
        ),
        "dataset_size": sum(split["num_bytes"] for split in splits),
    }
    return head


def _size_category(num_records: int) -> str:
    """Returns the hub's name for a size.

    >>> [_size_category(size) for size in (999, 1000, 10**7, 10**12)]
    ['n<1K', '1K<n<10K', '10M<n<100M', 'n>1T']
    """
    if num_records < 1000:
        return "n<1K"
    if num_records >= 10**12:
        return "n>1T"
    power = len(str(num_records)) - 1
    low, high = (f"{10 ** (each % 3)}{'_KMBT'[each // 3]}" for each in (power, power + 1))
    return f"{low}<n<{high}"


def _memory_bytes(split: SplitInfo) -> int:
    """Returns the bytes of a split as Arrow holds it: characters, 4 bytes of place for a text and 8 for a number."""
    characters = sum(
        int(length) * count for name in TEXT_COLUMNS for length, count in split.histograms[f"{name}_length"].items()
    )
    return characters + split.num_records * (4 * len(TEXT_COLUMNS) + 8 * len(NUMBER_COLUMNS))


def _split_table(manifest: Manifest) -> str:
    if manifest.recipe.steps is not None:
        return _step_table(manifest)
    rows = ["| split | equations | shards |", "| --- | ---: | ---: |"]
    rows += [f"| `{name}` | {split.num_equations:,} | {len(split.shards)} |" for name, split in manifest.splits.items()]
    return "\n".join(rows)


def _step_table(manifest: Manifest) -> str:
    rows = ["| split | steps | steps left out | equations | shards |", "| --- | ---: | ---: | ---: | ---: |"]
    rows += [
        f"| `{name}` | {split.num_steps:,} | {split.num_steps_left_out:,} | {split.num_equations:,} "
        f"| {len(split.shards)} |"
        for name, split in manifest.splits.items()
    ]
    return "\n".join(rows)


def _column_table(manifest: Manifest) -> str:
    rows = ["| column | type | meaning |", "| --- | --- | --- |"]
    rows += [
        f"| `{column.name}` | {_TYPE_TO_WORD[column.type]} | {column.meaning} |"
        for column in list_columns(manifest.recipe)
    ]
    return "\n".join(rows)


def _reading_examples(manifest: Manifest) -> str:
    first = next(iter(manifest.splits))
    lines = []
    if "parquet" in manifest.formats:
        lines += [
            f'datasets.load_dataset("DIR", split="{first}")',
            f"duckdb.sql(\"SELECT question, answer FROM 'DIR/data/{first}-*.parquet'\")",
        ]
    if manifest.has_plain_tfrecord:
        lines += [
            f'tfds.builder_from_directory("DIR").as_dataset(split="{first}")',
            f'tf.data.TFRecordDataset(sorted(glob.glob("DIR/tfrecord/{first}-*")))',
        ]
    elif "tfrecord" in manifest.formats:
        lines.append(f'tf.data.TFRecordDataset(sorted(glob.glob("DIR/tfrecord/{first}-*")), compression_type="GZIP")')
    return "\n".join(["```python", *lines, "```"])
