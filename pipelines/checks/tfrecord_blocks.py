"""The records of a TFRecord shard in blocks, every checksum checked.

Payloads of one length with answers of one length share a template, which `example_message` serialises: they are one
byte matrix, whose bytes outside of the values must be the template's. A payload that fits no template is read alone.
"""

import functools
import gzip
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import google_crc32c
import numpy as np

from eqstream.data.errors import UserError
from eqstream.pipelines.checks.bulk.columns import Columns, Texts
from eqstream.pipelines.checks.example_message import Record, decode_record, encode_record

_CHUNK_BYTES = 4 << 20
_HEADER = struct.Struct("<QI")
_CHECKSUM = struct.Struct("<I")
_FRAME_BYTES = _HEADER.size + _CHECKSUM.size
# Numbers up to here, and lengths of texts, take one byte.
_LARGEST_BYTE = 127
_NUMBERS = ("carries", "digits", "terms")


class DamagedRecordError(UserError):
    """A record that cannot be read, and behind which nothing can.

    Args:
        message: names the file and what is wrong.
        record: its number in the file, from 0; None where that is not known.
    """

    def __init__(self, message: str, record: int | None) -> None:
        super().__init__(message)
        self.record = record


class _Frame(NamedTuple):
    """Bytes with whole records: where their payloads begin, and how long they are, int64 (n,) each."""

    data: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray


def read_tfrecord_blocks(file: BinaryIO, compression: str, name: str) -> Iterator[Columns]:
    """Yields the records of a shard, some megabytes at once.

    Args:
        file: open for reading.
        compression: `none` or `gzip`.
        name: what to call the file in errors.

    Raises:
        DamagedRecordError: a checksum is wrong, a payload is not an example of our columns, or the file ends within a
            record; all records before it have been yielded.
    """
    stream = gzip.GzipFile(fileobj=file) if compression == "gzip" else file
    number = 0
    try:
        for frame in _read_frames(stream, name):  # pyright: ignore[reportArgumentType]
            columns, problem = _read_columns(frame)
            yield columns
            number += columns.count
            if problem:
                raise DamagedRecordError(f"{name}: record {number}: {problem}", number)
    except (EOFError, OSError, zlib.error) as error:
        raise DamagedRecordError(f"{name} cannot be read: {error}", None) from error


def _read_frames(stream: BinaryIO, name: str) -> Iterator[_Frame]:
    rest, offset, number = b"", 0, 0
    while data := stream.read(_CHUNK_BYTES):
        chunk = rest + data
        starts, lengths, end, problem = _walk(chunk)
        if starts:
            yield _Frame(np.frombuffer(chunk, np.uint8), np.array(starts), np.array(lengths))
        rest, offset, number = chunk[end:], offset + end, number + len(starts)
        if problem:
            raise DamagedRecordError(f"{name}: record {number} (byte {offset}) {problem}", number)
    if rest:
        raise DamagedRecordError(f"{name}: record {number} (byte {offset}) is cut off", number)


def _walk(chunk: bytes) -> tuple[list[int], list[int], int, str]:
    """Returns where payloads begin, their lengths, where the last record ends, and what is wrong with the next."""
    unpack, read_checksum, value = _HEADER.unpack_from, _CHECKSUM.unpack_from, google_crc32c.value
    starts, lengths, position, size = [], [], 0, len(chunk)
    while position + _HEADER.size <= size:
        length, length_checksum = unpack(chunk, position)
        # Before it is believed: a wrong length could ask for more memory than there is.
        if _length_checksum(length) != length_checksum:
            return starts, lengths, position, "has a wrong checksum of its length"
        start = position + _HEADER.size
        end = start + length
        if end + _CHECKSUM.size > size:
            break
        if _mask(value(chunk[start:end])) != read_checksum(chunk, end)[0]:
            return starts, lengths, position, "has a wrong checksum"
        starts.append(start)
        lengths.append(length)
        position = end + _CHECKSUM.size
    return starts, lengths, position, ""


@functools.lru_cache(maxsize=4096)
def _length_checksum(length: int) -> int:
    return _mask(google_crc32c.value(struct.pack("<Q", length)))


def _mask(checksum: int) -> int:
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


class _Template(NamedTuple):
    """What payloads of one length with answers of one length have in common.

    `is_fixed`, bool (length,), marks the bytes that are those of `payload`, uint8 (length,).
    """

    payload: np.ndarray
    is_fixed: np.ndarray
    answer: slice
    question: slice
    numbers: dict[str, int]


def _read_columns(frame: _Frame) -> tuple[Columns, str]:
    """Returns the records up to the first that is no example of our columns, and why it is none."""
    num_records = len(frame.starts)
    numbers = {name: np.zeros(num_records, np.int64) for name in _NUMBERS}
    texts = {"answer": _Filler(num_records), "question": _Filler(num_records)}
    is_read = np.zeros(num_records, bool)
    for rows, template in _group(frame):
        payloads = _take_rows(frame.data, frame.starts[rows], len(template.payload))
        is_read[rows] = _fits(template, payloads)
        for name, place in template.numbers.items():
            numbers[name][rows] = payloads[:, place]
        texts["answer"].fill(rows, payloads[:, template.answer])
        texts["question"].fill(rows, payloads[:, template.question])
    problem = ""
    for row in np.flatnonzero(~is_read).tolist():
        start = frame.starts[row]
        try:
            record = decode_record(frame.data[start : start + frame.lengths[row]].tobytes())
        except UserError as error:
            num_records, problem = row, str(error)
            break
        for name in _NUMBERS:
            numbers[name][row] = getattr(record, name)
        for name, filler in texts.items():
            filler.fill(np.array([row]), np.frombuffer(getattr(record, name).encode(), np.uint8)[None])
    columns = Columns(
        texts["answer"].finish(), numbers["carries"], numbers["digits"], texts["question"].finish(), numbers["terms"]
    )
    return (columns.rows(0, num_records), problem) if problem else (columns, "")


class _Filler:
    """Texts under way, by groups of rows whose texts are equally long."""

    def __init__(self, num_rows: int) -> None:
        self._lengths = np.zeros(num_rows, np.int64)
        self._parts: list[tuple[np.ndarray, np.ndarray]] = []

    def fill(self, rows: np.ndarray, texts: np.ndarray) -> None:
        """Takes the texts of some rows, uint8 (num_rows, length); those of a row that comes again replace it."""
        self._lengths[rows] = texts.shape[1]
        self._parts.append((rows, texts))

    def finish(self) -> Texts:
        """Returns all texts."""
        offsets = np.concatenate([[0], np.cumsum(self._lengths)])
        data = np.zeros(int(offsets[-1]), np.uint8)
        for rows, texts in self._parts:
            is_last = self._lengths[rows] == texts.shape[1]
            places = offsets[:-1][rows[is_last], None] + np.arange(texts.shape[1])
            data[places] = texts[is_last]
        return Texts(data, offsets)


def _group(frame: _Frame) -> Iterator[tuple[np.ndarray, _Template]]:
    """Yields the rows of each group of payloads with its template."""
    # The answer's length stands where it stands in the shortest payload, or a byte further where lengths take two.
    place = _answer_length_place(frame.lengths)
    is_long = place < frame.lengths
    answer_lengths = np.where(is_long, frame.data[frame.starts + np.where(is_long, place, 0)], 0)
    keys = np.where(is_long, frame.lengths << 8 | answer_lengths, -1)
    for key in np.unique(keys).tolist():
        template = _make_template(key >> 8, key & 0xFF) if key >= 0 else None
        if template is not None:
            yield np.flatnonzero(keys == key), template


def _answer_length_place(lengths: np.ndarray) -> np.ndarray:
    """Returns the place of the byte that says how long the answer is, in payloads of these lengths, int64 (n,)."""
    place = encode_record(Record("?", 0, 0, "", 0)).index(b"?") - 1
    # All but the first two bytes are features, whose length takes one byte or two.
    return np.where(lengths - 2 <= _LARGEST_BYTE, place, place + 1)


@functools.lru_cache(maxsize=4096)
def _make_template(length: int, answer_length: int) -> _Template | None:
    """Returns the template, None if no payload has these lengths."""
    # A longer question may take more than its own bytes, as lengths are written, too.
    most = length - len(encode_record(Record("0" * answer_length, 0, 0, "", 0)))
    question_length = next(
        (size for size in range(most, max(most - 8, -1), -1) if len(_sample(answer_length, size)) == length), None
    )
    if question_length is None:
        return None
    payload = _sample(answer_length, question_length)
    changed = {name: _find_change(payload, answer_length, question_length, name) for name in Record._fields}
    is_fixed = np.ones(length, bool)
    for places in changed.values():
        is_fixed[places] = False
    return _Template(
        payload=payload,
        is_fixed=is_fixed,
        answer=changed["answer"],
        question=changed["question"],
        numbers={name: changed[name].start for name in _NUMBERS},
    )


def _sample(answer_length: int, question_length: int, **values: str | int) -> np.ndarray:
    record = Record("0" * answer_length, 0, 0, "0" * question_length, 0)._replace(**values)
    return np.frombuffer(encode_record(record), np.uint8)


def _find_change(payload: np.ndarray, answer_length: int, question_length: int, name: str) -> slice:
    """Returns where the value of a column stands: the bytes that change with it."""
    lengths = {"answer": answer_length, "question": question_length}
    value = "1" * lengths[name] if name in lengths else 1
    places = np.flatnonzero(payload != _sample(answer_length, question_length, **{name: value}))
    return slice(int(places[0]), int(places[-1]) + 1) if len(places) else slice(0, 0)


def _take_rows(data: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
    """Returns `length` bytes from each place on, uint8 (n, length)."""
    rows = np.ndarray((len(data) - length + 1,), f"V{length}", buffer=data, strides=(1,))[starts]
    return rows.view(np.uint8).reshape(len(starts), length)


def _fits(template: _Template, payloads: np.ndarray) -> np.ndarray:
    """Returns which payloads (n, length) are the template's but for the values, and have numbers of one byte."""
    is_other = payloads != template.payload
    is_other &= template.is_fixed
    is_fit = ~is_other.any(axis=1) if is_other.any() else np.ones(len(payloads), bool)
    for place in template.numbers.values():
        is_fit &= payloads[:, place] <= _LARGEST_BYTE
    return is_fit
