"""Settings that all tests share."""

import gc

from hypothesis import settings
from hypothesis.internal.conjecture import providers

# Hypothesis tries numbers and texts that stand in the code, so that any change of it would change all examples.
providers._get_local_constants = providers.Constants  # pyright: ignore[reportPrivateImportUsage]
# Machines are shared: how long an example takes says nothing. The same examples each time: no run fails by luck.
settings.register_profile("eqstream", deadline=None, derandomize=True, max_examples=50)
settings.register_profile("thorough", settings.get_profile("eqstream"), max_examples=500)
settings.load_profile("eqstream")


def pytest_collection():
    """Spares the many modules that are imported now the search for garbage, which there is none of."""
    gc.disable()


def pytest_collection_finish():
    """Leaves these modules out of every search from now on."""
    gc.collect()
    gc.freeze()
    gc.enable()
