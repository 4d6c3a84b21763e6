"""Whether everything in a manifest that verifying reads is there and of its type.

Verifying calculates with what a manifest says before it knows whether that is true, so a manifest that was damaged or
written by hand is refused here, with the place and what was found there.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from data.configuration import describe_type
from data.errors import UserError
from data.recipe import Recipe
from pipelines.shard_check import HISTOGRAMS

SHA256 = re.compile("[0-9a-f]{64}")
SIZE = re.compile("[0-9]+")
MANIFEST_TYPES = {
    "format_version": "version",
    "eqstream_version": "text",
    "tools": "mapping",
    "name": "text",
    "version": "text",
    "description": "text",
    "fingerprint": "text",
    "recipe": "mapping",
    "columns": "mapping",
    "space": "mapping",
    "splits": "mapping",
}
SPACE_TYPES = {"size": "size", "max_question_length": "count", "max_answer_length": "count", "alphabet": "text"}
SPLIT_TYPES = {
    "num_equations": "count",
    "first_ordinal": "count",
    "num_left_out": "count",
    "histograms": "mapping",
    "shards": "list",
}
SHARD_TYPES = {"shard": "text", "num_equations": "count", "first_ordinal": "count", "files": "mapping"}
FILE_TYPES = {"path": "text", "num_bytes": "count", "sha256": "sha256"}
TYPE_TO_MEANING = {
    "mapping": "a mapping",
    "list": "a list",
    "text": "a text",
    "count": "a whole number from 0 on",
    "version": "a whole number from 1 on",
    "size": "a whole number as a text",
    "sha256": "64 hexadecimal digits",
}


def check_types(manifest: Mapping[str, Any]) -> None:
    """Does nothing where a manifest has all keys with values of their types, and a recipe of the same splits.

    Raises:
        UserError: it has not; the message begins with the place, such as `splits.train.shards[0].files`.
    """
    _check_keys(manifest, MANIFEST_TYPES, "")
    _check_values(manifest["tools"], "text", "tools")
    _check_values(manifest["columns"], "text", "columns")
    _check_keys(manifest["space"], SPACE_TYPES, "space")
    try:
        recipe = Recipe.from_dict(dict(manifest["recipe"]))
    except UserError as error:
        raise UserError(f"`recipe`: {error}") from error
    names = [split.name for split in recipe.splits]
    if sorted(names) != sorted(manifest["splits"]):
        raise UserError(
            f"`splits` must be those of the recipe, {', '.join(names)}, got {', '.join(manifest['splits'])}"
        )
    _check_values(manifest["splits"], "mapping", "splits")
    shards = Counter(shard for name in names for shard in _check_split(manifest["splits"][name], f"splits.{name}"))
    for shard, number in shards.items():
        if number > 1:
            raise UserError(f"`splits` must list each shard once, got {shard} {number} times")


def _check_split(split: Mapping[str, Any], place: str) -> Iterator[str]:
    """Yields the names of the shards of a split, each checked."""
    _check_keys(split, SPLIT_TYPES, place)
    _check_keys(split["histograms"], dict.fromkeys(HISTOGRAMS, "mapping"), f"{place}.histograms")
    for name in HISTOGRAMS:
        _check_values(split["histograms"][name], "count", f"{place}.histograms.{name}")
    for number, shard in enumerate(split["shards"]):
        inner = f"{place}.shards[{number}]"
        _check(shard, "mapping", inner)
        _check_keys(shard, SHARD_TYPES, inner)
        _check_values(shard["files"], "mapping", f"{inner}.files")
        for format, file in shard["files"].items():
            _check_keys(file, FILE_TYPES, f"{inner}.files.{format}")
        yield shard["shard"]


def _check_keys(mapping: Mapping[str, Any], key_to_type: Mapping[str, str], place: str) -> None:
    for key, kind in key_to_type.items():
        inner = f"{place}.{key}" if place else key
        if key not in mapping:
            raise UserError(f"`{inner}` is missing")
        _check(mapping[key], kind, inner)


def _check_values(mapping: Mapping[str, Any], kind: str, place: str) -> None:
    for key, value in mapping.items():
        _check(value, kind, f"{place}.{key}")


def _check(value: Any, kind: str, place: str) -> None:
    if not _is_of(value, kind):
        raise UserError(f"`{place}` must be {TYPE_TO_MEANING[kind]}, got {describe_type(value)}")


def _is_of(value: Any, kind: str) -> bool:
    if kind in ("count", "version"):
        # In Python a truth value is a number too.
        return isinstance(value, int) and not isinstance(value, bool) and value >= (kind == "version")
    if kind in ("mapping", "list"):
        return isinstance(value, dict if kind == "mapping" else list)
    pattern = {"size": SIZE, "sha256": SHA256}.get(kind)
    return isinstance(value, str) and (pattern is None or pattern.fullmatch(value) is not None)
