"""What the manifest says of blocks, proven from the files."""

import gzip
import io

import pytest

from eqstream.data.configuration import from_mapping, to_mapping
from eqstream.data.dataset.manifest import parse_manifest
from eqstream.data.dataset.manifest_parts import FileInfo
from eqstream.data.formats.blocks import Cut
from eqstream.pipelines.build import build
from eqstream.pipelines.checks.blocks import check_blocks
from eqstream.pipelines.verify import verify
from tests.damaged_dataset import edit_manifest, make_recipe, wrong_lines

SPLITS = [{"name": "train", "count": 9000}, {"name": "test", "rest": True}]
SECOND = "train-00001-of-00002"


@pytest.fixture(scope="module", params=["none", "gzip"])
def directory(request, tmp_path_factory):
    """Two shards of 4,500 records: 4,096 and 404 in the first one, 3,692 and 808 in the second one."""
    out = tmp_path_factory.mktemp("blocks") / "sums"
    storage = {"shard_size": 4500, "compression": request.param}
    build(make_recipe({"operands": {"min": 0, "max": 136}}, SPLITS, storage=storage), out)
    return out


def second_file(directory, file_format) -> FileInfo:
    manifest = parse_manifest((directory / "manifest.json").read_bytes())
    return manifest.splits["train"].shards[1].files[file_format]


def change(info: FileInfo, key: str, value) -> FileInfo:
    mapping = to_mapping(info)
    mapping["blocks"][key] = value
    return from_mapping(FileInfo, mapping)


def reasons(directory, info: FileInfo, first_record: int = 4500) -> list[str]:
    start = f"the manifest's `blocks` of {info.path} are wrong: "
    with (directory / info.path).open("rb") as file:
        found = list(check_blocks(file, info, Cut(first_record, 4500)))
    assert all(reason.startswith(start) for reason in found)
    return [reason.removeprefix(start) for reason in found]


@pytest.mark.parametrize("is_quick", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_what_a_build_writes_is_right(directory, is_quick):
    assert verify(directory, is_quick=is_quick).is_valid


@pytest.mark.parametrize("file_format", ["tfrecord", "parquet"])
def test_a_wrong_checksum_of_a_piece_is_found(directory, file_format):
    info = second_file(directory, file_format)
    assert reasons(directory, info) == []
    assert info.blocks is not None
    first, second = info.blocks.crc32c
    assert reasons(directory, change(info, "crc32c", [first, second ^ 1])) == ["piece 1 has another CRC-32C"]


def test_pieces_of_records_that_are_not_the_blocks_of_the_split_are_found(directory):
    info = second_file(directory, "tfrecord")
    wanted = ["piece 0 holds not 3,693 records", "piece 1 holds not 807 records"]
    assert reasons(directory, info, 4499) == wanted


def test_row_groups_that_are_not_the_blocks_of_the_split_are_found(directory):
    info = second_file(directory, "parquet")
    wanted = ["row group 0 holds 3,692 records, not 3,693", "row group 1 holds 808 records, not 807"]
    assert reasons(directory, info, 4499) == wanted
    assert reasons(directory, info, 8192) == [
        "row group 0 holds 3,692 records, not 4,096",
        "row group 1 holds 808 records, not 404",
    ]
    assert reasons(directory, info, 8191) == ["there are 2 row groups for 3 pieces"]


def test_a_wrong_place_of_a_row_group_is_found(directory):
    info = second_file(directory, "parquet")
    assert info.blocks is not None
    first, second = info.blocks.num_bytes
    found = reasons(directory, change(info, "num_bytes", [first + 1, second - 1]))
    assert found == [
        "piece 0 has another CRC-32C",
        "piece 1 has another CRC-32C",
        f"row group 0 is not the bytes from 4 to {first + 5:,}",
        f"row group 1 is not the bytes from {first + 5:,} to {first + second + 4:,}",
    ]
    assert reasons(directory, change(info, "footer_crc32c", 0)) == ["the footer has another CRC-32C"]


def test_records_behind_the_last_piece_are_found(directory):
    info = second_file(directory, "tfrecord")
    contents = (directory / info.path).read_bytes()
    more = contents + (gzip.compress(b"x") if info.path.endswith(".gz") else b"x")
    found = list(check_blocks(io.BytesIO(more), info, Cut(4500, 4500)))
    assert found == [f"the manifest's `blocks` of {info.path} are wrong: there are records behind the last piece"]


@pytest.mark.parametrize("is_quick", [False, True])
def test_verify_names_the_shard_and_knows_that_no_file_is_to_blame(dataset_dir, is_quick):
    def edit(manifest):
        manifest["splits"]["train"]["shards"][1]["files"]["tfrecord"]["blocks"]["crc32c"][0] ^= 1

    edit_manifest(dataset_dir, edit)
    path = f"tfrecord/{SECOND}.tfrecord"
    line = f"{SECOND}: the manifest's `blocks` of {path} are wrong: piece 0 has another CRC-32C"
    assert wrong_lines(dataset_dir, is_quick=is_quick) == [line]


def test_version_1_has_no_blocks_to_check(dataset_dir):
    def edit(manifest):
        manifest["format_version"] = 1
        for split in manifest["splits"].values():
            for shard in split["shards"]:
                for file in shard["files"].values():
                    del file["blocks"]

    edit_manifest(dataset_dir, edit)
    assert verify(dataset_dir).is_valid
