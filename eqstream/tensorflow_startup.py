"""Loads Keras and TensorFlow without the lines that TensorFlow writes on every start."""

import contextlib
import faulthandler
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator

from eqstream.data.errors import UserError

_LIBRARIES = ("keras", "tensorflow")
# Hides TensorFlow's lines of information, once its logging has begun; warnings and errors are shown.
_LOG_LEVEL = "1"
# Reports on the machine, and that it has no driver for graphics cards. All warnings and other errors pass.
_NOISE = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog\(\)"
    rb"|I[0-9]{4} "
    rb"|[-0-9]+ [:.0-9]+: I "
    rb"|To enable the following instructions:"
    rb"|E[0-9]{4} .*failed call to cuInit:.*UNKNOWN ERROR \(303\)"
    rb"|E[0-9]{4} .*Unable to register cu[A-Za-z]+ factory"
)


def load_tensorflow(*, with_keras: bool = True) -> None:
    """Imports TensorFlow and, unless told otherwise, Keras, and lets them look for devices.

    Unless `TF_CPP_MIN_LOG_LEVEL` is 0, TensorFlow's reports on the machine are taken out of standard error. Its log
    level does not apply to what is logged while its libraries are loaded, so standard error goes to a file meanwhile;
    what is left of it is written when they are loaded, or when that fails.

    Raises:
        ModuleNotFoundError: one of the two is not installed.
        UserError: Keras is wanted, and set to another backend.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", _LOG_LEVEL) == "0":
        _import_libraries(with_keras)
        return
    with _noise_removed():
        _import_libraries(with_keras)


def _import_libraries(with_keras: bool) -> None:
    if with_keras:
        _import_keras()
    import tensorflow as tf

    tf.config.list_logical_devices()


def _import_keras() -> None:
    cure = "set KERAS_BACKEND=tensorflow before Keras is imported"
    try:
        import keras
    except ModuleNotFoundError as error:
        if error.name in _LIBRARIES:
            raise
        raise UserError(f"the models need Keras' backend `tensorflow`, and {error.name} is missing: {cure}") from error
    if keras.backend.backend() != "tensorflow":
        raise UserError(f"the models need Keras' backend `tensorflow`, got `{keras.backend.backend()}`: {cure}")


@contextlib.contextmanager
def _noise_removed() -> Iterator[None]:
    """Holds back what is written to standard error, also by compiled code, and writes it without noise at the end."""
    try:
        original = os.dup(2)
    except OSError:
        yield  # standard error is closed
        return
    # What a crash had to say is lost with the process; where it was is shown.
    shows_crashes = not faulthandler.is_enabled()
    with tempfile.TemporaryFile() as file:
        if shows_crashes:
            faulthandler.enable(original)
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            if sys.stderr is not None:
                sys.stderr.flush()
            os.dup2(original, 2)
            if shows_crashes:
                faulthandler.disable()
            os.close(original)
            file.seek(0)
            for line in remove_noise(file):
                os.write(2, line)


def remove_noise(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yields the lines that are no noise, which is known by how it begins."""
    return (line for line in lines if not _NOISE.match(line))
