"""Datasets below `s3://` and `gs://`: the same records as on this machine, and one line where they cannot be read."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from eqstream.data.dataset.block_reader import BlockReader
from eqstream.data.dataset.manifest import MANIFEST, Manifest, parse_manifest
from eqstream.data.dataset.manifest_file import load_manifest
from eqstream.data.dataset.shard_reader import read_split
from eqstream.data.errors import UserError
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.recipe import Recipe
from eqstream.data.storage import data_path, explain
from eqstream.pipelines.build import build
from tests.gcs_server import run_gcs
from tests.s3_server import BUCKET, FaultyStore, run_store, set_credentials, upload

SPLITS = [{"name": "train", "count": 9000}, {"name": "test", "rest": True}]


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
def served(local):
    with set_credentials(), run_store() as (store, stop):
        for name in ("none", "gzip"):
            upload(store, local / name, name)
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
    return BlockReader(location, load_manifest(location), "train", storage=storage)


@pytest.mark.parametrize(
    ("name", "storage"),
    [("none", "parquet"), pytest.param("none", "tfrecord", marks=pytest.mark.slow), ("gzip", "tfrecord")],
)
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
        # Each failure is waited for longer than the one before.
        failing(1, "503 Slow Down"),
        pytest.param(failing(2, "503 Slow Down"), marks=pytest.mark.slow),
        pytest.param(failing(2, "500 Internal Server Error"), marks=pytest.mark.slow),
        pytest.param(
            failing(
                1,
                "206 Partial Content",
                b"short",
                [("Content-Length", "10000"), ("Content-Range", "bytes 0-9999/20000")],
                "GET",
            ),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["503", "503 twice", "500 twice", "cut off"],
)
def test_what_fails_some_times_is_asked_for_again(local, store, fault):
    here, there = open_train(local / "none", "tfrecord"), open_train(store.uri("none"), "tfrecord")
    store.fault = fault
    assert listing(there.read(1)) == listing(here.read(1))


def test_several_requests_are_under_way_at_once(local, store):
    """Every request waits until there are three: all blocks of the split, on however few cores."""
    blocks = open_train(store.uri("none"), "tfrecord")
    blocks.read(0)
    blocks.read(2)
    meeting = threading.Barrier(3)

    def meet(method: str, path: str) -> None:
        if method == "GET" and "train" in path:
            meeting.wait(60)

    store.fault = meet
    with ThreadPoolExecutor(blocks.num_threads) as pool:
        read = list(pool.map(blocks.read, (0, 0, 2)))
    store.fault = lambda method, path: None
    assert [len(columns) for columns in read] == [4096, 4096, 808]


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("s3://", "s3:// names no bucket: it must look like s3://bucket/directory"),
        (
            "http://host/sums",
            "http://host/sums cannot be read: a dataset is read from a directory, or from below s3:// or gs://; copy "
            "it there",
        ),
        (
            "s3://sums/x?endpoint=x",
            "s3://sums/x?endpoint=x: `endpoint` is no option of s3://; there are endpoint_override, region, scheme",
        ),
    ],
)
def test_a_location_that_cannot_be_meant_is_refused(location, message):
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        data_path(location)


def test_a_directory_that_is_not_there_is_named(store):
    with pytest.raises(UserError, match=rf"^s3://{BUCKET}/nothing is not a dataset: it has no manifest\.json$"):
        load_manifest(store.uri("nothing"))


def test_a_bucket_that_is_not_there_is_named(store):
    uri = store.uri("sums").replace(BUCKET, "elsewhere")
    wanted = "s3://elsewhere/sums does not exist: there is no bucket `elsewhere`, or it may not be read"
    with pytest.raises(UserError, match=f"^{re.escape(wanted)}$"):
        load_manifest(uri)


def test_what_may_not_be_read_asks_for_credentials(store):
    store.fault = failing(100, "403 Forbidden")
    with pytest.raises(UserError) as caught:
        load_manifest(store.uri("none"))
    line = str(caught.value)
    assert line.startswith(f"s3://{BUCKET}/none/manifest.json cannot be read: ")
    assert line.endswith("; give credentials in the environment or in the files that the store's own tools read")
    assert "\n" not in line


def test_a_store_that_fails_is_said_to(store, monkeypatch):
    # Waits of some seconds between the others.
    monkeypatch.setattr("eqstream.data.storage._MOST_ATTEMPTS", 1)
    store.fault = failing(100, "500 Internal Server Error")
    wanted = (
        f"s3://{BUCKET}/none/manifest.json cannot be read: the store answered with HTTP status 500, also when it was "
        "asked again; try again later"
    )
    with pytest.raises(UserError, match=f"^{re.escape(wanted)}$"):
        load_manifest(store.uri("none"))


def test_what_google_says_of_a_failure_is_cut_down_to_the_status():
    error = OSError(
        "google::cloud::Status(UNAVAILABLE: Retry policy exhausted, with a last message of Received HTTP status code: "
        "503 error_info={reason=, domain=, metadata={gcloud-cpp.retry.on-entry=false}})"
    )
    wanted = "the store answered with HTTP status 503, also when it was asked again; try again later"
    assert explain(error) == wanted


@pytest.mark.parametrize("storage", ["parquet", "tfrecord"])
def test_an_object_that_was_cut_or_damaged_names_shard_and_record(local, store, storage):
    reader = open_train(store.uri("none"), storage)
    path = next(iter(read_manifest(local / "none").splits["train"].shards)).files[storage].path
    contents = (local / "none" / path).read_bytes()
    damaged = contents[:-1] + bytes([contents[-1] ^ 1])
    for body in (damaged, contents[:-9]):
        write_object(store, f"none/{path}", body)
        try:
            with pytest.raises(UserError, match=r"^shard train-00000-of-00002, record \d+: "):
                open_train(store.uri("none"), storage).read(1)
        finally:
            write_object(store, f"none/{path}", contents)
    assert len(reader.read(1)) == 4096


def test_an_object_that_is_missing_names_shard_and_record(local, store):
    path = next(iter(read_manifest(local / "none").splits["train"].shards)).files["parquet"].path
    store.filesystem().delete_file(f"{BUCKET}/none/{path}")
    try:
        wanted = f"shard train-00000-of-00002, record 0: there is no file s3://{BUCKET}/none/{path}"
        with pytest.raises(UserError, match=f"^{re.escape(wanted)}$"):
            open_train(store.uri("none"), "parquet").read(0)
    finally:
        write_object(store, f"none/{path}", (local / "none" / path).read_bytes())


@pytest.fixture(scope="module")
def gcs(local):
    with run_gcs(local) as options:
        yield options


@pytest.mark.parametrize(("name", "storage"), [("none", "parquet"), ("none", "tfrecord"), ("gzip", "tfrecord")])
def test_blocks_below_gs_are_those_of_the_local_copy(local, gcs, name, storage):
    here, there = open_train(local / name, storage), open_train(f"gs://{BUCKET}/{name}?{gcs}", storage)
    with ThreadPoolExecutor(4) as pool:
        assert [listing(each) for each in pool.map(there.read, range(3))] == [listing(here.read(k)) for k in range(3)]


def test_what_is_not_there_below_gs_is_named(gcs):
    wanted = f"gs://{BUCKET}/nothing is not a dataset: it has no manifest.json"
    with pytest.raises(UserError, match=f"^{re.escape(wanted)}$"):
        load_manifest(f"gs://{BUCKET}/nothing?{gcs}")
    wanted = "gs://elsewhere/sums does not exist: there is no bucket `elsewhere`, or it may not be read"
    with pytest.raises(UserError, match=f"^{re.escape(wanted)}$"):
        load_manifest(f"gs://elsewhere/sums?{gcs}")


def test_a_server_that_goes_away_in_the_middle_ends_in_one_line(local, store, served, monkeypatch):
    # Waits of some seconds between the others.
    monkeypatch.setattr("eqstream.data.storage._MOST_ATTEMPTS", 1)
    reader = open_train(store.uri("none"), "tfrecord")
    assert len(reader.read(0)) == 4096
    _, stop = served
    stop()
    with pytest.raises(UserError) as caught:
        reader.read(1)
    line = str(caught.value)
    shard = read_manifest(local / "none").splits["train"].shards[0]
    file = f"s3://{BUCKET}/none/{shard.files['tfrecord'].path}"
    assert line.startswith(f"shard {shard.shard}, record 4096: {file} cannot be read: AWS Error NETWORK_CONNECTION")
    assert "\n" not in line


def read_manifest(directory) -> Manifest:
    return parse_manifest((directory / MANIFEST).read_bytes())


def write_object(store: FaultyStore, name: str, contents: bytes) -> None:
    with store.filesystem().open_output_stream(f"{BUCKET}/{name}") as file:
        file.write(contents)
