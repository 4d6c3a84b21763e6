"""Parquet shards: what writing one costs beside the bytes, which are tested with those of TFRecord."""

import subprocess
import sys

BEGIN_A_FILE = """
import io, sys
from eqstream.data.formats.blocks import Cut
from eqstream.data.formats.parquet import ParquetSink
ParquetSink(io.BytesIO(), Cut(0, 10))
assert "pyarrow.parquet" in sys.modules and "pandas" not in sys.modules
"""


def test_a_file_is_begun_without_importing_pandas():
    subprocess.run([sys.executable, "-c", BEGIN_A_FILE], check=True, timeout=60)
