import copy
import json

import pytest

from eqstream.data.dataset.manifest import (
    Manifest,
    parse_manifest,
)
from eqstream.data.dataset.manifest_maker import describe_space, make_manifest
from eqstream.data.dataset.shard_writer import ShardReceipt
from eqstream.data.errors import DamagedManifestError, UserError
from eqstream.data.recipe import Recipe
from eqstream.data.splits.counting_policy import count_for_plan
from eqstream.data.splits.plan import plan_splits
from tests import recipes

SUMS = {
    "name": "sums",
    "space": {"operands": {"min": 0, "max": 9}, "operators": "+"},
    "splits": [{"name": "train", "count": 60, "where": {"terms": 2}}],
    "codec": {"padding": "left"},
}
HISTOGRAMS = {
    "answer_length": {"1": 60},
    "question_length": {"5": 60},
    "digits": {"1": 60},
    "carries": {"0": 60},
    "answer_sign": {"negative": 0, "zero": 1, "positive": 59},
    "terms": {"2": 60},
    "operators": {"+": 60},
}
MISSING = object()
CURE = "; put an undamaged copy in its place or build the dataset again with --overwrite"


@pytest.fixture(scope="module")
def manifest() -> dict:
    recipe = Recipe.from_dict(SUMS)
    plan = plan_splits(count_for_plan(recipe))
    blocks = {"num_bytes": [1], "crc32c": [0]}
    file = {"num_bytes": 1, "sha256": "0" * 64, "blocks": blocks}
    parquet = {**file, "blocks": {**blocks, "footer_crc32c": 0}}
    receipts = {
        task.name: ShardReceipt.from_dict(
            {
                "name": task.name,
                "num_records": 60,
                "histograms": HISTOGRAMS,
                "files": {"tfrecord": file, "parquet": parquet},
            }
        )
        for task in plan.shards
    }
    return json.loads(make_manifest(recipe, plan, receipts).to_bytes())


def parse(manifest: dict, source: str = "manifest.json") -> Manifest:
    return parse_manifest(json.dumps(manifest).encode(), source)


def change(manifest: dict, key: str, value) -> dict:
    changed = copy.deepcopy(manifest)
    *parents, last = key.split(".")
    place = changed
    for name in parents:
        place = place[int(name) if isinstance(place, list) else name]
    if value is MISSING:
        del place[last]
    else:
        place[int(last) if isinstance(place, list) else last] = value
    return changed


def list_keys(value, path: str = "") -> list[str]:
    """Returns the dotted keys of all values of mappings within a value."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    keys = [f"{path}{key}" for key in value] if isinstance(value, dict) else []
    return keys + [key for name, part in parts for key in list_keys(part, f"{path}{name}.")]


def test_manifest_reads_back_unchanged(manifest):
    parsed = parse(manifest)
    assert json.loads(parsed.to_bytes()) == manifest
    assert parse_manifest(parsed.to_bytes()) == parsed


@pytest.mark.parametrize("key", ["later", "space.later", "splits.train.later", "splits.train.shards.0.later"])
def test_keys_of_later_versions_are_left_alone(manifest, key):
    assert parse(change(manifest, key, 1)) == parse(manifest)


def test_splits_come_in_the_order_of_the_recipe():
    manifest = recipes.make_manifest("splits.0.name=unusual")
    assert list(json.loads(manifest.to_bytes())["splits"]) == ["test", "test_length", "unusual", "validation"]
    assert list(parse_manifest(manifest.to_bytes()).splits) == ["unusual", "validation", "test", "test_length"]
    assert [split for split, _ in parse_manifest(manifest.to_bytes()).list_shards()][::2] == list(manifest.splits)


SHARD = "splits.train.shards.0"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("splits", [], "`splits` must be a mapping, got a list"),
        ("splits.train", None, "`splits.train` must be a mapping, got nothing"),
        ("splits.train", MISSING, "`splits.train` is missing"),
        ("splits.train.num_equations", "5", "`splits.train.num_equations` must be a whole number, got the text '5'"),
        ("splits.train.num_equations", True, "`splits.train.num_equations` must be a whole number, got true"),
        ("splits.train.num_left_out", -1, "`splits.train`: `num_left_out` must not be below 0, got -1"),
        ("splits.train.histograms.carries", MISSING, "`splits.train`: `histograms.carries` is missing"),
        (
            "splits.train.histograms.carries.0",
            "x",
            "`splits.train.histograms.carries.0` must be a whole number, got the text 'x'",
        ),
        (
            "splits.train.histograms.carries.0",
            -5,
            "`splits.train`: `histograms.carries.0` must not be below 0, got -5",
        ),
        (
            "splits.train.histograms.carries.x",
            1,
            "`splits.train`: `histograms.carries` counts an unknown value, 'x'",
        ),
        ("splits.train.shards", [], "`splits.train`: `shards` must list at least one shard, got an empty list"),
        (SHARD, "x", f"`{SHARD}` must be a mapping, got the text 'x'"),
        (f"{SHARD}.num_equations", "5", f"`{SHARD}.num_equations` must be a whole number, got the text '5'"),
        (f"{SHARD}.files", {}, f"`{SHARD}.files` must be of the recipe's formats, tfrecord, parquet, got "),
        (f"{SHARD}.files.parquet.blocks", None, f"`{SHARD}.files.parquet.blocks` is missing"),
        (
            f"{SHARD}.files.parquet.blocks.num_bytes",
            [],
            f"`{SHARD}.files.parquet.blocks`: `crc32c` must be 0 numbers as `num_bytes`, got 1",
        ),
        (
            f"{SHARD}.files.parquet.blocks",
            {"num_bytes": [1, 1], "crc32c": [0, 0]},
            f"`{SHARD}.files.parquet.blocks.num_bytes` must be 1 numbers, got 2",
        ),
        (
            f"{SHARD}.files.parquet.blocks.num_bytes",
            [0],
            f"`{SHARD}.files.parquet.blocks`: `num_bytes` must be from 1 to 1073741824, got 0",
        ),
        (
            f"{SHARD}.files.tfrecord.blocks.footer_crc32c",
            0,
            f"`{SHARD}.files.tfrecord.blocks.footer_crc32c` must be there for Parquet, and for nothing else",
        ),
        (f"{SHARD}.files.parquet.path", MISSING, f"`{SHARD}.files.parquet.path` is missing"),
        (
            f"{SHARD}.files.parquet.sha256",
            5,
            f"`{SHARD}.files.parquet.sha256` must be a text, got 5; put quotes around it",
        ),
        (
            f"{SHARD}.files.parquet.sha256",
            "x",
            f"`{SHARD}.files.parquet`: `sha256` must be 64 hexadecimal digits, got 'x'",
        ),
        (f"{SHARD}.files.parquet.num_bytes", -1, f"`{SHARD}.files.parquet`: `num_bytes` must not be below 0, got -1"),
        ("space.size", "many", "`space.size` must be a whole number, got the text 'many'"),
        ("space.size", "-1", "`space.size` must be a whole number, got the text '-1'"),
        ("space.max_question_length", "x", "`space.max_question_length` must be a whole number, got the text 'x'"),
        ("recipe", None, "`recipe` must be a mapping, got nothing"),
        ("recipe.space", MISSING, "`recipe.space` is missing"),
        ("recipe.seed", "x", "`recipe.seed` must be a whole number, got the text 'x'"),
        ("recipe.speed", 1, "unknown key `recipe.speed`; did you mean `seed`?"),
        ("recipe.splits", None, "`recipe.splits` must be a list, got nothing"),
        ("tools", MISSING, "`tools` is missing"),
        ("tools", [], "`tools` must be a mapping, got a list"),
        ("tools", {"numpy": 2}, "`tools.numpy` must be a text, got 2; put quotes around it"),
        ("fingerprint", 7, "`fingerprint` must be a text, got 7; put quotes around it"),
        ("format_version", -1, "`format_version` must be a whole number of at least 1, got -1"),
        ("format_version", "1", "`format_version` must be a whole number of at least 1, got the text '1'"),
    ],
)
def test_damaged_manifest_is_refused_with_the_key(manifest, key, value, message):
    with pytest.raises(DamagedManifestError) as caught:
        parse(change(manifest, key, value), "here/manifest.json")
    assert str(caught.value) == f"here/manifest.json is damaged: {message}{CURE}"


def test_split_that_the_recipe_does_not_have_is_refused(manifest):
    changed = change(manifest, "splits.more", manifest["splits"]["train"])
    with pytest.raises(DamagedManifestError, match=r"`splits` must be those of the recipe, train, got more, train;"):
        parse({**changed, "splits": dict(sorted(changed["splits"].items()))})


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        (f"{SHARD}.shard", "train-00001-of-00001", "train-00000-of-00001"),
        (f"{SHARD}.files.parquet.path", "../train-00000-of-00001.parquet", "data/train-00000-of-00001.parquet"),
        (f"{SHARD}.files.parquet.path", "/dev/zero", "data/train-00000-of-00001.parquet"),
        (f"{SHARD}.files.parquet.path", "data/train-00000-of-00001.parqueu", "data/train-00000-of-00001.parquet"),
        (f"{SHARD}.files.tfrecord.path", "", "tfrecord/train-00000-of-00001.tfrecord"),
    ],
)
def test_names_of_shards_and_files_are_those_that_builds_give(manifest, key, value, expected):
    with pytest.raises(DamagedManifestError) as caught:
        parse(change(manifest, key, value))
    assert str(caught.value) == f"manifest.json is damaged: `{key}` must be {expected}, got {value!r}{CURE}"


def test_shards_out_of_order_or_listed_twice_are_refused(manifest):
    shards = manifest["splits"]["train"]["shards"] * 2
    with pytest.raises(DamagedManifestError) as caught:
        parse(change(manifest, "splits.train.shards", shards))
    message = f"`{SHARD}.shard` must be train-00000-of-00002, got 'train-00000-of-00001'"
    assert str(caught.value) == f"manifest.json is damaged: {message}{CURE}"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("max_question_length", 10**9, "`space.max_question_length` must be at most 11, got 1000000000"),
        ("max_answer_length", 10**9, "`space.max_answer_length` must be at most 16, got 1000000000"),
        ("alphabet", " ++", "`space.alphabet` must be characters of equations, each once and sorted, got ' ++'"),
        ("alphabet", "1+", "`space.alphabet` must be characters of equations, each once and sorted, got '1+'"),
        ("alphabet", "+x", "`space.alphabet` must be characters of equations, each once and sorted, got '+x'"),
    ],
)
def test_bounds_on_texts_that_no_equation_needs_are_refused(manifest, key, value, message):
    with pytest.raises(DamagedManifestError) as caught:
        parse(change(manifest, f"space.{key}", value))
    assert str(caught.value) == f"manifest.json is damaged: {message}{CURE}"


@pytest.mark.parametrize(
    "space",
    [
        {"operands": {"min": -99, "max": 5}, "operators": "-*", "terms": {"min": 1, "max": 4}, "brackets": True},
        {"operands": {"min": -1, "max": 10, "decimals": 3}, "operators": "*", "terms": 5},
        {"operands": {"min": 1, "max": 99, "decimals": 2}, "operators": "+-/", "terms": 4, "division": "fraction"},
        {"operands": {"min": 0, "max": 9}, "operators": "/", "terms": 1, "division": "decimal", "places": 12},
        {"operands": {"min": -1, "max": 9, "decimals": 12}, "operators": "*/-", "terms": 3, "division": "quotient"},
        {"operands": {"min": -9, "max": 9}, "operators": "/", "terms": 6, "division": "decimal", "brackets": True},
        {"operands": {"min": 0, "max": 0}, "operators": "+", "spacing": False},
    ],
)
def test_every_space_is_within_the_bounds(space):
    recipe = Recipe.from_dict({**SUMS, "space": space})
    assert parse_manifest(recipes.fake_manifest(recipe).to_bytes()).space == describe_space(recipe)


def test_key_of_the_recipe_that_an_older_version_did_not_know_has_its_default(manifest):
    assert parse(change(manifest, "recipe.seed", MISSING)) == parse(manifest)


@pytest.mark.parametrize(
    "value",
    [
        MISSING,
        "x",
        {},
        10**40,
        *(pytest.param(each, marks=pytest.mark.slow) for each in (None, -1, True, [], [[]], 0.5)),
    ],
)
def test_whatever_is_changed_in_a_manifest_nothing_but_a_user_error_comes(manifest, value):
    refused = 0
    for key in list_keys(manifest):
        try:
            parse(change(manifest, key, value))
        except UserError:
            refused += 1
    assert refused > 20


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        (b"", "it is not JSON: Expecting value: line 1 column 1 (char 0)"),
        (b"[]", "it is a list"),
        (b"{}", "it has no `format_version`"),
        (b"5", "it is 5"),
        (b'{"format_version": 1', "it is not JSON: Expecting ',' delimiter: line 1 column 21 (char 20)"),
    ],
)
def test_what_is_no_manifest_is_refused_with_the_reason(contents, reason):
    with pytest.raises(DamagedManifestError) as caught:
        parse_manifest(contents)
    assert str(caught.value) == f"manifest.json is not a manifest of eqstream: {reason}{CURE}"


@pytest.mark.parametrize("contents", [b"\xff", b"[" * 100_000])
def test_what_cannot_be_parsed_is_refused(contents):
    with pytest.raises(DamagedManifestError, match=r"^manifest\.json is not a manifest of eqstream: it is not JSON: "):
        parse_manifest(contents)


def test_newer_format_is_refused_before_its_keys_are_looked_at():
    with pytest.raises(UserError, match="has format version 4, this eqstream reads up to 3; update eqstream") as caught:
        parse_manifest(b'{"format_version": 4}')
    assert not isinstance(caught.value, DamagedManifestError)
