"""The steps of worked solutions of a recipe's endless stream, without files."""

import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from eqstream.data.errors import UserError
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.loading.example_encoder import ExampleEncoder
from eqstream.data.loading.example_source import ALL
from eqstream.data.loading.token_table import TokenTable
from eqstream.data.permutation import Permutation, derive_seed
from eqstream.data.recipe import Recipe, Where
from eqstream.data.solutions.solving import BlockSolver, Steps, join_steps
from eqstream.data.streams.equation_stream import EquationStream
from eqstream.data.streams.shared_equations import HeldOut, hold_out

# Groups of examples that are computed together.
_GROUPS_AT_ONCE = 64
# Equations from which the number of steps of one is estimated.
_NUM_SAMPLED = 1024
# Units in memory: the one that is read, and the one before it, which a window of a mixture may still need.
_UNITS_KEPT = 2


class StepsSource:
    """Steps of the solutions of fresh equations; see `eqstream.data.loading.example_source`.

    An epoch is cut into units of `_GROUPS_AT_ONCE` groups. Each unit has equations of its own, as many as have about
    so many steps: a few steps too many are left out at random, of too few some come twice. Steps with a line that is an
    equation of another split, or a twin of one, never come. In a group all steps are
    about equally long, so that a batch of that size has few pads; groups come in random order. What is at a position
    depends on the recipe, the seed, the group's size and the epoch's.

    Args:
        recipe: the recipe.
        encoder: from lines to rows of a table.
        group_size: examples of a group, those of a batch.
        split: the split in whose place the stream stands.
        epoch_examples: steps in an epoch; by default as many as the split has equations.
        seed: of the order.
        where: what the equations must meet.
        held_out: equations of other datasets that must not come.

    Attributes:
        num_examples: steps in an epoch.
        encoder: as given.

    Raises:
        UserError: there is no such split, the splits cannot be planned, the equations have no worked solutions, or all
            lines are too long.
    """

    def __init__(
        self,
        recipe: Recipe,
        encoder: ExampleEncoder,
        *,
        group_size: int,
        split: str = "train",
        epoch_examples: int | None = None,
        seed: int = 0,
        where: Where | None = None,
        held_out: HeldOut | None = None,
    ) -> None:
        self.encoder, self._seed, self._group_size = encoder, derive_seed(seed, "steps"), group_size
        self._unit_size = group_size * _GROUPS_AT_ONCE
        make_stream = functools.partial(EquationStream, recipe, split, seed=seed, where=where, held_out=held_out)
        stream = make_stream()
        self._solver = BlockSolver(stream.space)
        others = [each.name for each in recipe.splits if each.name != split]
        self._held_out = HeldOut(hold_out(recipe, others)).joined(held_out)
        self.num_examples = epoch_examples or stream.num_examples
        num_units = -(-self.num_examples // self._unit_size)
        num_sampled = min(_NUM_SAMPLED, stream.num_examples)
        per_equation = len(self._solve(stream, 0, 0, num_sampled).lengths) / max(num_sampled, 1)
        if not per_equation:
            raise UserError("no line of the worked solutions is short enough: raise `codec.line_length`")
        self._equations_at_once = int(self._unit_size / per_equation) + 1
        self._stream = make_stream(num_examples=num_units * self._equations_at_once)
        self._unit = functools.lru_cache(maxsize=_UNITS_KEPT)(self._make_unit)

    def read(
        self, runs: Iterable[np.ndarray], *, columns: Sequence[str] = (), reader: tuple[int, int] = ALL
    ) -> Iterator[TokenTable]:
        """Yields the examples at each array of positions, in their order; `columns` must be empty."""
        for positions in runs:
            epochs, places = np.divmod(positions, self.num_examples)
            units, rows = np.divmod(places, self._unit_size)
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
        steps = self._solve(self._stream, epoch, number * self._equations_at_once, self._equations_at_once)
        if not len(steps.table):
            raise UserError(f"epoch {epoch + 1} has no step whose lines are short enough: raise `codec.line_length`")
        seed = derive_seed(self._seed, epoch, number)
        # Shuffled, cut or filled up, then sorted by length: equally long ones stay shuffled.
        rows = Permutation(len(steps.table), seed).forward(np.arange(self._unit_size) % len(steps.table))
        rows = rows[np.argsort(steps.lengths[rows], kind="stable")]
        groups = Permutation(_GROUPS_AT_ONCE, derive_seed(seed, "groups")).forward(np.arange(_GROUPS_AT_ONCE))
        rows = rows.reshape(_GROUPS_AT_ONCE, self._group_size)[groups].reshape(-1)
        return steps.table.take(rows, ())

    def _solve(self, stream: EquationStream, epoch: int, first: int, count: int) -> "_EncodedSteps":
        """Returns the steps of so many equations of a stream, those that are short enough."""
        parts: list[Steps] = []
        for block in stream.equations(epoch, first):
            parts.append(self._solver.solve(block.take(slice(0, count)), self._held_out))
            count -= min(count, len(block))
            if not count:
                break
        steps = join_steps(parts)
        lengths = np.maximum(_count_characters(steps.question), _count_characters(steps.answer))
        rows = np.flatnonzero(lengths <= self.encoder.widths["question"])
        question, answer = (
            ByteRows(texts.matrix[rows], texts.lengths[rows]) for texts in (steps.question, steps.answer)
        )
        table = self.encoder.reserve(len(rows), ())
        self.encoder.fill(table, 0, EquationColumns(question, answer, {}))
        return _EncodedSteps(table, lengths[rows])


class _EncodedSteps(NamedTuple):
    """Steps as tokens, and the characters of the longer line of each, int64 (n,)."""

    table: TokenTable
    lengths: np.ndarray


def _count_characters(texts: ByteRows) -> np.ndarray:
    """Returns how many characters each text has, spaces not counted, int64 (n,)."""
    return texts.lengths - (texts.matrix == ord(" ")).sum(axis=1)
