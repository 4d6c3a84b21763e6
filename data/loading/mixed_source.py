"""Several sources of examples as one, dealt by a schedule."""

import contextlib
import itertools
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from eqstream.data.loading.example_source import ALL, ExampleSource
from eqstream.data.loading.mixture_schedule import MixtureSchedule
from eqstream.data.loading.token_table import TokenTable

# Examples that are read from a source at a time: an epoch, or at most so many, or at least so many.
_MOST_AT_ONCE, _LEAST_AT_ONCE = 4096, 64


class _Deal(NamedTuple):
    """Where the examples of some positions come from.

    Attributes:
        sources: number of the source, int64 (n,).
        positions: position in that source, int64 (n,).
    """

    sources: np.ndarray
    positions: np.ndarray


class MixedSource:
    """A mixture; see `eqstream.data.loading.example_source`. Each source goes through its own epochs, at its own pace.

    Args:
        schedule: deals the rows of each batch.
        sources: as many as the schedule has, all with the same codec.
        num_batches: batches of an epoch.
    """

    def __init__(self, schedule: MixtureSchedule, sources: Sequence[ExampleSource], num_batches: int) -> None:
        self._schedule, self._sources = schedule, sources
        self.num_examples = num_batches * schedule.batch_size
        self.encoder = sources[0].encoder

    def read(
        self, runs: Iterable[np.ndarray], *, columns: Sequence[str] = (), reader: tuple[int, int] = ALL
    ) -> Iterator[TokenTable]:
        """Yields the examples at each array of positions, in their order."""
        with contextlib.ExitStack() as stack:
            queues = [stack.enter_context(contextlib.closing(ExampleQueue(each, columns))) for each in self._sources]
            for positions in runs:
                deal = self._deal(positions)
                parts = [queue.take(deal.positions[deal.sources == number]) for number, queue in enumerate(queues)]
                places = np.empty(len(positions), np.int64)
                places[np.argsort(deal.sources, kind="stable")] = np.arange(len(places))
                yield TokenTable.join(parts).take(places, columns)

    def _deal(self, positions: np.ndarray) -> _Deal:
        size = self._schedule.batch_size
        first = int(positions[0]) // size if len(positions) else 0
        num_steps = int(positions[-1]) // size + 1 - first if len(positions) else 0
        rows = self._schedule.rows(first, num_steps)
        wanted = positions - first * size
        return _Deal(rows.sources.reshape(-1)[wanted], rows.positions.reshape(-1)[wanted])


class ExampleQueue:
    """The examples of a source from the first one that is asked for on.

    All of them are read, in chunks: what comes how soon depends on the schedule alone, and a source that has no weight
    yet is left alone.
    """

    def __init__(self, source: ExampleSource, columns: Sequence[str]) -> None:
        self._source, self._columns = source, columns
        self._tables: Generator[TokenTable, None, None] | None = None
        # The examples that were read and not yet passed by, and the position of the first of them.
        self._table = source.encoder.reserve(0).select(columns)
        self._start = 0

    def take(self, positions: np.ndarray) -> TokenTable:
        """Returns the examples at positions, int64 (n,), which rise from call to call."""
        if not len(positions):
            return self._table.take(positions, self._columns)
        if self._tables is None:
            self._start = int(positions[0])
            self._tables = self._read()
        parts, stop = [self._table], int(positions[-1]) + 1
        while sum(map(len, parts)) < stop - self._start:
            parts.append(next(self._tables))
        joined = TokenTable.join(parts)
        self._table = joined.take(np.arange(stop - self._start, len(joined)), self._columns)
        taken = joined.take(positions - self._start, self._columns)
        self._start = stop
        return taken

    def close(self) -> None:
        """Stops reading ahead."""
        if self._tables is not None:
            self._tables.close()

    def _read(self) -> Generator[TokenTable, None, None]:
        size = max(min(self._source.num_examples, _MOST_AT_ONCE), _LEAST_AT_ONCE)
        chunks = (np.arange(start, start + size) for start in itertools.count(self._start, size))
        yield from self._source.read(chunks, columns=self._columns)
