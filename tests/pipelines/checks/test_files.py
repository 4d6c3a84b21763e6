"""Files that are missing, foreign, swapped, cut or changed are named."""

import os

import pytest

from eqstream.pipelines.verify import verify
from tests.damaged_dataset import FIRST, SECOND, edit_manifest, parquet, reseal, tfrecord, wrong_lines

NOT_THE_SUMS = "it is not, byte by byte, the checksums of the dataset's files in the order of their paths"


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


def test_a_paper_that_is_not_listed_is_found(dataset_dir):
    path = dataset_dir / "SHA256SUMS"
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if "README" not in line))
    assert wrong_lines(dataset_dir) == ["SHA256SUMS: it does not list README.md"]


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


@pytest.mark.parametrize("path", [f"tfrecord/{FIRST}.tfrecord", f"data/{FIRST}.parquet"])
def test_a_pipe_in_the_place_of_a_shard_is_not_read(dataset_dir, path):
    (dataset_dir / path).unlink()
    os.mkfifo(dataset_dir / path)
    lines = wrong_lines(dataset_dir)
    assert any("is a named pipe, where a file is expected; move it away" in line for line in lines)


@pytest.mark.parametrize("path", ["README.md", "croissant.json", "_SUCCESS", "SHA256SUMS"])
def test_a_pipe_in_the_place_of_a_file_beside_the_shards_is_one_finding_and_no_other_file_is_blamed(dataset_dir, path):
    (dataset_dir / path).unlink()
    os.mkfifo(dataset_dir / path)
    report = verify(dataset_dir, is_quick=True)
    reason = f"it cannot be read: {dataset_dir}/{path} is a named pipe, where a file is expected; move it away"
    assert [str(finding) for finding in report.findings] == [f"{path}: {reason}"]
    build = f"eqstream build RECIPE --out {dataset_dir}"
    assert report.repair == f"delete or move away what there is of {path} in {dataset_dir}, and run `{build}` again"


def test_missing_metadata_are_one_finding_each_and_their_checksums_are_not_blamed(dataset_dir):
    (dataset_dir / "README.md").unlink()
    report = verify(dataset_dir, is_quick=True)
    assert [str(finding) for finding in report.findings] == ["README.md: it is missing"]
    assert report.paths_to_delete == ("README.md",)
    edit_manifest(dataset_dir, lambda manifest: manifest.update(eqstream_version="0.0.1"), metadata=False)
    (dataset_dir / "croissant.json").unlink()
    line = "SHA256SUMS: it lists croissant.json, which is missing"
    assert wrong_lines(dataset_dir, is_quick=True) == [line]


def test_other_files_beside_the_shards_are_mentioned(dataset_dir):
    for name in ("train.csv", "dataset_infos.json"):
        (dataset_dir / name).write_text("x")
    report = verify(dataset_dir)
    assert report.is_valid
    line = "dataset_infos.json, train.csv: not of the dataset, but readers of the directory may take note of them"
    assert report.unchecked == (line,)


def test_a_manifest_that_was_changed_is_found_by_its_checksum(dataset_dir):
    manifest = (dataset_dir / "manifest.json").read_text()
    (dataset_dir / "manifest.json").write_text(manifest + " ")
    line = "manifest.json: its SHA-256 differs from the one in SHA256SUMS: it was changed"
    assert wrong_lines(dataset_dir) == [line]
