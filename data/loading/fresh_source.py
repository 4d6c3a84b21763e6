"""The examples of a recipe's endless stream, without files."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from eqstream.data.formats.column_encoder import ColumnEncoder
from eqstream.data.loading.example_encoder import ExampleEncoder
from eqstream.data.loading.example_source import ALL
from eqstream.data.loading.token_table import TokenTable
from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.streams.equation_stream import EquationStream


class FreshSource:
    """The equations of `eqstream.data.streams.equation_stream`; see `eqstream.data.loading.example_source`.

    >>> from eqstream.data.recipe_files import load_recipe
    >>> recipe = load_recipe("addition-10")
    >>> source = FreshSource(EquationStream(recipe), ExampleEncoder.for_recipe(recipe))
    >>> [len(table) for table in source.read([np.arange(70, 80)])]
    [10]

    Args:
        stream: of the equations.
        encoder: from equations to rows of a table.
    """

    def __init__(self, stream: EquationStream, encoder: ExampleEncoder) -> None:
        self._stream, self._columns = stream, ColumnEncoder(stream.space)
        self.num_examples, self.encoder = stream.num_examples, encoder

    def read(
        self, runs: Iterable[np.ndarray], *, columns: Sequence[str] = (), reader: tuple[int, int] = ALL
    ) -> Iterator[TokenTable]:
        """Yields the examples at each array of positions, in their order; only these are made text and tokens."""
        blocks: Iterator[tuple[int, EquationBlock]] = iter(())
        start, block = 0, None
        for positions in runs:
            table, begin = self.encoder.reserve(len(positions)), 0
            while begin < len(positions):
                position = int(positions[begin])
                while block is None or position >= start + len(block):
                    start, block = next(blocks, (0, None))
                    if block is None:
                        blocks = self._blocks(position)
                        start, block = next(blocks)
                end = int(np.searchsorted(positions, start + len(block)))
                wanted = block.take(positions[begin:end] - start)
                self.encoder.fill(table, slice(begin, end), self._columns.to_columns(wanted))
                begin = end
            yield table.select(columns)

    def _blocks(self, position: int) -> Iterator[tuple[int, EquationBlock]]:
        """Yields the equations from a position to the end of its epoch in blocks, with the position of each block."""
        epoch, first = divmod(position, self.num_examples)
        for block in self._stream.equations(epoch, first):
            yield position, block
            position += len(block)
