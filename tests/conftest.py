"""Settings that all tests share."""

from hypothesis import settings
from hypothesis.internal.conjecture import providers

# Hypothesis tries numbers and texts that stand in the code, so that any change of it would change all examples.
providers._get_local_constants = providers.Constants
# Machines are shared: how long an example takes says nothing. The same examples each time: no run fails by luck.
settings.register_profile("eqstream", deadline=None, derandomize=True)
settings.load_profile("eqstream")
