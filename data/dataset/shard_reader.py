"""The shards of a split, read and checked against the manifest that lists them."""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from eqstream.data.dataset.manifest import Manifest
from eqstream.data.errors import DamagedShardError, UserError
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.formats.parquet import read_parquet_shard
from eqstream.data.formats.shard_file import ShardFile
from eqstream.data.formats.tfrecord_reader import read_tfrecord_shard
from eqstream.data.local_files import NotRegularFileError, check_file
from eqstream.data.storage import DataPath, data_path, explain, size_of

_READERS = {"parquet": read_parquet_shard, "tfrecord": read_tfrecord_shard}


def read_split(
    directory: str | DataPath, manifest: Manifest, split: str, *, storage: str | None = None, check_sha256: bool = True
) -> Iterator[EquationColumns]:
    """Yields the equations of each shard of a split, in order; one shard is in memory at a time.

    Args:
        directory: the dataset.
        manifest: its manifest.
        split: the split's name.
        storage: `parquet` or `tfrecord`; None takes what there is. The equations are the same.
        check_sha256: whether each file's SHA-256 is compared with the manifest.

    Raises:
        UserError: there is no such split or format.
        DamagedShardError: a shard is missing, short, damaged or foreign; names shard and, where it can be known,
            record.
    """
    storage = choose_format(manifest, storage)
    for shard in split_shards(directory, manifest, split, storage=storage):
        yield read_shard(shard, _READERS[storage], check_sha256=check_sha256)


def choose_format(manifest: Manifest, wanted: str | None = None) -> str:
    """Returns the format to read: `wanted` if the dataset has it, by default Parquet before TFRecord.

    Raises:
        UserError: the dataset is not stored in the format that is wanted.
    """
    if wanted is not None and wanted not in manifest.formats:
        raise UserError(f"the dataset is not stored as {wanted}, only as {', '.join(sorted(manifest.formats))}")
    return wanted or ("parquet" if "parquet" in manifest.formats else "tfrecord")


def split_shards(directory: str | DataPath, manifest: Manifest, split: str, *, storage: str) -> list[ShardFile]:
    """Returns the shards of a split in the order of their numbers.

    Raises:
        UserError: there is no such split.
    """
    path = data_path(directory)
    return [
        ShardFile(
            name=shard.shard,
            path=path / shard.files[storage].path,
            num_records=shard.num_records,
            num_bytes=shard.files[storage].num_bytes,
            sha256=shard.files[storage].sha256,
            blocks=shard.files[storage].blocks,
        )
        for shard in manifest.split(split).shards
    ]


def read_shard(
    shard: ShardFile, read: Callable[[ShardFile], EquationColumns], *, check_sha256: bool = True
) -> EquationColumns:
    """Returns the equations of a shard, checked against the manifest.

    The number of equations is checked always; the SHA-256 of the file last, so that a reader that can name the
    record at fault does so first.

    Raises:
        DamagedShardError: the shard is missing, of another size, damaged or foreign; names it.
    """
    check_kind(shard)
    try:
        is_there = shard.path.is_file()
    except OSError as error:
        raise DamagedShardError(f"shard {shard.name} cannot be read: {explain(error)}") from error
    if not is_there:
        raise DamagedShardError(f"shard {shard.name} is missing: there is no file {shard.path}")
    with ThreadPoolExecutor(1) as pool:
        # Hashing needs neither Python's lock nor what is read.
        digest = pool.submit(_digest, shard.path) if check_sha256 else None
        columns = read(shard)
    if len(columns) != shard.num_records:
        raise DamagedShardError(
            f"shard {shard.name} holds {len(columns)} records, the manifest says {shard.num_records}: "
            f"{shard.path} was cut or replaced"
        )
    if size_of(shard.path) != shard.num_bytes:
        raise DamagedShardError(
            f"shard {shard.name} has {size_of(shard.path)} bytes, the manifest says {shard.num_bytes}: "
            f"{shard.path} was changed or replaced"
        )
    if digest is not None and digest.result() != shard.sha256:
        raise DamagedShardError(
            f"shard {shard.name} is not the one of the manifest: {shard.path} has SHA-256 {digest.result()[:12]}…, "
            f"the manifest says {shard.sha256[:12]}…"
        )
    return columns


def check_kind(shard: ShardFile) -> None:
    """Raises an error if something else than a file lies in the place of a shard: opening it might never end.

    Raises:
        DamagedShardError: names the shard, what lies there and the cure.
    """
    if not isinstance(shard.path, Path):
        return
    try:
        check_file(shard.path)
    except NotRegularFileError as error:
        raise DamagedShardError(f"shard {shard.name} cannot be read: {error}") from error


def check_sha256(shard: ShardFile, storage: str) -> None:
    """Checks that a shard is the one of the manifest, without keeping any of it.

    Raises:
        DamagedShardError: the shard is missing, short, damaged or foreign; names it and, where it can be known, the
            record.
    """
    if not shard.path.is_file() or _digest(shard.path) != shard.sha256:
        # A reader can say more of what is wrong.
        read_shard(shard, _READERS[storage])


def _digest(path: DataPath) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
