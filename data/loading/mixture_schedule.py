"""Several sources of examples in one stream: which rows of which batch come from which source.

Each source has a weight, which may change over the steps, linearly from knot to knot. The weights of all sources,
divided by their sum, are shares; between two knots of any source the shares are linear. The rows that a source has had
after any number of steps follow the integral of its share as closely as whole rows can, and what a source gives next
depends on their number alone. So any step can be had without those before it, and the number of steps is all there is
to remember.
"""

import bisect
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

import numpy as np

from eqstream.data.errors import UserError
from eqstream.data.permutation import derive_seed, draw_bits

# Rising steps, each with the weight there; it is constant before the first one and after the last one.
Knots = Sequence[tuple[int, Fraction]]


class Rows(NamedTuple):
    """Where the rows of some batches come from.

    Attributes:
        sources: number of the source, int64 (num_steps, batch).
        positions: place in the endless sequence of that source, from 0, int64 (num_steps, batch).
    """

    sources: np.ndarray
    positions: np.ndarray


@dataclass(frozen=True)
class MixtureSchedule:
    """The batches of a mixture.

    >>> schedule = MixtureSchedule(([(0, Fraction(3))], [(0, Fraction(1))]), batch_size=8)
    >>> schedule.counts_before(1), schedule.counts_before(1000)
    ([6, 2], [6000, 2000])

    Attributes:
        weights: of each source.
        batch_size: rows of a batch.
        seed: of the order of the rows within a batch.

    Raises:
        UserError: the steps of a source do not rise, a weight is below 0, or all are 0 at some step.
    """

    weights: tuple[Knots, ...]
    batch_size: int
    seed: int = 0

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise UserError(f"`batch_size` must be at least 1, got {self.batch_size}")
        check_weights(self.weights)

    def counts_before(self, step: int) -> list[int]:
        """Returns how many rows each source has in all batches before that of `step`; their sum is all rows.

        Each count differs from the integral of the source's share by at most half a row where there are two sources,
        and by at most one row for each source where there are more.
        """
        wanted = step * self.batch_size
        if wanted <= 0:
            return [0] * len(self.weights)
        # Rounding changes the sum by at most half a row for each source.
        slack = len(self.weights) // 2 + 1
        places = range(max(wanted - slack, 1), wanted + slack + 1)
        place = places[bisect.bisect_left(places, wanted, key=lambda each: sum(self._rounded(each)))]
        counts, most = self._rounded(place - 1), self._rounded(place)
        missing = wanted - sum(counts)
        for source in range(len(counts)):
            given = min(missing, most[source] - counts[source])
            counts[source] += given
            missing -= given
        return counts

    def rows(self, first_step: int, num_steps: int) -> Rows:
        """Returns where the rows of `num_steps` batches from `first_step` on come from; in each batch in random order.

        The rows of a source take its positions in their order, without a gap from batch to batch.
        """
        shape = (num_steps, self.batch_size)
        counts = np.array([self.counts_before(first_step + each) for each in range(num_steps + 1)], np.int64)
        numbers = np.tile(np.arange(len(self.weights)), num_steps)
        in_order = np.repeat(numbers, np.diff(counts, axis=0).reshape(-1)).reshape(shape)
        draws = draw_bits(first_step * self.batch_size, in_order.size, self._row_seed).reshape(shape)
        sources = np.take_along_axis(in_order, np.argsort(draws, axis=1, kind="stable"), axis=1)
        positions = np.empty(shape, np.int64)
        for source, start in enumerate(counts[0].tolist()):
            is_own = sources == source
            positions[is_own] = np.arange(start, start + np.count_nonzero(is_own))
        return Rows(sources, positions)

    def _rounded(self, place: int) -> list[int]:
        """Returns the integral of each source's share up to a row, counted from the first step on, rounded."""
        part = self._parts[bisect.bisect_right(self._starts, place) - 1]
        return part.rounded(place)

    @cached_property
    def _row_seed(self) -> int:
        return derive_seed(self.seed, "mixture")

    @cached_property
    def _starts(self) -> list[int]:
        return [part.start for part in self._parts]

    @cached_property
    def _parts(self) -> "list[_Part]":
        """The stretches of rows on which all shares are linear; the last one has no end."""
        steps = _list_steps(self.weights)
        before = [Fraction(0)] * len(self.weights)
        parts = []
        for step, end in zip(steps, [*steps[1:], None], strict=True):
            length = 1 if end is None else (end - step) * self.batch_size
            shares = self.shares_at(step)
            changes = [b - a for a, b in zip(shares, shares if end is None else self.shares_at(end), strict=True)]
            curvatures = [change / (2 * length) for change in changes]
            parts.append(_Part.of(step * self.batch_size, before, shares, curvatures))
            before = [
                count + share * length + change * length / 2
                for count, share, change in zip(before, shares, changes, strict=True)
            ]
        return parts

    def shares_at(self, step: int) -> list[Fraction]:
        """Returns the share of each source at a step that is a knot of some source, or behind all of them."""
        weights = [weight_at(knots, step) for knots in self.weights]
        return [weight / sum(weights) for weight in weights]


@dataclass(frozen=True)
class _Part:
    """A stretch of rows on which the integral of each share is a polynomial of degree two.

    Attributes:
        start: its first row.
        denominator: of all values.
        coefficients: of each source: those of the powers 0, 1 and 2 of the number of rows since `start`, times the
            denominator.
    """

    start: int
    denominator: int
    coefficients: list[tuple[int, int, int]]

    @classmethod
    def of(cls, start: int, *terms: Sequence[Fraction]) -> "_Part":
        """Returns the part with these coefficients, of the power 0 for all sources, then of 1 and 2."""
        denominator = math.lcm(*(each.denominator for values in terms for each in values))
        scaled = ([int(each * denominator) for each in values] for values in terms)
        return cls(start, denominator, list(zip(*scaled, strict=True)))

    def rounded(self, place: int) -> list[int]:
        rows, whole = place - self.start, 2 * self.denominator
        return [(2 * (a + rows * (b + rows * c)) + self.denominator) // whole for a, b, c in self.coefficients]


def weight_at(knots: Knots, step: int) -> Fraction:
    """Returns the weight of a source at a step.

    >>> weight_at([(0, Fraction(1)), (100, Fraction(0))], 25)
    Fraction(3, 4)
    """
    behind = bisect.bisect_right(knots, step, key=lambda knot: knot[0])
    if behind in (0, len(knots)):
        return knots[max(behind - 1, 0)][1]
    (start, low), (end, high) = knots[behind - 1 : behind + 1]
    return low + (high - low) * Fraction(step - start, end - start)


def check_weights(weights: Sequence[Knots]) -> None:
    """Refuses weights of no mixture.

    Raises:
        UserError: there is no source, the steps of one do not rise or are below 0, a weight is below 0, or all are 0 at
            some step.
    """
    if not weights:
        raise UserError("a mixture must have at least one source")
    for knots in weights:
        check_knots(knots)
    for step in _list_steps(weights):
        if not any(weight_at(knots, step) for knots in weights):
            raise UserError(f"at step {step} all weights are 0: at each step some source must have a weight above 0")


def check_knots(knots: Knots) -> None:
    """Refuses what is no weight of a source.

    Raises:
        UserError: the steps do not rise, or a step or a weight is below 0.
    """
    if not knots:
        raise UserError("`weight` must have at least one step, got an empty list")
    for step, weight in knots:
        if weight < 0:
            raise UserError(f"`weight` must not be below 0, got {_to_text(weight)}")
        if step < 0:
            raise UserError(f"the steps of `weight` must not be below 0, got {step}")
    for (step, _), (following, _) in itertools.pairwise(knots):
        if following <= step:
            raise UserError(f"the steps of `weight` must rise, got {following} after {step}")


def _to_text(number: Fraction) -> str:
    return str(number.numerator) if number.denominator == 1 else str(float(number))


def _list_steps(weights: Sequence[Knots]) -> list[int]:
    """Returns the steps of all knots and 0, rising."""
    return sorted({0, *(step for knots in weights for step, _ in knots)})
