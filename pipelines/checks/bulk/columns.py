"""The records of a block, column by column: texts as runs of bytes, numbers as arrays."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np


class Texts(NamedTuple):
    """Texts as one run of bytes, uint8 (num_bytes,); `offsets`, int64 (n + 1,), say where each begins and ends."""

    data: np.ndarray
    offsets: np.ndarray

    @property
    def num_texts(self) -> int:
        """How many texts there are."""
        return len(self.offsets) - 1

    def text(self, row: int) -> str:
        """Returns one of the texts; what is not UTF-8 is replaced."""
        return self.data[self.offsets[row] : self.offsets[row + 1]].tobytes().decode(errors="replace")

    def rows(self, start: int, stop: int) -> "Texts":
        """Returns the texts from `start` to `stop` - 1."""
        offsets = self.offsets[start : stop + 1]
        return Texts(self.data[offsets[0] : offsets[-1]], offsets - offsets[0])

    def with_rows(self, row_to_text: Mapping[int, bytes]) -> "Texts":
        """Returns the texts with other ones in some rows."""
        data = self.data.tobytes()
        texts = [data[start:end] for start, end in itertools.pairwise(self.offsets.tolist())]
        for row, text in row_to_text.items():
            texts[row] = text
        return Texts(np.frombuffer(b"".join(texts), np.uint8), np.cumsum([0, *map(len, texts)]))

    def differs_at(self, other: "Texts") -> np.ndarray:
        """Returns the rows, rising, whose texts are not those of `other`, which has as many."""
        if np.array_equal(self.offsets, other.offsets) and np.array_equal(self.data, other.data):
            return np.zeros(0, np.int64)
        return np.flatnonzero([self.text(row) != other.text(row) for row in range(self.num_texts)])


def join_texts(parts: Iterable[Texts]) -> Texts:
    """Returns the texts of all parts, in their order."""
    parts = list(parts)
    ends = np.cumsum([0, *(len(part.data) for part in parts)])
    offsets = [part.offsets[1:] + end for part, end in zip(parts, ends[:-1], strict=True)]
    return Texts(np.concatenate([part.data for part in parts]), np.concatenate([[0], *offsets]))


class Columns(NamedTuple):
    """The columns of n records, in the order of their names; numbers are int64 (n,)."""

    answer: Texts
    carries: np.ndarray
    digits: np.ndarray
    question: Texts
    terms: np.ndarray

    @property
    def num_records(self) -> int:
        """How many records there are."""
        return len(self.terms)

    def rows(self, start: int, stop: int) -> "Columns":
        """Returns the records from `start` to `stop` - 1."""
        parts: Any = (part.rows(start, stop) if isinstance(part, Texts) else part[start:stop] for part in self)
        return Columns(*parts)

    def value(self, name: str, row: int) -> str | int:
        """Returns one value."""
        column = getattr(self, name)
        return column.text(row) if isinstance(column, Texts) else int(column[row])

    def differs_at(self, other: "Columns") -> np.ndarray:
        """Returns the rows, rising, in which some value is not that of `other`, which has as many records."""
        pairs: Any = zip(self, other, strict=True)
        places = [
            ours.differs_at(theirs) if isinstance(ours, Texts) else np.flatnonzero(ours != theirs)
            for ours, theirs in pairs
        ]
        return np.unique(np.concatenate(places))


def pair_blocks(first: Iterator[Columns], second: Iterator[Columns]) -> Iterator[tuple[Columns | None, Columns | None]]:
    """Yields the blocks of two streams cut at the same rows; the rest of the longer one with None."""
    ours, theirs = next(first, None), next(second, None)
    while ours is not None and theirs is not None:
        shared = min(ours.num_records, theirs.num_records)
        yield ours.rows(0, shared), theirs.rows(0, shared)
        ours = ours.rows(shared, ours.num_records) if shared < ours.num_records else next(first, None)
        theirs = theirs.rows(shared, theirs.num_records) if shared < theirs.num_records else next(second, None)
    while ours is not None:
        yield ours, None
        ours = next(first, None)
    while theirs is not None:
        yield None, theirs
        theirs = next(second, None)
