"""What follows from the recipe of a space, derived once and handed down."""

from dataclasses import dataclass
from functools import cached_property

from eqstream.data.recipe import SpaceRecipe
from eqstream.data.space.arithmetic import Arithmetic
from eqstream.data.space.equation_space import Box, Domain, EquationSpace
from eqstream.data.space.shapes import Shape, list_shapes


@dataclass(frozen=True, eq=False)
class PreparedSpace:
    """A space, as all that enumerate, count, select or write its equations need it; `prepare_space` makes it.

    Attributes:
        recipe: the recipe of the space.
        shapes: its shapes; a shape's number is its place here.
        scale: grid steps in 1.
        operand_domain: the operands, in grid steps.
        operand_digits: digits before the point of the longest operand.
        arithmetic: evaluates its equations, and knows how large answers get.
    """

    recipe: SpaceRecipe
    shapes: tuple[Shape, ...]
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
    def whole(self) -> EquationSpace:
        """All candidates: a box for each shape, every operand free.

        Equations in which a division is not defined still have a place; the enumeration leaves them out.
        """
        boxes = [Box(number, (self.operand_domain,) * shape.num_terms) for number, shape in enumerate(self.shapes)]
        return EquationSpace(self.shapes, tuple(boxes))


def prepare_space(recipe: SpaceRecipe) -> PreparedSpace:
    """Returns what follows from a recipe.

    Raises:
        UserError: the space has too many shapes.
    """
    scale = 10**recipe.operands.decimals
    domain = Domain(((recipe.operands.min * scale, recipe.operands.max * scale),))
    shapes = list_shapes(recipe)
    return PreparedSpace(
        recipe=recipe,
        shapes=shapes,
        scale=scale,
        operand_domain=domain,
        operand_digits=len(str(domain.bound // scale)),
        arithmetic=Arithmetic(recipe, domain.bound, shapes),
    )
