"""Solutions of fractions whose sides are split into prime factors, many at once; docs/solutions.md has the rules.

What a line has above and below the `/` is looked up in tables: the lines of a fraction follow from its two numbers, so
no line is read to find the next one.
"""

from itertools import accumulate
from typing import NamedTuple

import numpy as np

from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.solutions.factor_tables import FactorTables
from eqstream.data.space.class_hash import hash_alone, hash_quotients
from eqstream.data.space.prepared_space import PreparedSpace

# Sides with more digits than this has are not split.
LARGEST_SPLIT = 999


class Fractions(NamedTuple):
    """Lines that are a fraction, perhaps behind `1 *` or `-1 *`, and from which its sides are split.

    Attributes:
        equation: the row of the equation that is solved, int64 (n,).
        number: how many lines come before, int64 (n,).
        prefix: 0 for none, 1 for `1 *`, -1 for `-1 *`, int64 (n,).
        above: the numerator, above 0, int64 (n,).
        below: the denominator, above 0, int64 (n,).
    """

    equation: np.ndarray
    number: np.ndarray
    prefix: np.ndarray
    above: np.ndarray
    below: np.ndarray

    @classmethod
    def join(cls, parts: "list[Fractions]") -> "Fractions":
        """Returns the lines of all parts, one part behind the other."""
        return cls(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


class WrittenLines(NamedTuple):
    """Lines of solutions as texts.

    Attributes:
        texts: n texts.
        classes: hashes of the classes of those that are no answers, uint64 (n,); None where nobody asks for them.
        is_last: which are answers, bool (n,).
        equation: the row of the equation that is solved, int64 (n,).
        number: how many lines come before, int64 (n,).
    """

    texts: ByteRows
    classes: np.ndarray | None
    is_last: np.ndarray
    equation: np.ndarray
    number: np.ndarray


class FractionSolver:
    """Writes the lines of fractions of one space; make it once, as its tables take a while to build.

    Args:
        space: `SpaceRecipe.factors_fractions` is true of its recipe.
    """

    def __init__(self, space: PreparedSpace) -> None:
        bound = int(min(space.operand_domain.bound, LARGEST_SPLIT))
        self._tables = FactorTables(max(bound, 1), spacing=space.recipe.spacing)

    def solve(self, fractions: Fractions, *, with_classes: bool) -> WrittenLines:
        """Returns the lines that come after those given; with a prefix also these themselves.

        Args:
            fractions: whose sides are below 1000, and not both prime if they have no prefix.
            with_classes: whether to find the classes of the lines.
        """
        tables = self._tables
        common = np.gcd(fractions.above, fractions.below)
        phases = self._find_phases(fractions, common)
        # A fraction without a prefix is written already.
        skipped = (fractions.prefix == 0).astype(np.int64)
        counts = phases[-1] + 1 - skipped
        row = np.repeat(np.arange(len(counts)), counts)
        place = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts - skipped, counts)
        split, split_below, cancelled, above_done, last = (phase.take(row) for phase in phases)
        done = tables.products[common.take(row), np.clip(place - split_below, 0, cancelled - split_below)]
        left, left_below = fractions.above.take(row) // done, fractions.below.take(row) // done
        prefix = fractions.prefix.take(row)
        above = np.where(
            place < split,
            tables.starts[prefix, left] + place,
            tables.fulls[prefix, left] + np.clip(place - cancelled, 0, above_done - cancelled),
        )
        is_full = (place >= split_below).astype(np.int64)
        below = np.stack([tables.starts[0], tables.fulls[0]])[is_full, left_below]
        below += np.maximum(place - np.where(is_full, above_done, split), 0)
        is_whole, is_last = left_below == 1, place == last
        return WrittenLines(
            texts=self._write(above, below, is_whole=is_whole, answered=np.where(is_last, left_below, 0)),
            classes=self._hash_classes(above, below, is_whole) if with_classes else None,
            is_last=is_last,
            equation=fractions.equation.take(row),
            number=fractions.number.take(row) + place,
        )

    def _find_phases(self, fractions: Fractions, common: np.ndarray) -> tuple[np.ndarray, ...]:
        """Returns how many lines come before the last one of each phase of a solution, int64 (n,) each.

        The numerator is split, then the denominator; common factors are cancelled; the numerator is multiplied out,
        then the denominator. Counted from the fraction itself, or the line where it has a prefix.

        Args:
            fractions: n fractions.
            common: the greatest common divisor of the sides of each, int64 (n,).
        """
        tables, prefix = self._tables, fractions.prefix
        above, below = fractions.above // common, fractions.below // common
        lengths = (
            tables.fulls[prefix, fractions.above] - tables.starts[prefix, fractions.above],
            tables.fulls[0, fractions.below] - tables.starts[0, fractions.below],
            tables.num_factors[common],
            tables.ends[prefix, above] - tables.fulls[prefix, above],
            tables.ends[0, below] - tables.fulls[0, below],
        )
        return tuple(accumulate(lengths))

    def _write(self, above: np.ndarray, below: np.ndarray, *, is_whole: np.ndarray, answered: np.ndarray) -> ByteRows:
        """Returns the texts of lines.

        Args:
            above: the numbers of the sides above the line, int64 (n,).
            below: of those below it.
            is_whole: whether nothing is below it, bool (n,).
            answered: the denominator of an answer, else 0, int64 (n,).
        """
        tables = self._tables
        ids = np.empty((len(above), 2), np.int64)
        ids[:, 0] = above + np.where(is_whole, tables.alone, tables.above)
        ids[:, 1] = np.where(answered > 0, answered + tables.answered, below + tables.below)
        ids[is_whole, 1] = 0
        lengths = tables.pieces.lengths.take(ids.reshape(-1))
        ends = np.cumsum(lengths, dtype=np.int64)
        offsets = np.append(0, ends[1::2])
        buffer = np.empty(int(offsets[-1]) + tables.pieces.width, np.uint8)
        # What a text spills the next one overwrites.
        tables.pieces.write(buffer, ends - lengths, ids.reshape(-1))
        return ByteRows.from_offsets(buffer, offsets)

    def _hash_classes(self, above: np.ndarray, below: np.ndarray, is_whole: np.ndarray) -> np.ndarray:
        hashes = self._tables.hashes.take(above)
        quotients = hash_quotients(hashes, self._tables.hashes.take(below))
        return np.where(is_whole, hash_alone(hashes), quotients)
