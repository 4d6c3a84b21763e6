import dataclasses
import json
import logging
import re
from pathlib import Path

import pytest
import yaml

from eqstream.data.dataset.manifest import parse_manifest
from eqstream.data.recipe import Recipe
from eqstream.pipelines.metadata.dataset_card import render_papers
from tests.recipes import make_manifest


def card_head(papers: dict[str, bytes]) -> dict:
    return yaml.safe_load(papers["README.md"].decode().split("---\n")[1])


def test_manifest_read_from_disk_gives_the_same_bytes():
    manifest = make_manifest()
    assert list(json.loads(manifest.to_bytes())["splits"]) != list(manifest.splits)
    assert render_papers(parse_manifest(manifest.to_bytes())) == render_papers(manifest)


def test_papers_end_with_a_newline_and_hold_no_carriage_return():
    for paper in render_papers(make_manifest()).values():
        assert paper.endswith(b"\n")
        assert not paper.endswith(b"\n\n")
        assert b"\r" not in paper


def test_card_names_the_files_of_each_split_in_the_order_of_the_recipe():
    (config,) = card_head(render_papers(make_manifest()))["configs"]
    assert config["data_files"] == [
        {"split": "train", "path": "data/train-*.parquet"},
        {"split": "test", "path": "data/test-*.parquet"},
        {"split": "test_length", "path": "data/test_length-*.parquet"},
    ]


def test_card_holds_a_recipe_that_loads_to_the_same_fingerprint():
    manifest = make_manifest("codec.reverse_answer=true")
    text = render_papers(manifest)["README.md"].decode()
    recipe = Recipe.from_dict(yaml.safe_load(re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)[-1]))
    assert recipe.fingerprint() == manifest.fingerprint


def test_papers_do_not_depend_on_the_sections_for_models():
    assert render_papers(make_manifest("codec.reverse_answer=true")) == render_papers(make_manifest())


def test_card_says_which_twins_may_be_where():
    sentences = {
        commuted: render_papers(make_manifest(f"commuted={commuted}"))["README.md"].decode()
        for commuted in ("together", "drop", "ignore")
    }
    assert "always in the same split" in sentences["together"]
    assert "only one is in the dataset" in sentences["drop"]
    assert "in different splits too" in sentences["ignore"]


def test_description_with_yaml_and_markdown_in_it_stays_a_description():
    description = '--- "a": {b: [c, "d"]} # é\n'
    papers = render_papers(make_manifest(f"description={json.dumps(description)}"))
    assert json.loads(papers["dataset_info.json"])["description"] == description
    assert json.loads(papers["croissant.json"])["description"] == description
    assert card_head(papers)["pretty_name"] == "length 1.0.0"


def test_tfds_metadata_states_the_length_of_each_shard_as_text():
    info = json.loads(render_papers(make_manifest())["dataset_info.json"])
    assert [split["name"] for split in info["splits"]] == ["train", "test", "test_length"]
    assert info["splits"][0] == {
        "name": "train",
        "filepathTemplate": "tfrecord/{SPLIT}-{SHARD_X_OF_Y}.{FILEFORMAT}",
        "numBytes": "2000",
        "shardLengths": ["25", "25"],
    }


def test_gzip_dataset_has_no_tfds_metadata_and_tells_how_to_read_it():
    papers = render_papers(make_manifest("storage.compression=gzip"))
    assert sorted(papers) == ["README.md", "croissant.json"]
    assert 'compression_type="GZIP"' in papers["README.md"].decode()


def test_dataset_of_parquet_alone_has_no_tfds_metadata():
    papers = render_papers(make_manifest("storage.formats=[parquet]"))
    assert sorted(papers) == ["README.md", "croissant.json"]
    assert "tfrecord" not in papers["README.md"].decode().split("## Recipe")[0].lower()


def test_dataset_of_tfrecord_alone_promises_no_parquet_files():
    papers = render_papers(make_manifest("storage.formats=[tfrecord]"))
    assert "configs" not in card_head(papers)
    croissant = json.loads(papers["croissant.json"])
    assert croissant["recordSet"] == []
    assert {node["@type"] for node in croissant["distribution"]} == {"cr:FileObject"}


def test_column_of_an_unknown_type_is_an_error():
    manifest = dataclasses.replace(make_manifest(), columns={"weight": "float32"})
    with pytest.raises(ValueError, match="`column_type` must be one of string, bytes and int64, got 'float32'"):
        render_papers(manifest)


def test_croissant_lists_every_file_with_its_size_and_checksum():
    manifest = make_manifest()
    croissant = json.loads(render_papers(manifest)["croissant.json"])
    listed = {node["contentUrl"]: node for node in croissant["distribution"] if node["@type"] == "cr:FileObject"}
    files = [file for _, _, file in manifest.list_files()]
    assert len(listed) == len(files) == 12
    for file in files:
        assert listed[file.path]["sha256"] == file.sha256
        assert listed[file.path]["contentSize"] == "1000 B"


@pytest.mark.parametrize("formats", ["[tfrecord, parquet]", "[tfrecord]", "[parquet]"])
def test_croissant_validates_with_no_warning_but_the_missing_date(tmp_path: Path, caplog, formats):
    import mlcroissant

    path = tmp_path / "croissant.json"
    path.write_bytes(render_papers(make_manifest(f"storage.formats={formats}"))["croissant.json"])
    with caplog.at_level(logging.WARNING):
        dataset = mlcroissant.Dataset(jsonld=str(path))
    assert dataset.metadata.ctx.issues.errors == set()
    assert [str(warning) for warning in dataset.metadata.ctx.issues.warnings] == [
        '[Metadata(length)] Property "https://schema.org/datePublished" is recommended, but does not exist.'
    ]
    assert "@context" not in caplog.text


@pytest.mark.parametrize("name", ["dataset_info.json", "features.json"])
def test_tfds_parses_its_metadata_without_an_unknown_key(tmp_path: Path, name):
    from google.protobuf import json_format
    from tensorflow_datasets.core.proto import dataset_info_pb2, feature_pb2

    message = {"dataset_info.json": dataset_info_pb2.DatasetInfo, "features.json": feature_pb2.Feature}[name]
    parsed = json_format.Parse(render_papers(make_manifest())[name], message())
    assert json.loads(json_format.MessageToJson(parsed)) == json.loads(render_papers(make_manifest())[name])
