"""Whether a build fits on the disk, found out before anything is counted or written."""

import os
import shutil

from eqstream.data.dataset.layout import is_shard_path
from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.pipelines.estimation.dataset_estimate import DatasetEstimate, estimate_dataset
from eqstream.pipelines.runtime import filesystem
from eqstream.pipelines.runtime.progress import Progress
from eqstream.pipelines.runtime.wording import format_bytes, format_seconds

LONG_SECONDS = 3600.0
# So many equations may take an hour where they are fractions with many brackets; fewer are not worth an estimate.
MANY_EQUATIONS = 2_000_000
# A record of a few characters has some 75 bytes in TFRecord.
RECORD_BYTES = 200


def check_disk_space(
    recipe: Recipe, directory: str, space: PreparedSpace, *, only_one_shard: bool, force: bool, progress: Progress
) -> None:
    """Refuses a build whose files don't fit on the disk, and reports one that takes more than an hour.

    What is sure to fit and has few equations is not estimated, as that takes a second or two.

    Args:
        recipe: what is to be built.
        directory: where; on other filesystems than this machine's own there is no known end of the space.
        space: of the recipe.
        only_one_shard: whether no more than that is to be written.
        force: report what would be refused, and go on.
        progress: is given the reports.

    Raises:
        UserError: the files are larger than the free space and what lies there already.
    """
    num_free = _free_bytes(directory)
    most_equations = recipe.storage.shard_size if only_one_shard else find_most_equations(recipe, space)
    fits = num_free is None or most_equations * _most_bytes_per_equation(recipe) < num_free
    if fits and most_equations < MANY_EQUATIONS:
        return
    expected = estimate_dataset(recipe)
    num_equations = sum(split.num_equations for split in expected.splits)
    share = min(1.0, most_equations / max(num_equations, 1)) if only_one_shard else 1.0
    num_bytes = round(sum(expected.format_to_bytes.values()) * share)
    if num_free is not None and num_bytes > num_free:
        line = (
            f"{directory} would hold about {format_bytes(num_bytes)}, and {format_bytes(num_free)} are free for it: "
            f"give {_describe_change(recipe, expected)}, or choose a larger disk"
        )
        if not force:
            raise UserError(f"{line}; with --force the build begins nevertheless")
        progress.report(line)
    if expected.seconds * share > LONG_SECONDS:
        progress.report(f"this takes about {format_seconds(expected.seconds * share)} in one process")


def _free_bytes(directory: str) -> int | None:
    """Returns the free bytes of a directory's disk and those of the shards in it; None if that cannot be known."""
    if not filesystem.is_local(directory):
        return None
    existing = directory
    while not os.path.isdir(existing):
        existing = os.path.dirname(os.path.abspath(existing))
    usage = shutil.disk_usage(existing)
    if not usage.total:
        # No disk, such as /proc.
        return None
    # A build keeps or replaces the shards that lie there.
    written = sum(size for path, size in filesystem.list_files(directory).items() if is_shard_path(path))
    return usage.free + written


def find_most_equations(recipe: Recipe, space: PreparedSpace) -> int:
    """Returns what a dataset of the recipe cannot have more equations than."""
    counts = [split.count for split in recipe.splits]
    size = space.whole.size
    return size if None in counts else min(size, sum(count for count in counts if count is not None))


def _most_bytes_per_equation(recipe: Recipe) -> int:
    operands = recipe.space.operands
    # With sign and point, and brackets, operator and spaces beside it.
    operand_length = len(str(max(abs(operands.min), abs(operands.max)))) + operands.decimals + 9
    text_length = recipe.space.terms.max * operand_length
    # An answer can have the digits of all operands, and a denominator or decimals of its own.
    return len(recipe.storage.formats) * (RECORD_BYTES + 3 * text_length + recipe.space.places)


def _describe_change(recipe: Recipe, expected: DatasetEstimate) -> str:
    """Returns what to change in the recipe: the largest split."""
    largest = max(expected.splits, key=lambda split: split.num_equations)
    has_count = any(split.count is not None for split in recipe.splits if split.name == largest.name)
    about = "" if largest.is_exact else "about "
    return f"split `{largest.name}` ({about}{largest.num_equations:,} equations) a {'smaller ' * has_count}`count`"
