import logging
from pathlib import Path

import pytest

from eqstream.pipelines.metadata.croissant import render_croissant
from eqstream.pipelines.metadata.render import render_metadata
from tests.recipes import make_manifest


def test_croissant_lists_every_file_with_its_size_and_checksum():
    manifest = make_manifest()
    croissant = render_croissant(manifest)
    listed = {node["contentUrl"]: node for node in croissant["distribution"] if node["@type"] == "cr:FileObject"}
    files = [file for _, _, file in manifest.list_files()]
    assert len(listed) == len(files) == 16
    for file in files:
        assert listed[file.path]["sha256"] == file.sha256
        assert listed[file.path]["contentSize"] == "1000 B"


@pytest.mark.parametrize("formats", ["[tfrecord, parquet]", "[tfrecord]", "[parquet]"])
def test_croissant_validates_with_no_warning_but_the_missing_date(tmp_path: Path, caplog, formats):
    import mlcroissant

    path = tmp_path / "croissant.json"
    path.write_bytes(render_metadata(make_manifest(f"storage.formats={formats}"))["croissant.json"])
    with caplog.at_level(logging.WARNING):
        dataset = mlcroissant.Dataset(jsonld=str(path))
    assert dataset.metadata.ctx.issues.errors == set()
    assert [str(warning) for warning in dataset.metadata.ctx.issues.warnings] == [
        '[Metadata(length)] Property "https://schema.org/datePublished" is recommended, but does not exist.'
    ]
    assert "@context" not in caplog.text
