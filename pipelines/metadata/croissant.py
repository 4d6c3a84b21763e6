"""Croissant 1.0 metadata of a dataset: https://docs.mlcommons.org/croissant/docs/croissant-spec.html.

| part | holds |
| --- | --- |
| `distribution` | a `FileObject` per file, with size and SHA-256; a `FileSet` per split, of its Parquet files |
| `recordSet` | one per split, named as it is, with a field per column |

A Croissant reader reads the Parquet files; a dataset of TFRecord alone has no record sets. There is no date, since a
dataset's bytes depend on its recipe alone.
"""

from typing import Any

from eqstream.data.dataset.layout import LICENSE
from eqstream.data.dataset.manifest import Manifest
from eqstream.data.dataset.manifest_parts import FileInfo
from eqstream.data.formats.columns import Column, list_columns

_TYPE_TO_DATA_TYPE = {"string": "sc:Text", "int64": "sc:Integer"}
_FORMAT_TO_MEDIA_TYPE = {"parquet": "application/x-parquet", "tfrecord": "application/octet-stream"}

# The official context, whole: readers warn of any other.
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def render_croissant(manifest: Manifest) -> dict[str, Any]:
    """Returns the Croissant description, a JSON-LD mapping."""
    names = list(manifest.splits) if "parquet" in manifest.formats else []
    file_objects = [
        _file_object(file_format, shard.files[file_format])
        for _, shard in manifest.list_shards()
        for file_format in sorted(shard.files)
    ]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": manifest.name,
        "description": manifest.description or manifest.name,
        "version": manifest.version,
        "license": f"https://spdx.org/licenses/{LICENSE}.html",
        "citeAs": f"{manifest.name} {manifest.version}, built by eqstream {manifest.eqstream_version}, "
        f"fingerprint {manifest.fingerprint}",
        "distribution": file_objects + [_file_set(name) for name in names],
        "recordSet": [_record_set(name, manifest) for name in names],
    }


def _file_object(file_format: str, file: FileInfo) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path,
        "contentUrl": file.path,
        "contentSize": f"{file.num_bytes} B",
        "encodingFormat": _FORMAT_TO_MEDIA_TYPE[file_format],
        "sha256": file.sha256,
    }


def _file_set(split: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"{split}-parquet",
        "name": f"{split}-parquet",
        "description": f"The Parquet files of split {split}.",
        "encodingFormat": _FORMAT_TO_MEDIA_TYPE["parquet"],
        "includes": f"data/{split}-*.parquet",
    }


def _record_set(split: str, manifest: Manifest) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": split,
        "name": split,
        "description": f"The {manifest.splits[split].num_records:,} {manifest.record_noun}s of split {split}.",
        "field": [_field(split, column) for column in list_columns(manifest.recipe)],
    }


def _field(split: str, column: Column) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{split}/{column.name}",
        "name": f"{split}/{column.name}",
        "description": column.meaning,
        "dataType": _TYPE_TO_DATA_TYPE[column.type],
        "source": {"fileSet": {"@id": f"{split}-parquet"}, "extract": {"column": column.name}},
    }
