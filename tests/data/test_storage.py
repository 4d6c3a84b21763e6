"""Datasets below `s3://`: the same records as on this machine, and one line where they cannot be read."""

from concurrent.futures import ThreadPoolExecutor

import pyarrow.fs
import pytest

from eqstream.data.dataset.block_reader import BlockReader
from eqstream.data.dataset.manifest import MANIFEST, parse_manifest
from eqstream.data.dataset.shard_reader import read_split
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.recipe import Recipe
from eqstream.data.storage import data_path
from eqstream.pipelines.build import build
from tests.s3_server import BUCKET, run_store

SPLITS = [{"name": "train", "count": 9000}, {"name": "test", "rest": True}]


@pytest.fixture(scope="module")
def credentials():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "someone")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    out = tmp_path_factory.mktemp("storage")
    for compression in ("none", "gzip"):
        storage = {"shard_size": 5000, "compression": compression}
        space = {"operands": {"min": 0, "max": 136}}
        build(
            Recipe.from_dict({"name": "sums", "space": space, "splits": SPLITS, "storage": storage}), out / compression
        )
    return out


@pytest.fixture(scope="module")
def served(local, credentials):
    with run_store() as (store, stop):
        files = store.filesystem()
        files.create_dir(BUCKET)
        for name in ("none", "gzip"):
            pyarrow.fs.copy_files(str(local / name), f"{BUCKET}/{name}", destination_filesystem=files)
        yield store, stop


@pytest.fixture
def store(served):
    store, _ = served
    store.requests.clear()
    yield store
    store.fault = lambda method, path: None


def listing(columns: EquationColumns) -> list[tuple]:
    numbers = (columns.numbers[name].tolist() for name in sorted(columns.numbers))
    return list(zip(columns.question.to_texts(), columns.answer.to_texts(), *numbers, strict=True))


def open_train(location, storage: str) -> BlockReader:
    manifest = parse_manifest((data_path(location) / MANIFEST).read_bytes())
    return BlockReader(location, manifest, "train", storage=storage)


@pytest.mark.parametrize(("name", "storage"), [("none", "parquet"), ("none", "tfrecord"), ("gzip", "tfrecord")])
def test_blocks_and_shards_are_those_of_the_local_copy(local, store, name, storage):
    here, there = open_train(local / name, storage), open_train(store.uri(name), storage)
    with ThreadPoolExecutor(4) as pool:
        assert [listing(each) for each in pool.map(there.read, range(3))] == [listing(here.read(k)) for k in range(3)]
    manifest = parse_manifest((local / name / MANIFEST).read_bytes())
    whole, remote = (read_split(place, manifest, "train", storage=storage) for place in (local / name, store.uri(name)))
    assert list(map(listing, whole)) == list(map(listing, remote))


def test_a_block_takes_one_request_where_its_shard_is_open(store):
    reader = open_train(store.uri("none"), "tfrecord")
    reader.read(0)
    store.requests.clear()
    reader.read(0)
    assert store.requests == [("GET", f"/{BUCKET}/none/tfrecord/train-00000-of-00002.tfrecord")]


def test_the_endpoint_may_come_from_the_environment(local, store, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{store.endpoint}")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    here, there = open_train(local / "none", "parquet"), open_train(f"s3://{BUCKET}/none", "parquet")
    assert listing(there.read(1)) == listing(here.read(1))


def failing(times: int, status: str, body: bytes = b"", headers=(), only: str = ""):
    """What fails so often for each path, and then no more."""
    left: dict[str, int] = {}

    def answer(method: str, path: str):
        if only in ("", method):
            left[path] = left.get(path, times) - 1
        return (status, list(headers), [body]) if only in ("", method) and left[path] >= 0 else None

    return answer


@pytest.mark.parametrize(
    "fault",
    [
        failing(2, "503 Slow Down"),
        failing(2, "500 Internal Server Error"),
        failing(
            2,
            "206 Partial Content",
            b"short",
            [("Content-Length", "10000"), ("Content-Range", "bytes 0-9999/20000")],
            "GET",
        ),
    ],
    ids=["503", "500", "cut off"],
)
def test_what_fails_some_times_is_asked_for_again(local, store, fault):
    here, there = open_train(local / "none", "tfrecord"), open_train(store.uri("none"), "tfrecord")
    store.fault = fault
    assert listing(there.read(1)) == listing(here.read(1))
