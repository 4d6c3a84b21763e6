"""A dataset is described as it was built, for programs and for people."""

import json

import pytest

from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe
from eqstream.pipelines.build import build
from eqstream.pipelines.describe import describe, render_bars
from eqstream.pipelines.verify import verify

SPLITS = [
    {"name": "train", "count": 60},
    {"name": "held_out", "where": {"contains": [7], "digits": {"max": 1}}, "count": 20},
]


@pytest.fixture(scope="module", params=["parquet", "tfrecord"])
def dataset_dir(request, tmp_path_factory):
    out = tmp_path_factory.mktemp("describe") / "sums"
    space = {"operands": {"min": 0, "max": 19}, "operators": "+-"}
    storage = {"formats": [request.param], "shard_size": 40, "compression": "gzip"}
    recipe = {"name": "sums", "description": "Small sums.", "space": space, "splits": SPLITS, "storage": storage}
    build(Recipe.from_dict(recipe), out)
    return out


def test_description_is_of_json_types_and_says_what_was_built(dataset_dir):
    description = describe(dataset_dir).to_dict()
    assert json.loads(json.dumps(description)) == description
    assert description["name"] == "sums"
    assert description["num_equations"] == 80
    assert description["num_shards"] == 3
    assert description["space"]["size"] == "800"
    assert description["recipe"]["commuted"] == "together"
    assert sum(description["num_bytes"].values()) == sum(
        path.stat().st_size for folder in ("data", "tfrecord") for path in dataset_dir.glob(f"{folder}/*")
    )
    assert list(description["splits"]) == ["train", "held_out"]
    assert description["splits"]["held_out"]["source"]["where"]["contains"] == [7]
    assert description["splits"]["train"]["source"] == {}


def test_samples_are_the_first_equations_of_each_split(dataset_dir):
    splits = describe(dataset_dir, num_samples=3).splits
    for split in splits.values():
        assert len(split.samples) == 3
        for question, answer in split.samples:
            left, sign, right = question.split(" ")
            assert int(answer) == (int(left) + int(right) if sign == "+" else int(left) - int(right))
    assert all("7" in sample.question for sample in splits["held_out"].samples)


def test_histograms_count_every_equation_and_stand_in_the_order_of_their_values(dataset_dir):
    for split in describe(dataset_dir).splits.values():
        for name in ("answer_length", "digits", "question_length", "terms", "carries"):
            values = list(map(int, split.histograms[name]))
            assert values == sorted(values)
            assert sum(split.histograms[name].values()) == split.num_equations
        assert list(split.histograms["answer_sign"]) == ["negative", "zero", "positive"]
        assert list(split.histograms["operators"]) == ["+", "-"]


def test_text_has_every_split_with_its_condition_and_samples(dataset_dir):
    description = describe(dataset_dir)
    lines = description.to_text().splitlines()
    assert lines[:2] == ["sums 1.0.0", "Small sums."]
    assert "space    800 candidates: operands 0 to 19, operators + -, 2 terms" in lines
    assert "recipe   twins: together, sampling: uniform, seed: 0" in lines
    assert "  train     60   75.0%  2 shards" in lines
    assert "  held_out  20   25.0%  1 shard" in lines
    assert "  only     digits at most 1, contains [7]" in lines
    assert "  terms            all 2" in lines
    sample = description.splits["train"].samples[0]
    assert any(line.strip() == f"{sample.question} = {sample.answer}" for line in lines)


def test_what_people_want_first_comes_first(dataset_dir):
    (split,) = describe(dataset_dir, splits=["held_out"]).splits.values()
    names = ["terms", "operators", "digits", "carries", "question_length", "answer_length", "answer_sign"]
    assert list(split.histograms) == names


def test_one_split_can_be_described_alone(dataset_dir):
    description = describe(dataset_dir, splits=["held_out"])
    assert list(description.splits) == ["held_out"]
    assert description.num_equations == 80
    assert "train" not in description.to_text()
    with pytest.raises(UserError, match=r"^the dataset has no split `held_in`; did you mean `held_out`\?$"):
        describe(dataset_dir, splits=["held_in"])


def test_bars_are_aligned_and_none_is_invisible():
    lines = render_bars({"1": 3, "10": 4000, "11": 0})
    assert lines == [f"     1 |{'#':40}      3", f"    10 |{'#' * 40}  4,000", f"    11 |{'':40}      0"]
    assert render_bars({}) == []
    assert render_bars({"1": 0}) == [f"    1 |{'':40}  0"]


@pytest.mark.parametrize("read", [describe, verify])
def test_a_directory_without_a_dataset_is_refused_with_what_may_be_meant(read, tmp_path):
    (tmp_path / "out" / "sums").mkdir(parents=True)
    with pytest.raises(UserError, match=r"out is not a dataset: it has no manifest\.json$"):
        read(tmp_path / "out")
    (tmp_path / "out" / "sums" / "manifest.json").write_text("{}")
    with pytest.raises(UserError, match=r"it has no manifest\.json; did you mean .*sums\?$"):
        read(tmp_path / "out")
    with pytest.raises(UserError, match=r"nosuch does not exist$"):
        read(tmp_path / "nosuch")


def test_a_first_shard_that_is_missing_is_named(dataset_dir, tmp_path):
    import shutil

    copy = shutil.copytree(dataset_dir, tmp_path / "copy")
    for path in copy.glob("*/held_out-*"):
        path.unlink()
    with pytest.raises(UserError, match="shard held_out-00000-of-00001 cannot be read: No such file"):
        describe(copy)
