"""What a pipeline says when it fails."""

import contextlib
from collections.abc import Iterator

from eqstream.data.errors import UserError


class RunError(UserError):
    """A pipeline failed for a reason that a user can cure; what workers have finished is there."""


@contextlib.contextmanager
def explain_temporary_files(directory: str = "") -> Iterator[None]:
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
