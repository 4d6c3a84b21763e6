"""Whatever is wrong with a dataset is found and named, with true checksums as well as with false ones."""

import dataclasses
import hashlib
import json
import os
import re
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from eqstream.data.dataset.manifest import DamagedManifestError, parse_manifest
from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe
from eqstream.pipelines.build import build
from eqstream.pipelines.checks.files import load_manifest
from eqstream.pipelines.checks.parquet_blocks import expected_schema
from eqstream.pipelines.checks.shard import ShardPlace, check_shard
from eqstream.pipelines.metadata.render import render_metadata
from eqstream.pipelines.runtime.progress import Progress
from eqstream.pipelines.verify import verify

METADATA = ("README.md", "croissant.json", "dataset_info.json", "features.json")
FIRST = "train-00000-of-00002"
SECOND = "train-00001-of-00002"
TWO_PARTS = [{"name": "train", "fraction": 0.6}, {"name": "test", "rest": True}]


def make_recipe(space, splits=None, **others):
    return Recipe.from_dict({"name": "sums", "space": space, "splits": splits or TWO_PARTS, **others})


@pytest.fixture(scope="module")
def valid_dir(tmp_path_factory):
    """Sums of 0 to 19: 240 equations to train in two shards, 159 to test in two, one left out for its twin."""
    out = tmp_path_factory.mktemp("verify") / "sums"
    build(make_recipe({"operands": {"min": 0, "max": 19}}, storage={"shard_size": 130}), out)
    return out


@pytest.fixture
def dataset_dir(valid_dir, tmp_path):
    return Path(shutil.copytree(valid_dir, tmp_path / "sums"))


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
    """Makes every size and checksum true again."""

    def edit(manifest):
        for file in list_files(manifest):
            path = directory / file["path"]
            file.update(num_bytes=path.stat().st_size, sha256=sha256_of(path))

    edit_manifest(directory, edit, metadata=metadata)


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


NOT_THE_SUMS = "it is not, byte by byte, the checksums of the dataset's files in the order of their paths"
SMALL = {"min": -6, "max": 6}
THREE = {"min": 2, "max": 3}
RECIPES = {
    "minus": make_recipe({"operands": {"min": -12, "max": 9}, "operators": "+-"}),
    "one term": make_recipe({"operands": {"min": -3, "max": 4}, "operators": "+-*", "terms": {"min": 1, "max": 3}}),
    "brackets": make_recipe({"operands": {"min": 0, "max": 3}, "operators": "+-*", "terms": THREE, "brackets": True}),
    "exact": make_recipe({"operands": SMALL, "operators": "+-*/", "terms": THREE}),
    "exact decimals": make_recipe({"operands": {"min": -1, "max": 1, "decimals": 1}, "operators": "*/"}),
    "quotient": make_recipe({"operands": SMALL, "operators": "-/", "terms": THREE, "division": "quotient"}),
    "rounded": make_recipe({"operands": SMALL, "operators": "+/", "terms": THREE, "division": "decimal", "places": 1}),
    "fraction": make_recipe({"operands": SMALL, "operators": "-/", "terms": THREE, "division": "fraction"}),
    "decimals": make_recipe({"operands": {"min": 0, "max": 1, "decimals": 2}, "operators": "*"}),
    "compact": make_recipe({"operands": {"min": -20, "max": 20}, "operators": "-", "spacing": False}),
    "bounded": make_recipe({"operands": {"min": 0, "max": 40}, "operators": "-", "answer": {"min": 0, "max": 9}}),
    "drop": make_recipe({"operands": {"min": 0, "max": 40}}, commuted="drop"),
    "ignore": make_recipe({"operands": {"min": 0, "max": 20}}, commuted="ignore"),
    "balanced": make_recipe(
        {"operands": {"min": 0, "max": 200}}, [{"name": "train", "count": 900}], sampling="balanced"
    ),
    "hash": make_recipe(
        {"operands": {"min": -9, "max": 9, "decimals": 1}, "operators": "+-*"},
        [{"name": "train", "hash": [0, 0.5], "count": 900}, {"name": "test", "hash": [0.75, 1], "count": 300}],
        hash_salt="pepper",
    ),
    "huge": make_recipe(
        {
            "operands": {"min": -(10**20), "max": 10**20, "decimals": 2},
            "operators": "+-*",
            "terms": {"min": 2, "max": 4},
        },
        [{"name": "train", "count": 400}, {"name": "test", "count": 100}],
        commuted="ignore",
    ),
    "where": make_recipe(
        {"operands": {"min": 0, "max": 120}, "operators": "+-"},
        [{"name": "train", "count": 900}, {"name": "carries", "where": {"carries": {"min": 2}}, "count": 300}],
    ),
    "where brackets": make_recipe(
        {"operands": {"min": 0, "max": 4}, "operators": "+-", "terms": 3, "brackets": True},
        [
            {"name": "train", "where": {"brackets": False}, "rest": True},
            {"name": "deep", "where": {"brackets": True, "operators": "+"}, "count": 101},
            {"name": "deeper", "where": {"brackets": True, "operators": "+"}, "rest": True},
            {"name": "test", "rest": True},
        ],
        commuted="ignore",
    ),
    "gzip": make_recipe({"operands": {"min": 0, "max": 20}}, storage={"compression": "gzip", "shard_size": 100}),
    "tfrecord": make_recipe({"operands": {"min": 0, "max": 20}}, storage={"formats": ["tfrecord"]}),
    "parquet": make_recipe({"operands": {"min": 0, "max": 20}}, storage={"formats": ["parquet"]}),
}


@pytest.mark.parametrize("kind", RECIPES)
def test_everything_is_proven_of_a_dataset_as_it_was_built(kind, tmp_path):
    recipe = RECIPES[kind]
    build(recipe, tmp_path / "built")
    report = verify(tmp_path / "built")
    assert report.findings == ()
    assert report.is_valid
    assert len(report.proven) == 6 + len(recipe.storage.formats)


def test_the_report_says_what_was_read_and_what_holds(valid_dir):
    report = verify(valid_dir)
    assert report.split_to_count == {"train": 240, "test": 159}
    assert report.to_text().splitlines() == [
        f"sums 1.0.0 in {valid_dir}: 399 equations in 4 shards (train 240, test 159)",
        "proven: 13 files are as manifest.json and SHA256SUMS say; none is missing, and there is no shard beside them",
        "proven: dataset card and descriptions for readers are, byte by byte, what manifest.json gives",
        "proven: 399 answers and their columns, recomputed from the questions, are right",
        "proven: TFRecord and Parquet hold the same records in the same order",
        "proven: every equation is one of the recipe's space and of its split",
        "proven: no equation stands twice, and no commuted twins stand in two splits",
        "proven: splits and shards are exactly as large as the recipe asks, and the histograms are right",
        "proven: every shard holds, in order, the equations that the recipe plans for it",
        "valid",
    ]
    assert json.loads(json.dumps(report.to_dict()))["is_valid"] is True


def test_verifying_writes_nothing_into_the_dataset(dataset_dir):
    before = {path: sha256_of(path) for path in dataset_dir.rglob("*") if path.is_file()}
    verify(dataset_dir)
    assert {path: sha256_of(path) for path in dataset_dir.rglob("*") if path.is_file()} == before


def test_two_worker_processes_come_to_the_same_report(dataset_dir):
    flip_bit(tfrecord(dataset_dir), 700)
    assert verify(dataset_dir, workers=2) == verify(dataset_dir)


def test_what_workers_hand_over_is_removed_from_the_place_they_share(dataset_dir, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    assert verify(dataset_dir, pipeline_options=[f"--temp_location={shared}"]).is_valid
    assert list(shared.iterdir()) == []


def test_progress_is_told_of_every_shard_and_equation(dataset_dir):
    seen = []

    class Note(Progress):
        def begin(self, title, num_steps, num_equations, unit):
            seen.append((title, num_steps, num_equations, unit))

        def show(self, num_steps, num_equations=0):
            seen.append((num_steps, num_equations))

    verify(dataset_dir, progress=Note())
    assert seen[0] == ("verifying", 4, 399, "shards")
    assert (4, 399) in seen


def test_a_manifest_of_a_newer_format_is_refused(dataset_dir):
    edit_manifest(dataset_dir, lambda manifest: manifest.update(format_version=99), metadata=False)
    with pytest.raises(UserError, match="has format version 99, this eqstream reads up to 1"):
        verify(dataset_dir)


@pytest.mark.parametrize("contents", ["", "[]", '{"format_version": 1}'])
def test_a_damaged_manifest_is_refused(dataset_dir, contents):
    (dataset_dir / "manifest.json").write_text(contents)
    with pytest.raises(UserError, match=r"manifest\.json"):
        verify(dataset_dir)


def test_a_manifest_without_a_key_is_refused(dataset_dir):
    edit_manifest(
        dataset_dir, lambda manifest: manifest["splits"]["test"]["shards"][0].pop("first_ordinal"), metadata=False
    )
    message = r"manifest\.json is damaged: `splits\.test\.shards\.0\.first_ordinal` is missing"
    with pytest.raises(UserError, match=message):
        verify(dataset_dir)


def test_a_missing_success_mark_is_a_fault(dataset_dir):
    (dataset_dir / "_SUCCESS").unlink()
    assert wrong_lines(dataset_dir) == ["_SUCCESS: it is missing; the dataset is not finished"]


@pytest.mark.parametrize("place", [tfrecord, parquet])
def test_a_missing_file_is_named(dataset_dir, place):
    path = place(dataset_dir)
    path.unlink()
    line = f"{FIRST}: it is missing: there is no file {path.relative_to(dataset_dir)}"
    assert wrong_lines(dataset_dir) == [line]


def test_a_shard_that_is_missing_in_every_format_proves_nothing_of_equations(dataset_dir):
    tfrecord(dataset_dir).unlink()
    parquet(dataset_dir).unlink()
    report = verify(dataset_dir)
    assert report.num_findings == 2
    assert report.proven == ()


@pytest.mark.parametrize(
    "name",
    [
        "data/train-00002-of-00003.parquet",
        "tfrecord/notes.txt",
        "extra.parquet",
        "old/train.tfrecord-00000-of-00001",
        "train-00000-of-00001.tfrecord.gz",
    ],
)
def test_an_extra_file_that_readers_would_mix_in_is_named(dataset_dir, name):
    (dataset_dir / name).parent.mkdir(exist_ok=True)
    (dataset_dir / name).write_bytes(b"x")
    reseal(dataset_dir)
    assert wrong_lines(dataset_dir) == [f"{name}: the manifest lists no such file; readers would mix it in"]


@pytest.mark.parametrize("place", [tfrecord, parquet])
def test_swapped_shards_are_told_apart_from_changed_ones(dataset_dir, place):
    first, second = place(dataset_dir, FIRST), place(dataset_dir, SECOND)
    contents = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(contents)
    lines = wrong_lines(dataset_dir)
    assert f"{FIRST}: {first.relative_to(dataset_dir)} holds the bytes of {SECOND}" in lines
    assert f"{SECOND}: {second.relative_to(dataset_dir)} holds the bytes of {FIRST}" in lines


def test_a_tfrecord_file_cut_within_a_record_names_the_record(dataset_dir):
    path = tfrecord(dataset_dir)
    path.write_bytes(path.read_bytes()[:-5])
    lines = wrong_lines(dataset_dir)
    assert lines[0].startswith(f"{FIRST}: tfrecord/{FIRST}.tfrecord has ")
    assert lines[0].endswith(": it was cut or replaced")
    assert lines[1].startswith(f"{FIRST}, record 119: tfrecord/{FIRST}.tfrecord: record 119 (byte ")


def test_a_tfrecord_file_cut_between_records_is_found(dataset_dir):
    rows = read_rows(dataset_dir)
    write_rows(dataset_dir, rows[:-1], formats=["tfrecord"])
    assert wrong_lines(dataset_dir) == [f"{FIRST}: TFRecord holds 119 records, Parquet 120"]


def test_a_shard_that_lacks_its_last_record_in_all_formats_is_found(dataset_dir):
    write_rows(dataset_dir, read_rows(dataset_dir)[:-1])
    assert f"{FIRST}: it holds 119 records, the manifest says 120" in wrong_lines(dataset_dir)


def test_a_flipped_bit_in_a_tfrecord_file_names_the_record(dataset_dir):
    path = tfrecord(dataset_dir)
    flip_bit(path, 3 * path.stat().st_size // 4)
    lines = wrong_lines(dataset_dir)
    assert lines[0].endswith(": it was changed")
    assert lines[1].startswith(f"{FIRST}, record ")
    assert "has a wrong checksum" in lines[1]


def test_every_flipped_byte_of_a_tfrecord_file_is_found_even_if_the_manifest_swears_to_it(dataset_dir):
    write_rows(dataset_dir, read_rows(dataset_dir)[:2])
    manifest = load_manifest(str(dataset_dir))
    split, info = manifest.list_shards()[0]
    info = dataclasses.replace(info, num_equations=2)
    place = ShardPlace(directory=str(dataset_dir), recipe=manifest.recipe, split=split, info=info)
    path = tfrecord(dataset_dir)
    contents = path.read_bytes()
    report, _ = check_shard(place, None, max_findings=1)
    assert report.is_read_whole
    for offset in range(len(contents)):
        flip_bit(path, offset)
        report, _ = check_shard(place, None, max_findings=1)
        assert not report.is_read_whole, f"byte {offset}"
        path.write_bytes(contents)


def test_a_flipped_bit_in_a_parquet_file_names_the_shard(dataset_dir):
    path = parquet(dataset_dir)
    flip_bit(path, path.stat().st_size // 2)
    lines = wrong_lines(dataset_dir)
    assert lines[0].startswith(f"{FIRST}: data/{FIRST}.parquet has the SHA-256 ")
    assert re.match(rf"{FIRST}(, record \d+)?: ", lines[1])


def test_a_parquet_file_that_cannot_be_read_names_the_shard(dataset_dir):
    parquet(dataset_dir).write_bytes(b"PAR1 and then nothing PAR1")
    reseal(dataset_dir)
    assert any(line.startswith(f"{FIRST}: data/{FIRST}.parquet cannot be read: ") for line in wrong_lines(dataset_dir))


def test_a_parquet_file_with_other_columns_is_refused(dataset_dir):
    table = pq.read_table(parquet(dataset_dir))
    pq.write_table(table.drop_columns(["terms"]), parquet(dataset_dir))
    reseal(dataset_dir)
    assert any("the columns must be answer string, carries int64" in line for line in wrong_lines(dataset_dir))


def test_changed_metadata_and_checksums_are_found(dataset_dir):
    (dataset_dir / "README.md").write_text("trust me")
    line = "README.md: its SHA-256 differs from the one in SHA256SUMS: it was changed"
    assert wrong_lines(dataset_dir) == [line]
    sums = (dataset_dir / "SHA256SUMS").read_text().splitlines()
    (dataset_dir / "SHA256SUMS").write_text("\n".join([*sums[1:], "gibberish"]))
    lines = wrong_lines(dataset_dir)
    assert f"SHA256SUMS: line {len(sums)} is not a checksum and a path" in lines
    (dataset_dir / "SHA256SUMS").unlink()
    assert wrong_lines(dataset_dir) == [
        "SHA256SUMS: it is missing",
        "README.md: it is not what manifest.json gives: it was changed",
    ]


def test_missing_metadata_is_found_behind_true_checksums(dataset_dir):
    for name in METADATA:
        (dataset_dir / name).unlink()
    reseal(dataset_dir, metadata=False)
    assert wrong_lines(dataset_dir) == [f"{name}: it is missing" for name in METADATA]


@pytest.mark.parametrize("name", METADATA)
def test_a_changed_paper_is_found_behind_true_checksums(dataset_dir, name):
    contents = (dataset_dir / name).read_text()
    # The number of equations of a shard, where the file has it.
    (dataset_dir / name).write_text(contents.replace("120", "7") if "120" in contents else contents + "\n")
    reseal(dataset_dir, metadata=False)
    assert wrong_lines(dataset_dir) == [f"{name}: it is not what manifest.json gives: it was changed"]


def test_a_paper_that_is_not_listed_is_found(dataset_dir):
    path = dataset_dir / "SHA256SUMS"
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if "README" not in line))
    assert wrong_lines(dataset_dir) == ["SHA256SUMS: it does not list README.md"]


def test_a_paper_that_the_formats_have_no_use_for_is_found(tmp_path):
    out = tmp_path / "parquet"
    build(RECIPES["parquet"], out)
    (out / "dataset_info.json").write_text("{}")
    reseal(out)
    line = "dataset_info.json: it does not belong here: the formats of the dataset have no use for it"
    assert wrong_lines(out) == [line]


def test_metadata_of_another_eqstream_is_not_compared_and_the_report_says_so(dataset_dir):
    edit_manifest(dataset_dir, lambda manifest: manifest.update(eqstream_version="0.0.1"), metadata=False)
    report = verify(dataset_dir)
    assert report.is_valid
    assert not any("descriptions" in sentence for sentence in report.proven)
    lines = report.to_text().splitlines()
    line = "not checked: dataset card and descriptions for readers were written by eqstream 0.0.1, this is eqstream "
    assert lines[-2].startswith(line)
    assert lines[-1] == "valid, as far as it was checked"


def test_columns_that_the_format_does_not_have_are_found(dataset_dir):
    edit_manifest(dataset_dir, lambda manifest: manifest["columns"].update(terms="float"))
    (line,) = wrong_lines(dataset_dir)
    assert line.startswith("manifest.json: `columns` are {'answer': 'string', 'carries': 'int64', 'digits': 'int64', ")


def flip_newline(contents):
    return contents.replace(b"\n", b"\x0b", 1)


def repeat_line(contents):
    return contents + contents[: contents.index(b"\n") + 1]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (flip_newline, "line 1 is not a checksum and a path"),
        (lambda contents: contents[:-1], NOT_THE_SUMS),
        (lambda contents: contents.replace(b"\n", b"\r\n"), "line 1 is not a checksum and a path"),
        (repeat_line, NOT_THE_SUMS),
        (lambda contents: b"".join(reversed(contents.splitlines(keepends=True))), NOT_THE_SUMS),
    ],
)
def test_sums_that_are_not_byte_by_byte_those_of_the_files_are_found(dataset_dir, change, line):
    path = dataset_dir / "SHA256SUMS"
    path.write_bytes(change(path.read_bytes()))
    assert f"SHA256SUMS: {line}" in wrong_lines(dataset_dir, max_findings=99)


def test_a_mark_of_success_that_holds_something_is_found(dataset_dir):
    (dataset_dir / "_SUCCESS").write_text("yes")
    assert wrong_lines(dataset_dir) == ["_SUCCESS: it must be empty"]


@pytest.mark.parametrize("path", [f"tfrecord/{FIRST}.tfrecord", f"data/{FIRST}.parquet", "README.md", "_SUCCESS"])
def test_a_pipe_in_the_place_of_a_file_is_not_read(dataset_dir, path):
    (dataset_dir / path).unlink()
    os.mkfifo(dataset_dir / path)
    lines = wrong_lines(dataset_dir)
    assert any("is a named pipe, where a file is expected; move it away" in line for line in lines)


@pytest.mark.parametrize("path", ["../outside.tfrecord", "/dev/zero", "tfrecord/../../x", "tfrecord/other.tfrecord"])
def test_a_manifest_whose_paths_lead_elsewhere_is_damaged(dataset_dir, path):
    manifest = json.loads((dataset_dir / "manifest.json").read_text())
    manifest["splits"]["train"]["shards"][0]["files"]["tfrecord"]["path"] = path
    (dataset_dir / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DamagedManifestError, match=r"files\.tfrecord\.path` must be tfrecord/train-00000-of-"):
        verify(dataset_dir)


def test_other_files_beside_the_shards_are_mentioned(dataset_dir):
    for name in ("train.csv", "dataset_infos.json"):
        (dataset_dir / name).write_text("x")
    report = verify(dataset_dir)
    assert report.is_valid
    line = "dataset_infos.json, train.csv: not of the dataset, but readers of the directory may take note of them"
    assert report.unchecked == (line,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.select(["terms", "answer", "carries", "digits", "question"]), "got terms int64, answer"),
        (lambda table: table.cast(pa.schema([field.with_nullable(True) for field in table.schema])), "string or null"),
        (lambda table: table.replace_schema_metadata({"huggingface": "{}"}), "must have no metadata, got huggingface"),
    ],
)
def test_a_parquet_file_with_another_schema_is_refused(dataset_dir, change, message):
    pq.write_table(change(pq.read_table(parquet(dataset_dir))), parquet(dataset_dir))
    reseal(dataset_dir)
    assert any(message in line for line in wrong_lines(dataset_dir))


def test_a_damaged_part_of_a_parquet_file_is_named(dataset_dir):
    path = parquet(dataset_dir)
    contents = path.read_bytes()
    # The first page of the first column, behind the magic number.
    path.write_bytes(contents[:4] + bytes(60) + contents[64:])
    reason = f"data/{FIRST}.parquet: row group 0 (records 0 to 119) cannot be read: "
    assert any(line.startswith(f"{FIRST}: {reason}") for line in wrong_lines(dataset_dir))


@pytest.mark.parametrize(
    "damage",
    [
        lambda directory: flip_bit(tfrecord(directory), 300),
        lambda directory: flip_bit(parquet(directory), 40),
        lambda directory: (directory / "README.md").write_text("trust me"),
        lambda directory: (directory / "SHA256SUMS").write_text("trust me"),
        lambda directory: (directory / "_SUCCESS").unlink(),
        lambda directory: (directory / "data" / "more.parquet").write_bytes(b"x"),
        lambda directory: (directory / "features.json").unlink(),
    ],
)
def test_a_dataset_is_repaired_as_the_report_says(dataset_dir, damage):
    damage(dataset_dir)
    report = verify(dataset_dir)
    assert report.to_text().splitlines()[-1].startswith("to repair: delete ")
    for path in report.paths_to_delete:
        (dataset_dir / path).unlink(missing_ok=True)
    build(make_recipe({"operands": {"min": 0, "max": 19}}, storage={"shard_size": 130}), dataset_dir)
    assert verify(dataset_dir).is_valid


def test_a_dataset_with_a_wrong_manifest_is_to_be_built_anew(dataset_dir):
    edit_manifest(dataset_dir, lambda manifest: manifest.update(name="other"))
    line = f"to repair: build the dataset anew with `eqstream build RECIPE --out {dataset_dir} --overwrite`"
    assert verify(dataset_dir).to_text().splitlines()[-1] == line


def test_a_quick_check_compares_sizes_checksums_and_counts(dataset_dir):
    rows = [{**row, "answer": "0"} for row in read_rows(dataset_dir)]
    write_rows(dataset_dir, rows)
    report = verify(dataset_dir, is_quick=True)
    assert report.is_valid
    assert report.split_to_count == {"train": 240, "test": 159}
    assert report.unchecked == ("the records themselves, and the recipe's plan; verify without --quick to check them",)
    write_rows(dataset_dir, rows[:-1])
    assert wrong_lines(dataset_dir, is_quick=True) == [f"{FIRST}: it holds 119 records, the manifest says 120"]
    flip_bit(tfrecord(dataset_dir, SECOND), 40)
    assert wrong_lines(dataset_dir, is_quick=True)[0].endswith(": it was changed")


def test_an_interrupted_check_goes_on_with_shards_that_have_not_changed(dataset_dir, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    checked = []

    def stop(stage, manifest, **others):
        raise KeyboardInterrupt

    def check(place, planned, *, max_findings):
        checked.append(place.info.shard)
        return check_shard(place, planned, max_findings=max_findings)

    monkeypatch.setattr("eqstream.pipelines.checks.shard_stage.check_shard", check)
    with monkeypatch.context() as patch:
        patch.setattr("eqstream.pipelines.verify.check_twins", stop)
        with pytest.raises(KeyboardInterrupt):
            verify(dataset_dir)
    assert len(checked) == 4
    flip_bit(tfrecord(dataset_dir, SECOND), 40)
    assert not verify(dataset_dir).is_valid
    assert checked[4:] == [SECOND]
    assert list((tmp_path / "cache" / "eqstream" / "verify").iterdir()) == []


def test_a_manifest_that_was_changed_is_found_by_its_checksum(dataset_dir):
    manifest = (dataset_dir / "manifest.json").read_text()
    (dataset_dir / "manifest.json").write_text(manifest + " ")
    line = "manifest.json: its SHA-256 differs from the one in SHA256SUMS: it was changed"
    assert wrong_lines(dataset_dir) == [line]


@pytest.mark.parametrize(("column", "value"), [("answer", "99"), ("carries", 9), ("digits", 9), ("terms", 9)])
def test_a_wrong_value_is_found_behind_true_checksums(dataset_dir, column, value):
    rows = read_rows(dataset_dir)
    right = rows[17][column]
    rows[17][column] = value
    write_rows(dataset_dir, rows)
    expected = f"{FIRST}, record 17: the {column} of `{rows[17]['question']}` is {right}, got {value}"
    assert wrong_lines(dataset_dir) == [expected]


def test_a_value_that_is_wrong_in_one_format_alone_is_found(dataset_dir):
    rows = read_rows(dataset_dir)
    right = rows[17]["answer"]
    rows[17]["answer"] = rows[60]["answer"] = "99"
    write_rows(dataset_dir, rows, formats=["tfrecord"])
    assert wrong_lines(dataset_dir) == [
        f"{FIRST}, record 17: TFRecord has the answer '99', Parquet {right!r}",
        f"{FIRST}: TFRecord and Parquet differ in 2 records",
    ]


def test_the_order_of_records_must_be_the_same_in_both_formats(dataset_dir):
    write_rows(dataset_dir, read_rows(dataset_dir)[::-1], formats=["tfrecord"])
    assert any("TFRecord and Parquet differ in" in line for line in wrong_lines(dataset_dir))


def test_a_payload_that_is_not_serialised_deterministically_is_found(dataset_dir):
    rows = read_rows(dataset_dir)
    with tf.io.TFRecordWriter(str(tfrecord(dataset_dir))) as writer:
        for number, row in enumerate(rows):
            payload = to_example(row).SerializeToString(deterministic=True)
            # An unknown field at the end is something that protocol buffers skip.
            writer.write(payload + b"\x18\x01" if number == 5 else payload)
    reseal(dataset_dir)
    lines = wrong_lines(dataset_dir)
    place = rf"{FIRST}, record 5: tfrecord/{FIRST}\.tfrecord: record 5 \(byte \d+\)"
    assert re.match(f"{place} is not the deterministic serialisation of a tf.train.Example of ", lines[0])


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("20 + 1", "the space does not contain `20 + 1`: operand 20 is not from 0 to 19"),
        ("1.5 + 1", "the space does not contain `1.5 + 1`: operand 1.5 is not a whole number"),
        ("3 - 1", "the space does not contain `3 - 1`: `-` is none of the operators +"),
        ("3 + 1 + 1", "the space does not contain `3 + 1 + 1`: it has 3 terms, not 2"),
        ("3+1", "'3+1' is not how this equation is written: expected '3 + 1'"),
        ("(3 + 1)", "'(3 + 1)' is not how this equation is written: expected '3 + 1'"),
        ("3 + ", "'3 + ' is not an equation: a number is missing at position 5"),
        ("", "'' is not an equation: it is empty"),
    ],
)
def test_a_question_that_is_not_in_the_space_is_found(dataset_dir, question, reason):
    rows = read_rows(dataset_dir)
    rows[3]["question"] = question
    write_rows(dataset_dir, rows)
    assert f"{FIRST}, record 3: {reason}" in wrong_lines(dataset_dir)


def test_an_equation_that_stands_twice_is_found_with_both_places(dataset_dir):
    rows = read_rows(dataset_dir)
    rows[40] = rows[7]
    write_rows(dataset_dir, rows)
    line = f"{FIRST}, record 40: `{rows[7]['question']}` stands also in {FIRST}, record 7"
    assert line in wrong_lines(dataset_dir)


def test_an_equation_of_another_split_is_found_with_both_places(dataset_dir):
    rows, others = read_rows(dataset_dir), read_rows(dataset_dir, "test-00001-of-00002")
    others[11] = rows[7]
    write_rows(dataset_dir, others, shard="test-00001-of-00002")
    line = f"test-00001-of-00002, record 11: `{rows[7]['question']}` stands also in {FIRST}, record 7"
    assert line in wrong_lines(dataset_dir)


FORGED = {
    "uniform": {"splits": [{"name": "train", "count": 240}, {"name": "test", "count": 120}]},
    "balanced": {"splits": [{"name": "train", "count": 240}, {"name": "test", "count": 120}], "sampling": "balanced"},
    "gzip": {"storage": {"shard_size": 130, "formats": ["tfrecord"], "compression": "gzip"}},
    "parquet": {"storage": {"shard_size": 130, "formats": ["parquet"]}},
}


@pytest.mark.parametrize("kind", FORGED)
def test_the_shards_of_another_seed_are_found_though_every_number_fits(kind, tmp_path):
    options = {"commuted": "ignore", **FORGED[kind]}
    out = tmp_path / "forged"
    build(make_recipe({"operands": {"min": 0, "max": 19}}, seed=1, **options), out)
    recipe = make_recipe({"operands": {"min": 0, "max": 19}}, seed=0, **options)

    def edit(manifest):
        manifest["recipe"]["seed"] = 0
        manifest["fingerprint"] = recipe.fingerprint()

    edit_manifest(out, edit)
    lines = wrong_lines(out, max_findings=99)
    shards = [shard.shard for _, shard in load_manifest(str(out)).list_shards()]
    assert len(lines) == 2 * len(shards)
    for shard, named, counted in zip(shards, lines[::2], lines[1::2], strict=True):
        assert re.fullmatch(shard + r", record \d+: it is `\d+ \+ \d+`, the recipe plans `\d+ \+ \d+` there", named)
        assert re.fullmatch(shard + r": \d+ of its \d+ records are not those of the recipe's plan", counted)


def test_an_equation_exchanged_for_an_unused_one_is_found(tmp_path):
    splits = [{"name": "train", "count": 100}]
    out = tmp_path / "sums"
    build(make_recipe({"operands": {"min": 10, "max": 39}}, splits, commuted="ignore"), out)
    shard = "train-00000-of-00001"
    rows = read_rows(out, shard)
    used = {row["question"] for row in rows}
    left, right = map(int, rows[50]["question"].split(" + "))
    carries = rows[50]["carries"]
    pairs = [(first, left + right - first) for first in range(10, 40) if 10 <= left + right - first < 40]
    others = [sum_row(*pair) for pair in pairs]
    other = next(row for row in others if row["question"] not in used and row["carries"] == carries)
    planned, rows[50] = rows[50], other
    write_rows(out, rows, shard=shard)
    line = f"{shard}, record 50: it is `{other['question']}`, the recipe plans `{planned['question']}` there"
    assert wrong_lines(out) == [line]


def test_records_in_another_order_than_that_of_the_plan_are_found(dataset_dir):
    rows = read_rows(dataset_dir)
    rows[30], rows[31] = rows[31], rows[30]
    write_rows(dataset_dir, rows)
    reason = f"it is `{rows[30]['question']}`, the recipe plans `{rows[31]['question']}` there"
    assert wrong_lines(dataset_dir) == [
        f"{FIRST}, record 30: {reason}",
        f"{FIRST}: 2 of its 120 records are not those of the recipe's plan",
    ]


def test_a_shard_that_is_shorter_or_longer_than_planned_is_told_from_the_plan(dataset_dir):
    first, second = read_rows(dataset_dir), read_rows(dataset_dir, SECOND)

    def move(manifest):
        shards = manifest["splits"]["train"]["shards"]
        shards[0]["num_equations"], shards[1]["num_equations"] = 119, 121
        shards[1]["first_ordinal"] = 119

    write_rows(dataset_dir, first[:-1])
    write_rows(dataset_dir, [*second, first[-1]], shard=SECOND)
    edit_manifest(dataset_dir, move)
    lines = wrong_lines(dataset_dir)
    assert lines[0] == f"{FIRST}: it ends after 119 records, the recipe plans `{first[-1]['question']}` next"
    assert lines[1] == f"{SECOND}, record 120: it is `{first[-1]['question']}`, the recipe plans no such record"


def test_a_recipe_that_cannot_be_planned_leaves_the_order_unproven(dataset_dir):
    def edit(manifest):
        manifest["recipe"]["splits"][0].update(count=10**6, rest=False, fraction=None)

    edit_manifest(dataset_dir, edit)
    lines = wrong_lines(dataset_dir)
    assert any("its recipe cannot be planned: split `train` asks for 1,000,000 equations" in line for line in lines)
    assert not any("the recipe plans" in sentence for sentence in verify(dataset_dir).proven)


def find_asymmetric(rows):
    """Returns the place of an equation whose two sides differ, and its sides."""
    for number, row in enumerate(rows):
        left, right = row["question"].split(" + ")
        if left != right:
            return number, int(left), int(right)
    raise AssertionError("no such equation")


def test_a_commuted_twin_in_another_split_is_found_with_both_places(dataset_dir):
    other = "test-00001-of-00002"
    rows, others = read_rows(dataset_dir), read_rows(dataset_dir, other)
    number, left, right = find_asymmetric(rows)
    rows[number], others[11] = others[11], rows[number]
    write_rows(dataset_dir, rows)
    write_rows(dataset_dir, others, shard=other)
    twin = f"{right} + {left}"
    shard, record = next(
        (shard, [row["question"] for row in read_rows(dataset_dir, shard)].index(twin))
        for shard in (FIRST, SECOND)
        if any(row["question"] == twin for row in read_rows(dataset_dir, shard))
    )
    line = f"{other}, record 11: `{left} + {right}` is a commuted twin of `{twin}` in {shard}, record {record}"
    assert line in wrong_lines(dataset_dir)


def build_small(tmp_path, commuted):
    out = tmp_path / commuted
    build(make_recipe({"operands": {"min": 0, "max": 9}}, commuted=commuted), out)
    return out


def test_where_twins_are_dropped_a_twin_in_the_same_split_is_a_fault(tmp_path):
    out = build_small(tmp_path, "drop")
    shard = "train-00000-of-00001"
    rows = read_rows(out, shard)
    number, left, right = find_asymmetric(rows)
    rows[number + 1] = sum_row(right, left)
    write_rows(out, rows, shard=shard)
    line = f"{shard}, record {number + 1}: `{right} + {left}` is a commuted twin of `{left} + {right}` in {shard}"
    assert f"{line}, record {number}" in wrong_lines(out)


def test_where_commuted_twins_are_ignored_only_the_same_text_is_a_fault(tmp_path):
    out = build_small(tmp_path, "ignore")
    questions = {row["question"] for row in read_rows(out, "train-00000-of-00001")}
    others = {row["question"] for row in read_rows(out, "test-00000-of-00001")}
    assert any(" + ".join(question.split(" + ")[::-1]) in others for question in questions)
    assert verify(out).is_valid
    rows = read_rows(out, "train-00000-of-00001")
    rows[1] = rows[0]
    write_rows(out, rows, shard="train-00000-of-00001")
    line = f"train-00000-of-00001, record 1: `{rows[0]['question']}` stands also in train-00000-of-00001, record 0"
    assert line in wrong_lines(out)


def test_an_equation_in_a_split_whose_condition_it_does_not_meet_is_found(tmp_path):
    splits = [{"name": "train", "rest": True}, {"name": "nines", "where": {"contains": [9]}, "rest": True}]
    out = tmp_path / "held_out"
    build(make_recipe({"operands": {"min": 0, "max": 9}}, splits), out)
    train, nines = read_rows(out, "train-00000-of-00001"), read_rows(out, "nines-00000-of-00001")
    train[0], nines[0] = nines[0], train[0]
    write_rows(out, train, shard="train-00000-of-00001")
    write_rows(out, nines, shard="nines-00000-of-00001")
    lines = wrong_lines(out)
    reason = f"`{train[0]['question']}` meets the conditions of split `nines` and belongs there"
    assert f"train-00000-of-00001, record 0: {reason}" in lines
    reason = f"`{nines[0]['question']}` does not meet the conditions of split `nines`"
    assert f"nines-00000-of-00001, record 0: {reason}" in lines


def test_a_histogram_that_is_not_that_of_the_equations_is_found(dataset_dir):
    edit_manifest(dataset_dir, lambda manifest: manifest["splits"]["test"]["histograms"]["carries"].update({"0": 1}))
    lines = wrong_lines(dataset_dir)
    assert len(lines) == 1
    assert lines[0].startswith("split test: the histogram of carries is not that of its equations, {'0': ")


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (
            lambda m: m["space"].update(size="401"),
            "manifest.json: `space.size` is 401, of this recipe's space it is 400",
        ),
        (
            lambda m: m["space"].update(max_answer_length=1),
            "manifest.json: `space.max_answer_length` is 1, of this recipe's space it is 2",
        ),
        (lambda m: m["space"].update(alphabet="+0123456789"), "manifest.json: `alphabet` lacks ' '"),
        (lambda m: m.update(name="other"), "manifest.json: `name` is 'other', the recipe says 'sums'"),
        (
            lambda m: m["splits"]["test"].update(first_ordinal=7),
            "split test: `first_ordinal` is 7, the recipe asks for 241",
        ),
    ],
)
def test_a_number_in_the_manifest_that_is_not_the_recipes_is_found(dataset_dir, edit, line):
    edit_manifest(dataset_dir, edit)
    assert line in wrong_lines(dataset_dir)


def test_a_manifest_without_what_the_last_split_cuts_off_is_that_of_an_earlier_version(tmp_path):
    out = tmp_path / "cut"
    build(make_recipe({"operands": {"min": 0, "max": 1}}, [{"name": "train", "count": 1}], seed=1), out)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["splits"]["train"]["num_left_out"] == 1
    for number, lines in ((0, []), (2, ["split train: `num_left_out` is 2, the recipe asks for 1"])):
        edit_manifest(out, lambda m, number=number: m["splits"]["train"].update(num_left_out=number))
        assert [str(fault) for fault in verify(out).findings] == lines


def test_a_dataset_that_is_smaller_than_its_recipe_asks_for_is_found(dataset_dir):
    def edit(manifest):
        split = manifest["splits"]["test"]
        kept, removed = split["shards"]
        split["shards"] = [kept]
        split["num_equations"] -= removed["num_equations"]
        kept["shard"] = "test-00000-of-00001"
        for file, other in zip(kept["files"].values(), removed["files"].values(), strict=True):
            (dataset_dir / other["path"]).unlink()
            path = file["path"].replace("of-00002", "of-00001")
            (dataset_dir / file["path"]).rename(dataset_dir / path)
            file["path"] = path

    edit_manifest(dataset_dir, edit)
    lines = wrong_lines(dataset_dir, max_findings=99)
    assert "split test: `num_equations` is 79, the recipe asks for 159" in lines
    start = (
        "test-00001-of-00002: the manifest lists no such shard; the recipe asks for 80 equations from ordinal 79 on in "
    )
    assert any(line.startswith(start) for line in lines)


def test_a_manifest_with_another_recipe_than_that_of_its_fingerprint_is_found(dataset_dir):
    edit_manifest(dataset_dir, lambda manifest: manifest["recipe"].update(seed=1))
    assert any(
        line.startswith("manifest.json: `fingerprint` is not that of the recipe") for line in wrong_lines(dataset_dir)
    )


def test_only_the_first_faults_are_described_and_all_are_counted(dataset_dir):
    rows = [{**row, "answer": "0"} for row in read_rows(dataset_dir)]
    num_wrong = sum(row["question"] != "0 + 0" for row in rows)
    write_rows(dataset_dir, rows)
    report = verify(dataset_dir, max_findings=3)
    assert len(report.findings) == 3
    assert report.num_findings == num_wrong
    assert f"wrong: and {num_wrong - 3} more" in report.to_text()
    assert f"INVALID: {num_wrong} findings" in report.to_text()


def test_a_recipe_that_the_first_release_alone_could_plan_is_checked_as_far_as_possible(tmp_path):
    """Made by the first release: `where: {brackets: true}` with `commuted: together`, which is refused by now."""
    fixture = Path(__file__).parents[1] / "fixtures" / "brackets-of-twins.zip"
    shutil.unpack_archive(fixture, tmp_path)
    report = verify(tmp_path)
    assert report.is_valid
    assert report.unchecked[0] == (
        "sizes of splits and order of equations: `where.brackets` of split `b` together with `commuted: together` was "
        "planned by eqstream 0.1 alone"
    )
    assert not any("plan" in sentence or "as large as" in sentence for sentence in report.proven)
    assert any("no commuted twins stand in two splits" in sentence for sentence in report.proven)
