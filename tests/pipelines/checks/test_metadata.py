"""Metadata that is not what the manifest gives is found behind true checksums."""

import pytest

from eqstream.pipelines.build import build
from eqstream.pipelines.verify import verify
from tests.damaged_dataset import METADATA, edit_manifest, make_recipe, reseal, wrong_lines


def test_missing_metadata_is_found_behind_true_checksums(dataset_dir):
    for name in METADATA:
        (dataset_dir / name).unlink()
    reseal(dataset_dir, metadata=False)
    assert wrong_lines(dataset_dir) == [f"{name}: it is missing" for name in METADATA]


@pytest.mark.parametrize("name", METADATA)
def test_a_changed_paper_is_found_behind_true_checksums(dataset_dir, name):
    contents = (dataset_dir / name).read_text()
    # The number of equations of a shard, where the file has it.
    (dataset_dir / name).write_text(contents.replace("120", "7") if "120" in contents else contents + "\n")
    reseal(dataset_dir, metadata=False)
    assert wrong_lines(dataset_dir) == [f"{name}: it is not what manifest.json gives: it was changed"]


def test_a_paper_that_the_formats_have_no_use_for_is_found(tmp_path):
    out = tmp_path / "parquet"
    build(make_recipe({"operands": {"min": 0, "max": 20}}, storage={"formats": ["parquet"]}), out)
    (out / "dataset_info.json").write_text("{}")
    reseal(out)
    line = "dataset_info.json: it does not belong here: the formats of the dataset have no use for it"
    assert wrong_lines(out) == [line]


def test_metadata_of_another_eqstream_is_not_compared_and_the_report_says_so(dataset_dir):
    edit_manifest(dataset_dir, lambda manifest: manifest.update(eqstream_version="0.0.1"), metadata=False)
    report = verify(dataset_dir)
    assert report.is_valid
    assert not any("descriptions" in sentence for sentence in report.proven)
    lines = report.to_text().splitlines()
    line = "not checked: dataset card and descriptions for readers were written by eqstream 0.0.1, this is eqstream "
    assert lines[-2].startswith(line)
    assert lines[-1] == "valid, as far as it was checked"
