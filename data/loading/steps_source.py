"""The steps of worked solutions, of endless streams of recipes and of files, in groups of about equally long ones."""

import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from eqstream.data.errors import UserError
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.loading.example_encoder import ExampleEncoder
from eqstream.data.loading.example_source import ALL, ExampleSource
from eqstream.data.loading.mixed_source import ExampleQueue
from eqstream.data.loading.mixture_schedule import MixtureSchedule
from eqstream.data.loading.token_alphabet import END, PAD
from eqstream.data.loading.token_table import TokenTable
from eqstream.data.permutation import Permutation, derive_seed
from eqstream.data.solutions.detours import Detours
from eqstream.data.solutions.solving import BlockSolver, join_steps
from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.space.held_out_classes import HeldOut
from eqstream.data.streams.equation_stream import EquationStream

# Groups of examples that are computed together.
_GROUPS_AT_ONCE = 64
# Equations from which the number of steps of one is estimated, and among which one with a short line must be.
_NUM_SAMPLED = 1024
# Units in memory: the one that is read, and the one before it, which a window may still need.
_UNITS_KEPT = 2


class SolvedStream:
    """The solutions of a recipe's endless stream, of as many equations as have a wanted number of steps.

    Args:
        stream: of the equations.
        encoder: from lines to rows of a table.
        held_out: equations that no line may be, nor a twin of one.
        detours: the share of lines after which a solution goes on from a digit of a quotient that is too large, where
            the line before splits one off; see `eqstream.data.solutions.detours`.

    Attributes:
        size: equations in an epoch of the stream; 0 if it has none, and no steps.
        encoder: as given.

    Raises:
        UserError: the equations have no worked solutions, or all lines are too long.
    """

    def __init__(
        self,
        stream: EquationStream,
        encoder: ExampleEncoder,
        held_out: HeldOut | None = None,
        *,
        detours: float = 0.0,
    ) -> None:
        self.encoder, self._held_out = encoder, held_out
        self._stream, self._seed = stream, derive_seed(stream.seed, "steps")
        self._detours = Detours(detours, derive_seed(self._seed, "detours")) if detours else None
        self.size = stream.num_examples
        width, steps = encoder.widths["question"], stream.recipe.steps
        self._line_length = width if steps is None else min(width, steps.line_length)
        self._solver = BlockSolver(stream.space)
        # Where the blocks go on, behind what is left of the last one; -1 for nowhere.
        self._position = -1
        self._blocks: Iterator[EquationBlock] = iter(())
        self._rest: EquationBlock | None = None
        num_sampled = min(_NUM_SAMPLED, self.size)
        self._per_equation = len(self._solve(0, num_sampled).lengths) / max(num_sampled, 1)
        if self.size and not self._per_equation:
            raise UserError("no line of the worked solutions is short enough: raise `codec.line_length`")

    def steps(self, first: int, count: int) -> "EncodedSteps":
        """Returns `count` steps, those `first` and following of an endless sequence, in random order.

        They are of equations of their own, as many as have about so many steps: a few too many are left out at random,
        of too few some come twice.

        Raises:
            UserError: these equations have no line that is short enough.
        """
        begin = int(first / self._per_equation)
        num_equations = max(int((first + count) / self._per_equation) - begin, 1)
        steps = self._solve(begin, num_equations)
        while not len(steps.table):
            if num_equations > _NUM_SAMPLED:
                raise UserError("no line of some solutions is short enough: raise `codec.line_length`")
            num_equations *= 2
            steps = self._solve(begin, num_equations)
        order = Permutation(len(steps.table), derive_seed(self._seed, first))
        return steps.take(order.forward(np.arange(count) % len(steps.table)))

    def _solve(self, first: int, count: int) -> "EncodedSteps":
        """Returns the steps of so many equations from `first` on, those that are short enough."""
        parts, begin = [], first
        for block in self._read(first, count):
            parts.append(
                self._solver.solve(block, self._held_out, keep_first=False, detours=self._detours, first=begin)
            )
            begin += len(block)
        steps = join_steps(parts)
        lengths = steps.count_characters()
        rows = np.flatnonzero(lengths <= self._line_length)
        steps = steps.take(rows)
        table = self.encoder.reserve(len(rows), ())
        self.encoder.fill(table, slice(None), EquationColumns(steps.question, steps.answer, {}))
        return EncodedSteps(table, lengths[rows])

    def _read(self, first: int, count: int) -> Iterator[EquationBlock]:
        """Yields so many equations from `first` on; what was computed beyond them is kept for the next call."""
        if first != self._position:
            self._position, self._blocks, self._rest = first, self._list_blocks(first), None
        while count:
            block, self._rest = next(self._blocks) if self._rest is None else self._rest, None
            if len(block) > count:
                self._rest = block.take(slice(count, None))
                block = block.take(slice(0, count))
            self._position += len(block)
            count -= len(block)
            yield block

    def _list_blocks(self, first: int) -> Iterator[EquationBlock]:
        """Yields all equations from `first` on, epoch after epoch, without end."""
        epoch, place = divmod(first, self._stream.num_examples)
        while True:
            yield from self._stream.equations(epoch, place)
            epoch, place = epoch + 1, 0


class EncodedSteps(NamedTuple):
    """Steps as tokens, and the characters of the longer line of each, int64 (n,)."""

    table: TokenTable
    lengths: np.ndarray

    def take(self, rows: np.ndarray) -> "EncodedSteps":
        """Returns some steps; `rows` is int64 (m,)."""
        return EncodedSteps(self.table.take(rows, ()), self.lengths[rows])


class FiledSteps:
    """The steps in the files of a split, without end.

    Args:
        examples: the steps.

    Attributes:
        size: steps in an epoch.
        encoder: of the examples.
    """

    def __init__(self, examples: ExampleSource) -> None:
        self.size, self.encoder = examples.num_examples, examples.encoder
        self._examples = examples
        # What is read ahead, from the step of this number on.
        self._queue, self._next = ExampleQueue(examples, ()), 0

    def steps(self, first: int, count: int) -> EncodedSteps:
        """Returns `count` steps, those `first` and following of the epochs, one behind the other.

        Raises:
            UserError: a file is missing or damaged.
        """
        if first != self._next:
            self._queue.close()
            self._queue = ExampleQueue(self._examples, ())
        table = self._queue.take(np.arange(first, first + count))
        self._next = first + count
        lengths = np.maximum((table.questions != PAD).sum(axis=1), (table.answers > END).sum(axis=1))
        return EncodedSteps(table, lengths)


class StepsSource:
    """Steps of the solutions of fresh equations, and of files of such; see `eqstream.data.loading.example_source`.

    An epoch is cut into units of `_GROUPS_AT_ONCE` groups, each of the size of a batch. Each unit has steps of its own,
    from each stream as many as its weight says. In a group all steps are about equally long, so that a batch has few
    pads; groups come in random order. What is at a position depends on the recipes, the seeds, the schedule and the
    number of groups.

    Args:
        streams: of the steps; all encoders have one codec.
        schedule: has a weight of each stream, and the size of a group.
        num_examples: steps in an epoch.

    Attributes:
        num_examples: as given.
        encoder: from lines to rows of a table.
    """

    def __init__(
        self, streams: Sequence[SolvedStream | FiledSteps], schedule: MixtureSchedule, num_examples: int
    ) -> None:
        self._streams, self._schedule = streams, schedule
        self.num_examples, self.encoder = num_examples, streams[0].encoder
        self._num_groups = -(-num_examples // schedule.batch_size)
        self._unit = functools.lru_cache(maxsize=_UNITS_KEPT)(self._make_unit)

    def read(
        self, runs: Iterable[np.ndarray], *, columns: Sequence[str] = (), reader: tuple[int, int] = ALL
    ) -> Iterator[TokenTable]:
        """Yields the examples at each array of positions, in their order; `columns` must be empty."""
        unit_size = _GROUPS_AT_ONCE * self._schedule.batch_size
        for positions in runs:
            epochs, places = np.divmod(positions, self.num_examples)
            units, rows = np.divmod(places, unit_size)
            table, begin = self.encoder.reserve(len(positions)), 0
            while begin < len(positions):
                epoch, unit = int(epochs[begin]), int(units[begin])
                end = begin + int(((epochs == epoch) & (units == unit))[begin:].sum())
                found = self._unit(epoch, unit).take(rows[begin:end])
                table.questions[begin:end], table.answers[begin:end] = found.questions, found.answers
                begin = end
            yield table.select(columns)

    def _make_unit(self, epoch: int, number: int) -> TokenTable:
        """Returns the steps of a unit, in their order."""
        num_groups = min(_GROUPS_AT_ONCE, self._num_groups - number * _GROUPS_AT_ONCE)
        first = epoch * self._num_groups + number * _GROUPS_AT_ONCE
        before, after = (self._schedule.counts_before(group) for group in (first, first + num_groups))
        parts = [
            stream.steps(start, end - start)
            for stream, start, end in zip(self._streams, before, after, strict=True)
            if end > start
        ]
        lengths = np.concatenate([part.lengths for part in parts])
        # Shuffled, then sorted by length: equally long ones stay shuffled.
        seed = derive_seed(self._schedule.seed, "steps", epoch, number)
        rows = Permutation(len(lengths), seed).forward(np.arange(len(lengths)))
        rows = rows[np.argsort(lengths[rows], kind="stable")]
        groups = Permutation(num_groups, derive_seed(seed, "groups")).forward(np.arange(num_groups))
        rows = rows.reshape(num_groups, -1)[groups].reshape(-1)
        return TokenTable.join([part.table for part in parts]).take(rows, ())
