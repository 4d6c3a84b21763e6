"""A small dataset to damage: its shards and its manifest written anew, with true checksums."""

import hashlib
import json

import google_crc32c
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

from eqstream.data.dataset.manifest import parse_manifest
from eqstream.data.recipe import Recipe
from eqstream.pipelines.checks.parquet_blocks import expected_schema
from eqstream.pipelines.metadata.render import render_metadata
from eqstream.pipelines.verify import verify

METADATA = ("README.md", "croissant.json", "dataset_info.json", "features.json")
FIRST = "train-00000-of-00002"
SECOND = "train-00001-of-00002"
TWO_PARTS = [{"name": "train", "fraction": 0.6}, {"name": "test", "rest": True}]


def make_recipe(space, splits=None, **others):
    return Recipe.from_dict({"name": "sums", "space": space, "splits": splits or TWO_PARTS, **others})


def tfrecord(directory, shard=FIRST):
    return directory / "tfrecord" / f"{shard}.tfrecord"


def parquet(directory, shard=FIRST):
    return directory / "data" / f"{shard}.parquet"


def read_rows(directory, shard=FIRST):
    return pq.read_table(parquet(directory, shard)).to_pylist()


def write_rows(directory, rows, shard=FIRST, formats=("tfrecord", "parquet")):
    """Replaces a shard by rows, with the writers of other projects, and makes every checksum true again."""
    if "parquet" in formats:
        pq.write_table(pa.Table.from_pylist(rows, expected_schema()), parquet(directory, shard))
    if "tfrecord" in formats:
        with tf.io.TFRecordWriter(str(tfrecord(directory, shard))) as writer:
            for row in rows:
                writer.write(to_example(row).SerializeToString(deterministic=True))
    reseal(directory)


def to_example(row):
    features = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
        if isinstance(value, str)
        else tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        for name, value in row.items()
    }
    return tf.train.Example(features=tf.train.Features(feature=features))


def list_files(manifest):
    shards = [shard for split in manifest["splits"].values() for shard in split["shards"]]
    return [file for shard in shards for file in shard["files"].values()]


def edit_manifest(directory, edit, metadata=True):
    """Changes the manifest in place, and writes it, the metadata and `SHA256SUMS` anew."""
    path = directory / "manifest.json"
    manifest = json.loads(path.read_text())
    edit(manifest)
    path.write_text(json.dumps(manifest, indent=2, sort_keys=True))
    for name, contents in render_metadata(parse_manifest(path.read_bytes())).items() if metadata else ():
        (directory / name).write_bytes(contents)
    shards = [file["path"] for file in list_files(manifest)]
    others = [name for name in (*METADATA, "manifest.json") if (directory / name).exists()]
    lines = [f"{sha256_of(directory / name)}  {name}\n" for name in sorted([*shards, *others])]
    (directory / "SHA256SUMS").write_text("".join(lines))


def reseal(directory, metadata=True):
    """Makes every size and checksum true again; no shard may reach beyond a block."""

    def edit(manifest):
        for file in list_files(manifest):
            path = directory / file["path"]
            file.update(num_bytes=path.stat().st_size, sha256=sha256_of(path))
            if file["num_bytes"] > 12:
                file["blocks"] = index_of(path)

    edit_manifest(directory, edit, metadata=metadata)


def index_of(path):
    """What the manifest says of the blocks of a file that holds one piece."""
    contents = path.read_bytes()
    if path.suffix == ".parquet":
        footer = max(5, len(contents) - 8 - int.from_bytes(contents[-8:-4], "little"))
        piece, footer_crc32c = contents[4:footer], google_crc32c.value(contents[footer:])
    else:
        piece, footer_crc32c = contents, None
    return {"num_bytes": [len(piece)], "crc32c": [google_crc32c.value(piece)], "footer_crc32c": footer_crc32c}


def sha256_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def flip_bit(path, offset):
    contents = bytearray(path.read_bytes())
    contents[offset] ^= 1
    path.write_bytes(contents)


def wrong_lines(directory, **options):
    report = verify(directory, **options)
    assert not report.is_valid
    assert report.num_findings >= len(report.findings) > 0
    return [str(fault) for fault in report.findings]


def sum_row(left, right):
    carries = (sum(map(int, f"{left}{right}")) - sum(map(int, str(left + right)))) // 9
    digits = max(len(str(left)), len(str(right)))
    return {
        "answer": str(left + right),
        "carries": carries,
        "digits": digits,
        "question": f"{left} + {right}",
        "terms": 2,
    }
