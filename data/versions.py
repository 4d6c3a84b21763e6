"""Versions of eqstream and of the tools beside it."""

import functools
import platform
import zlib

# The one place where it is written; the metadata beside shards may change with it.
EQSTREAM_VERSION = "0.2.0.dev0"


@functools.cache
def _version(name: str) -> str:
    """Returns the version of an installed distribution, whose whole metadata is parsed for it."""
    from importlib import metadata

    return metadata.version(name)


def tool_versions(*packages: str) -> dict[str, str]:
    """Returns the versions of Python and of installed packages."""
    return {"python": platform.python_version(), **{name: _version(name) for name in packages}}


def build_versions() -> dict[str, str]:
    """Returns the versions of the tools that build a dataset."""
    return {**tool_versions("apache-beam"), **shard_versions()}


def shard_versions() -> dict[str, str]:
    """Returns the versions on which bytes of shards may depend: pyarrow names itself in Parquet, zlib packs gzip."""
    return {**{name: _version(name) for name in ("numpy", "pyarrow")}, "zlib": zlib.ZLIB_RUNTIME_VERSION}
