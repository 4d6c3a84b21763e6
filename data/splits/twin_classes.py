"""Classes of commuted twins: their canonical members in a block of equations, and which other members they have.

With `commuted: together` a class is all twins of an equation, with `drop` it is written as its canonical member alone,
and with `ignore` every equation is a class of its own.
"""

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from eqstream.data.space.arithmetic import Answers
from eqstream.data.space.equation_space import Group
from eqstream.data.space.shapes import Shape, Variant


@dataclass(frozen=True, kw_only=True)
class TwinClasses:
    """Some classes whose canonical members have one shape; all arrays have shape (n,).

    Attributes:
        shape: the shape's number.
        rows: places of the canonical members in the block, rising.
        operands: of the canonical members, one array of grid integers per operand.
        swap_bits: bit s is set where swap number s of the shape leads to another member; int64.
        member_counts: how many members of the class are written; int64.
        answers: of the classes, with their carries; None where these are not known yet.
    """

    shape: int
    rows: np.ndarray
    operands: list[np.ndarray]
    swap_bits: np.ndarray
    member_counts: np.ndarray
    answers: Answers | None = None

    def take(self, kept: np.ndarray) -> "TwinClasses":
        """Returns the classes where `kept`, bool (n,), is true."""
        places = np.flatnonzero(kept)
        if len(places) == len(kept):
            return self
        return dataclasses.replace(
            self,
            rows=self.rows[places],
            operands=[operand[places] for operand in self.operands],
            swap_bits=self.swap_bits[places],
            member_counts=self.member_counts[places],
            answers=self.answers and take_answers(self.answers, places),
        )

    def has_member(self, variant: Variant) -> np.ndarray:
        """Returns whether each class has that variant of its canonical member among its members; bool (n,)."""
        return self.swap_bits & variant.swaps == variant.swaps


class Member(NamedTuple):
    """A variant of the canonical members of one shape, and the number of the shape that it has."""

    variant: Variant
    shape: int


class TwinFinder:
    """Finds the classes of a space in blocks of its equations; one serves all enumerations of a recipe.

    Args:
        shapes: of the space.
        commuted: what becomes of twins, as in the recipe.

    Attributes:
        commuted: as given.
        twins: returns, for the number of a shape, all variants of its equations; itself alone where each equation is a
            class of its own.
        largest_class: the most members that are written of one class.
    """

    def __init__(self, shapes: Sequence[Shape], commuted: Literal["together", "drop", "ignore"]) -> None:
        self._shapes = shapes
        self.commuted = commuted
        self.twins = functools.cache(self._list_twins)
        self.largest_class = 1 << max(len(shape.swaps) for shape in shapes) if commuted == "together" else 1

    def find(self, group: Group) -> TwinClasses | None:
        """Returns the classes of the canonical members in a group, or None where its shape has none."""
        num_rows = len(group.rows)
        bits, counts = np.zeros(num_rows, dtype=np.int64), np.ones(num_rows, dtype=np.int64)
        whole = TwinClasses(
            shape=group.shape, rows=group.rows, operands=group.operands, swap_bits=bits, member_counts=counts
        )
        swaps = self._shapes[group.shape].swaps
        if self.commuted == "ignore" or not swaps:
            return whole
        if any(swap.order > 0 for swap in swaps):
            return None
        is_canonical = np.ones(num_rows, dtype=bool)
        for number, swap in enumerate(swaps):
            is_other: np.ndarray | np.bool_ = np.True_
            if swap.order == 0:
                less, equal = _compare_sides(
                    group.operands[swap.start : swap.middle], group.operands[swap.middle : swap.end]
                )
                is_canonical &= less | equal
                is_other = ~equal
            bits |= np.int64(1 << number) * is_other
            counts <<= is_other.astype(np.int64)
        if self.commuted == "drop":
            whole = dataclasses.replace(whole, swap_bits=np.zeros_like(bits), member_counts=np.ones_like(counts))
        return whole.take(is_canonical)

    @functools.cached_property
    def _numbers(self) -> dict:
        return {shape.tree: number for number, shape in enumerate(self._shapes)}

    def written(self, shape: int) -> tuple[Member, ...]:
        """Returns those variants of a canonical member of a shape, given by its number, that may be written."""
        return self.twins(shape)[:1] if self.commuted == "drop" else self.twins(shape)

    def _list_twins(self, number: int) -> tuple[Member, ...]:
        variants = self._shapes[number].variants()
        if self.commuted == "ignore":
            return (Member(variants[0], number),)
        return tuple(Member(variant, self._numbers[variant.tree]) for variant in variants)


def take_answers(answers: Answers, places: np.ndarray) -> Answers:
    """Returns the answers at `places`, in that order."""
    denominators = answers.denominators
    if not isinstance(denominators, int):
        denominators = denominators[places]
    return Answers(answers.numerators[places], denominators, answers.is_valid[places], answers.carries[places])


def _compare_sides(left: Sequence[np.ndarray], right: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Returns whether the left operands come before, and whether they equal, the right ones, lexicographically."""
    less = np.zeros(len(left[0]), dtype=bool)
    equal = np.ones(len(left[0]), dtype=bool)
    for one, other in zip(left, right, strict=True):
        less |= equal & (one < other).astype(bool)
        equal &= (one == other).astype(bool)
    return less, equal
