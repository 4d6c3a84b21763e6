"""The examples of a split of a dataset, read in the order of its epochs; what fits a budget is kept."""

import functools
import sys
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np

from eqstream.data.dataset.block_reader import BlockReader
from eqstream.data.dataset.manifest import Manifest
from eqstream.data.dataset.manifest_file import load_manifest
from eqstream.data.errors import UserError
from eqstream.data.formats.blocks import BLOCK
from eqstream.data.formats.columns import NUMBER_COLUMNS, EquationColumns
from eqstream.data.loading.codec import Codec
from eqstream.data.loading.codec_fit import check_codec
from eqstream.data.loading.epoch_order import EpochOrder, Window
from eqstream.data.loading.example_encoder import ExampleEncoder
from eqstream.data.loading.example_source import ALL
from eqstream.data.loading.token_table import TokenTable
from eqstream.data.loading.window_buffer import Piece, WindowBuffer

# Bytes of tokens up to which a split is kept.
MEMORY_BUDGET = 256 << 20
# Few enough that all threads are busy with one window, and that what is made of them stays in the cache.
_BLOCKS_AT_ONCE = 4


class Blocks(Protocol):
    """What a split is read from; see `eqstream.data.dataset.block_reader.BlockReader`."""

    num_records: int
    num_threads: int

    def read(
        self, block: int, rows: slice = slice(None), *, numbers: Sequence[str] = NUMBER_COLUMNS
    ) -> EquationColumns:
        """Returns the equations of some records of a block, with these numbers; any thread may call it."""
        ...

    def find_shard(self, block: int) -> str:
        """Returns the name of the shard in which a block begins."""
        ...


class KeptExamples:
    """A table for all examples of a split, filled block by block as they are first read.

    Any number of iterators may share it: what two of them read at the same time is the same.

    Args:
        table: a row for each record.
        block_size: records of a block.

    Attributes:
        table: the table.
        is_read: whether a block is there, bool (num_blocks,).
    """

    def __init__(self, table: TokenTable, *, block_size: int = BLOCK) -> None:
        self.table = table
        self.is_read = np.zeros(-(-len(table) // block_size), bool)


class SplitSource:
    """The examples of a split; see `eqstream.data.loading.example_source.ExampleSource`.

    While they are read, two windows of them are in memory and a few blocks for each thread; or all, if they are kept.

    Args:
        blocks: what they are read from.
        encoder: from equations to rows of a table.
        order: of the records.
        kept: where they are kept; None to read them in each epoch.
    """

    def __init__(
        self, blocks: Blocks, encoder: ExampleEncoder, order: EpochOrder, *, kept: KeptExamples | None = None
    ) -> None:
        self.num_examples, self.encoder = order.num_records, encoder
        self._blocks, self._order, self._kept = blocks, order, kept
        # One window after the other is divided among many arrays of positions.
        self._window = functools.lru_cache(maxsize=2)(order.window)

    def read(
        self, runs: Iterable[np.ndarray], *, columns: Sequence[str] = (), reader: tuple[int, int] = ALL
    ) -> Generator[TokenTable, None, None]:
        """Yields the examples at each array of positions, in their order."""
        waiting: deque[_Request] = deque()
        last: WindowBuffer | None = None
        with _open_pool(self._blocks) as pool:
            try:
                for positions in runs:
                    request: _Request = []
                    for window, places in self._divide(positions):
                        if last is None or last.window.key != window.key:
                            last = self._open(window, reader, columns, pool)
                        request.append((last, places))
                    waiting.append(request)
                    while _count_blocks(waiting) > self._order.window_blocks:
                        yield _take(waiting.popleft(), self.encoder, columns)
                while waiting:
                    yield _take(waiting.popleft(), self.encoder, columns)
            finally:
                pool.shutdown(cancel_futures=True)

    def load(self) -> TokenTable:
        """Returns all examples in the order of the records; they must be kept.

        Raises:
            UserError: a file is missing or damaged.
        """
        if self._kept is None:
            raise ValueError("only examples that are kept can be loaded")
        table, size = self._kept.table, self._order.block_size
        pieces = [
            Piece(block, range(min(size, self.num_examples - block * size)), block * size)
            for block in np.flatnonzero(~self._kept.is_read).tolist()
        ]
        with _open_pool(self._blocks) as pool:
            for _ in pool.map(lambda few: self._fill(few, table), _cut(pieces)):
                pass
        return table

    def _divide(self, positions: np.ndarray) -> Iterator[tuple[Window, np.ndarray]]:
        """Yields the windows that positions lie in, each with its places in the epoch."""
        begin = 0
        while begin < len(positions):
            epoch, place = divmod(int(positions[begin]), self.num_examples)
            window = self._window(epoch, self._order.find_window(epoch, place))
            first = epoch * self.num_examples
            end = int(np.searchsorted(positions, first + window.start + window.size))
            yield window, positions[begin:end] - first
            begin = end

    def _open(self, window: Window, reader: tuple[int, int], columns: Sequence[str], pool: Executor) -> WindowBuffer:
        """Returns a buffer for a window, which is being filled."""
        if self._kept is None:
            buffer = WindowBuffer.reserve(window, reader, self.encoder, columns)
            pieces = buffer.pieces
        else:
            buffer = WindowBuffer.within(window, reader, self._kept.table)
            pieces = [piece for piece in buffer.pieces if not self._kept.is_read[piece.block]]
        buffer.pending.extend(pool.submit(self._fill, few, buffer.table) for few in _cut(pieces))
        return buffer

    def _fill(self, pieces: Sequence[Piece], table: TokenTable) -> None:
        # Another window, or another iterator, may have been sooner.
        missing = [piece for piece in pieces if self._kept is None or not self._kept.is_read[piece.block]]
        if not missing:
            return
        columns = EquationColumns.join([self._read_piece(piece, tuple(table.numbers)) for piece in missing])
        try:
            self.encoder.fill(table, _list_rows(missing), columns)
        except UserError as error:
            for piece in missing[: len(missing) - 1]:
                # Of several, the one whose texts do not fit raises the error.
                self._fill([piece], table)
            raise UserError(f"shard {self._blocks.find_shard(missing[-1].block)}: {error}") from error
        if self._kept is not None:
            self._kept.is_read[[piece.block for piece in missing]] = True

    def _read_piece(self, piece: Piece, numbers: Sequence[str]) -> EquationColumns:
        records = slice(piece.records.start, piece.records.stop, piece.records.step)
        return self._blocks.read(piece.block, records, numbers=self.encoder.needed_numbers(numbers))


# A buffer for each window, with places of the epoch.
_Request = list[tuple[WindowBuffer, np.ndarray]]


def _open_pool(blocks: Blocks) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(blocks.num_threads, "eqstream-read")


def _cut(pieces: Sequence[Piece]) -> list[Sequence[Piece]]:
    """Returns pieces in groups for one thread each."""
    return [pieces[start : start + _BLOCKS_AT_ONCE] for start in range(0, len(pieces), _BLOCKS_AT_ONCE)]


def _list_rows(pieces: Sequence[Piece]) -> slice | np.ndarray:
    """Returns the rows of a table where pieces go, one piece behind the other."""
    rows = np.concatenate([np.arange(piece.start, piece.start + len(piece.records)) for piece in pieces])
    is_one_run = rows[-1] - rows[0] + 1 == len(rows) and (np.diff(rows) == 1).all()
    return slice(int(rows[0]), int(rows[-1]) + 1) if is_one_run else rows


def _count_blocks(requests: Iterable[_Request]) -> int:
    """Returns the number of blocks of all windows that requests wait for."""
    windows = {id(buffer): buffer.window for request in requests for buffer, _ in request}
    return sum(len(window.blocks) for window in windows.values())


def _take(request: _Request, encoder: ExampleEncoder, columns: Sequence[str]) -> TokenTable:
    """Returns the examples that a request wants, in their order."""
    parts = [buffer.take(places, columns) for buffer, places in request]
    return TokenTable.join(parts) if parts else encoder.reserve(0, columns)


def open_split(
    blocks: BlockReader, encoder: ExampleEncoder, order: EpochOrder, *, memory_budget: int = MEMORY_BUDGET
) -> SplitSource:
    """Returns the examples of a split, which are kept if they fit into `memory_budget` bytes."""
    is_kept = blocks.num_records * encoder.num_bytes <= memory_budget
    kept = KeptExamples(encoder.reserve(blocks.num_records)) if is_kept else None
    return SplitSource(blocks, encoder, order, kept=kept)


def load_tokens(
    directory: str | Path, split: str, codec: Codec, *, manifest: Manifest | None = None, storage: str | None = None
) -> TokenTable:
    """Returns the tokens of a split, in the order of its records.

    Args:
        directory: the dataset.
        split: the split's name.
        codec: from text to tokens; must fit the dataset.
        manifest: the dataset's manifest if it has been read already.
        storage: `parquet` or `tfrecord`; None takes what there is. The tokens are the same.

    Raises:
        UserError: a shard is missing, short, damaged or foreign (names shard and, where it can be known, record), the
            codec does not fit the dataset, or there is not enough memory.
    """
    manifest = manifest or load_manifest(directory)
    check_codec(codec, manifest.recipe.space, manifest.space)
    blocks, encoder = BlockReader(directory, manifest, split, storage=storage), ExampleEncoder(codec, manifest.space)
    return open_split(blocks, encoder, EpochOrder(num_records=blocks.num_records), memory_budget=sys.maxsize).load()
