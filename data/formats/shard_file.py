"""One file of a shard, as the readers of each format get it."""

from dataclasses import dataclass

from eqstream.data.errors import DamagedShardError
from eqstream.data.formats.blocks import BlockIndex
from eqstream.data.storage import DataPath, explain


@dataclass(frozen=True, kw_only=True)
class ShardFile:
    """One shard in one format, and what the manifest says of it.

    Attributes:
        name: of the shard.
        path: of the file.
        num_records: how many it holds.
        num_bytes: size of the file.
        sha256: of the file, hexadecimal.
        blocks: where its blocks are, None in format version 1.
    """

    name: str
    path: DataPath
    num_records: int
    num_bytes: int
    sha256: str
    blocks: BlockIndex | None = None


def explain_unreadable(shard: ShardFile, record: int, error: Exception) -> DamagedShardError:
    """Returns the error of a piece, from `record` on, that cannot be read."""
    if isinstance(error, FileNotFoundError):
        return DamagedShardError(f"shard {shard.name}, record {record}: there is no file {shard.path}")
    return DamagedShardError(f"shard {shard.name}, record {record}: {shard.path} cannot be read: {explain(error)}")


def explain_foreign(shard: ShardFile, record: int) -> DamagedShardError:
    """Returns the error of a piece, from `record` on, that is not the one of the manifest."""
    return DamagedShardError(
        f"shard {shard.name}, record {record}: what {shard.path} holds there is not what the manifest says: "
        "it was changed or replaced"
    )
