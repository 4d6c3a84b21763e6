"""The records of a TFRecord shard in blocks, every checksum checked.

Payloads of one length with answers of one length share a template, which `example_message` serialises: they are one
byte matrix, whose bytes outside of the values must be the template's. A payload that fits no template is read alone.
"""

import functools
import gzip
import itertools
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import google_crc32c
import numpy as np

from eqstream.data.errors import UserError
from eqstream.pipelines.checks.bulk.columns import Columns, Texts
from eqstream.pipelines.checks.example_message import EMPTY, NUMBERS, TEXTS, Record, decode_record, encode_record
from eqstream.pipelines.checks.tfrecord_frames import DamagedRecordError, Frames, mask, read_frames, take_bytes

# Numbers up to here, and lengths of texts, take one byte.
_LARGEST_BYTE = 127


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
        for frames in read_frames(stream, name):  # pyright: ignore[reportArgumentType]
            columns, problem = _read_columns(frames)
            yield columns
            number += columns.num_records
            if problem:
                place = frames.place(columns.num_records)
                raise DamagedRecordError(f"{name}: record {number} (byte {place}) {problem}", number)
    except (EOFError, OSError, zlib.error) as error:
        raise DamagedRecordError(f"{name} cannot be read: {error}", None) from error


class _Template(NamedTuple):
    """What payloads of one length with answers of one length have in common.

    Attributes:
        payload: with some values, uint8 (length,).
        is_fixed: which bytes every payload has, bool (length,).
        varying: the places of the others.
        terms: what each byte at such a place adds to the checksum, uint32 (256,) for each place.
        checksum: of the payload with zeros at these places.
        answer: where its text stands.
        question: where its text stands.
        numbers: the place of each number.
    """

    payload: np.ndarray
    is_fixed: np.ndarray
    varying: list[int]
    terms: list[np.ndarray]
    checksum: np.uint32
    answer: slice
    question: slice
    numbers: dict[str, int]


def _read_columns(frames: Frames) -> tuple[Columns, str]:
    """Returns the records up to the first that is damaged or no example of our columns, and what is wrong with that."""
    num_records = len(frames.starts)
    numbers = {name: np.zeros(num_records, np.int64) for name in NUMBERS}
    answers, questions = _Matrix(num_records), _Matrix(num_records)
    is_read = np.zeros(num_records, bool)
    for rows, template in _group(frames):
        payloads = take_bytes(frames.data, frames.starts[rows], len(template.payload))
        is_read[rows] = _fits(template, payloads, frames.checksums[rows])
        for name, place in template.numbers.items():
            numbers[name][rows] = payloads[:, place]
        answers.fill(rows, payloads[:, template.answer])
        questions.fill(rows, payloads[:, template.question])
    columns = Columns(answer=answers.texts(), question=questions.texts(), **numbers)
    return (columns, "") if is_read.all() else _read_one_by_one(frames, columns, np.flatnonzero(~is_read))


def _read_one_by_one(frames: Frames, columns: Columns, rows: np.ndarray) -> tuple[Columns, str]:
    """Returns the columns with the values of the payloads in `rows`, which fit no template, as `_read_columns` does."""
    num_records, problem = columns.num_records, ""
    row_to_record: dict[int, Record] = {}
    for row in rows.tolist():
        payload = frames.payload(row)
        try:
            if mask(np.array([google_crc32c.value(payload)], np.uint32))[0] != frames.checksums[row]:
                raise UserError("has a wrong checksum")
            row_to_record[row] = decode_record(payload)
        except UserError as error:
            num_records, problem = row, str(error)
            break
    values = {name: getattr(columns, name) for name in Record._fields}
    for name in NUMBERS:
        values[name][list(row_to_record)] = [getattr(record, name) for record in row_to_record.values()]
    for name in TEXTS:
        row_to_text = {row: getattr(record, name).encode() for row, record in row_to_record.items()}
        values[name] = values[name].with_rows(row_to_text)
    return Columns(**values).rows(0, num_records), problem


class _Matrix:
    """Texts under way, left-aligned in a matrix, by groups of rows whose texts are equally long."""

    def __init__(self, num_rows: int) -> None:
        self._lengths = np.zeros(num_rows, np.int64)
        self._parts: list[tuple[np.ndarray, np.ndarray]] = []

    def fill(self, rows: np.ndarray, texts: np.ndarray) -> None:
        """Takes the texts of some rows, uint8 (num_rows, length)."""
        self._lengths[rows] = texts.shape[1]
        self._parts.append((rows, texts))

    def texts(self) -> Texts:
        """Returns all texts; rows that were not filled are empty."""
        width = max((texts.shape[1] for _, texts in self._parts), default=0)
        matrix = np.zeros((len(self._lengths), width), np.uint8)
        for rows, texts in self._parts:
            matrix[rows, : texts.shape[1]] = texts
        is_there = np.arange(width) < self._lengths[:, None]
        return Texts(matrix[is_there], np.concatenate([[0], np.cumsum(self._lengths)]))


def _group(frames: Frames) -> Iterator[tuple[np.ndarray, _Template]]:
    """Yields the rows of each group of payloads with its template."""
    place = _answer_length_place(frames.lengths)
    is_long = place < frames.lengths
    answer_lengths = np.where(is_long, frames.data[frames.starts + np.where(is_long, place, 0)], 0)
    keys = np.where(is_long, frames.lengths << 8 | answer_lengths, -1)
    order = np.argsort(keys, kind="stable")
    bounds = np.flatnonzero(np.diff(keys[order], prepend=-2, append=-2))
    for begin, end in itertools.pairwise(bounds.tolist()):
        key = int(keys[order[begin]])
        template = _make_template(key >> 8, key & 0xFF) if key >= 0 else None
        if template is not None:
            yield order[begin:end], template


def _answer_length_place(lengths: np.ndarray) -> np.ndarray:
    """Returns the place of the byte that says how long the answer is, in payloads of these lengths, int64 (n,)."""
    place = encode_record(EMPTY._replace(answer="?")).index(b"?") - 1
    # All but the first two bytes are features, whose length takes one byte or two.
    return np.where(lengths - 2 <= _LARGEST_BYTE, place, place + 1)


@functools.lru_cache(maxsize=4096)
def _make_template(length: int, answer_length: int) -> _Template | None:
    """Returns the template, None if no payload has these lengths."""
    # A longer question may take more than its own bytes, as lengths are written, too.
    most = length - len(encode_record(EMPTY._replace(answer="0" * answer_length)))
    question_length = next(
        (size for size in range(most, max(most - 8, -1), -1) if len(_sample(answer_length, size)) == length), None
    )
    if question_length is None:
        return None
    payload = _sample(answer_length, question_length)
    changed = {
        name: _find_change(payload, answer_length=answer_length, question_length=question_length, name=name)
        for name in Record._fields
    }
    is_fixed = np.ones(length, bool)
    for places in changed.values():
        is_fixed[places] = False
    varying = np.flatnonzero(~is_fixed).tolist()
    zeroed = np.where(is_fixed, payload, 0).astype(np.uint8)
    return _Template(
        payload=payload,
        is_fixed=is_fixed,
        varying=varying,
        terms=[_byte_terms(length - 1 - place) for place in varying],
        checksum=np.uint32(google_crc32c.value(zeroed.tobytes())),
        answer=changed["answer"],
        question=changed["question"],
        numbers={name: changed[name].start for name in NUMBERS},
    )


def _sample(answer_length: int, question_length: int, **values: str | int) -> np.ndarray:
    record = EMPTY._replace(**{"answer": "0" * answer_length, "question": "0" * question_length, **values})
    return np.frombuffer(encode_record(record), np.uint8)


def _find_change(payload: np.ndarray, *, answer_length: int, question_length: int, name: str) -> slice:
    """Returns where the value of a column stands: the bytes that change with it."""
    lengths = {"answer": answer_length, "question": question_length}
    value = "1" * lengths[name] if name in lengths else 1
    places = np.flatnonzero(payload != _sample(answer_length, question_length, **{name: value}))
    return slice(int(places[0]), int(places[-1]) + 1) if len(places) else slice(0, 0)


def _fits(template: _Template, payloads: np.ndarray, stored: np.ndarray) -> np.ndarray:
    """Returns which payloads (n, length) are the template's but for the values, and have their checksums."""
    is_other = payloads != template.payload
    is_other &= template.is_fixed
    is_fit = ~is_other.any(axis=1) if is_other.any() else np.ones(len(payloads), bool)
    for place in template.numbers.values():
        is_fit &= payloads[:, place] <= _LARGEST_BYTE
    checksums = np.full(len(payloads), template.checksum)
    for place, terms in zip(template.varying, template.terms, strict=True):
        checksums ^= terms[payloads[:, place]]
    return is_fit & (mask(checksums) == stored)


@functools.cache
def _byte_terms(num_behind: int) -> np.ndarray:
    """Returns what each byte adds to the checksum of a payload with so many bytes behind it, uint32 (256,).

    A CRC is affine over GF(2): each byte has its term whatever the others are, and the terms are joined by XOR.
    """
    behind = bytes(num_behind)
    values = [google_crc32c.value(bytes((byte,)) + behind) for byte in range(256)]
    return np.array(values, np.uint32) ^ np.uint32(values[0])
