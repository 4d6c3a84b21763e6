"""What follows from a recipe for its splits, derived once and handed down."""

import functools
import itertools
from dataclasses import dataclass

from eqstream.data.collector import without_collector
from eqstream.data.recipe import Recipe
from eqstream.data.solutions.line_bounds import check_steps
from eqstream.data.space.conditions import Selection, selection_of
from eqstream.data.space.prepared_space import PreparedSpace, prepare_space
from eqstream.data.space.section_union import SectionUnion
from eqstream.data.split_recipe import SplitRecipe
from eqstream.data.splits.candidates import BLOCK_SIZE
from eqstream.data.splits.class_filter import ClassFilter
from eqstream.data.splits.enumeration import BLOCK_SIZE_OF_STRATUM, Enumeration
from eqstream.data.splits.few_candidates import FewCandidates, ListedCandidates, find_worthwhile
from eqstream.data.splits.strata import Source, SourceLevels, list_sources
from eqstream.data.splits.twin_classes import TwinFinder

# Sources of which the candidates are listed where they are few: of more of them it would take too long to find out.
_MOST_LISTED = 64
# To list so many candidates takes a fifth of a second, and a sample of so many a tenth.
_MOST_LISTED_WHOLE, _MOST_SAMPLED = 1 << 20, 1 << 19


@dataclass(frozen=True, eq=False)
class SelectedSources:
    """The sources of one selection.

    Attributes:
        numbers: of the sources, rising.
        levels: divides equations among them.
        splits: those that take from them, in the order of the recipe.
    """

    numbers: tuple[int, ...]
    levels: SourceLevels
    splits: tuple[SplitRecipe, ...]


class PreparedSources:
    """The sources of a recipe, as all that count, plan, write or stream its equations need them.

    Args:
        recipe: the recipe.
        block_size: number of positions whose equations are written together; the order of records depends on it, so
            that only tests give another than the default.
        lists_samples: whether of sources whose candidates are listed, but take long to list, samples do.

    Attributes:
        recipe: as given.
        space: of the recipe.
        twins: finds the classes of the space.
        sources: the sources; one is known by its place here.

    Raises:
        UserError: two splits could share an equation, there are too many shapes or strata, or the recipe asks for
            steps of worked solutions, which its equations do not have.
    """

    def __init__(self, recipe: Recipe, *, block_size: int | None = None, lists_samples: bool = False) -> None:
        self.recipe = recipe
        self.space: PreparedSpace = prepare_space(recipe.space)
        if recipe.steps is not None:
            check_steps(recipe.steps, self.space)
        self.twins = TwinFinder(self.space, recipe.commuted)
        with without_collector():
            self.sources: tuple[Source, ...] = list_sources(recipe, self.space, self.twins)
        self._lists_samples = lists_samples
        is_uniform = recipe.sampling == "uniform"
        self._block_size = block_size or (BLOCK_SIZE if is_uniform else BLOCK_SIZE_OF_STRATUM)
        # Many sources may never be asked for.
        self.enumeration = functools.cache(self._enumerate)
        self._make_filter = functools.cache(functools.partial(ClassFilter, self.space, hash_salt=recipe.hash_salt))

    def __len__(self) -> int:
        return len(self.sources)

    @functools.cached_property
    def has_large_blocks(self) -> bool:
        """Whether equations are computed in blocks of the largest size.

        With smaller ones, and numbers that are Python's own, most of the time goes by holding Python's lock.
        """
        return self._block_size == BLOCK_SIZE and all(
            self.enumeration(number).block_size == BLOCK_SIZE for number in range(len(self))
        )

    @functools.cached_property
    def by_selection(self) -> dict[Selection, SelectedSources]:
        """The sources of each selection, in the order of their first splits."""
        splits: dict[Selection, list[SplitRecipe]] = {}
        for split in self.recipe.splits:
            splits.setdefault(selection_of(split), []).append(split)
        numbers: dict[Selection, list[int]] = {selection: [] for selection in splits}
        for selection, places in itertools.groupby(range(len(self)), lambda place: self.sources[place].selection):
            numbers[selection] += places
        return {
            selection: SelectedSources(
                tuple(numbers[selection]),
                SourceLevels([self.sources[place] for place in numbers[selection]]),
                tuple(own),
            )
            for selection, own in splits.items()
        }

    def _enumerate(self, number: int) -> Enumeration:
        """Returns the enumeration of a source."""
        source = self.sources[number]
        boxes = SectionUnion(source.sections)
        return Enumeration(
            self.space,
            boxes,
            self.twins,
            self._make_filter(source.selection, source.others),
            seed=self.recipe.seed,
            scope=source.scope,
            block_size=self._block_size,
            list_few=functools.partial(self._list_few, source, boxes) if len(self) <= _MOST_LISTED else None,
        )

    @property
    def is_sampled(self) -> bool:
        """Whether of some sources a sample is listed."""
        return self._most_of_each is not None

    @functools.cached_property
    def _most_of_each(self) -> int | None:
        """How many candidates of each source are listed, about; None for all."""
        # Those of a single source take no longer.
        if not self._lists_samples or not 1 < len(self) <= _MOST_LISTED:
            return None
        few = [self._find_few(source, SectionUnion(source.sections)) for source in self.sources]
        is_long = sum(each.size for each in few if each is not None) > _MOST_LISTED_WHOLE
        return _MOST_SAMPLED // len(self) if is_long else None

    def _list_few(self, source: Source, boxes: SectionUnion) -> ListedCandidates | None:
        """Returns the candidates of a source where those that can be kept are few and known without a search."""
        few = self._find_few(source, boxes)
        if few is None:
            return None
        return few.list() if self._most_of_each is None else few.list(max(-(-few.size // self._most_of_each), 1))

    def _find_few(self, source: Source, boxes: SectionUnion) -> FewCandidates | None:
        counts = [split.count for split in self.recipe.splits if selection_of(split) == source.selection]
        stated = [count for count in counts if count is not None]
        num_wanted = sum(stated) if len(stated) == len(counts) else None
        return find_worthwhile(source.selection.where, self.space, boxes, num_wanted=num_wanted)
