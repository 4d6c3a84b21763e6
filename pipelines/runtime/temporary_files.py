"""What is said where temporary files cannot be written."""

import contextlib
from collections.abc import Iterator

from eqstream.pipelines.runtime.errors import RunError


@contextlib.contextmanager
def refusing_full_folder(directory: str = "") -> Iterator[None]:
    """Says what to do about an `OSError` of temporary files.

    Args:
        directory: where they lie, if that is known before.

    Raises:
        RunError: in its place.
    """
    try:
        yield
    except OSError as error:
        what = ": ".join(filter(None, [error.strerror or str(error), error.filename or directory]))
        raise RunError(
            f"temporary files cannot be written: {what}; set TMPDIR to a folder with room for them"
        ) from error
