"""Where the records of TFRecord files start; `eqstream.data.formats.tfrecord_writer` shows how they are laid out."""

import struct
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from eqstream.data.errors import DamagedShardError
from eqstream.data.formats.shard_file import ShardFile
from eqstream.data.formats.string_matrix import take_rows
from eqstream.data.formats.tfrecord_writer import FRAME_BYTES, masked_checksum

# What is made of a chunk should stay in the cache, and its groups should not be small.
_CHUNK_BYTES = 2 << 20
HEADER_BYTES = 12
_LENGTH = struct.Struct("<Q")


def read_chunks(file: BinaryIO, shard: ShardFile) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields bytes, uint8 (num_bytes,), and where whole records start, with the end of the last, int64 (n + 1,)."""
    rest, num_before = b"", 0
    while True:
        data = file.read(_CHUNK_BYTES)
        chunk = rest + data
        starts = find_starts(chunk)
        end = int(starts[-1])
        # The length of a record that is not whole decides how much more is read, so it must be right.
        if len(chunk) - end >= HEADER_BYTES:
            _check_length(
                chunk[end : end + HEADER_BYTES], shard, num_before + len(starts) - 1, is_first_of_chunk=len(starts) == 1
            )
        if len(starts) > 1:
            yield np.frombuffer(chunk, np.uint8), starts
        rest, num_before = chunk[end:], num_before + len(starts) - 1
        if not data:
            break
    if rest:
        raise damage(shard, num_before)


def find_offsets(file: BinaryIO, shard: ShardFile, edges: np.ndarray) -> np.ndarray:
    """Returns where in a file the records start that `edges` numbers; the lengths of all records are checked.

    Args:
        file: plain records, read once from its beginning, some megabytes at a time.
        shard: whose records they are.
        edges: int64 (n,), ascending, the first one 0, the last one the number of records that the file must hold.

    Returns:
        int64 (n,), the last one the size of the file.

    Raises:
        DamagedShardError: the file holds more or fewer records, or a length is damaged.
    """
    offsets = np.zeros(len(edges), np.int64)
    num_records = num_bytes = 0
    for chunk, starts in read_chunks(file, shard):
        num_right = count_right(chunk, starts)
        if num_right < len(starts) - 1:
            raise damage(shard, num_records + num_right)
        found = np.flatnonzero((edges > num_records) & (edges < num_records + len(starts)))
        offsets[found] = num_bytes + starts[edges[found] - num_records]
        num_records, num_bytes = num_records + len(starts) - 1, num_bytes + int(starts[-1])
    if num_records != edges[-1]:
        raise DamagedShardError(
            f"shard {shard.name} holds {num_records} records, the manifest says {edges[-1]}: "
            f"{shard.path} was cut or replaced"
        )
    return offsets


def count_right(chunk: np.ndarray, starts: np.ndarray) -> int:
    """Returns how many of the records at `starts` come before the first one whose length is damaged."""
    lengths = np.diff(starts) - FRAME_BYTES
    is_right = take_words(chunk, starts[:-1] + _LENGTH.size) == _length_checksums(lengths)
    return len(is_right) if is_right.all() else int(np.argmin(is_right))


def find_starts(chunk: bytes) -> np.ndarray:
    """Returns where each whole record starts, and where the last one ends, if their lengths are to be trusted.

    Returns:
        int64 (num_records + 1,); without a whole record it is just 0.
    """
    starts = _guess_starts(chunk)
    return _walk_starts(chunk) if starts is None else starts


def _guess_starts(chunk: bytes) -> np.ndarray | None:
    """Returns what `_walk_starts` returns, several times as fast, or None if it takes a walk to know.

    Of the eight bytes of a length below 256 seven are zeros, in which there is always one aligned word of four. No
    other such word is to be expected; that each record starts where the one before it ends shows whether it was so.
    """
    words = np.frombuffer(chunk, "<u4", len(chunk) // 4)
    places = np.flatnonzero(words == 0)
    before = words[places - 1]
    # What ends with zeros itself is a word within the run; what is all zeros was the run's first word.
    starts = places * 4 - 1 - sum((before < np.uint32(1 << bits)).astype(np.int64) for bits in (24, 16, 8))
    starts = starts[(before != 0) & (starts <= len(chunk) - _LENGTH.size)]
    if len(starts) == 0 or starts[0] != 0:
        return None
    # All eight bytes: the word that was found is only a part of them.
    ends = starts + take_words(np.frombuffer(chunk, np.uint8), starts, "<i8") + FRAME_BYTES
    if not np.array_equal(ends[:-1], starts[1:]) or ends[-1] <= len(chunk) - FRAME_BYTES:
        return None
    return starts if ends[-1] > len(chunk) else np.append(starts, ends[-1])


def _walk_starts(chunk: bytes) -> np.ndarray:
    """Returns where each whole record starts, and where the last one ends, from one to the next."""
    unpack, starts, start = _LENGTH.unpack_from, [0], 0
    last = len(chunk) - FRAME_BYTES
    while start <= last:
        start += unpack(chunk, start)[0] + FRAME_BYTES
        starts.append(start)
    if starts[-1] > len(chunk):
        starts.pop()
    return np.array(starts, np.int64)


def _check_length(header: bytes, shard: ShardFile, record: int, *, is_first_of_chunk: bool) -> None:
    """Refuses a wrong length where it would make the reader wait for bytes that never come."""
    is_right = masked_checksum(header[:8]) == int.from_bytes(header[8:], "little")
    # Records before it in the chunk are looked at first: the first fault is the one to name.
    if not is_right and is_first_of_chunk:
        raise damage(shard, record)


def _length_checksums(lengths: np.ndarray) -> np.ndarray:
    distinct, places = np.unique(lengths, return_inverse=True)
    return np.array([masked_checksum(_LENGTH.pack(length)) for length in distinct.tolist()], np.uint32)[places]


def take_words(chunk: np.ndarray, places: np.ndarray, kind: str = "<u4") -> np.ndarray:
    """Returns the words at any places, (n,) of the dtype `kind`."""
    return take_rows(chunk, places, np.dtype(kind).itemsize).view(kind).reshape(-1)


def damage(shard: ShardFile, record: int) -> DamagedShardError:
    """Returns the error of a damaged record."""
    return DamagedShardError(f"shard {shard.name}, record {record}: {shard.path} is damaged or cut there")
