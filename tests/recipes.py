"""Spaces of equations, and manifests that no build has written, for many tests."""

import dataclasses
import hashlib
from typing import Any

from eqstream.data.configuration import from_mapping
from eqstream.data.dataset.histograms import HISTOGRAMS
from eqstream.data.dataset.layout import shard_name, shard_path
from eqstream.data.dataset.manifest import Manifest
from eqstream.data.dataset.manifest_maker import describe_space
from eqstream.data.dataset.manifest_parts import FileInfo, ShardInfo, SpaceFacts, SplitInfo
from eqstream.data.formats.columns import COLUMN_TYPES
from eqstream.data.loading.codec import Codec
from eqstream.data.loading.codec_fit import fit_codec
from eqstream.data.loading.codec_options import CodecOptions
from eqstream.data.recipe import Recipe
from eqstream.data.recipe_files import load_recipe
from eqstream.data.space_recipe import SpaceRecipe

# What models are trained on that need only be small: 169 sums, of which 100 to train on.
SUMS = {
    "name": "sums",
    "space": {"operands": {"min": 0, "max": 12}},
    "splits": [{"name": "train", "count": 100}, {"name": "test", "rest": True}],
}


@dataclasses.dataclass(frozen=True)
class Texts:
    """A space and what its text is like, which a test may state otherwise than it is."""

    space: SpaceRecipe
    facts: SpaceFacts

    def codec(self, **options: Any) -> Codec:
        """Returns the codec of the texts."""
        return fit_codec([(self.space, self.facts)], CodecOptions(**options))

    def with_facts(self, **changes: Any) -> "Texts":
        """Returns the same space with other bounds on its text."""
        return dataclasses.replace(self, facts=dataclasses.replace(self.facts, **changes))

    def with_space(self, **changes: Any) -> "Texts":
        """Returns another space with the same bounds on its text."""
        return dataclasses.replace(self, space=dataclasses.replace(self.space, **changes))


def make_texts(alphabet: str, max_question_length: int, max_answer_length: int, **space: Any) -> Texts:
    """Returns a space with the bounds on its text that are given."""
    facts = SpaceFacts(
        size=1,
        num_shapes=1,
        max_question_length=max_question_length,
        max_answer_length=max_answer_length,
        alphabet=alphabet,
    )
    return Texts(from_mapping(SpaceRecipe, space), facts)


# Sums of two numbers from 0 to 999, as they are.
ADDITION = make_texts(" +0123456789", 9, 4, operands={"min": 0, "max": 999})
# Texts with all characters there are.
MIXED = make_texts(
    " ()*+-./0123456789",
    29,
    8,
    operands={"min": -99, "max": 99, "decimals": 1},
    operators="+-*/",
    terms={"min": 1, "max": 3},
    division="decimal",
)


def make_manifest(*overrides: str) -> Manifest:
    """Returns a made-up manifest of the shipped recipe `length`; see `fake_manifest`."""
    return fake_manifest(load_recipe("length", overrides))


def fake_manifest(recipe: Recipe) -> Manifest:
    """Returns a manifest as a build of the recipe writes it, with two shards a split and made-up numbers of them."""
    return Manifest(
        format_version=1,
        eqstream_version="0.1.0",
        tools={},
        name=recipe.name,
        version=recipe.version,
        description=recipe.description,
        fingerprint=recipe.fingerprint(),
        recipe=recipe,
        columns=COLUMN_TYPES,
        space=describe_space(recipe),
        splits={split.name: _make_split(split.name, recipe) for split in recipe.splits},
    )


def _make_split(name: str, recipe: Recipe) -> SplitInfo:
    return SplitInfo(
        num_equations=50,
        first_ordinal=0,
        num_left_out=0,
        histograms={each: {} for each in HISTOGRAMS},
        shards=tuple(_make_shard(name, index, recipe) for index in range(2)),
    )


def _make_shard(split: str, index: int, recipe: Recipe) -> ShardInfo:
    storage = recipe.storage
    paths = {
        file_format: shard_path(file_format, split, shard_index=index, num_shards=2, compression=storage.compression)
        for file_format in storage.formats
    }
    files = {
        file_format: FileInfo(path=path, num_bytes=1000, sha256=hashlib.sha256(path.encode()).hexdigest())
        for file_format, path in paths.items()
    }
    return ShardInfo(shard=shard_name(split, index, 2), num_equations=25, first_ordinal=25 * index, files=files)
