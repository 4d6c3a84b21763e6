"""The papers that lie beside a dataset's shards, so that common readers load the directory as it stands.

| file | for | left out |
| --- | --- | --- |
| `README.md` | people; `datasets` finds the splits in its YAML head | never |
| `dataset_info.json`, `features.json` | `tfds.builder_from_directory` | no plain TFRecord (TFDS reads no gzip) |
| `croissant.json` | Croissant readers; the checksum of every file | never |

All are functions of the manifest alone: same manifest, same bytes, whatever the order of its keys.
"""

import json
from collections.abc import Sequence
from typing import Any

import yaml

from eqstream.data.dataset import layout
from eqstream.data.dataset.manifest import Manifest, ShardInfo
from eqstream.data.recipe import Range
from eqstream.pipelines.metadata.croissant import render_croissant

# What a manifest calls a column of texts.
TEXT_TYPES = ("string", "bytes")
LICENSE = "Apache-2.0"

COLUMN_TO_MEANING = {
    "question": "the equation's left side, such as `31 + 87`",
    "answer": "its exact value, in the shortest form, such as `118`",
    "terms": "number of operands",
    "digits": "digits of the integer part of the longest operand",
    "carries": "carries and borrows of written addition and subtraction",
}
COMMUTED_TO_SENTENCE = {
    "together": "Equations equal up to commuting `+` and `*` (`a + b`, `b + a`) are always in the same split.",
    "drop": "Of equations equal up to commuting `+` and `*` (`a + b`, `b + a`) only one is in the dataset.",
    "ignore": "Equations equal up to commuting `+` and `*` (`a + b`, `b + a`) count as different: both may occur, "
    "in different splits too.",
}


def render_papers(manifest: Manifest) -> dict[str, bytes]:
    """Returns the contents of the papers, file name to UTF-8 bytes, sorted by name.

    Args:
        manifest: of the dataset.

    Returns:
        `README.md` and `croissant.json` always; `dataset_info.json` and `features.json` where TFDS can read the
        dataset. Deterministic: the manifest's order of keys is of no account.

    Raises:
        ValueError: a column has a type that no reader would know.
    """
    papers = {layout.README: render_card(manifest), layout.CROISSANT: _json_text(render_croissant(manifest, LICENSE))}
    if manifest.has_plain_tfrecord:
        papers[layout.DATASET_INFO] = _json_text(render_dataset_info(manifest))
        papers[layout.FEATURES] = _json_text(render_features(manifest))
    return {name: papers[name].encode("utf-8") for name in sorted(papers)}


def paper_names(manifest: Manifest) -> set[str]:
    """Returns the names of the papers that `render_papers` gives, without rendering them."""
    for_tfds = {layout.DATASET_INFO, layout.FEATURES} if manifest.has_plain_tfrecord else set()
    return {layout.README, layout.CROISSANT} | for_tfds


def render_dataset_info(manifest: Manifest) -> dict[str, Any]:
    """Returns TFDS' description of the dataset; a key that TFDS does not know would be an error there.

    64-bit numbers are texts, as in every JSON form of a protocol buffer. Shuffling is marked as disabled, so that
    TFDS reads the shards one after the other, in the order of the manifest.
    """
    return {
        "name": manifest.name.replace("-", "_"),
        "version": manifest.version,
        "description": manifest.description,
        "fileFormat": "tfrecord",
        "disableShuffling": True,
        "redistributionInfo": {"license": LICENSE},
        "splits": [_tfds_split(name, split.shards) for name, split in manifest.splits.items()],
    }


def _tfds_split(name: str, shards: Sequence[ShardInfo]) -> dict[str, Any]:
    return {
        "name": name,
        "filepathTemplate": "tfrecord/{SPLIT}-{SHARD_X_OF_Y}.{FILEFORMAT}",
        "numBytes": str(sum(shard.files["tfrecord"].num_bytes for shard in shards)),
        "shardLengths": [str(shard.num_equations) for shard in shards],
    }


def render_features(manifest: Manifest) -> dict[str, Any]:
    """Returns TFDS' description of a record.

    Raises:
        ValueError: a column's type is neither a text nor `int64`.
    """
    package = "tensorflow_datasets.core.features"
    text = {"pythonClassName": f"{package}.text_feature.Text", "text": {}}
    number = {
        "pythonClassName": f"{package}.scalar.Scalar",
        "tensor": {"shape": {}, "dtype": "int64", "encoding": "none"},
    }
    features = {name: text if is_text(kind) else number for name, kind in sorted(manifest.columns.items())}
    return {
        "pythonClassName": f"{package}.features_dict.FeaturesDict",
        "featuresDict": {"features": features},
    }


def is_text(column_type: str) -> bool:
    """Returns whether a column of the manifest holds texts; otherwise it holds 64-bit integers.

    Raises:
        ValueError: it holds neither.
    """
    if column_type in TEXT_TYPES:
        return True
    if column_type != "int64":
        raise ValueError(f"`column_type` must be one of {', '.join(TEXT_TYPES)} and int64, got {column_type!r}")
    return False


def render_card(manifest: Manifest) -> str:
    """Returns the dataset card: a head in YAML for the readers, then Markdown for people."""
    head = yaml.safe_dump(_card_head(manifest), sort_keys=False, allow_unicode=True, width=120)
    recipe = yaml.safe_dump(_dataset_recipe(manifest), sort_keys=True, allow_unicode=True, width=120)
    sections = [
        f"---\n{head}---",
        f"# {manifest.name} {manifest.version}",
        manifest.description,
        f"{COMMUTED_TO_SENTENCE[manifest.recipe.commuted]} No equation is in the dataset twice. "
        f"They are drawn from a space of {manifest.space.size:,} {_members(manifest)}.",
        "## Splits",
        _split_table(manifest),
        "## Columns",
        _column_table(manifest),
        "## Reading",
        _reading_examples(manifest),
        "## Recipe",
        f"Built by eqstream {manifest.eqstream_version}; the same recipe gives the same bytes.\n"
        f"Fingerprint: `{manifest.fingerprint}`.\n`manifest.json` lists every shard with its number of equations "
        "and SHA-256.",
        f"```yaml\n{recipe}```",
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


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
        "tags": ["arithmetic", "synthetic"],
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
    head["dataset_info"] = {
        "features": [
            {"name": name, "dtype": "string" if is_text(kind) else "int64"}
            for name, kind in sorted(manifest.columns.items())
        ],
        "splits": [{"name": name, "num_examples": split.num_equations} for name, split in manifest.splits.items()],
    }
    return head


def _split_table(manifest: Manifest) -> str:
    rows = ["| split | equations | shards |", "| --- | ---: | ---: |"]
    rows += [f"| `{name}` | {split.num_equations:,} | {len(split.shards)} |" for name, split in manifest.splits.items()]
    return "\n".join(rows)


def _column_table(manifest: Manifest) -> str:
    rows = ["| column | type | meaning |", "| --- | --- | --- |"]
    for name, column_type in sorted(manifest.columns.items()):
        kind = "text" if is_text(column_type) else "int64"
        rows.append(f"| `{name}` | {kind} | {COLUMN_TO_MEANING.get(name, '')} |")
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


def _json_text(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
