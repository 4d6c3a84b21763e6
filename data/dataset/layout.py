"""Names and places of the files of a dataset."""

import re
from pathlib import Path

README = "README.md"
DATASET_INFO = "dataset_info.json"
FEATURES = "features.json"
CROISSANT = "croissant.json"
MANIFEST = "manifest.json"
CHECKSUMS = "SHA256SUMS"
SUCCESS = "_SUCCESS"
STAGING = ".build"
JOURNAL = f"{STAGING}/build.json"
METADATA = (README, DATASET_INFO, FEATURES, CROISSANT)
# Of the data; the name is that of the SPDX list.
LICENSE = "Apache-2.0"
# Written when all shards are.
CLOSING = (*METADATA, CHECKSUMS, MANIFEST, SUCCESS)
# Of shards, and of a build that is not finished.
FOLDERS = ("data", "tfrecord", STAGING)

_FOLDERS = {"tfrecord": "tfrecord", "parquet": "data"}
_SHARD = re.compile(
    r"(tfrecord|data)/(?P<name>[a-z][a-z0-9_]*-[0-9]{5,}-of-[0-9]{5,})\.(tfrecord|tfrecord\.gz|parquet)"
)


def shard_name(split: str, shard_index: int, num_shards: int) -> str:
    """Returns the name of a shard.

    >>> shard_name("train", 0, 2)
    'train-00000-of-00002'
    """
    return f"{split}-{shard_index:05d}-of-{num_shards:05d}"


def shard_path(file_format: str, split: str, *, shard_index: int, num_shards: int, compression: str) -> str:
    """Returns the path of a shard within the dataset, with forward slashes.

    >>> shard_path("tfrecord", "train", shard_index=0, num_shards=2, compression="gzip")
    'tfrecord/train-00000-of-00002.tfrecord.gz'
    """
    suffix = ".gz" if file_format == "tfrecord" and compression == "gzip" else ""
    return f"{_FOLDERS[file_format]}/{shard_name(split, shard_index, num_shards)}.{file_format}{suffix}"


def is_shard_path(path: str) -> bool:
    """Returns whether a path within a dataset is named as a shard is."""
    return _SHARD.fullmatch(path) is not None


def is_dataset_path(path: str) -> bool:
    """Returns whether a path within a dataset is one of those that a build writes to.

    >>> [is_dataset_path(path) for path in ("manifest.json", "../manifest.json", "data/notes.txt")]
    [True, False, False]
    """
    return path in CLOSING or is_shard_path(path)


def explain_no_dataset(directory: str | Path) -> str:
    """Returns why a local directory without a manifest is not a dataset, and what may be meant."""
    path = Path(directory)
    if not path.exists():
        return f"{directory} does not exist"
    if (path / JOURNAL).exists():
        return f"{directory} holds a build that is not finished; run the same build again to go on with it"
    if (path / CHECKSUMS).exists() and (path / SUCCESS).exists():
        return (
            f"{directory} has lost its {MANIFEST}: build its recipe there with --overwrite, which gives the same bytes"
        )
    inner = sorted(path.glob(f"*/{MANIFEST}"))
    hint = f"; did you mean {inner[0].parent}?" if inner else ""
    return f"{directory} is not a dataset: it has no {MANIFEST}{hint}"
