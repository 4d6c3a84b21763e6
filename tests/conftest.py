"""Settings that all tests share."""

from hypothesis import settings

# Machines are shared: how long an example takes says nothing. The same examples each time: no run fails by luck.
settings.register_profile("eqstream", deadline=None, derandomize=True)
settings.load_profile("eqstream")
