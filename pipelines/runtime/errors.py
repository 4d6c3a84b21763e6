"""What a pipeline says when it fails."""

from eqstream.data.errors import UserError


class RunError(UserError):
    """A pipeline failed for a reason that a user can cure; what workers have finished is there."""
