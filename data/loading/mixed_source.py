"""Several sources of examples as one, dealt by a schedule."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from eqstream.data.loading.example_source import ALL, ExampleSource
from eqstream.data.loading.mixture import MixtureSchedule
from eqstream.data.loading.token_table import TokenTable


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
        deals = (self._deal(positions) for positions in runs)
        *copies, own = itertools.tee(deals, len(self._sources) + 1)
        tables = [
            # What a reader has of a batch is anything of a source.
            source.read(_positions_of(number, copy), columns=columns)
            for number, (source, copy) in enumerate(zip(self._sources, copies, strict=True))
        ]
        for deal, *parts in zip(own, *tables, strict=True):
            places = np.empty(len(deal.sources), np.int64)
            places[np.argsort(deal.sources, kind="stable")] = np.arange(len(places))
            yield TokenTable.join([part.select(columns) for part in parts]).take(places, columns)

    def _deal(self, positions: np.ndarray) -> _Deal:
        size = self._schedule.batch_size
        first = int(positions[0]) // size if len(positions) else 0
        num_steps = int(positions[-1]) // size + 1 - first if len(positions) else 0
        rows = self._schedule.rows(first, num_steps)
        wanted = positions - first * size
        return _Deal(rows.sources.reshape(-1)[wanted], rows.positions.reshape(-1)[wanted])


def _positions_of(source: int, deals: Iterable[_Deal]) -> Iterator[np.ndarray]:
    for deal in deals:
        yield deal.positions[deal.sources == source]
