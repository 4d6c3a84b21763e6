"""The checksums of all files of a dataset, in one file."""

from collections.abc import Mapping


def render_checksums(path_to_sha256: Mapping[str, str]) -> bytes:
    """Returns the contents of a file that `sha256sum --check` reads, sorted by path.

    >>> render_checksums({"b": "00", "a": "ff"}).splitlines()
    [b'ff  a', b'00  b']
    """
    return "".join(f"{path_to_sha256[path]}  {path}\n" for path in sorted(path_to_sha256)).encode()
