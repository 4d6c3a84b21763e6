"""One file of a shard, as the readers of each format get it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class ShardFile:
    """One shard in one format, and what the manifest says of it.

    Attributes:
        name: of the shard.
        path: of the file.
        num_equations: how many it holds.
        num_bytes: size of the file.
        sha256: of the file, hexadecimal.
    """

    name: str
    path: Path
    num_equations: int
    num_bytes: int
    sha256: str
