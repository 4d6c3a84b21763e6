"""Settings that all tests share."""

import faulthandler
import gc
import signal

import pytest
from _pytest.faulthandler import fault_handler_stderr_fd_key
from hypothesis import settings
from hypothesis.internal.conjecture import providers

# Hypothesis tries numbers and texts that stand in the code, so that any change of it would change all examples.
providers._get_local_constants = providers.Constants  # pyright: ignore[reportPrivateImportUsage]
# Machines are shared: how long an example takes says nothing. The same examples each time: no run fails by luck.
settings.register_profile("eqstream", deadline=None, derandomize=True, max_examples=25)
settings.register_profile("thorough", settings.get_profile("eqstream"), max_examples=500)
settings.load_profile("eqstream")

# Machines that do other work, too, take long for it.
_MOST_SLOW_SECONDS = 3600
# Examples that train; `docs/from-python.md`, whose code a test runs, has them, too.
SLOW_EXAMPLES = {"eqstream.models.train", "eqstream.models.evaluate", "eqstream.models.load_model"}


def pytest_configure():
    """Lets tests and what they start take Ctrl-C: a shell's background jobs ignore it, and so does all they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Lets `-m` take some doctests for slow."""
    for item in items:
        if item.name in SLOW_EXAMPLES:
            item.add_marker(pytest.mark.slow)


def pytest_runtest_setup(item):
    """Lets a slow test take an hour before its process is ended as one that hangs."""
    if item.get_closest_marker("slow") is not None:
        # In the place of `faulthandler_timeout`. (`-o` does not reach the processes of pytest-xdist.)
        stderr = item.config.stash[fault_handler_stderr_fd_key]
        faulthandler.dump_traceback_later(_MOST_SLOW_SECONDS, file=stderr, exit=True)


def pytest_collection():
    """Spares the many modules that are imported now the search for garbage, which there is none of."""
    gc.disable()


def pytest_collection_finish():
    """Leaves these modules out of every search from now on."""
    gc.collect()
    gc.freeze()
    gc.enable()
    # Tracing a graph makes many objects that live as long as it does.
    gc.set_threshold(100_000)
