"""Where the columns stand in the records that `eqstream.data.formats.tfrecord_writer` writes.

A payload begins with the head of its features. Behind it come three parts, between which the two texts stand: a part is
the entries of some numbers, and then the head of the text that follows. All bytes of a part but those of the numbers
follow from the length of that text; so how long a record and its answer are says what stands where.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import google_crc32c
import numpy as np

from eqstream.data.formats.columns import NUMBER_COLUMNS, STORED_COLUMNS
from eqstream.data.formats.crc32c import append_zero, byte_table
from eqstream.data.formats.example_proto import bytes_entry_head, features_head, int64_entry

# What is longer, with its head, is no short text.
_LONGEST_TEXT = 2048


@dataclass(frozen=True, eq=False)
class Part:
    """What stands in front of a text, or behind the last one.

    Attributes:
        width: number of bytes.
        rows: these bytes by the length of the text, uint8 (num_lengths, width), with zeros for the numbers.
        numbers: the place of each number, which has one byte.
    """

    width: int
    rows: np.ndarray
    numbers: dict[str, int]


class Places(NamedTuple):
    """Records of one kind.

    Attributes:
        rows: which records these are, int64 (n,); None for all.
        head_bytes: of the head of the features.
        question_head_bytes: of the head of the question.
        answer_lengths: int64 (n,).
        question_lengths: int64 (n,).
    """

    rows: np.ndarray | None
    head_bytes: int
    question_head_bytes: int
    answer_lengths: np.ndarray
    question_lengths: np.ndarray


def find_kinds(chunk: np.ndarray, payloads: np.ndarray, lengths: np.ndarray) -> Iterator[Places]:
    """Yields the records that may be laid out as ours, kind by kind; others are in none.

    Args:
        chunk: whole records, uint8 (num_bytes,).
        payloads: where payloads start, int64 (n,).
        lengths: their lengths, int64 (n,).
    """
    answer, rest, end = (part.width for part in list_parts(_head_bytes("question", 0)))
    heads = np.where(lengths < 2 + (1 << 7), 2, 3)
    # Behind the head of the answer's text, whose last byte is its length; in a shorter record stands anything.
    answers = chunk[payloads + np.minimum(heads + answer - 1, lengths)].astype(np.int64)
    room = lengths - heads - (answer + rest - _head_bytes("question", 0) + end) - answers
    questions = _lengths_by_room().take(room, mode="clip")
    # Of a longer answer the head is longer, too.
    is_ours = (room >= 0) & (questions >= 0) & (answers < len(list_parts(_head_bytes("question", 0))[0].rows))
    kinds = np.where(is_ours, heads << 16 | room - questions, -1)
    if len(kinds) and kinds[0] >= 0 and (kinds == kinds[0]).all():
        yield Places(None, int(heads[0]), int(kinds[0] & 0xFFFF), answers, questions)
        return
    for kind in np.unique(kinds[is_ours]).tolist():
        rows = np.flatnonzero(kinds == kind)
        yield Places(rows, kind >> 16, kind & 0xFFFF, answers[rows], questions[rows])


@lru_cache(maxsize=64)
def list_parts(question_head_bytes: int) -> tuple[Part, Part, Part]:
    """Returns the parts of records whose question has a head of so many bytes."""
    before: list[str] = []
    parts = []
    for column in STORED_COLUMNS:
        if column.name in NUMBER_COLUMNS:
            before.append(column.name)
        else:
            head_bytes = question_head_bytes if column.name == "question" else _head_bytes(column.name, 0)
            parts.append(_make_part(before, column.name, head_bytes))
            before = []
    first, second, last = *parts, _make_part(before, None, 0)
    return first, second, last


def _make_part(numbers: list[str], text: str | None, head_bytes: int) -> Part:
    """Returns a part with the entries of numbers and a text's head of so many bytes."""
    entries = [int64_entry(name, 0) for name in numbers]
    ends = np.cumsum([len(entry) for entry in entries])
    heads = [b""] if text is None else [head for head in _list_heads(text) if len(head) <= head_bytes]
    width = sum(map(len, entries)) + head_bytes
    # Lengths that have a shorter head are of another kind.
    rows = [(b"".join(entries) + head).ljust(width, b"\0") for head in heads]
    matrix = np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), width)
    return Part(width, matrix, {name: int(end) - 1 for name, end in zip(numbers, ends, strict=True)})


@lru_cache(maxsize=8)
def _list_heads(text: str) -> list[bytes]:
    """Returns the head of a text by its length."""
    return [bytes_entry_head(text, length) for length in range(_LONGEST_TEXT)]


def _head_bytes(text: str, length: int) -> int:
    return len(_list_heads(text)[length])


@lru_cache(maxsize=1)
def _lengths_by_room() -> np.ndarray:
    """Returns the length of a question by the bytes of it and its head, int64 (n,); -1 where none has so many."""
    room = [len(head) + length for length, head in enumerate(_list_heads("question"))]
    lengths = np.full(room[-1] + 2, -1, np.int64)
    lengths[room] = np.arange(len(room))
    return lengths


@lru_cache(maxsize=1 << 14)
def checksum_without_values(head_bytes: int, question_head_bytes: int, answer_length: int, question_length: int) -> int:
    """Returns the CRC-32C of a payload with zeros for texts and numbers."""
    answer, rest, end = list_parts(question_head_bytes)
    behind = answer.rows[answer_length].tobytes() + bytes(answer_length)
    behind += rest.rows[question_length].tobytes() + bytes(question_length) + end.rows[0].tobytes()
    return google_crc32c.value(features_head(len(behind)).ljust(head_bytes, b"\0") + behind)


@lru_cache(maxsize=64)
def terms_of_bytes(longest: int) -> np.ndarray:
    """Returns what each byte adds to a checksum, by the number of bytes behind it, uint32 (longest * 256,)."""
    terms = np.empty((longest, 256), np.uint32)
    terms[0] = byte_table()
    for behind in range(1, longest):
        terms[behind] = append_zero(terms[behind - 1])
    return terms.ravel()
