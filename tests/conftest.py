"""Settings that all tests share."""

import gc
import signal

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import providers

# Hypothesis tries numbers and texts that stand in the code, so that any change of it would change all examples.
providers._get_local_constants = providers.Constants  # pyright: ignore[reportPrivateImportUsage]
# Machines are shared: how long an example takes says nothing. The same examples each time: no run fails by luck.
settings.register_profile("eqstream", deadline=None, derandomize=True, max_examples=50)
settings.register_profile("thorough", settings.get_profile("eqstream"), max_examples=500)
settings.load_profile("eqstream")

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
