"""Numbers in the manifest that are not those of the recipe or of the shards are found."""

import json

import pytest

from eqstream.pipelines.build import build
from eqstream.pipelines.verify import verify
from tests.damaged_dataset import edit_manifest, make_recipe, wrong_lines


def test_columns_that_the_format_does_not_have_are_found(dataset_dir):
    edit_manifest(dataset_dir, lambda manifest: manifest["columns"].update(terms="float"))
    (line,) = wrong_lines(dataset_dir)
    assert line.startswith("manifest.json: `columns` are {'answer': 'string', 'carries': 'int64', 'digits': 'int64', ")


def test_a_histogram_that_is_not_that_of_the_equations_is_found(dataset_dir):
    edit_manifest(dataset_dir, lambda manifest: manifest["splits"]["test"]["histograms"]["carries"].update({"0": 1}))
    lines = wrong_lines(dataset_dir)
    assert len(lines) == 1
    assert lines[0].startswith("split test: the histogram of carries is not that of its equations, {'0': ")


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (
            lambda m: m["space"].update(size="401"),
            "manifest.json: `space.size` is 401, of this recipe's space it is 400",
        ),
        (
            lambda m: m["space"].update(max_answer_length=1),
            "manifest.json: `space.max_answer_length` is 1, of this recipe's space it is 2",
        ),
        (lambda m: m["space"].update(alphabet="+0123456789"), "manifest.json: `alphabet` lacks ' '"),
        (lambda m: m.update(name="other"), "manifest.json: `name` is 'other', the recipe says 'sums'"),
        (
            lambda m: m["splits"]["test"].update(first_ordinal=7),
            "split test: `first_ordinal` is 7, the recipe asks for 241",
        ),
    ],
)
def test_a_number_in_the_manifest_that_is_not_the_recipes_is_found(dataset_dir, edit, line):
    edit_manifest(dataset_dir, edit)
    assert line in wrong_lines(dataset_dir)


def test_a_manifest_without_what_the_last_split_cuts_off_is_that_of_an_earlier_version(tmp_path):
    out = tmp_path / "cut"
    build(make_recipe({"operands": {"min": 0, "max": 1}}, [{"name": "train", "count": 1}], seed=1), out)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["splits"]["train"]["num_left_out"] == 1
    for number, lines in ((0, []), (2, ["split train: `num_left_out` is 2, the recipe asks for 1"])):
        edit_manifest(out, lambda m, number=number: m["splits"]["train"].update(num_left_out=number))
        assert [str(fault) for fault in verify(out).findings] == lines


def test_a_dataset_that_is_smaller_than_its_recipe_asks_for_is_found(dataset_dir):
    def edit(manifest):
        split = manifest["splits"]["test"]
        kept, removed = split["shards"]
        split["shards"] = [kept]
        split["num_equations"] -= removed["num_equations"]
        kept["shard"] = "test-00000-of-00001"
        for file, other in zip(kept["files"].values(), removed["files"].values(), strict=True):
            (dataset_dir / other["path"]).unlink()
            path = file["path"].replace("of-00002", "of-00001")
            (dataset_dir / file["path"]).rename(dataset_dir / path)
            file["path"] = path

    edit_manifest(dataset_dir, edit)
    lines = wrong_lines(dataset_dir, max_findings=99)
    assert "split test: `num_equations` is 79, the recipe asks for 159" in lines
    start = (
        "test-00001-of-00002: the manifest lists no such shard; the recipe asks for 80 equations from ordinal 79 on in "
    )
    assert any(line.startswith(start) for line in lines)


def test_a_manifest_with_another_recipe_than_that_of_its_fingerprint_is_found(dataset_dir):
    edit_manifest(dataset_dir, lambda manifest: manifest["recipe"].update(seed=1))
    assert any(
        line.startswith("manifest.json: `fingerprint` is not that of the recipe") for line in wrong_lines(dataset_dir)
    )
