"""TFRecord shards: blocks of equations to framed `tf.train.Example` records in bulk, and records back one by one.

A record is (TensorFlow's `record_writer.h`):

| bytes | what |
| --- | --- |
| 8 | length of the payload, little endian |
| 4 | masked CRC-32C of the length |
| length | payload |
| 4 | masked CRC-32C of the payload |

The payload is a serialised `tf.train.Example` whose features stand in the order of their names, just as
``SerializeToString(deterministic=True)`` writes them:

| feature | type |
| --- | --- |
| `answer` | bytes |
| `carries` | int64 |
| `digits` | int64 |
| `question` | bytes |
| `terms` | int64 |
"""

import gzip
import struct
from collections.abc import Iterator
from typing import BinaryIO

import google_crc32c
import numpy as np

from eqstream.data.errors import UserError
from eqstream.data.formats.crc32c import checksum, constants, mask
from eqstream.data.formats.example_proto import bytes_entry_head, features_head, int64_entry
from eqstream.data.formats.string_tables import Piece, PieceTable, total_lengths
from eqstream.data.formats.text_encoder import TextEncoder
from eqstream.data.space.equation_block import EquationBlock

FRAME_BYTES = 16
_HEADER = struct.Struct("<QI")
_CHECKSUM = struct.Struct("<I")
# Merging the tables of small pieces saves passes over the block while the merged table stays in the cache.
_LARGEST_MERGED_TABLE = 1 << 14


def _masked(data: bytes) -> bytes:
    return mask(np.array([checksum(data)], dtype=np.uint32)).astype("<u4").tobytes()


class TFRecordEncoder:
    """Encodes blocks of equations of one space.

    Args:
        text: the encoder of their text.
        shapes_to_terms: number of operands of each shape, (shapes,).
        longest_operand: most digits an operand can have.
    """

    def __init__(self, text: TextEncoder, shapes_to_terms: np.ndarray, longest_operand: int) -> None:
        self._text = text
        self._shapes_to_terms = shapes_to_terms
        # Each addition can carry at every digit of its longer side, and into a new one.
        self._most_carries = int(shapes_to_terms.max() - 1) * (text.max_answer_length + longest_operand + 1)
        self._digits = PieceTable([int64_entry("digits", number) for number in range(longest_operand + 1)])
        self._carries = PieceTable([int64_entry("carries", number) for number in range(self._most_carries + 1)])
        lengths = range(text.max_question_length + 1)
        self._before_question = PieceTable([bytes_entry_head("question", length) for length in lengths])
        self._terms = PieceTable([int64_entry("terms", number) for number in range(int(shapes_to_terms.max()) + 1)])
        self._middle = self._merge_middle()
        self._heads = PieceTable([b""])
        self._build_heads()
        self._constants = constants(self._heads.width + text.max_answer_length + self._most_behind)

    def encode(self, block: EquationBlock) -> np.ndarray:
        """Returns the framed records of a block, one behind the other, uint8 (total,)."""
        answer, question = self._text.answers(block), self._text.questions(block)
        answer_lengths, question_lengths = total_lengths(answer), total_lengths(question)
        tail = [*self._middle_pieces(block, question_lengths), *question, self._terms_piece(block)]
        behind = total_lengths(tail)
        head = Piece(self._heads, answer_lengths * np.int32(self._most_behind + 1) + behind)
        pieces = [head, *answer, *tail]
        payload = head.lengths() - np.int32(_HEADER.size) + answer_lengths + behind
        ends = np.cumsum(payload + np.int32(FRAME_BYTES), dtype=np.int64)
        # A short last piece may spill over the checksum's place, which is written after it, but never further.
        buffer = np.empty(int(ends[-1]) + self._most_behind, dtype=np.uint8)
        starts = ends - payload - FRAME_BYTES
        checksums = self._constants.take(payload)
        remaining = payload + np.int32(_HEADER.size)
        for piece in pieces:
            lengths = piece.lengths()
            remaining = remaining - lengths
            terms = piece.table.terms(self._most_behind + self._text.max_answer_length)
            checksums ^= terms.ravel().take(remaining.astype(np.int64) * terms.shape[1] + piece.ids)
            piece.table.write(buffer, starts, piece.ids)
            starts = starts + lengths
        self._write_checksums(buffer, starts, mask(checksums))
        return buffer[: int(ends[-1])]

    def _write_checksums(self, buffer: np.ndarray, starts: np.ndarray, checksums: np.ndarray) -> None:
        places = np.ndarray((len(buffer) - 3,), dtype="V4", buffer=buffer, strides=(1,))
        places[starts] = checksums.astype("<u4", copy=False).view("V4")

    def _terms_piece(self, block: EquationBlock) -> Piece:
        if len(self._shapes_to_terms) == 1:
            return Piece(self._terms, np.broadcast_to(np.int32(self._shapes_to_terms[0]), len(block)))
        return Piece(self._terms, self._shapes_to_terms.take(block.shapes).astype(np.int32))

    def _merge_middle(self) -> PieceTable | None:
        """Returns one table for all that stands between answer and question, if that is small."""
        tables = (self._carries, self._digits, self._before_question)
        if np.prod([len(table.lengths) for table in tables]) > _LARGEST_MERGED_TABLE:
            return None
        rows = [[bytes(row[:length]) for row, length in zip(t.rows, t.lengths, strict=True)] for t in tables]
        return PieceTable([a + b + c for a in rows[0] for b in rows[1] for c in rows[2]])

    def _middle_pieces(self, block: EquationBlock, question_lengths: np.ndarray) -> list[Piece]:
        carries, digits = block.carries.astype(np.int32), block.digits.astype(np.int32)
        if self._middle is None:
            columns = (self._carries, carries), (self._digits, digits), (self._before_question, question_lengths)
            return [Piece(table, ids) for table, ids in columns]
        ids = (carries * len(self._digits.lengths) + digits) * len(self._before_question.lengths) + question_lengths
        return [Piece(self._middle, ids)]

    def _build_heads(self) -> None:
        """Lists what stands before an answer, for each length of the answer and of all that stands behind it."""
        tables = (self._carries, self._digits, self._before_question, self._terms)
        self._most_behind = sum(int(table.lengths.max()) for table in tables) + self._text.max_question_length
        heads = [
            self._head(answer, behind)
            for answer in range(self._text.max_answer_length + 1)
            for behind in range(self._most_behind + 1)
        ]
        self._heads = PieceTable(heads, crc_skip=_HEADER.size)

    def _head(self, answer_length: int, behind: int) -> bytes:
        before = bytes_entry_head("answer", answer_length)
        features = len(before) + answer_length + behind
        head = features_head(features) + before
        length = struct.pack("<Q", len(head) + answer_length + behind)
        return length + _masked(length) + head


def read_records(file: BinaryIO, name: str = "file") -> Iterator[bytes]:
    """Yields the payloads of a TFRecord file, both checksums of each checked.

    Args:
        file: an open file of uncompressed bytes.
        name: what to call it in errors.

    Raises:
        UserError: a record is cut off or a checksum is wrong; names the record (from 0) and its byte offset.
    """
    offset = number = 0
    while header := file.read(_HEADER.size):
        where = f"{name}: record {number} (byte {offset})"
        if len(header) < _HEADER.size:
            raise UserError(f"{where} is cut off")
        length, length_checksum = _HEADER.unpack(header)
        # Before it is believed: a wrong length could ask for more memory than there is.
        if masked_checksum(header[:8]) != length_checksum:
            raise UserError(f"{where} has a wrong checksum of its length")
        payload, stored = file.read(length), file.read(_CHECKSUM.size)
        if len(payload) < length or len(stored) < _CHECKSUM.size:
            raise UserError(f"{where} is cut off")
        if masked_checksum(payload) != _CHECKSUM.unpack(stored)[0]:
            raise UserError(f"{where} has a wrong checksum")
        yield payload
        offset, number = offset + FRAME_BYTES + length, number + 1


def masked_checksum(data: bytes) -> int:
    """Returns the checksum of a string as TFRecord stores it."""
    value = google_crc32c.value(data)
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF


def open_uncompressed(file: BinaryIO, compression: str) -> BinaryIO:
    """Returns a file that reads the plain bytes of `file`, compressed by `none` or `gzip`."""
    return gzip.GzipFile(fileobj=file) if compression == "gzip" else file  # pyright: ignore[reportReturnType]
