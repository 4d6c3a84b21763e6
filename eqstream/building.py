"""Datasets on disk: made, proven and described."""

import contextlib
import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from eqstream.data.arguments import check_list, check_path, check_whole
from eqstream.data.collector import without_collector
from eqstream.data.recipe import Recipe
from eqstream.recipes import as_recipe

if TYPE_CHECKING:
    from eqstream.pipelines.building.result import BuildResult
    from eqstream.pipelines.checks.report import VerifyReport
    from eqstream.pipelines.describe import Description


def build(
    recipe: Recipe | str | Path,
    directory: str | Path,
    *,
    workers: int = 1,
    pipeline_options: Sequence[str] = (),
    overwrite: bool = False,
    force: bool = False,
    only: str | None = None,
    progress: bool = False,
) -> "BuildResult":
    """Makes the directory the dataset of a recipe, or goes on with making it; a finished dataset is left as it is.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     result = build("addition-10", directory)
    >>> result.num_equations, result.state
    (100, 'built')

    The bytes depend on the recipe alone: not on the runner, the workers, the order or interruptions.

    Args:
        recipe: a recipe, the path of one, or the name of one that comes with eqstream.
        directory: a path on any filesystem that Beam knows; need not be there.
        workers: processes to work in, on this machine.
        pipeline_options: Beam's command line; a runner named there wins over `workers`.
        overwrite: replace a dataset of another recipe; removes files that builds have written and no others.
        force: begin even if the disk has no room for what is estimated.
        only: the name of one shard, such as ``train-00003``, to write alone.
        progress: whether to report on standard error how far the build is.

    Raises:
        UserError: the recipe asks for the impossible or for more than the disk has space for, the directory holds
            something else, or a file cannot be written.
            What was finished stays, and the same call again goes on from there.
    """
    directory = check_path("directory", directory)
    check_whole(workers=workers)
    check_list("pipeline_options", pipeline_options)
    with _beam_kept_quiet(pipeline_options):
        from eqstream.pipelines.build import build as build_dataset
        from eqstream.pipelines.runtime.progress import Progress, progress_on

        return build_dataset(
            as_recipe(recipe),
            directory,
            workers=workers,
            pipeline_options=pipeline_options,
            overwrite=overwrite,
            force=force,
            only=only,
            progress=progress_on(sys.stderr) if progress else Progress(),
        )


def verify(directory: str | Path, *, workers: int = 1, quick: bool = False, progress: bool = False) -> "VerifyReport":
    """Returns what the files of a dataset prove about it, and the first things that are wrong with it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     report = verify(build("addition-10", directory).directory)
    >>> report.is_valid, report.split_to_count
    (True, {'train': 76, 'test': 24})

    Every equation is recomputed, and compared with those that the recipe plans; its `is_valid` sums it up.

    Args:
        directory: of the dataset, on any filesystem that Beam knows.
        workers: processes to work in, on this machine.
        quick: whether to compare sizes, checksums and counts alone, and leave the records.
        progress: whether to report on standard error how far the check is.

    Raises:
        UserError: there is no dataset, or one that this version cannot read.
    """
    directory = check_path("directory", directory)
    check_whole(workers=workers)
    with _beam_kept_quiet():
        from eqstream.pipelines.runtime.progress import Progress, progress_on
        from eqstream.pipelines.verify import verify as verify_dataset

        return verify_dataset(
            directory,
            workers=workers,
            is_quick=quick,
            progress=progress_on(sys.stderr) if progress else Progress(),
        )


def describe(directory: str | Path, *, splits: Sequence[str] = (), num_samples: int = 5) -> "Description":
    """Returns the sizes, histograms and first equations of a dataset's splits.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     description = describe(build("addition-10", directory).directory, num_samples=1)
    >>> description.splits["test"].samples[0].question, description.splits["train"].histograms["carries"]
    ('2 + 8', {'0': 47, '1': 29})

    Its `to_dict` is what ``eqstream describe --json`` prints; only the samples' shards are read besides the manifest.

    Args:
        directory: of the dataset, on any filesystem that Beam knows.
        splits: the splits to describe; none for all of them.
        num_samples: how many equations to read from the beginning of each split.

    Raises:
        UserError: there is no dataset, one that this version cannot read, no such split, or a shard is missing or
            damaged.
    """
    directory = check_path("directory", directory)
    check_list("splits", splits)
    check_whole(0, num_samples=num_samples)
    with _beam_kept_quiet():
        from eqstream.pipelines.describe import describe as describe_dataset

        return describe_dataset(directory, splits=splits, num_samples=num_samples)


@contextlib.contextmanager
def _beam_kept_quiet(pipeline_options: Sequence[str] = ()) -> Iterator[None]:
    """Keeps Beam from giving the root logger a handler that prints, unless Beam was given options: then it may log.

    What it says while it is imported, of cloud libraries that are missing, is kept back in any case: a path or a runner
    that needs one says so itself.
    """
    with _silent_handler():
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            # Collections take a tenth of a second of it.
            with without_collector():
                import apache_beam  # noqa: F401
        finally:
            logging.disable(before)
    with contextlib.nullcontext() if pipeline_options else _silent_handler():
        yield


@contextlib.contextmanager
def _silent_handler() -> Iterator[None]:
    silent = logging.NullHandler()
    logging.getLogger().addHandler(silent)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(silent)
