import dataclasses
import json
import re

import pytest
import yaml

from eqstream.data.recipe import Recipe
from eqstream.pipelines.metadata.dataset_card import render_card
from tests.recipes import make_manifest


def card_head(*overrides: str) -> dict:
    return yaml.safe_load(render_card(make_manifest(*overrides)).split("---\n")[1])


def test_card_names_the_files_of_each_split_in_the_order_of_the_recipe():
    (config,) = card_head()["configs"]
    assert config["data_files"] == [
        {"split": "train", "path": "data/train-*.parquet"},
        {"split": "validation", "path": "data/validation-*.parquet"},
        {"split": "test", "path": "data/test-*.parquet"},
        {"split": "test_length", "path": "data/test_length-*.parquet"},
    ]


def test_card_holds_a_recipe_that_loads_to_the_same_fingerprint():
    manifest = make_manifest("codec.reverse_answer=true")
    text = render_card(manifest)
    recipe = Recipe.from_dict(yaml.safe_load(re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)[-1]))
    assert recipe.fingerprint() == manifest.fingerprint


def test_card_says_which_twins_may_be_where():
    sentences = {
        commuted: render_card(make_manifest(f"commuted={commuted}")) for commuted in ("together", "drop", "ignore")
    }
    assert "always in the same split" in sentences["together"]
    assert "only one is in the dataset" in sentences["drop"]
    assert "in different splits too" in sentences["ignore"]


def test_head_tells_the_hub_what_kind_of_data_it_is():
    head = card_head()
    assert list(head) == [
        "pretty_name", "license", "task_categories", "tags", "size_categories", "configs", "dataset_info",
    ]  # fmt: skip
    assert head["pretty_name"] == "length 1.0.0"
    assert head["license"] == "apache-2.0"
    assert head["size_categories"] == ["n<1K"]


@pytest.mark.parametrize(("count", "category"), [(1, "n<1K"), (250, "1K<n<10K"), (2 * 10**8, "100M<n<1B")])
def test_size_category_is_that_of_all_splits(count, category):
    manifest = make_manifest()
    splits = {name: dataclasses.replace(split, num_equations=count) for name, split in manifest.splits.items()}
    text = render_card(dataclasses.replace(manifest, splits=splits))
    assert yaml.safe_load(text.split("---\n")[1])["size_categories"] == [category]


def test_card_of_tfrecord_alone_names_no_files_of_datasets():
    head = card_head("storage.formats=[tfrecord]")
    assert "configs" not in head
    assert "dataset_info" not in head


def test_description_with_yaml_in_it_leaves_the_head_as_it_is():
    assert card_head(f"description={json.dumps('--- a: {b: c} # é')}") == card_head()


def test_columns_come_in_the_order_in_which_people_want_them():
    names = ["question", "answer", "terms", "digits", "carries"]
    assert [feature["name"] for feature in card_head()["dataset_info"]["features"]] == names
    assert re.findall(r"^\| `(\w+)` \| (?:text|int64) \|", render_card(make_manifest()), re.MULTILINE) == names
