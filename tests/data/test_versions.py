import subprocess
import sys
from pathlib import Path

from eqstream.data.versions import EQSTREAM_VERSION


def test_the_package_is_installed_by_the_version_that_it_says():
    setup = Path(__file__).parents[2] / "setup.py"
    given = subprocess.run([sys.executable, setup, "--version"], capture_output=True, text=True, check=True).stdout
    assert given.splitlines()[-1] == EQSTREAM_VERSION
