"""The manifest: what is in a dataset, and the proof of it. Written last; a directory without it is no dataset.

| key | what |
| --- | --- |
| `format_version` | of enumeration, permutation, record layout; readers refuse a newer one |
| `eqstream_version`, `tools` | versions of what wrote it; `unknown` where eqstream ran without being installed |
| `name`, `version`, `description`, `fingerprint`, `recipe` | the resolved recipe and its fingerprint |
| `columns` | name and type of each column |
| `space` | `size` as text, `num_shapes`, `max_question_length`, `max_answer_length`, `alphabet` |
| `splits` | by name: `num_equations`, `first_ordinal`, `num_left_out`, `histograms`, `shards` |

Each of a split's `shards` has its `shard` (name), `num_equations`, `first_ordinal` within the split and `files`: by
format `path`, `num_bytes` and `sha256`.
"""

import hashlib
import json
import platform
import zlib
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import Any

from eqstream.data.configuration import describe_type
from eqstream.data.dataset.histograms import add_histograms
from eqstream.data.dataset.layout import COLUMNS, MANIFEST, shard_path
from eqstream.data.dataset.manifest_schema import check_form
from eqstream.data.dataset.shard_writer import ShardReceipt
from eqstream.data.errors import UserError
from eqstream.data.formats.text_encoder import TextEncoder
from eqstream.data.recipe import FORMAT_VERSION, Recipe
from eqstream.data.space.prepared_space import prepare_space
from eqstream.data.splits.plan import SplitPlan

_TOOLS = ("numpy", "pyarrow", "apache-beam")
UNKNOWN_VERSION = "unknown"


class DamagedManifestError(UserError):
    """A manifest that was cut or changed, and of which nothing can be believed."""


def make_manifest(recipe: Recipe, plan: SplitPlan, receipts: Mapping[str, ShardReceipt]) -> dict[str, Any]:
    """Returns the manifest of a finished dataset.

    Args:
        recipe: the recipe.
        plan: the plan of its shards.
        receipts: for each shard's name the receipt of its writer, with all formats of the recipe.

    Raises:
        ValueError: a receipt is missing or tells of another number of equations than planned.
    """
    splits = {}
    for split in plan.splits:
        tasks = [task for task in plan.shards if task.split == split.name]
        shards = []
        for task in tasks:
            receipt = receipts.get(task.name)
            if receipt is None or receipt.num_equations != task.num_equations:
                raise ValueError(f"shard {task.name} has no receipt for its {task.num_equations} equations")
            files = {
                format: {
                    "path": shard_path(
                        format, task.split, task.shard_index, task.num_shards, recipe.storage.compression
                    ),
                    **receipt.files[format],
                }
                for format in recipe.storage.formats
            }
            shards.append(
                {
                    "shard": task.name,
                    "num_equations": task.num_equations,
                    "first_ordinal": task.first_ordinal,
                    "files": files,
                }
            )
        splits[split.name] = {
            "num_equations": split.num_equations,
            "first_ordinal": split.first_ordinal,
            "num_left_out": split.num_left_out,
            "histograms": add_histograms(receipts[task.name].histograms for task in tasks),
            "shards": shards,
        }
    return {
        "format_version": FORMAT_VERSION,
        "eqstream_version": eqstream_version(),
        "tools": _tool_versions(),
        "name": recipe.name,
        "version": recipe.version,
        "description": recipe.description,
        "fingerprint": recipe.fingerprint(),
        "recipe": {key: value for key, value in recipe.to_dict().items() if key not in ("codec", "model", "training")},
        "columns": COLUMNS,
        "space": describe_space(recipe),
        "splits": splits,
    }


def describe_space(recipe: Recipe) -> dict[str, Any]:
    """Returns the manifest's `space`: size, and bounds on the text that it holds."""
    space = prepare_space(recipe.space)
    text = TextEncoder(space)
    letters = {letter for shape in space.shapes for part in shape.literals(recipe.space.spacing) for letter in part}
    letters |= set("0123456789")
    if space.has_negative_operands or "-" in recipe.space.operators:
        letters.add("-")
    if space.has_fractions:
        letters.add("/")
    rounds = space.has_division and recipe.space.division == "decimal" and recipe.space.places
    if space.decimals or rounds:
        letters.add(".")
    return {
        "size": str(space.whole.size),
        "num_shapes": len(space.shapes),
        "max_question_length": text.max_question_length,
        "max_answer_length": text.max_answer_length,
        "alphabet": "".join(sorted(letters)),
    }


def manifest_bytes(manifest: Mapping[str, Any]) -> bytes:
    """Returns the manifest as it is stored; equal manifests give equal bytes."""
    return (json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def parse_manifest(data: bytes, source: str = MANIFEST) -> dict[str, Any]:
    """Returns the manifest that `data` holds; `source` names it in errors.

    Raises:
        DamagedManifestError: it is no manifest, or a key that some reader uses is missing or of the wrong type.
        UserError: it is of a newer format version.
    """
    try:
        manifest = json.loads(data)
        version = manifest["format_version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamagedManifestError(f"{source} is not a manifest of eqstream") from error
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise DamagedManifestError(
            f"{source} is damaged: `format_version` must be a whole number of at least 1, got {describe_type(version)}"
        )
    if version > FORMAT_VERSION:
        raise UserError(
            f"{source} has format version {version}, this eqstream reads up to {FORMAT_VERSION}; update eqstream"
        )
    try:
        check_form(manifest)
    except UserError as error:
        raise DamagedManifestError(f"{source} is damaged: {error}") from error
    return manifest


def list_files(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yields (shard name, format, file entry) for all files of all shards, in order."""
    for split in manifest["splits"].values():
        for shard in split["shards"]:
            for format, entry in shard["files"].items():
                yield shard["shard"], format, entry


def sha256_of(data: bytes) -> str:
    """Returns the SHA-256 of `data` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def eqstream_version() -> str:
    """Returns the version of the installed eqstream, `unknown` where a checkout is run that is not installed."""
    try:
        return metadata.version("eqstream")
    except metadata.PackageNotFoundError:
        return UNKNOWN_VERSION


def _tool_versions() -> dict[str, str]:
    """Returns the versions on which bytes may depend: pyarrow names itself in Parquet's footer, zlib packs gzip."""
    versions = {name: metadata.version(name) for name in _TOOLS}
    return {"python": platform.python_version(), "zlib": zlib.ZLIB_RUNTIME_VERSION, **versions}
