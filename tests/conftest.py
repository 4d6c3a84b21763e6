"""Settings that all tests share."""

import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import providers

# Hypothesis tries numbers and texts that stand in the code, so that any change of it would change all examples.
providers._get_local_constants = providers.Constants
# Machines are shared: how long an example takes says nothing. The same examples each time: no run fails by luck.
settings.register_profile("eqstream", deadline=None, derandomize=True)
settings.load_profile("eqstream")


@pytest.fixture(scope="session", autouse=True)
def _temporary_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Lets the temporary files of other libraries, of which Beam's runners leave some, go with those of pytest."""
    directory = str(tmp_path_factory.mktemp("temporary"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", directory)
        patch.setattr(tempfile, "tempdir", directory)
        yield
