"""What follows from the recipe of a space, derived once and handed down."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from eqstream.data.space.arithmetic import Arithmetic
from eqstream.data.space.domains import Domain
from eqstream.data.space.literals import find_literals
from eqstream.data.space.section_union import SectionUnion
from eqstream.data.space.sections import Section
from eqstream.data.space.shapes import ShapeColumns, Shapes, ShapeSubset, SpaceFact, find_operator_sets
from eqstream.data.space.twins import TwinRules
from eqstream.data.space_recipe import SpaceRecipe


@dataclass(frozen=True, eq=False)
class PreparedSpace:
    """A space, as all that enumerate, count, select or write its equations need it; `prepare_space` makes it.

    Attributes:
        recipe: the recipe of the space.
        shapes: its shapes.
        scale: grid steps in 1.
        operand_domain: the operands, in grid steps.
        operand_digits: digits before the point of the longest operand.
        arithmetic: evaluates its equations, and knows how large answers get.
    """

    recipe: SpaceRecipe
    shapes: Shapes
    scale: int
    operand_domain: Domain
    operand_digits: int
    arithmetic: Arithmetic

    @property
    def decimals(self) -> int:
        """Decimals of an operand."""
        return self.recipe.operands.decimals

    @property
    def has_division(self) -> bool:
        """Whether some equations divide."""
        return "/" in self.recipe.operators

    @property
    def has_fractions(self) -> bool:
        """Whether answers are fractions in lowest terms."""
        return self.has_division and self.recipe.division == "fraction"

    @property
    def has_negative_operands(self) -> bool:
        """Whether some operands have a sign."""
        return self.recipe.operands.min < 0

    @property
    def is_bounded(self) -> bool:
        """Whether answers have to lie within bounds."""
        return self.recipe.answer.min is not None or self.recipe.answer.max is not None

    @cached_property
    def whole(self) -> SectionUnion:
        """All candidates: every shape with every operand.

        Equations in which a division is not defined still have a place; the enumeration leaves them out.
        """
        return SectionUnion(
            tuple(
                Section(ShapeSubset(shapes), ((self.operand_domain,) * terms,))
                for terms, shapes in self.shapes.by_terms.items()
            )
        )

    @cached_property
    def literals(self) -> SpaceFact:
        """The literals of each shape; see `eqstream.data.space.literals`."""
        return SpaceFact(self.shapes, self.shapes.max_terms + 1, find_literals)

    @cached_property
    def terms_and_operators(self) -> SpaceFact:
        """The number of terms of each shape, and the set of its operators: a bit for each place in ``+-*/``."""
        return SpaceFact(self.shapes, 2, _find_terms_and_operators)

    def terms_of(self, shapes: np.ndarray) -> np.ndarray:
        """Returns the number of terms of each shape, uint8 (n,), given their numbers (n,)."""
        return self.terms_and_operators.of(shapes)[0]

    @cached_property
    def twin_rules(self) -> dict[int, TwinRules]:
        """What finds the twins of equations, by number of terms."""
        return {terms: TwinRules(shapes) for terms, shapes in self.shapes.by_terms.items()}


def _find_terms_and_operators(columns: ShapeColumns) -> np.ndarray:
    terms = np.full(columns.operators.shape[1], columns.num_terms, dtype=np.uint8)
    return np.stack([terms, find_operator_sets(columns)])


def prepare_space(recipe: SpaceRecipe) -> PreparedSpace:
    """Returns what follows from a recipe."""
    scale = 10**recipe.operands.decimals
    domain = Domain(((recipe.operands.min * scale, recipe.operands.max * scale),))
    return PreparedSpace(
        recipe=recipe,
        shapes=Shapes(recipe),
        scale=scale,
        operand_domain=domain,
        operand_digits=len(str(domain.bound // scale)),
        arithmetic=Arithmetic(recipe, domain.bound),
    )
