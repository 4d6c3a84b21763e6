"""The metadata beside a dataset's shards, so that common readers load the directory as it stands.

| file | for | written |
| --- | --- | --- |
| `README.md` | people; `datasets` finds the splits in its YAML head | always |
| `dataset_info.json`, `features.json` | `tfds.builder_from_directory` | with plain TFRecord (TFDS reads no gzip) |
| `croissant.json` | Croissant readers; the checksum of every file | always |

All are functions of the manifest alone: same manifest, same bytes.
"""

import json
from typing import Any

from eqstream.data.dataset import layout
from eqstream.data.dataset.manifest import Manifest
from eqstream.pipelines.metadata.croissant import render_croissant
from eqstream.pipelines.metadata.dataset_card import render_card
from eqstream.pipelines.metadata.tfds import render_dataset_info, render_features


def render_metadata(manifest: Manifest) -> dict[str, bytes]:
    """Returns the contents of the metadata files, file name to UTF-8 bytes, sorted by name."""
    contents = {layout.README: render_card(manifest), layout.CROISSANT: _json_text(render_croissant(manifest))}
    if manifest.has_plain_tfrecord:
        contents[layout.DATASET_INFO] = _json_text(render_dataset_info(manifest))
        contents[layout.FEATURES] = _json_text(render_features())
    return {name: contents[name].encode("utf-8") for name in sorted(contents)}


def list_metadata(manifest: Manifest) -> set[str]:
    """Returns the names of the files that `render_metadata` gives, without rendering them."""
    for_tfds = {layout.DATASET_INFO, layout.FEATURES} if manifest.has_plain_tfrecord else set()
    return {layout.README, layout.CROISSANT} | for_tfds


def _json_text(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
