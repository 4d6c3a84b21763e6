"""The errors that a user is meant to read."""


class UserError(ValueError):
    """A mistake in what the user asked for or in the files at hand.

    Its message is one line that names what is wrong, what was found and, where known, the cure. Commands
    print it without a traceback.
    """


class DamagedManifestError(UserError):
    """A manifest that was cut or changed, so that none of its values is used."""


class TrainingInterruptedError(UserError):
    """The user stopped the training; its state is saved."""
