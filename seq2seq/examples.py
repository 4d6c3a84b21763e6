"""The examples that a verdict is on, block by block, so that a space of any size is judged in the same memory."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.byte_rows import ByteRows
from data.loader_tfrecord import read_tfrecord_shard
from data.records import EquationColumns, choose_format, read_parquet_shard, read_shards, split_shards

# A multiple of the decoder's batch, so that no batch is filled up but the last one.
BLOCK_SIZE = 1 << 16
_READERS = {"parquet": read_parquet_shard, "tfrecord": read_tfrecord_shard}


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Equations to judge a model on.

    Attributes:
        name: of the split, or `all-unseen`.
        about: what they are, for a person.
        total: how many there are.
        is_sample: whether they are drawn from a larger set that they stand for.
        read: starts anew at each call; yields all of them, in blocks of any size.
    """

    name: str
    about: str
    total: int
    is_sample: bool
    read: Callable[[], Iterator[EquationColumns]]

    def blocks(self, limit: int | None = None) -> Iterator[EquationColumns]:
        """Yields the examples, or the first `limit` of them, in blocks of `BLOCK_SIZE`; the last one may be smaller."""
        left = self.total if limit is None else min(limit, self.total)
        waiting: list[EquationColumns] = []
        for block in self.read():
            for start in range(0, len(block), BLOCK_SIZE):
                waiting.append(_cut(block, start, start + BLOCK_SIZE))
                size = min(left, BLOCK_SIZE)
                if sum(map(len, waiting)) >= size:
                    joined = _join(waiting)
                    yield _cut(joined, 0, size)
                    waiting = [_cut(joined, size, len(joined))]
                    left -= size
                if left == 0:
                    return
        if left:
            raise ValueError(f"{left} of the {self.total} examples of `{self.name}` did not come")


def read_split(directory: str | Path, manifest: Mapping[str, Any], split: str) -> Iterator[EquationColumns]:
    """Yields the equations of a split, a shard at a time, checked against the manifest.

    Raises:
        UserError: a shard is missing, short, damaged or foreign; names the shard.
    """
    storage = choose_format(manifest)
    yield from read_shards(split_shards(directory, manifest, split, storage), _READERS[storage])


def find_questions(blocks: Iterator[EquationColumns], questions: set[str]) -> set[str]:
    """Returns which of the questions are among the equations."""
    wanted = np.array(sorted(questions), np.bytes_)
    found: set[str] = set()
    for block in blocks:
        if len(block):
            matrix = np.ascontiguousarray(block.question.matrix)
            texts = matrix.view(f"S{matrix.shape[1]}").reshape(-1)
            found.update(text.decode() for text in wanted[np.isin(wanted, texts)].tolist())
    return found


def _cut(block: EquationColumns, start: int, stop: int) -> EquationColumns:
    texts = [ByteRows(rows.matrix[start:stop], rows.lengths[start:stop]) for rows in (block.question, block.answer)]
    return EquationColumns(*texts, numbers={name: column[start:stop] for name, column in block.numbers.items()})


def _join(blocks: list[EquationColumns]) -> EquationColumns:
    if len(blocks) == 1:
        return blocks[0]
    numbers = {name: np.concatenate([block.numbers[name] for block in blocks]) for name in blocks[0].numbers}
    questions, answers = [block.question for block in blocks], [block.answer for block in blocks]
    return EquationColumns(_join_rows(questions), _join_rows(answers), numbers=numbers)


def _join_rows(parts: list[ByteRows]) -> ByteRows:
    width = max(part.matrix.shape[1] for part in parts)
    matrix = np.concatenate([part.padded(width) for part in parts])
    return ByteRows(matrix, np.concatenate([part.lengths for part in parts]))
