"""The examples of one source of a mixture, and those of them that meet a condition."""

from collections.abc import Sequence

import numpy as np

from eqstream.data.loading.data_source import DataSource, check_known
from eqstream.data.loading.epoch_order import EpochOrder
from eqstream.data.loading.example_encoder import ExampleEncoder
from eqstream.data.loading.example_source import ExampleSource
from eqstream.data.loading.fresh_source import FreshSource
from eqstream.data.loading.selected_source import SelectedSource, Selection, select_records
from eqstream.data.loading.split_source import open_split
from eqstream.data.loading.steps_source import SolvedStream
from eqstream.data.space.held_out_classes import HeldOut
from eqstream.data.split_recipe import Where
from eqstream.data.splits.shard_steps import find_held_out_steps
from eqstream.data.splits.shared_equations import find_held_out_records
from eqstream.data.streams.equation_stream import EquationStream
from eqstream.data.streams.narrowed import intersect


class FreshExamples:
    """An endless stream in the place of a split.

    Args:
        source: of the mixture.
        encoder: from equations to rows of a table.
        seed: of the order.
        epoch_examples: of an epoch; None for as many as the split has.
        held_out: what must not come, as another dataset holds it out.

    Attributes:
        num_left_out: None, as nobody counts it.

    Raises:
        UserError: the dataset was built by a version that held out who knows what.
    """

    num_left_out = None

    def __init__(
        self,
        source: DataSource,
        encoder: ExampleEncoder,
        *,
        seed: int,
        epoch_examples: int | None = None,
        held_out: HeldOut | None = None,
    ) -> None:
        check_known(source, f"`source: fresh` of {source.key}")
        self._source, self._encoder, self._epoch_examples = source, encoder, epoch_examples
        self._seed, self._held_out = seed, held_out

    def open(self, stage: Where | None = None) -> ExampleSource:
        """Returns the examples that meet a condition, besides that of the source; None for all."""
        stream = self._make_stream(stage, num_examples=self._epoch_examples, held_out=self._held_out)
        return FreshSource(stream, self._encoder)

    def open_solved(self, stage: Where | None = None, *, detours: float = 0.0) -> SolvedStream:
        """Returns the worked solutions of the examples that `open` would return; `detours` as in `SolvedStream`."""
        return SolvedStream(self._make_stream(stage), self._encoder, self._held_out, detours=detours)

    def _make_stream(
        self, stage: Where | None, *, num_examples: int | None = None, held_out: HeldOut | None = None
    ) -> EquationStream:
        where = self._source.where or stage
        if where is not None and stage is not None and where is not stage:
            where = intersect(where, stage)
        return EquationStream(
            self._source.recipe,
            self._source.split,
            num_examples=num_examples,
            seed=self._seed,
            where=where,
            held_out=held_out,
        )


class ShardExamples:
    """The files of a split.

    Args:
        source: of the mixture; has files.
        encoder: from equations to rows of a table.
        seed: of the order.
        memory_budget: bytes of tokens up to which the split is kept in memory.
        storage: the format to read; None for what there is.
        stages: conditions on terms, digits and carries; with any, the split is read once to find the examples of each.
        held_out: what must be left out, as another dataset holds it out; of steps those with such a line.

    Attributes:
        num_left_out: how many examples are left out.

    Raises:
        UserError: a shard is missing or damaged.
    """

    def __init__(
        self,
        source: DataSource,
        encoder: ExampleEncoder,
        *,
        seed: int,
        memory_budget: int,
        storage: str | None = None,
        stages: Sequence[Where] = (),
        held_out: HeldOut | None = None,
    ) -> None:
        blocks = source.open(storage)
        self._order = EpochOrder(num_records=blocks.num_records, seed=seed)
        self._all = open_split(blocks, encoder, self._order, memory_budget=memory_budget)
        self._selections: dict[Where | None, Selection] = select_records(blocks, stages)
        records = np.zeros(0, np.int64)
        if held_out is not None:
            find = find_held_out_records if source.recipe.steps is None else find_held_out_steps
            records = find(source.recipe, source.split, held_out)
        self.num_left_out = len(records)
        if len(records):
            self._selections[None] = Selection.of_all(blocks.num_records)
        for selection in self._selections.values():
            selection.remove(records)

    def open(self, stage: Where | None = None) -> ExampleSource:
        """Returns the examples of a stage; None for all."""
        if stage not in self._selections:
            return self._all
        return SelectedSource(self._all, self._order, self._selections[stage])
