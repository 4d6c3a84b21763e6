import copy
import json
from importlib import metadata

import pytest

from eqstream.data.dataset.manifest import (
    DamagedManifestError,
    eqstream_version,
    make_manifest,
    manifest_bytes,
    parse_manifest,
)
from eqstream.data.dataset.shard_writer import ShardReceipt
from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe
from eqstream.data.splits.counting import Census
from eqstream.data.splits.plan import plan_splits

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


@pytest.fixture(scope="module")
def manifest() -> dict:
    recipe = Recipe.from_dict(SUMS)
    plan = plan_splits(recipe, Census(recipe).run())
    file = {"num_bytes": 1, "sha256": "0" * 64}
    receipts = {
        task.name: ShardReceipt.from_dict(
            {
                "name": task.name,
                "num_equations": 60,
                "histograms": HISTOGRAMS,
                "files": {"tfrecord": file, "parquet": file},
            }
        )
        for task in plan.shards
    }
    return json.loads(manifest_bytes(make_manifest(recipe, plan, receipts)))


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
    assert parse_manifest(manifest_bytes(manifest)) == manifest
    assert parse_manifest(manifest_bytes({**manifest, "later": 1}))["later"] == 1


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("splits", [], "`splits` must be a mapping, got a list"),
        ("splits.train", None, "`splits.train` must be a mapping, got nothing"),
        ("splits.train", MISSING, "`splits.train` is missing"),
        ("splits.train.num_equations", "5", "`splits.train.num_equations` must be a whole number .* the text '5'"),
        ("splits.train.num_equations", True, "`splits.train.num_equations` must be a whole number .* got true"),
        ("splits.train.histograms", {}, "`splits.train.histograms.[a-z_]+` is missing"),
        ("splits.train.histograms.carries.0", "x", "`splits.train.histograms.carries.0` must be a whole number"),
        ("splits.train.histograms.carries.x", 1, "`splits.train.histograms.carries` counts an unknown value, 'x'"),
        ("splits.train.shards", [], "`splits.train.shards` must be a list of shards, got an empty list"),
        ("splits.train.shards.0", "x", "`splits.train.shards.0` must be a mapping, got the text 'x'"),
        ("splits.train.shards.0.num_equations", "5", "`splits.train.shards.0.num_equations` must be a whole number"),
        ("splits.train.shards.0.files", {}, "`splits.train.shards.0.files` must be of the recipe's formats"),
        ("splits.train.shards.0.files.parquet.sha256", 5, "`splits.train.shards.0.files.parquet.sha256` must be a te"),
        ("splits.train.shards.0.files.parquet.num_bytes", -1, "`splits.train.shards.0.files.parquet.num_bytes` must"),
        (
            "splits.train.shards.0.files.parquet.sha256",
            "x",
            "`splits.train.shards.0.files.parquet.sha256` must be a te",
        ),
        ("splits.more", {}, "`splits` must be those of the recipe, train, got "),
        ("space.size", "many", "`space.size` must be a whole number as text, got the text 'many'"),
        ("space.max_question_length", "x", "`space.max_question_length` must be a whole number"),
        ("recipe", None, "`recipe` must be a mapping, got nothing"),
        ("recipe.seed", MISSING, "`recipe.seed` is missing"),
        ("recipe.seed", "x", "`recipe`: `seed` must be a whole number, got the text 'x'"),
        ("recipe.splits", None, "`recipe`: `splits` must be a list, got nothing"),
        ("recipe.splits.0.where.terms", 2, "`recipe.splits.0.where.terms` must be a mapping, got 2"),
        ("recipe.space.operators", ["+"], "`recipe.space.operators` must be a text, got a list"),
        ("recipe.storage.shard_size", MISSING, "`recipe.storage.shard_size` is missing"),
        ("tools", MISSING, "`tools` is missing"),
        ("tools", [], "`tools` must be a mapping, got a list"),
        ("fingerprint", 7, "`fingerprint` must be a text, got 7"),
        ("format_version", -1, "`format_version` must be a whole number of at least 1, got -1"),
        ("format_version", "1", "`format_version` must be a whole number of at least 1, got the text '1'"),
    ],
)
def test_damaged_manifest_is_refused_with_the_key(manifest, key, value, message):
    with pytest.raises(DamagedManifestError, match=rf"^here/manifest\.json is damaged: {message}") as caught:
        parse_manifest(manifest_bytes(change(manifest, key, value)), "here/manifest.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [MISSING, None, "x", -1, True, [], {}, [[]], 10**40, 0.5])
def test_whatever_is_changed_in_a_manifest_nothing_but_a_user_error_comes(manifest, value):
    refused = 0
    for key in list_keys(manifest):
        try:
            parse_manifest(manifest_bytes(change(manifest, key, value)))
        except UserError:
            refused += 1
    assert refused > 20


@pytest.mark.parametrize("contents", [b"", b"[]", b"{}", b"5", b"\xff", b'{"format_version": 1', b"[" * 100_000])
def test_what_is_no_manifest_is_refused(contents):
    with pytest.raises(DamagedManifestError, match=r"^manifest\.json is not a manifest of eqstream$"):
        parse_manifest(contents)


def test_newer_format_is_refused_before_its_keys_are_looked_at():
    with pytest.raises(UserError, match="has format version 2, this eqstream reads up to 1; update eqstream") as caught:
        parse_manifest(b'{"format_version": 2}')
    assert not isinstance(caught.value, DamagedManifestError)


def test_version_of_an_eqstream_that_is_not_installed_is_unknown(monkeypatch):
    def fail(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", fail)
    assert eqstream_version() == "unknown"
