"""Loads TensorFlow without the lines that it writes on every start; run as a program, it is the filter of such lines.

TensorFlow's own switch has no power over what is logged while its libraries are loaded. The filter is a process of its
own so that the last words of a start that crashes still come out.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator

# Reports on the machine, and that it has no driver for graphics cards at all. All warnings and other errors pass.
_NOISE = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog\(\)"
    rb"|I[0-9]{4} "
    rb"|[-0-9]+ [:.0-9]+: I "
    rb"|To enable the following instructions:"
    rb"|E[0-9]{4} .*failed call to cuInit:.*UNKNOWN ERROR \(303\)"
    rb"|E[0-9]{4} .*Unable to register cu[A-Za-z]+ factory"
)


def load_tensorflow() -> None:
    """Imports Keras and TensorFlow and lets them look for devices, with the noise taken out of standard error.

    Raises:
        ModuleNotFoundError: they are not installed.
    """
    try:
        original = os.dup(2)
    except OSError:
        return  # standard error is closed: there is nothing to keep quiet
    # In a session of its own: Ctrl-C is not meant for it.
    command = [sys.executable, "-I", os.path.abspath(__file__)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=original, start_new_session=True) as process:
        assert process.stdin is not None
        os.dup2(process.stdin.fileno(), 2)
        try:
            import keras  # noqa: F401
            import tensorflow as tf

            tf.config.list_logical_devices()
        finally:
            os.dup2(original, 2)
            os.close(original)


def remove_noise(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yields the lines that tell something; those of the noise are known by how they begin."""
    return (line for line in lines if not _NOISE.match(line))


if __name__ == "__main__":
    for kept in remove_noise(sys.stdin.buffer):
        sys.stdout.buffer.write(kept)
        sys.stdout.buffer.flush()
