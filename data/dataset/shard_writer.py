"""One shard: its equations, or the steps of their solutions, written in every format at once.

A shard depends on the recipe and its task alone, so any worker can write it, in any order, again and again.
"""

import contextlib
import functools
import gzip
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from eqstream.data.configuration import to_mapping
from eqstream.data.dataset.background import Background
from eqstream.data.dataset.histograms import HistogramCounter, Histograms
from eqstream.data.formats.blocks import BlockCounter, BlockIndex, Cut
from eqstream.data.formats.column_encoder import ColumnEncoder, EncodedBlock
from eqstream.data.formats.parquet import ParquetSink, encode_parquet
from eqstream.data.formats.tfrecord_writer import TFRecordEncoder
from eqstream.data.recipe import Recipe
from eqstream.data.solutions.solving import Steps
from eqstream.data.solutions.step_encoder import StepEncoder
from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.splits.plan import ShardTask
from eqstream.data.splits.prepared_sources import PreparedSources
from eqstream.data.splits.shard_equations import ShardEquations
from eqstream.data.splits.shard_steps import ShardSteps

_GZIP_LEVEL = 6


@dataclass(frozen=True)
class ShardReceipt:
    """What a shard's writer reports.

    Attributes:
        name: the shard's name.
        num_records: how many it holds.
        files: for each format ``num_bytes``, ``sha256`` (hexadecimal) and ``blocks``, the mapping of a `BlockIndex`.
        histograms: see `eqstream.data.dataset.histograms`.
    """

    name: str
    num_records: int
    files: dict[str, dict[str, Any]]
    histograms: Histograms

    def to_dict(self) -> dict:
        """Returns the receipt as JSON types."""
        return dict(vars(self))

    @classmethod
    def from_dict(cls, mapping: dict) -> "ShardReceipt":
        """Returns the receipt that `to_dict` wrote."""
        return cls(**mapping)


class Sink(Protocol):
    """All that a shard asks of a file."""

    def write(self, data: Any, /) -> Any:
        """Takes bytes."""


class _MeteredFile:
    """Passes bytes on to a file, counting and hashing them."""

    closed = False

    def __init__(self, file: Sink) -> None:
        self._file: Sink | None = file
        self._sha256 = hashlib.sha256()
        self.num_bytes = 0

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        if self._file is None:
            return len(view)
        self._sha256.update(view)
        self._file.write(view)
        self.num_bytes += len(view)
        return len(view)

    def flush(self) -> None:
        """Does nothing: whoever opened the file closes it."""

    def tell(self) -> int:
        return self.num_bytes

    def give_up(self) -> None:
        """Swallows all further bytes: encoders write their last ones even when they are thrown away half-way."""
        self._file = None

    def report(self) -> dict[str, Any]:
        return {"num_bytes": self.num_bytes, "sha256": self._sha256.hexdigest()}


class _TFRecordFile:
    """Encodes blocks, large ones in parts; hashes, compresses and writes each part beside encoding the next."""

    def __init__(
        self, encoder: TFRecordEncoder, file: _MeteredFile, *, compression: str, cut: Cut, beside: Background
    ) -> None:
        self._encoder = encoder
        self._beside = beside
        self._edges = cut.edges()
        self._counter = BlockCounter()
        self._num_records = 0
        self._file: Any = file
        self._gzip = None
        if compression == "gzip":
            # No name and no time: the same equations give the same bytes.
            self._gzip = gzip.GzipFile("", "wb", _GZIP_LEVEL, fileobj=file, mtime=0)  # pyright: ignore
            self._file = self._gzip

    def write(self, block: EncodedBlock) -> None:
        for records, ends in self._encoder.encode(block):
            self._beside.run(self._write, records, ends)

    def _write(self, records: np.ndarray, ends: np.ndarray) -> None:
        self._file.write(records)
        edges = self._edges - self._num_records
        begin = 0
        for end in ends[edges[(edges > 0) & (edges <= len(ends))] - 1].tolist():
            self._counter.add(records[begin:end])
            self._counter.cut()
            begin = end
        self._counter.add(records[begin:])
        self._num_records += len(ends)

    def index(self) -> BlockIndex:
        return self._counter.index()

    def close(self) -> None:
        if self._gzip is not None:
            self._beside.run(self._gzip.close)
        self._beside.finish()


class _ParquetFile:
    def __init__(self, file: _MeteredFile, cut: Cut) -> None:
        self._sink = ParquetSink(file, cut)  # pyright: ignore[reportArgumentType]

    def write(self, block: EncodedBlock) -> None:
        self._sink.write(encode_parquet(block))

    def close(self) -> None:
        self._sink.close()

    def index(self) -> BlockIndex:
        return self._sink.index()


class ShardWriter:
    """Writes the shards of one recipe; make it once a process, as its tables take a while to build.

    Several threads may write a shard each at the same time.

    Args:
        recipe: the recipe.
        sources: of the recipe, where they are known already.
        has_threads: whether files are encoded, hashed and written in threads beside computing their records. Where
            every core has a shard of its own to write, these would only wait for each other.

    Attributes:
        equations: finds those of each shard.
        steps: finds their steps; None where examples are equations.
        columns: the encoder of equations.
    """

    def __init__(self, recipe: Recipe, sources: PreparedSources | None = None, *, has_threads: bool = True) -> None:
        self._recipe = recipe
        self._make_background = functools.partial(Background, has_thread=has_threads)
        self._sources = PreparedSources(recipe) if sources is None else sources
        self._space = self._sources.space
        self.equations = ShardEquations(self._sources)
        self.columns = ColumnEncoder(self._space)
        self.steps = None if recipe.steps is None else ShardSteps(self._sources)

    def write(
        self,
        task: ShardTask,
        sinks: Mapping[str, Sink],
        blocks: Iterable[EquationBlock] | None = None,
        *,
        solved: Iterable[tuple[EquationBlock, Steps]] | None = None,
    ) -> ShardReceipt:
        """Writes a shard in every format of `sinks` and returns the receipt.

        Args:
            task: the shard.
            sinks: ``tfrecord``, ``parquet`` or both, each with an open binary file.
            blocks: its equations, where they were computed before.
            solved: what `ShardSteps.blocks` gives, where they were solved before.

        Raises:
            OSError: a file cannot be written.
        """
        meters = {file_format: _MeteredFile(sink) for file_format, sink in sinks.items()}
        histograms = HistogramCounter(self._space)
        try:
            num_records, indexes = self._write(task, self._encode(task, blocks, solved), meters, histograms)
        except BaseException:
            for meter in meters.values():
                meter.give_up()
            raise
        reports = {name: {**meter.report(), "blocks": to_mapping(indexes[name])} for name, meter in meters.items()}
        return ShardReceipt(task.name, num_records, reports, histograms.histograms())

    def _write(
        self,
        task: ShardTask,
        blocks: Iterable[tuple[EquationBlock, EncodedBlock]],
        meters: Mapping[str, _MeteredFile],
        histograms: HistogramCounter,
    ) -> tuple[int, dict[str, BlockIndex]]:
        """Writes and counts a shard's records."""
        num_records = 0
        with contextlib.ExitStack() as stack:
            opened = [self._open(file_format, meter, task.records, stack) for file_format, meter in meters.items()]
            files = [(stack.enter_context(self._make_background()), file) for file in opened]
            for block, encoded in blocks:
                for background, file in files:
                    background.run(file.write, encoded)
                histograms.add(block, encoded.lengths("question"), encoded.lengths("answer"))
                num_records += len(block)
            for background, file in files:
                background.run(file.close)
            for background, _ in files:
                background.finish()
        return num_records, {name: file.index() for name, (_, file) in zip(meters, files, strict=True)}

    def _encode(
        self,
        task: ShardTask,
        blocks: Iterable[EquationBlock] | None,
        solved: Iterable[tuple[EquationBlock, Steps]] | None,
    ) -> Iterator[tuple[EquationBlock, EncodedBlock]]:
        """Yields the records of a shard in their order, and the equation of each."""
        if self.steps is None:
            for block in self.equations.blocks(task) if blocks is None else blocks:
                yield block, self.columns.encode(block)
            return
        for block, steps in self.steps.blocks(task, blocks) if solved is None else solved:
            if len(steps):
                equations = block.take(steps.equation)
                yield equations, self._step_columns.encode(equations, steps)

    @functools.cached_property
    def _step_columns(self) -> StepEncoder:
        assert self._recipe.steps is not None
        return StepEncoder(self.columns, self._recipe.steps, self._recipe.space)

    # Its tables are made when first used: they are not needed without TFRecord files.
    @functools.cached_property
    def _tfrecord(self) -> TFRecordEncoder:
        return TFRecordEncoder(self.columns if self.steps is None else self._step_columns)

    def _open(
        self, file_format: str, meter: _MeteredFile, cut: Cut, stack: contextlib.ExitStack
    ) -> _TFRecordFile | _ParquetFile:
        if file_format == "parquet":
            return _ParquetFile(meter, cut)
        beside = stack.enter_context(self._make_background())
        compression = self._recipe.storage.compression
        return _TFRecordFile(self._tfrecord, meter, compression=compression, cut=cut, beside=beside)
