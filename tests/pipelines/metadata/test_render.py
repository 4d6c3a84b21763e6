import json

from eqstream.data.dataset.manifest import parse_manifest
from eqstream.pipelines.metadata.render import render_metadata
from tests.recipes import make_manifest


def test_manifest_read_from_disk_gives_the_same_bytes():
    manifest = make_manifest()
    assert list(json.loads(manifest.to_bytes())["splits"]) != list(manifest.splits)
    assert render_metadata(parse_manifest(manifest.to_bytes())) == render_metadata(manifest)


def test_metadata_ends_with_a_newline_and_holds_no_carriage_return():
    for contents in render_metadata(make_manifest()).values():
        assert contents.endswith(b"\n")
        assert not contents.endswith(b"\n\n")
        assert b"\r" not in contents


def test_metadata_does_not_depend_on_the_sections_for_models():
    assert render_metadata(make_manifest("codec.reverse_answer=true")) == render_metadata(make_manifest())


def test_description_with_yaml_and_markdown_in_it_stays_a_description():
    description = '--- "a": {b: [c, "d"]} # é\n'
    files = render_metadata(make_manifest(f"description={json.dumps(description)}"))
    assert json.loads(files["dataset_info.json"])["description"] == description
    assert json.loads(files["croissant.json"])["description"] == description


def test_gzip_dataset_has_no_tfds_metadata_and_tells_how_to_read_it():
    files = render_metadata(make_manifest("storage.compression=gzip"))
    assert sorted(files) == ["README.md", "croissant.json"]
    assert 'compression_type="GZIP"' in files["README.md"].decode()


def test_dataset_of_parquet_alone_has_no_tfds_metadata():
    files = render_metadata(make_manifest("storage.formats=[parquet]"))
    assert sorted(files) == ["README.md", "croissant.json"]
    assert "tfrecord" not in files["README.md"].decode().split("## Recipe")[0].lower()


def test_dataset_of_tfrecord_alone_promises_no_parquet_files():
    files = render_metadata(make_manifest("storage.formats=[tfrecord]"))
    croissant = json.loads(files["croissant.json"])
    assert croissant["recordSet"] == []
    assert {node["@type"] for node in croissant["distribution"]} == {"cr:FileObject"}
