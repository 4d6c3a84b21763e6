"""What follows from a recipe for its splits, derived once and handed down."""

import functools

from eqstream.data.recipe import Recipe
from eqstream.data.solutions.line_bounds import check_steps
from eqstream.data.space.prepared_space import PreparedSpace, prepare_space
from eqstream.data.space.section_union import SectionUnion
from eqstream.data.splits.class_filter import ClassFilter
from eqstream.data.splits.enumeration import BLOCK_SIZE, BLOCK_SIZE_OF_STRATUM, Enumeration
from eqstream.data.splits.strata import Source, list_sources
from eqstream.data.splits.twin_classes import TwinFinder


class PreparedSources:
    """The sources of a recipe, as all that count, plan, write or stream its equations need them.

    Args:
        recipe: the recipe.
        block_size: number of positions whose equations are written together; the order of records depends on it, so
            that only tests give another than the default.

    Attributes:
        recipe: as given.
        space: of the recipe.
        twins: finds the classes of the space.
        sources: the sources; one is known by its place here.

    Raises:
        UserError: two splits could share an equation, there are too many shapes or strata, or the recipe asks for
            steps of worked solutions, which its equations do not have.
    """

    def __init__(self, recipe: Recipe, *, block_size: int | None = None) -> None:
        self.recipe = recipe
        self.space: PreparedSpace = prepare_space(recipe.space)
        if recipe.steps is not None:
            check_steps(recipe.steps, self.space)
        self.twins = TwinFinder(self.space, recipe.commuted)
        self.sources: tuple[Source, ...] = list_sources(recipe, self.space, self.twins)
        is_uniform = recipe.sampling == "uniform"
        self._block_size = block_size or (BLOCK_SIZE if is_uniform else BLOCK_SIZE_OF_STRATUM)
        # Many sources may never be asked for.
        self.enumeration = functools.cache(self._enumerate)

    def __len__(self) -> int:
        return len(self.sources)

    def _enumerate(self, number: int) -> Enumeration:
        """Returns the enumeration of a source."""
        source = self.sources[number]
        return Enumeration(
            self.space,
            SectionUnion(source.sections),
            self.twins,
            ClassFilter(self.space, source.selection, source.others, hash_salt=self.recipe.hash_salt),
            seed=self.recipe.seed,
            scope=source.scope,
            block_size=self._block_size,
        )
