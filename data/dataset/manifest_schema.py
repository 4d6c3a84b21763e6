"""The form of a manifest: every key that some reader uses, and the type of its value.

Only the form is looked at: whether numbers and texts are right is for `eqstream verify` to say. Keys that are not
known are left alone.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from eqstream.data.configuration import describe_type
from eqstream.data.dataset.histograms import SIGNS
from eqstream.data.errors import UserError
from eqstream.data.recipe import MODEL_SECTIONS, OPERATORS, Recipe

_SHA256 = re.compile("[0-9a-f]{64}")
_TEXTS = ("name", "version", "description", "fingerprint", "eqstream_version")
_HISTOGRAMS = ("answer_length", "question_length", "digits", "carries", "answer_sign", "terms", "operators")


def check_form(manifest: Any) -> None:
    """Does nothing if a mapping has the form of a manifest; `format_version` is the caller's to check.

    Raises:
        UserError: a key is missing or its value has the wrong type; the message names the key.
    """
    top = _mapping(manifest, "the manifest")
    for key in _TEXTS:
        _text(top, key)
    for name in ("tools", "columns"):
        part = _mapping(_get(top, name), name)
        for key in part:
            _text(part, key, name)
    _check_space(_mapping(_get(top, "space"), "space"))
    recipe = _check_recipe(_get(top, "recipe"))
    splits = _mapping(_get(top, "splits"), "splits")
    for split in recipe.splits:
        _get(splits, split.name, "splits")
    if len(splits) > len(recipe.splits):
        names = ", ".join(split.name for split in recipe.splits)
        raise UserError(f"`splits` must be those of the recipe, {names}, got {', '.join(splits)}")
    for name, split in splits.items():
        _check_split(_mapping(split, f"splits.{name}"), f"splits.{name}", recipe.storage.formats)
    listed = Counter(shard["shard"] for split in splits.values() for shard in split["shards"])
    for shard, number in listed.items():
        if number > 1:
            raise UserError(f"`splits` must list each shard once, got {shard} {number} times")


def _check_space(space: Mapping[str, Any]) -> None:
    _text(space, "alphabet", "space")
    if not _text(space, "size", "space").isdecimal():
        raise UserError(f"`space.size` must be a whole number as text, got {describe_type(space['size'])}")
    for key in ("max_question_length", "max_answer_length"):
        _whole(space, key, "space")


def _check_recipe(value: Any) -> Recipe:
    mapping = _mapping(value, "recipe")
    try:
        recipe = Recipe.from_dict(mapping)
    except UserError as error:
        raise UserError(f"`recipe`: {error}") from error
    # A manifest spells out every default; readers take the keys from it as they are.
    spelled_out = {key: part for key, part in recipe.to_dict().items() if key not in MODEL_SECTIONS}
    _check_spelled_out(mapping, spelled_out, "recipe")
    return recipe


def _check_spelled_out(value: Any, full: Any, path: str) -> None:
    if isinstance(full, Mapping):
        part = _mapping(value, path)
        for key, item in full.items():
            _check_spelled_out(_get(part, key, path), item, f"{path}.{key}")
    elif isinstance(full, list):
        if not isinstance(value, list):
            raise UserError(f"`{path}` must be a list, got {describe_type(value)}")
        for number, (item, full_item) in enumerate(zip(value, full, strict=True)):
            _check_spelled_out(item, full_item, f"{path}.{number}")
    elif isinstance(full, str) and not isinstance(value, str):
        raise UserError(f"`{path}` must be a text, got {describe_type(value)}")


def _check_split(split: Mapping[str, Any], path: str, formats: Sequence[str]) -> None:
    for key in ("num_equations", "first_ordinal", "num_left_out"):
        _whole(split, key, path)
    histograms = _mapping(_get(split, "histograms", path), f"{path}.histograms")
    for name in {*_HISTOGRAMS, *histograms}:
        _check_histogram(_get(histograms, name, f"{path}.histograms"), f"{path}.histograms.{name}")
    shards = _get(split, "shards", path)
    if not isinstance(shards, list) or not shards:
        got = "an empty list" if shards == [] else describe_type(shards)
        raise UserError(f"`{path}.shards` must be a list of shards, got {got}")
    for number, shard in enumerate(shards):
        _check_shard(_mapping(shard, f"{path}.shards.{number}"), f"{path}.shards.{number}", formats)


def _check_histogram(value: Any, path: str) -> None:
    counts = _mapping(value, path)
    for key in counts:
        _whole(counts, key, path)
        if not key.isdecimal() and key not in (*SIGNS, *OPERATORS):
            raise UserError(f"`{path}` counts an unknown value, {key!r}")


def _check_shard(shard: Mapping[str, Any], path: str, formats: Sequence[str]) -> None:
    _text(shard, "shard", path)
    for key in ("num_equations", "first_ordinal"):
        _whole(shard, key, path)
    files = _mapping(_get(shard, "files", path), f"{path}.files")
    if set(files) != set(formats):
        raise UserError(f"`{path}.files` must be of the recipe's formats, {', '.join(formats)}, got {', '.join(files)}")
    for format, value in files.items():
        place = f"{path}.files.{format}"
        file = _mapping(value, place)
        _text(file, "path", place)
        _whole(file, "num_bytes", place)
        if not _SHA256.fullmatch(_text(file, "sha256", place)):
            found = describe_type(file["sha256"])
            raise UserError(f"`{place}.sha256` must be a text of 64 hexadecimal digits, got {found}")


def _get(mapping: Mapping[str, Any], key: str, path: str = "") -> Any:
    if key not in mapping:
        raise UserError(f"`{path}.{key}` is missing" if path else f"`{key}` is missing")
    return mapping[key]


def _mapping(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise UserError(f"`{path}` must be a mapping, got {describe_type(value)}")
    return value


def _text(mapping: Mapping[str, Any], key: str, path: str = "") -> str:
    value = _get(mapping, key, path)
    if not isinstance(value, str):
        raise UserError(f"`{path + '.' if path else ''}{key}` must be a text, got {describe_type(value)}")
    return value


def _whole(mapping: Mapping[str, Any], key: str, path: str) -> None:
    value = _get(mapping, key, path)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise UserError(f"`{path}.{key}` must be a whole number of at least 0, got {describe_type(value)}")
