"""What a mixture is made of: splits of datasets, and endless streams in their place; whether they fit together."""

import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eqstream.data.configuration import nearest
from eqstream.data.dataset.block_reader import BlockReader
from eqstream.data.dataset.manifest import Manifest
from eqstream.data.dataset.manifest_maker import describe_space
from eqstream.data.dataset.manifest_parts import SpaceFacts
from eqstream.data.errors import UserError
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.loading.codec import Codec
from eqstream.data.loading.codec_fit import fit_codec
from eqstream.data.loading.codec_options import CodecOptions
from eqstream.data.loading.mixture_schedule import Knots
from eqstream.data.recipe import Recipe
from eqstream.data.space.held_out_classes import HeldOut
from eqstream.data.space_recipe import SpaceRecipe
from eqstream.data.split_recipe import Where
from eqstream.data.splits.shared_equations import hold_out


@dataclass(frozen=True, eq=False)
class DatasetFiles:
    """A dataset that was built, and where it is."""

    directory: str | Path
    manifest: Manifest


@dataclass(frozen=True, kw_only=True, eq=False)
class DataSource:
    """Where examples come from: a split of a dataset, or a stream in its place; a mixture has several.

    Attributes:
        key: names it in errors.
        recipe: of its equations, with all splits.
        facts: bounds on their texts.
        split: whose examples.
        knots: its weight; see `eqstream.data.loading.mixture_schedule`.
        files: of its dataset; None if it has none.
        is_fresh: whether a stream takes the place of the split's files.
        where: narrows the stream.
    """

    key: str
    recipe: Recipe
    facts: SpaceFacts
    split: str
    knots: Knots
    files: DatasetFiles | None = None
    is_fresh: bool = True
    where: Where | None = None

    @classmethod
    def of_recipe(
        cls, key: str, recipe: Recipe, split: str, *, knots: Knots, where: Where | None = None
    ) -> "DataSource":
        """Returns the stream of a recipe's split, without files.

        Raises:
            UserError: there is no such split, or the space has nothing that the condition is about.
        """
        names = [each.name for each in recipe.splits]
        if split not in names:
            raise UserError(f"the recipe has no split `{split}`{nearest(split, names)}")
        if where is not None:
            where.check_space(recipe.space)
        return cls(key=key, recipe=recipe, facts=describe_space(recipe), split=split, knots=knots, where=where)

    @classmethod
    def of_files(
        cls, key: str, files: DatasetFiles, split: str, *, knots: Knots, is_fresh: bool, where: Where | None = None
    ) -> "DataSource":
        """Returns a split of a dataset, or the stream in its place.

        Raises:
            UserError: there is no such split, or the condition is not for files, or not for the space.
        """
        files.manifest.split(split)
        recipe, facts = files.manifest.recipe, files.manifest.space
        if where is not None:
            if not is_fresh:
                raise UserError("`where` needs `source: fresh`: the files of a split are read as they are")
            where.check_space(recipe.space)
        return cls(
            key=key, recipe=recipe, facts=facts, split=split, knots=knots, files=files, is_fresh=is_fresh, where=where
        )

    @property
    def fingerprint(self) -> str:
        """Of the dataset."""
        return self.recipe.fingerprint() if self.files is None else self.files.manifest.fingerprint

    def open(self, storage: str | None = None) -> BlockReader:
        """Returns the blocks of the split in the files of the dataset; `storage` is their format."""
        assert self.files is not None
        return BlockReader(self.files.directory, self.files.manifest, self.split, storage=storage)

    def read(self, storage: str | None = None) -> Iterator[EquationColumns]:
        """Yields the equations of the split in the files of the dataset; `storage` is their format."""
        blocks = self.open(storage)
        return (blocks.read(block) for block in range(blocks.num_blocks))


def check_spaces(sources: Sequence[DataSource], first: DataSource) -> None:
    """Refuses sources that do not mean the same by ``/`` as the first one, and as those before them.

    Exact quotients of whole numbers are the same rounded down, so `exact` and `quotient` go together there.

    Raises:
        UserError: names the source.
    """
    for other, source in itertools.combinations([first, *sources], 2):
        _check_division(source, other)


def _check_division(source: DataSource, other: DataSource) -> None:
    spaces = source.recipe.space, other.recipe.space
    there, here = map(_describe_division, spaces)
    if here is None or there is None or here == there:
        return
    if {here, there} == {"exact", "quotient"} and not any(space.operands.decimals for space in spaces):
        return
    raise UserError(
        f"{source.key}: `/` means {there} there, and {here} in {other.key}: a question could have two answers"
    )


def _describe_division(space: SpaceRecipe) -> str | None:
    """Returns what ``/`` means in a space, None if there is none."""
    if "/" not in space.operators:
        return None
    return f"decimal with {space.places} places" if space.division == "decimal" else space.division


def make_codec(sources: Sequence[DataSource], options: CodecOptions | None = None) -> Codec:
    """Returns the codec for the equations of all sources.

    Raises:
        UserError: they have no codec in common.
    """
    return fit_codec([(source.recipe.space, source.facts) for source in _list_datasets(sources).values()], options)


def find_held_out(
    sources: Sequence[DataSource], *, others: Sequence[DataSource] = (), also_trained: Collection[str] = ()
) -> list[HeldOut | None]:
    """Returns for each source what other datasets hold out: all splits but those that are sources.

    Args:
        sources: of a mixture.
        others: of datasets that it need not have.
        also_trained: names of splits that no dataset holds out.

    Raises:
        UserError: a dataset was built by a version that held out who knows what.
    """
    datasets = _list_datasets([*others, *sources])
    if len(datasets) == 1:
        return [None] * len(sources)
    hashes = {
        fingerprint: _hash_held_out(source, {*also_trained, *_list_trained(source, sources)}, "a mixture")
        for fingerprint, source in datasets.items()
    }
    found = [
        HeldOut(np.concatenate([each for fingerprint, each in hashes.items() if fingerprint != source.fingerprint]))
        for source in sources
    ]
    return [held_out if len(held_out) else None for held_out in found]


def find_all_held_out(sources: Sequence[DataSource], *, own: DataSource) -> HeldOut:
    """Returns what all datasets hold out, for lines of worked solutions, which may be equations of any of them.

    Args:
        sources: of a mixture.
        own: of a dataset that it need not have.

    Raises:
        UserError: a dataset was built by a version that held out who knows what.
    """
    hashes = [
        _hash_held_out(source, {own.split, *_list_trained(source, sources)}, "training on solutions")
        for source in _list_datasets([own, *sources]).values()
    ]
    return HeldOut(np.concatenate(hashes))


def _list_trained(dataset: DataSource, sources: Sequence[DataSource]) -> set[str]:
    """Returns the splits of a dataset that are sources; another dataset may have one of the same name that is not."""
    return {source.split for source in sources if source.fingerprint == dataset.fingerprint}


def _hash_held_out(source: DataSource, trained: Collection[str], what: str) -> np.ndarray:
    check_known(source, f"{what} with {source.key}")
    return hold_out(source.recipe, [split.name for split in source.recipe.splits if split.name not in trained])


def check_known(source: DataSource, what: str) -> None:
    """Refuses a dataset of another version: planned anew, other equations would be held out.

    Args:
        source: has the dataset.
        what: needs to know what it holds out.
    """
    if source.recipe.fingerprint() != source.fingerprint:
        raise UserError(
            f"{what} needs a dataset of this version of eqstream, to know what it holds out; build "
            f"{source.recipe.name} {source.recipe.version} anew"
        )


def refuse_the_empty(sources: Sequence[DataSource], sizes: Sequence[int]) -> None:
    """Refuses sources of which no example is left; `sizes` are those of one epoch of each."""
    for source, size in zip(sources, sizes, strict=True):
        if not size:
            narrowed = "" if source.where is None else "that meets its `where` and "
            raise UserError(f"{source.key} has no example {narrowed}that no other split or dataset holds out")


def _list_datasets(sources: Sequence[DataSource]) -> dict[str, DataSource]:
    """Returns a source of each dataset, by its fingerprint."""
    return {source.fingerprint: source for source in sources}
