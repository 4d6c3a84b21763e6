"""What `tfds.builder_from_directory` reads of a dataset."""

from collections.abc import Sequence
from typing import Any

from eqstream.data.dataset.layout import LICENSE
from eqstream.data.dataset.manifest import Manifest
from eqstream.data.dataset.manifest_parts import ShardInfo
from eqstream.data.formats.columns import STORED_COLUMNS

_FEATURES = "tensorflow_datasets.core.features"
_TYPE_TO_FEATURE = {
    "string": {"pythonClassName": f"{_FEATURES}.text_feature.Text", "text": {}},
    "int64": {
        "pythonClassName": f"{_FEATURES}.scalar.Scalar",
        "tensor": {"shape": {}, "dtype": "int64", "encoding": "none"},
    },
}


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
        "splits": [_describe_split(name, split.shards) for name, split in manifest.splits.items()],
    }


def _describe_split(name: str, shards: Sequence[ShardInfo]) -> dict[str, Any]:
    return {
        "name": name,
        "filepathTemplate": "tfrecord/{SPLIT}-{SHARD_X_OF_Y}.{FILEFORMAT}",
        "numBytes": str(sum(shard.files["tfrecord"].num_bytes for shard in shards)),
        "shardLengths": [str(shard.num_records) for shard in shards],
    }


def render_features() -> dict[str, Any]:
    """Returns TFDS' description of a record."""
    return {
        "pythonClassName": f"{_FEATURES}.features_dict.FeaturesDict",
        "featuresDict": {"features": {column.name: _TYPE_TO_FEATURE[column.type] for column in STORED_COLUMNS}},
    }
