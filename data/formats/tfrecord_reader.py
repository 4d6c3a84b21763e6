"""TFRecord shards of `tf.train.Example` to columns, every checksum checked; needs no TensorFlow.

Where the columns stand in our records follows from two lengths (see `eqstream.data.formats.record_layout`). So all
records of a chunk are read at once: what stands between the columns is compared with what should stand there, and as
a CRC-32C is affine over GF(2) (see `eqstream.data.formats.crc32c`) only the bytes of the columns affect the checksum.
Records that are laid out otherwise, by another writer or as they hold a text or number that is not short, are parsed
one at a time.
"""

import zlib
from collections.abc import Sequence
from typing import cast

import numpy as np

from eqstream.data.errors import DamagedShardError
from eqstream.data.formats.columns import NUMBER_COLUMNS, TEXT_COLUMNS, EquationColumns
from eqstream.data.formats.crc32c import mask
from eqstream.data.formats.example_proto import features_head, parse_example
from eqstream.data.formats.record_layout import (
    Part,
    Places,
    checksum_without_values,
    find_kinds,
    list_parts,
    terms_of_bytes,
)
from eqstream.data.formats.shard_file import ShardFile
from eqstream.data.formats.string_matrix import ByteRows, take_rows
from eqstream.data.formats.tfrecord_frames import (
    HEADER_BYTES,
    count_right,
    damage,
    find_starts,
    read_chunks,
    take_words,
)
from eqstream.data.formats.tfrecord_writer import FRAME_BYTES, masked_checksum, open_uncompressed


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
                parts.append(_read_records(chunk, starts, shard, first=num_records))
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
    numbers: Sequence[str] = NUMBER_COLUMNS,
    is_checked: bool = False,
) -> EquationColumns:
    """Returns the equations of some records of a shard, with these numbers or more.

    Args:
        data: the bytes of whole records.
        num_records: how many these should be.
        shard: whose records they are.
        first: number of the first of them in the shard.
        rows: which of them to decode; the lengths of all are checked.
        numbers: which ones are needed.
        is_checked: whether the bytes are known to be those that were written, by one writer: checksums of records are
            not looked at, and of their layout only what tells ours from another.

    Raises:
        DamagedShardError: a record is damaged or missing, or is no example with the columns; names shard and record.
    """
    starts = find_starts(data)
    num_found = min(len(starts) - 1, num_records)
    is_whole = num_found == num_records and starts[num_found] == len(data)
    if num_found:
        chunk = np.frombuffer(data, np.uint8)
        if is_whole and is_checked:
            records = range(first, first + num_records)
            return _decode(chunk, starts, shard, records=records, rows=rows, numbers=numbers, is_checked=True)
        columns = _read_records(
            chunk, starts[: num_found + 1], shard, first=first, rows=rows if is_whole else slice(None)
        )
        if is_whole:
            return columns
    raise damage(shard, first + num_found)


def _read_records(
    chunk: np.ndarray, starts: np.ndarray, shard: ShardFile, *, first: int, rows: slice = slice(None)
) -> EquationColumns:
    """Returns the columns of `rows` of the records at `starts`; `first` is the number of the first record."""
    num_right = count_right(chunk, starts)
    if num_right < len(starts) - 1:
        # Behind a wrong length there is no telling where records start.
        if num_right:
            _read_records(chunk, starts[: num_right + 1], shard, first=first)
        raise damage(shard, first + num_right)
    return _decode(chunk, starts, shard, records=range(first, first + len(starts) - 1), rows=rows)


def _decode(
    chunk: np.ndarray,
    starts: np.ndarray,
    shard: ShardFile,
    *,
    records: range,
    rows: slice,
    numbers: Sequence[str] = NUMBER_COLUMNS,
    is_checked: bool = False,
) -> EquationColumns:
    """Returns the columns of `rows` of the records at `starts`, whose numbers are `records`."""
    records = records[rows]
    payloads, lengths = starts[:-1][rows] + HEADER_BYTES, (np.diff(starts) - FRAME_BYTES)[rows]
    stored = None if is_checked else take_words(chunk, payloads + lengths)
    is_read = np.zeros(len(payloads), bool)
    parts: list[tuple[np.ndarray, EquationColumns]] = []
    for places in find_kinds(chunk, payloads, lengths):
        which = slice(None) if places.rows is None else places.rows
        columns = _take_columns(chunk, payloads[which], places, numbers)
        if stored is None and _are_ours(chunk, payloads[which], lengths[which], places):
            is_regular = np.ones(len(columns), bool)
        else:
            is_regular = _check_kind(chunk, payloads[which], lengths[which], places, columns)
        if stored is not None:
            is_regular &= _checksums(columns, places) == stored[which]
        is_read[which] = is_regular
        if places.rows is None and is_regular.all():
            return columns
        parts.append((np.arange(len(payloads))[which], columns))
    for row in np.flatnonzero(~is_read):
        payload = chunk[payloads[row] : payloads[row] + lengths[row]].tobytes()
        if stored is not None and masked_checksum(payload) != stored[row]:
            raise damage(shard, records[row])
        parts.append((np.array([row]), _parse_record(payload, shard, records[row])))
    return EquationColumns.merge(parts, len(payloads), numbers)


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


def _are_ours(chunk: np.ndarray, payloads: np.ndarray, lengths: np.ndarray, places: Places) -> bool:
    """Returns whether payloads of a kind that are not damaged, and so of one writer, are laid out as ours.

    All of the first one is looked at; of the others what may differ among ours: whether each number takes one byte.
    """
    if places.question_lengths.max() >= 1 << 7:
        return False
    (_, behind_answer, _), parts = _list_starts(payloads, places), list_parts(places.question_head_bytes)
    rest = parts[1]
    # The head of a short question ends with its length, which comes out wrong if the number behind it is longer.
    is_ours = (chunk[behind_answer + rest.width - 1] == places.question_lengths).all()
    is_ours &= all((chunk[behind_answer + place] < 1 << 7).all() for place in rest.numbers.values())
    payload, start = chunk[payloads[0] : payloads[0] + lengths[0]].tobytes(), places.head_bytes
    is_ours &= payload.startswith(features_head(len(payload) - start))
    texts = (int(places.answer_lengths[0]), int(places.question_lengths[0]), 0)
    for part, length in zip(parts, texts, strict=True):
        found = bytearray(payload[start : start + part.width])
        for place in part.numbers.values():
            found[place] &= 1 << 7
        is_ours &= found == part.rows[length].tobytes()
        start += part.width + length
    return bool(is_ours)


def _check_kind(
    chunk: np.ndarray, payloads: np.ndarray, lengths: np.ndarray, places: Places, columns: EquationColumns
) -> np.ndarray:
    """Returns whether each payload of a kind is laid out as ours, bool (n,); `columns` is what stands there then."""
    is_regular = _is_head(chunk, payloads, lengths - places.head_bytes, places.head_bytes)
    texts = (places.answer_lengths, places.question_lengths, np.zeros(len(payloads), np.int64))
    parts = list_parts(places.question_head_bytes)
    for part, start, text in zip(parts, _list_starts(payloads, places), texts, strict=True):
        is_regular &= _fits(part, take_rows(chunk, start, part.width), text)
    for text in (columns.answer, columns.question):
        # A zero in a text would end it.
        if np.count_nonzero(text.matrix) < text.lengths.sum():
            is_regular &= np.count_nonzero(text.matrix, axis=1) == text.lengths
    return is_regular


def _take_columns(chunk: np.ndarray, payloads: np.ndarray, places: Places, numbers: Sequence[str]) -> EquationColumns:
    """Returns what stands in the payloads of a kind if they are laid out as ours."""
    starts, parts = _list_starts(payloads, places), list_parts(places.question_head_bytes)
    return EquationColumns(
        answer=ByteRows.from_places(chunk, starts[0] + parts[0].width, places.answer_lengths),
        question=ByteRows.from_places(chunk, starts[1] + parts[1].width, places.question_lengths),
        numbers={
            name: chunk[start + part.numbers[name]]
            for start, part in zip(starts, parts, strict=True)
            for name in part.numbers.keys() & set(numbers)
        },
    )


def _list_starts(payloads: np.ndarray, places: Places) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns where each part of the payloads of a kind starts, int64 (n,) each."""
    answer, rest, _ = list_parts(places.question_head_bytes)
    behind_head = payloads + places.head_bytes
    behind_answer = behind_head + places.answer_lengths + answer.width
    return behind_head, behind_answer, behind_answer + places.question_lengths + rest.width


def _is_head(chunk: np.ndarray, payloads: np.ndarray, sizes: np.ndarray, head_bytes: int) -> np.ndarray:
    """Returns whether each payload begins with the head of features of that size, bool (n,)."""
    is_right = chunk[payloads] == features_head(0)[0]
    for place in range(1, head_bytes):
        goes_on = 0x80 if place + 1 < head_bytes else 0
        is_right &= chunk[payloads + place] == (sizes >> 7 * (place - 1) & 0x7F | goes_on)
    return is_right


def _fits(part: Part, found: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Returns whether bytes (n, width) are a part's but for the numbers, bool (n,); changes `found`.

    Args:
        part: the part.
        found: what stands in its place.
        lengths: of the text that it is for.
    """
    for place in part.numbers.values():
        # The highest bit of a number says that it goes on.
        found[:, place] &= 1 << 7
    is_other = found != part.rows.take(lengths, axis=0)
    # Damage is rare: whether there is any is known several times sooner than where.
    return ~is_other.any(axis=1) if is_other.any() else np.ones(len(found), bool)


def _checksums(columns: EquationColumns, places: Places) -> np.ndarray:
    """Returns the masked checksum of each payload of a kind that holds these columns."""
    kind, (_, rest, end) = places[1:3], list_parts(places.question_head_bytes)
    keys = places.answer_lengths * (1 << 16) + places.question_lengths
    distinct, which = np.unique(keys, return_inverse=True)
    found = [checksum_without_values(*kind, key >> 16, key & 0xFFFF) for key in distinct.tolist()]
    checksums = np.array(found, np.uint32)[which]
    behind_question = np.full(len(keys), end.width)
    behind_answer = behind_question + places.question_lengths + rest.width
    terms = terms_of_bytes(int(behind_answer.max(initial=0) + columns.answer.matrix.shape[1] + 1))
    for text, behind in ((columns.question, behind_question), (columns.answer, behind_answer)):
        for column in range(text.matrix.shape[1]):
            # Behind a text's end stand zeros, which add nothing wherever they are.
            bytes_behind = behind + text.lengths - (column + 1)
            checksums ^= terms.take(np.maximum(bytes_behind, 0) << 8 | text.matrix[:, column])
    for part, behind in ((rest, behind_answer), (end, behind_question)):
        for name, place in part.numbers.items():
            checksums ^= terms.take(behind - (place + 1) << 8 | columns.numbers[name])
    return mask(checksums)
