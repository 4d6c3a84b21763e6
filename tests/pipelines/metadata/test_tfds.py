import json

import pytest

from eqstream.pipelines.metadata.render import render_metadata
from eqstream.pipelines.metadata.tfds import render_dataset_info
from tests.recipes import make_manifest


def test_tfds_metadata_states_the_length_of_each_shard_as_text():
    info = render_dataset_info(make_manifest())
    assert [split["name"] for split in info["splits"]] == ["train", "validation", "test", "test_length"]
    assert info["splits"][0] == {
        "name": "train",
        "filepathTemplate": "tfrecord/{SPLIT}-{SHARD_X_OF_Y}.{FILEFORMAT}",
        "numBytes": "2000",
        "shardLengths": ["25", "25"],
    }


@pytest.mark.parametrize("name", ["dataset_info.json", "features.json"])
def test_tfds_parses_its_metadata_without_an_unknown_key(name):
    from google.protobuf import json_format
    from tensorflow_datasets.core.proto import dataset_info_pb2, feature_pb2

    message = {"dataset_info.json": dataset_info_pb2.DatasetInfo, "features.json": feature_pb2.Feature}[name]
    parsed = json_format.Parse(render_metadata(make_manifest())[name], message())
    assert json.loads(json_format.MessageToJson(parsed)) == json.loads(render_metadata(make_manifest())[name])
