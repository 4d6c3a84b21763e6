"""TFRecord shards of `tf.train.Example` to columns, every checksum checked; needs no TensorFlow.

Records of one length whose answers are of one length share a template (see `eqstream.data.formats.tfrecord_writer` for
the layout), so a group of them is one byte matrix: all bytes but those of question, answer and numbers are
compared with the template at once, and as a CRC-32C is affine over GF(2) (see `eqstream.data.formats.crc32c`) only
those few bytes affect the checksum. Records that are laid out otherwise, by another writer or as they hold a text or
number that is not short, are parsed one at a time.
"""

import itertools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import google_crc32c
import numpy as np

from eqstream.data.errors import DamagedShardError
from eqstream.data.formats.columns import NUMBER_COLUMNS, STORED_COLUMNS, TEXT_COLUMNS, EquationColumns
from eqstream.data.formats.crc32c import append_zero, byte_table, mask
from eqstream.data.formats.example_proto import bytes_entry_head, features_head, int64_entry, parse_example
from eqstream.data.formats.shard_file import ShardFile
from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.formats.tfrecord_frames import (
    HEADER_BYTES,
    count_right,
    damage,
    find_starts,
    read_chunks,
    take_words,
)
from eqstream.data.formats.tfrecord_writer import FRAME_BYTES, masked_checksum, open_uncompressed


@dataclass(frozen=True, eq=False)
class _Template:
    """What records of one length with answers of one length have in common.

    Attributes:
        payload: uint8 (length,), zero where records differ.
        is_fixed: bool (length,).
        texts: where each text stands.
        numbers: the place of each number, which has one byte.
        varying: the places that are not fixed, int64 (num_varying,).
        terms: uint32 (num_varying * 256,), what each byte at the first varying place adds to the checksum, then at
            the second, and so on.
        first_terms: where in `terms` those of each varying place begin, int64 (num_varying, 1).
        checksum: of the payload as it stands here.
    """

    payload: np.ndarray
    is_fixed: np.ndarray
    texts: dict[str, slice]
    numbers: dict[str, int]
    varying: np.ndarray
    terms: np.ndarray
    first_terms: np.ndarray
    checksum: np.uint32


def read_tfrecord_shard(shard: ShardFile) -> EquationColumns:
    """Returns the equations of a TFRecord shard, plain or gzip, whoever wrote it, in the order of its records.

    Reads some megabytes at once; nothing but the columns grows with the shard.

    Raises:
        DamagedShardError: a record is damaged or cut, or is no example with the columns; names shard and record.
    """
    compression = "gzip" if shard.path.suffix == ".gz" else "none"
    parts: list[EquationColumns] = []
    num_records = 0
    try:
        with shard.path.open("rb") as file:
            for chunk, starts in read_chunks(open_uncompressed(file, compression), shard):
                parts.append(_read_records(chunk, starts, shard, num_records))
                num_records += len(starts) - 1
    except (OSError, EOFError, zlib.error) as error:
        raise DamagedShardError(f"shard {shard.name} cannot be read after record {num_records}: {error}") from error
    return EquationColumns.join(parts)


def decode_records(
    data: bytes,
    num_records: int,
    shard: ShardFile,
    *,
    first: int,
    rows: slice = slice(None),
    is_checked: bool = False,
) -> EquationColumns:
    """Returns the equations of some records of a shard.

    Args:
        data: the bytes of whole records.
        num_records: how many these should be.
        shard: whose records they are.
        first: number of the first of them in the shard.
        rows: which of them to decode; the lengths of all are checked.
        is_checked: whether the bytes are known to be the right ones: checksums of records are not looked at.

    Raises:
        DamagedShardError: a record is damaged or missing, or is no example with the columns; names shard and record.
    """
    starts = find_starts(data)
    num_found = min(len(starts) - 1, num_records)
    is_whole = num_found == num_records and starts[num_found] == len(data)
    if num_found:
        chunk = np.frombuffer(data, np.uint8)
        if is_whole and is_checked:
            return _decode(chunk, starts, shard, range(first, first + num_records), rows, is_checked=True)
        columns = _read_records(chunk, starts[: num_found + 1], shard, first, rows if is_whole else slice(None))
        if is_whole:
            return columns
    raise damage(shard, first + num_found)


def _read_records(
    chunk: np.ndarray, starts: np.ndarray, shard: ShardFile, first: int, rows: slice = slice(None)
) -> EquationColumns:
    """Returns the columns of `rows` of the records at `starts`; `first` is the number of the first record."""
    num_right = count_right(chunk, starts)
    if num_right < len(starts) - 1:
        # Behind a wrong length there is no telling where records start.
        if num_right:
            _read_records(chunk, starts[: num_right + 1], shard, first)
        raise damage(shard, first + num_right)
    return _decode(chunk, starts, shard, range(first, first + len(starts) - 1), rows)


def _decode(
    chunk: np.ndarray,
    starts: np.ndarray,
    shard: ShardFile,
    records: range,
    rows: slice,
    *,
    is_checked: bool = False,
) -> EquationColumns:
    """Returns the columns of `rows` of the records at `starts`, whose numbers are `records`."""
    records = records[rows]
    starts, lengths = starts[:-1][rows], (np.diff(starts) - FRAME_BYTES)[rows]
    stored = None if is_checked else take_words(chunk, starts + HEADER_BYTES + lengths)
    columns = _Columns(len(starts))
    is_read = np.zeros(len(starts), bool)
    for length, answer_length, places in _group(chunk, starts, lengths):
        template = _make_template(length, answer_length)
        if template is not None:
            payloads = _take_rows(chunk, starts[places] + HEADER_BYTES, length)
            is_regular = _fits(template, payloads)
            if stored is not None:
                is_regular &= _checksums(template, payloads) == stored[places]
            is_read[places] = is_regular
            columns.fill(places, template, payloads)
    for row in np.flatnonzero(~is_read):
        begin = starts[row] + HEADER_BYTES
        if stored is not None and masked_checksum(chunk[begin : begin + lengths[row]].tobytes()) != stored[row]:
            raise damage(shard, records[row])
        columns.fill_one(row, _parse_record(chunk[begin : begin + lengths[row]].tobytes(), shard, records[row]))
    return columns.finish()


def _parse_record(payload: bytes, shard: ShardFile, record: int) -> EquationColumns:
    """Returns the one equation of a payload, whoever wrote it."""
    wanted = dict.fromkeys(TEXT_COLUMNS, bytes) | dict.fromkeys(NUMBER_COLUMNS, int)
    try:
        values = parse_example(payload)
        if not all(isinstance(values.get(name), kind) for name, kind in wanted.items()):
            raise ValueError("a column is missing or of another type")
        texts = {name: ByteRows.from_texts([cast(bytes, values[name])]) for name in TEXT_COLUMNS}
    except ValueError as error:
        raise DamagedShardError(
            f"shard {shard.name}, record {record}: it is no tf.train.Example of {', '.join(wanted)}"
        ) from error
    return EquationColumns(**texts, numbers={name: np.array([values[name]], np.int64) for name in NUMBER_COLUMNS})


def _take_rows(chunk: np.ndarray, places: np.ndarray, length: int) -> np.ndarray:
    """Returns `length` bytes from each place on, uint8 (n, length)."""
    rows = np.ndarray((len(chunk) - length + 1,), f"V{length}", buffer=chunk, strides=(1,))[places]
    return rows.view(np.uint8).reshape(len(places), length)


def _group(chunk: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yields payload length, answer length and the rows of each group of records."""
    places = _answer_length_place(lengths)
    is_long = places < lengths
    # A record too short for that place is in no group.
    found = chunk[np.where(is_long, starts + HEADER_BYTES + places, 0)]
    keys = np.where(is_long, lengths << 8 | found, -1)
    small = keys.astype(np.int16) if keys.max(initial=0) < 1 << 15 else keys
    order = np.argsort(small, kind="stable")
    bounds = np.flatnonzero(np.diff(keys[order], prepend=-2, append=-2))
    for begin, end in itertools.pairwise(bounds):
        key = int(keys[order[begin]])
        if key >= 0:
            yield key >> 8, key & 0xFF, order[begin:end]


def _answer_length_place(lengths: np.ndarray) -> np.ndarray:
    """Returns the place of the byte that tells how long the answer is, in payloads of these lengths."""
    place = len(bytes_entry_head("answer", 1)) - 1
    # One byte says that the features follow, and one or two how many bytes they have.
    return np.where(lengths - 2 < 1 << 7, place + 2, place + 3)


@lru_cache(maxsize=4096)
def _make_template(length: int, answer_length: int) -> _Template | None:
    """Returns the template, or None if no record of ours can have these lengths."""
    numbers = {name: int64_entry(name, 0) for name in NUMBER_COLUMNS}
    payload = features_head(length - 2) if length - 2 < 1 << 7 else features_head(length - 3)
    room = length - len(payload) - len(bytes_entry_head("answer", answer_length)) - answer_length
    room -= sum(map(len, numbers.values()))
    question_length = next((n for n in range(max(room, 0)) if len(bytes_entry_head("question", n)) + n == room), None)
    if question_length is None:
        return None
    lengths = {"answer": answer_length, "question": question_length}
    places, texts = {}, {}
    is_fixed = np.ones(length, bool)
    for column in STORED_COLUMNS:
        if column.name in numbers:
            payload += numbers[column.name]
            places[column.name] = len(payload) - 1
            is_fixed[places[column.name]] = False
        else:
            payload += bytes_entry_head(column.name, lengths[column.name]) + bytes(lengths[column.name])
            texts[column.name] = slice(len(payload) - lengths[column.name], len(payload))
            is_fixed[texts[column.name]] = False
    varying = np.flatnonzero(~is_fixed)
    return _Template(
        payload=np.frombuffer(payload, np.uint8),
        is_fixed=is_fixed,
        texts=texts,
        numbers=places,
        varying=varying,
        terms=_byte_terms(length)[length - 1 - varying].ravel(),
        first_terms=np.arange(len(varying))[:, None] * 256,
        checksum=np.uint32(google_crc32c.value(payload)),
    )


@lru_cache(maxsize=64)
def _byte_terms(longest: int) -> np.ndarray:
    """Returns what each byte adds to a checksum, by the number of bytes behind it, uint32 (longest, 256)."""
    terms = np.empty((longest, 256), np.uint32)
    terms[0] = byte_table()
    for behind in range(1, longest):
        terms[behind] = append_zero(terms[behind - 1])
    return terms


def _checksums(template: _Template, payloads: np.ndarray) -> np.ndarray:
    """Returns the masked checksum of each payload (n, length) that is the template's but for the varying bytes."""
    # One row for each varying place; its bytes select among the 256 terms of that place.
    indices = np.add(payloads.T[template.varying], template.first_terms, dtype=np.intp)
    return mask(np.bitwise_xor.reduce(template.terms.take(indices, mode="clip"), axis=0) ^ template.checksum)


def _fits(template: _Template, payloads: np.ndarray) -> np.ndarray:
    """Returns whether each payload (n, length) is the template's but for the varying bytes."""
    is_regular = np.ones(len(payloads), bool)
    is_other = payloads != template.payload
    is_other &= template.is_fixed
    # Damage is rare: whether there is any is known several times sooner than where.
    if is_other.any():
        is_regular = ~is_other.any(axis=1)
    for place in template.numbers.values():
        # The highest bit of a number says that it goes on.
        is_regular &= payloads[:, place] < 1 << 7
    for text in template.texts.values():
        if not payloads[:, text].all():
            is_regular &= payloads[:, text].all(axis=1)
    return is_regular


class _Columns:
    """Columns of a chunk under way, filled group by group."""

    def __init__(self, num_records: int) -> None:
        self._num_records = num_records
        # What has no more than seven bits; wider once, when all chunks are joined.
        self._numbers: dict[str, np.ndarray] = {name: np.zeros(num_records, np.uint8) for name in NUMBER_COLUMNS}
        self._texts: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {name: [] for name in TEXT_COLUMNS}

    def fill(self, rows: np.ndarray, template: _Template, payloads: np.ndarray) -> None:
        """Takes over what stands in the payloads of `rows`."""
        for name, place in template.numbers.items():
            self._numbers[name][rows] = payloads[:, place]
        for name, place in template.texts.items():
            self._texts[name].append((rows, payloads[:, place]))

    def fill_one(self, row: np.intp, equation: EquationColumns) -> None:
        """Takes over an equation that was parsed by itself."""
        for name, values in equation.numbers.items():
            self._numbers[name] = self._numbers[name].astype(np.int64, copy=False)
            self._numbers[name][row] = values[0]
        for name in TEXT_COLUMNS:
            text = getattr(equation, name)
            self._texts[name].append((np.array([row]), text.matrix[:, : text.lengths[0]]))

    def finish(self) -> EquationColumns:
        """Returns the columns."""
        texts = {name: self._join(parts) for name, parts in self._texts.items()}
        return EquationColumns(**texts, numbers=self._numbers)

    def _join(self, parts: list[tuple[np.ndarray, np.ndarray]]) -> ByteRows:
        width = max((texts.shape[1] for _, texts in parts), default=0)
        matrix, lengths = np.zeros((self._num_records, width), np.uint8), np.zeros(self._num_records, np.int64)
        for rows, texts in parts:
            padded = np.zeros((len(rows), width), np.uint8)
            padded[:, : texts.shape[1]] = texts
            matrix[rows] = padded
            lengths[rows] = texts.shape[1]
        return ByteRows(matrix, lengths)
