"""A split in memory, in place of the files of a dataset."""

import threading
from collections.abc import Sequence

import numpy as np

from eqstream.data.errors import UserError
from eqstream.data.formats.columns import NUMBER_COLUMNS, EquationColumns
from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.loading.codec_fit import fit_codec_to_recipe
from eqstream.data.loading.epoch_order import EpochOrder
from eqstream.data.loading.example_encoder import ExampleEncoder
from eqstream.data.loading.split_source import KeptExamples, SplitSource
from eqstream.data.recipe import Recipe

RECIPE = Recipe.from_dict(
    {
        "name": "sums",
        "space": {"operands": {"min": 0, "max": 999}},
        "splits": [{"name": "train", "count": 50}],
    }
)
CODEC = fit_codec_to_recipe(RECIPE)
BLOCK_SIZE = 5
WINDOW_BLOCKS = 6


class BlocksInMemory:
    """Record r is the equation ``r + 1 = r + 1``, with r as its number of carries.

    Attributes:
        num_records: of the split.
        reads: the records of each call of `read`.
    """

    def __init__(self, num_records: int, *, damaged: Sequence[int] = ()) -> None:
        self.num_records = num_records
        self.reads: list[list[int]] = []
        self._damaged = set(damaged)
        self._lock = threading.Lock()

    def read(
        self, block: int, rows: slice = slice(None), *, numbers: Sequence[str] = NUMBER_COLUMNS
    ) -> EquationColumns:
        """Returns the equations of some records of a block."""
        records = range(block * BLOCK_SIZE, min((block + 1) * BLOCK_SIZE, self.num_records))[rows]
        with self._lock:
            self.reads.append(list(records))
        for record in records:
            if record in self._damaged:
                raise UserError(f"shard train-00000-of-00001, record {record}: sums is damaged or cut there")
        carries = np.array(records)
        values = {"terms": np.full(len(records), 2), "digits": np.ones(len(records), int), "carries": carries}
        return EquationColumns(
            ByteRows.from_texts([f"{record} + 1" for record in records]),
            ByteRows.from_texts([f"{record + 1}" for record in records]),
            {name: values[name] for name in numbers},
        )

    num_threads = 2

    def find_shard(self, block: int) -> str:
        """Returns the name of the only shard."""
        return "train-00000-of-00001"


def make_source(blocks: BlocksInMemory, *, seed: int = 0, is_kept: bool = False, is_text: bool = False) -> SplitSource:
    """Returns the examples of a split in memory, in windows of a few records."""
    encoder = ExampleEncoder.for_recipe(RECIPE, None if is_text else CODEC)
    order = EpochOrder(
        num_records=blocks.num_records,
        seed=seed,
        block_size=BLOCK_SIZE,
        window_blocks=WINDOW_BLOCKS,
        sequential_blocks=2,
    )
    kept = KeptExamples(encoder.reserve(blocks.num_records), block_size=BLOCK_SIZE) if is_kept else None
    return SplitSource(blocks, encoder, order, kept=kept)
