"""Versions of eqstream and of the tools beside it."""

import platform
import zlib
from importlib import metadata

UNKNOWN_VERSION = "unknown"


def eqstream_version() -> str:
    """Returns the version of the installed eqstream, `unknown` where a checkout is run that is not installed."""
    return package_version("eqstream", UNKNOWN_VERSION)


def package_version(package: str, if_missing: str) -> str:
    """Returns the version of an installed package, `if_missing` where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return if_missing


def build_versions() -> dict[str, str]:
    """Returns the versions of all that builds a dataset."""
    return {
        "python": platform.python_version(),
        "apache-beam": metadata.version("apache-beam"),
        **shard_versions(),
    }


def shard_versions() -> dict[str, str]:
    """Returns the versions on which bytes of shards may depend: pyarrow names itself in Parquet, zlib packs gzip."""
    packages = {name: metadata.version(name) for name in ("numpy", "pyarrow")}
    return {**packages, "zlib": zlib.ZLIB_RUNTIME_VERSION}
