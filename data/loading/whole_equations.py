"""The equations of a split, whether or not the examples in its files are equations."""

from collections.abc import Iterator

from eqstream.data.dataset.manifest import Manifest
from eqstream.data.dataset.shard_reader import read_split
from eqstream.data.errors import UserError
from eqstream.data.formats.column_encoder import ColumnEncoder
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.splits.counting_policy import count_for_plan
from eqstream.data.splits.plan import plan_splits
from eqstream.data.splits.shard_equations import ShardEquations
from eqstream.data.storage import DataPath


def read_equations(directory: str | DataPath, manifest: Manifest, split: str) -> Iterator[EquationColumns]:
    """Yields the equations of a split in their order, in blocks of any size.

    Where examples are steps, the equations that are solved are found from the recipe, without a look at the files.

    Args:
        directory: the dataset.
        manifest: its manifest.
        split: the split's name.

    Raises:
        UserError: there is no such split, a shard is missing or damaged, or the dataset's examples are steps and
            another version of eqstream built it.
    """
    if manifest.recipe.steps is None:
        yield from read_split(directory, manifest, split)
        return
    manifest.split(split)
    if manifest.recipe.fingerprint() != manifest.fingerprint:
        raise UserError(
            f"the equations of {manifest.name} {manifest.version} cannot be found from its recipe, as another eqstream "
            "built it; build it anew"
        )
    counts = count_for_plan(manifest.recipe)
    equations, columns = ShardEquations(counts.sources), ColumnEncoder(counts.sources.space)
    for task in plan_splits(counts).shards:
        if task.split == split:
            for block in equations.blocks(task):
                yield columns.to_columns(block)
