"""The errors that a user is meant to read."""

_NUM_ENDS = 10


def shorten(text: str, *, max_length: int = 80, unit: str = "characters") -> str:
    r"""Returns a text as an error shows it: escaped where it does not print, without its middle where it is long.

    >>> print(shorten("1 + 2"), shorten("\x1b[31m"), shorten("9" * 100))
    1 + 2 \x1b[31m 9999999999…9999999999 (100 characters)
    """
    if len(text) > max_length:
        return f"{_escape(text[:_NUM_ENDS])}…{_escape(text[-_NUM_ENDS:])} ({len(text):,} {unit})"
    return _escape(text)


def _escape(text: str) -> str:
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


class UserError(ValueError):
    """A mistake in what the user asked for or in the files at hand.

    Its message is one line that names what is wrong, what was found and, where known, the cure. Commands
    print it without a traceback.

    >>> from eqstream.data.recipe_files import load_recipe
    >>> load_recipe("addition-11")
    Traceback (most recent call last):
    eqstream.data.errors.UserError: there is no recipe file or shipped recipe `addition-11`; did you mean `addition-10`?
    """


class DamagedDataError(UserError):
    """A file or folder of a dataset that is missing, was cut or changed, or is none that can be read."""


class DamagedShardError(DamagedDataError):
    """A shard that is missing, was cut or changed, or cannot be read; its message names the shard."""


class DamagedManifestError(DamagedDataError):
    """A manifest that was cut or changed, so that none of its values is used.

    >>> from eqstream.data.dataset.manifest import parse_manifest
    >>> parse_manifest(b"{", "manifest.json")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    eqstream.data.errors.DamagedManifestError: manifest.json is not a manifest of eqstream: it is not JSON: ...
    """


class TrainingInterruptedError(UserError):
    """The user stopped the training; its state is saved.

    >>> raise TrainingInterruptedError("training interrupted at epoch 2, step 0, its state is saved")
    Traceback (most recent call last):
    eqstream.data.errors.TrainingInterruptedError: training interrupted at epoch 2, step 0, its state is saved
    """
