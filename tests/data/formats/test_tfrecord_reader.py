"""The bulk reader against TensorFlow's parser, damaged files and files of other writers."""

import contextlib
import dataclasses
import functools
import gzip
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from eqstream.data.errors import UserError
from eqstream.data.formats import tfrecord_frames, tfrecord_reader
from eqstream.data.formats.columns import NUMBER_COLUMNS, TEXT_COLUMNS, EquationColumns
from eqstream.data.formats.example_proto import field, int64_entry, parse_example
from eqstream.data.formats.shard_file import ShardFile
from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.formats.tfrecord_reader import decode_records, read_tfrecord_shard
from eqstream.data.formats.tfrecord_writer import FRAME_BYTES, masked_checksum
from tests.brute_force import make_recipe, write

SPACES = {
    "sums": {"operands": {"min": 0, "max": 12}},
    "one term": {"operands": {"min": -12, "max": 12}, "operators": "-", "terms": 1},
    "signs": {"operands": {"min": -2, "max": 2}, "operators": "+-*", "terms": {"min": 1, "max": 3}},
    "brackets": {"operands": {"min": 0, "max": 1}, "operators": "+*", "terms": {"min": 2, "max": 4}, "brackets": True},
    "compact": {"operands": {"min": -1, "max": 2}, "operators": "-*", "terms": 3, "brackets": True, "spacing": False},
    "fractions": {"operands": {"min": -3, "max": 4}, "operators": "+/", "terms": 3, "division": "fraction"},
    "decimals": {"operands": {"min": 8, "max": 11, "decimals": 1}, "operators": "-*"},
    "large": {"operands": {"min": 10**30 - 2, "max": 10**30 + 2}, "operators": "+-*"},
    "long": {"operands": {"min": 10**11, "max": 10**11 + 2}, "operators": "+", "terms": 6},
}


def file_of(path: Path, contents: bytes, num_records: int = 0) -> ShardFile:
    path.write_bytes(contents)
    return ShardFile(name="train-0", path=path, num_records=num_records, num_bytes=len(contents), sha256="")


def write_contents(space: dict, count: int | None = None) -> bytes:
    """The one shard of a space."""
    splits = [{"name": "train", "rest": True} if count is None else {"name": "train", "count": count}]
    ((_, files),) = write(make_recipe(space, splits), ("tfrecord",)).files.items()
    return files["tfrecord"]


@functools.cache
def contents_of(name: str, count: int | None = None) -> bytes:
    return write_contents(SPACES[name], count)


def parse_tfrecord_shard(shard: ShardFile) -> EquationColumns:
    """What TensorFlow's own parser reads."""
    features = {name: tf.io.FixedLenFeature([], tf.string) for name in TEXT_COLUMNS}
    features |= {name: tf.io.FixedLenFeature([], tf.int64) for name in NUMBER_COLUMNS}
    (records,) = tf.data.TFRecordDataset(str(shard.path)).batch(1 << 20)
    columns = {name: values.numpy() for name, values in tf.io.parse_example(records, features).items()}
    texts = {name: ByteRows.from_texts(columns[name].tolist()) for name in TEXT_COLUMNS}
    return EquationColumns(**texts, numbers={name: columns[name] for name in NUMBER_COLUMNS})


def listing(columns) -> list[tuple]:
    numbers = zip(*(columns.numbers[name].tolist() for name in sorted(columns.numbers)), strict=True)
    return list(zip(columns.question.to_texts(), columns.answer.to_texts(), numbers, strict=True))


@pytest.mark.parametrize(
    ("name", "chunk"),
    [
        # Each space with one size of chunks, in turn; with the others it is slow.
        pytest.param(
            name, chunk, marks=() if (number % 4 == place and (name, chunk) != ("long", 1)) else pytest.mark.slow
        )
        for number, name in enumerate(SPACES)
        for place, chunk in enumerate([1, 150, 4096, 8 << 20])
    ],
)
def test_columns_are_those_that_tensorflow_parses(name, chunk, tmp_path, monkeypatch):
    monkeypatch.setattr(tfrecord_frames, "_CHUNK_BYTES", chunk)
    shard = file_of(tmp_path / "a.tfrecord", contents_of(name, 20 if chunk <= 150 else None))
    expected = listing(parse_tfrecord_shard(shard))
    assert listing(read_tfrecord_shard(shard)) == expected
    contents = shard.path.read_bytes()
    assert listing(decode_records(contents, len(expected), shard, first=0, is_checked=True)) == expected
    zipped = file_of(tmp_path / "a.tfrecord.gz", gzip.compress(contents))
    assert listing(read_tfrecord_shard(zipped)) == expected


@pytest.mark.parametrize("name", ["sums", "signs", "fractions", "decimals"])
def test_what_we_write_is_read_in_bulk(name, tmp_path, monkeypatch):
    shard = file_of(tmp_path / "a.tfrecord", contents_of(name))
    monkeypatch.delattr(tfrecord_reader, "parse_example")
    assert len(read_tfrecord_shard(shard)) > 0


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> ShardFile:
    """Records of several lengths."""
    return file_of(tmp_path_factory.mktemp("small") / "a.tfrecord", write_contents({"operands": {"min": 8, "max": 10}}))


def list_ends(contents: bytes) -> list[int]:
    ends = [0]
    while ends[-1] < len(contents):
        ends.append(ends[-1] + FRAME_BYTES + int.from_bytes(contents[ends[-1] : ends[-1] + 8], "little"))
    return ends


@pytest.mark.parametrize(
    ("chunk", "stride"), [(130, 3), *(pytest.param(chunk, 1, marks=pytest.mark.slow) for chunk in (130, 8 << 20))]
)
def test_a_flip_of_any_bit_is_found_in_its_record(small, chunk, stride, tmp_path, monkeypatch):
    monkeypatch.setattr(tfrecord_frames, "_CHUNK_BYTES", chunk)
    contents = small.path.read_bytes()
    ends = list_ends(contents)
    for place in range(0, len(contents), stride):
        damaged = bytearray(contents)
        damaged[place] ^= 1 << (place % 8)
        record = np.searchsorted(ends, place, side="right") - 1
        with pytest.raises(UserError, match=f"^shard train-0, record {record}: .* is damaged or cut there$"):
            read_tfrecord_shard(file_of(tmp_path / "a.tfrecord", bytes(damaged)))


@pytest.mark.parametrize("stride", [3, pytest.param(1, marks=pytest.mark.slow)])
def test_a_file_cut_anywhere_is_short_or_refused_at_its_last_record(small, tmp_path, stride):
    contents = small.path.read_bytes()
    ends = list_ends(contents)
    whole = listing(read_tfrecord_shard(small))
    for length in sorted({*ends[:-1], *range(0, len(contents), stride)}):
        cut = file_of(tmp_path / "a.tfrecord", contents[:length])
        record = int(np.searchsorted(ends, length, side="right")) - 1
        if length == ends[record]:
            # Only the count in the manifest can tell.
            assert listing(read_tfrecord_shard(cut)) == whole[:record]
            continue
        with pytest.raises(UserError, match=f"^shard train-0, record {record}: "):
            read_tfrecord_shard(cut)


def test_a_cut_among_records_of_the_middle_names_the_record_by_its_number_in_the_shard(small):
    contents = small.path.read_bytes()
    ends = list_ends(contents)
    for length, record in ((ends[3] - 1, 102), (ends[2] + 1, 102), (ends[2], 102), (ends[1] - 1, 100), (0, 100)):
        message = f"shard train-0, record {record}: {small.path} is damaged or cut there"
        with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
            decode_records(contents[:length], 3, small, first=100)


def test_bytes_that_are_added_or_lost_are_found(small, tmp_path):
    contents = small.path.read_bytes()
    for place in range(0, len(contents), 7):
        for changed in (contents[:place] + contents[place + 1 :], contents[:place] + b"\0" + contents[place:]):
            with pytest.raises(UserError, match="is damaged or cut there"):
                read_tfrecord_shard(file_of(tmp_path / "a.tfrecord", changed))


def test_the_first_of_several_faults_is_named(small, tmp_path):
    contents = bytearray(small.path.read_bytes())
    ends = list_ends(bytes(contents))
    for record in (5, 3, 1):
        contents[ends[record] + 40] ^= 1
        # The length of the record behind is wrong, too.
        contents[ends[record + 1]] ^= 1
        with pytest.raises(UserError, match=f"record {record}:"):
            read_tfrecord_shard(file_of(tmp_path / "a.tfrecord", bytes(contents)))


def test_damage_in_a_compressed_file_is_one_line(small, tmp_path):
    zipped = bytearray(gzip.compress(small.path.read_bytes()))
    for place in range(len(zipped)):
        damaged = bytearray(zipped)
        damaged[place] ^= 0x55
        shard = file_of(tmp_path / "a.tfrecord.gz", bytes(damaged))
        try:
            read = listing(read_tfrecord_shard(shard))
        except UserError as error:
            assert str(error).startswith("shard train-0")  # noqa: PT017
        else:
            # Bytes of the header say when and where it was compressed, nothing of the contents.
            assert place in (3, 4, 5, 6, 7, 8, 9)
            assert read == listing(read_tfrecord_shard(small))


def example_of(question: str, answer: str, carries: int = 0, **more: int) -> bytes:
    texts = {"question": question, "answer": answer}
    numbers = {"terms": 2, "digits": 1, "carries": carries, **more}
    features = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[text.encode()])) for name, text in texts.items()
    } | {name: tf.train.Feature(int64_list=tf.train.Int64List(value=[value])) for name, value in numbers.items()}
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString(deterministic=True)


@pytest.mark.parametrize(
    "foreign",
    [
        example_of("3 + 4", "7", extra=1),
        example_of("3 + 4", "7", carries=300),
        example_of("3 + 4", "7", carries=-1),
        example_of("3 + 4", "7", digits=300),
        example_of("3 + 4", "7", terms=300),
        example_of("3" * 200, "7"),
        example_of("3 + 4", "7" * 200),
        example_of("3 + 4", ""),
        example_of("", "7"),
    ],
    ids=[
        *("another column", "many carries", "negative number", "many digits", "many terms"),
        *("long question", "long answer", "no answer", "nothing"),
    ],
)
def test_records_of_other_writers_are_read_as_tensorflow_reads_them(foreign, small, tmp_path):
    path = str(tmp_path / "b.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        for payload in (example_of("1 + 2", "3"), foreign, example_of("9 + 9", "18", carries=1)):
            writer.write(payload)
    shard = dataclasses.replace(small, path=Path(path))
    columns = read_tfrecord_shard(shard)
    assert listing(columns) == listing(parse_tfrecord_shard(shard))
    assert listing(columns)[2] == ("9 + 9", "18", (1, 1, 2))


@pytest.mark.parametrize(
    "record",
    [
        example_of("3 + 4", "7", carries=300),
        example_of("3 + 4", "7", digits=300),
        example_of("3 + 4", "7", terms=300),
        example_of("3" * 200, "7"),
        example_of("3 + 4", "7" * 200),
    ],
    ids=["many carries", "many digits", "many terms", "long question", "long answer"],
)
def test_checked_records_are_read_as_others_are(record, small, tmp_path):
    path = str(tmp_path / "b.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        for payload in (example_of("1 + 2", "3"), record, example_of("9 + 9", "18", carries=1)):
            writer.write(payload)
    shard = dataclasses.replace(small, path=Path(path))
    contents, columns = shard.path.read_bytes(), read_tfrecord_shard(shard)
    assert listing(decode_records(contents, 3, shard, first=0, is_checked=True)) == listing(columns)
    fewer = decode_records(contents, 3, shard, first=0, numbers=["digits"], is_checked=True)
    assert list(fewer.numbers) == ["digits"]
    assert fewer.numbers["digits"].tolist() == columns.numbers["digits"].tolist()


def test_checked_records_of_another_writer_are_read_as_tensorflow_reads_them(small, tmp_path):
    # Fields the other way round, in records as long as ours.
    payloads = [example_of("1 + 2", "3"), example_of("4 + 5", "9")]
    path = str(tmp_path / "b.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        for payload in payloads:
            entries = [
                tf.train.Features(feature={name: value}).SerializeToString()
                for name, value in sorted(tf.train.Example.FromString(payload).features.feature.items(), reverse=True)
            ]
            writer.write(field(1, b"".join(entries)))
    shard = dataclasses.replace(small, path=Path(path))
    columns = decode_records(shard.path.read_bytes(), 2, shard, first=0, is_checked=True)
    assert listing(columns) == listing(parse_tfrecord_shard(shard))


def without_answer() -> bytes:
    example = tf.train.Example.FromString(example_of("3 + 4", "7"))
    del example.features.feature["answer"]
    return example.SerializeToString()


def with_answer(feature: tf.train.Feature) -> bytes:
    example = tf.train.Example.FromString(example_of("3 + 4", "7"))
    example.features.feature["answer"].CopyFrom(feature)
    return example.SerializeToString()


def with_carries(value: bytes) -> bytes:
    """Ours but for the byte that says how many carries there are."""
    entry = int64_entry("carries", 0)
    return example_of("3 + 4", "7").replace(entry, entry[:-1] + value)


@pytest.mark.parametrize(
    "payload",
    [
        b"no example",
        b"",
        example_of("3 + 4", "7")[:-1],
        without_answer(),
        with_answer(tf.train.Feature(int64_list=tf.train.Int64List(value=[7]))),
        with_answer(tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"7", b"8"]))),
        with_answer(tf.train.Feature()),
        # Laid out as ours: a number that goes on in a byte that is not there, and texts that numpy would cut.
        with_carries(b"\x80"),
        example_of("3\0+ 4", "7"),
        example_of("3 + \0", "7"),
        example_of("3 + 4", "\0"),
    ],
    ids=[
        *("text", "nothing", "cut", "no answer", "number for a text", "two answers", "no value"),
        *("unended number", "zero in a question", "zero at its end", "zero for an answer"),
    ],
)
def test_records_that_are_no_examples_are_refused_with_their_number(payload, small, tmp_path):
    path = str(tmp_path / "b.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        writer.write(example_of("1 + 2", "3"))
        writer.write(payload)
    shard = dataclasses.replace(small, path=Path(path))
    message = "shard train-0, record 1: it is no tf.train.Example of question, answer, terms, digits, carries"
    with pytest.raises(UserError, match=f"^{message}$"):
        read_tfrecord_shard(shard)


@given(st.binary(max_size=60), st.integers(0, 90), st.integers(0, 255))
def test_any_bytes_are_an_example_or_a_value_error(data, place, byte):
    changed = bytearray(example_of("3 + 4", "7"))
    changed[place % len(changed)] = byte
    for payload in (data, bytes(changed)):
        with contextlib.suppress(ValueError):
            parse_example(payload)


@pytest.mark.parametrize("num_more", [9, 10])
def test_a_number_of_more_than_64_bits_is_none(num_more):
    # The field and its ten bytes at most; zeros in the highest bits change no value.
    data = b"\x08" + b"\x80" * num_more + b"\0"
    with pytest.raises(ValueError, match="^a message is a number$" if num_more == 9 else "cut off or too long$"):
        parse_example(data)


def test_a_file_without_records_has_none(tmp_path):
    assert listing(read_tfrecord_shard(file_of(tmp_path / "a.tfrecord", b""))) == []


def frame(payload: bytes) -> bytes:
    head = len(payload).to_bytes(8, "little")
    return b"".join(
        (head, masked_checksum(head).to_bytes(4, "little"), payload, masked_checksum(payload).to_bytes(4, "little"))
    )


@given(
    payloads=st.lists(
        st.one_of(st.binary(max_size=40), st.integers(0, 300).map(bytes), st.just(b"\x05" + bytes(7) + b"\x01")),
        max_size=12,
    ),
    lost=st.integers(0, 40),
    flipped=st.integers(0, (1 << 16) - 1),
)
def test_the_starts_found_by_zeros_are_those_of_a_walk(payloads, lost, flipped):
    whole = b"".join(map(frame, payloads))
    damaged = bytearray(whole)
    if damaged:
        damaged[flipped % len(damaged)] ^= 1 << (flipped >> 13)
    for chunk in (whole, whole[: max(len(whole) - lost, 0)], bytes(damaged)):
        guessed = tfrecord_frames._guess_starts(chunk)
        if guessed is not None:
            assert guessed.tolist() == tfrecord_frames._walk_starts(chunk).tolist()


def test_a_shard_of_ours_needs_no_walk(small):
    contents = small.path.read_bytes()
    for length in range(200, len(contents)):
        assert tfrecord_frames._guess_starts(contents[:length]) is not None
