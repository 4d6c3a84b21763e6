"""Where the records of a TFRecord file lie: framing and the checksums of lengths, as TensorFlow defines them.

| part of a record | bytes |
| --- | --- |
| length of the payload, little-endian | 8 |
| masked CRC-32C of these bytes | 4 |
| payload | as many |
| masked CRC-32C of the payload, for whoever reads it to check | 4 |
"""

import functools
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import google_crc32c
import numpy as np

from eqstream.data.errors import UserError

CHUNK_BYTES = 4 << 20
_HEADER = struct.Struct("<QI")
_CHECKSUM_BYTES = 4
_FRAME_BYTES = _HEADER.size + _CHECKSUM_BYTES
_MASK_DELTA = 0xA282EAD8


class DamagedRecordError(UserError):
    """A record that cannot be read, and behind which nothing can.

    Args:
        message: names the file and what is wrong.
        record: its number in the file, from 0; None where that is not known.
    """

    def __init__(self, message: str, record: int | None) -> None:
        super().__init__(message)
        self.record = record


class Frames(NamedTuple):
    """Some whole records.

    Attributes:
        data: bytes, uint8 (num_bytes,).
        starts: where each payload begins in them, int64 (n,).
        lengths: of the payloads, int64 (n,).
        checksums: of the payloads as they are stored, uint32 (n,).
        offset: of `data` in the file.
    """

    data: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    checksums: np.ndarray
    offset: int

    def payload(self, row: int) -> bytes:
        """Returns one payload."""
        return self.data[self.starts[row] : self.starts[row] + self.lengths[row]].tobytes()

    def place(self, row: int) -> int:
        """Returns the offset of a record in the file."""
        return self.offset + int(self.starts[row]) - _HEADER.size


def read_frames(stream: BinaryIO, name: str) -> Iterator[Frames]:
    """Yields the records of a file, some megabytes at once.

    Args:
        stream: of uncompressed bytes.
        name: what to call the file in errors.

    Raises:
        DamagedRecordError: the checksum of a length is wrong, or the file ends within a record; all records before it
            have been yielded.
    """
    rest, offset, number = b"", 0, 0
    while data := stream.read(CHUNK_BYTES):
        chunk = rest + data
        starts, end, is_damaged = _find_records(chunk)
        if len(starts):
            ends = np.append(starts[1:], end)
            run = np.frombuffer(chunk, np.uint8)
            checksums = take_bytes(run, ends - _CHECKSUM_BYTES, _CHECKSUM_BYTES).view("<u4").ravel()
            yield Frames(run, starts + _HEADER.size, ends - starts - _FRAME_BYTES, checksums, offset)
        rest, offset, number = chunk[end:], offset + end, number + len(starts)
        if is_damaged:
            reason = "has a wrong checksum of its length"
            raise DamagedRecordError(f"{name}: record {number} (byte {offset}) {reason}", number)
    if rest:
        raise DamagedRecordError(f"{name}: record {number} (byte {offset}) is cut off", number)


def mask(checksums: np.ndarray) -> np.ndarray:
    """Returns checksums, uint32 (n,), as they are stored: rotated and shifted."""
    return (checksums >> np.uint32(15) | checksums << np.uint32(17)) + np.uint32(_MASK_DELTA)


def take_bytes(data: np.ndarray, places: np.ndarray, length: int) -> np.ndarray:
    """Returns `length` bytes from each place on, uint8 (n, length)."""
    rows = np.ndarray((len(data) - length + 1,), f"V{length}", data, strides=(1,))[places]
    return rows.view(np.uint8).reshape(len(places), length)


def _find_records(chunk: bytes) -> tuple[np.ndarray, int, bool]:
    """Returns where whole records start, int64 (n,), where the last one ends, and whether the next has a bad length."""
    starts = _guess_starts(chunk)
    if starts is not None:
        return starts[:-1], int(starts[-1]), False
    found, position, size = [], 0, len(chunk)
    while position + _HEADER.size <= size:
        length, length_checksum = _HEADER.unpack_from(chunk, position)
        # Before it is believed: a wrong length could ask for more memory than there is.
        if _length_checksum(length) != length_checksum:
            return np.array(found, np.int64), position, True
        end = position + length + _FRAME_BYTES
        if end > size:
            break
        found.append(position)
        position = end
    return np.array(found, np.int64), position, False


def _guess_starts(chunk: bytes) -> np.ndarray | None:
    """Returns where whole records start and the last one ends, None if records must be followed one by one to know.

    A length below 256 is a byte and seven zeros, among which is one aligned word of zeros. Where no other word is, and
    each record starts where the one before it ends, that was no coincidence; checksums are then right, too.
    """
    words = np.frombuffer(chunk, "<u4", len(chunk) // 4)
    places = np.flatnonzero(words[1:] == 0) + 1
    before = words[places - 1]
    num_zeros = sum((before < 1 << bits).astype(np.int64) for bits in (24, 16, 8))
    starts = (places * 4 - 1 - num_zeros)[before != 0]
    starts = starts[starts + _HEADER.size <= len(chunk)]
    if len(starts) == 0 or starts[0] != 0:
        return None
    headers = take_bytes(np.frombuffer(chunk, np.uint8), starts, _HEADER.size)
    fields = headers.view([("length", "<u8"), ("checksum", "<u4")]).ravel()
    ends = starts + fields["length"].astype(np.int64) + _FRAME_BYTES
    distinct, inverse = np.unique(fields["length"], return_inverse=True)
    expected = np.array([_length_checksum(length) for length in distinct.tolist()], np.uint32)[inverse]
    if not np.array_equal(ends[:-1], starts[1:]) or not np.array_equal(expected, fields["checksum"]):
        return None
    return starts if ends[-1] > len(chunk) else np.append(starts, ends[-1])


@functools.lru_cache(maxsize=4096)
def _length_checksum(length: int) -> int:
    checksum = google_crc32c.value(struct.pack("<Q", length))
    return int(mask(np.array([checksum], np.uint32))[0])
