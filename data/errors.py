"""The one error that a user is meant to read."""


class UserError(ValueError):
    """A mistake in what the user asked for or in the files at hand.

    Its message is one line that names what is wrong, what was found and, where known, the cure. Commands
    print it without a traceback.
    """
